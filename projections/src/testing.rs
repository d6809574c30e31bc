//! Given events, when they are folded, then these documents: the tests' side of a projection.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{
    Bytes, DecidedBy, Decimal, Event, FigureStatus, FigureStatuses, GuardMetrics, LossBasis, Origin,
    PerformanceAnalysisSkipped, PerformanceAnalyzed, PerformanceLimits, RecordRejected, Recorded,
    RejectReason, SkipReason, StrategyDisabled, StrategyState, Timestamp, TradeClosed, Uuid,
};
use serde_json::Value;

use crate::{Body, Document, Key, Projection, RestoreError, Saved};

/// What a projection saved, in memory.
#[derive(Default)]
pub(crate) struct View {
    documents: BTreeMap<(&'static str, Key), Document>,
}

impl View {
    /// Folds events in one go.
    pub(crate) fn of<P: Projection>(new: impl Fn() -> P, events: &[Recorded]) -> Self {
        Self::in_batches(new, events, &[])
    }

    /// Folds events, saving, dropping and restoring the projection before each of the given places.
    pub(crate) fn in_batches<P: Projection>(
        new: impl Fn() -> P,
        events: &[Recorded],
        cuts: &[usize],
    ) -> Self {
        let (mut view, mut projection) = (Self::default(), new());
        for (index, event) in events.iter().enumerate() {
            if cuts.contains(&index) {
                view.save(&mut projection);
                projection = new();
                projection.restore(&view).unwrap();
            }
            projection.apply(event);
        }
        view.save(&mut projection);
        view
    }

    fn save(&mut self, projection: &mut impl Projection) {
        let had_changes = projection.has_changes();
        let changes = projection.take_changes();
        assert_eq!(had_changes, !changes.is_empty());
        for change in changes {
            let key = (change.collection, change.key);
            match change.document {
                Some(document) => self.documents.insert(key, document),
                None => self.documents.remove(&key),
            };
        }
    }

    /// Everything, to compare.
    pub(crate) fn documents(&self) -> &BTreeMap<(&'static str, Key), Document> {
        &self.documents
    }

    /// The JSON documents of a collection, by key.
    pub(crate) fn json(&self, collection: &'static str) -> Vec<Value> {
        let bodies = self.all(collection).unwrap();
        bodies.iter().map(|(key, body)| crate::from_json(key, body).unwrap()).collect()
    }
}

impl Saved for View {
    fn get(&self, collection: &'static str, key: &Key) -> Result<Option<Body>, RestoreError> {
        Ok(self.documents.get(&(collection, key.clone())).map(|document| document.body.clone()))
    }

    fn all(&self, collection: &'static str) -> Result<Vec<(Key, Body)>, RestoreError> {
        let own = self.documents.iter().filter(|((name, _), _)| *name == collection);
        Ok(own.map(|((_, key), document)| (key.clone(), document.body.clone())).collect())
    }
}

/// 2025-11-22T01:00:00Z and that many seconds.
pub(crate) fn moment(second: i64) -> Timestamp {
    Timestamp::parse("2025-11-22T01:00:00Z").unwrap().plus_seconds(second)
}

/// The id of the event at a position.
pub(crate) fn id(position: u64) -> Uuid {
    events::id::derive(&[b"test", &position.to_le_bytes()])
}

/// An event at a position, of the stream and producer that a decision has.
pub(crate) fn at(position: u64, event: Event) -> Recorded {
    Recorded {
        position,
        event_id: id(position),
        schema_version: event.schema_version(),
        stream: Arc::from("strategy_guard"),
        stream_revision: position,
        occurred_at: moment(position as i64),
        recorded_at: moment(position as i64),
        producer: Arc::from("actor:strategy_guard"),
        run_id: id(0),
        correlation_id: id(position),
        causation_id: None,
        basis_position: Some(position - 1),
        rules_version: Some(1),
        source_offset: None,
        event,
    }
}

/// A closed trade as it may look.
pub(crate) fn trade_closed(
    strategy: &str,
    closed_at: Timestamp,
    profit: Decimal,
    profit_pct: Decimal,
) -> TradeClosed {
    TradeClosed {
        profit_pct,
        opened_at: closed_at,
        ..events::test_support::trade(strategy, "1", profit, closed_at)
    }
}

/// A closed trade of a strategy, with that profit.
pub(crate) fn trade(strategy: &str, profit: &str) -> Event {
    let profit = profit.parse().unwrap();
    Event::TradeClosed(trade_closed(strategy, moment(0), profit, profit))
}

/// A halt by a rule.
pub(crate) fn disabled(strategy: &str) -> Event {
    Event::StrategyDisabled(StrategyDisabled {
        strategy: strategy.into(),
        by: DecidedBy::Rule,
        rules: Vec::new(),
        metrics: GuardMetrics { daily_loss_pct: Some(-12.5), consecutive_losses: 3, win_rate_pct: None },
        from: StrategyState::Active,
        to: StrategyState::Halted,
        loss_basis: LossBasis::SumOfTradePercents,
        trades: None,
        reason: None,
    })
}

/// A record that could not be taken in.
pub(crate) fn rejected(reason: RejectReason, strategy: Option<&str>) -> Event {
    Event::RecordRejected(RecordRejected {
        origin: Origin::Kafka { topic: "trades".into(), partition: 0, offset: 7 },
        reason,
        detail: "as the test says".into(),
        strategy: strategy.map(str::to_owned),
        trade_id: None,
        key: Some(Bytes(b"key".to_vec())),
        value: Some(Bytes(b"{}".to_vec())),
        recorded: None,
    })
}

/// An analysis of 47 trades.
pub(crate) fn analyzed(win_rate_pct: f64, sharpe: Option<f64>) -> Event {
    let critical = |bad: bool| if bad { FigureStatus::Critical } else { FigureStatus::Ok };
    Event::PerformanceAnalyzed(PerformanceAnalyzed {
        planned_at: moment(9),
        window_start: moment(9).plus_days(-7),
        window_end: moment(9),
        trades: 47,
        wins: 25,
        losses: 22,
        win_rate_pct,
        average_profit_pct: 2.0,
        profit: "12.50".parse().unwrap(),
        sharpe,
        max_drawdown_pct: 3.0,
        profit_factor: None,
        statuses: FigureStatuses {
            win_rate: critical(win_rate_pct < 55.0),
            average_profit: FigureStatus::Warning,
            sharpe: critical(sharpe.is_some_and(|sharpe| sharpe < 1.0)),
        },
        trigger_ai_analysis: true,
        advice: Vec::new(),
        limits: PerformanceLimits::default(),
    })
}

/// An analysis that was skipped for want of trades.
pub(crate) fn skipped(trades: u64) -> Event {
    Event::PerformanceAnalysisSkipped(PerformanceAnalysisSkipped {
        planned_at: moment(9),
        window_start: moment(9).plus_days(-7),
        window_end: moment(9),
        trades,
        min_trades: 10,
        reason: SkipReason::TooFewTrades,
    })
}

/// A reduction because a record was rejected, or because the guard is out of service.
pub(crate) fn reduced(strategy: &str, by: DecidedBy) -> Event {
    Event::StrategyReduced(events::StrategyReduced {
        strategy: strategy.into(),
        by,
        causes: vec![events::ReduceCause {
            kind: events::ReduceCauseKind::TradeRejected,
            detail: "as the test says".into(),
        }],
        from: StrategyState::Active,
        to: StrategyState::Reducing,
    })
}

/// A strategy may trade again.
pub(crate) fn enabled(strategy: &str, by: DecidedBy) -> Event {
    Event::StrategyEnabled(events::StrategyEnabled {
        strategy: strategy.into(),
        by,
        from: StrategyState::Halted,
        to: StrategyState::Active,
        reason: "as the test says".into(),
        forgets: None,
    })
}
