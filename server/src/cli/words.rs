//! Events in words, for tables.

use events::{
    BreachedRule, Decimal, Event, Forgotten, Measure, PerformanceAnalyzed, RuleName, StrategyState,
};
use serde::{Deserialize as _, Serialize};
use serde_json::Value;

/// A text of an object, or a dash.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A moment to the second.
pub(super) fn moment(value: &Value) -> String {
    match value.as_str() {
        Some(text) if text.len() > 20 => format!("{}Z", &text[..19]),
        Some(text) => text.to_owned(),
        None => "-".to_owned(),
    }
}

/// A figure with two decimals, or a dash where it is undefined.
pub(super) fn figure(value: &Value) -> String {
    value.as_f64().map_or_else(|| text(value), |figure| format!("{figure:.2}"))
}

/// An amount of money from its text: to two places, a smaller one to four digits. One that has more digits than a
/// decimal holds is shown whole.
pub(super) fn money(text: &str) -> String {
    let Ok(amount) = text.parse::<Decimal>() else { return text.to_owned() };
    if amount.is_zero() || amount.abs() >= Decimal::ONE {
        return format!("{:.2}", amount.round_dp(2));
    }
    amount.round_sf(4).unwrap_or(amount).normalize().to_string()
}

/// A number as short as it can be: 10 rather than 10.0.
pub(super) fn number(value: &Value) -> String {
    value.as_f64().map_or_else(|| text(value), |number| number.to_string())
}

/// A number of things: "1 fault", "2 faults".
pub(super) fn counted(count: impl std::fmt::Display, noun: &str) -> String {
    let count = count.to_string();
    if count == "1" { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What an event is about.
pub(super) fn subject(event: &Value) -> String {
    let fields = &event["event"];
    let known = ["strategy", "subject", "schedule", "actor", "source", "topic", "cluster", "command"];
    known.iter().find_map(|name| fields[*name].as_str()).unwrap_or("-").to_owned()
}

/// Who made an event, where that was an operator: " by operator ann".
pub(super) fn by_operator(event: &Value) -> String {
    let operator = event["producer"].as_str().and_then(|producer| producer.strip_prefix("operator:"));
    operator.map_or_else(String::new, |name| format!(" by operator {name}"))
}

/// What an event says, out of its JSON.
pub(super) fn what_of(row: &Value) -> String {
    match event_of(row) {
        Some(event) => what(&event),
        // Of another version of tradewarden, which runs as the server.
        None => shortened(&row["event"].to_string()),
    }
}

fn event_of(row: &Value) -> Option<Event> {
    let version = u16::try_from(row["schema_version"].as_u64()?).ok()?;
    Event::from_json(row["event_type"].as_str()?, version, row["event"].to_string().as_bytes()).ok()
}

/// What an event says.
#[expect(clippy::too_many_lines, reason = "a line for each type of event")]
pub(super) fn what(event: &Event) -> String {
    match event {
        Event::StrategyDisabled(halt) => {
            format!("{}: {}", step(halt.from, halt.to), rules_or_reason(&halt.rules, halt.reason.as_deref()))
        }
        Event::StrategyReduced(reduced) => {
            let causes: Vec<_> = reduced.causes.iter().map(|cause| cause.detail.as_str()).collect();
            format!("{}: {}", step(reduced.from, reduced.to), causes.join("; "))
        }
        Event::StrategyEnabled(enabled) => {
            let forgets = enabled.forgets.as_ref().and_then(|forgotten| forgets(forgotten, ""));
            let forgets = forgets.map_or(String::new(), |forgets| format!("; {forgets}"));
            format!("{}: {}{forgets}", step(enabled.from, enabled.to), enabled.reason)
        }
        Event::StrategyEnableRefused(refused) => refused.detail.clone(),
        Event::StrategyKeptHalted(kept) => format!("stays HALTED: {}", kept.reason),
        Event::StrategyDisableRequested(request) => request.reason.clone(),
        Event::StrategyEnableRequested(request) => request.reason.clone(),
        Event::HaltMissed(missed) => format!(
            "its halt was missed at position {}: {}",
            missed.at_position,
            rules_or_reason(&missed.rules, missed.reason.as_deref())
        ),
        Event::SnapshotDiffered(differed) => format!(
            "its snapshot up to position {} is not what the log folds to; kept as {}",
            differed.position, differed.kept_as
        ),
        Event::TradeAfterHalt(after) => format!("trade {} was closed after the halt", after.trade_id),
        Event::PerformanceAnalyzed(analysis) => analyzed(analysis),
        Event::PerformanceAnalysisSkipped(skipped) => {
            format!("{}: {}", word(skipped.reason), counted(skipped.trades, "trade"))
        }
        Event::AlertRaised(alert) => format!("{} {}", word(alert.severity), alert.message),
        Event::AlertCleared(alert) => format!("cleared: {}", alert.message),
        Event::TradeClosed(trade) => format!(
            "{} {} {}: profit {} ({} %)",
            trade.trade_id,
            trade.symbol,
            word(trade.side),
            trade.profit,
            trade.profit_pct
        ),
        Event::RecordRejected(rejected) => format!("{}: {}", word(rejected.reason), rejected.detail),
        // Their fields say it. A new type is asked for here.
        Event::IngestAdvanced(_)
        | Event::SourceStalled(_)
        | Event::SourceCaughtUp(_)
        | Event::RecordsMissing(_)
        | Event::PartitionsAdded(_)
        | Event::TopicSettingsSeen(_)
        | Event::ClockAcceptRequested(_)
        | Event::ClockFellBehind(_)
        | Event::ClockCaughtUp(_)
        | Event::TimerDue(_)
        | Event::ScheduleFired(_)
        | Event::ScheduleMissed(_)
        | Event::ScheduleCreateRequested(_)
        | Event::ScheduleSetRequested(_)
        | Event::ScheduleDeleteRequested(_)
        | Event::SchedulePauseRequested(_)
        | Event::ScheduleResumeRequested(_)
        | Event::ScheduleRunRequested(_)
        | Event::ScheduleCreated(_)
        | Event::ScheduleChanged(_)
        | Event::ScheduleDeleted(_)
        | Event::SchedulePaused(_)
        | Event::ScheduleResumed(_)
        | Event::ScheduleRefused(_)
        | Event::StrategyGuardConfigured(_)
        | Event::PerformanceAnalystConfigured(_)
        | Event::SchedulerConfigured(_)
        | Event::RunStarted(_)
        | Event::ActorFailed(_)
        | Event::ActorQuarantined(_)
        | Event::ActorRecovered(_)
        | Event::PublishAdvanced(_)
        | Event::PublishIdentityRenewed(_)
        | Event::PublishTopicMade(_)
        | Event::DeadLetterLeftOut(_)
        | Event::OtherPublisherSeen(_)
        | Event::OtherPublisherGone(_) => shortened(&text(&serde_json::to_value(event).unwrap_or_default())),
    }
}

/// The word of a reason, a status or the like, as on the wire.
fn word(reason: impl Serialize) -> String {
    text(&serde_json::to_value(reason).unwrap_or_default())
}

fn step(from: StrategyState, to: StrategyState) -> String {
    format!("{} -> {}", from.word(), to.word())
}

/// What an enabled strategy is no longer held to, such as "forgets -9 % of today, 3 losses in a row"; nothing when
/// nothing is forgotten. `today` begins with the day of today.
pub(super) fn forgets(forgotten: &Forgotten, today: &str) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(day) = &forgotten.day {
        let day = if today.starts_with(day) { "today" } else { day };
        let loss = forgotten.daily_loss_pct.map_or_else(|| "-".to_owned(), |loss| loss.to_string());
        parts.push(format!("{loss} % of {day}"));
    }
    let some = |count: u32| Some(count).filter(|count| *count > 0);
    parts.extend(some(forgotten.consecutive_losses).map(|losses| match losses {
        1 => "1 loss in a row".to_owned(),
        losses => format!("{losses} losses in a row"),
    }));
    parts.extend(some(forgotten.outcomes).map(|n| format!("{} of the win rate", counted(n, "trade"))));
    parts.extend(some(forgotten.rejected).map(|n| counted(n, "rejected trade")));
    (!parts.is_empty()).then(|| format!("forgets {}", parts.join(", ")))
}

fn rules_or_reason(rules: &[BreachedRule], reason: Option<&str>) -> String {
    match reason {
        Some(reason) if rules.is_empty() => reason.to_owned(),
        _ => rules.iter().map(breached).collect::<Vec<_>>().join("; "),
    }
}

/// A breached rule out of its JSON.
pub(super) fn rule(rule: &Value) -> String {
    // Of another version of tradewarden, which runs as the server.
    BreachedRule::deserialize(rule).map_or_else(|_| shortened(&rule.to_string()), |rule| breached(&rule))
}

/// A breached rule with its numbers.
fn breached(rule: &BreachedRule) -> String {
    let value = rule.value;
    let threshold = rule.threshold;
    let trades = counted(rule.trades, "trade");
    let exact = match value {
        Measure::Count(count) => f64::from(count),
        Measure::Number(number) => number,
    };
    match rule.rule {
        RuleName::DailyLoss => format!("daily loss {exact:.2} % (limit -{threshold} %, {trades})"),
        RuleName::ConsecutiveLosses => format!("{value} losses in a row (limit {threshold})"),
        RuleName::WinRate => format!("win rate {exact:.2} % (limit {threshold} %, last {trades})"),
    }
}

/// The causes of a REDUCING, out of a document.
pub(super) fn causes(fields: &Value) -> String {
    let causes = fields["causes"].as_array().into_iter().flatten();
    causes.map(|cause| text(&cause["detail"])).collect::<Vec<_>>().join("; ")
}

fn analyzed(analysis: &PerformanceAnalyzed) -> String {
    let statuses = &analysis.statuses;
    format!(
        "win rate {:.2} % ({}), average {:.2} % ({}), sharpe {} ({}), {}",
        analysis.win_rate_pct,
        word(statuses.win_rate),
        analysis.average_profit_pct,
        word(statuses.average_profit),
        analysis.sharpe.map_or_else(|| "-".to_owned(), |sharpe| format!("{sharpe:.2}")),
        word(statuses.sharpe),
        counted(analysis.trades, "trade")
    )
}

/// A text that fits on a line.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN: usize = 100;
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain("...".chars()).collect()
}

/// An object as lines `key  value`, aligned.
pub(super) fn lines(object: &Value) -> Vec<String> {
    let Some(fields) = object.as_object() else { return vec![text(object)] };
    let width = fields.keys().map(|key| key.chars().count()).max().unwrap_or(0);
    fields.iter().map(|(key, value)| format!("{key:<width$}  {}", text(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_halt_is_told_with_every_rule_and_its_numbers() {
        let rules = json!([
            { "rule": "daily_loss", "value": -10.456, "threshold": 10.0, "window": "2025-01-06", "trades": 1 },
            { "rule": "consecutive_losses", "value": 11.0, "threshold": 10.0, "window": 11, "trades": 11 },
            { "rule": "win_rate", "value": 25.0, "threshold": 30.5, "window": 20, "trades": 20 },
        ]);
        let rules: Vec<BreachedRule> = serde_json::from_value(rules).unwrap();
        assert_eq!(
            rules_or_reason(&rules, None),
            "daily loss -10.46 % (limit -10 %, 1 trade); 11 losses in a row (limit 10); \
             win rate 25.00 % (limit 30.5 %, last 20 trades)"
        );
        assert_eq!(rules_or_reason(&[], Some("holiday")), "holiday");
        assert_eq!(subject(&json!({ "event": { "strategy": "rsi" } })), "rsi");
    }

    #[test]
    fn a_rule_of_another_version_is_shown_as_it_is() {
        assert_eq!(rule(&json!({ "rule": "of_tomorrow" })), r#"{"rule":"of_tomorrow"}"#);
    }

    #[test]
    fn an_event_out_of_its_json_says_the_same_and_one_of_another_version_is_shown_as_it_is() {
        let event = Event::StrategyDisableRequested(events::StrategyDisableRequested {
            strategy: "rsi".to_owned(),
            reason: "holiday".to_owned(),
        });
        let row = |name: &str| json!({ "event_type": name, "schema_version": event.schema_version(), "event": event });
        assert_eq!(what(&event), "holiday");
        assert_eq!(what_of(&row(event.event_type())), "holiday");
        assert_eq!(what_of(&row("OfTomorrow")), r#"{"reason":"holiday","strategy":"rsi"}"#);
    }

    #[test]
    fn undefined_figures_are_dashes_and_moments_end_at_the_second() {
        assert_eq!(figure(&Value::Null), "-");
        assert_eq!(figure(&json!(2.345)), "2.35");
        assert_eq!(moment(&json!("2025-01-06T01:02:03.456789Z")), "2025-01-06T01:02:03Z");
        assert_eq!(moment(&json!("2025-01-06T01:02:03Z")), "2025-01-06T01:02:03Z");
    }
}
