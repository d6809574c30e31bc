//! A home for the binary: a folder of its own, and a server that ends with the test.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

#[allow(dead_code, reason = "not every file of tests judges")]
pub(crate) mod judged;

use serde_json::{Value, json};

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as JSON lines.
    pub(crate) fn json(&self) -> Vec<Value> {
        let lines = self.out.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A folder to work in.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.path().join("tradewarden-data")
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file and answers its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.wrapped(env!("CARGO_BIN_EXE_tradewarden"), arguments)
    }

    fn wrapped(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).args(arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("TRADEWARDEN_") || name == "KAFKA_BOOTSTRAP_SERVERS" || name == "RUST_LOG" {
                command.env_remove(&*name);
            }
        }
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(&[], arguments)
    }

    /// Runs a command to its end with variables of the environment.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).envs(variables.iter().copied()).output().unwrap())
    }

    /// Runs a command to its end, with bytes on standard input.
    pub(crate) fn run_fed(&self, arguments: &[&str], bytes: &[u8]) -> Said {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A command that ends early does not read everything.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        Said::of(child.wait_with_output().unwrap())
    }

    /// Runs a command again until it says what is wanted.
    pub(crate) fn until(&self, arguments: &[&str], wanted: impl Fn(&Said) -> bool) -> Said {
        let begun = Instant::now();
        loop {
            let said = self.run(arguments);
            if wanted(&said) {
                return said;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{arguments:?} still says {said:?}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Runs a command whose results nobody reads.
    pub(crate) fn run_unread(&self, arguments: &[&str]) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        Said { code: output.status.code().unwrap_or(-1), out: String::new(), err }
    }

    /// Starts a server.
    pub(crate) fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// Starts a server with further arguments.
    pub(crate) fn start_with(&self, more: &[&str]) -> Server {
        let arguments =
            ["run", "--set", "server.listen=127.0.0.1:0", "--set", "kafka.embedded_listen=127.0.0.1:0"];
        let arguments = [&arguments[..], more].concat();
        let mut child = self.command(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().map(BufReader::new);
        Server { child, stderr }
    }

    /// Starts a server and waits until it listens.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with(&[]).0
    }

    /// Starts a server with further arguments, waits until it listens, and answers what it said until then.
    pub(crate) fn serve_with(&self, more: &[&str]) -> (Server, String) {
        let mut server = self.start_with(more);
        let told = server.until_said("ready when");
        (server, told)
    }

    /// Starts a server on a disk that is full when a file would be larger than so many KiB, and waits until it listens.
    pub(crate) fn serve_on_a_disk_of(&self, kib: u32) -> Server {
        // The signal is ignored, so that the write fails as on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
        let arguments =
            ["run", "--set", "server.listen=127.0.0.1:0", "--set", "kafka.embedded_listen=127.0.0.1:0"];
        let mut command = self.wrapped("bash", &["-c", &script, env!("CARGO_BIN_EXE_tradewarden")]);
        let mut child = command.args(arguments).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().map(BufReader::new);
        let mut server = Server { child, stderr };
        server.until_said("ready when");
        server
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    stderr: Option<BufReader<ChildStderr>>,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until its source is ready, or is not; what it says of itself then.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn until_ready(&self, home: &Home, ready: bool) -> String {
        let begun = Instant::now();
        loop {
            let told = self.ready(home);
            let source = told["parts"].as_array().unwrap().iter();
            let mut source = source.filter(|part| part["part"].as_str().unwrap().starts_with("source:"));
            if source.next().unwrap()["ready"] == ready {
                return told.to_string();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "still: {told}");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// What `/readyz` says.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn ready(&self, home: &Home) -> Value {
        serde_json::from_str(&self.get(home, "/readyz")).unwrap()
    }

    /// What it answers without a token.
    #[allow(dead_code, reason = "not every file of tests asks")]
    pub(crate) fn get(&self, home: &Home, path: &str) -> String {
        let file: Value =
            serde_json::from_slice(&fs::read(home.data().join("server.json")).unwrap()).unwrap();
        let url = format!("http://{}{path}", file["address"].as_str().unwrap());
        let answer = ureq::get(&url).config().http_status_as_error(false).build().call();
        answer.unwrap().body_mut().read_to_string().unwrap()
    }

    /// Reads what it says until it says that; answers all of it.
    pub(crate) fn until_said(&mut self, words: &str) -> String {
        let mut told = String::new();
        while !told.contains(words) {
            let read = self.stderr.as_mut().unwrap().read_line(&mut told).unwrap();
            assert!(read > 0, "the server ended: {told}");
        }
        told
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let signalled = Command::new("kill").args([name, &self.pid().to_string()]).status().unwrap();
        assert!(signalled.success());
    }

    /// Waits until it has ended; its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Ends it as an operator would; its exit code and last words.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, String) {
        self.end("-TERM")
    }

    /// Ends it with a signal; its exit code and last words.
    pub(crate) fn end(&mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let mut words = String::new();
        self.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        (self.wait(), words)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many lost trades of one strategy, a day apart.
pub(crate) fn losing_trades(count: u32) -> String {
    let trade = |n: u32| {
        json!({
            "trade_id": n, "strategy": "rsi", "symbol": "BTC/USDT", "side": "long", "quantity": "1",
            "entry_price": "100", "profit": "-1", "profit_pct": "-1",
            "opened_at": format!("2025-01-{:02}T00:00:00Z", n + 1),
            "closed_at": format!("2025-01-{:02}T01:00:00Z", n + 1),
        })
    };
    (0..count).map(|n| format!("{}\n", trade(n))).collect()
}

/// Every file below a folder with its bytes.
pub(crate) fn bytes_of(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(Path::new(folder), &mut files);
    files
}

fn collect(folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.to_str().unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
}
