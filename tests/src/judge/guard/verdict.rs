//! A decision without its numbers and words.

use std::fmt::Debug;

use events::{
    AlertKind, DecidedBy, EnableRefusal, Event, ReduceCauseKind, RuleName, Severity, StrategyState, Uuid,
};

/// See the module.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict<'e> {
    Halted { strategy: &'e str, from: StrategyState, by: DecidedBy, rules: Vec<RuleName>, has_reason: bool },
    Reduced { strategy: &'e str, from: StrategyState, causes: Vec<ReduceCauseKind> },
    Enabled { strategy: &'e str, from: StrategyState, by: DecidedBy, afresh: bool },
    Refused { strategy: &'e str, state: StrategyState, refusal: EnableRefusal },
    Kept { strategy: &'e str, halt: Option<Uuid> },
    AfterHalt { strategy: &'e str, trade: &'e str, halt: Uuid },
    Raised { kind: AlertKind, subject: String, severity: Severity },
    Cleared { kind: AlertKind, subject: String },
    Unknown(&'e Event),
}

impl<'e> Verdict<'e> {
    pub(super) fn of(decision: &'e Event) -> Self {
        match decision {
            Event::StrategyDisabled(e) if e.to == StrategyState::Halted => Self::Halted {
                strategy: &e.strategy,
                from: e.from,
                by: e.by,
                rules: e.rules.iter().map(|breach| breach.rule).collect(),
                has_reason: e.reason.is_some(),
            },
            Event::StrategyReduced(e) if (e.by, e.to) == (DecidedBy::Rule, StrategyState::Reducing) => {
                let causes = e.causes.iter().map(|cause| cause.kind).collect();
                Self::Reduced { strategy: &e.strategy, from: e.from, causes }
            }
            Event::StrategyEnabled(e) if e.to == StrategyState::Active => {
                let afresh = e.forgets.is_some();
                Self::Enabled { strategy: &e.strategy, from: e.from, by: e.by, afresh }
            }
            Event::StrategyEnableRefused(e) => {
                Self::Refused { strategy: &e.strategy, state: e.state, refusal: e.refusal }
            }
            Event::StrategyKeptHalted(e) => Self::Kept { strategy: &e.strategy, halt: e.disabled_by },
            Event::TradeAfterHalt(e) => {
                Self::AfterHalt { strategy: &e.strategy, trade: &e.trade_id, halt: e.disabled_by }
            }
            Event::AlertRaised(e) => {
                Self::Raised { kind: e.kind, subject: e.subject.clone(), severity: e.severity }
            }
            Event::AlertCleared(e) => Self::Cleared { kind: e.kind, subject: e.subject.clone() },
            other => Self::Unknown(other),
        }
    }

    pub(super) fn raised(kind: AlertKind, subject: &str, severity: Severity) -> Self {
        Self::Raised { kind, subject: subject.to_owned(), severity }
    }

    pub(super) fn cleared(kind: AlertKind, subject: &str) -> Self {
        Self::Cleared { kind, subject: subject.to_owned() }
    }
}

/// Whether both hold the same, in whatever order.
pub(super) fn are_same(wanted: &[Verdict<'_>], found: &[Verdict<'_>]) -> bool {
    let sorted = |verdicts: &[Verdict<'_>]| {
        let mut texts: Vec<_> = verdicts.iter().map(|verdict| format!("{verdict:?}")).collect();
        texts.sort();
        texts
    };
    wanted == found || sorted(wanted) == sorted(found)
}
