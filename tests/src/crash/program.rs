//! The program itself: asked for something, or running.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use intake::json;

/// The program, which cargo puts beside the harness, or above its tests.
pub(super) fn program() -> Result<PathBuf, String> {
    let here = env::current_exe().map_err(text)?;
    let found = here.ancestors().skip(1).take(2).map(|folder| folder.join("tradewarden"));
    let found = found.into_iter().find(|path| path.is_file());
    found.ok_or_else(|| "the program is missing: cargo build -p server, with the same profile".to_owned())
}

/// Runs the program on a data folder; its exit code and all that it said. It may not hang.
pub(super) fn ask(data: &Path, arguments: &[&str]) -> Result<(Option<i32>, String), String> {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "60"]).arg(program()?).args(arguments).arg("--data").arg(data);
    let output = command.stdin(Stdio::null()).output().map_err(text)?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok((output.status.code(), said.concat()))
}

/// Lost trades of a strategy as lines of a file.
pub(super) fn losses(strategy: &str, from: i64, to: i64) -> Result<Vec<u8>, String> {
    let start = crate::at("2025-03-03T00:00:00Z");
    let lost = |n: i64| crate::trade(strategy, &n.to_string(), "-0.5", start.plus_seconds(60 * n));
    let lines: Result<Vec<_>, _> = (from..to).map(|n| json::to_record(&lost(n))).collect();
    Ok(lines.map_err(text)?.join(&b'\n'))
}

/// `tradewarden run`; killed when dropped.
pub(super) struct Server(Child);

impl Server {
    /// Starts it, and waits until it listens.
    pub(super) fn start(data: &Path, environment: &[(&str, PathBuf)]) -> Result<Self, String> {
        let anywhere = ["--set", "server.listen=127.0.0.1:0", "--set", "kafka.embedded_listen=127.0.0.1:0"];
        let mut command = Command::new(program()?);
        command
            .envs(environment.iter().cloned())
            .arg("run")
            .args(anywhere)
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut server = Self(command.stderr(Stdio::piped()).spawn().map_err(text)?);
        let mut lines = BufReader::new(server.0.stderr.take().ok_or("no standard error")?).lines();
        let is_ready = |line: Result<String, _>| line.is_ok_and(|line| line.contains("ready when"));
        if !lines.any(is_ready) {
            return Err("the program did not start".to_owned());
        }
        // What it says from now on is read, so that it never waits.
        thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// Sends a signal and waits for the end; its exit code, nothing when the signal was its end.
    pub(super) fn end(&mut self, signal: &str, patience: Duration) -> Result<Option<i32>, String> {
        Command::new("kill").args([signal, &self.0.id().to_string()]).status().map_err(text)?;
        let begun = Instant::now();
        loop {
            match self.0.try_wait().map_err(text)? {
                Some(status) => return Ok(status.code()),
                None if begun.elapsed() > patience => {
                    return Err(format!("{signal} does not end it in {patience:?}"));
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
