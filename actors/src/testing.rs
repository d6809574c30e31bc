//! Given facts, when one more comes, then these decisions.

use std::sync::Arc;

use events::{Decimal, Event, NewEvent, Recorded, Timestamp, TradeClosed, Uuid, id};

use crate::{Decider, Fold};

/// A decider with its history.
pub(crate) struct Given<D: Decider> {
    pub(crate) fold: Fold<D>,
    pub(crate) inputs: Vec<Recorded>,
    pub(crate) decisions: Vec<(u64, NewEvent)>,
}

pub(crate) fn given<D: Decider>() -> Given<D> {
    Given { fold: Fold::default(), inputs: Vec::new(), decisions: Vec::new() }
}

impl<D: Decider> Given<D> {
    /// Lets facts happen; what is decided on them is folded.
    pub(crate) fn facts(mut self, facts: impl IntoIterator<Item = Event>) -> Self {
        for fact in facts {
            self.when(fact);
        }
        self
    }

    /// Lets one fact happen and answers the decisions.
    pub(crate) fn when(&mut self, event: Event) -> Vec<Event> {
        let input = self.next(event);
        self.step(input)
    }

    /// Lets a fact happen at a moment.
    pub(crate) fn when_at(&mut self, occurred_at: Timestamp, event: Event) -> Vec<Event> {
        let input = Recorded { occurred_at, ..self.next(event) };
        self.step(input)
    }

    fn next(&self, event: Event) -> Recorded {
        recorded(self.inputs.last().map_or(0, |last| last.position) + 10, event)
    }

    fn step(&mut self, input: Recorded) -> Vec<Event> {
        let position = input.position;
        let decided = self.fold.step(&input, Uuid::nil(), &Arc::from("test"));
        self.inputs.push(input);
        let events = decided.iter().map(|decision| decision.event.clone()).collect();
        self.decisions.extend(decided.into_iter().map(|decision| (position, decision)));
        events
    }
}

pub(crate) fn recorded(position: u64, event: Event) -> Recorded {
    let occurred_at = match &event {
        Event::TradeClosed(trade) => trade.closed_at,
        Event::ScheduleFired(fired) => fired.planned_at,
        Event::TimerDue(timer) => timer.due_at,
        _ => at("2025-01-01T00:00:00Z"),
    };
    Recorded {
        position,
        event_id: id::derive(&[b"test", &position.to_le_bytes()]),
        schema_version: 1,
        stream: Arc::from("test"),
        stream_revision: position,
        occurred_at,
        recorded_at: occurred_at,
        producer: Arc::from("test"),
        run_id: Uuid::nil(),
        correlation_id: Uuid::nil(),
        causation_id: None,
        basis_position: None,
        rules_version: None,
        source_offset: None,
        event,
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn decimal(text: &str) -> Decimal {
    events::decimal::parse(text).unwrap()
}

/// A trade of `rsi` whose profit has the sign of its percent.
pub(crate) fn trade(trade_id: &str, profit_pct: &str, closed_at: &str) -> TradeClosed {
    events::test_support::trade("rsi", trade_id, decimal(profit_pct), at(closed_at))
}

/// `count` trades of `rsi`, one an hour from the start of a day.
pub(crate) fn hourly(day: &str, profit_pct: &str, count: usize) -> Vec<Event> {
    let start = at(&format!("{day}T00:30:00Z"));
    let one = |n: usize| {
        let closed_at = start.plus_seconds(3600 * n as i64).to_string();
        Event::TradeClosed(trade(&format!("{day}-{profit_pct}-{n}"), profit_pct, &closed_at))
    };
    (0..count).map(one).collect()
}
