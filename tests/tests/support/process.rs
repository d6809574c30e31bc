//! The true program as a process: started, watched through what it shows, ended in every way.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_millis(5);
/// Bytes of standard error that a failure shows.
const SHOWN: usize = 6000;

/// Cargo tells the path of a binary only to the tests of its own package.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary = profile.join(format!("tradewarden{}", std::env::consts::EXE_SUFFIX));
    assert!(
        binary.exists(),
        "{} is missing: run `cargo build -p server` (with the profile of this test) first",
        binary.display()
    );
    binary
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("TRADEWARDEN_") || name == "KAFKA_BOOTSTRAP_SERVERS" || name == "RUST_LOG" {
            command.env_remove(&*name);
        }
    }
    command.current_dir(data.parent().unwrap()).stdin(Stdio::null());
    command
}

/// Runs a command on a data folder; its exit code and what it printed as JSON lines.
pub(crate) fn ask(data: &Path, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = command(data).args(arguments).arg("--json").arg("--data").arg(data).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
    (output.status.code(), lines.unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}\n{errors}")))
}

/// `tradewarden run`; killed when dropped.
pub(crate) struct Process {
    child: Child,
    data: PathBuf,
}

impl Process {
    /// Starts it on a data folder and a cluster.
    pub(crate) fn start(data: &Path, servers: &str) -> Self {
        Self::start_with(data, servers, &[])
    }

    /// Starts it with further arguments.
    pub(crate) fn start_with(data: &Path, servers: &str, more: &[String]) -> Self {
        // What a killed predecessor left tells a port that may be anybody's by now.
        let _ = fs::remove_file(data.join("server.json"));
        let errors = File::options().append(true).create(true).open(errors_of(data)).unwrap();
        let child = command(data)
            .args(["run", "--set", "server.listen=127.0.0.1:0", "--set"])
            .arg(format!("kafka.bootstrap_servers={servers}"))
            // On a slow machine a guard must not decide by the wall clock: two runs are compared.
            .args(["--set", "strategy_guard.stale_after=10m"])
            .args(more)
            .arg("--data")
            .arg(data)
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { child, data: data.to_owned() }
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// What all processes of this data folder wrote to standard error.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&fs::read(errors_of(&self.data)).unwrap()).into_owned()
    }

    fn fail(&self, why: &str) -> ! {
        let errors = self.errors();
        let from = errors.char_indices().map(|(at, _)| at).find(|at| errors.len() - at <= SHOWN);
        let ready = self.ask("/readyz").and_then(|answer| answer.into_body().read_to_string().ok());
        panic!(
            "{why}; /readyz: {}; it wrote:\n{}",
            ready.unwrap_or_default(),
            &errors[from.unwrap_or_default()..]
        );
    }

    /// Waits for something.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.fail(&format!("tradewarden ended ({status}) before {what}"));
            }
            if begun.elapsed() > PATIENCE {
                self.fail(&format!("not {what} after {PATIENCE:?}"));
            }
            thread::sleep(GLANCE);
        }
    }

    /// Waits until it can be asked.
    pub(crate) fn until_it_answers(&mut self) {
        self.until("answering", |process| process.get("/livez").is_some());
    }

    /// Waits until everything in it has reached the end of what was there.
    pub(crate) fn until_ready(&mut self) {
        self.until("ready", |process| process.get("/readyz").is_some());
    }

    /// Waits until it has taken in more than so many trades since it was started; how many they are then.
    pub(crate) fn until_taken_more_than(&mut self, before: f64) -> f64 {
        let mut taken = 0.0;
        self.until("getting on", |process| {
            taken = process.taken();
            taken > before
        });
        taken
    }

    /// Trades that it has taken in since it was started.
    pub(crate) fn taken(&self) -> f64 {
        let metrics = self.get("/metrics").unwrap_or_default();
        let counts = metrics.lines().filter(|line| {
            line.starts_with("tradewarden_ingest_records_total") && line.contains("result=\"taken\"")
        });
        counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Whether a part is ready, and what it says of itself.
    pub(crate) fn part(&self, name: &str) -> Option<(bool, String)> {
        let mut answer = self.ask("/readyz")?;
        let told: Value = serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()?;
        let part = told["parts"].as_array()?.iter().find(|part| part["part"] == name)?;
        Some((part["ready"].as_bool()?, part["detail"].as_str().unwrap_or_default().to_owned()))
    }

    /// The body of a good answer.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let answer = self.ask(path)?;
        answer.status().is_success().then(|| answer.into_body().read_to_string().ok())?
    }

    fn ask(&self, path: &str) -> Option<ureq::http::Response<ureq::Body>> {
        let server: Value = serde_json::from_slice(&fs::read(self.data.join("server.json")).ok()?).ok()?;
        let request = ureq::get(format!("http://{}{path}", server["address"].as_str()?));
        let request = request.config().timeout_global(Some(Duration::from_secs(10)));
        request.http_status_as_error(false).build().call().ok()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success(), "kill -{name}");
    }

    /// Stops it with SIGSTOP. One thread takes the signal and stops the others, so until it has had its turn on a
    /// busy machine they work on: waits until none does.
    pub(crate) fn pause(&mut self) {
        self.signal("STOP");
        self.until("stopped", |process| {
            let threads = fs::read_dir(format!("/proc/{}/task", process.child.id())).unwrap();
            let mut states = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")));
            states.all(|stat| stat.is_ok_and(|stat| stat.contains(") T ")))
        });
    }

    /// Lets it go on.
    pub(crate) fn wake(&self) {
        self.signal("CONT");
    }

    /// Waits until it has ended by itself; its exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            if begun.elapsed() > PATIENCE {
                self.fail("it does not end");
            }
            thread::sleep(GLANCE);
        }
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as an operator would.
    pub(crate) fn terminate(mut self) {
        self.signal("TERM");
        let begun = Instant::now();
        let mut ended: Option<ExitStatus> = None;
        while ended.is_none() {
            if begun.elapsed() > PATIENCE {
                self.fail("it does not end");
            }
            thread::sleep(GLANCE);
            ended = self.child.try_wait().unwrap();
        }
        if !ended.is_some_and(|status| status.success()) {
            self.fail(&format!("it ended with {ended:?}"));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn errors_of(data: &Path) -> PathBuf {
    data.with_extension("log")
}
