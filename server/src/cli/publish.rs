//! `publish`: sends the trades of files as the bot would, and ends when all are acknowledged.

use std::{
    thread,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use runtime::{
    intake::{files::TradeFile, wire},
    kafka::{KafkaSettings, send_all},
};
use serde_json::json;

use crate::{
    access::Access,
    calls::{Needs, SourceShow},
    client::Client,
    config::Config,
    http::Receipt,
    plant::kafka_settings,
    problem::Problem,
};

use super::{
    context::Context,
    progress,
    trade_files::{BadRows, TradeFiles},
};

/// What to publish, and where.
#[derive(Debug, Args)]
pub struct Publish {
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

/// A record that is ready to be sent.
type Record = (Vec<u8>, Vec<u8>);

/// Bytes of a request.
const REQUEST_BYTES: usize = 1 << 20;

/// Records of a request.
const REQUEST_RECORDS: usize = 1000;

impl Publish {
    /// Publishes.
    pub fn run(self, context: &Context) -> Result<u8, Problem> {
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
            To::Http => self.to_http(context, files),
        }
    }

    fn to_http(&self, context: &Context, files: Vec<TradeFile>) -> Result<u8, Problem> {
        let client = server(context)?;
        let spinner = progress::spinner(context.out.shows_progress(), "publishing");
        let (mut bad, mut failed) = (BadRows::new(&context.out), None);
        let (mut sent, mut counts) = (0_u64, (0, 0, 0));
        let begun = Instant::now();
        let mut records = self.records(files, &mut bad, &mut failed).peekable();
        while records.peek().is_some() {
            let (lines, count) = request(&mut records, self.rate);
            let receipt: Receipt = client.publish(&lines)?;
            sent += count;
            counts = (counts.0 + receipt.taken, counts.1 + receipt.duplicate, counts.2 + receipt.rejected);
            spinner.set_message(format!("{sent} trades acknowledged"));
            if let Some(rate) = self.rate {
                let due = begun + Duration::from_secs_f64(sent as f64 / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }
        drop(records);
        spinner.finish_and_clear();
        bad.finish();
        let (taken, duplicate, rejected) = counts;
        let summary = json!({
            "to": "http", "published": sent, "taken": taken, "duplicate": duplicate, "rejected": rejected,
        });
        let words = format!(
            "{sent} published over HTTP: {taken} taken, {duplicate} known before, {rejected} rejected"
        );
        finish(context, &summary, &words, failed)?;
        Ok(u8::from(rejected > 0 || bad.count > 0))
    }

    fn to_kafka(&self, context: &Context, config: &Config, files: Vec<TradeFile>) -> Result<u8, Problem> {
        let (settings, pace) = cluster(context, config)?;
        let spinner = progress::spinner(context.out.shows_progress(), "publishing");
        let (mut bad, mut failed) = (BadRows::new(&context.out), None);
        let records = self.records(files, &mut bad, &mut failed);
        let mut paced = Paced { records, pace, sent: 0, bytes: 0 };
        let mut told = |acknowledged| spinner.set_message(format!("{acknowledged} trades acknowledged"));
        let topic = &settings.topics.trade_closed;
        let sent = send_all(&settings, topic, &mut paced, self.rate, &mut told);
        drop(paced);
        spinner.finish_and_clear();
        bad.finish();
        let sent = sent.map_err(|fault| Problem::new(503, "kafka", fault.to_string()))?;
        let summary = json!({ "to": "kafka", "topic": topic, "published": sent, "bad_rows": bad.count });
        finish(context, &summary, &format!("{sent} published on {topic}, all acknowledged"), failed)?;
        Ok(u8::from(bad.count > 0))
    }

    /// The records of all files. A bad row is sent as it is: it ends in the dead letters of who takes it in.
    fn records<'r>(
        &'r self,
        files: Vec<TradeFile>,
        bad: &'r mut BadRows<'_>,
        failed: &'r mut Option<Problem>,
    ) -> impl Iterator<Item = Record> + 'r {
        let rows = files.into_iter().flat_map(|file| {
            let (name, as_it_is) = (file.name().to_owned(), self.files.are_records(&file));
            file.map(move |row| (name.clone(), as_it_is, row))
        });
        rows.map_while(|(name, as_it_is, row)| {
            let row =
                row.map_err(|error| *failed = Some(Problem::new(500, "file_unreadable", error.to_string())));
            let row = row.ok()?;
            bad.look(&name, &row);
            Some(match row.decoded {
                Ok(trade) if !as_it_is => {
                    let value = wire::to_record(&trade).unwrap_or(row.bytes);
                    (trade.strategy.into_bytes(), value)
                }
                Ok(trade) => (trade.strategy.into_bytes(), row.bytes),
                Err(rejection) => (rejection.strategy.unwrap_or_default().into_bytes(), row.bytes),
            })
        })
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
    match context.access("publish", Needs::Log) {
        Ok(Access::Remote(client)) => Ok(client),
        Ok(Access::Local(_)) => Err(no_server()),
        Err(problem) if problem.code == "not_found" => Err(no_server()),
        Err(problem) => Err(problem),
    }
}

/// The cluster; without one the embedded endpoint of the running server, paced by what that has taken in.
fn cluster(context: &Context, config: &Config) -> Result<(KafkaSettings, Option<Pace>), Problem> {
    let mut settings = kafka_settings(config);
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

/// Lines of one request, with their number.
fn request(records: &mut impl Iterator<Item = Record>, rate: Option<f64>) -> (Vec<u8>, u64) {
    // With a rate: ten requests a second, so that the flow is even.
    let most = rate.map_or(REQUEST_RECORDS, |rate| ((rate / 10.0).ceil() as usize).clamp(1, REQUEST_RECORDS));
    let (mut lines, mut count) = (Vec::new(), 0);
    while count < most as u64 && lines.len() < REQUEST_BYTES {
        let Some((_, value)) = records.next() else { break };
        lines.extend(value.into_iter().map(|byte| if byte == b'\n' { b' ' } else { byte }));
        lines.push(b'\n');
        count += 1;
    }
    (lines, count)
}

/// The endpoint in memory drops what it has no room for: no more is sent than it surely holds until it is taken in.
const ROOM: usize = 2 << 20;

/// How long the server may take in nothing before that is told.
const STANDSTILL: Duration = Duration::from_secs(60);

struct Pace {
    client: Client,
    before: u64,
}

struct Paced<I> {
    records: I,
    pace: Option<Pace>,
    sent: u64,
    bytes: usize,
}

impl<I: Iterator<Item = Record>> Iterator for Paced<I> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let record = self.records.next()?;
        let size = record.0.len() + record.1.len();
        if let Some(pace) = self.pace.as_ref().filter(|_| self.bytes + size > ROOM) {
            pace.wait_for(self.sent);
            self.bytes = 0;
        }
        (self.sent, self.bytes) = (self.sent + 1, self.bytes + size);
        Some(record)
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
