//! What an actor is: two total, pure functions, and when it wants to be woken.

use std::fmt::Debug;

use events::{Event, Fact, FamilySet, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

/// A decider. `evolve` folds facts into a state, `decide` answers a fact with decisions.
///
/// Both are total: no input makes them fail. A decision depends on the state, the fact and the configuration that
/// stood in the log before the fact, on nothing else, so that a replay decides the same.
pub trait Decider: Clone + Debug + PartialEq + Send + 'static {
    /// Name of the actor, as in its stream and its section of the configuration.
    const NAME: &'static str;
    /// Rises whenever a rule would decide otherwise; recorded with every decision.
    const RULES_VERSION: u32;
    /// Rises whenever the state folds otherwise; snapshots of another version are thrown away.
    const STATE_VERSION: u32;
    /// Whether strategies stand without a guard when this actor is taken out of service.
    const GUARDS: bool = false;
    /// Thresholds; comes from the log as an event.
    type Config: Clone + Debug + Default + PartialEq + Send + Serialize + DeserializeOwned + 'static;
    /// What it remembers.
    type State: Clone + Debug + Default + PartialEq + Send + Serialize + DeserializeOwned + 'static;

    /// The families of events that it reads, its configuration among them.
    fn interests() -> FamilySet;

    /// Its configuration, when the event carries it.
    fn configured(event: &Event) -> Option<&Self::Config>;

    /// Folds an input, or one of its own decisions, into the state.
    fn evolve(state: &mut Self::State, fact: Fact<'_>);

    /// Decides on an input that has just been folded.
    fn decide(state: &Self::State, fact: Fact<'_>, config: &Self::Config) -> Vec<Event>;

    /// The next moment at which it wants a `TimerDue`.
    fn next_deadline(state: &Self::State, config: &Self::Config) -> Option<Timestamp>;

    /// The stream that only this actor appends to.
    #[must_use]
    fn stream() -> String {
        format!("actor-{}", Self::NAME)
    }
}
