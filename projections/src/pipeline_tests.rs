use super::*;
use crate::testing::{View, at, disabled, id, moment, rejected, trade};
use events::{
    ActorQuarantined, ActorRecovered, IngestAdvanced, PublishAdvanced, RejectReason, SourceCaughtUp,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn of(events: &[Recorded], collection: &'static str) -> Value {
    View::of(Pipeline::default, events).json(collection).remove(0)
}

fn from_partition(position: u64, offset: i64, event: Event) -> Recorded {
    let (stream, producer) = ("ingest-trades-0".into(), "source:kafka".into());
    Recorded { stream, producer, source_offset: Some(offset), ..at(position, event) }
}

fn stalled() -> Event {
    Event::SourceStalled(SourceStalled {
        source: "trades".into(),
        reason: StallReason::Behind,
        since: moment(1),
        detail: "as the test says".into(),
    })
}

#[test]
fn given_records_of_a_partition_then_its_next_offset_is_known() {
    let events = [
        from_partition(1, 10, trade("rsi", "1")),
        from_partition(2, 12, rejected(RejectReason::Empty, None)),
        from_partition(3, 12, Event::IngestAdvanced(IngestAdvanced { next_offset: 20 })),
    ];
    let stream = of(&events, STREAMS);
    assert_eq!((&stream["next_offset"], &stream["records"]), (&json!(20), &json!(2)));
    assert_eq!((&stream["rejected"], &stream["last_position"]), (&json!(1), &json!(3)));
    assert_eq!(of(&events[..2], STREAMS)["next_offset"], 13);
}

#[test]
fn given_a_stalled_source_then_it_is_told_until_it_has_caught_up() {
    let caught_up = Event::SourceCaughtUp(SourceCaughtUp { source: "trades".into() });
    let events = [at(1, stalled()), at(2, caught_up)];
    let source = of(&events[..1], SOURCES);
    assert_eq!((&source["stalled"], &source["reason"]), (&json!(true), &json!("behind")));
    assert_eq!(of(&events, SOURCES)["stalled"], false);
}

#[test]
fn given_missing_records_then_they_add_up() {
    let missing = |at_most| {
        let (topic, from_offset, to_offset) = ("trades".into(), 0, 5);
        Event::RecordsMissing(RecordsMissing { topic, partition: 0, from_offset, to_offset, at_most })
    };
    let events = [at(1, missing(5)), at(2, missing(u64::MAX))];
    assert_eq!(of(&events[..1], SOURCES)["records_missing_at_most"], 5);
    assert_eq!(of(&events, SOURCES)["records_missing_at_most"], u64::MAX);
}

#[test]
fn given_a_failing_actor_then_its_failure_its_quarantine_and_its_return_are_told() {
    let failed = ActorFailed { actor: "guard".into(), at_position: 7, message: "boom".into(), attempt: 3 };
    let quarantined = ActorQuarantined { actor: "guard".into(), at_position: 7, message: "boom".into() };
    let events = [
        at(8, Event::ActorFailed(failed)),
        at(9, Event::ActorQuarantined(quarantined)),
        at(10, Event::ActorRecovered(ActorRecovered { actor: "guard".into() })),
    ];
    let actor = of(&events[..2], ACTORS);
    assert_eq!((&actor["failures"], &actor["quarantined"]), (&json!(1), &json!(true)));
    assert_eq!(actor["last_failure"]["message"], "boom");
    assert_eq!(of(&events, ACTORS)["quarantined"], false);
}

#[test]
fn given_decisions_then_the_actor_shows_its_last_one() {
    let actor = of(&[at(4, disabled("rsi")), at(9, disabled("macd"))], ACTORS);
    assert_eq!((&actor["actor"], &actor["decisions"]), (&json!("strategy_guard"), &json!(2)));
    assert_eq!(
        (&actor["last_decision"]["position"], &actor["last_decision"]["basis_position"]),
        (&json!(9), &json!(8))
    );
}

#[test]
fn given_published_decisions_then_the_publisher_never_goes_back() {
    let advanced =
        |up_to_position| Event::PublishAdvanced(PublishAdvanced { cluster: "c".into(), up_to_position });
    let publisher = of(&[at(4, advanced(3)), at(5, advanced(2))], PUBLISHERS);
    assert_eq!(publisher["up_to_position"], 3);
}

#[test]
fn given_runs_then_each_is_listed() {
    let run = RunStarted {
        run_id: id(0),
        version: "0.1.0".into(),
        command: "run".into(),
        rules_versions: BTreeMap::new(),
        config_digest: "d".into(),
    };
    let run = of(&[at(1, Event::RunStarted(run))], RUNS);
    assert_eq!((&run["command"], &run["position"]), (&json!("run"), &json!(1)));
}
