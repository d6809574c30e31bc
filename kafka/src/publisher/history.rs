//! Whether what the topics show was published from this very history of the log.
//!
//! A restored backup and a copied folder have the id of the log that they were taken from. What that one published
//! later is not in them, or another event stands at its position: told by the ids of the events, not by positions.

use events::Uuid;
use store::EventLog;

use super::{
    super::{
        KafkaSettings,
        client::dead_letter_topic,
        fault::{FaultKind, KafkaFault},
    },
    checkpoint,
    identity::Names,
    port::{Brokers, Published},
};

/// Holds what a topic shows against the log.
///
/// # Errors
/// When another history of the log published there: of kind [`FaultKind::OtherHistory`].
pub(crate) fn check(log: &dyn EventLog, topic: &str, published: &Published) -> Result<(), KafkaFault> {
    for (position, id) in &published.own {
        if log.position_of(*id)? != Some(*position) {
            return Err(refusal(log, topic, *position, *id));
        }
    }
    Ok(())
}

fn refusal(log: &dyn EventLog, topic: &str, position: u64, id: Uuid) -> KafkaFault {
    let head = log.head();
    let what = if position > head {
        format!(
            "topic {topic} holds a record ({id}) that was published from position {position} of this event log, but the \
             log ends at {head}: it was restored from an older backup, or is an older copy"
        )
    } else {
        format!(
            "topic {topic} holds a record ({id}) that was published from position {position} of this event log, and the \
             log has another event there: a copy of this log has published, or the log was restored from a backup"
        )
    };
    let message = format!(
        "{what}. Nothing is published. Use the newer folder, or go on with this one as a copy under a new identity: \
         tradewarden run --as-copy"
    );
    KafkaFault::new(FaultKind::OtherHistory, message)
}

/// The topics that belong to this configuration.
pub(crate) fn own_topics(settings: &KafkaSettings) -> [String; 2] {
    [settings.topics.decisions.clone(), dead_letter_topic(&settings.topics.trade_closed)]
}

/// Checks the topics of a configuration as far as the cluster answers.
pub(crate) fn check_topics(
    log: &dyn EventLog,
    settings: &KafkaSettings,
    brokers: &dyn Brokers,
) -> Result<(), KafkaFault> {
    let cluster = brokers.cluster_id()?;
    let names = Names::of(log, &cluster, checkpoint::position(log, &cluster)?)?;
    for topic in own_topics(settings) {
        check(log, &topic, &brokers.published(&topic, &names)?)?;
    }
    Ok(())
}
