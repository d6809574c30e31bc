//! What is known of the source: written by the threads that read, shown to everybody.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use events::StallReason;

use super::{
    super::{
        KafkaSettings,
        fault::{FaultKind, KafkaFault},
    },
    added::Stage,
    ending::Stop,
    ends::{End, EndWatch, Hidden},
    keeping::Keeper,
    keys::Keys,
    ledger::Ledger,
    progress::{PartitionProgress, SourceState, SourceStatus, Tally, statuses},
    stall::Verdict,
};
use intake::TradeFormat;
use store::now;

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
/// Every call to the cluster ends within 5 s. When there was no word for longer, the client itself hangs.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// What sessions share, and what is shown.
pub(super) struct Outside {
    pub(super) settings: KafkaSettings,
    pub(super) format: Arc<TradeFormat>,
    pub(super) ledger: Ledger,
    pub(super) tally: Arc<Tally>,
    pub(super) keeper: Keeper,
    pub(super) keys: Arc<Keys>,
    pub(super) stop: Stop,
    inner: Mutex<Inner>,
}

struct Inner {
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

impl Outside {
    pub(super) fn new(
        settings: KafkaSettings,
        format: TradeFormat,
        ledger: Ledger,
        keeper: Keeper,
        stalled: Option<StallReason>,
    ) -> Self {
        let inner = Inner {
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
        let (stop, inner) = (Stop::default(), Mutex::new(inner));
        Self { settings, format: Arc::new(format), ledger, tally, keeper, keys, stop, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic that is read.
    pub(super) fn topic(&self) -> &str {
        &self.settings.topics.trade_closed
    }

    pub(super) fn connecting(&self) {
        self.inner().state = SourceState::Connecting;
    }

    pub(super) fn stopped(&self) {
        self.inner().state = SourceState::Stopped;
    }

    /// The partitions are taken; of those that were added to the topic some may have to wait.
    pub(super) fn reading(&self, partitions: &[Arc<PartitionProgress>], taken: usize) {
        let mut inner = self.inner();
        inner.waiting = partitions.len().saturating_sub(taken);
        inner.partitions = partitions.to_vec();
        inner.state = SourceState::CatchingUp;
        inner.watch.begin();
        inner.heard = Instant::now();
        inner.beyond_since = None;
    }

    pub(super) fn is_live(&self) -> bool {
        self.inner().state == SourceState::Live
    }

    /// Whether the last end that was seen is reached, and it was not known to be.
    pub(super) fn wants_end(&self, partitions: &[Arc<PartitionProgress>]) -> bool {
        let inner = self.inner();
        inner.state != SourceState::Live && inner.watch.is_target_reached(partitions.iter().map(|p| &**p))
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
        let mut inner = self.inner();
        inner.watch.observe(asked, partitions.iter().map(|p| &**p), ends);
        let live = inner.watch.ever() && inner.watch.age(Instant::now()) < LIVE_WITHIN;
        inner.state = if live { SourceState::Live } else { SourceState::CatchingUp };
    }

    /// Nothing is wrong.
    fn answers(&self) {
        let mut inner = self.inner();
        inner.heard = Instant::now();
        if inner.fault.take().is_some() {
            tracing::info!(topic = self.topic(), "kafka answers again");
            inner.told = None;
        }
    }

    /// Whether partitions that had to wait may begin: the others are read.
    pub(super) fn begins(&self, topic_id: &str, stage: &Stage) -> bool {
        let mut inner = self.inner();
        if inner.waiting == 0 || !inner.watch.has_read(&stage.until) {
            return false;
        }
        inner.begun = Some((topic_id.to_owned(), stage.then));
        true
    }

    /// Whether so many partitions of a topic have begun since this process waited for some of them.
    pub(super) fn has_begun(&self, topic_id: &str, partitions: usize) -> bool {
        self.inner().begun.as_ref().is_some_and(|(topic, begun)| topic == topic_id && *begun >= partitions)
    }

    /// Something is wrong for now.
    pub(super) fn trouble(&self, fault: KafkaFault) {
        let mut inner = self.inner();
        inner.heard = Instant::now();
        let known =
            inner.told.as_ref().is_some_and(|(told, at)| *told == fault.message && at.elapsed() < TELL_EVERY);
        if !known {
            tracing::warn!(topic = self.topic(), %fault, "reading from kafka; trying on");
            inner.told = Some((fault.message.clone(), Instant::now()));
        }
        let since = inner.fault.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
        inner.fault = Some(Trouble { fault, since });
    }

    /// Ends the source for good: the guards cannot know any more.
    pub(super) fn fail(&self, fault: KafkaFault) {
        let mut inner = self.inner();
        if inner.last.is_none() {
            tracing::error!(%fault, "the kafka source stops");
            inner.last = Some(fault);
        }
    }

    /// What ended the source for good.
    pub(super) fn failed(&self) -> Option<KafkaFault> {
        self.inner().last.clone()
    }

    /// What the log has to say of it now.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let inner = self.inner();
        let age = inner.watch.age(Instant::now());
        let (reason, detail) = if let Some(fault) = &inner.last {
            (StallReason::Unreachable, fault.message.clone())
        } else if age > self.settings.stale_after && inner.fault.is_none() && inner.is_asking() {
            return None;
        } else if age <= self.settings.stale_after {
            return inner.watch.ever().then_some(Verdict::Reached);
        } else if let Some(trouble) = &inner.fault {
            (StallReason::Unreachable, trouble.fault.message.clone())
        } else if inner.is_silent() {
            (StallReason::Unreachable, inner.silence())
        } else if let Some(hidden) = inner.watch.hidden().first() {
            (StallReason::OpenTransaction, self.hiding(*hidden))
        } else {
            (StallReason::Behind, "the end of the topic is not reached".to_owned())
        };
        let since = now().plus_micros(-i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        Some(Verdict::Stands { reason, since, detail })
    }

    /// What the log says now.
    pub(super) fn noted(&self, stalled: Option<StallReason>) {
        self.inner().stalled = stalled;
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
        self.inner().beyond_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
    }

    pub(super) fn status(&self) -> SourceStatus {
        let inner = self.inner();
        let age = inner.watch.age(Instant::now());
        let reading = inner.state != SourceState::Stopped && inner.last.is_none();
        let reached = reading && inner.watch.ever();
        let caught_up = reached && age <= self.settings.stale_after && inner.stalled.is_none();
        let state = match inner.state {
            // Whoever noted that may hang since.
            SourceState::Live if age >= LIVE_WITHIN.min(self.settings.stale_after) => SourceState::CatchingUp,
            state => state,
        };
        let is_hindered =
            inner.is_silent() || inner.fault.as_ref().is_some_and(|trouble| !trouble.is_brief());
        let mut status = SourceStatus {
            topic: self.topic().to_owned(),
            state,
            text: String::new(),
            caught_up,
            ready: reached && (caught_up || state == SourceState::Live) && !is_hindered,
            stalled: inner.stalled,
            partitions: statuses(inner.partitions.iter().map(|p| &**p)),
            counts: self.tally.counts(),
            warning: self.keeper.risk(),
        };
        status.text = self.text(&inner, &status);
        status
    }

    fn text(&self, inner: &Inner, status: &SourceStatus) -> String {
        let fault = inner.last.as_ref().or(inner.fault.as_ref().map(|trouble| &trouble.fault));
        match (status.state, fault) {
            (SourceState::Stopped, Some(fault)) => format!("stopped: {fault}"),
            (SourceState::Stopped, None) => "stopped".to_owned(),
            (_, Some(fault)) => fault.to_string(),
            _ if inner.is_silent() => inner.silence(),
            (SourceState::Connecting, None) => "connecting".to_owned(),
            (SourceState::CatchingUp, None) => match inner.watch.hidden().first() {
                Some(hidden) => format!("{} to go: {}", status.lag(), self.hiding(*hidden)),
                None if inner.waiting > 0 => format!(
                    "catching up: {} to go; {} added partitions wait until the others are read",
                    status.lag(),
                    inner.waiting
                ),
                None => format!("catching up: {} to go", status.lag()),
            },
            (SourceState::Live, None) => "live".to_owned(),
        }
    }
}

impl Inner {
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
