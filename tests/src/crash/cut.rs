//! The power is cut under the program itself: what its own operations leave on the disk of a new data folder, at any moment of
//! a run that was written down, is given to it.

use std::{fs, path::Path, sync::OnceLock, time::Duration};

use store::embedded::testing::disk::Random;

use super::{
    program::{Server, ask, losses, text},
    recorded::{Recording, WatchedDisk},
};

/// When the power is cut, and on what disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// At any moment.
    Anywhere,
    /// Before anything was acknowledged: the data folder and the one above it are new.
    NewFolder,
    /// While a state of an actor is saved, or soon after.
    Snapshot,
    /// The same on a disk that never synced the states.
    SnapshotForgotten,
}

impl Cut {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Anywhere, Self::NewFolder, Self::Snapshot, Self::SnapshotForgotten];
}

/// Where the data folder is, below a folder that was there.
const DATA: &str = "new/data";
/// How long the program may take to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// Losses in a row that halt a strategy.
const LOSSES: u64 = 11;
/// How many losses there are with each request.
const REQUESTS: [i64; 3] = [6, 12, 18];

/// A run of the program, and after how many of its operations how many trades were acknowledged.
struct Session {
    recording: Recording,
    acknowledged: Vec<(usize, u64)>,
}

/// Three runs one after the other in a new data folder, each with a request of trades.
fn session() -> Result<&'static Session, String> {
    static SESSION: OnceLock<Result<Session, String>> = OnceLock::new();
    SESSION.get_or_init(record).as_ref().map_err(Clone::clone)
}

fn record() -> Result<Session, String> {
    let disk = WatchedDisk::new()?;
    let (data, file) = (disk.root().join(DATA), disk.beside("trades.jsonl"));
    let (mut from, mut marks) = (0, Vec::new());
    for to in REQUESTS {
        let mut server = Server::start(&data, &disk.environment())?;
        fs::write(&file, losses("bad", from, to)?).map_err(text)?;
        let (code, said) = ask(&data, &["publish", "--to", "http", &file.to_string_lossy()])?;
        if code != Some(0) {
            return Err(format!("publishing ends with {code:?}: {said}"));
        }
        marks.push((disk.recorded()?, to as u64));
        server.end("-TERM", PATIENCE)?;
        from = to;
    }
    let recording = disk.recording()?;
    let acknowledged =
        marks.into_iter().map(|(recorded, trades)| (recording.operations_within(recorded), trades));
    Ok(Session { acknowledged: acknowledged.collect(), recording })
}

/// Cuts the power and starts the program on what is left; answers whether a saved state was damaged by that.
///
/// # Errors
/// What was lost, decided otherwise or twice, or that it does not start.
pub fn cut_program(kind: Cut, seed: u64) -> Result<bool, String> {
    let (session, mut random) = (session()?, Random(seed));
    let (recording, all) = (&session.recording, session.recording.operations());
    let saving = recording.touching("snapshots");
    let first_saved = saving.first().copied().ok_or("no state was saved")?;
    let first_acknowledged = session.acknowledged.first().ok_or("nothing was acknowledged")?.0;
    let (from, to) = match kind {
        Cut::Anywhere => (0, all),
        Cut::NewFolder => (0, first_acknowledged),
        Cut::Snapshot => {
            let near = saving[random.below(saving.len() as u64) as usize];
            (near, (near + 4).min(all))
        }
        Cut::SnapshotForgotten => (first_saved, all),
    };
    let operations = from + random.below((to - from + 1) as u64) as usize;
    let forgotten = (kind == Cut::SnapshotForgotten).then_some("snapshots");
    let left = recording.cut(operations, forgotten, &mut random)?;
    let reached = session.acknowledged.iter().filter(|(after, _)| *after <= operations);
    let acknowledged = reached.map(|(_, trades)| *trades).max().unwrap_or_default();
    let said = hold(&left.path().join(DATA), acknowledged);
    let told = said.map_err(|why| format!("cut after {operations} of {all} operations: {why}"))?;
    if told && kind != Cut::SnapshotForgotten {
        return Err(format!(
            "cut after {operations} of {all} operations: a state was damaged that was synced"
        ));
    }
    Ok(told)
}

/// Holds a data folder to what was acknowledged in it, before and after a start.
pub(super) fn hold(data: &Path, acknowledged: u64) -> Result<bool, String> {
    let verify = || match ask(data, &["verify"])? {
        (Some(0), said) => Ok(said),
        (code, said) => Err(format!("verify ends with {code:?}: {said}")),
    };
    let told = acknowledged > 0 && verify()?.contains("snapshot");
    let mut server = Server::start(data, &[])?;
    settle(data)?;
    server.end("-TERM", PATIENCE)?;
    let after = verify()?;
    if after.contains("snapshot") {
        return Err(format!("after a start: {after}"));
    }
    let trades = count(data, &["--type", "TradeClosed"])?;
    if trades < acknowledged {
        return Err(format!("{trades} trades of {acknowledged} that were acknowledged"));
    }
    let halts = count(data, &["--type", "StrategyDisabled"])?;
    if halts != u64::from(trades >= LOSSES) {
        return Err(format!("{halts} halts after {trades} trades"));
    }
    Ok(told)
}

/// Waits until every actor has decided on what is there.
fn settle(data: &Path) -> Result<(), String> {
    let order = ["strategies", "disable", "third", "--reason", "settle", "--new"];
    match ask(data, &order)? {
        (Some(0), _) => Ok(()),
        (code, said) => Err(format!("an order ends with {code:?}: {said}")),
    }
}

fn count(data: &Path, which: &[&str]) -> Result<u64, String> {
    let list = [&["events", "list", "--json", "--limit", "1000", "--strategy", "bad"], which].concat();
    Ok(ask(data, &list)?.1.lines().filter(|line| line.starts_with('{')).count() as u64)
}
