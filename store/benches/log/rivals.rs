//! What others would build the same promises on: an append is durable before it is answered, ids are unique, the
//! revision is the expected one, positions have no gaps, events are found by position, id and stream.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use rusqlite::{Connection, TransactionBehavior};
use store::{Expected, Prepared, Request};

pub(crate) trait Rival {
    const NAME: &'static str;

    fn open(dir: &Path) -> Self;

    fn append(&mut self, request: &Request);

    /// Reads every record; answers how many there are.
    fn scan(&self) -> u64;
}

/// Everything of an event but what the keys say: as many bytes as the log keeps.
fn record(prepared: &Prepared) -> Vec<u8> {
    let event = &prepared.event;
    let mut record = Vec::with_capacity(prepared.payload.len() + 96);
    record.extend_from_slice(&event.occurred_at.micros().to_le_bytes());
    record.extend_from_slice(&event.occurred_at.micros().to_le_bytes());
    record.extend_from_slice(event.run_id.as_bytes());
    record.extend_from_slice(&event.event.schema_version().to_le_bytes());
    record.extend_from_slice(event.event.event_type().as_bytes());
    record.extend_from_slice(event.producer.as_bytes());
    record.extend_from_slice(&prepared.payload);
    record
}

fn check(expected: Expected, revision: u64) {
    assert!(
        !matches!(expected, Expected::Revision(expected) if expected != revision),
        "stream at {revision}"
    );
}

/// SQLite in WAL mode with `synchronous=FULL`: with NORMAL a power cut loses what was acknowledged.
pub(crate) struct Sqlite(Connection);

impl Rival for Sqlite {
    const NAME: &'static str = "SQLite WAL FULL";

    fn open(dir: &Path) -> Self {
        let connection = Connection::open(dir.with_extension("sqlite")).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE events (
                     position INTEGER PRIMARY KEY, event_id BLOB NOT NULL UNIQUE, stream TEXT NOT NULL,
                     revision INTEGER NOT NULL, record BLOB NOT NULL, UNIQUE (stream, revision)
                 );",
            )
            .unwrap();
        Self(connection)
    }

    fn append(&mut self, request: &Request) {
        let transaction = self.0.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        {
            let newest = "SELECT coalesce(max(revision), 0) FROM events WHERE stream = ?";
            let mut newest = transaction.prepare_cached(newest).unwrap();
            let mut revision: u64 = newest.query_row([&*request.stream], |row| row.get(0)).unwrap();
            check(request.expected, revision);
            let insert = "INSERT INTO events (event_id, stream, revision, record) VALUES (?, ?, ?, ?)";
            let mut insert = transaction.prepare_cached(insert).unwrap();
            for prepared in &request.events {
                revision += 1;
                let id = prepared.event.event_id;
                insert.execute((&id.as_bytes()[..], &*request.stream, revision, record(prepared))).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn scan(&self) -> u64 {
        let mut all = self.0.prepare("SELECT record FROM events ORDER BY position").unwrap();
        let mut rows = all.query([]).unwrap();
        let mut count = 0;
        while let Some(row) = rows.next().unwrap() {
            count += u64::from(!row.get_ref(0).unwrap().as_blob().unwrap().is_empty());
        }
        count
    }
}

/// fjall, synced at every commit.
pub(crate) struct Fjall {
    database: Database,
    records: Keyspace,
    ids: Keyspace,
    streams: Keyspace,
    position: u64,
}

impl Rival for Fjall {
    const NAME: &'static str = "fjall";

    fn open(dir: &Path) -> Self {
        let database = Database::builder(dir).open().unwrap();
        let keyspace = |name| database.keyspace(name, KeyspaceCreateOptions::default).unwrap();
        let (records, ids, streams) = (keyspace("records"), keyspace("ids"), keyspace("streams"));
        Self { database, records, ids, streams, position: 0 }
    }

    fn append(&mut self, request: &Request) {
        let newest = self.streams.prefix(&*request.stream).next_back();
        let key = newest.map(|guard| guard.key().unwrap());
        let revision = key.map_or(0, |key| u64::from_be_bytes(*key.last_chunk().unwrap()));
        check(request.expected, revision);
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        for (prepared, revision) in request.events.iter().zip(revision + 1..) {
            self.position += 1;
            let (id, position) = (prepared.event.event_id, self.position.to_be_bytes());
            assert!(!self.ids.contains_key(id.as_bytes()).unwrap());
            batch.insert(&self.records, position, record(prepared));
            batch.insert(&self.ids, &id.as_bytes()[..], position);
            batch.insert(
                &self.streams,
                [request.stream.as_bytes(), &revision.to_be_bytes()].concat(),
                position,
            );
        }
        batch.commit().unwrap();
    }

    fn scan(&self) -> u64 {
        self.records.iter().map(|guard| u64::from(!guard.value().unwrap().is_empty())).sum()
    }
}
