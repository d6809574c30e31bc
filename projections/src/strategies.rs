//! What each strategy may do, since when and why, and how many trades it closed.
//!
//! Two parts decide about a strategy, each for itself: its guard and, when the guard is out of service, the
//! supervisor. In force is the stricter state of the two.

use events::{
    BreachedRule, DecidedBy, Event, Family, FamilySet, GuardMetrics, Recorded, ReduceCause, StrategyState,
    Timestamp, TradeClosed, Uuid,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Change, Collection, Keys, Kind, Projection, RestoreError, Saved, table::Table};

/// The collection, keyed by name of the strategy.
pub const STRATEGIES: &str = "strategies";

const COLLECTIONS: &[Collection] =
    &[Collection { name: STRATEGIES, keys: Keys::Texts, by_time: false, indexes: &[], shown: true }];

/// A strategy as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StrategyView {
    /// Its name.
    pub strategy: String,
    /// The state in force.
    pub state: StrategyState,
    /// Since when; null: nothing was ever decided about it.
    pub since: Option<Timestamp>,
    /// The decision behind the state: [`Why`], kept as it was written.
    pub why: Option<Box<RawValue>>,
    /// Closed trades in all.
    pub trades: u64,
    /// Of those: after the halt, wherever they stand in the log; see [`Halt`].
    pub trades_since_halt: u64,
    /// The latest close of a trade.
    pub last_trade_at: Option<Timestamp>,
    /// Records of the strategy that could not be taken in.
    pub rejected_records: u64,
    /// What the guard says.
    pub guard: Standing,
    /// What the supervisor says.
    pub supervisor: Standing,
    /// Of a halted strategy: the place of the halt in the log.
    pub halt: Option<Halt>,
    /// Of a halted strategy: what an operator last said to keep it so.
    pub kept_halted: Option<KeptHalted>,
}

/// An operator asked to halt a strategy that was halted already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHalted {
    /// Why.
    pub reason: String,
    /// When.
    pub occurred_at: Timestamp,
    /// Where that stands in the log.
    pub position: u64,
    /// The event.
    pub event_id: Uuid,
}

/// One part's own state of a strategy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Standing {
    /// The state.
    pub state: StrategyState,
    /// The position of the decision; 0: none.
    pub position: u64,
    /// The decision: [`Why`].
    pub why: Option<Box<RawValue>>,
}

/// Where a halt stands in the log. The guard decides behind the head: trades after `basis` and before `position` came
/// after the halt, though they were recorded before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Up to where the guard had read when it decided.
    pub basis: u64,
    /// Where the decision was recorded.
    pub position: u64,
    /// The decision.
    pub event_id: Uuid,
}

/// The decision behind a state.
#[derive(Serialize)]
struct Why<'a> {
    by: DecidedBy,
    event_type: &'static str,
    event_id: Uuid,
    position: u64,
    occurred_at: Timestamp,
    rules: &'a [BreachedRule],
    causes: &'a [ReduceCause],
    metrics: Option<&'a GuardMetrics>,
    reason: Option<&'a str>,
}

/// See the head of the module.
pub struct Strategies {
    table: Table<StrategyView>,
}

impl Default for Strategies {
    fn default() -> Self {
        Self { table: Table::new(STRATEGIES) }
    }
}

impl StrategyView {
    fn unknown(strategy: String) -> Self {
        Self {
            strategy,
            state: StrategyState::Active,
            since: None,
            why: None,
            trades: 0,
            trades_since_halt: 0,
            last_trade_at: None,
            rejected_records: 0,
            guard: Standing::default(),
            supervisor: Standing::default(),
            halt: None,
            kept_halted: None,
        }
    }

    fn close_trade(&mut self, trade: &TradeClosed) {
        self.trades += 1;
        self.trades_since_halt += u64::from(self.halt.is_some());
        self.last_trade_at = self.last_trade_at.max(Some(trade.closed_at));
    }

    /// Takes over what one part decided and says which part's word is in force now.
    fn decide(&mut self, event: &Recorded, to: StrategyState, why: &Why<'_>) {
        let standing = if why.by == DecidedBy::Supervisor { &mut self.supervisor } else { &mut self.guard };
        let why = serde_json::value::to_raw_value(why).ok();
        *standing = Standing { state: to, position: event.position, why };
        self.settle(event);
    }

    /// The guard is in service again: its own word holds alone.
    fn end_stand_in(&mut self, event: &Recorded) {
        self.supervisor = Standing::default();
        self.settle(event);
    }

    fn settle(&mut self, event: &Recorded) {
        let in_force = [&self.guard, &self.supervisor].into_iter().max_by_key(|s| (s.state, s.position));
        let in_force = in_force.cloned().unwrap_or_default();
        self.why = in_force.why;
        if self.since.is_none() || self.state != in_force.state {
            self.since = Some(event.occurred_at);
            self.enter(in_force.state, event);
        }
    }

    fn enter(&mut self, state: StrategyState, event: &Recorded) {
        self.state = state;
        self.trades_since_halt = match &event.event {
            Event::StrategyDisabled(halt) => halt.trades.map_or(0, |then| self.trades.saturating_sub(then)),
            _ => 0,
        };
        self.kept_halted = None;
        let basis = event.basis_position.unwrap_or(event.position);
        self.halt = (state == StrategyState::Halted).then_some(Halt {
            basis,
            position: event.position,
            event_id: event.event_id,
        });
    }
}

fn why<'a>(event: &'a Recorded, by: DecidedBy) -> Why<'a> {
    Why {
        by,
        event_type: event.event.event_type(),
        event_id: event.event_id,
        position: event.position,
        occurred_at: event.occurred_at,
        rules: &[],
        causes: &[],
        metrics: None,
        reason: None,
    }
}

impl Strategies {
    fn strategy(&mut self, name: &str) -> &mut StrategyView {
        self.table.row(name, StrategyView::unknown)
    }

    /// Ends every stand-in. Only guards are stood in for, so a recovery of another actor finds none.
    fn end_stand_ins(&mut self, event: &Recorded) {
        let stood_in = |view: &StrategyView| view.supervisor.state != StrategyState::Active;
        for name in self.table.keys_where(stood_in) {
            self.strategy(&name).end_stand_in(event);
        }
    }
}

impl Strategies {
    /// What is known of it without making one.
    pub const KIND: Kind =
        Kind { name: "strategies", version: 3, collections: COLLECTIONS, new: || Box::new(Self::default()) };
}

impl Projection for Strategies {
    fn interests(&self) -> FamilySet {
        FamilySet::of(&[Family::Trade, Family::Ingest, Family::Strategy, Family::Host])
    }

    fn apply(&mut self, event: &Recorded) {
        match &event.event {
            Event::TradeClosed(trade) => self.strategy(&trade.strategy).close_trade(trade),
            Event::RecordRejected(rejected) => {
                if let Some(name) = &rejected.strategy {
                    self.strategy(name).rejected_records += 1;
                }
            }
            Event::StrategyDisabled(e) => {
                let (rules, metrics) = (&e.rules[..], Some(&e.metrics));
                let why = Why { rules, metrics, reason: e.reason.as_deref(), ..why(event, e.by) };
                self.strategy(&e.strategy).decide(event, e.to, &why);
            }
            Event::StrategyReduced(e) => {
                let why = Why { causes: &e.causes, ..why(event, e.by) };
                self.strategy(&e.strategy).decide(event, e.to, &why);
            }
            Event::StrategyEnabled(e) => {
                let why = Why { reason: Some(&e.reason), ..why(event, e.by) };
                self.strategy(&e.strategy).decide(event, e.to, &why);
            }
            Event::StrategyKeptHalted(e) => {
                self.strategy(&e.strategy).kept_halted = Some(KeptHalted {
                    reason: e.reason.clone(),
                    occurred_at: event.occurred_at,
                    position: event.position,
                    event_id: event.event_id,
                });
            }
            Event::ActorRecovered(_) => self.end_stand_ins(event),
            _ => {}
        }
    }

    fn has_changes(&self) -> bool {
        self.table.has_changes()
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.table.take_changes(&mut changes);
        changes
    }

    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        self.table.restore(saved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, at, disabled, enabled, id, moment, reduced, rejected, trade};
    use events::{RejectReason, StrategyDisabled, StrategyKeptHalted};
    use serde_json::{Value, json};

    fn rsi(events: &[Recorded]) -> Value {
        View::of(Strategies::default, events).json(STRATEGIES).remove(0)
    }

    fn state(view: &Value) -> (&str, &Value, &Value) {
        (view["state"].as_str().unwrap(), &view["since"], &view["why"]["position"])
    }

    #[test]
    fn given_trades_alone_then_the_strategy_is_active_and_nobody_decided_it() {
        let view = rsi(&[at(1, trade("rsi", "1")), at(2, trade("rsi", "-1"))]);
        assert_eq!(state(&view), ("ACTIVE", &json!(null), &json!(null)));
        assert_eq!((&view["trades"], &view["last_trade_at"]), (&json!(2), &json!(moment(0))));
    }

    #[test]
    fn given_a_halt_then_the_trades_after_it_are_counted_and_its_evidence_is_shown() {
        let events = [
            at(1, trade("rsi", "-1")),
            at(2, disabled("rsi")),
            at(3, trade("rsi", "1")),
            at(4, trade("rsi", "1")),
        ];
        let view = rsi(&events);
        assert_eq!(state(&view), ("HALTED", &json!(moment(2)), &json!(2)));
        assert_eq!((&view["trades"], &view["trades_since_halt"]), (&json!(3), &json!(2)));
        assert_eq!(view["why"]["event_id"], json!(id(2)));
        assert_eq!(view["why"]["metrics"]["daily_loss_pct"], -12.5);
        assert_eq!(view["halt"], json!({ "basis": 1, "position": 2, "event_id": id(2) }));
    }

    #[test]
    fn given_a_halt_that_the_guard_decided_behind_the_head_then_trades_before_it_in_the_log_count_as_after_it()
     {
        let Event::StrategyDisabled(halt) = disabled("rsi") else { panic!("it is a halt") };
        let halt = |trades| Event::StrategyDisabled(StrategyDisabled { trades, ..halt.clone() });
        let after = |trades| {
            let view = rsi(&[
                at(1, trade("rsi", "-1")),
                at(2, trade("rsi", "1")),
                at(3, trade("rsi", "1")),
                at(4, halt(trades)),
                at(5, trade("rsi", "1")),
            ]);
            view["trades_since_halt"].clone()
        };
        assert_eq!((after(Some(1)), after(Some(3)), after(None)), (json!(3), json!(1), json!(1)));
    }

    #[test]
    fn given_an_enable_then_the_count_since_the_halt_ends() {
        let events = [
            at(2, disabled("rsi")),
            at(3, trade("rsi", "1")),
            at(4, enabled("rsi", DecidedBy::Operator)),
            at(5, trade("rsi", "1")),
        ];
        let view = rsi(&events);
        assert_eq!(state(&view), ("ACTIVE", &json!(moment(4)), &json!(4)));
        assert_eq!((&view["trades_since_halt"], &view["halt"]), (&json!(0), &json!(null)));
        assert_eq!(view["why"]["reason"], "as the test says");
    }

    #[test]
    fn given_an_operator_who_keeps_it_halted_then_the_reason_is_shown_until_it_is_enabled() {
        let kept = |reason: &str| {
            let (strategy, reason) = ("rsi".to_owned(), reason.to_owned());
            Event::StrategyKeptHalted(StrategyKeptHalted { strategy, reason, disabled_by: Some(id(1)) })
        };
        let events = [
            at(1, disabled("rsi")),
            at(2, kept("one")),
            at(3, kept("until I am back")),
            at(4, enabled("rsi", DecidedBy::Operator)),
        ];
        let view = rsi(&events[..3]);
        assert_eq!(
            (view["kept_halted"]["reason"].as_str(), state(&view).2),
            (Some("until I am back"), &json!(1))
        );
        assert_eq!(rsi(&events)["kept_halted"], json!(null));
    }

    #[test]
    fn given_guard_and_supervisor_then_the_stricter_state_is_in_force() {
        let by_both = [
            at(1, disabled("rsi")),
            at(2, reduced("rsi", DecidedBy::Supervisor)),
            at(3, enabled("rsi", DecidedBy::Operator)),
            at(4, enabled("rsi", DecidedBy::Supervisor)),
        ];
        let after = |n: usize| rsi(&by_both[..n]);
        assert_eq!(state(&after(2)), ("HALTED", &json!(moment(1)), &json!(1)));
        assert_eq!(state(&after(3)), ("REDUCING", &json!(moment(3)), &json!(2)));
        assert_eq!(state(&after(4)), ("ACTIVE", &json!(moment(4)), &json!(4)));
        assert_eq!(after(3)["guard"]["state"], "ACTIVE");
    }

    #[test]
    fn given_a_second_reduction_then_the_state_is_as_old_as_the_first_and_why_is_the_newest() {
        let events = [at(1, reduced("rsi", DecidedBy::Rule)), at(2, reduced("rsi", DecidedBy::Rule))];
        assert_eq!(state(&rsi(&events)), ("REDUCING", &json!(moment(1)), &json!(2)));
    }

    #[test]
    fn given_rejected_records_then_each_strategy_counts_its_own() {
        let events = [
            at(1, rejected(RejectReason::Malformed, Some("rsi"))),
            at(2, rejected(RejectReason::Malformed, None)),
        ];
        let view = rsi(&events);
        assert_eq!((&view["rejected_records"], &view["trades"]), (&json!(1), &json!(0)));
    }
}
