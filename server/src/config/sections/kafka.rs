//! The sections `[kafka]`: how the cluster is reached.

use std::{collections::BTreeMap, net::SocketAddr};

use kafka::{KafkaSettings, Topics};

use super::super::{KafkaSection, reader::Reader, settings::Raw};

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> KafkaSection {
    let default = Topics::default();
    let section = KafkaSection {
        bootstrap_servers: servers(reader),
        embedded_listen: reader
            .loopback("kafka.embedded_listen")
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 19092))),
        topics: Topics {
            trade_closed: topic(reader, "kafka.topics.trade_closed", default.trade_closed),
            decisions: topic(reader, "kafka.topics.decisions", default.decisions),
        },
        properties: reader.texts("kafka.properties.").into_iter().collect(),
    };
    check_kafka(reader, &section);
    section
}

fn topic(reader: &mut Reader, key: &str, default: String) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let wanted = "a topic's name: 1 to 249 of the characters a-z, A-Z, 0-9, dot, - and _";
    let read = reader.read(key, wanted, |raw| match raw {
        Raw::Typed(value) => value.as_str().map(str::to_owned),
        Raw::Text(text) => Some(text.clone()),
    });
    let Some(name) = read else { return default };
    if name.is_empty() || name.len() > 249 || !name.chars().all(allowed) {
        reader.fault(key, format!("wanted is {wanted}"));
        return default;
    }
    name
}

/// librdkafka itself says which of its settings it does not know.
fn check_kafka(reader: &mut Reader, section: &KafkaSection) {
    if section.topics.trade_closed == section.topics.decisions {
        reader.fault(
            "kafka.topics.decisions",
            "the same topic as trade_closed; decisions need one of their own",
        );
    }
    let mut settings = KafkaSettings::new(section.bootstrap_servers.as_deref().unwrap_or("localhost:9092"));
    for (name, value) in &section.properties {
        settings.properties = BTreeMap::from([(name.clone(), value.clone())]);
        if let Err(fault) = settings.check() {
            reader.fault(&format!("kafka.properties.{name}"), fault.to_string());
        }
    }
}

/// The brokers, each as librdkafka reads it.
fn servers(reader: &mut Reader) -> Option<String> {
    let key = "kafka.bootstrap_servers";
    let servers = reader.text(key)?;
    if servers.split(',').all(|server| is_server(server.trim())) {
        return Some(servers);
    }
    reader.fault(key, "wanted is host:port, several with commas, such as \"localhost:9092\"");
    None
}

/// librdkafka takes a security protocol in front.
const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

fn is_server(server: &str) -> bool {
    let address = match server.split_once("://") {
        Some((protocol, rest)) if PROTOCOLS.contains(&protocol.to_uppercase().as_str()) => rest,
        Some(_) => return false,
        None => server,
    };
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("none"))),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '%');
    !host.is_empty()
        && host.chars().all(plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}
