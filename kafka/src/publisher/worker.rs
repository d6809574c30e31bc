//! The publisher's thread: sessions, each from what is visible to a fault.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use events::{Family, FamilySet, Recorded, Uuid};
use rdkafka::types::RDKafkaErrorCode;
use store::Inflow;

use super::{
    super::fault::{FaultKind, KafkaFault},
    Delivery, PublisherState, Shared,
    checkpoint::{self, Checkpoint},
    history,
    identity::Names,
    notes::Notes,
    port::{Brokers, Hidden, ProduceError, Whose},
    record::{Outgoing, outgoing},
    transactional_producer::TransactionalProducer,
};

/// What is published, and what may have to be.
const PUBLISHED: FamilySet = FamilySet::DECISIONS.union(FamilySet::of(&[Family::Ingest]));

const IDLE: Duration = Duration::from_millis(200);
/// While the log is being filled, what comes in within so long goes out together: a broker takes one large transaction
/// for a fraction of what many small ones cost it. Where events come as they happen nothing waits.
///
/// Whether it is being filled is seen from the log's head alone. The source knows better, but parts talk through the log
/// only, and to write there what its head shows already would be one more fact to keep true.
const GATHER: Duration = Duration::from_millis(20);
/// Events looked at for one transaction.
const MOST_EVENTS: usize = 4096;
/// Bytes of values after which a transaction is closed.
const MOST_BYTES: usize = 4 << 20;
/// The longest pause after a fault.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two checkpoints.
    pub(crate) checkpoint: Duration,
    /// After the first fault.
    pub(crate) pause: Duration,
    /// Between two looks whether the decisions topic is there and nothing hides what is on it.
    pub(crate) topic: Duration,
    /// Between two looks for other logs on it.
    pub(crate) others: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            checkpoint: checkpoint::EVERY,
            pause: Duration::from_millis(100),
            topic: Duration::from_secs(3),
            others: Duration::from_secs(30),
        }
    }
}

/// Connects to the cluster, once for each session.
pub(crate) type Connect = Box<dyn Fn() -> Result<Box<dyn Brokers>, KafkaFault> + Send>;

/// See above.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    pub(crate) connect: Connect,
    /// The decisions topic, and that of our dead letters.
    pub(crate) topics: [String; 2],
    pub(crate) bootstrap_servers: String,
    pub(crate) run_id: Uuid,
    pub(crate) delivery: Delivery,
    /// The end of the log when the publisher was started.
    pub(crate) started_at: u64,
    pub(crate) pace: Pace,
}

/// A session's view of the cluster.
struct Session {
    brokers: Box<dyn Brokers>,
    cluster: String,
    names: Names,
    checkpoint: Checkpoint,
    notes: Notes,
    /// Topics that are there, and were looked at.
    topics: BTreeSet<String>,
    /// Events that are not to be published: they are visible, or it cannot be told yet.
    done: BTreeSet<Uuid>,
    /// Open transactions of others that hide what comes after.
    behind: Vec<Hidden>,
    others_read: BTreeMap<i32, i64>,
    looked: Instant,
    looked_for_others: Instant,
}

/// Whether a session goes on.
#[derive(PartialEq, Eq)]
enum Next {
    On,
    /// With a new session, which looks anew at what is visible.
    Anew,
}

impl Worker {
    pub(crate) fn run(self) {
        let mut producer = None;
        let mut pause = self.pace.pause;
        loop {
            let fault = match self.session(&mut producer) {
                Ok(()) if !self.shared.is_stopping() => continue,
                Err(fault) if !self.shared.is_stopping() => fault,
                _ => break,
            };
            if !fault.is_passing() {
                tracing::error!(%fault, "the kafka publisher stops");
                self.shared.tell(PublisherState::Stopped, Some(fault.message));
                return;
            }
            tracing::warn!(%fault, "publishing to kafka failed; trying on");
            self.shared.tell(PublisherState::Retrying, Some(fault.message));
            self.wait(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
            if self.shared.status().last_published.is_some_and(|at| at.elapsed() < pause) {
                pause = self.pace.pause;
            }
        }
        let error = self.shared.status().last_error.take();
        self.shared.tell(PublisherState::Stopped, error);
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.shared.is_stopping() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_transactional(&self) -> bool {
        self.delivery == Delivery::Transactional
    }

    /// The transactional id.
    fn name(&self, session: &Session) -> Option<Uuid> {
        self.is_transactional().then_some(session.names.present.id)
    }

    /// Finds out how far it came and publishes on, until a fault or the end.
    fn session(&self, producer: &mut Option<TransactionalProducer>) -> Result<(), KafkaFault> {
        let mut session = self.arrive()?;
        if let Some(open) = producer {
            open.settle()?;
        }
        if producer.as_ref().is_none_or(TransactionalProducer::is_spent) {
            *producer = None;
            self.check_history(&session)?;
        }
        // Keeps the producer that we have, so that an old process cannot take the place of its successor by trying
        // again; a new one only when it is the first or the old one is dead.
        let open = match producer {
            Some(open) => open,
            None => producer.insert(TransactionalProducer::open(&*session.brokers, self.name(&session))?),
        };
        for topic in session.topics.clone() {
            self.look_at(&mut session, open, &topic)?;
        }
        self.follow(&mut session, open)
    }

    fn arrive(&self) -> Result<Session, KafkaFault> {
        let log = &self.shared.log;
        let brokers = (self.connect)()?;
        let cluster = brokers.cluster_id()?;
        let checkpoint = Checkpoint::last(&**log, cluster.clone(), self.run_id, self.pace.checkpoint)?;
        let mut session = Session {
            names: Names::of(&**log, &cluster, checkpoint.position())?,
            notes: Notes::open(Arc::clone(log), self.run_id)?,
            brokers,
            cluster,
            checkpoint,
            topics: BTreeSet::new(),
            done: BTreeSet::new(),
            behind: Vec::new(),
            others_read: BTreeMap::new(),
            looked: Instant::now(),
            looked_for_others: Instant::now(),
        };
        let [decisions, dead_letters] = &self.topics;
        session.ensure(decisions)?;
        match session.ensure(dead_letters) {
            // Without rights on it its letters are left out, each told when it comes.
            Err(fault) if fault.kind == FaultKind::NotAllowed => {}
            other => other?,
        }
        Ok(session)
    }

    /// Before the transactional id is taken from whoever publishes: an older copy of a log, started by mistake, must not
    /// silence the one that lives.
    fn check_history(&self, session: &Session) -> Result<(), KafkaFault> {
        if self.is_transactional() {
            for topic in &session.topics {
                let published = session.brokers.published(topic, &session.names)?;
                history::check(&*self.shared.log, topic, &published)?;
            }
        }
        Ok(())
    }

    /// Finds out what of this log is on a topic, when nothing of ours is open there any more.
    fn look_at(
        &self,
        session: &mut Session,
        producer: &mut TransactionalProducer,
        topic: &str,
    ) -> Result<(), KafkaFault> {
        if !self.is_transactional() {
            return Ok(());
        }
        let mut hidden = session.brokers.hidden(topic, &session.names)?;
        if hidden.iter().any(is_ours) {
            hidden.retain(is_ours);
            // Nobody who reads committed records has seen what hangs.
            tracing::warn!(?hidden, "kafka never ended a transaction that it took; publishing it again");
            producer.abort_hanging(&hidden)?;
            hidden = session.brokers.hidden(topic, &session.names)?;
            if let Some(place) = hidden.iter().find(|place| is_ours(place)) {
                return Err(self.hanging(place));
            }
        }
        for place in &hidden {
            if let Whose::Foreign { ids, .. } = &place.whose {
                // Committed or not, it is seen when that transaction ends: then a new session looks.
                session.done.extend(ids);
            }
        }
        session.behind.append(&mut hidden);
        let published = session.brokers.published(topic, &session.names)?;
        history::check(&*self.shared.log, topic, &published)?;
        session.done.extend(published.own.iter().map(|(_, id)| id));
        session.done.extend(published.before);
        if topic == self.topics[0] {
            session.notes.seen_at_start(topic, &published.others)?;
        }
        Ok(())
    }

    fn follow(&self, session: &mut Session, producer: &mut TransactionalProducer) -> Result<(), KafkaFault> {
        let log = &self.shared.log;
        let mut position = match self.delivery {
            Delivery::Transactional => session.checkpoint.position(),
            Delivery::FromNowOn => self.shared.status().position.max(self.started_at),
        };
        self.shared.status().position = position;
        self.tell_how(session);
        tracing::info!(after = position, already = session.done.len(), "publishing to kafka");
        let (mut events, mut inflow) = (log.subscribe(position, PUBLISHED), Inflow::new(&**log));
        while !self.shared.is_stopping() {
            if inflow.is_flood(&**log) && log.head() < position.saturating_add(MOST_EVENTS as u64) {
                thread::sleep(GATHER);
            }
            let batch = events.next(MOST_EVENTS, IDLE)?;
            let published = self.publish_all(session, producer, &batch.events)?;
            position = position.max(batch.read_to);
            self.shared.status().position = position;
            if self.is_transactional() {
                session.checkpoint.published(published);
                if self.look_around(session, producer, position)? == Next::Anew {
                    return Ok(());
                }
            }
        }
        if self.is_transactional() && session.behind.is_empty() && !self.shared.is_abandoned() {
            let (brokers, gives_up) = (&*session.brokers, || self.shared.gives_up());
            session.checkpoint.finish(&**log, producer, brokers, position, &gives_up)?;
        }
        Ok(())
    }

    /// What is to be done now and then beside publishing.
    fn look_around(
        &self,
        session: &mut Session,
        producer: &TransactionalProducer,
        position: u64,
    ) -> Result<Next, KafkaFault> {
        let (log, brokers) = (&*self.shared.log, &*session.brokers);
        if session.behind.is_empty()
            && let Some(topic) = session.checkpoint.follow(log, producer, brokers, position)?
        {
            session.behind = brokers.hidden(&topic, &session.names)?;
            if session.behind.is_empty() || session.behind.iter().any(is_ours) {
                return Ok(Next::Anew);
            }
            self.tell_how(session);
        }
        if session.looked.elapsed() < self.pace.topic {
            return Ok(Next::On);
        }
        session.looked = Instant::now();
        let decisions = &self.topics[0];
        if brokers.ensure_topic(decisions)? {
            session.notes.made(&session.cluster, decisions)?;
            return Ok(Next::Anew);
        }
        for place in &session.behind {
            let Whose::Foreign { end, .. } = place.whose else { continue };
            if brokers.committed_end(&place.topic, place.partition)? >= end {
                return Ok(Next::Anew);
            }
        }
        if session.looked_for_others.elapsed() >= self.pace.others {
            session.looked_for_others = Instant::now();
            let others = brokers.others(decisions, &session.names, &mut session.others_read)?;
            session.notes.seen(decisions, &others)?;
            session.notes.forget_the_silent(decisions)?;
        }
        Ok(Next::On)
    }

    /// Publishes events in as many transactions as it takes; the answer is how many were to be published.
    fn publish_all(
        &self,
        session: &mut Session,
        producer: &mut TransactionalProducer,
        events: &[Arc<Recorded>],
    ) -> Result<usize, KafkaFault> {
        let (mut range, mut bytes, mut published) = (Vec::new(), 0, 0);
        for event in events {
            let Some(record) = self.record(session, producer, event)? else { continue };
            bytes += record.value.as_ref().map_or(0, Vec::len);
            range.push(record);
            published += 1;
            if bytes > MOST_BYTES {
                self.publish(session, producer, std::mem::take(&mut range))?;
                bytes = 0;
            }
        }
        if !range.is_empty() {
            self.publish(session, producer, range)?;
        }
        Ok(published)
    }

    /// The record of an event that is to be published. Its topic is there then, and was looked at: dead letters of a
    /// topic that is no longer in the configuration belong on one that was not.
    fn record(
        &self,
        session: &mut Session,
        producer: &mut TransactionalProducer,
        event: &Recorded,
    ) -> Result<Option<Outgoing>, KafkaFault> {
        let record = outgoing(event, session.names.present.id, &self.topics[0]).map_err(|error| {
            KafkaFault::new(FaultKind::Log, format!("event at position {}: {error}", event.position))
        })?;
        let Some(record) = record.filter(|_| !session.done.contains(&event.event_id)) else {
            return Ok(None);
        };
        if !session.topics.contains(&record.topic) {
            match session.ensure(&record.topic) {
                Err(fault) if record.may_be_cut && fault.kind == FaultKind::NotAllowed => {
                    session.notes.left_out(&record.topic, record.position, &fault.message)?;
                    return Ok(None);
                }
                other => other?,
            }
            self.look_at(session, producer, &record.topic)?;
        }
        Ok(Some(record).filter(|_| !session.done.contains(&event.event_id)))
    }

    fn publish(
        &self,
        session: &Session,
        producer: &mut TransactionalProducer,
        mut range: Vec<Outgoing>,
    ) -> Result<(), KafkaFault> {
        match producer.publish(&range) {
            Ok(()) => {
                self.count(&range);
                self.tell_how(session);
                return Ok(());
            }
            Err(ProduceError::Fault(fault)) => return Err(fault),
            Err(ProduceError::Refused(code)) => {
                producer.renew(&*session.brokers, self.name(session))?;
                if range.len() > 1 {
                    // One of them: what is before and behind it must not suffer.
                    return range.into_iter().try_for_each(|one| self.publish(session, producer, vec![one]));
                }
                let Some(record) = range.pop() else { return Ok(()) };
                let Some(eased) = self.eased(session, record, code)? else { return Ok(()) };
                range.push(eased);
            }
        }
        self.publish(session, producer, range)
    }

    /// What to send instead of a record that the broker does not take; nothing when it is left out.
    fn eased(
        &self,
        session: &Session,
        record: Outgoing,
        code: RDKafkaErrorCode,
    ) -> Result<Option<Outgoing>, KafkaFault> {
        let (topic, position) = (record.topic.clone(), record.position);
        if !record.may_be_cut {
            let message = format!(
                "topic {topic} does not take the event at position {position} ({code}): raise max.message.bytes of the \
                 topic"
            );
            return Err(KafkaFault::new(FaultKind::Other, message));
        }
        let keyless = code == RDKafkaErrorCode::InvalidRecord;
        let eased = record.eased(keyless);
        match &eased {
            Some(_) => {
                tracing::info!(topic, position, %code, "a dead letter is refused; sending it otherwise");
            }
            None => session.notes.left_out(&topic, position, &code.to_string())?,
        }
        Ok(eased)
    }

    fn count(&self, range: &[Outgoing]) {
        let mut status = self.shared.status();
        let dead = range.iter().filter(|record| record.may_be_cut).count() as u64;
        status.dead_letters += dead;
        status.decisions += range.len() as u64 - dead;
        status.position = status.position.max(range.last().map_or(0, |record| record.position));
        status.last_published = Some(Instant::now());
    }

    /// All is well, or somebody's open transaction hides what we publish.
    fn tell_how(&self, session: &Session) {
        let hidden = session.behind.first().map(|place| {
            format!(
                "somebody's open transaction in {}[{}] hides what is published from readers of committed records; if it \
                 does not end, look with {}",
                place.topic,
                place.partition,
                self.find_hanging(&place.topic)
            )
        });
        let state = if hidden.is_some() { PublisherState::Retrying } else { PublisherState::Running };
        self.shared.tell(state, hidden);
    }

    /// When to end it did not help.
    fn hanging(&self, place: &Hidden) -> KafkaFault {
        let (topic, partition) = (&place.topic, place.partition);
        let first = if let Whose::Ours { first } = place.whose { first } else { 0 };
        let message = format!(
            "kafka never ended a transaction that it took: {topic}[{partition}] hides what was published from position \
             {first} on, and to abort it did not help; look with {}",
            self.find_hanging(topic)
        );
        KafkaFault::new(FaultKind::Other, message)
    }

    fn find_hanging(&self, topic: &str) -> String {
        let servers = &self.bootstrap_servers;
        format!("kafka-transactions.sh --bootstrap-server {servers} find-hanging --topic {topic}")
    }
}

impl Session {
    /// Makes a topic that is missing, and notes it.
    fn ensure(&mut self, topic: &str) -> Result<(), KafkaFault> {
        if self.brokers.ensure_topic(topic)? {
            self.notes.made(&self.cluster, topic)?;
        }
        self.topics.insert(topic.to_owned());
        Ok(())
    }
}

fn is_ours(place: &Hidden) -> bool {
    matches!(place.whose, Whose::Ours { .. })
}
