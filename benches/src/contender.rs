//! Who works on the trades, each a process of its own.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    process::Process,
    report::OURS,
    work::{TRADES, Work},
};

/// Threads of Kafka Streams: as many as the machine of the goals has cores.
const STREAMS_THREADS: &str = "2";

/// Somebody who reads trades and publishes decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// The program under measurement.
    Tradewarden,
    /// Kafka Streams, exactly once: `benches/peers/kafka-streams`.
    KafkaStreams,
    /// The floor: this program itself, see [`crate::floor`].
    Floor,
}

impl Contender {
    /// As the tables name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tradewarden => OURS,
            Self::KafkaStreams => "Kafka Streams",
            Self::Floor => "floor",
        }
    }

    /// Where its decisions go.
    pub(crate) fn decisions(self) -> &'static str {
        match self {
            Self::Tradewarden => "tradewarden.decisions.v1",
            Self::KafkaStreams => "streams.decisions",
            Self::Floor => "floor.decisions",
        }
    }

    /// Starts it on a folder of its own, where it goes on when it has been there before. `commit` is how often Kafka
    /// Streams commits.
    pub(crate) fn start(self, work: &Work<'_>, folder: &Path, commit: Duration) -> Result<Process> {
        let servers = work.broker.bootstrap_servers();
        let mut command = match self {
            Self::Tradewarden => tradewarden(&work.binary, folder, &servers),
            Self::KafkaStreams => streams(folder, &servers, commit)?,
            Self::Floor => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["--floor", &servers]).current_dir(folder);
                command
            }
        };
        let log = File::options().create(true).append(true).open(folder.join("written"))?;
        Process::start(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log))
    }
}

fn tradewarden(binary: &Path, folder: &Path, servers: &str) -> Command {
    let mut command = run(binary, &data(folder));
    command.arg("--set").arg(format!("kafka.bootstrap_servers={servers}"));
    // On a slow machine a backlog would be stale before its end, and every strategy reduced: that is not what is measured.
    command.args(["--set", "strategy_guard.stale_after=1h"]);
    command
}

/// `tradewarden run` on a data folder, on embedded parts.
pub(crate) fn run(binary: &Path, data: &Path) -> Command {
    let mut command = Command::new(binary);
    command.arg("run").arg("--data").arg(data);
    command.args(["--set", "server.listen=127.0.0.1:0", "--set", "kafka.embedded_listen=127.0.0.1:0"]);
    command
}

/// Where tradewarden keeps its data in a contender's folder.
pub(crate) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

fn streams(folder: &Path, servers: &str, commit: Duration) -> Result<Command> {
    // Where it stands is kept by the broker under this name: another folder is another application.
    let application = folder.file_name().and_then(|name| name.to_str()).context("the name of a folder")?;
    let mut command = Command::new(services());
    command.args([
        "exec",
        "kafka-streams",
        servers,
        TRADES,
        Contender::KafkaStreams.decisions(),
        application,
    ]);
    command.arg(folder.join("state")).args([&commit.as_millis().to_string(), STREAMS_THREADS]);
    Ok(command)
}

/// Packages Kafka Streams if need be; `environment` goes above our own.
///
/// # Errors
/// Why it is not to be had: Java or Maven are missing, or what they said.
pub(crate) fn install_streams(environment: &[(&str, &Path)]) -> Result<()> {
    let mut command = Command::new(services());
    let done = command.args(["install", "kafka-streams"]).envs(environment.iter().copied()).output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr).trim());
    Ok(())
}

/// What is said when Kafka Streams takes no part.
pub(crate) fn skipped(why: &anyhow::Error) -> String {
    format!("SKIPPED {}: {why:#}", Contender::KafkaStreams.name())
}

fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/services")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_java_the_peer_is_skipped_by_name_with_the_reason() {
        // A path with what the script itself needs and no Java; a cache of its own, or it would be there already.
        let folder = tempfile::tempdir().unwrap();
        for program in ["bash", "dirname"] {
            let real = ["/usr/bin", "/bin"].map(|bin| Path::new(bin).join(program));
            let real = real.iter().find(|path| path.exists()).unwrap();
            std::os::unix::fs::symlink(real, folder.path().join(program)).unwrap();
        }
        let environment = [("PATH", folder.path()), ("TRADEWARDEN_CACHE", folder.path())];
        let why = install_streams(&environment).unwrap_err();
        let line = skipped(&why);
        assert!(line.starts_with("SKIPPED Kafka Streams: ") && line.contains("java is missing"), "{line}");
    }
}
