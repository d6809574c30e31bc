//! The program on a data folder in which the guard's saved state was forged, and killed as it goes: in the end the halt that
//! the facts ask for is there, once.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use actors::{Decider, Fold, StrategyGuard};
use store::{EmbeddedLog, EventLog as _, Snapshots, embedded::testing::disk::Random};

use super::program::{Server, ask, losses, text};

/// How long a run may take until everything is decided.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nine lost trades, a forged state that knows of none, more losses, and a kill now and then.
///
/// # Errors
/// What was not decided, or twice, or not told.
pub fn forged_state(seed: u64) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let (data, mut random) = (folder.path().join("data"), Random(seed));
    let (first, more) = (folder.path().join("first.jsonl"), folder.path().join("more.jsonl"));
    fs::write(&first, losses("bad", 0, 9)?).map_err(text)?;
    fs::write(&more, [losses("bad", 9, 13)?, b"\n".to_vec(), losses("other", 0, 11)?].concat())
        .map_err(text)?;
    ask(&data, &["rehearse", &first.to_string_lossy()])?;
    fs::remove_file(data.join("rehearsal")).map_err(text)?;
    // Any order saves the states.
    ask(&data, &["strategies", "disable", "third", "--reason", "save", "--new"])?;
    forge(&data)?;
    let publish = ["publish", "--to", "http", &more.to_string_lossy()];
    for _ in 0..random.below(4) {
        let mut server = Server::start(&data, &[])?;
        // Who is killed in between answers nothing.
        ask(&data, &publish)?;
        thread::sleep(Duration::from_millis(random.below(300)));
        server.end("-KILL", PATIENCE)?;
    }
    let mut server = Server::start(&data, &[])?;
    ask(&data, &publish)?;
    let begun = Instant::now();
    while halts(&data)? == 0 || !data.join("snapshots/strategy_guard.differs").exists() {
        if begun.elapsed() > PATIENCE {
            return Err("the halt was not decided".to_owned());
        }
        thread::sleep(Duration::from_millis(50));
    }
    server.end("-TERM", PATIENCE)?;
    let (code, said) = ask(&data, &["verify"])?;
    match (halts(&data)?, code) {
        (1, Some(0)) => Ok(()),
        (halts, code) => Err(format!("{halts} halts, verify ends with {code:?}: {said}")),
    }
}

/// How often `bad` was halted.
fn halts(data: &Path) -> Result<usize, String> {
    let list = ["events", "list", "--json", "--type", "StrategyDisabled", "--strategy", "bad"];
    Ok(ask(data, &list)?.1.lines().filter(|line| line.starts_with('{')).count())
}

/// The state of `bad` knows of no loss; the checksum is right, as it has no key.
fn forge(data: &Path) -> Result<(), String> {
    let log_id = EmbeddedLog::open_read_only(&data.join("log")).map_err(text)?.log_id();
    let (snapshots, version) = (
        Snapshots::open(&data.join("snapshots"), log_id).map_err(text)?,
        <StrategyGuard as Decider>::STATE_VERSION,
    );
    let saved = snapshots.load(StrategyGuard::NAME, version).map_err(text)?;
    let mut saved = saved.ok_or("no state was saved")?;
    let fold: Fold<StrategyGuard> = postcard::from_bytes(&saved.state).map_err(text)?;
    let mut json = serde_json::to_value(fold).map_err(text)?;
    let bad = &mut json["state"]["strategies"]["bad"];
    if bad["consecutive_losses"] != 9 {
        return Err(format!("the state was not good before: {bad}"));
    }
    bad["consecutive_losses"] = 0.into();
    let forged: Fold<StrategyGuard> = serde_json::from_value(json).map_err(text)?;
    saved.state = postcard::to_allocvec(&forged).map_err(text)?;
    snapshots.save(StrategyGuard::NAME, version, &saved).map_err(text)
}
