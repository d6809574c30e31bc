//! What came out: the log of a stopped process, the topics as a `read_committed` consumer sees them, and what both
//! must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Event, FamilySet, Origin, RecordRejected, Recorded, Uuid};
use kafka::{CommittedReader, CommittedRecord, KafkaSettings, ReadFrom, dead_letter_topic};
use serde_json::Value;
use store::{EmbeddedLog, EventLog as _};

use super::{
    input::{Input, Pair},
    process::{Process, ask},
};

const PATIENCE: Duration = Duration::from_secs(60);
/// After this long without a record a topic is taken to be read to its end.
const SILENCE: Duration = Duration::from_secs(1);

/// The events of a stopped process.
pub(crate) struct Kept {
    pub log_id: Uuid,
    pub events: Vec<Arc<Recorded>>,
}

impl Kept {
    pub(crate) fn read(data: &Path) -> Self {
        let log = EmbeddedLog::open_read_only(&data.join("log")).unwrap();
        let (mut events, mut after) = (Vec::new(), 0);
        while after < log.head() {
            let batch = log.read_all(after, FamilySet::ALL, 4096).unwrap();
            assert!(batch.read_to > after, "the log cannot be read beyond {after}");
            after = batch.read_to;
            events.extend(batch.events);
        }
        Self { log_id: log.log_id(), events }
    }

    pub(crate) fn decisions(&self) -> impl Iterator<Item = &Recorded> {
        self.events.iter().map(AsRef::as_ref).filter(|event| event.event.is_decision())
    }

    fn rejections(&self) -> impl Iterator<Item = (&Recorded, &RecordRejected)> {
        self.events.iter().filter_map(|event| match &event.event {
            Event::RecordRejected(rejected) => Some((&**event, rejected)),
            _ => None,
        })
    }

    /// What was decided on facts of the topic: type, strategy, causing fact. As a strategy has one partition, how
    /// partitions interleave makes no difference.
    pub(crate) fn decided(&self) -> BTreeSet<(&str, Option<&str>, Option<Uuid>)> {
        let of_strategies = self.decisions().filter(|event| event.event.strategy().is_some());
        of_strategies.map(|e| (e.event.event_type(), e.event.strategy(), e.causation_id)).collect()
    }

    /// Every trade once, every bad record once.
    pub(crate) fn assert_facts(&self, input: &Input) {
        let trades = self.events.iter().filter(|event| matches!(event.event, Event::TradeClosed(_)));
        let trades: Vec<Uuid> = trades.map(|event| event.event_id).collect();
        assert_eq!(trades.len(), input.trades.len(), "trades in the log");
        assert!(trades.into_iter().collect::<BTreeSet<_>>() == input.trades, "other trades than were sent");
        let origins: BTreeSet<_> = self.rejections().map(|(_, rejected)| origin(rejected)).collect();
        assert_eq!(origins.len(), self.rejections().count(), "a dead letter twice");
        let mut bad: Vec<Pair> = self.rejections().map(|(_, rejected)| raw(rejected)).collect();
        bad.sort();
        assert_eq!(bad.len(), input.bad.len(), "dead letters in the log");
        assert!(bad == input.bad, "other dead letters than were sent");
    }

    /// Every decision of the log once, those of a key in the order of the log.
    pub(crate) fn assert_decisions_on(&self, records: &[CommittedRecord]) {
        let kept: BTreeMap<u64, Uuid> = self.decisions().map(|e| (e.position, e.event_id)).collect();
        let ids: BTreeSet<_> = kept.values().collect();
        assert_eq!(ids.len(), kept.len(), "a decision twice in the log");
        let mut published: Vec<u64> = records.iter().map(position).collect();
        published.sort_unstable();
        assert_eq!(published, kept.keys().copied().collect::<Vec<_>>(), "positions on the decision topic");
        let mut last: BTreeMap<&Option<Vec<u8>>, (i32, i64, u64)> = BTreeMap::new();
        for record in records {
            let position = position(record);
            let event: Value = serde_json::from_slice(record.value.as_deref().unwrap_or_default()).unwrap();
            assert_eq!(event["id"], kept[&position].to_string());
            let place = (record.partition, record.offset, position);
            let before = last.insert(&record.key, place);
            let in_order = before.is_none_or(|b| b.0 == place.0 && b.1 < place.1 && b.2 < place.2);
            assert!(in_order, "{:?} at {place:?} after {before:?}", record.key);
        }
    }

    /// Every dead letter once, as it came.
    pub(crate) fn assert_dead_letters_on(&self, records: &[CommittedRecord]) {
        let shown = |record: &CommittedRecord| {
            let part = |name| record.header(name).unwrap().to_owned();
            let origin =
                (part("tradewarden_topic"), part("tradewarden_partition"), part("tradewarden_offset"));
            let (key, value) = (record.key.clone(), record.value.clone());
            (position(record), origin, (key.unwrap_or_default(), value.unwrap_or_default()))
        };
        let mut published: Vec<_> = records.iter().map(shown).collect();
        published.sort();
        let kept: Vec<_> = self.rejections().map(|(e, r)| (e.position, origin(r), raw(r))).collect();
        assert_eq!(published.len(), kept.len(), "dead letters on their topic");
        assert!(published == kept, "other dead letters on their topic than in the log");
    }
}

fn raw(rejected: &RecordRejected) -> Pair {
    let bytes = |bytes: &Option<events::Bytes>| bytes.as_ref().map_or(Vec::new(), |bytes| bytes.0.clone());
    (bytes(&rejected.key), bytes(&rejected.value))
}

fn origin(rejected: &RecordRejected) -> (String, String, String) {
    let Origin::Kafka { topic, partition, offset } = &rejected.origin else {
        panic!("not of a topic: {rejected:?}")
    };
    (topic.clone(), partition.to_string(), offset.to_string())
}

/// The position in its log that a record names.
fn position(record: &CommittedRecord) -> u64 {
    record.header("tradewarden_position").unwrap().parse().unwrap()
}

/// Everything on a topic, in the order of each partition.
pub(crate) fn published(settings: &KafkaSettings, topic: &str) -> Vec<CommittedRecord> {
    let reader = CommittedReader::open(settings, topic, ReadFrom::Beginning).unwrap();
    let (mut records, begun) = (Vec::new(), Instant::now());
    while let Some(record) = reader.next(SILENCE).unwrap() {
        assert!(begun.elapsed() < PATIENCE, "{topic} has no end");
        records.push(record);
    }
    records
}

/// The records of one log among those of several.
pub(crate) fn of_log(log: Uuid, records: &[CommittedRecord]) -> Vec<CommittedRecord> {
    let log = log.to_string();
    records.iter().filter(|record| record.header("tradewarden_log") == Some(&log)).cloned().collect()
}

/// Waits until a running process, the only one that published on these topics, has published all that it decided and
/// so many dead letters, and decides no more; what is on both topics then.
pub(crate) fn until_all_is_published(
    process: &mut Process,
    settings: &KafkaSettings,
    dead_letters: usize,
) -> (Vec<CommittedRecord>, Vec<CommittedRecord>) {
    let topic = dead_letter_topic(&settings.topics.trade_closed);
    let (begun, mut before) = (Instant::now(), usize::MAX);
    loop {
        let (_, decided) = ask(process.data(), &["decisions"]);
        let (decisions, bad) = (published(settings, &settings.topics.decisions), published(settings, &topic));
        if decisions.len() >= decided.len() && bad.len() >= dead_letters && decisions.len() == before {
            return (decisions, bad);
        }
        before = decisions.len();
        let told = format!("published {before} of {} decisions, {} dead letters", decided.len(), bad.len());
        process.until(&told, |_| begun.elapsed() < PATIENCE);
    }
}
