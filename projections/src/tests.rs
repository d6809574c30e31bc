//! What holds for every projection.

use events::{DecidedBy, Event, Recorded, RejectReason};
use proptest::prelude::*;

use crate::testing::{View, analyzed, at, disabled, enabled, reduced, rejected, skipped, trade};
use crate::{ALL, Projection};

fn any_event() -> impl Strategy<Value = Event> {
    let strategy = prop::sample::select(vec!["rsi", "macd", ""]);
    let by = prop::sample::select(vec![DecidedBy::Rule, DecidedBy::Operator, DecidedBy::Supervisor]);
    (0..8usize, strategy, by, -3.0..3.0f64).prop_map(|(kind, name, by, figure)| match kind {
        0 => trade(name, &format!("{figure:.4}")),
        1 => disabled(name),
        2 => reduced(name, by),
        3 => enabled(name, by),
        4 => rejected(RejectReason::TooLarge, Some(name)),
        5 => rejected(RejectReason::NotUtf8, None),
        6 => analyzed(figure, Some(figure)),
        _ => skipped(3),
    })
}

fn any_history() -> impl Strategy<Value = (Vec<Recorded>, Vec<usize>)> {
    let events = prop::collection::vec(any_event(), 0..60).prop_map(|events| {
        (1..).zip(events).map(|(position, event)| at(position, event)).collect::<Vec<_>>()
    });
    (events, prop::collection::vec(0..60usize, 0..6))
}

/// The trait is used through a box everywhere; so do the tests.
impl Projection for Box<dyn Projection> {
    fn interests(&self) -> events::FamilySet {
        (**self).interests()
    }
    fn apply(&mut self, event: &Recorded) {
        if self.interests().contains(event.event.family()) {
            (**self).apply(event);
        }
    }
    fn has_changes(&self) -> bool {
        (**self).has_changes()
    }
    fn take_changes(&mut self) -> Vec<crate::Change> {
        (**self).take_changes()
    }
    fn restore(&mut self, saved: &dyn crate::Saved) -> Result<(), crate::RestoreError> {
        (**self).restore(saved)
    }
}

proptest! {
    #[test]
    fn any_cut_into_batches_gives_the_view_of_one_go((events, cuts) in any_history()) {
        for kind in ALL {
            let in_one_go = View::of(kind.new, &events);
            let in_batches = View::in_batches(kind.new, &events, &cuts);
            prop_assert_eq!(in_batches.documents(), in_one_go.documents(), "{}", kind.name);
            let is_known = |name: &str| kind.collections.iter().any(|known| known.name == name);
            prop_assert!(in_one_go.documents().keys().all(|(name, _)| is_known(name)), "{}", kind.name);
        }
    }

    #[test]
    fn events_of_other_families_change_nothing((events, _) in any_history()) {
        for kind in ALL {
            let mut projection = (kind.new)();
            let others = events.iter().filter(|e| !projection.interests().contains(e.event.family()));
            others.collect::<Vec<_>>().into_iter().for_each(|event| (*projection).apply(event));
            prop_assert!(!projection.has_changes(), "{}", kind.name);
        }
    }
}

#[test]
fn names_and_collections_are_fit_for_files_and_tables() {
    let fits = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let mut names: Vec<_> = ALL.iter().map(|kind| kind.name).collect();
    for kind in ALL {
        assert!(fits(kind.name) && kind.collections.iter().all(|c| fits(c.name)));
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ALL.len());
}
