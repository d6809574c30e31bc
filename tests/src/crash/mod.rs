//! The log, under faults: killed processes, power cuts, full disks, failing syncs and reads, files that are
//! damaged, forged or gone, before a start and beside the work; also the program itself, on a disk that is written down
//! or slow. Each run follows from its seed. After each fault nothing acknowledged may be missing, nothing invented, and
//! what is damaged has to be told.
//!
//! `cargo run --release -p tests --bin crash` runs it at length.

mod cut;
mod damage;
mod forged_state;
mod forgery;
mod history;
mod kill;
mod power;
mod program;
mod recorded;
mod running;
pub(crate) mod script;
mod slow_stop;
mod start;

pub use self::{
    cut::{Cut, cut_program},
    damage::{Damage, damage, fuzz},
    forged_state::forged_state,
    forgery::{Forgery, forge},
    history::history,
    kill::{killed, write_until_killed},
    power::{control, no_descriptors, power_cut, trouble},
    running::{Running, running},
    slow_stop::slow_stop,
    start::{Harm, harmed},
};

use std::{ops::ControlFlow, time::Duration};

use store::{
    EmbeddedLog, EventLog, Options,
    embedded::{Archive, testing::disk::Disk},
};

use script::Script;

/// Segments so small that a run makes several; all but the newest are compressed.
const SMALL: Options =
    Options { segment_bytes: 64 << 10, lock_wait: Duration::from_secs(10), uncompressed: 1, archive: None };

/// The same; every second seed moves them to an archive, too.
fn options(disk: &Disk, seed: u64) -> Options {
    let archive = || Archive { folder: disk.folder_named("archive"), after: Duration::ZERO };
    Options { archive: seed.is_multiple_of(2).then(archive), ..SMALL }
}

/// Holds a log to what it was given: `acknowledged` events at least, `given` at most, each as it was given, the chain
/// and the look-up of every id whole.
fn check(log: &EmbeddedLog, script: &Script, acknowledged: u64, given: u64) -> Result<u64, String> {
    let head = log.head();
    if !(acknowledged..=given).contains(&head) {
        return Err(format!(
            "{head} events of {acknowledged} that were acknowledged and {given} that were given"
        ));
    }
    let mut wrong = None;
    let verified = log.verify_chain(&mut |event| {
        wrong = script.wrong_in(log, &event);
        if wrong.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match (verified, wrong) {
        (Err(fault), _) => Err(fault.to_string()),
        (Ok(_), Some(wrong)) => Err(wrong),
        (Ok(verified), None) if verified.events != head => {
            Err(format!("{} of {head} events were verified", verified.events))
        }
        (Ok(_), None) => Ok(head),
    }
}
