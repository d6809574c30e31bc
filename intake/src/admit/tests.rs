//! Given what the log holds, when a batch is admitted, then these answers and these events.

use std::sync::Arc;

use events::{Event, FamilySet, RecordRejected, Recorded, RejectReason, Timestamp, Uuid};
use proptest::prelude::*;
use store::{AppendError, Appended, EventLog, Expected, Interposer, MAX_EVENT_BYTES, MemoryLog, Request};

use super::{super::TradeFormat, Admission, AdmitError, Admitted, Answer, Counts, Incoming, Place, RawBytes};

fn now() -> Timestamp {
    Timestamp::parse("2025-02-01T00:00:00Z").unwrap()
}

fn record(id: u32, profit: &str) -> String {
    format!(
        r#"{{"trade_id":{id},"strategy":"rsi","symbol":"BTC/USDT","side":"long","quantity":1,"entry_price":1,
        "profit":{profit},"profit_pct":1,"opened_at":"2025-01-01T00:00:00Z","closed_at":"2025-01-01T01:00:00Z"}}"#
    )
}

fn admission() -> Admission {
    Admission { stream: "ingest-a".into(), producer: "source:kafka".into(), run_id: Uuid::nil() }
}

/// Admits records as a partition's, from an offset on.
fn admit_at(
    log: &dyn EventLog,
    expected: Expected,
    offset: i64,
    records: &[String],
) -> Result<Admitted, AdmitError> {
    let admission = admission();
    let candidates: Vec<_> = records
        .iter()
        .zip(offset..)
        .map(|(value, offset)| {
            let decoded = TradeFormat::default().decode(value.as_bytes(), None, now());
            let place = Place::Kafka { topic: "trades", partition: 0, offset };
            admission
                .prepare(Incoming {
                    place,
                    raw: RawBytes { key: Some(b"rsi"), value: value.as_bytes() },
                    decoded,
                })
                .unwrap()
        })
        .collect();
    admission.admit(log, expected, now(), candidates)
}

fn admit(log: &dyn EventLog, offset: i64, records: &[String]) -> Admitted {
    let revision = log.revision("ingest-a").unwrap();
    admit_at(log, Expected::Revision(revision), offset, records).unwrap()
}

fn all(log: &dyn EventLog) -> Vec<Arc<Recorded>> {
    log.read_all(0, FamilySet::ALL, usize::MAX).unwrap().events
}

fn letters(log: &dyn EventLog) -> Vec<RecordRejected> {
    let letter = |recorded: &Arc<Recorded>| match &recorded.event {
        Event::RecordRejected(letter) => Some(letter.clone()),
        _ => None,
    };
    all(log).iter().filter_map(letter).collect()
}

fn counts(taken: u64, duplicate: u64, rejected: u64) -> Counts {
    Counts { taken, duplicate, rejected }
}

#[test]
fn trades_and_dead_letters_are_appended_in_their_order_with_their_offsets() {
    let log = MemoryLog::new();
    let admitted = admit(&log, 7, &[record(1, "1"), "{}".into(), record(2, "2")]);
    assert_eq!((admitted.counts(), admitted.revision), (counts(2, 0, 1), 3));
    let events = all(&log);
    let types: Vec<_> = events.iter().map(|e| (e.event.event_type(), e.source_offset)).collect();
    assert_eq!(types, [("TradeClosed", Some(7)), ("RecordRejected", Some(8)), ("TradeClosed", Some(9))]);
    assert_eq!(events[0].occurred_at, Timestamp::parse("2025-01-01T01:00:00Z").unwrap());
    assert_eq!(events[1].occurred_at, now());
    let letter = &letters(&log)[0];
    assert_eq!(
        (letter.reason, letter.value.as_ref().unwrap().0.as_slice()),
        (RejectReason::MissingField, &b"{}"[..])
    );
    assert_eq!(letter.key.as_ref().unwrap().0, b"rsi");
}

#[test]
fn the_same_trade_again_is_dropped_and_answered_with_the_first() {
    let log = MemoryLog::new();
    admit(&log, 0, &[record(1, "1.5"), record(2, "2")]);
    let again = admit(&log, 2, &[record(2, "2.0"), record(3, "3"), record(1, "1.50")]);
    assert_eq!((again.counts(), again.revision), (counts(1, 2, 0), 3));
    let id = all(&log)[0].event_id;
    assert_eq!(again.answers[2], Answer::Duplicate { event_id: id, position: 1, rejection: None });
}

#[test]
fn a_batch_of_duplicates_alone_appends_nothing_and_keeps_the_revision() {
    let log = MemoryLog::new();
    admit(&log, 0, &[record(1, "1")]);
    for expected in [Expected::Any, Expected::Revision(1)] {
        let again = admit_at(&log, expected, 1, &[record(1, "1")]).unwrap();
        assert_eq!((again.counts(), again.revision, log.head()), (counts(0, 1, 0), 1, 1));
    }
}

#[test]
fn the_same_id_with_other_content_is_a_dead_letter_with_both_versions() {
    let log = MemoryLog::new();
    admit(&log, 0, &[record(1, "1")]);
    let conflict = admit(&log, 1, &[record(1, "-9"), record(2, "2")]);
    assert_eq!(conflict.counts(), counts(1, 0, 1));
    let letter = &letters(&log)[0];
    assert_eq!(
        (letter.reason, letter.strategy.as_deref()),
        (RejectReason::ConflictingDuplicate, Some("rsi"))
    );
    assert!(
        letter.detail.contains("at position 1 with other content: profit 1, now -9;"),
        "{}",
        letter.detail
    );
    assert_eq!(letter.recorded.as_ref().unwrap().profit, events::Decimal::ONE);
    assert_eq!(letter.value.as_ref().unwrap().0, record(1, "-9").into_bytes());
}

#[test]
fn duplicates_inside_one_batch_are_told_apart_like_those_in_the_log() {
    let log = MemoryLog::new();
    let batch = [record(1, "1"), record(1, "1.0"), record(1, "2"), record(1, "2")];
    let admitted = admit(&log, 0, &batch);
    assert_eq!(admitted.counts(), counts(1, 1, 2), "the same bytes at two offsets are two dead letters");
    assert!(matches!(admitted.answers[1], Answer::Duplicate { position: 1, rejection: None, .. }));
    assert!(
        letters(&log).iter().all(|letter| letter.recorded.as_ref().unwrap().profit == events::Decimal::ONE)
    );
}

#[test]
fn what_the_log_holds_counts_more_than_what_stands_first_in_the_batch() {
    let log = MemoryLog::new();
    admit(&log, 0, &[record(1, "5")]);
    let admitted = admit(&log, 1, &[record(1, "1"), record(1, "1"), record(1, "5.0")]);
    assert_eq!(admitted.counts(), counts(0, 1, 2));
    assert!(matches!(admitted.answers[2], Answer::Duplicate { position: 1, .. }));
}

#[test]
fn a_batch_that_is_repeated_after_a_crash_doubles_nothing() {
    let log = MemoryLog::new();
    let batch = [record(1, "1"), "[".into(), record(1, "2"), record(2, "1"), "[".into()];
    let first = admit(&log, 0, &batch);
    let again = admit(&log, 0, &batch);
    assert_eq!((first.counts(), again.counts()), (counts(2, 0, 3), counts(0, 5, 0)));
    assert_eq!((log.head(), again.revision), (5, 5));
    assert!(matches!(&again.answers[1], Answer::Duplicate { position: 2, rejection: Some(_), .. }));
}

#[test]
fn an_unexpected_revision_is_handed_on_and_nothing_is_appended() {
    let log = MemoryLog::new();
    admit(&log, 0, &[record(1, "1")]);
    let stale = admit_at(&log, Expected::Revision(0), 1, &[record(2, "1")]);
    assert!(matches!(stale, Err(AdmitError::Append(AppendError::WrongRevision { actual: 1, .. }))));
    assert_eq!(log.head(), 1);
}

#[test]
fn the_same_bytes_over_http_are_one_dead_letter() {
    let log = MemoryLog::new();
    let admission = Admission { stream: "ingest-http".into(), ..admission() };
    let decoded = || TradeFormat::default().decode(b"{}", None, now());
    let candidate = || {
        admission
            .prepare(Incoming {
                place: Place::Http,
                raw: RawBytes { key: None, value: b"{}" },
                decoded: decoded(),
            })
            .unwrap()
    };
    let admitted = admission.admit(&log, Expected::Any, now(), vec![candidate(), candidate()]).unwrap();
    assert_eq!((admitted.counts(), log.head()), (counts(0, 1, 1), 1));
}

#[test]
fn of_a_record_that_is_too_large_for_the_log_the_dead_letter_keeps_the_start() {
    let log = MemoryLog::new();
    let admitted = admit(&log, 0, &["x".repeat(MAX_EVENT_BYTES), record(1, "1")]);
    assert_eq!(admitted.counts(), counts(1, 0, 1));
    let letter = &letters(&log)[0];
    assert_eq!(letter.value.as_ref().unwrap().0.len(), MAX_EVENT_BYTES / 2);
    assert!(letter.detail.contains("only the first 8388608 are kept"), "{}", letter.detail);
}

#[test]
fn a_dead_letter_that_names_nobody_belongs_to_its_key_if_that_can_be_a_name() {
    let log = MemoryLog::new();
    let admission = admission();
    let decode = |value: &[u8]| TradeFormat::default().decode(value, None, now());
    let letter = |offset, key: Option<&'static [u8]>, value: &'static [u8]| {
        let place = Place::Kafka { topic: "trades", partition: 0, offset };
        let raw = RawBytes { key, value };
        admission.prepare(Incoming { place, raw, decoded: decode(value) }).unwrap()
    };
    let candidates = vec![
        letter(0, Some(b" rsi "), b"{}"),
        letter(1, Some(b"rsi"), b"{\"strategy\":\"named\"}"),
        letter(2, Some(b"\xff"), b"{}"),
        letter(3, Some(b"a\x1bb"), b"{}"),
        letter(4, Some(b""), b"{}"),
        letter(5, None, b"{}"),
    ];
    admission.admit(&log, Expected::Any, now(), candidates).unwrap();
    let owners: Vec<_> = letters(&log).into_iter().map(|letter| letter.strategy).collect();
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(owners, [name("rsi"), name("named"), None, None, None, None]);
}

/// A log to which somebody else appends right before the first append.
struct Raced(MemoryLog, std::sync::Mutex<Vec<String>>);

impl Interposer for Raced {
    fn behind(&self) -> &dyn EventLog {
        &self.0
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        let others = std::mem::take(&mut *self.1.lock().unwrap());
        if !others.is_empty() {
            let other = Admission { stream: "ingest-b".into(), ..admission() };
            let candidate = |value: &String| {
                let decoded = TradeFormat::default().decode(value.as_bytes(), None, now());
                let place = Place::Kafka { topic: "trades", partition: 1, offset: 0 };
                other.prepare(Incoming { place, raw: RawBytes { key: None, value: b"" }, decoded }).unwrap()
            };
            let candidates: Vec<_> = others.iter().map(candidate).collect();
            other.admit(&self.0, Expected::Any, now(), candidates).unwrap();
        }
        self.0.append(request)
    }
}

#[test]
fn a_trade_that_another_stream_took_in_meanwhile_is_compared_with_that_one() {
    let log = Raced(MemoryLog::new(), vec![record(1, "1"), record(2, "2")].into());
    let admitted = admit(&log, 0, &[record(1, "1"), record(2, "-2"), record(3, "3")]);
    assert_eq!(admitted.counts(), counts(1, 1, 1));
    assert_eq!(letters(&log)[0].recorded.as_ref().unwrap().profit, events::Decimal::TWO);
}

fn any_record() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u32..6, 0_u8..3).prop_map(|(id, profit)| record(id, &profit.to_string())),
        1 => "[\\[{}\"a]{0,3}".prop_map(|text| text),
    ]
}

proptest! {
    #[test]
    fn every_record_is_accounted_for_however_the_batches_are_cut_and_repeated(
        records in proptest::collection::vec(any_record(), 1..40),
        cuts in proptest::collection::vec((1_usize..9, any::<bool>()), 40),
    ) {
        let (log, whole) = (MemoryLog::new(), MemoryLog::new());
        let (mut at, mut total) = (0, Counts::default());
        for (len, repeated) in cuts {
            let batch = &records[at..(at + len).min(records.len())];
            let admitted = admit(&log, at as i64, batch).counts();
            total.taken += admitted.taken;
            total.duplicate += admitted.duplicate;
            total.rejected += admitted.rejected;
            if repeated {
                prop_assert_eq!(admit(&log, at as i64, batch).counts(), counts(0, batch.len() as u64, 0));
            }
            at += batch.len();
        }
        prop_assert_eq!(total.taken + total.duplicate + total.rejected, records.len() as u64);
        prop_assert_eq!(admit(&whole, 0, &records).counts(), total);
        let facts = |log: &MemoryLog| all(log).iter().map(|e| (e.event_id, e.source_offset)).collect::<Vec<_>>();
        prop_assert_eq!(facts(&log), facts(&whole));
    }
}
