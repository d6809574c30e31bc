//! A guard halts once for each halt and fails closed: while it cannot know, no strategy is ACTIVE.

use std::collections::{BTreeMap, BTreeSet};

use actors::{Decider, StrategyGuard};
use events::{
    DecidedBy, Event, RecordRejected, Recorded, StrategyGuardConfigured, StrategyState, Timestamp, Uuid,
};

use super::Evidence;

/// What is known of everything that a guard watches.
#[derive(Default)]
struct Watch<'e> {
    strategies: BTreeMap<&'e str, Strategy>,
    stalled: BTreeSet<&'e str>,
    config: StrategyGuardConfigured,
    clock: Timestamp,
    clock_behind: bool,
    nobody: Nobody,
}

/// Dead letters of nobody.
#[derive(Default)]
struct Nobody {
    letters: usize,
    came: Vec<Timestamp>,
    reducing: bool,
    trade_since: bool,
}

#[derive(Default)]
struct Strategy {
    state: StrategyState,
    halted_by: Option<Uuid>,
    told_after_halt: bool,
    missing: BTreeSet<String>,
    missing_for_good: bool,
    heard_at: Option<Timestamp>,
    pardoned: usize,
}

/// Halts that are doubled, states that do not follow, guards that fail open.
pub fn violations(evidence: &Evidence<'_>) -> Vec<String> {
    let decisions = by_basis(evidence);
    let (mut watch, mut violations) = (Watch::default(), Vec::new());
    for event in evidence.events {
        watch.learn(&event.event, event.occurred_at);
        for decision in decisions.get(&event.position).into_iter().flatten() {
            let broken = watch.decided(decision);
            violations.extend(broken.map(|what| format!("at {}: {what}", decision.position)));
        }
        violations.extend(watch.fails_open().map(|what| format!("after {}: {what}", event.position)));
    }
    violations
}

fn by_basis<'e>(evidence: &Evidence<'e>) -> BTreeMap<u64, Vec<&'e Recorded>> {
    let stream = StrategyGuard::stream();
    let mut decisions = BTreeMap::<u64, Vec<_>>::new();
    for event in evidence.events.iter().filter(|event| *event.stream == *stream) {
        decisions.entry(event.basis_position.unwrap_or(0)).or_default().push(event.as_ref());
    }
    decisions
}

impl<'e> Watch<'e> {
    fn learn(&mut self, fact: &'e Event, at: Timestamp) {
        match fact {
            Event::TradeClosed(trade) => {
                self.nobody.trade_since = true;
                let strategy = self.strategies.entry(&trade.strategy).or_default();
                strategy.missing.remove(&trade.trade_id);
                strategy.heard_at = strategy.heard_at.max(Some(trade.closed_at));
            }
            Event::RecordRejected(letter) => match letter.strategy.as_deref() {
                Some(name) => self.strategies.entry(name).or_default().miss(letter),
                None => self.nobody.miss(at),
            },
            Event::SourceStalled(stalled) => {
                self.stalled.insert(&stalled.source);
            }
            Event::SourceCaughtUp(source) => {
                self.stalled.remove(source.source.as_str());
            }
            Event::TimerDue(timer) => self.clock = self.clock.max(timer.due_at),
            Event::StrategyGuardConfigured(config) => self.config = config.clone(),
            Event::ClockFellBehind(_) => self.clock_behind = true,
            Event::ClockCaughtUp(_) => self.clock_behind = false,
            Event::ClockAcceptRequested(e) => self.accept(e.clock),
            _ => {}
        }
        self.nobody.end_if_over(self.clock);
    }

    fn accept(&mut self, clock: Timestamp) {
        (self.clock_behind, self.clock) = (false, self.clock.min(clock));
        self.nobody.came.iter_mut().for_each(|at| *at = clock.min(*at));
        for strategy in self.strategies.values_mut() {
            strategy.heard_at = strategy.heard_at.map(|heard| heard.min(clock));
        }
    }

    /// Answers why a decision does not follow from what was before, if so.
    fn decided(&mut self, decision: &'e Recorded) -> Option<String> {
        let name = decision.event.strategy()?;
        // Of a strategy that nothing was heard of there is nothing to know.
        if matches!(decision.event, Event::StrategyEnableRefused(_)) && !self.strategies.contains_key(name) {
            return None;
        }
        let strategy = self.strategies.entry(name).or_default();
        let before = strategy.state;
        let letters = self.nobody.letters;
        let follows = match &decision.event {
            Event::StrategyDisabled(e) => strategy.halt(decision.event_id) && e.from == before,
            Event::StrategyReduced(e) => strategy.reduce() && e.from == before,
            Event::StrategyEnabled(e) => {
                strategy.enable(e.by, decision.occurred_at, letters);
                let afresh = e.by == DecidedBy::Operator && e.forgets.is_some();
                e.from == before && (afresh || before == StrategyState::Reducing)
            }
            Event::StrategyEnableRefused(e) => e.state == before && before != StrategyState::Halted,
            Event::StrategyKeptHalted(e) => {
                before == StrategyState::Halted && e.disabled_by == strategy.halted_by
            }
            Event::TradeAfterHalt(e) => strategy.tell_after_halt(e.disabled_by),
            _ => true,
        };
        (!follows).then(|| format!("{name} was {before:?}, then {:?}", decision.event))
    }

    fn fails_open(&self) -> Option<String> {
        let open = self.strategies.iter().find_map(|(name, strategy)| {
            let cause = (strategy.state == StrategyState::Active).then(|| self.cause(name, strategy))??;
            Some((name, cause))
        });
        open.map(|(name, cause)| format!("{name} is ACTIVE although {cause}"))
    }

    fn cause(&self, name: &str, strategy: &Strategy) -> Option<&'static str> {
        let silence = self.config.of(name).max_silence_s;
        let silence_ends = strategy.heard_at.zip(silence).map(|(at, s)| at.plus_seconds(s as i64));
        let causes = [
            (!self.stalled.is_empty(), "a source stands still"),
            (!strategy.missing.is_empty() || strategy.missing_for_good, "a report is in the dead letters"),
            (self.nobody.reducing && strategy.pardoned < self.nobody.letters, "records of nobody came"),
            (self.clock_behind, "the clock is behind"),
            (silence_ends.is_some_and(|ends| ends <= self.clock), "it is silent"),
        ];
        causes.into_iter().find(|(holds, _)| *holds).map(|(_, cause)| cause)
    }
}

impl Nobody {
    fn miss(&mut self, at: Timestamp) {
        self.letters += 1;
        self.trade_since = false;
        self.came.push(at);
        if let [.., first, _, last] = self.came[..] {
            self.reducing |= last <= first.plus_seconds(600);
        }
    }

    fn end_if_over(&mut self, clock: Timestamp) {
        let quiet = self.came.iter().max().is_some_and(|last| last.plus_seconds(600) <= clock);
        if quiet && self.trade_since {
            *self = Self { letters: self.letters, ..Self::default() };
        }
    }
}

impl Strategy {
    fn miss(&mut self, letter: &RecordRejected) {
        match &letter.trade_id {
            Some(id) if letter.recorded.is_none() => {
                self.missing.insert(id.clone());
            }
            _ => self.missing_for_good = true,
        }
    }

    fn halt(&mut self, by: Uuid) -> bool {
        let first = self.state != StrategyState::Halted;
        (self.state, self.halted_by, self.told_after_halt) = (StrategyState::Halted, Some(by), false);
        first
    }

    fn reduce(&mut self) -> bool {
        let allowed = self.state != StrategyState::Halted;
        self.state = StrategyState::Reducing;
        allowed
    }

    fn enable(&mut self, by: DecidedBy, at: Timestamp, letters: usize) {
        (self.state, self.halted_by) = (StrategyState::Active, None);
        if by == DecidedBy::Operator {
            self.pardoned = letters;
            (self.missing_for_good, self.heard_at) = (false, self.heard_at.max(Some(at)));
            self.missing.clear();
        }
    }

    fn tell_after_halt(&mut self, halt: Uuid) -> bool {
        self.halted_by == Some(halt) && !std::mem::replace(&mut self.told_after_halt, true)
    }
}
