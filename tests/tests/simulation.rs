//! The whole system under seeded simulation, and that the simulation would notice.

use std::collections::BTreeSet;

use actors::{Decider, StrategyGuard};
use events::Event;
use tests::simulation::{
    Breakage,
    broken::{Broken, FAILS_OPEN, FOLDS_TWICE},
    check, run,
};

/// Seeds of one run of the tests.
const SEEDS: u64 = 1000;

/// What is not played; everything else must have happened in some seed.
const NOT_PLAYED: &[&str] = &[
    // Of the ends of a topic and of its settings.
    "PartitionsAdded",
    "TopicSettingsSeen",
    // Of threads, and of what is beside a start.
    "ActorFailed",
    "ActorQuarantined",
    "ActorRecovered",
    "SnapshotDiffered",
    // What operators ask about schedules, and what follows.
    "ScheduleCreateRequested",
    "ScheduleCreated",
    "ScheduleSetRequested",
    "ScheduleChanged",
    "SchedulePauseRequested",
    "SchedulePaused",
    "ScheduleResumeRequested",
    "ScheduleResumed",
    "ScheduleDeleteRequested",
    "ScheduleDeleted",
    "ScheduleRunRequested",
    "ScheduleRefused",
    // Of the publisher.
    "PublishAdvanced",
    "PublishIdentityRenewed",
    "PublishTopicMade",
    "DeadLetterLeftOut",
    "OtherPublisherSeen",
    "OtherPublisherGone",
];

/// Seeds after which a fault must have been found.
const FEW: u64 = 20;

fn seeds() -> Vec<u64> {
    match std::env::var("TRADEWARDEN_SEED") {
        Ok(seed) => vec![seed.parse().expect("TRADEWARDEN_SEED is a number")],
        Err(_) => (0..SEEDS).collect(),
    }
}

#[test]
fn simulation_of_a_thousand_seeds_keeps_every_promise() {
    let seeds = seeds();
    let mut seen = BTreeSet::new();
    for seed in &seeds {
        match check(*seed) {
            Ok(run) => seen.extend(run.log.iter().map(|event| event.event.event_type())),
            Err(failure) => panic!("{failure}"),
        }
    }
    // All that the actors of today can say was said, and everything that they can hear was heard.
    let played = Event::types().map(|(name, _)| name).filter(|name| !NOT_PLAYED.contains(name));
    let never: Vec<_> = played.filter(|name| !seen.contains(name)).collect();
    assert!(seeds.len() == 1 || never.is_empty(), "never seen: {never:?}");
    assert!(NOT_PLAYED.iter().all(|name| !seen.contains(name)), "played after all");
}

#[test]
fn simulation_of_the_same_seed_is_the_same_to_the_last_event() {
    for seed in 0..5 {
        let (once, again) = (check(seed).unwrap().log, check(seed).unwrap().log);
        assert!(once.len() > 50);
        assert_eq!(once, again);
    }
}

/// What is found of a fault within a few seeds.
fn found<G: Decider>(breakage: Breakage) -> Vec<String> {
    (0..FEW).flat_map(|seed| run::<G>(seed, breakage).violations).collect()
}

fn is_told(violations: &[String], words: &str) -> bool {
    violations.iter().any(|violation| violation.contains(words))
}

#[test]
fn simulation_finds_a_guard_that_folds_its_decisions_twice() {
    let violations = found::<Broken<FOLDS_TWICE>>(Breakage::None);
    assert!(is_told(&violations, "undisturbed"), "{violations:?}");
    assert!(is_told(&violations, "verify finds"), "{violations:?}");
}

#[test]
fn simulation_finds_a_guard_that_fails_open() {
    let violations = found::<Broken<FAILS_OPEN>>(Breakage::None);
    assert!(is_told(&violations, "ACTIVE although a source stands still"), "{violations:?}");
    assert!(is_told(&violations, "ACTIVE although a report is in the dead letters"), "{violations:?}");
    assert!(is_told(&violations, "ACTIVE although it is silent"), "{violations:?}");
}

#[test]
fn simulation_finds_a_log_that_appends_in_part() {
    let violations = found::<StrategyGuard>(Breakage::TornAppends);
    assert!(is_told(&violations, "undisturbed"), "{violations:?}");
}

#[test]
fn simulation_finds_a_source_that_goes_on_before_its_batch_is_durable() {
    let violations = found::<StrategyGuard>(Breakage::OffsetBeforeAppend);
    assert!(is_told(&violations, "its trade is lost"), "{violations:?}");
}

#[test]
fn simulation_finds_a_view_that_forgets_its_position() {
    let violations = found::<StrategyGuard>(Breakage::ViewsForgetPosition);
    assert!(is_told(&violations, "the view"), "{violations:?}");
}
