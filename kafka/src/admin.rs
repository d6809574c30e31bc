//! Topics of our own, made when they are missing, and how the cluster keeps a topic.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode,
};

use super::{
    KafkaSettings,
    client::ClientEvents,
    cluster::Cluster,
    fault::{FaultKind, KafkaFault, of_error},
};

const WAIT: Duration = Duration::from_secs(10);

/// Makes those of the topics that are missing, with one partition each: decisions are few, and in one partition
/// their order is the order of the log.
///
/// # Errors
/// When the cluster cannot be reached or does not allow it; the message then names the command to give.
pub fn ensure_topics(settings: &KafkaSettings, topics: &[&str]) -> Result<(), KafkaFault> {
    let cluster = Cluster::new(settings, "read_committed")?;
    for topic in topics {
        match cluster.topic(topic, WAIT) {
            Err(fault) if fault.kind == FaultKind::TopicMissing => create(settings, topic, 1)?,
            other => drop(other?),
        }
    }
    Ok(())
}

/// Makes a topic; that it is there already is no error.
pub(crate) fn create(settings: &KafkaSettings, topic: &str, partitions: i32) -> Result<(), KafkaFault> {
    let Admin { client, runtime } = Admin::open(settings)?;
    // -1: as many copies as the cluster makes by default.
    let wanted = [NewTopic::new(topic, partitions, TopicReplication::Fixed(-1))];
    let options = AdminOptions::new().operation_timeout(Some(WAIT)).request_timeout(Some(WAIT));
    let answer = runtime.block_on(client.create_topics(&wanted, &options));
    let answer = answer.map_err(|error| of_error(&format!("making topic {topic}"), &error))?;
    match answer.into_iter().next() {
        Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
            Err(refused(settings, topic, partitions, code))
        }
        _ => {
            tracing::info!(topic, "kafka topic made");
            Ok(())
        }
    }
}

/// A client for questions and orders about topics.
pub(crate) struct Admin {
    client: AdminClient<ClientEvents>,
    runtime: tokio::runtime::Runtime,
}

impl Admin {
    pub(crate) fn open(settings: &KafkaSettings) -> Result<Self, KafkaFault> {
        let client = settings.client(&[]).create_with_context(ClientEvents::default());
        let client = client.map_err(|error| of_error("making a client", &error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| KafkaFault::new(FaultKind::Other, error.to_string()))?;
        Ok(Self { client, runtime })
    }

    /// The settings of a topic, by name; nothing where the cluster does not know the question.
    pub(crate) fn settings_of(
        &self,
        topic: &str,
        wait: Duration,
    ) -> Result<Option<BTreeMap<String, String>>, KafkaFault> {
        let doing = format!("asking for the settings of topic {topic}");
        let options = AdminOptions::new().request_timeout(Some(wait));
        let wanted = [ResourceSpecifier::Topic(topic)];
        let answer = self.runtime.block_on(self.client.describe_configs(&wanted, &options));
        let code = match answer {
            Ok(answers) => match answers.into_iter().next() {
                Some(Ok(found)) => {
                    let known =
                        found.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
                    return Ok(Some(known.collect()));
                }
                Some(Err(code)) => code,
                None => return Ok(None),
            },
            Err(error) => match error.rdkafka_error_code() {
                Some(code) => code,
                None => return Err(of_error(&doing, &error)),
            },
        };
        if code == RDKafkaErrorCode::UnsupportedFeature {
            return Ok(None);
        }
        Err(of_error(&doing, &KafkaError::AdminOp(code)))
    }

    pub(crate) fn metadata(&self, topic: &str, wait: Duration) -> Result<Metadata, KafkaFault> {
        let metadata = self.client.inner().fetch_metadata(Some(topic), wait);
        metadata.map_err(|error| of_error(&format!("asking for topic {topic}"), &error))
    }
}

fn refused(settings: &KafkaSettings, topic: &str, partitions: i32, code: RDKafkaErrorCode) -> KafkaFault {
    let message = format!(
        "topic {topic} is missing and the cluster refuses to make it ({code}); let somebody who may run: \
         kafka-topics.sh --bootstrap-server {} --create --topic {topic} --partitions {partitions}",
        settings.bootstrap_servers
    );
    let denied = [RDKafkaErrorCode::TopicAuthorizationFailed, RDKafkaErrorCode::ClusterAuthorizationFailed];
    let kind = if denied.contains(&code) { FaultKind::NotAllowed } else { FaultKind::Other };
    KafkaFault::new(kind, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_command_that_makes_the_topic() {
        let settings = KafkaSettings::new("kafka:9092");
        let fault = refused(&settings, "t.v1", 1, RDKafkaErrorCode::TopicAuthorizationFailed);
        assert_eq!(fault.kind, FaultKind::NotAllowed);
        let command = "kafka-topics.sh --bootstrap-server kafka:9092 --create --topic t.v1 --partitions 1";
        assert!(fault.message.ends_with(command), "{fault}");
    }
}
