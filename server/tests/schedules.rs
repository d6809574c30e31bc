//! Schedules made, changed, paused, run and deleted by real processes, over the command line and over HTTP.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]
// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::Home;

/// How long is waited for what comes within a second or two.
const PATIENCE: Duration = Duration::from_secs(20);

fn schedule(home: &Home, name: &str) -> Value {
    home.run(&["schedules", "show", name, "--json"]).json().remove(0)
}

/// The planned moments of firings in the log, and the stretches that were missed, as seconds and counts.
fn events(home: &Home, kind: &str, name: &str) -> Vec<Value> {
    let all = home.run(&["events", "list", "--type", kind, "--json"]).json();
    all.into_iter().map(|event| event["event"].clone()).filter(|event| event["schedule"] == name).collect()
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_schedule_made_by_command_fires_each_moment_once_over_kills() {
    let home = Home::new();
    let mut server = home.serve();
    let made = home.run(&[
        "schedules",
        "create",
        "often",
        "--every",
        "1s",
        "--job",
        "performance_analysis",
        "--overlap",
        "allow",
        "--missed",
        "run_all",
        "--limit",
        "1000",
        "--reason",
        "tested",
    ]);
    assert!(made.code == 0 && made.out.contains("ScheduleCreated"), "{made:?}");
    for _ in 0..3 {
        let before = events(&home, "ScheduleFired", "often").len();
        wait_until("it fires", || events(&home, "ScheduleFired", "often").len() > before + 1);
        server.end("-KILL");
        thread::sleep(Duration::from_millis(2100));
        server = home.serve();
    }
    wait_until("it fires", || schedule(&home, "often")["fired"].as_u64() > Some(12));
    let planned: Vec<String> = events(&home, "ScheduleFired", "often")
        .iter()
        .map(|fired| fired["planned_at"].as_str().unwrap().to_owned())
        .collect();
    let mut seconds: Vec<_> =
        planned.iter().map(|moment| events::Timestamp::parse(moment).unwrap().micros()).collect();
    let fired = seconds.len();
    seconds.sort_unstable();
    seconds.dedup();
    assert_eq!(seconds.len(), fired, "a moment fired twice: {planned:?}");
    assert!(seconds.windows(2).all(|pair| pair[1] - pair[0] == 1_000_000), "a moment was lost: {planned:?}");
    server.terminate();
    let verified = home.run(&["verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[test]
fn a_pause_is_told_as_missed_moments_and_outlives_a_restart() {
    let home = Home::new();
    let mut server = home.serve();
    let create = [
        "schedules",
        "create",
        "often",
        "--every",
        "1s",
        "--job",
        "performance_analysis",
        "--reason",
        "tested",
    ];
    assert_eq!(home.run(&create).code, 0);
    assert_eq!(home.run(&["schedules", "pause", "often", "--reason", "tested"]).code, 0);
    assert_eq!(schedule(&home, "often")["state"], "paused");
    server.terminate();
    server = home.serve();
    let paused = schedule(&home, "often");
    assert_eq!((&paused["state"], &paused["next"]), (&json!("paused"), &json!([])));
    let fired = paused["fired"].clone();
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(schedule(&home, "often")["fired"], fired);
    assert_eq!(home.run(&["schedules", "resume", "often", "--reason", "tested"]).code, 0);
    let missed = events(&home, "ScheduleMissed", "often");
    assert!(missed.iter().any(|stretch| stretch["reason"] == "paused"), "{missed:?}");
    wait_until("it fires again", || schedule(&home, "often")["fired"].as_u64() > fired.as_u64());
    server.terminate();
}

#[test]
fn what_cannot_be_is_refused_with_its_code_and_nothing_changes() {
    let home = Home::new();
    let server = home.serve();
    let refused = |arguments: &[&str], code: &str| {
        let told = home.run(&[arguments, &["--reason", "tested"]].concat());
        assert!(told.code != 0 && told.err.contains(code), "{arguments:?}: {told:?}");
    };
    let before = home.run(&["schedules", "list", "--json"]).out;
    refused(
        &["schedules", "create", "x", "--cron", "61 * * * *", "--job", "performance_analysis"],
        "five fields",
    );
    refused(&["schedules", "create", "x", "--every", "5m"], "known are performance_analysis");
    refused(&["schedules", "create", "x", "--job", "performance_analysis"], "one of cron and every");
    let mars = [
        "schedules",
        "create",
        "x",
        "--cron",
        "0 1 * * *",
        "--job",
        "performance_analysis",
        "--zone",
        "Mars",
    ];
    refused(&mars, "no such zone");
    refused(&["schedules", "delete", "performance_analysis"], "configuration");
    refused(&["schedules", "run", "nobody"], "no schedule");
    assert_eq!(home.run(&["schedules", "list", "--json"]).out, before);
    drop(server);
}

#[test]
fn a_protected_schedule_is_paused_only_when_it_is_confirmed() {
    let home = Home::new();
    let _server = home.serve_with(&["--set", "schedules.performance_analysis.protected=true"]);
    let pause = ["schedules", "pause", "performance_analysis", "--reason", "tested"];
    let told = home.run(&pause);
    assert!(told.code != 0 && told.err.contains("--confirm performance_analysis"), "{told:?}");
    home.run(&["schedules", "pause", "--all", "--reason", "tested"]);
    assert_eq!(schedule(&home, "performance_analysis")["state"], "active", "a maintenance spares it");
    let status = home.run(&["schedules", "status", "--json"]).json().remove(0);
    assert_eq!((&status["maintenance"], &status["schedules"]), (&json!(true), &json!(1)));
    let told = home.run(&[&pause[..], &["--confirm", "performance_analysis"]].concat());
    assert!(told.code == 0 && told.out.contains("SchedulePaused"), "{told:?}");
    let again = home.run(&[&pause[..], &["--confirm", "performance_analysis"]].concat());
    assert!(again.code == 0 && again.err.contains("already"), "{again:?}");
}

#[test]
fn a_run_by_hand_is_answered_with_its_firing_and_makes_an_analysis() {
    let home = Home::new();
    let _server = home.serve();
    let told = home.run(&["schedules", "run", "performance_analysis", "--reason", "tested", "--json"]);
    let fired = &told.json()[0]["event"];
    assert_eq!(fired["trigger"], "operator", "{told:?}");
    wait_until("the analysis answers", || {
        let skipped = home.run(&["events", "list", "--type", "PerformanceAnalysisSkipped", "--json"]).json();
        skipped.iter().any(|event| event["event"]["planned_at"] == fired["planned_at"])
    });
}

#[test]
fn a_schedule_is_changed_in_what_is_given_and_deleted() {
    let home = Home::new();
    let _server = home.serve();
    let create = [
        "schedules",
        "create",
        "noon",
        "--cron",
        "0 12 * * *",
        "--zone",
        "Europe/Berlin",
        "--job",
        "performance_analysis",
        "--reason",
        "tested",
    ];
    assert_eq!(home.run(&create).code, 0);
    assert_eq!(home.run(&["schedules", "set", "noon", "--limit", "3", "--reason", "tested"]).code, 0);
    let noon = schedule(&home, "noon");
    assert_eq!(
        (&noon["cron"], &noon["zone"], &noon["limit"]),
        (&json!("0 12 * * *"), &json!("Europe/Berlin"), &json!(3))
    );
    assert_eq!(noon["next"].as_array().unwrap().len(), 5);
    let words = home.run(&["schedules", "show", "noon"]).out;
    assert!(words.contains("0 12 * * * Europe/Berlin"), "{words}");
    assert_eq!(home.run(&["schedules", "delete", "noon", "--reason", "tested"]).code, 0);
    let gone = home.run(&["schedules", "show", "noon"]);
    assert!(gone.code != 0 && gone.err.contains("no schedule"), "{gone:?}");
}
