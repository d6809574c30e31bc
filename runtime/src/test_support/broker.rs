//! A real Kafka broker for a test: on free ports, in a temporary folder, gone when the test process is gone.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    config::ClientConfig,
    error::KafkaError,
    topic_partition_list::{Offset, TopicPartitionList},
    types::RDKafkaErrorCode,
};
use tempfile::TempDir;

use crate::kafka::KafkaSettings;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// Runs a program until its standard input closes, and tells its process id. It ends with this process, also when
/// this process is killed.
const GUARD: &str = r#"log=$1; shift
"$@" >>"$log" 2>&1 </dev/null & p=$!
trap 'kill -9 $p; wait $p' EXIT
echo $p
cat >/dev/null"#;

/// A broker of its own for a test.
pub struct Broker {
    folder: TempDir,
    port: u16,
    controller_port: u16,
    extra_port: u16,
    properties: String,
    pid: String,
    guard: Option<Child>,
}

impl Broker {
    /// Fetches Kafka if need be, starts a broker and waits until it answers.
    ///
    /// # Errors
    /// When Java or Maven are missing, or the broker does not come up: with what it wrote.
    pub fn start() -> Result<Self, String> {
        Self::start_with("")
    }

    /// The same with further lines for `server.properties`, the last of a key wins. `{port}`, `{controller}` and
    /// `{extra}` stand for the ports; the last one is free for one more listener.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_with(properties: &str) -> Result<Self, String> {
        install()?;
        let folder = tempfile::tempdir().map_err(text)?;
        let properties = properties.to_owned();
        let (pid, guard) = (String::new(), None);
        let mut broker = Self { folder, port: 0, controller_port: 0, extra_port: 0, properties, pid, guard };
        // Somebody else may take a port between finding and using it: once more then.
        for attempt in 0..2 {
            (broker.port, broker.controller_port) = (free_port()?, free_port()?);
            broker.extra_port = free_port()?;
            match broker.restart() {
                Err(why) if attempt == 0 && why.contains("in use") => {}
                other => return other.map(|()| broker),
            }
        }
        Err("no free port".to_owned())
    }

    /// `host:port` for clients.
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` of the listener that the further properties put on `{extra}`.
    pub fn extra_servers(&self) -> String {
        format!("127.0.0.1:{}", self.extra_port)
    }

    /// Settings for clients.
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::new(self.bootstrap_servers())
    }

    /// Ends it at once with SIGKILL; its data stays.
    pub fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    /// Starts it again on the same data and ports, and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up: with what it wrote.
    pub fn restart(&mut self) -> Result<(), String> {
        self.kill();
        let properties =
            [("{port}", self.port), ("{controller}", self.controller_port), ("{extra}", self.extra_port)]
                .iter()
                .fold(self.properties.clone(), |text, (name, port)| text.replace(name, &port.to_string()));
        std::fs::write(self.folder.path().join("extra.properties"), properties).map_err(text)?;
        let log = self.folder.path().join("broker.log");
        drop(File::create(&log).map_err(text)?);
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&log)
            .arg(script())
            .args(["exec", "kafka", "--dir"])
            .arg(self.folder.path())
            .args(["--port", &self.port.to_string(), "--controller-port", &self.controller_port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The shell tells every kill.
            .stderr(Stdio::null())
            .spawn()
            .map_err(text)?;
        self.pid = first_line(&mut guard)?;
        self.guard = Some(guard);
        self.wait_until_ready(&log)
    }

    /// Freezes it, connections and all; it goes on with [`Broker::wake`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen broker go on.
    pub fn wake(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        // A broker that is gone needs none.
        let _ = Command::new("kill").args([signal, &self.pid]).status();
    }

    fn wait_until_ready(&self, log: &Path) -> Result<(), String> {
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if self.answers() {
                return Ok(());
            }
            if !is_alive(&self.pid) {
                return Err(format!("the broker ended while starting:\n{}", written(log)));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the broker does not answer after {READY_WITHIN:?}:\n{}", written(log)))
    }

    /// Whether it answers a request for metadata and leads what it has.
    fn answers(&self) -> bool {
        use rdkafka::consumer::{BaseConsumer, Consumer as _};
        let client: Result<BaseConsumer, KafkaError> = self.client_config().create();
        let Ok(client) = client else { return false };
        let Ok(metadata) = client.fetch_metadata(None, Duration::from_secs(2)) else { return false };
        let led =
            |topic: &rdkafka::metadata::MetadataTopic| topic.partitions().iter().all(|p| p.leader() >= 0);
        metadata.brokers().len() == 1 && metadata.topics().iter().all(led)
    }

    fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap_servers()).set("reconnect.backoff.max.ms", "200");
        config
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// What the broker said.
    pub fn create_topic(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) -> Result<(), String> {
        let mut wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (key, value) in config {
            wanted = wanted.set(key, value);
        }
        self.admin(|admin, runtime, options| {
            single(runtime.block_on(admin.create_topics([&wanted], options)).map_err(text)?)
        })
    }

    /// Gives a topic these settings of its own and no others.
    ///
    /// # Errors
    /// What the broker said.
    pub fn set_topic(&self, topic: &str, config: &[(&str, &str)]) -> Result<(), String> {
        let mut wanted = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (key, value) in config {
            wanted = wanted.set(key, value);
        }
        self.admin(|admin, runtime, options| {
            let answers = runtime.block_on(admin.alter_configs([&wanted], options)).map_err(text)?;
            match answers.into_iter().next() {
                Some(Err((_, code))) => Err(format!("{topic}: {code}")),
                _ => Ok(()),
            }
        })
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// What the broker said.
    pub fn delete_topic(&self, topic: &str) -> Result<(), String> {
        self.admin(|admin, runtime, options| {
            single(runtime.block_on(admin.delete_topics(&[topic], options)).map_err(text)?)
        })
    }

    /// Raises the number of partitions of a topic.
    ///
    /// # Errors
    /// What the broker said.
    pub fn raise_partitions(&self, topic: &str, to: usize) -> Result<(), String> {
        let wanted = NewPartitions::new(topic, to);
        self.admin(|admin, runtime, options| {
            single(runtime.block_on(admin.create_partitions([&wanted], options)).map_err(text)?)
        })
    }

    /// Deletes the records of a partition before an offset; all of them when there is none.
    ///
    /// # Errors
    /// What the broker said.
    pub fn delete_records(&self, topic: &str, partition: i32, before: Option<i64>) -> Result<(), String> {
        let mut until = TopicPartitionList::new();
        let before = before.map_or(Offset::End, Offset::Offset);
        until.add_partition_offset(topic, partition, before).map_err(text)?;
        self.admin(|admin, runtime, options| {
            runtime.block_on(admin.delete_records(&until, options)).map(drop).map_err(text)
        })
    }

    fn admin<T>(
        &self,
        act: impl FnOnce(
            &AdminClient<DefaultClientContext>,
            &tokio::runtime::Runtime,
            &AdminOptions,
        ) -> Result<T, String>,
    ) -> Result<T, String> {
        let admin: AdminClient<DefaultClientContext> = self.client_config().create().map_err(text)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
        let wait = Some(Duration::from_secs(20));
        act(&admin, &runtime, &AdminOptions::new().operation_timeout(wait).request_timeout(wait))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn single(answers: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Result<(), String> {
    match answers.into_iter().next() {
        Some(Err((name, code))) => Err(format!("{name}: {code}")),
        _ => Ok(()),
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
}

fn install() -> Result<(), String> {
    let done = Command::new(script()).args(["install", "kafka"]).output().map_err(text)?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
}

fn free_port() -> Result<u16, String> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|a| a.port())
        .map_err(text)
}

fn first_line(guard: &mut Child) -> Result<String, String> {
    let out = guard.stdout.take().ok_or("the guard has no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line).map_err(text)?;
    Ok(line.trim().to_owned())
}

fn is_alive(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    state.is_ok_and(|stat| !stat.contains(") Z "))
}

fn written(log: &Path) -> String {
    let mut written = String::new();
    match File::open(log).and_then(|mut file| file.read_to_string(&mut written)) {
        Ok(_) => written,
        Err(error) => error.to_string(),
    }
}
