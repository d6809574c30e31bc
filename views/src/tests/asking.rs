//! The typed queries.

use events::{Decimal, PublishAdvanced, RecordRejected, RejectReason};
use projections::{By, PerformanceQuery};

use super::super::{AuditQuery, DeadLetterQuery, DecisionQuery};
use super::*;

fn rejected(n: u64, reason: RejectReason) -> NewEvent {
    let event = Event::RecordRejected(RecordRejected {
        origin: events::Origin::File { file: "f.csv".into(), row: n },
        reason,
        detail: "as the test says".into(),
        strategy: Some("rsi".into()),
        trade_id: None,
        key: None,
        value: Some(events::Bytes(vec![1, 2, 3])),
        recorded: None,
    });
    fact(id("rejected", n), event)
}

fn skipped(n: u64) -> NewEvent {
    let planned_at = moment(0).plus_days(n as i64);
    fact(
        id("skipped", n),
        Event::PerformanceAnalysisSkipped(events::PerformanceAnalysisSkipped {
            planned_at,
            window_start: planned_at.plus_days(-7),
            window_end: planned_at,
            trades: n % 2,
            min_trades: 10,
            reason: events::SkipReason::TooFewTrades,
        }),
    )
}

fn views_of(events: impl IntoIterator<Item = NewEvent>) -> (Views, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (open(&log_of(events), folder.path()), folder)
}

#[test]
fn trades_after_a_halt_count_wherever_they_stand_in_the_log() {
    // The guard decided on the trade at 2 when 5 trades were in the log already.
    let trades = (1..=4).map(|n| trade(n, "rsi")).chain([trade(5, "macd")]);
    let later = [disabled(6, "rsi", 2), trade(7, "rsi"), trade(8, "macd")];
    let (views, _folder) = views_of(trades.chain(later));
    let since_halt = |name: &str| views.strategy(name).unwrap().unwrap().trades_since_halt;
    assert_eq!((since_halt("rsi"), since_halt("rsi"), since_halt("macd")), (3, 3, 0));
    assert!(views.strategy("no such").unwrap().is_none());
    let states: Vec<_> = views.strategies().unwrap().iter().map(|s| (s.strategy.clone(), s.state)).collect();
    assert_eq!(states, [("macd".into(), StrategyState::Active), ("rsi".into(), StrategyState::Halted)]);
}

#[test]
fn performance_is_asked_for_a_window_and_by_name() {
    let (views, _folder) = views_of((1..=1200).map(|n| trade(n, if n % 3 == 0 { "rsi" } else { "macd" })));
    let window = PerformanceQuery {
        by: By::Strategy,
        since: Some(moment(4)),
        until: Some(moment(1000)),
        ..PerformanceQuery::default()
    };
    let rows = views.performance(&window).unwrap();
    let trades: Vec<_> =
        rows.iter().map(|row| (row.strategy.as_deref().unwrap(), row.figures.trades)).collect();
    assert_eq!(trades, [("macd", 664), ("rsi", 332)]);
    let total = views.performance(&PerformanceQuery::default()).unwrap();
    assert_eq!((total.len(), total[0].figures.profit), (1, Decimal::from(2400).into()));
}

#[test]
fn decisions_are_found_by_type_strategy_and_position() {
    let (views, _folder) =
        views_of([trade(1, "rsi"), disabled(2, "rsi", 1), disabled(3, "macd", 1), skipped(4)]);
    let positions = |query: DecisionQuery| -> Vec<u64> {
        views.decisions(&query).unwrap().iter().map(|decision| decision.position).collect()
    };
    let all = DecisionQuery::default;
    assert_eq!(positions(all()), [2, 3, 4]);
    assert_eq!(positions(DecisionQuery { strategy: Some("rsi".into()), ..all() }), [2]);
    let types = vec!["PerformanceAnalysisSkipped".into(), "NoSuchType".into()];
    assert_eq!(positions(DecisionQuery { types, ..all() }), [4]);
    assert_eq!(positions(DecisionQuery { from_position: Some(3), limit: 1, ..all() }), [3]);
    assert_eq!(positions(DecisionQuery { newest_first: true, limit: 1, ..all() }), [4]);
}

#[test]
fn dead_letters_are_listed_newest_first_and_counted() {
    let reasons = [RejectReason::Empty, RejectReason::Malformed, RejectReason::Empty];
    let (views, _folder) = views_of((1..).zip(reasons).map(|(n, reason)| rejected(n, reason)));
    let letters = views.dead_letters(&DeadLetterQuery::default()).unwrap();
    assert_eq!(letters.iter().map(|letter| letter.position).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(letters[0].size, 3);
    let empty = DeadLetterQuery { reason: Some(RejectReason::Empty), ..DeadLetterQuery::default() };
    assert_eq!(views.dead_letters(&empty).unwrap().len(), 2);
    let counts = views.dead_letter_counts().unwrap();
    assert_eq!(
        counts.iter().map(|count| (count.reason, count.count)).collect::<Vec<_>>(),
        [(RejectReason::Empty, 2), (RejectReason::Malformed, 1)]
    );
}

#[test]
fn a_collection_is_asked_by_time_and_field_and_paged() {
    let (views, _folder) = views_of((1..=6).map(skipped));
    let ask = |query: AuditQuery| views.audit("performance_skips", &query).unwrap();
    let dates = |page: &super::super::AuditPage| -> Vec<String> {
        let date = |document: &serde_json::value::RawValue| {
            let document: serde_json::Value = serde_json::from_str(document.get()).unwrap();
            document["date"].as_str().unwrap().to_owned()
        };
        page.documents.iter().map(|document| date(document)).collect()
    };
    let window = AuditQuery {
        since: Some(moment(0).plus_days(2)),
        until: Some(moment(0).plus_days(6)),
        filters: vec![("total_trades".into(), "1".into())],
        ..AuditQuery::default()
    };
    assert_eq!(dates(&ask(window)), ["2025-11-27", "2025-11-25"]);
    let first = ask(AuditQuery { limit: 4, ..AuditQuery::default() });
    let rest = ask(AuditQuery { limit: 4, after: first.next.clone(), ..AuditQuery::default() });
    assert_eq!(dates(&first).len() + dates(&rest).len(), 6);
    assert_eq!((dates(&rest), rest.next), (vec!["2025-11-24".into(), "2025-11-23".into()], None));
    let refused = views.audit("performance_metric", &AuditQuery::default()).unwrap_err();
    assert!(refused.is_callers_fault() && refused.to_string().contains("performance_metrics"));
    assert!(views.audit("chunks", &AuditQuery::default()).is_err());
}

#[test]
fn the_pipeline_shows_streams_actors_and_what_is_not_published() {
    let published = PublishAdvanced { cluster: "c".into(), up_to_position: 2 };
    let events = [
        trade(1, "rsi"),
        disabled(2, "rsi", 1),
        fact(id("published", 1), Event::PublishAdvanced(published)),
        disabled(4, "macd", 1),
    ];
    let (views, _folder) = views_of(events);
    let pipeline = views.pipeline().unwrap();
    assert_eq!((pipeline.head, pipeline.streams[0].next_offset), (4, Some(2)));
    assert_eq!((pipeline.actors[0].decisions, pipeline.publishers[0].unpublished), (2, 1));
    assert!(pipeline.sources.is_empty() && pipeline.runs.is_empty());
}
