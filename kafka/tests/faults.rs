//! What cannot work is told with its likely cause, and without secrets.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use kafka::test_support::{Broker, need};
use kafka::{FaultKind, KafkaFault, KafkaSettings, ensure_topics};

/// One more listener, which asks for a name and a password.
const LOGIN: &str = r#"
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},LOGIN://127.0.0.1:{extra}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},LOGIN://127.0.0.1:{extra}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_bot="bot-secret";
"#;

fn with_login(servers: &str, password: &str) -> KafkaSettings {
    let mut settings = KafkaSettings::new(servers);
    let login = [
        ("security.protocol", "sasl_plaintext"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "bot"),
        ("sasl.password", password),
    ];
    settings.properties.extend(login.map(|(key, value)| (key.to_owned(), value.to_owned())));
    settings
}

fn fault(settings: &KafkaSettings) -> KafkaFault {
    ensure_topics(settings, &["t"]).unwrap_err()
}

#[test]
fn a_wrong_password_is_told_as_such_and_a_right_one_works() {
    let Some(broker) = need("kafka", Broker::start_with(LOGIN)) else { return };
    let fault = fault(&with_login(&broker.extra_servers(), "wrong-secret"));
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(fault.message.contains("refuses user name or password"), "{fault}");
    assert!(!fault.message.contains("wrong-secret"), "{fault}");
    ensure_topics(&with_login(&broker.extra_servers(), "bot-secret"), &["t"]).unwrap();
}

#[test]
fn an_unknown_host_is_told_as_such() {
    let fault = fault(&KafkaSettings::new("no-such-host.invalid:9092"));
    assert_eq!(fault.kind, FaultKind::Unreachable);
    assert!(fault.message.contains("host name is not known"), "{fault}");
}
