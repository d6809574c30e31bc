//! `publish`: sends the trades of files as the bot would, and ends when all are acknowledged.

use std::{
    cell::Cell,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
    vec,
};

use clap::{Args, ValueEnum};
use events::RejectReason;
use intake::{
    files::{FileError, Row, TradeFile},
    json,
};
use kafka::{KafkaSettings, send_all};
use runtime::rehearse::Place;
use serde_json::json;
use store::now;

use crate::{
    access::Access,
    calls::SourceShow,
    client::Client,
    config::Config,
    http::{FactResult, Receipt},
    problem::Problem,
};

use super::{context::Context, progress::Sending, row_notes::RowNotes, trade_files::TradeFiles};

/// What to publish, and where.
#[derive(Debug, Args)]
pub(super) struct Publish {
    #[command(flatten)]
    files: TradeFiles,
    /// Where to [default: the cluster if one is configured, else the running server over HTTP]
    #[arg(long, value_enum)]
    to: Option<To>,
    /// At most so many trades a second
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
}

/// Where trades go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// The topic, on the cluster or on the embedded endpoint of the running server
    Kafka,
    /// The running server
    Http,
}

/// Bytes of a request.
const REQUEST_BYTES: usize = 1 << 20;

/// Records of a request.
const REQUEST_RECORDS: usize = 1000;

/// Larger files are not read once more beforehand.
const MOST_SURVEYED: u64 = 256 << 20;

impl Publish {
    /// Publishes.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let config = context.config()?;
        if self.rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
            return Err(Problem::usage(
                "--rate: wanted is a number of trades a second above 0, such as 1000",
            ));
        }
        let files = self.files.open(&config.trades)?;
        let to =
            self.to.unwrap_or(if config.kafka.bootstrap_servers.is_some() { To::Kafka } else { To::Http });
        match to {
            To::Kafka => self.to_kafka(context, &config, files),
            To::Http => self.to_http(context, &config, files),
        }
    }

    fn to_http(&self, context: &Context, config: &Config, files: Vec<TradeFile>) -> Result<u8, Problem> {
        let client = server(context)?;
        // The server tells of conflicting duplicates: it also knows those that are in the log.
        let (total, notes) = self.survey(config, RowNotes::new(&context.out))?;
        let sending = Sending::new(context.out.shows_progress(), total);
        let mut records = self.records(files, notes, total.is_some());
        let mut counts = Counts::default();
        let begun = Instant::now();
        loop {
            let (lines, places) = request(&mut records, self.rate);
            if places.is_empty() {
                break;
            }
            let receipt: Receipt = client.publish(&lines)?;
            counts.add(&receipt, places.len());
            let conflicting = |(result, _): &(&FactResult, &Place)| {
                result.reason == Some(RejectReason::ConflictingDuplicate)
            };
            let conflicts = receipt.results.iter().zip(&places).filter(conflicting);
            records.notes.tell_conflicts(
                conflicts.map(|(result, place)| (place, result.detail.as_deref().unwrap_or_default())),
                0,
            );
            sending.at(counts.sent, records.bytes);
            if let Some(rate) = self.rate {
                let due = begun + Duration::from_secs_f64(counts.sent as f64 / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        sending.end();
        let (bad, failed) = records.finish();
        let Counts { sent, taken, duplicate, rejected } = counts;
        let summary = json!({
            "to": "http", "published": sent, "taken": taken, "duplicate": duplicate, "rejected": rejected,
        });
        let words = format!(
            "{sent} published over HTTP: {taken} taken, {duplicate} known before, {rejected} rejected"
        );
        finish(context, &summary, &words, failed)?;
        Ok(u8::from(rejected > 0 || bad > 0))
    }

    fn to_kafka(&self, context: &Context, config: &Config, files: Vec<TradeFile>) -> Result<u8, Problem> {
        let (settings, pace) = cluster(context, config)?;
        let (total, notes) = self.survey(config, RowNotes::with_conflicts(&context.out))?;
        let sending = Sending::new(context.out.shows_progress(), total);
        let records = self.records(files, notes, total.is_some());
        let bytes = Rc::new(Cell::new(0));
        let mut paced = Paced { records, pace, sent: 0, unpaced: 0, bytes: Rc::clone(&bytes) };
        let mut told = |acknowledged| sending.at(acknowledged, bytes.get());
        let topic = &settings.topics.trade_closed;
        let sent = send_all(&settings, topic, &mut paced, self.rate, &mut told);
        sending.end();
        let conflicts = paced.records.notes.conflicts;
        let (bad, failed) = paced.records.finish();
        let sent = sent.map_err(|fault| Problem::new(503, "kafka", fault.to_string()))?;
        let summary = json!({
            "to": "kafka", "topic": topic, "published": sent, "bad_rows": bad, "conflicting": conflicts,
        });
        finish(context, &summary, &format!("{sent} published on {topic}, all acknowledged"), failed)?;
        Ok(u8::from(bad > 0 || conflicts > 0))
    }

    /// Reads the files once before anything is sent: how many rows there are, and what people should know of them. No
    /// total for what cannot or should not be read twice: there the same is told as it is sent.
    fn survey<'o>(
        &self,
        config: &Config,
        mut notes: RowNotes<'o>,
    ) -> Result<(Option<u64>, RowNotes<'o>), Problem> {
        if !self.files.can_be_read_again() || self.files.bytes() > MOST_SURVEYED {
            return Ok((None, notes));
        }
        let mut total = 0;
        for mut file in self.files.open(&config.trades)? {
            let name = file.name().to_owned();
            for row in &mut file {
                notes.look(&name, &row.map_err(|error| unreadable(&error))?);
                total += 1;
            }
            notes.end_of(&name, file.passed());
        }
        notes.finish();
        notes.warn_of_old(now());
        Ok((Some(total), notes))
    }

    fn records<'r>(&'r self, files: Vec<TradeFile>, notes: RowNotes<'r>, surveyed: bool) -> Records<'r> {
        let files = files.into_iter();
        Records { publish: self, files, current: None, notes, surveyed, failed: None, bytes: 0 }
    }
}

fn unreadable(error: &FileError) -> Problem {
    Problem::new(500, "file_unreadable", error.to_string())
}

/// What became of the records of all requests.
#[derive(Default)]
struct Counts {
    sent: u64,
    taken: u64,
    duplicate: u64,
    rejected: u64,
}

impl Counts {
    fn add(&mut self, receipt: &Receipt, sent: usize) {
        self.sent += sent as u64;
        self.taken += receipt.taken;
        self.duplicate += receipt.duplicate;
        self.rejected += receipt.rejected;
    }
}

/// A record that is ready to be sent, and where it stands.
struct Record {
    key: Vec<u8>,
    value: Vec<u8>,
    place: Place,
}

/// The records of all files. A bad row is sent as well and ends in the dead letters of who takes it in: one of a table
/// with its fault and its strategy, as only who read the table knows them.
struct Records<'r> {
    publish: &'r Publish,
    files: vec::IntoIter<TradeFile>,
    current: Option<(TradeFile, Arc<str>)>,
    notes: RowNotes<'r>,
    /// Whether the notes saw the rows before.
    surveyed: bool,
    failed: Option<Problem>,
    /// Bytes of the rows so far.
    bytes: u64,
}

impl Records<'_> {
    fn record(&self, row: Row, file: &TradeFile, name: &Arc<str>) -> Record {
        let place = Place { file: Arc::clone(name), row: row.number };
        let own = match &row.decoded {
            _ if self.publish.files.are_records(file) => None,
            Ok(trade) => json::to_own_form(trade).ok(),
            Err(rejection) => json::to_own_fault(rejection, &row.bytes).ok(),
        };
        let strategy = row.decoded.map_or_else(|fault| fault.strategy, |trade| Some(trade.strategy));
        let (key, value) = (strategy.unwrap_or_default().into_bytes(), own.unwrap_or(row.bytes));
        Record { key, value, place }
    }

    /// How many rows were bad, and why reading broke off if it did.
    fn finish(self) -> (u64, Option<Problem>) {
        if !self.surveyed {
            self.notes.finish();
            self.notes.warn_of_old(now());
        }
        (self.notes.bad, self.failed)
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            let (mut file, name) = match self.current.take() {
                Some(current) => current,
                None => {
                    let file = self.files.next()?;
                    let name = Arc::from(file.name());
                    (file, name)
                }
            };
            match file.next() {
                Some(Ok(row)) => {
                    self.bytes += row.bytes.len() as u64;
                    if !self.surveyed {
                        self.notes.look(&name, &row);
                    }
                    let record = self.record(row, &file, &name);
                    self.current = Some((file, name));
                    return Some(record);
                }
                Some(Err(error)) => {
                    self.failed = Some(unreadable(&error));
                    self.files = Vec::new().into_iter();
                    return None;
                }
                None if !self.surveyed => self.notes.end_of(&name, file.passed()),
                None => {}
            }
        }
    }
}

fn finish(
    context: &Context,
    summary: &serde_json::Value,
    words: &str,
    failed: Option<Problem>,
) -> Result<(), Problem> {
    let line = if context.out.is_json() { summary.to_string() } else { words.to_owned() };
    context.out.line(&line)?;
    failed.map_or(Ok(()), Err)
}

/// The running server of the data folder.
fn server(context: &Context) -> Result<Client, Problem> {
    let no_server = || {
        let detail = format!(
            "no server runs on {}; start one with tradewarden run, or configure a cluster (kafka.bootstrap_servers)",
            context.folder()
        );
        Problem::new(503, "no_server", detail)
    };
    match context.access::<SourceShow>("publish") {
        Ok(Access::Remote(client)) => Ok(client),
        Ok(Access::Local(_)) => Err(no_server()),
        Err(problem) if problem.code == "not_found" => Err(no_server()),
        Err(problem) => Err(problem),
    }
}

/// The cluster; without one the embedded endpoint of the running server, paced by what that has taken in.
fn cluster(context: &Context, config: &Config) -> Result<(KafkaSettings, Option<Pace>), Problem> {
    let mut settings = config.kafka_settings();
    if config.kafka.bootstrap_servers.is_some() {
        return Ok((settings, None));
    }
    let client = server(context)?;
    let source = client.call(&SourceShow {})?;
    settings.bootstrap_servers = source.bootstrap_servers;
    settings.topics.trade_closed = source.topic;
    settings.properties.clear();
    Ok((settings, Some(Pace { client, before: source.records })))
}

/// Lines of one request, with the places of their records.
fn request(records: &mut Records<'_>, rate: Option<f64>) -> (Vec<u8>, Vec<Place>) {
    // With a rate: ten requests a second, so that the flow is even.
    let most = rate.map_or(REQUEST_RECORDS, |rate| ((rate / 10.0).ceil() as usize).clamp(1, REQUEST_RECORDS));
    let (mut lines, mut places) = (Vec::new(), Vec::new());
    while places.len() < most && lines.len() < REQUEST_BYTES {
        let Some(Record { value, place, .. }) = records.next() else { break };
        lines.extend(value.into_iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        lines.push(b'\n');
        places.push(place);
    }
    (lines, places)
}

/// The endpoint in memory drops what it has no room for: no more is sent than it surely holds until it is taken in.
const ROOM: usize = 2 << 20;

/// How long the server may take in nothing before that is told.
const STANDSTILL: Duration = Duration::from_secs(60);

struct Pace {
    client: Client,
    before: u64,
}

struct Paced<'r> {
    records: Records<'r>,
    pace: Option<Pace>,
    sent: u64,
    /// Bytes that were sent since the server was last waited for.
    unpaced: usize,
    /// Bytes that were read, for those who watch.
    bytes: Rc<Cell<u64>>,
}

impl Iterator for Paced<'_> {
    type Item = (Vec<u8>, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        let size = record.key.len() + record.value.len();
        if let Some(pace) = self.pace.as_ref().filter(|_| self.unpaced + size > ROOM) {
            pace.wait_for(self.sent);
            self.unpaced = 0;
        }
        (self.sent, self.unpaced) = (self.sent + 1, self.unpaced + size);
        self.bytes.set(self.records.bytes);
        Some((record.key, record.value))
    }
}

impl Pace {
    /// Waits until so many of our records are taken in, or nothing has been for a while.
    fn wait_for(&self, sent: u64) {
        let (mut last, mut moved) = (0, Instant::now());
        while moved.elapsed() < STANDSTILL {
            let Ok(source) = self.client.call(&SourceShow {}) else { return };
            let taken = source.records.saturating_sub(self.before);
            if taken >= sent {
                return;
            }
            if taken != last {
                (last, moved) = (taken, Instant::now());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}
