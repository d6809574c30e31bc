//! Power cuts and failing disks, on a disk of the test's making.

use store::{
    EmbeddedLog,
    embedded::testing::disk::{Disk, Random, Trouble},
};

use super::{check, options, script::Script};

/// Requests of a run: some four segments.
const REQUESTS: u64 = 24;

/// How much a run does to a disk without trouble: operations that change something, and reads.
fn effort(script: &Script, seed: u64) -> (u64, u64) {
    let disk = Disk::new();
    if let Ok(log) = open(&disk, seed) {
        script.run(&log);
    }
    (disk.operations(), disk.reads())
}

fn open(disk: &Disk, seed: u64) -> Result<EmbeddedLog, String> {
    EmbeddedLog::open_on(&disk.folder(), options(disk, seed)).map_err(|error| error.to_string())
}

/// Cuts the power at a random operation, and again while the log is opened and written on; then it has to open and
/// hold everything, and to take the rest.
///
/// # Errors
/// What was lost, invented or not told.
pub fn power_cut(seed: u64) -> Result<(), String> {
    cut(&Disk::new(), seed)
}

/// The same on a disk that only pretends to sync: there is much to lose. Answers whether the check found a loss.
#[must_use]
pub fn control(seed: u64) -> bool {
    cut(&Disk::lying(), seed).is_err()
}

fn cut(disk: &Disk, seed: u64) -> Result<(), String> {
    let (script, mut random) = (Script::new(seed, REQUESTS), Random(!seed));
    let (operations, _) = effort(&script, seed);
    disk.trouble(1 + random.below(operations), Trouble::PowerCut);
    let (mut acknowledged, mut given) = open(disk, seed).map_or((0, 0), |log| script.run(&log));
    let mut disk = disk.after_power_cut(&mut random);
    for _ in 0..random.below(3) {
        disk.trouble(1 + random.below(20), Trouble::PowerCut);
        if let Ok(log) = open(&disk, seed) {
            let (now, tried) = script.run(&log);
            (acknowledged, given) = (acknowledged.max(now), given.max(tried));
        }
        disk = disk.after_power_cut(&mut random);
    }
    let log = open(&disk, seed)?;
    check(&log, &script, acknowledged, given)?;
    script.run(&log);
    check(&log, &script, script.events(), script.events()).map(drop)
}

/// No file can be opened for a while: nothing is refused that could be taken in, and nothing is missing.
///
/// # Errors
/// What was refused, lost or invented.
pub fn no_descriptors(seed: u64) -> Result<(), String> {
    let (script, mut random, disk) = (Script::new(seed, REQUESTS), Random(!seed), Disk::new());
    let log = open(&disk, seed)?;
    let (from, to) = (random.below(REQUESTS) as usize, random.below(REQUESTS) as usize);
    for (out, to) in [(true, from), (false, from.max(to))] {
        script.run_to(&log, to);
        disk.run_out_of_descriptors(out);
    }
    let (acknowledged, _) = script.run(&log);
    if acknowledged != script.events() {
        return Err(format!("{acknowledged} of {} events were taken in", script.events()));
    }
    drop(log);
    check(&open(&disk, seed)?, &script, script.events(), script.events()).map(drop)
}

/// A full disk, a failing sync or a failing read at a random operation: the intake stops or goes on, readers go on, and
/// after a restart everything is there.
///
/// # Errors
/// What was lost, invented or not told.
pub fn trouble(seed: u64) -> Result<(), String> {
    let (script, mut random) = (Script::new(seed, REQUESTS), Random(!seed));
    let (operations, reads) = effort(&script, seed);
    let kind = [Trouble::Full, Trouble::FailedSync, Trouble::FailedRead][random.below(3) as usize];
    let most = if kind == Trouble::FailedRead { reads } else { operations };
    let disk = Disk::new();
    disk.trouble(1 + random.below(most), kind);
    let (mut acknowledged, mut given) = (0, 0);
    if let Ok(log) = open(&disk, seed) {
        (acknowledged, given) = script.run(&log);
        disk.no_trouble();
        check(&log, &script, acknowledged, given).map_err(|wrong| format!("{kind:?}, readers: {wrong}"))?;
    }
    disk.no_trouble();
    let log = open(&disk, seed).map_err(|error| format!("{kind:?}, then a start: {error}"))?;
    check(&log, &script, acknowledged, given).map_err(|wrong| format!("{kind:?}, then a start: {wrong}"))?;
    script.run(&log);
    check(&log, &script, script.events(), script.events()).map(drop)
}
