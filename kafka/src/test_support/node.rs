//! A process of a real Kafka: on ports of its own, in a temporary folder, gone when the test process is gone.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const ENDED_WITHIN: Duration = Duration::from_secs(60);

/// Runs a program until its standard input closes, and tells its process id. It ends with this process, also when
/// this process is killed.
const GUARD: &str = r#"log=$1; shift
"$@" >>"$log" 2>&1 </dev/null & p=$!
trap 'kill -9 $p; wait $p' EXIT
echo $p
cat >/dev/null"#;

/// A broker, which is a controller as well.
pub struct Node {
    folder: TempDir,
    id: usize,
    port: u16,
    controller_port: u16,
    extra_port: u16,
    pid: String,
    guard: Option<Child>,
}

impl Node {
    /// With ports that are free now; it does not run yet.
    pub(super) fn new(id: usize) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let (port, controller_port, extra_port) = (free_port()?, free_port()?, free_port()?);
        Ok(Self { folder, id, port, controller_port, extra_port, pid: String::new(), guard: None })
    }

    /// `host:port` for clients.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` of the listener that further properties put on `{extra}`.
    pub(super) fn extra_address(&self) -> String {
        format!("127.0.0.1:{}", self.extra_port)
    }

    /// As a voter among the controllers.
    pub(super) fn voter(&self) -> String {
        format!("{}@127.0.0.1:{}", self.id, self.controller_port)
    }

    /// Its process id.
    pub(super) fn process_id(&self) -> &str {
        &self.pid
    }

    /// Where it keeps the records of a partition.
    #[must_use]
    pub fn partition_folder(&self, topic: &str, partition: i32) -> PathBuf {
        self.folder.path().join("data").join(format!("{topic}-{partition}"))
    }

    /// Starts it, on the data that it has; it does not answer yet then.
    pub(super) fn spawn(&mut self, properties: &str) -> Result<(), String> {
        self.kill();
        let properties =
            [("{port}", self.port), ("{controller}", self.controller_port), ("{extra}", self.extra_port)]
                .iter()
                .fold(properties.to_owned(), |text, (name, port)| text.replace(name, &port.to_string()));
        std::fs::write(self.folder.path().join("extra.properties"), properties).map_err(text)?;
        drop(File::create(self.log()).map_err(text)?);
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(self.log())
            .arg(script())
            .args(["exec", "kafka", "--dir"])
            .arg(self.folder.path())
            .args(["--port", &self.port.to_string(), "--controller-port", &self.controller_port.to_string()])
            .args(["--node", &self.id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The shell tells every kill.
            .stderr(Stdio::null())
            .spawn()
            .map_err(text)?;
        self.pid = first_line(&mut guard)?;
        self.guard = Some(guard);
        Ok(())
    }

    /// Ends it at once with SIGKILL; its data stays.
    pub fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }

    /// Ends it in good order: it hands on what it leads.
    ///
    /// # Errors
    /// When it does not end.
    pub fn terminate(&mut self) -> Result<(), String> {
        self.signal("-TERM");
        let until = Instant::now() + ENDED_WITHIN;
        while self.is_alive() {
            if Instant::now() > until {
                return Err(format!("the broker does not end:\n{}", self.written()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill();
        Ok(())
    }

    /// Freezes it, connections and all; it goes on with [`Node::wake`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn wake(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        // A broker that is gone needs none.
        let _ = Command::new("kill").args([signal, &self.pid]).status();
    }

    pub(super) fn is_alive(&self) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid));
        state.is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("broker.log")
    }

    /// What it wrote.
    pub(super) fn written(&self) -> String {
        let mut written = String::new();
        match File::open(self.log()).and_then(|mut file| file.read_to_string(&mut written)) {
            Ok(_) => written,
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Fetches Kafka if need be.
pub(super) fn install() -> Result<(), String> {
    let done = Command::new(script()).args(["install", "kafka"]).output().map_err(text)?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).trim().to_owned())
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
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
