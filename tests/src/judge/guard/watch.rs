//! What a guard watches, and what it has to decide on each fact.

use std::collections::{BTreeMap, BTreeSet};

use events::{
    AlertKind, DecidedBy, EnableRefusal, Event, HaltMissed, RecordRejected, Recorded, ReduceCauseKind,
    RejectReason, Severity, StrategyDisabled, StrategyEnableRequested, StrategyEnabled,
    StrategyGuardConfigured, StrategyState, Timestamp, TradeClosed,
};

use super::{
    limits,
    nobody::Nobody,
    strategy::Strategy,
    verdict::{Verdict, are_same},
};

/// Everything that is known.
#[derive(Default)]
pub(super) struct Watch<'e> {
    strategies: BTreeMap<&'e str, Strategy<'e>>,
    stalled: BTreeSet<&'e str>,
    config: StrategyGuardConfigured,
    clock: Timestamp,
    clock_behind: bool,
    clock_told: bool,
    nobody: Nobody,
}

/// Whether the rules could be checked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Check {
    Made,
    Failed,
    /// They were not looked at: what was told about them holds.
    AsAnnounced,
}

impl<'e> Watch<'e> {
    /// Takes in a fact.
    pub(super) fn learn(&mut self, fact: &'e Recorded) {
        match &fact.event {
            Event::TradeClosed(trade) => {
                self.nobody.see_trade();
                self.strategy(&trade.strategy).close(trade);
            }
            Event::RecordRejected(letter) if hides_a_trade(letter) => match letter.strategy.as_deref() {
                Some(name) => self.strategy(name).miss(letter),
                None => self.nobody.miss(fact.occurred_at),
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
    }

    fn accept(&mut self, clock: Timestamp) {
        (self.clock_behind, self.clock) = (false, self.clock.min(clock));
        self.nobody.accept(clock);
        self.strategies.values_mut().for_each(|strategy| strategy.accept(clock));
    }

    fn strategy(&mut self, name: &'e str) -> &mut Strategy<'e> {
        self.strategies.entry(name).or_default()
    }

    /// Takes in a decision on the fact.
    pub(super) fn follow(&mut self, decision: &'e Recorded) {
        match &decision.event {
            Event::StrategyDisabled(e) => {
                self.strategy(&e.strategy).halt(decision.event_id, decision.occurred_at);
            }
            Event::StrategyReduced(e) => {
                let strategy = self.strategy(&e.strategy);
                strategy.state = StrategyState::Reducing;
                strategy.announced = e.causes.iter().map(|cause| cause.kind).collect();
            }
            Event::StrategyEnabled(e) => {
                let letters = self.nobody.letters;
                self.strategy(&e.strategy).enable(e, decision.occurred_at, letters);
            }
            Event::TradeAfterHalt(e) => self.strategy(&e.strategy).told_after_halt = true,
            Event::AlertRaised(e) => self.note_alert(e.kind, &e.subject, Some(e.severity)),
            Event::AlertCleared(e) => self.note_alert(e.kind, &e.subject, None),
            _ => {}
        }
    }

    fn note_alert(&mut self, kind: AlertKind, subject: &'e str, open: Option<Severity>) {
        match kind {
            AlertKind::RecordsUnattributed if open.is_none() => self.nobody.end(),
            AlertKind::RecordsUnattributed => self.nobody.alert = open,
            AlertKind::ClockBehind => self.clock_told = open.is_some(),
            AlertKind::SourceStalled | AlertKind::RecordsMissing => {}
            _ => self.strategy(subject).note_alert(kind, open.is_some()),
        }
    }

    /// What is wrong with the decisions on a fact that was taken in, if anything.
    pub(super) fn wrong(&self, fact: &'e Recorded, decided: &[&'e Recorded]) -> Option<String> {
        let wanted = self.wanted(&fact.event);
        let found: Vec<_> = decided.iter().map(|decision| Verdict::of(&decision.event)).collect();
        if !are_same(&wanted, &found) {
            return Some(format!("{:?}: decided {found:?}, not {wanted:?}", fact.event));
        }
        let wrong = |decision: &&&Recorded| match &decision.event {
            Event::StrategyDisabled(e) => !self.is_halt(e, &fact.event),
            Event::StrategyEnabled(e) => !self.is_forgotten(e),
            _ => false,
        };
        let number = decided.iter().find(wrong);
        number.map(|decision| format!("{:?}: the numbers of {:?} are wrong", fact.event, decision.event))
    }

    fn wanted(&self, fact: &'e Event) -> Vec<Verdict<'e>> {
        match fact {
            Event::TradeClosed(trade) => self.on_trade(trade),
            Event::RecordRejected(letter) if hides_a_trade(letter) => match letter.strategy.as_deref() {
                Some(name) => self.reconcile(name, Check::AsAnnounced),
                None => self.on_letter(),
            },
            Event::RecordsMissing(e) => {
                let subject = format!("{}/{}", e.topic, e.partition);
                vec![Verdict::raised(AlertKind::RecordsMissing, &subject, Severity::Critical)]
            }
            Event::SourceStalled(e) => {
                let alert = Verdict::raised(AlertKind::SourceStalled, &e.source, Severity::Critical);
                self.with_all(Some(alert))
            }
            Event::SourceCaughtUp(e) => {
                self.with_all(Some(Verdict::cleared(AlertKind::SourceStalled, &e.source)))
            }
            Event::ClockFellBehind(_) | Event::ClockCaughtUp(_) | Event::ClockAcceptRequested(_) => {
                self.with_all(self.of_clock())
            }
            Event::TimerDue(_) | Event::StrategyGuardConfigured(_) => self.with_all(self.end_of_nobody()),
            Event::HaltMissed(e) => self.on_missed(e),
            Event::StrategyDisableRequested(e) => self.on_disable(&e.strategy),
            Event::StrategyEnableRequested(e) => self.on_enable(e),
            _ => Vec::new(),
        }
    }

    fn on_trade(&self, trade: &'e TradeClosed) -> Vec<Verdict<'e>> {
        let name = trade.strategy.as_str();
        let mut wanted = match self.strategies.get(name) {
            Some(strategy) if strategy.state == StrategyState::Halted => after_halt(strategy, trade),
            Some(strategy) if strategy.is_too_old(trade) => {
                let mut wanted = self.reconcile(name, Check::AsAnnounced);
                if strategy.too_old >= 3 && !strategy.too_old_told {
                    wanted.push(Verdict::raised(AlertKind::TradesTooOld, name, Severity::Warning));
                }
                wanted
            }
            Some(strategy) => self.judged(strategy, trade),
            None => Vec::new(),
        };
        if let Some(end) = self.end_of_nobody() {
            let others = self.strategies.keys().filter(|other| self.nobody.reducing && **other != name);
            wanted.extend(others.flat_map(|other| self.reconcile(other, Check::AsAnnounced)));
            wanted.push(end);
        }
        wanted
    }

    fn judged(&self, strategy: &Strategy<'e>, trade: &'e TradeClosed) -> Vec<Verdict<'e>> {
        let name = trade.strategy.as_str();
        let (day, books) = (limits::day(trade), strategy.books(self.config.of(name)));
        let rules = books.breached(&day);
        let mut wanted: Vec<_> = strategy
            .too_old_told
            .then(|| Verdict::cleared(AlertKind::TradesTooOld, name))
            .into_iter()
            .collect();
        if rules.is_empty() {
            let failed = books.cannot_be_checked(&day);
            wanted.extend(self.reconcile(name, if failed { Check::Failed } else { Check::Made }));
            return wanted;
        }
        wanted.extend(strategy.alert.map(|kind| Verdict::cleared(kind, name)));
        let (from, by) = (strategy.state, DecidedBy::Rule);
        wanted.push(Verdict::Halted { strategy: name, from, by, rules, has_reason: false });
        wanted.push(Verdict::raised(AlertKind::StrategyDisabled, name, Severity::Critical));
        wanted
    }

    fn on_letter(&self) -> Vec<Verdict<'e>> {
        let severity = self.nobody.severity();
        let louder = self.nobody.alert < Some(severity);
        self.with_all(louder.then(|| Verdict::raised(AlertKind::RecordsUnattributed, "intake", severity)))
    }

    fn end_of_nobody(&self) -> Option<Verdict<'e>> {
        let over = self.nobody.is_over(self.clock);
        over.then(|| Verdict::cleared(AlertKind::RecordsUnattributed, "intake"))
    }

    fn of_clock(&self) -> Option<Verdict<'e>> {
        match (self.clock_behind, self.clock_told) {
            (true, false) => Some(Verdict::raised(AlertKind::ClockBehind, "clock", Severity::Critical)),
            (false, true) => Some(Verdict::cleared(AlertKind::ClockBehind, "clock")),
            _ => None,
        }
    }

    fn on_disable(&self, name: &'e str) -> Vec<Verdict<'e>> {
        let fresh = Strategy::default();
        let strategy = self.strategies.get(name).unwrap_or(&fresh);
        if strategy.state == StrategyState::Halted {
            return vec![Verdict::Kept { strategy: name, halt: strategy.halt.map(|(id, _)| id) }];
        }
        let (from, by, rules) = (strategy.state, DecidedBy::Operator, Vec::new());
        let halted = Verdict::Halted { strategy: name, from, by, rules, has_reason: true };
        strategy.alert.map(|kind| Verdict::cleared(kind, name)).into_iter().chain([halted]).collect()
    }

    /// The halt of then, if none is in force by now.
    fn on_missed(&self, missed: &'e HaltMissed) -> Vec<Verdict<'e>> {
        let (name, fresh) = (missed.strategy.as_str(), Strategy::default());
        let strategy = self.strategies.get(name).unwrap_or(&fresh);
        if strategy.state == StrategyState::Halted {
            return Vec::new();
        }
        let (from, by, has_reason) = (strategy.state, missed.by, missed.reason.is_some());
        let rules = missed.rules.iter().map(|breach| breach.rule).collect();
        let cleared = strategy.alert.map(|kind| Verdict::cleared(kind, name));
        let halted = Verdict::Halted { strategy: name, from, by, rules, has_reason };
        let raised = Verdict::raised(AlertKind::StrategyDisabled, name, Severity::Critical);
        cleared.into_iter().chain([halted, raised]).collect()
    }

    fn on_enable(&self, request: &'e StrategyEnableRequested) -> Vec<Verdict<'e>> {
        let (name, fresh) = (request.strategy.as_str(), Strategy::default());
        let strategy = self.strategies.get(name).unwrap_or(&fresh);
        let holding = self.of_all();
        let from = strategy.state;
        let afresh = request.reset_counters || from == StrategyState::Halted;
        let only_of_all =
            !strategy.announced.is_empty() && strategy.announced.iter().all(|kind| is_of_all(*kind));
        let refusal = match from {
            StrategyState::Active => Some(EnableRefusal::IsActive),
            StrategyState::Reducing if only_of_all && !holding.is_empty() => Some(EnableRefusal::CauseHolds),
            _ => None,
        };
        if let Some(refusal) = refusal.filter(|_| !afresh) {
            return vec![Verdict::Refused { strategy: name, state: from, refusal }];
        }
        let mut wanted = vec![Verdict::Enabled { strategy: name, from, by: DecidedBy::Operator, afresh }];
        let contradicted = strategy.contradicted.then_some(AlertKind::StrategyContradicted);
        let too_old = (afresh && strategy.too_old_told).then_some(AlertKind::TradesTooOld);
        let over = [strategy.alert, contradicted, too_old];
        wanted.extend(over.into_iter().flatten().map(|kind| Verdict::cleared(kind, name)));
        if !holding.is_empty() {
            wanted.push(Verdict::Reduced { strategy: name, from: StrategyState::Active, causes: holding });
        }
        wanted
    }

    /// A decision, and whatever changes for every strategy.
    fn with_all(&self, decision: Option<Verdict<'e>>) -> Vec<Verdict<'e>> {
        let all = self.strategies.keys().flat_map(|name| self.reconcile(name, Check::AsAnnounced));
        decision.into_iter().chain(all).collect()
    }

    /// What is told when other causes hold than were told.
    fn reconcile(&self, name: &'e str, check: Check) -> Vec<Verdict<'e>> {
        let Some(strategy) = self.strategies.get(name) else { return Vec::new() };
        let causes = self.causes(name, strategy, check);
        let from = strategy.state;
        if from == StrategyState::Halted || causes == strategy.announced {
            return Vec::new();
        }
        if causes.is_empty() {
            let lifted = Verdict::Enabled { strategy: name, from, by: DecidedBy::Rule, afresh: false };
            return [lifted]
                .into_iter()
                .chain(strategy.alert.map(|kind| Verdict::cleared(kind, name)))
                .collect();
        }
        let own =
            causes.iter().any(|kind| !is_of_all(*kind) && *kind != ReduceCauseKind::RecordsUnattributed);
        let alert = own && strategy.alert.is_none();
        let alert = alert.then(|| Verdict::raised(AlertKind::StrategyReduced, name, Severity::Error));
        [Verdict::Reduced { strategy: name, from, causes }].into_iter().chain(alert).collect()
    }

    /// What holds every strategy, whoever enables it.
    fn of_all(&self) -> Vec<ReduceCauseKind> {
        let stale = (!self.stalled.is_empty()).then_some(ReduceCauseKind::SourceStale);
        let behind = self.clock_behind.then_some(ReduceCauseKind::ClockBehind);
        [stale, behind].into_iter().flatten().collect()
    }

    fn causes(&self, name: &str, strategy: &Strategy<'_>, check: Check) -> Vec<ReduceCauseKind> {
        use ReduceCauseKind as Kind;
        let check_failed = match check {
            Check::Made => false,
            Check::Failed => true,
            Check::AsAnnounced => strategy.announced.contains(&Kind::CheckFailed),
        };
        let silence = self.config.of(name).max_silence_s;
        let silence_ends = strategy.heard_at.zip(silence).map(|(at, s)| at.plus_seconds(s as i64));
        let (nobody, clock) = (&self.nobody, self.clock);
        let unattributed = nobody.reducing && strategy.pardoned < nobody.letters && !nobody.is_over(clock);
        let causes = [
            (check_failed, Kind::CheckFailed),
            (strategy.misses() > 0, Kind::TradeRejected),
            (!self.stalled.is_empty(), Kind::SourceStale),
            (silence_ends.is_some_and(|ends| ends <= clock), Kind::Silence),
            (unattributed, Kind::RecordsUnattributed),
            (self.clock_behind, Kind::ClockBehind),
        ];
        causes.into_iter().filter_map(|(holds, kind)| holds.then_some(kind)).collect()
    }

    /// A strategy that is ACTIVE while its guard cannot know.
    pub(super) fn fails_open(&self) -> Option<String> {
        let active = self.strategies.iter().filter(|(_, strategy)| strategy.state == StrategyState::Active);
        let mut open = active.filter_map(|(name, strategy)| {
            let cause = *self.causes(name, strategy, Check::AsAnnounced).first()?;
            Some(format!("{name} is ACTIVE although {}", in_words(cause)))
        });
        open.next()
    }

    fn is_halt(&self, halt: &StrategyDisabled, fact: &Event) -> bool {
        let closed = self.strategies.get(halt.strategy.as_str()).map_or(0, |strategy| strategy.closed);
        if halt.trades != Some(closed) {
            return false;
        }
        if let Event::HaltMissed(e) = fact {
            return (&halt.rules, &halt.metrics, halt.loss_basis) == (&e.rules, &e.metrics, e.loss_basis);
        }
        let fresh = Strategy::default();
        let strategy = self.strategies.get(halt.strategy.as_str()).unwrap_or(&fresh);
        let books = strategy.books(self.config.of(&halt.strategy));
        let of_newest = || strategy.newest.map(|newest| newest.to_string()[..10].to_owned());
        let day = if let Event::TradeClosed(trade) = fact { Some(limits::day(trade)) } else { of_newest() };
        let is_evidence = |breach| day.as_ref().is_some_and(|day| books.is_evidence(breach, day));
        halt.rules.iter().all(is_evidence)
            && books.are_metrics(&halt.metrics, halt.loss_basis, day.as_deref())
    }

    fn is_forgotten(&self, enabled: &StrategyEnabled) -> bool {
        let Some(forgets) = &enabled.forgets else { return true };
        let fresh = Strategy::default();
        let strategy = self.strategies.get(enabled.strategy.as_str()).unwrap_or(&fresh);
        let books = strategy.books(self.config.of(&enabled.strategy));
        let day = books.newest_day();
        let outcomes = books.trades.len().min(1000);
        forgets.day.as_deref() == day
            && books.is_percent(forgets.daily_loss_pct, day)
            && forgets.day_trades as usize == day.map_or(0, |day| books.of_day(day))
            && forgets.consecutive_losses as usize == books.row()
            && forgets.outcomes as usize == outcomes
            && forgets.rejected as usize == strategy.misses()
    }
}

/// A CloudEvent of another type was no trade.
fn hides_a_trade(letter: &RecordRejected) -> bool {
    letter.reason != RejectReason::OtherType
}

fn after_halt<'e>(strategy: &Strategy<'e>, trade: &'e TradeClosed) -> Vec<Verdict<'e>> {
    let name = trade.strategy.as_str();
    let Some((halt, at)) = strategy.halt else { return Vec::new() };
    let told = Verdict::AfterHalt { strategy: name, trade: &trade.trade_id, halt };
    let opened = trade.opened_at > at && !strategy.contradicted;
    let opened = opened.then(|| Verdict::raised(AlertKind::StrategyContradicted, name, Severity::Critical));
    (!strategy.told_after_halt).then_some(told).into_iter().chain(opened).collect()
}

/// What no enabling of one strategy ends.
const fn is_of_all(kind: ReduceCauseKind) -> bool {
    matches!(kind, ReduceCauseKind::SourceStale | ReduceCauseKind::ClockBehind)
}

const fn in_words(cause: ReduceCauseKind) -> &'static str {
    match cause {
        ReduceCauseKind::CheckFailed => "a check failed",
        ReduceCauseKind::TradeRejected => "a report is in the dead letters",
        ReduceCauseKind::SourceStale => "a source stands still",
        ReduceCauseKind::Silence => "it is silent",
        ReduceCauseKind::RecordsUnattributed => "records of nobody came",
        ReduceCauseKind::ClockBehind => "the clock is behind",
        ReduceCauseKind::GuardQuarantined => "its guard is quarantined",
    }
}
