//! Topics of our own, made when they are missing.

use std::time::Duration;

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    types::RDKafkaErrorCode,
};

use super::{
    KafkaSettings,
    client::Ear,
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
    let client: AdminClient<Ear> = settings
        .client(&[])
        .create_with_context(Ear::default())
        .map_err(|error| of_error("making a client", &error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| KafkaFault::new(FaultKind::Other, error.to_string()))?;
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
