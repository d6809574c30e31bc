//! One instance of every event type, with every optional field present: the golden samples are made of these.
//!
//! Values once written stay: a sample on disk is what older versions of tradewarden wrote. A new optional field is
//! added here; any other change of a shape raises the version of its type.

use std::collections::BTreeMap;

use events::{
    ActorFailed, ActorQuarantined, ActorRecovered, AlertCleared, AlertKind, AlertRaised, BreachedRule, Bytes,
    ClockAcceptRequested, ClockCaughtUp, ClockFellBehind, DeadLetterLeftOut, DecidedBy, Decimal, DecimalSum,
    EnableRefusal, Event, FigureStatus, FigureStatuses, Forgotten, GuardMetrics, GuardThresholds, HaltMissed,
    IgnoredField, IngestAdvanced, LossBasis, Measure, Moment, Origin, OtherPublisherGone, OtherPublisherSeen,
    PartitionsAdded, PerformanceAdvice, PerformanceAnalysisSkipped, PerformanceAnalystConfigured,
    PerformanceAnalyzed, PerformanceLimits, PublishAdvanced, PublishIdentityRenewed, PublishTopicMade,
    RecordRejected, RecordsMissing, ReduceCause, ReduceCauseKind, RejectReason, RuleName, RuleWindow,
    RunStarted, SchedulerConfigured, Severity, Side, SkipReason, SnapshotDiffered, SourceCaughtUp,
    SourceStalled, StallReason, StrategyDisableRequested, StrategyDisabled, StrategyEnableRefused,
    StrategyEnableRequested, StrategyEnabled, StrategyGuardConfigured, StrategyKeptHalted, StrategyReduced,
    StrategyState, TimerDue, TopicSettingsSeen, TradeAfterHalt, TradeClosed, Uuid, decimal, id,
};

use super::schedules;
use crate::at;

/// One instance of every event type.
#[must_use]
pub fn samples() -> Vec<Event> {
    let families = [
        ingested(),
        decided_on_strategies(),
        decided_on_performance(),
        alerts(),
        requests(),
        time(),
        schedules::schedules(),
        configuration(),
        host(),
    ];
    families.into_iter().flatten().collect()
}

fn sum(text: &str) -> DecimalSum {
    text.parse().expect("invariant: a sample names real numbers")
}

fn number(text: &str) -> Decimal {
    decimal::parse(text).expect("invariant: a sample names real numbers")
}

fn trade() -> TradeClosed {
    TradeClosed {
        trade_id: "4711".into(),
        strategy: "rsi_reversal".into(),
        symbol: "BTC/USDT".into(),
        side: Side::Short,
        quantity: number("0.015"),
        entry_price: number("67250.10"),
        exit_price: Some(number("68010.5")),
        profit: number("-12.41200000"),
        profit_pct: number("-1.23"),
        opened_at: at("2025-01-31T11:58:03.5Z"),
        closed_at: at("2025-01-31T13:00:00.000001Z"),
        currency: Some("USDT".into()),
        fee: Some(number("1.006")),
        leverage: Some(number("1")),
        exit_reason: Some("stop_loss".into()),
        model: Some("lstm-7".into()),
        account: Some("main".into()),
        source_event_id: Some("bot-000815".into()),
        rounded: vec!["entry_price".into()],
        ignored: vec![IgnoredField {
            field: "fee".into(),
            reason: "fee is \"NaN\": not a decimal number".into(),
        }],
    }
}

fn ingested() -> Vec<Event> {
    let since = at("2025-01-31T13:00:00Z");
    vec![
        Event::TradeClosed(trade()),
        Event::RecordRejected(RecordRejected {
            origin: Origin::Kafka { topic: "trading.trade.closed.v1".into(), partition: 2, offset: 4096 },
            reason: RejectReason::ConflictingDuplicate,
            detail: "trade_id = 4711: recorded before with other content".into(),
            strategy: Some("rsi_reversal".into()),
            trade_id: Some("4711".into()),
            key: Some(Bytes(b"rsi_reversal".to_vec())),
            value: Some(Bytes(b"{\"trade_id\":\"4711\"}".to_vec())),
            recorded: Some(Box::new(trade())),
        }),
        Event::IngestAdvanced(IngestAdvanced { next_offset: 4097 }),
        Event::SourceStalled(SourceStalled {
            source: "trading.trade.closed.v1".into(),
            reason: StallReason::Unreachable,
            since,
            detail: "all brokers are down".into(),
        }),
        Event::SourceCaughtUp(SourceCaughtUp { source: "trading.trade.closed.v1".into() }),
        Event::RecordsMissing(RecordsMissing {
            topic: "trading.trade.closed.v1".into(),
            partition: 2,
            from_offset: 100,
            to_offset: 250,
            at_most: 150,
        }),
        Event::PartitionsAdded(PartitionsAdded {
            topic: "trading.trade.closed.v1".into(),
            from: 2,
            to: 4,
            ends: vec![40_960, 512],
        }),
        Event::TopicSettingsSeen(TopicSettingsSeen {
            topic: "trading.trade.closed.v1".into(),
            cleanup_policy: "compact,delete".into(),
            retention_ms: 3_600_000,
            retention_bytes: -1,
        }),
    ]
}

fn breached() -> Vec<BreachedRule> {
    let day = RuleWindow::Day("2025-01-31".into());
    let rule =
        |rule, value, threshold, window, trades| BreachedRule { rule, value, threshold, window, trades };
    vec![
        rule(RuleName::DailyLoss, Measure::Number(-10.5), Measure::Number(10.0), day, 14),
        rule(RuleName::ConsecutiveLosses, Measure::Count(11), Measure::Count(10), RuleWindow::Trades(11), 11),
        rule(RuleName::WinRate, Measure::Number(25.0), Measure::Number(30.0), RuleWindow::Trades(20), 20),
    ]
}

fn disabled() -> StrategyDisabled {
    StrategyDisabled {
        strategy: "rsi_reversal".into(),
        by: DecidedBy::Rule,
        rules: breached(),
        metrics: GuardMetrics {
            daily_loss_pct: Some(-10.5),
            consecutive_losses: 11,
            win_rate_pct: Some(25.0),
        },
        from: StrategyState::Active,
        to: StrategyState::Halted,
        loss_basis: LossBasis::SumOfTradePercents,
        trades: Some(40),
        reason: Some("exchange maintenance".into()),
    }
}

fn decided_on_strategies() -> Vec<Event> {
    let strategy = || "rsi_reversal".to_owned();
    let cause = ReduceCause {
        kind: ReduceCauseKind::TradeRejected,
        detail: "profit is \"NaN\": not a decimal number".into(),
    };
    vec![
        Event::StrategyDisabled(disabled()),
        Event::StrategyReduced(StrategyReduced {
            strategy: strategy(),
            by: DecidedBy::Rule,
            causes: vec![cause],
            from: StrategyState::Active,
            to: StrategyState::Reducing,
        }),
        Event::StrategyEnabled(StrategyEnabled {
            strategy: strategy(),
            by: DecidedBy::Operator,
            from: StrategyState::Halted,
            to: StrategyState::Active,
            reason: "looked at it".into(),
            forgets: Some(Forgotten {
                day: Some("2025-01-31".into()),
                daily_loss_pct: Some(-10.5),
                day_trades: 14,
                consecutive_losses: 11,
                outcomes: 20,
                rejected: 1,
            }),
        }),
        Event::StrategyEnableRefused(StrategyEnableRefused {
            strategy: strategy(),
            state: StrategyState::Active,
            refusal: EnableRefusal::IsActive,
            detail: "rsi_reversal is ACTIVE; --reset-counters starts its counters afresh".into(),
        }),
        Event::StrategyKeptHalted(StrategyKeptHalted {
            strategy: strategy(),
            reason: "halted until I am back".into(),
            disabled_by: Some(id::closed_trade("rsi_reversal", "4711")),
        }),
        Event::TradeAfterHalt(TradeAfterHalt {
            strategy: strategy(),
            trade_id: "4712".into(),
            opened_at: at("2025-01-31T12:30:00Z"),
            disabled_by: id::closed_trade("rsi_reversal", "4711"),
        }),
    ]
}

fn decided_on_performance() -> Vec<Event> {
    let (window_start, planned_at) = (at("2025-01-25T01:00:00Z"), at("2025-02-01T01:00:00Z"));
    vec![
        Event::PerformanceAnalyzed(PerformanceAnalyzed {
            planned_at,
            window_start,
            window_end: planned_at,
            trades: 40,
            wins: 20,
            losses: 18,
            win_rate_pct: 50.0,
            average_profit_pct: 0.25,
            profit: sum("312.5"),
            sharpe: Some(1.75),
            max_drawdown_pct: 6.5,
            profit_factor: Some(1.2),
            statuses: FigureStatuses {
                win_rate: FigureStatus::Critical,
                average_profit: FigureStatus::Critical,
                sharpe: FigureStatus::Warning,
            },
            trigger_ai_analysis: true,
            advice: vec![PerformanceAdvice::OptimizeParameters],
            limits: PerformanceLimits::default(),
        }),
        Event::PerformanceAnalysisSkipped(PerformanceAnalysisSkipped {
            planned_at,
            window_start,
            window_end: planned_at,
            trades: 9,
            min_trades: 10,
            reason: SkipReason::TooFewTrades,
        }),
    ]
}

fn alerts() -> Vec<Event> {
    let (kind, subject) = (AlertKind::StrategyDisabled, "rsi_reversal".to_owned());
    vec![
        Event::AlertRaised(AlertRaised {
            kind,
            subject: subject.clone(),
            severity: Severity::Critical,
            message: "rsi_reversal is HALTED: 11 trades in a row were lost".into(),
        }),
        Event::AlertCleared(AlertCleared { kind, subject, message: "enabled by the operator".into() }),
    ]
}

fn requests() -> Vec<Event> {
    let (strategy, reason) = ("rsi_reversal".to_owned(), "exchange maintenance".to_owned());
    let disable = StrategyDisableRequested { strategy: strategy.clone(), reason: reason.clone() };
    vec![
        Event::StrategyDisableRequested(disable),
        Event::StrategyEnableRequested(StrategyEnableRequested { strategy, reason, reset_counters: true }),
        Event::ClockAcceptRequested(ClockAcceptRequested {
            clock: at("2025-02-01T00:00:00Z"),
            reason: "the host ran ten years ahead".into(),
        }),
    ]
}

fn time() -> Vec<Event> {
    let planned_at = at("2025-02-01T01:00:00Z");
    let clock = at("2025-02-01T00:00:00Z");
    vec![
        Event::ClockFellBehind(ClockFellBehind {
            clock,
            newest: planned_at,
            moment: Moment::RecordedAt,
            position: 815,
            behind_s: 3600,
        }),
        Event::ClockCaughtUp(ClockCaughtUp { clock }),
        Event::TimerDue(TimerDue {
            actor: "scheduler".into(),
            due_at: planned_at,
            noticed_at: at("2025-02-01T01:00:00.013Z"),
        }),
    ]
}

fn configuration() -> Vec<Event> {
    let own = GuardThresholds {
        capital: Some(number("10000.00")),
        capital_currency: Some("USDT".into()),
        max_silence_s: Some(86_400),
        ..GuardThresholds::default()
    };
    vec![
        Event::StrategyGuardConfigured(StrategyGuardConfigured {
            default: GuardThresholds::default(),
            strategies: BTreeMap::from([("rsi_reversal".to_owned(), own)]),
        }),
        Event::PerformanceAnalystConfigured(PerformanceAnalystConfigured::default()),
        Event::SchedulerConfigured(SchedulerConfigured {
            schedules: BTreeMap::from([("daily_performance".to_owned(), schedules::schedule())]),
        }),
    ]
}

fn host() -> Vec<Event> {
    let (actor, message) = ("strategy_guard".to_owned(), "attempt to divide by zero".to_owned());
    vec![
        Event::RunStarted(RunStarted {
            run_id: Uuid::from_bytes([7; 16]),
            version: "0.1.0".into(),
            command: "run".into(),
            rules_versions: BTreeMap::from([(actor.clone(), 1)]),
            config_digest: "9f86d081884c7d65".into(),
        }),
        Event::ActorFailed(ActorFailed {
            actor: actor.clone(),
            at_position: 815,
            message: message.clone(),
            attempt: 1,
        }),
        Event::ActorQuarantined(ActorQuarantined { actor: actor.clone(), at_position: 815, message }),
        Event::ActorRecovered(ActorRecovered { actor: actor.clone() }),
        Event::SnapshotDiffered(SnapshotDiffered {
            actor,
            position: 815,
            kept_as: "strategy_guard.differs".into(),
            snapshot_digest: Uuid::from_u128(0x2b1e_5f0c_8a3d_8c41_9f52_6d0c_5c1e_0f6b),
            log_digest: Uuid::from_u128(0x7c37_4f1c_8a6e_8f9d_93a1_0b54_1b68_7c37),
        }),
        Event::HaltMissed(HaltMissed::new(disabled(), 815)),
        Event::PublishAdvanced(PublishAdvanced {
            cluster: "4L6g3nShT-eMCtK--X86sw".into(),
            up_to_position: 4711,
        }),
        Event::PublishIdentityRenewed(PublishIdentityRenewed {
            identity: Uuid::from_u128(0x6d0c_5c1e_0f6b_4b63_9f4b_0a4f_6b1f_2d3c),
            before: Uuid::from_u128(0x0b54_1b68_7c37_4f1c_8a6e_2f9d_3a11_c0de),
        }),
        Event::PublishTopicMade(PublishTopicMade {
            cluster: "4L6g3nShT-eMCtK--X86sw".into(),
            topic: "tradewarden.decisions.v1".into(),
        }),
        Event::DeadLetterLeftOut(DeadLetterLeftOut {
            topic: "trading.trade.closed.v1.tradewarden.dlq".into(),
            position: 4711,
            detail: "the topic does not take records without a key".into(),
        }),
        Event::OtherPublisherSeen(OtherPublisherSeen {
            topic: "tradewarden.decisions.v1".into(),
            log: "6d0c5c1e-0f6b-4b63-9f4b-0a4f6b1f2d3c".into(),
        }),
        Event::OtherPublisherGone(OtherPublisherGone {
            topic: "tradewarden.decisions.v1".into(),
            log: "6d0c5c1e-0f6b-4b63-9f4b-0a4f6b1f2d3c".into(),
        }),
    ]
}
