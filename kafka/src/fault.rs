//! Faults of Kafka in words for the person who has to mend them. Never carries a secret.

use intake::admit::AdmitError;
use rdkafka::{error::KafkaError, types::RDKafkaErrorCode};
use store::{AppendError, ReadError};

/// What kind of fault, where callers do different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A setting is wrong; trying again does not help.
    Settings,
    /// The cluster, or the leader of a partition, cannot be reached now.
    Unreachable,
    /// The topic does not exist.
    TopicMissing,
    /// The cluster does not allow it.
    NotAllowed,
    /// The event log takes or gives nothing more.
    Log,
    /// Another process took over: this one must not go on.
    Superseded,
    /// Another history of the same event log was published: this one is a restored backup or a copy.
    OtherHistory,
    /// Anything else.
    Other,
}

/// A fault, its likely cause and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KafkaFault {
    /// The kind.
    pub kind: FaultKind,
    /// In words.
    pub message: String,
}

impl KafkaFault {
    pub(crate) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Whether trying again may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(
            self.kind,
            FaultKind::Settings | FaultKind::Log | FaultKind::Superseded | FaultKind::OtherHistory
        )
    }
}

impl From<AppendError> for KafkaFault {
    fn from(error: AppendError) -> Self {
        let kind = match error {
            AppendError::WrongRevision { .. } => FaultKind::Superseded,
            _ => FaultKind::Log,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<ReadError> for KafkaFault {
    fn from(error: ReadError) -> Self {
        Self::new(FaultKind::Log, error.to_string())
    }
}

impl From<AdmitError> for KafkaFault {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Append(AppendError::WrongRevision { stream, expected, actual }) => Self::new(
                FaultKind::Superseded,
                format!(
                    "somebody else reads the same partition into this event log: stream {stream} is at revision \
                     {actual}, not at {expected}"
                ),
            ),
            AdmitError::Append(error) => error.into(),
            AdmitError::Read(error) => error.into(),
            AdmitError::Encode(_) | AdmitError::Decode(_) => Self::new(FaultKind::Log, error.to_string()),
        }
    }
}

/// What a failed request means; `doing` says what was tried.
pub(crate) fn of_error(doing: &str, error: &KafkaError) -> KafkaFault {
    use RDKafkaErrorCode as Code;
    if let KafkaError::ClientConfig(_, description, key, _) = error {
        // The value is left out: it may be a password.
        let message = format!("kafka.properties: \"{key}\": {description}");
        return KafkaFault::new(FaultKind::Settings, message);
    }
    let kind = match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            FaultKind::TopicMissing
        }
        Some(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::GroupAuthorizationFailed,
        ) => FaultKind::NotAllowed,
        Some(
            Code::BrokerTransportFailure
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::Resolve
            | Code::Authentication
            | Code::SSL
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition,
        ) => FaultKind::Unreachable,
        _ => FaultKind::Other,
    };
    KafkaFault::new(kind, format!("{doing}: {error}"))
}

/// What librdkafka's own line most likely means, with the remedy; nothing when it says nothing of use.
pub(crate) fn likely_cause(line: &str) -> Option<&'static str> {
    const TLS: &str = "the broker closes connections before it answers: it is starting or ending; or, when that stays so, \
                       the port speaks TLS while the client speaks plain text: set \"security.protocol\" in \
                       [kafka.properties] to \"ssl\" or \"sasl_ssl\"";
    const LOGIN: &str = "the broker refuses user name or password: check \"sasl.username\", \"sasl.password\" and \
                         \"sasl.mechanism\" in [kafka.properties]";
    const CAUSES: [(&str, &str); 14] = [
        (
            "Invalid response size",
            "a batch of records is larger than the client takes: raise \"receive.message.max.bytes\" in \
             [kafka.properties] above the largest max.message.bytes of the topic",
        ),
        ("connecting to a SSL listener", TLS),
        // Closed on our first word.
        ("in state APIVERSION_QUERY", TLS),
        (
            "wrong version number",
            "the port speaks plain text while the client speaks TLS: set \"security.protocol\" in \
             [kafka.properties] to \"plaintext\" or \"sasl_plaintext\"",
        ),
        (
            "certificate verify failed",
            "the broker's certificate is not trusted: set \"ssl.ca.location\" in [kafka.properties]",
        ),
        ("authentication failure", LOGIN),
        ("SASL authentication error", LOGIN),
        ("Authentication failed", LOGIN),
        (
            "SaslHandshake",
            "the port does not take this kind of login: check \"security.protocol\" and \"sasl.mechanism\" in \
             [kafka.properties]",
        ),
        ("Failed to resolve", "the host name is not known here: check kafka.bootstrap_servers"),
        (
            "Connection refused",
            "nothing listens there: check kafka.bootstrap_servers, and whether the broker runs",
        ),
        (
            "timed out",
            "no answer: check kafka.bootstrap_servers, advertised.listeners of the broker, and firewalls",
        ),
        ("No route to host", "the network does not reach it: check kafka.bootstrap_servers and firewalls"),
        ("Network is unreachable", "the network does not reach it: check the network and firewalls"),
    ];
    CAUSES.iter().find(|(sign, _)| line.contains(sign)).map(|(_, cause)| *cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::types::RDKafkaConfRes;

    #[test]
    fn the_value_of_a_wrong_property_is_never_shown() {
        let error = KafkaError::ClientConfig(
            RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
            "Invalid value".to_owned(),
            "sasl.password".to_owned(),
            "hunter2".to_owned(),
        );
        let fault = of_error("connecting", &error);
        assert_eq!(fault.kind, FaultKind::Settings);
        assert!(fault.message.contains("sasl.password") && !fault.message.contains("hunter2"));
    }

    #[test]
    fn plain_text_on_a_tls_port_is_told_as_such() {
        let line = "127.0.0.1:9094/bootstrap: Disconnected while requesting ApiVersion: might be caused by incorrect \
                    security.protocol configuration (connecting to a SSL listener?)";
        assert!(likely_cause(line).is_some_and(|cause| cause.contains("speaks TLS")));
        assert_eq!(likely_cause("1/1 brokers are down"), None);
    }
}
