//! Families of events: what is read and folded is chosen by family.

use crate::payload::Type;

/// A family of events; what is read and folded is chosen by family. The numbers are written to disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    /// Closed trades.
    Trade = 1,
    /// Dead letters, progress and faults of sources.
    Ingest = 2,
    /// Decisions about strategies.
    Strategy = 3,
    /// Decisions about performance.
    Performance = 4,
    /// What people are to be told.
    Alert = 5,
    /// What operators ask.
    Request = 6,
    /// Moments that actors wait for.
    Timer = 7,
    /// Schedules that fired or were missed.
    Schedule = 8,
    /// The configuration of actors.
    Configuration = 9,
    /// Runs and failures of our own parts.
    Host = 10,
    /// How far decisions are published.
    Publish = 11,
    /// Our own clock against the log.
    Clock = 12,
}

/// A set of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilySet(u64);

impl FamilySet {
    /// Every family, those of later versions too.
    pub const ALL: Self = Self(u64::MAX);

    /// What the actors decide about the bot: these are published. Each type says whether it is one of them.
    pub const DECISIONS: Self = Self::of(&[Family::Strategy, Family::Performance, Family::Alert]);

    /// The set of these families.
    #[must_use]
    pub const fn of(families: &[Family]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < families.len() {
            bits |= 1 << families[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// The families of types, by their names; a name that no type has adds none.
    pub fn of_types<N: AsRef<str>>(names: &[N]) -> Self {
        let families = names.iter().filter_map(|name| Type::named(name.as_ref()));
        families.fold(Self::of(&[]), |set, known| set.union(Self::of(&[known.family])))
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a family, by its number on disk, belongs to the set.
    #[must_use]
    pub const fn contains_code(self, code: u8) -> bool {
        // A number that no version gives is in the set of all: who reads everything is to be told, not spared.
        if code < 64 { self.0 & (1 << code) != 0 } else { self.0 == u64::MAX }
    }

    /// Whether a family belongs to the set.
    #[must_use]
    pub const fn contains(self, family: Family) -> bool {
        self.contains_code(family as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_of_types_are_those_of_their_events_and_no_others() {
        let set = FamilySet::of_types(&["StrategyDisabled", "HaltMissed", "no such type"]);
        assert_eq!(set, FamilySet::of(&[Family::Strategy, Family::Host]));
        assert_eq!(FamilySet::of_types::<&str>(&[]), FamilySet::of(&[]));
    }
}
