//! Whatever step of a session fails, whenever: the next decision is published, each once. The cluster is made of memory,
//! with a producer as strict as librdkafka's about what may be called when.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use events::NewEvent;
use rdkafka::types::RDKafkaErrorCode;
use store::{Duplicates, Expected, MemoryLog, Prepared, Request};

use super::{
    identity::Names,
    port::{Condition, Ends, Hidden, ProduceError, Producer, Published},
    record::Outgoing,
    *,
};
use crate::test_support::{alert, dead_letter};

const DECISIONS: &str = "decisions";
const LETTERS: &str = "t.tradewarden.dlq";
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Connect,
    ClusterId,
    EnsureTopic,
    Published,
    Hidden,
    CommittedEnd,
    Others,
    Open,
    Begin,
    Send,
    Flush,
    Commit,
    Abort,
}

const EVERY_STEP: [Step; 12] = [
    Step::Connect,
    Step::ClusterId,
    Step::EnsureTopic,
    Step::Published,
    Step::Hidden,
    Step::CommittedEnd,
    Step::Others,
    Step::Open,
    Step::Begin,
    Step::Send,
    Step::Flush,
    Step::Commit,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Nothing happened.
    Refused,
    /// The producer can never be used again; what was asked for did not happen.
    Fatal,
    /// The same, but it did happen.
    FatalDone,
}

#[derive(Default)]
struct Memory {
    topics: BTreeMap<String, Vec<Outgoing>>,
    /// Of the producer that is in place; older ones are fenced.
    epoch: u64,
    /// Which steps are to fail: at which call from now on.
    plan: Vec<(Step, usize, How)>,
    /// Records larger than this are refused.
    largest: Option<usize>,
}

impl Memory {
    fn fails(&mut self, step: Step) -> Option<How> {
        let mut found = None;
        for (planned, calls, how) in &mut self.plan {
            if *planned == step {
                *calls = calls.saturating_sub(1);
                if *calls == 0 {
                    found = Some(*how);
                }
            }
        }
        self.plan.retain(|(planned, calls, _)| !(*planned == step && *calls == 0));
        found
    }
}

#[derive(Clone, Default)]
struct Cluster(Arc<Mutex<Memory>>);

impl Cluster {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap()
    }

    fn ask(&self, step: Step) -> Result<MutexGuard<'_, Memory>, KafkaFault> {
        let mut memory = self.memory();
        match memory.fails(step) {
            Some(_) => Err(fault(step)),
            None => Ok(memory),
        }
    }

    fn plan(&self, step: Step, call: usize, how: How) {
        self.memory().plan.push((step, call, how));
    }

    fn events(&self, topic: &str) -> Vec<Uuid> {
        let memory = self.memory();
        let records = memory.topics.get(topic).map_or(&[][..], Vec::as_slice);
        records.iter().map(|record| header(record, "tradewarden_event").parse().unwrap()).collect()
    }
}

fn header<'r>(record: &'r Outgoing, name: &str) -> &'r str {
    record.headers.iter().find(|(key, _)| *key == name).unwrap().1.as_str()
}

fn fault(step: Step) -> KafkaFault {
    KafkaFault::new(FaultKind::Unreachable, format!("{step:?} failed"))
}

impl Brokers for Cluster {
    fn cluster_id(&self) -> Result<String, KafkaFault> {
        self.ask(Step::ClusterId).map(|_| "c".to_owned())
    }

    fn ensure_topic(&self, topic: &str) -> Result<bool, KafkaFault> {
        let mut memory = self.ask(Step::EnsureTopic)?;
        let missing = !memory.topics.contains_key(topic);
        memory.topics.entry(topic.to_owned()).or_default();
        Ok(missing)
    }

    fn published(&self, topic: &str, names: &Names) -> Result<Published, KafkaFault> {
        let memory = self.ask(Step::Published)?;
        let mut published = Published::default();
        for record in memory.topics.get(topic).map_or(&[][..], Vec::as_slice) {
            let log: Uuid = header(record, "tradewarden_log").parse().unwrap();
            let event = header(record, "tradewarden_event").parse().unwrap();
            if log == names.present.id {
                published
                    .own
                    .extend((record.position > names.present.after).then_some((record.position, event)));
            } else if names.earlier.iter().any(|name| name.id == log) {
                published.before.insert(event);
            } else {
                published.others.insert(log.to_string());
            }
        }
        Ok(published)
    }

    fn hidden(&self, _: &str, _: &Names) -> Result<Vec<Hidden>, KafkaFault> {
        self.ask(Step::Hidden).map(|_| Vec::new())
    }

    fn committed_end(&self, topic: &str, _: i32) -> Result<i64, KafkaFault> {
        Ok(self.ask(Step::CommittedEnd)?.topics[topic].len() as i64)
    }

    fn others(
        &self,
        topic: &str,
        names: &Names,
        _: &mut BTreeMap<i32, i64>,
    ) -> Result<BTreeSet<String>, KafkaFault> {
        drop(self.ask(Step::Others)?);
        self.published(topic, names).map(|published| published.others)
    }

    fn producer(&self, _: Option<Uuid>) -> Result<Box<dyn Producer>, KafkaFault> {
        let mut memory = self.ask(Step::Open)?;
        memory.epoch += 1;
        let (epoch, phase) = (memory.epoch, Cell::new(Phase::Ready));
        drop(memory);
        Ok(Box::new(Strict {
            cluster: self.clone(),
            epoch,
            phase,
            sent: Mutex::default(),
            ends: Mutex::default(),
        }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Ready,
    Open,
    MustAbort,
    Dead,
}

struct Strict {
    cluster: Cluster,
    epoch: u64,
    phase: Cell<Phase>,
    sent: Mutex<Vec<Outgoing>>,
    ends: Mutex<Ends>,
}

impl Strict {
    /// Does a step that is allowed in a phase, unless it is to fail.
    fn step(&self, step: Step, allowed: &[Phase], act: impl FnOnce(&mut Memory)) -> Result<(), KafkaFault> {
        if !allowed.contains(&self.phase.get()) {
            let message = format!("Operation not valid in state {:?}: {step:?}", self.phase.get());
            return Err(KafkaFault::new(FaultKind::Other, message));
        }
        let mut memory = self.cluster.memory();
        let how = memory.fails(step);
        if matches!(how, None | Some(How::FatalDone)) {
            act(&mut memory);
        }
        match how {
            None => return Ok(()),
            Some(How::Refused) if self.phase.get() == Phase::Open => self.phase.set(Phase::MustAbort),
            Some(How::Refused) => {}
            Some(How::Fatal | How::FatalDone) => self.phase.set(Phase::Dead),
        }
        Err(fault(step))
    }
}

impl Producer for Strict {
    fn begin(&self) -> Result<(), KafkaFault> {
        self.step(Step::Begin, &[Phase::Ready], |_| {})?;
        self.sent.lock().unwrap().clear();
        self.phase.set(Phase::Open);
        Ok(())
    }

    fn send(&self, record: &Outgoing) -> Result<(), ProduceError> {
        self.step(Step::Send, &[Phase::Open], |_| self.sent.lock().unwrap().push(record.clone()))?;
        Ok(())
    }

    fn flush(&self) -> Result<(), ProduceError> {
        self.step(Step::Flush, &[Phase::Open], |_| {})?;
        let largest = self.cluster.memory().largest.unwrap_or(usize::MAX);
        let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        if self.sent.lock().unwrap().iter().any(|record| size(&record.key) + size(&record.value) > largest) {
            self.phase.set(Phase::MustAbort);
            return Err(ProduceError::Refused(RDKafkaErrorCode::MessageSizeTooLarge));
        }
        Ok(())
    }

    fn commit(&self) -> Result<(), KafkaFault> {
        self.step(Step::Commit, &[Phase::Open], |memory| {
            for record in self.sent.lock().unwrap().drain(..) {
                let records = memory.topics.entry(record.topic.clone()).or_default();
                let end = records.len() as i64 + 1;
                self.ends.lock().unwrap().entry(record.topic.clone()).or_default().insert(0, end);
                records.push(record);
            }
        })?;
        self.phase.set(Phase::Ready);
        Ok(())
    }

    fn abort(&self) -> Result<(), KafkaFault> {
        self.step(Step::Abort, &[Phase::Open, Phase::MustAbort], |_| {})?;
        self.phase.set(Phase::Ready);
        Ok(())
    }

    fn take_ends(&self) -> Ends {
        std::mem::take(&mut self.ends.lock().unwrap())
    }

    fn condition(&self) -> Condition {
        match self.phase.get() {
            _ if self.cluster.memory().epoch != self.epoch => Condition::Fenced,
            Phase::Dead => Condition::Dead,
            _ => Condition::Well,
        }
    }
}

fn publisher(log: &Arc<MemoryLog>, cluster: &Cluster) -> KafkaPublisher {
    let shared = Shared::new(Arc::clone(log) as Arc<dyn EventLog>);
    let cluster = cluster.clone();
    let quick = Duration::from_millis(5);
    let worker = Worker {
        started_at: log.head(),
        shared: Arc::clone(&shared),
        connect: Box::new(move || {
            drop(cluster.ask(Step::Connect)?);
            Ok(Box::new(cluster.clone()) as Box<dyn Brokers>)
        }),
        topics: [DECISIONS.to_owned(), LETTERS.to_owned()],
        bootstrap_servers: "c:9092".to_owned(),
        run_id: Uuid::nil(),
        delivery: Delivery::Transactional,
        pace: Pace { checkpoint: quick, pause: Duration::from_millis(1), topic: quick, others: quick },
    };
    KafkaPublisher::spawn(shared, worker).unwrap()
}

fn append(log: &MemoryLog, event: NewEvent) -> Uuid {
    let (id, stream) = (event.event_id, Arc::from("test-alerts"));
    let events = vec![Prepared::new(event).unwrap()];
    log.append(Request { stream, expected: Expected::Any, duplicates: Duplicates::Skip, events }).unwrap();
    id
}

#[track_caller]
fn wait_for(what: &str, running: &KafkaPublisher, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "in vain until {what}: {:?}", running.status());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Publishes until every planned fault has come, then one more; all are there once, in their order.
#[track_caller]
fn assert_all_published_once(plan: &[(Step, usize, How)]) {
    let (cluster, log) = (Cluster::default(), Arc::new(MemoryLog::new()));
    plan.iter().for_each(|(step, call, how)| cluster.plan(*step, *call, *how));
    let running = publisher(&log, &cluster);
    let mut expected = Vec::new();
    loop {
        let left = cluster.memory().plan.len();
        expected.push(append(&log, alert("a", expected.len() as u64)));
        wait_for(&format!("published in spite of {plan:?}"), &running, || {
            cluster.events(DECISIONS).len() >= expected.len()
        });
        if left == 0 {
            break;
        }
        assert!(expected.len() < 1000, "{plan:?} never came");
        thread::sleep(Duration::from_millis(2));
    }
    wait_for("well", &running, || running.status().state == PublisherState::Running);
    assert_eq!(running.status().last_error, None, "{plan:?}");
    running.stop();
    assert_eq!(cluster.events(DECISIONS), expected, "{plan:?}");
}

#[test]
fn whichever_step_fails_the_next_decision_is_published() {
    for step in EVERY_STEP {
        assert_all_published_once(&[(step, 1, How::Refused)]);
        // What is done once in a session comes again when something else fails.
        let others = [(Step::Begin, 2), (Step::Flush, 3), (Step::Begin, 5), (Step::Begin, 8)];
        let others = others.map(|(other, call)| (other, call, How::Refused));
        assert_all_published_once(&[&others[..], &[(step, 3, How::Refused)]].concat());
    }
}

#[test]
fn after_a_fatal_error_a_new_producer_publishes_and_doubles_nothing() {
    for step in [Step::Begin, Step::Send, Step::Flush, Step::Commit] {
        for how in [How::Fatal, How::FatalDone] {
            assert_all_published_once(&[(step, 2, how)]);
        }
    }
}

#[test]
fn a_transaction_that_cannot_be_aborted_is_left_to_a_new_producer() {
    for how in [How::Refused, How::Fatal] {
        assert_all_published_once(&[(Step::Send, 2, How::Refused), (Step::Abort, 1, how)]);
        assert_all_published_once(&[(Step::Commit, 1, How::Refused), (Step::Abort, 1, how)]);
    }
}

#[test]
fn several_faults_in_a_row_are_got_over() {
    let each = |step| (step, 2, How::Refused);
    assert_all_published_once(&EVERY_STEP.map(each));
}

#[test]
fn a_dead_letter_that_nobody_takes_is_left_out_and_holds_up_nothing() {
    let (cluster, log) = (Cluster::default(), Arc::new(MemoryLog::new()));
    cluster.memory().largest = Some(1000);
    let running = publisher(&log, &cluster);
    let mut letter = dead_letter("t", 1, b"v");
    if let events::Event::RecordRejected(rejected) = &mut letter.event {
        rejected.key = Some(events::Bytes(vec![b'k'; 2000]));
    }
    let first = append(&log, alert("a", 0));
    append(&log, letter);
    let whole = append(&log, dead_letter("t", 2, b"v"));
    let last = append(&log, alert("a", 1));
    wait_for("published", &running, || cluster.events(DECISIONS).len() >= 2);
    running.stop();
    assert_eq!((cluster.events(DECISIONS), cluster.events(LETTERS)), (vec![first, last], vec![whole]));
    let notes = log.read_stream("publisher-notes", 0, 10).unwrap();
    assert!(notes.iter().any(|note| note.event.event_type() == "DeadLetterLeftOut"), "{notes:?}");
}

/// A log as it was before: what it decides from then on has other ids.
fn copy(of: u64) -> Arc<MemoryLog> {
    let clock: store::Clock = Arc::new(|| events::Timestamp::from_micros(0));
    let log = Arc::new(MemoryLog::with_clock(clock));
    for n in 0..of {
        append(&log, alert("a", n));
    }
    log
}

#[test]
fn what_another_history_published_at_our_position_is_no_sign_that_ours_is_published() {
    let (first, second, cluster) = (copy(3), copy(3), Cluster::default());
    assert_eq!(first.log_id(), second.log_id());
    // Both at the same position.
    append(&second, alert("x", 0));
    append(&first, alert("b", 0));
    let running = publisher(&second, &cluster);
    wait_for("published", &running, || cluster.events(DECISIONS).len() >= 4);
    drop(running);
    let running = publisher(&first, &cluster);
    wait_for("refused", &running, || running.status().state == PublisherState::Stopped);
    let why = running.status().last_error.unwrap();
    assert!(why.contains("has another event there") && why.contains("--as-copy"), "{why}");
    drop(running);
    // On purpose it goes on, and only what is new leaves.
    go_on_as_copy(&*first, Uuid::nil()).unwrap();
    let running = publisher(&first, &cluster);
    wait_for("published", &running, || cluster.events(DECISIONS).len() >= 5);
    drop(running);
    assert_eq!(cluster.events(DECISIONS)[4], alert("b", 0).event_id);
}
