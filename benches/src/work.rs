//! The trades that everybody works on, and how a running tradewarden is watched.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use events::TradeClosed;
use intake::{json, sample::SampleTrades};
use kafka::{send_all, test_support::Broker};

use crate::floor;

/// The topic of the trades.
pub(crate) const TRADES: &str = "trading.trade.closed.v1";
/// Partitions of the topic.
const PARTITIONS: i32 = 4;
/// The seed of the trades.
const SEED: u64 = 42;

/// What a measurement needs.
pub(crate) struct Work<'b> {
    /// The program under measurement.
    pub binary: PathBuf,
    /// A real broker.
    pub broker: &'b Broker,
}

impl Work<'_> {
    /// Puts a backlog of trades on the topic.
    pub(crate) fn fill(&self, trades: u64) -> Result<()> {
        for topic in [TRADES, floor::TOPIC] {
            self.broker.create_topic(topic, PARTITIONS, &[]).map_err(anyhow::Error::msg)?;
        }
        let records = SampleTrades::new(SEED, trades).map(|trade| record(&trade));
        send_all(&self.broker.settings(), TRADES, records, None, &mut |_| {}).map_err(anyhow::Error::msg)?;
        Ok(())
    }

    /// Starts tradewarden on a data folder and this broker.
    pub(crate) fn start(&self, data: &Path) -> Result<Running> {
        let bootstrap = format!("kafka.bootstrap_servers={}", self.broker.bootstrap_servers());
        Running::start(&self.binary, data, &[bootstrap])
    }
}

/// A trade as the bot sends it, keyed by strategy.
pub(crate) fn record(trade: &TradeClosed) -> (Vec<u8>, Vec<u8>) {
    (trade.strategy.clone().into_bytes(), json::to_record(trade).unwrap_or_default())
}

/// A file of trades.
pub(crate) fn write_file(path: &Path, trades: u64) -> Result<()> {
    use std::io::Write as _;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for trade in SampleTrades::new(SEED, trades) {
        file.write_all(&json::to_record(&trade)?)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

/// `tradewarden run`, killed when dropped.
pub(crate) struct Running {
    child: Child,
    data: PathBuf,
    /// When it was started.
    pub started: Instant,
}

impl Running {
    /// Starts it with further settings.
    pub(crate) fn start(binary: &Path, data: &Path, settings: &[String]) -> Result<Self> {
        let mut command = Command::new(binary);
        command.arg("run").arg("--data").arg(data).args(["--set", "server.listen=127.0.0.1:0"]);
        command.args(["--set", "kafka.embedded_listen=127.0.0.1:0"]);
        for setting in settings {
            command.arg("--set").arg(setting);
        }
        let log = std::fs::File::create(data.with_extension("log"))?;
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.with_context(|| format!("starting {}", binary.display()))?;
        Ok(Self { child, data: data.to_owned(), started })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `/readyz` says 200: every source, actor and projection has reached the end.
    pub(crate) fn wait_until_ready(&mut self, patience: Duration) -> Result<()> {
        while !self.is_ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!("tradewarden ended ({status}): see {}", self.data.with_extension("log").display());
            }
            if self.started.elapsed() > patience {
                bail!("not ready after {patience:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let Ok(text) = std::fs::read(self.data.join("server.json")) else { return false };
        let Ok(server) = serde_json::from_slice::<serde_json::Value>(&text) else { return false };
        let Some(address) = server["address"].as_str() else { return false };
        ureq::get(format!("http://{address}/readyz")).call().is_ok()
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
