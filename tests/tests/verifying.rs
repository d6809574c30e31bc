//! `verify` passes over nobody.

use std::{sync::Arc, time::Duration};

use events::{AlertKind, AlertRaised, Event, NewEvent, Severity, Uuid, id};
use runtime::system::System;
use tests::{append, at, config, fact, memory_log, trade, verify};

fn alert_of(producer: &str) -> NewEvent {
    let alert = AlertRaised {
        kind: AlertKind::SourceStalled,
        subject: "x".into(),
        severity: Severity::Critical,
        message: "x".into(),
    };
    let (id, moment) = (id::derive(&[producer.as_bytes()]), at("2025-03-03T00:00:00Z"));
    NewEvent::root(id, moment, &Arc::from(producer), Uuid::nil(), Event::AlertRaised(alert))
}

#[test]
fn a_decision_of_an_actor_that_nobody_knows_is_unverifiable_and_not_passed_over() {
    let log = memory_log();
    append(&*log, "actor-health_monitor", [alert_of("actor:health_monitor")]);
    let findings = verify(&log);
    assert_eq!((findings.decisions, findings.reproduced, findings.unverifiable), (1, 0, 1));
    assert_eq!(findings.differences, []);
}

#[test]
fn a_decision_in_anothers_name_or_place_is_a_difference() {
    let strangers = [
        ("requests", "actor:strategy_guard"),
        ("actor-strategy_guard", "actor:health_monitor"),
        ("actor-health_monitor", "actor:strategy_guard"),
        ("actor-strategy_guard", "operator:ann"),
    ];
    for (stream, producer) in strangers {
        let log = memory_log();
        append(&*log, stream, [alert_of(producer)]);
        let findings = verify(&log);
        assert!(!findings.differences.is_empty(), "{producer} in {stream}: {findings:?}");
    }
}

#[test]
fn every_decision_of_every_actor_is_accounted_for() {
    let log = memory_log();
    let system = System::start(&log, &config()).unwrap();
    let lost = |n: i64| fact(trade("a", &n.to_string(), "-6", at("2025-03-03T00:00:00Z").plus_seconds(n)));
    let head = append(&*log, "ingest", (0..3).map(lost));
    assert!(system.wait_for(head, Duration::from_secs(20)));
    system.stop();
    let found = verify(&log);
    assert!(found.decisions > 0);
    assert_eq!(found.decisions, found.reproduced + found.other_rules + found.unverifiable);
}
