//! Everything that `run` keeps going, wired together: log, views, actors, Kafka.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use events::Uuid;
use intake::admit::Admission;
use kafka::{
    Connection, Delivery, Endpoint, FaultKind, KafkaFault, KafkaPublisher, KafkaSettings, KafkaSource,
    SourceState, check_history, dead_letter_topic, go_on_as_copy,
};
use runtime::system::System;
use store::{Chained, EventLog};
use views::{Views, ViewsOptions};

use crate::{
    calls::{Source, Sources},
    config::Config,
    folder::{DataFolder, own_log},
    parts::{LogPart, Part, Saved},
    problem::Problem,
};

/// Everything that runs.
pub(crate) struct Process {
    /// Answers calls.
    pub sources: Sources,
    /// In the order in which they need each other: stopped from the last to the first.
    pub parts: Vec<Arc<dyn Part>>,
    /// How Kafka is reached, in words.
    pub kafka: String,
    run_id: Uuid,
    /// The head of the log before anything was done.
    pub begun_at: u64,
}

/// What a start may do that is not done by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    /// Go on under a new identity with a log that decisions were not published from.
    pub as_copy: bool,
    /// Go on where the folder's log is gone, or another one.
    pub new_log: bool,
}

impl Process {
    /// Starts everything.
    ///
    /// # Errors
    /// When the log does not open, is not the one that decisions were published from (unless it goes on as a copy), or a
    /// part cannot be started.
    pub(crate) fn start(config: &Config, folder: &DataFolder, begin: Begin) -> Result<Self, Problem> {
        let Begin { as_copy, new_log } = begin;
        let embedded = own_log::open(folder, config.log_options(), new_log)?;
        for notice in embedded.notices() {
            tracing::warn!("{notice}");
        }
        let log = Arc::clone(&embedded) as Arc<dyn EventLog>;
        // Before anything is taken in: a restored backup must not decide anew what is already published.
        let connection = match config.kafka.bootstrap_servers.is_some() && !as_copy {
            true => refuse_another_history(&log, &config.kafka_settings())?,
            false => None,
        };
        let begun_at = log.head();
        let views = Views::open(Arc::clone(&log), &folder.views(), ViewsOptions::default())?;
        let system = System::start(&log, &config.system_config(Some(folder.snapshots()), "run"))?;
        let run_id = system.run_id();
        if as_copy {
            go_on_as_copy(&*log, run_id)?;
        }
        let (endpoint, settings) = cluster(config)?;
        let servers =
            endpoint.as_ref().map_or(settings.bootstrap_servers.clone(), |e| e.address().to_string());
        let (delivery, kafka) = match &endpoint {
            Some(_) => (Delivery::FromNowOn, format!("{servers} ({})", kafka::ENDPOINT_LIMITS)),
            None => (Delivery::Transactional, servers.clone()),
        };
        let publisher =
            KafkaPublisher::start(Arc::clone(&log), settings.clone(), run_id, delivery, connection)?;
        let source = KafkaSource::start(Arc::clone(&log), settings, config.trades.clone(), run_id)?;
        let views = Arc::new(views);
        let system = Arc::new(system);
        let source = Arc::new(source);
        release_clock(&system, &source, config.stale_after)?;
        let mut sources = Sources::new(Arc::clone(&log));
        sources.log.chain = Some(Arc::clone(&embedded) as Arc<dyn Chained>);
        sources.log.views = Some(Arc::clone(&views));
        sources.actors = Some(Arc::clone(&system));
        sources.log.snapshots = Some(folder.snapshots());
        let shown = Arc::clone(&source);
        sources.log.source = Some(Arc::new(move || Source::of(&servers, &shown.status())));
        let mut parts: Vec<Arc<dyn Part>> = vec![Arc::new(LogPart { log, embedded: Some(embedded) })];
        parts.push(views);
        parts.extend(endpoint.map(|endpoint| Arc::new(endpoint) as Arc<dyn Part>));
        parts.push(Arc::new(publisher));
        parts.push(system);
        parts.push(source);
        Ok(Self { sources, parts, kafka, run_id, begun_at })
    }

    /// How facts over HTTP are taken in.
    pub(crate) fn admission(&self) -> Admission {
        Admission {
            stream: Arc::from("ingest-http"),
            producer: Arc::from("source:http"),
            run_id: self.run_id,
        }
    }

    /// Stops everything; the server has to have let go of what it shares.
    pub(crate) fn stop(self) -> Saved {
        let Self { sources, parts, .. } = self;
        sources.stopping.store(true, Ordering::Relaxed);
        drop(sources);
        let mut saved = Saved::default();
        parts.into_iter().rev().for_each(|part| part.stop(&mut saved));
        saved
    }
}

/// A cluster that is away cannot tell: the publisher asks again, by the ids of events, before it publishes. Otherwise it
/// goes on over the connection that was asked through.
fn refuse_another_history(
    log: &Arc<dyn EventLog>,
    settings: &KafkaSettings,
) -> Result<Option<Connection>, Problem> {
    match check_history(log, settings) {
        Err(fault) if matches!(fault.kind, FaultKind::OtherHistory | FaultKind::Settings) => {
            Err(fault.into())
        }
        Err(fault) => {
            tracing::warn!(%fault, "whether this log is the one that was published cannot be told yet");
            Ok(None)
        }
        Ok(connection) => Ok(Some(connection)),
    }
}

/// The configured cluster, or the embedded endpoint with the topics that are read and written.
fn cluster(config: &Config) -> Result<(Option<Endpoint>, KafkaSettings), Problem> {
    let settings = config.kafka_settings();
    if config.kafka.bootstrap_servers.is_some() {
        return Ok((None, settings));
    }
    let topics = &settings.topics;
    let dead_letters = dead_letter_topic(&topics.trade_closed);
    let names = [topics.trade_closed.as_str(), topics.decisions.as_str(), dead_letters.as_str()];
    let endpoint = Endpoint::start(&config.kafka.embedded_listen.to_string(), &names)?;
    let own =
        KafkaSettings { topics: topics.clone(), stale_after: config.stale_after, ..endpoint.settings() };
    Ok((Some(endpoint), own))
}

/// Lets time pass once the facts up to now are in, or the source was given up on: a schedule that fell due while the
/// process was down decides on all of them.
fn release_clock(system: &Arc<System>, source: &Arc<KafkaSource>, patience: Duration) -> Result<(), Problem> {
    let (system, source) = (Arc::downgrade(system), Arc::downgrade(source));
    let begun = Instant::now();
    let wait = move || loop {
        thread::sleep(Duration::from_millis(20));
        let (Some(system), Some(source)) = (system.upgrade(), source.upgrade()) else { return };
        let status = source.status();
        if status.state == SourceState::Live || status.stalled.is_some() || begun.elapsed() > patience {
            system.release_clock();
            return;
        }
    };
    let spawned = thread::Builder::new().name("clock-release".to_owned()).spawn(wait);
    spawned.map(drop).map_err(|error| Problem::internal(format!("starting a thread: {error}")))
}

impl From<KafkaFault> for Problem {
    fn from(fault: KafkaFault) -> Self {
        match fault.kind {
            FaultKind::Settings => Self::new(400, "configuration", fault.to_string()),
            FaultKind::OtherHistory => Self::new(409, "other_history", fault.to_string()),
            _ => Self::new(503, "kafka", fault.to_string()),
        }
    }
}
