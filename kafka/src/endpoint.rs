//! The embedded endpoint: librdkafka's broker in memory, for trying out without a cluster.
//!
//! It is no store: what it may lose, [`LIMITS`] says. Facts that must not be lost go over HTTP or to a real cluster.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rdkafka::mocking::MockCluster;

use super::{
    KafkaSettings,
    fault::{FaultKind, KafkaFault, of_error},
};

/// What users are told when the endpoint starts.
pub const LIMITS: &str = "embedded Kafka endpoint: in memory, for trying out. It keeps the newest 5 MiB of each \
    partition and drops older records silently, keeps nothing over a restart, has no transactions, and takes clients \
    of this host only. Set kafka.bootstrap_servers to use a real cluster";

/// Partitions of each topic on the endpoint.
const PARTITIONS: i32 = 4;

/// Connections through the fixed port at once.
const MOST_CONNECTIONS: usize = 256;

/// A running endpoint. Dropping it ends it, and what it held is gone.
pub struct Endpoint {
    address: SocketAddr,
    servers: String,
    stopping: Arc<AtomicBool>,
    end_broker: Option<mpsc::SyncSender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Endpoint {
    /// Starts the endpoint with these topics. Clients find it at `listen` (port 0: any free one); from there they are
    /// sent on to the broker's own port, which is a random one of the same host.
    ///
    /// # Errors
    /// When the port is taken or the address is none of this host.
    pub fn start<T: AsRef<str>>(listen: &str, topics: &[T]) -> Result<Self, KafkaFault> {
        let listener = TcpListener::bind(listen).and_then(|l| l.local_addr().map(|address| (l, address)));
        let (listener, address) = listener.map_err(|error| {
            let message =
                format!("kafka.embedded_listen = \"{listen}\": {error}; choose another port, or 0 for any");
            KafkaFault::new(FaultKind::Settings, message)
        })?;
        let (end_broker, end) = mpsc::sync_channel(0);
        let (servers, broker) = start_broker(topics, end)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let (upstream, stop) = (servers.clone(), Arc::clone(&stopping));
        let forwarder = thread::Builder::new()
            .name("kafka-forward".to_owned())
            .spawn(move || forward(&listener, &upstream, &stop))
            .map_err(|error| no_thread(&error))?;
        tracing::warn!(%address, "{LIMITS}");
        Ok(Self {
            address,
            servers,
            stopping,
            end_broker: Some(end_broker),
            threads: vec![broker, forwarder],
        })
    }

    /// Where clients of this host find it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Settings to reach it from this process.
    #[must_use]
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::new(self.servers.clone())
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // The listener waits for a connection: this one wakes it.
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        self.end_broker = None;
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn no_thread(error: &io::Error) -> KafkaFault {
    KafkaFault::new(FaultKind::Other, format!("starting a thread: {error}"))
}

/// The broker cannot move between threads, so it lives and ends on its own.
fn start_broker<T: AsRef<str>>(
    topics: &[T],
    end: mpsc::Receiver<()>,
) -> Result<(String, JoinHandle<()>), KafkaFault> {
    let topics: Vec<String> = topics.iter().map(|topic| topic.as_ref().to_owned()).collect();
    let (tell, told) = mpsc::sync_channel(1);
    let body = move || match new_broker(&topics) {
        Ok(broker) => {
            drop(tell.send(Ok(broker.bootstrap_servers())));
            // Ends when the endpoint lets go of its half.
            let _ = end.recv();
        }
        Err(fault) => drop(tell.send(Err(fault))),
    };
    let thread = thread::Builder::new()
        .name("kafka-embedded".to_owned())
        .spawn(body)
        .map_err(|error| no_thread(&error))?;
    let ended = || KafkaFault::new(FaultKind::Other, "the embedded endpoint ended while starting");
    Ok((told.recv().map_err(|_| ended())??, thread))
}

fn new_broker(
    topics: &[String],
) -> Result<MockCluster<'static, rdkafka::producer::DefaultProducerContext>, KafkaFault> {
    let fault = |error| of_error("starting the embedded endpoint", &error);
    let broker = MockCluster::new(1).map_err(fault)?;
    for topic in topics {
        broker.create_topic(topic, PARTITIONS, 1).map_err(fault)?;
    }
    Ok(broker)
}

fn forward(listener: &TcpListener, upstream: &str, stopping: &AtomicBool) {
    let connections = Arc::new(AtomicUsize::new(0));
    for client in listener.incoming() {
        if stopping.load(Ordering::Relaxed) {
            return;
        }
        let Ok(client) = client else { continue };
        if connections.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
            tracing::warn!(
                limit = MOST_CONNECTIONS,
                "embedded kafka endpoint: too many connections, one refused"
            );
            continue;
        }
        if let Err(error) = join(client, upstream, &connections) {
            tracing::debug!(%error, "embedded kafka endpoint: a connection failed");
        }
    }
}

/// Joins a client to the broker by two threads, which end when either side closes.
fn join(client: TcpStream, upstream: &str, connections: &Arc<AtomicUsize>) -> io::Result<()> {
    let broker = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let (client_out, broker_out) = (client.try_clone()?, broker.try_clone()?);
    connections.fetch_add(1, Ordering::Relaxed);
    let connections = Arc::clone(connections);
    thread::Builder::new().spawn(move || copy(client, broker_out))?;
    thread::Builder::new().spawn(move || {
        copy(broker, client_out);
        connections.fetch_sub(1, Ordering::Relaxed);
    })?;
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    drop(io::copy(&mut from, &mut to));
    drop(from.shutdown(Shutdown::Both));
    drop(to.shutdown(Shutdown::Both));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;

    const WAIT: Duration = Duration::from_secs(5);

    #[test]
    fn the_topics_are_there_each_with_an_id_that_differs() {
        let endpoint = Endpoint::start("127.0.0.1:0", &["a", "b"]).unwrap();
        let cluster = Cluster::new(&endpoint.settings(), "read_committed").unwrap();
        let (a, b) = (cluster.topic("a", WAIT).unwrap(), cluster.topic("b", WAIT).unwrap());
        assert_eq!((a.partitions, b.partitions), (PARTITIONS, PARTITIONS));
        let ids = ["a", "b"].map(|topic| cluster.topic_id(topic).unwrap());
        assert!(ids.iter().all(|id| id.len() == 22), "librdkafka no longer tells the ids of topics: {ids:?}");
        assert_ne!(ids[0], ids[1]);
        assert!(!cluster.id(WAIT).unwrap().is_empty());
    }

    #[test]
    fn clients_find_it_through_the_fixed_port() {
        let endpoint = Endpoint::start("127.0.0.1:0", &["a"]).unwrap();
        let outside = KafkaSettings::new(endpoint.address().to_string());
        let cluster = Cluster::new(&outside, "read_committed").unwrap();
        assert_eq!(cluster.topic("a", WAIT).unwrap().partitions, PARTITIONS);
        assert_eq!(cluster.watermarks("a", 0, WAIT).unwrap().high, 0);
    }

    #[test]
    fn a_taken_port_is_told_with_the_setting() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let fault = Endpoint::start(&address, &["a"]).err().unwrap();
        assert_eq!(fault.kind, FaultKind::Settings);
        assert!(
            fault.message.contains("kafka.embedded_listen") && fault.message.contains(&address),
            "{fault}"
        );
    }

    #[test]
    fn plain_text_on_a_tls_port_is_told_as_such() {
        // What a TLS server does with plain text: an alert (unexpected message), and good-bye.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                use io::{Read as _, Write as _};
                let mut client = client;
                let _ = client.read(&mut [0; 64]);
                let _ = client.write_all(&[0x15, 3, 3, 0, 2, 2, 10]);
            }
        });
        let cluster = Cluster::new(&KafkaSettings::new(address.to_string()), "read_committed").unwrap();
        let fault = cluster.topic("a", Duration::from_secs(2)).unwrap_err();
        assert!(fault.message.contains("security.protocol"), "{fault}");
    }

    #[test]
    fn nobody_answering_is_told_with_the_likely_cause() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let cluster = Cluster::new(&KafkaSettings::new(free.to_string()), "read_committed").unwrap();
        let fault = cluster.topic("a", Duration::from_secs(1)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unreachable);
        assert!(fault.message.contains("nothing listens there"), "{fault}");
    }
}
