//! Recorded trades through the true actors.

use std::sync::Arc;

use events::{Event, FigureStatus, Origin, RuleName, StrategyState};
use runtime::{
    held::held,
    rehearse::{Place, RehearseError, Row, Rows, Summary},
};
use serde_json::{Value, json};
use store::EventLog;
use tests::{all, at, config, decisions, fact, memory_log, trade, verify};

fn row(strategy: &str, n: u32, profit_pct: &str, closed_at: &str) -> Row {
    let place = Place { file: Arc::from("trades.csv"), row: u64::from(n) };
    Row::Trade(Box::new(trade(strategy, &n.to_string(), profit_pct, at(closed_at))), place)
}

fn rehearse(log: &Arc<dyn EventLog>, rows: &[Row]) -> Result<Summary, RehearseError> {
    let mut kept = Rows::new(std::env::temp_dir());
    rows.iter().try_for_each(|row| kept.push(row))?;
    runtime::rehearse::rehearse(Some(log), kept, &config(), &mut |_| {})
}

/// Eleven losses of `bad` on one day, ten good trades of `good` over ten days.
fn rows() -> Vec<Row> {
    let mut rows: Vec<_> =
        (0..11).map(|n| row("bad", n, "-0.5", &format!("2025-03-03T{n:02}:30:00Z"))).collect();
    rows.extend((0..10).map(|n| row("good", n, "4", &format!("2025-03-{:02}T12:00:00Z", n + 1))));
    rows
}

#[test]
fn halts_and_analyses_come_at_their_moments() {
    let log = memory_log();
    let summary = rehearse(&log, &rows()).unwrap();
    assert_eq!((summary.trades, summary.halts.len()), (21, 1));
    let halt = &summary.halts[0];
    assert_eq!((halt.decision.strategy.as_str(), halt.at), ("bad", at("2025-03-03T10:30:00Z")));
    assert_eq!(halt.decision.rules[0].rule, RuleName::ConsecutiveLosses);
    assert_eq!(halt.decision.to, StrategyState::Halted);
    // Nine ticks in (first close, last close]: the first four look at fewer than ten trades or have them all.
    let analyses = summary.decisions["PerformanceAnalyzed"] + summary.decisions["PerformanceAnalysisSkipped"];
    assert_eq!(analyses, 9);
}

#[test]
fn what_an_actor_held_is_its_state_before_the_decision_and_with_its_input() {
    let log = memory_log();
    rehearse(&log, &rows()).unwrap();
    let all = decisions(&*log);
    let halt = all.iter().find(|event| matches!(event.event, Event::StrategyDisabled(_))).unwrap();
    let seen = held(&log, None, halt).unwrap().unwrap();
    assert_eq!(seen.actor, "strategy_guard");
    let bad = &seen.state["strategies"]["bad"];
    assert_eq!((&bad["state"], &bad["disabled_by"]), (&json!("ACTIVE"), &Value::Null), "{bad}");
    assert_eq!(bad["newest_close"], json!("2025-03-03T10:30:00Z"), "{bad}");
    assert!(seen.config.is_object());
    let later = all.iter().rfind(|event| matches!(event.event, Event::PerformanceAnalyzed(_))).unwrap();
    assert_eq!(held(&log, None, later).unwrap().unwrap().actor, "performance_analyst");
    // A fact is nobody's decision.
    assert_eq!(held(&log, None, &tests::all(&*log)[4]).unwrap(), None);
}

#[test]
fn an_analysis_sees_exactly_the_trades_before_its_moment() {
    let log = memory_log();
    let on_time = [row("s", 100, "1", "2025-03-02T01:00:00Z"), row("s", 101, "1", "2025-03-03T01:00:00Z")];
    let mut rows: Vec<_> = (0..9).map(|n| row("s", n, "3", &format!("2025-03-01T{n:02}:00:00Z"))).collect();
    rows.extend(on_time);
    rehearse(&log, &rows).unwrap();
    let analyses: Vec<_> = decisions(&*log)
        .iter()
        .map(|event| match &event.event {
            Event::PerformanceAnalyzed(e) => (e.planned_at, e.trades, e.statuses.win_rate),
            Event::PerformanceAnalysisSkipped(e) => (e.planned_at, e.trades, FigureStatus::Ok),
            other => panic!("{other:?}"),
        })
        .collect();
    // The first close is at 00:00 on the 1st: the tick of that day at 01:00 comes first.
    let expected = [("2025-03-01T01:00:00Z", 1), ("2025-03-02T01:00:00Z", 9), ("2025-03-03T01:00:00Z", 10)];
    assert_eq!(analyses, expected.map(|(planned, trades)| (at(planned), trades, FigureStatus::Ok)));
}

#[test]
fn the_order_of_rows_does_not_matter_and_doubles_are_dropped() {
    let (one, two) = (memory_log(), memory_log());
    rehearse(&one, &rows()).unwrap();
    let mut shuffled = rows();
    shuffled.reverse();
    shuffled.extend(rows());
    let summary = rehearse(&two, &shuffled).unwrap();
    assert_eq!((summary.trades, summary.duplicates), (21, 21));
    let ids =
        |log: &dyn EventLog| decisions(log).iter().map(|e| (e.event_id, e.position)).collect::<Vec<_>>();
    assert_eq!(ids(&*one), ids(&*two));
}

#[test]
fn the_same_id_with_other_content_is_a_dead_letter_with_both_versions() {
    let log = memory_log();
    let rows = vec![row("s", 1, "1", "2025-03-01T00:00:00Z"), row("s", 1, "2", "2025-03-01T00:00:00Z")];
    let summary = rehearse(&log, &rows).unwrap();
    assert_eq!((summary.trades, summary.rejected), (1, 1));
    let rejected = all(&*log).into_iter().find_map(|event| match &event.event {
        Event::RecordRejected(rejected) => Some(rejected.clone()),
        _ => None,
    });
    let rejected = rejected.unwrap();
    assert_eq!(rejected.origin, Origin::File { file: "trades.csv".into(), row: 1 });
    assert_eq!(rejected.recorded.unwrap().profit_pct.to_string(), "1");
    assert!(String::from_utf8(rejected.value.unwrap().0).unwrap().contains("\"profit_pct\":\"2\""));
}

#[test]
fn every_decision_of_a_rehearsal_is_reproduced() {
    let log = memory_log();
    rehearse(&log, &rows()).unwrap();
    let findings = verify(&log);
    assert_eq!(findings.differences, []);
    assert!(findings.decisions > 10);
    assert_eq!((findings.reproduced, findings.other_rules, findings.pending), (findings.decisions, 0, 0));
}

#[test]
fn a_log_in_use_is_left_alone() {
    let log = memory_log();
    tests::append(&*log, "ingest", [fact(trade("s", "1", "1", at("2025-03-01T00:00:00Z")))]);
    let refused = rehearse(&log, &rows());
    assert!(matches!(refused, Err(RehearseError::NotEmpty(1))));
    assert_eq!(log.head(), 1);
}

#[test]
fn figures_survive_the_log_to_the_last_digit() {
    // A ratio that plain reading of JSON numbers brings back one unit in the last place off.
    let event = Event::PerformanceAnalyzed(tests::analysis(11.510_060_012_071_245));
    let stored = event.to_json().unwrap();
    assert_eq!(Event::from_json(event.event_type(), 1, &stored).unwrap(), event);
}

#[test]
fn the_example_file_is_what_the_generator_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/trades.jsonl");
    let stale = "stale: cargo run -p tests --bin sample-trades > examples/trades.jsonl";
    assert!(std::fs::read(path).unwrap() == tests::sample_file(), "{stale}");
}
