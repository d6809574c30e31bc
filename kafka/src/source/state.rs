//! What is known of the source: written by the threads that read, shown to everybody.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use events::{StallReason, Timestamp};

use super::{
    super::{
        KafkaSettings,
        fault::{FaultKind, KafkaFault},
    },
    ends::{End, EndWatch, Hidden},
    keeping::Keeper,
    keys::Keys,
    progress::{PartitionProgress, SourceState, SourceStatus, Tally, statuses},
    source_log::SourceLog,
    wakeup::Stop,
};
use intake::TradeFormat;
use store::now;

/// How long a call to the cluster may take.
pub(super) const WAIT: Duration = Duration::from_secs(5);
/// How long a partition that ends before our position is given to show its true end.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same fault is told again after this long.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// An end that was reached so long ago is the present one still.
const LIVE_WITHIN: Duration = Duration::from_secs(5);
/// Connections break and come back; what lasts longer than this is told as not ready.
const BRIEF: Duration = Duration::from_secs(3);
/// Ends are asked for every second.
const ASKING_AFTER: Duration = Duration::from_secs(2);
/// Every call to the cluster ends within [`WAIT`]. When there was no word for longer, the client itself hangs.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// How far a topic may be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// So many partitions, from the first on.
    pub(super) read: usize,
    /// Where these have to be read to before the next ones begin; empty when there are none.
    pub(super) until: Vec<i64>,
    /// How many there are once they have begun.
    pub(super) then: usize,
}

/// How the source stands at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The end was reached lately.
    Reached,
    /// It was not.
    Stands {
        /// Why.
        reason: StallReason,
        /// Since when.
        since: Timestamp,
        /// In words.
        detail: String,
    },
}

/// What sessions share, and what is shown.
pub(super) struct SourceContext {
    pub(super) settings: KafkaSettings,
    pub(super) format: Arc<TradeFormat>,
    pub(super) log: SourceLog,
    pub(super) tally: Arc<Tally>,
    pub(super) keeper: Keeper,
    pub(super) keys: Arc<Keys>,
    pub(super) stop: Stop,
    known: Mutex<Known>,
}

/// What is known of it now.
struct Known {
    state: SourceState,
    fault: Option<Trouble>,
    told: Option<(String, Instant)>,
    partitions: Vec<Arc<PartitionProgress>>,
    watch: EndWatch,
    /// As the log has it.
    stalled: Option<StallReason>,
    /// What ends the source for good.
    last: Option<KafkaFault>,
    /// When the cluster, or a fault of it, was last heard of.
    heard: Instant,
    beyond_since: Option<Instant>,
    /// Added partitions that wait until the old ones are read.
    waiting: usize,
    /// The topic and how many of its partitions have begun, where others were waited for.
    begun: Option<(String, usize)>,
}

/// What is wrong, and since when something is.
struct Trouble {
    fault: KafkaFault,
    since: Instant,
}

impl Trouble {
    fn is_brief(&self) -> bool {
        matches!(self.fault.kind, FaultKind::Unreachable | FaultKind::Other) && self.since.elapsed() < BRIEF
    }
}

impl SourceContext {
    pub(super) fn new(
        settings: KafkaSettings,
        format: TradeFormat,
        log: SourceLog,
        keeper: Keeper,
        stalled: Option<StallReason>,
    ) -> Self {
        let known = Known {
            state: SourceState::Connecting,
            fault: None,
            told: None,
            partitions: Vec::new(),
            watch: EndWatch::new(Instant::now()),
            stalled,
            last: None,
            heard: Instant::now(),
            beyond_since: None,
            waiting: 0,
            begun: None,
        };
        let (tally, keys) = (Arc::default(), Arc::default());
        let (stop, known) = (Stop::default(), Mutex::new(known));
        Self { settings, format: Arc::new(format), log, tally, keeper, keys, stop, known }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic that is read.
    pub(super) fn topic(&self) -> &str {
        &self.settings.topics.trade_closed
    }

    pub(super) fn connecting(&self) {
        self.known().state = SourceState::Connecting;
    }

    pub(super) fn stopped(&self) {
        self.known().state = SourceState::Stopped;
    }

    /// The partitions are taken; of those that were added to the topic some may have to wait.
    pub(super) fn reading(&self, partitions: &[Arc<PartitionProgress>], taken: usize) {
        let mut known = self.known();
        known.waiting = partitions.len().saturating_sub(taken);
        known.partitions = partitions.to_vec();
        known.state = SourceState::CatchingUp;
        known.watch.begin();
        known.heard = Instant::now();
        known.beyond_since = None;
    }

    pub(super) fn is_live(&self) -> bool {
        self.known().state == SourceState::Live
    }

    /// Whether the last end that was seen is reached, and it was not known to be.
    pub(super) fn wants_end(&self, partitions: &[Arc<PartitionProgress>]) -> bool {
        let known = self.known();
        known.state != SourceState::Live && known.watch.is_target_reached(partitions.iter().map(|p| &**p))
    }

    /// The ends of the partitions, as they were at `asked`, and what keeps the client from reading on to them.
    pub(super) fn observed(
        &self,
        asked: Instant,
        (partitions, ends): (&[Arc<PartitionProgress>], &[End]),
        hindrance: Option<KafkaFault>,
    ) {
        match hindrance {
            Some(fault) => self.trouble(fault),
            None => self.answers(),
        }
        let mut known = self.known();
        known.watch.observe(asked, partitions.iter().map(|p| &**p), ends);
        let live = known.watch.ever() && known.watch.age(Instant::now()) < LIVE_WITHIN;
        known.state = if live { SourceState::Live } else { SourceState::CatchingUp };
    }

    /// Nothing is wrong.
    fn answers(&self) {
        let mut known = self.known();
        known.heard = Instant::now();
        if known.fault.take().is_some() {
            tracing::info!(topic = self.topic(), "kafka answers again");
            known.told = None;
        }
    }

    /// Whether partitions that had to wait may begin: the others are read.
    pub(super) fn begins(&self, topic_id: &str, stage: &Stage) -> bool {
        let mut known = self.known();
        if known.waiting == 0 || !known.watch.has_read(&stage.until) {
            return false;
        }
        known.begun = Some((topic_id.to_owned(), stage.then));
        true
    }

    /// Whether so many partitions of a topic have begun since this process waited for some of them.
    pub(super) fn has_begun(&self, topic_id: &str, partitions: usize) -> bool {
        self.known().begun.as_ref().is_some_and(|(topic, begun)| topic == topic_id && *begun >= partitions)
    }

    /// Something is wrong for now.
    pub(super) fn trouble(&self, fault: KafkaFault) {
        let mut known = self.known();
        known.heard = Instant::now();
        let is_told =
            known.told.as_ref().is_some_and(|(told, at)| *told == fault.message && at.elapsed() < TELL_EVERY);
        if !is_told {
            tracing::warn!(topic = self.topic(), %fault, "reading from kafka; trying on");
            known.told = Some((fault.message.clone(), Instant::now()));
        }
        let since = known.fault.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
        known.fault = Some(Trouble { fault, since });
    }

    /// Ends the source for good: the guards cannot know any more.
    pub(super) fn fail(&self, fault: KafkaFault) {
        let mut known = self.known();
        if known.last.is_none() {
            tracing::error!(%fault, "the kafka source stops");
            known.last = Some(fault);
        }
    }

    /// What ended the source for good.
    pub(super) fn failed(&self) -> Option<KafkaFault> {
        self.known().last.clone()
    }

    /// What the log has to say of it now.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let known = self.known();
        let age = known.watch.age(Instant::now());
        let (reason, detail) = if let Some(fault) = &known.last {
            (StallReason::Unreachable, fault.message.clone())
        } else if age > self.settings.stale_after && known.fault.is_none() && known.is_asking() {
            return None;
        } else if age <= self.settings.stale_after {
            return known.watch.ever().then_some(Verdict::Reached);
        } else if let Some(trouble) = &known.fault {
            (StallReason::Unreachable, trouble.fault.message.clone())
        } else if known.is_silent() {
            (StallReason::Unreachable, known.silence())
        } else if let Some(hidden) = known.watch.hidden().first() {
            (StallReason::OpenTransaction, self.hiding(*hidden))
        } else {
            (StallReason::Behind, "the end of the topic is not reached".to_owned())
        };
        let since = now().plus_micros(-i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        Some(Verdict::Stands { reason, since, detail })
    }

    /// What the log says now.
    pub(super) fn noted(&self, stalled: Option<StallReason>) {
        self.known().stalled = stalled;
    }

    /// What an open transaction does, and how to find and end it. Whose it is, no client can ask; the broker's tool can.
    fn hiding(&self, hidden: Hidden) -> String {
        let (topic, servers) = (self.topic(), &self.settings.bootstrap_servers);
        let Hidden { partition, from, to } = hidden;
        format!(
            "an open transaction hides the records of {topic}[{partition}] from offset {from} to {to}; its producer has \
             to commit or abort it. kafka-transactions.sh --bootstrap-server {servers} describe-producers --topic \
             {topic} --partition {partition} names the producer, find-hanging --topic {topic} a transaction that \
             nobody ends any more, abort --topic {topic} --partition {partition} --start-offset {from} ends it"
        )
    }

    /// Whether a partition has ended before our position for so long that it is true.
    pub(super) fn is_beyond_for_good(&self) -> bool {
        self.known().beyond_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
    }

    pub(super) fn status(&self) -> SourceStatus {
        let known = self.known();
        let age = known.watch.age(Instant::now());
        let reading = known.state != SourceState::Stopped && known.last.is_none();
        let reached = reading && known.watch.ever();
        let caught_up = reached && age <= self.settings.stale_after && known.stalled.is_none();
        let state = match known.state {
            // Whoever noted that may hang since.
            SourceState::Live if age >= LIVE_WITHIN.min(self.settings.stale_after) => SourceState::CatchingUp,
            state => state,
        };
        let is_hindered =
            known.is_silent() || known.fault.as_ref().is_some_and(|trouble| !trouble.is_brief());
        let mut status = SourceStatus {
            topic: self.topic().to_owned(),
            state,
            text: String::new(),
            caught_up,
            ready: reached && (caught_up || state == SourceState::Live) && !is_hindered,
            stalled: known.stalled,
            partitions: statuses(known.partitions.iter().map(|p| &**p)),
            counts: self.tally.counts(),
            warning: self.keeper.risk(),
        };
        status.text = self.text(&known, &status);
        status
    }

    fn text(&self, known: &Known, status: &SourceStatus) -> String {
        let fault = known.last.as_ref().or(known.fault.as_ref().map(|trouble| &trouble.fault));
        match (status.state, fault) {
            (SourceState::Stopped, Some(fault)) => format!("stopped: {fault}"),
            (SourceState::Stopped, None) => "stopped".to_owned(),
            (_, Some(fault)) => fault.to_string(),
            _ if known.is_silent() => known.silence(),
            (SourceState::Connecting, None) => "connecting".to_owned(),
            (SourceState::CatchingUp, None) => match known.watch.hidden().first() {
                Some(hidden) => format!("{} to go: {}", status.lag(), self.hiding(*hidden)),
                None if known.waiting > 0 => format!(
                    "catching up: {} to go; {} added partitions wait until the others are read",
                    status.lag(),
                    known.waiting
                ),
                None => format!("catching up: {} to go", status.lag()),
            },
            (SourceState::Live, None) => "live".to_owned(),
        }
    }
}

impl Known {
    /// Whether a call to the cluster is taking its time: it will say more than that the end is not reached.
    fn is_asking(&self) -> bool {
        self.heard.elapsed() > ASKING_AFTER && !self.is_silent()
    }

    fn is_silent(&self) -> bool {
        self.state != SourceState::Stopped && self.heard.elapsed() > SILENT_AFTER
    }

    fn silence(&self) -> String {
        let seconds = self.heard.elapsed().as_secs();
        format!("the Kafka client has not answered for {seconds} s; if that stays so, restart tradewarden")
    }
}
