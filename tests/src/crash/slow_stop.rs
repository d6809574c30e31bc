//! The program on a slow disk is told to stop, at any moment of its work: it ends, in good order, and the next start knows all
//! that was acknowledged.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
    time::Duration,
};

use store::embedded::testing::disk::Random;

use super::{
    cut::hold,
    program::{Server, ask, losses, text},
    recorded::WatchedDisk,
};

/// A stop takes some syncs, each of them slow.
const PATIENCE: Duration = Duration::from_secs(45);
/// Trades of a request.
const REQUEST: i64 = 3;
/// A sync takes at most so much longer.
const SLOWEST_MICROSECONDS: u64 = 1_500_000;

/// Lets each sync of the log, the states and the views take up to one and a half seconds longer, publishes, and stops.
///
/// # Errors
/// That it did not end, or not well; what was lost, decided otherwise or twice.
pub fn slow_stop(seed: u64) -> Result<(), String> {
    let (disk, mut random) = (WatchedDisk::new()?, Random(seed));
    let (data, file) = (disk.root().join("data"), disk.beside("trades.jsonl"));
    let mut server = Server::start(&data, &disk.environment())?;
    let (stopping, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let publish = || {
        let mut from = 0;
        while !stopping.load(SeqCst) {
            fs::write(&file, losses("bad", from, from + REQUEST)?).map_err(text)?;
            let (code, _) = ask(&data, &["publish", "--to", "http", &file.to_string_lossy()])?;
            // Who is stopped meanwhile answers nothing; what was sent may be there all the same.
            if code == Some(0) {
                acknowledged.fetch_add(REQUEST as u64, SeqCst);
            }
            from += REQUEST;
        }
        Ok(())
    };
    let [delay, fast, slow] = [SLOWEST_MICROSECONDS, 700, 3_000].map(|most| random.below(most));
    let (ended, published) = thread::scope(|scope| {
        let publisher = scope.spawn(publish);
        thread::sleep(Duration::from_millis(fast));
        let slowed = disk.delay_syncs(delay);
        thread::sleep(Duration::from_millis(slow));
        stopping.store(true, SeqCst);
        let ended = slowed.and_then(|()| server.end("-TERM", PATIENCE));
        (ended, publisher.join().unwrap_or_else(|_| Err("the publisher panicked".to_owned())))
    });
    published.and_then(|()| match ended? {
        Some(0) => Ok(()),
        code => Err(format!("exit code {code:?} with syncs of {delay} µs")),
    })?;
    hold(&data, acknowledged.into_inner()).map(drop)
}
