//! Why the cluster does not take what is to be published, asked while it does not.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::metadata::MetadataTopic;

use super::{
    super::{
        KafkaSettings,
        admin::Admin,
        cluster::Cluster,
        fault::{FaultKind, KafkaFault},
    },
    PublisherState, Shared,
    port::Watch,
};

const WAIT: Duration = Duration::from_secs(2);
/// What waits for longer is not ready any more.
const PATIENCE: Duration = Duration::from_secs(4);

/// Watches over calls for a publisher: tells what they wait for.
pub(crate) struct Inquiry {
    pub(crate) shared: std::sync::Arc<Shared>,
    pub(crate) settings: KafkaSettings,
    pub(crate) asked: Mutex<Option<Instant>>,
}

impl Watch for Inquiry {
    fn gives_up(&self) -> bool {
        self.shared.gives_up()
    }

    fn waits(&self, doing: &str, since: Instant) -> Result<(), KafkaFault> {
        if since.elapsed() < PATIENCE {
            return Ok(());
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|at| at > since && at.elapsed() < PATIENCE) {
            return Ok(());
        }
        let why = why_not(&self.settings, &self.settings.topics.decisions);
        *asked = Some(Instant::now());
        let message = format!("{doing}: waiting for {} s: {}", since.elapsed().as_secs(), why.message);
        tracing::warn!("{message}");
        self.shared.tell(PublisherState::Retrying, Some(message));
        // Only a new session makes a topic anew.
        if why.kind == FaultKind::TopicMissing { Err(why) } else { Ok(()) }
    }
}

/// What most likely keeps records from a topic now.
fn why_not(settings: &KafkaSettings, topic: &str) -> KafkaFault {
    let view = Cluster::new(settings, "read_committed").and_then(|cluster| cluster.topic(topic, WAIT));
    match view {
        Err(fault) => return fault,
        Ok(view) => {
            if let Some(partition) = view.leaderless.first() {
                let message = format!("{topic}[{partition}] has no leader: a broker is away");
                return KafkaFault::new(FaultKind::Unreachable, message);
            }
        }
    }
    match out_of_sync(settings, topic) {
        Ok(Some(message)) | Err(KafkaFault { message, .. }) => {
            KafkaFault::new(FaultKind::Unreachable, message)
        }
        Ok(None) => {
            let message = format!(
                "the cluster answers and {topic} has its leaders, but no acknowledgement came; look at the brokers' \
                 logs and at the topics __transaction_state and {topic}"
            );
            KafkaFault::new(FaultKind::Other, message)
        }
    }
}

/// Whether a partition has fewer copies in sync than the topic asks for.
fn out_of_sync(settings: &KafkaSettings, topic: &str) -> Result<Option<String>, KafkaFault> {
    let admin = Admin::open(settings)?;
    let settings = match admin.settings_of(topic, WAIT) {
        Err(fault) if fault.kind == FaultKind::NotAllowed => None,
        other => other?,
    };
    let least = settings.and_then(|settings| settings.get("min.insync.replicas")?.parse::<usize>().ok());
    let metadata = admin.metadata(topic, WAIT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    Ok(found.zip(least).and_then(|(found, least)| too_few(found, least)))
}

fn too_few(topic: &MetadataTopic, least: usize) -> Option<String> {
    let partition = topic.partitions().iter().find(|partition| partition.isr().len() < least)?;
    Some(format!(
        "{}[{}] has {} of {} copies in sync and min.insync.replicas asks for {least}: brokers are away or behind; it goes \
         on by itself when they are back",
        topic.name(),
        partition.id(),
        partition.isr().len(),
        partition.replicas().len(),
    ))
}
