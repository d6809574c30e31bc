//! Linearizability: appenders with expected revisions and readers at work at once, everything recorded, and checked
//! against the one order that the log tells, also across power cuts.
//!
//! The log names the order itself (positions), so nothing has to be searched for: an append that succeeded took effect
//! at its position, which has to lie within the time of its call as every other call saw it; one that was refused with a
//! revision has to have been called while the stream was there; one without an answer may be in the log or not.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use store::{
    AppendError, Duplicates, EmbeddedLog, EventLog, Expected, Prepared, Request,
    embedded::testing::disk::{Disk, Random, Trouble},
};

use super::{options, script::event};

const THREADS: u64 = 6;
const STREAMS: u64 = 2;
const CALLS: u64 = 40;
/// Starts of the log in one history, each but the last ended by a power cut.
const LIVES: u64 = 3;

/// What a call answered.
#[derive(Clone, Debug)]
enum Answer {
    /// Appended so many events; the last at this position, and the stream is at this revision.
    Appended { events: u64, last: u64, revision: u64 },
    /// The stream was at another revision.
    Refused { actual: u64 },
    /// The power is gone: it may be there or not.
    None,
    /// The head that a reader saw.
    Head(u64),
}

/// A call, from and to by a clock that counts all calls and answers.
#[derive(Clone, Debug)]
struct Call {
    stream: u64,
    expected: u64,
    from: u64,
    to: u64,
    answer: Answer,
}

/// What all threads share.
struct Recorder {
    clock: AtomicU64,
    numbers: AtomicU64,
    calls: Mutex<Vec<Call>>,
}

impl Recorder {
    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, SeqCst)
    }

    fn note(&self, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }
}

fn name(stream: u64) -> String {
    format!("shared-{stream}")
}

/// Records a history and checks it; answers how many calls were taken, refused and left without an answer.
///
/// # Errors
/// What cannot have happened in any order.
pub fn history(seed: u64) -> Result<[usize; 3], String> {
    let recorder =
        Recorder { clock: AtomicU64::new(1), numbers: AtomicU64::new(0), calls: Mutex::new(Vec::new()) };
    let (mut random, mut disk) = (Random(seed), Disk::new());
    for life in 1..=LIVES {
        let log =
            EmbeddedLog::open_on(&disk.folder(), options(&disk, seed)).map_err(|error| error.to_string())?;
        if life < LIVES {
            disk.trouble(disk.operations() + 4 + random.below(150), Trouble::PowerCut);
        }
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (log, recorder, random) = (&log, &recorder, Random(seed ^ (life * 100 + thread)));
                scope.spawn(move || work(log, recorder, seed, random, thread == 0));
            }
        });
        drop(log);
        if life < LIVES {
            disk = disk.after_power_cut(&mut random);
        }
    }
    let log =
        EmbeddedLog::open_on(&disk.folder(), options(&disk, seed)).map_err(|error| error.to_string())?;
    let calls = recorder.calls.into_inner().unwrap_or_else(PoisonError::into_inner);
    check(&log, &calls)?;
    let count = |kind: fn(&Answer) -> bool| calls.iter().filter(|call| kind(&call.answer)).count();
    Ok([
        count(|answer| matches!(answer, Answer::Appended { .. })),
        count(|answer| matches!(answer, Answer::Refused { .. })),
        count(|answer| matches!(answer, Answer::None)),
    ])
}

fn work(log: &EmbeddedLog, recorder: &Recorder, seed: u64, mut random: Random, reads: bool) {
    for _ in 0..CALLS {
        let stream = random.below(STREAMS);
        if reads {
            let from = recorder.tick();
            let answer = Answer::Head(log.head());
            recorder.note(Call { stream, expected: 0, from, to: recorder.tick(), answer });
            continue;
        }
        // Others are at it too: what was read is often no longer so.
        let Ok(expected) = log.revision(&name(stream)) else { return };
        let count = 1 + random.below(3);
        let numbers = recorder.numbers.fetch_add(count, SeqCst);
        let events = (numbers..numbers + count).filter_map(|n| Prepared::new(event(seed, n)).ok()).collect();
        let (stream_name, duplicates) = (Arc::from(name(stream)), Duplicates::Refuse);
        let request =
            Request { stream: stream_name, expected: Expected::Revision(expected), duplicates, events };
        let from = recorder.tick();
        let appended = log.append(request);
        let to = recorder.tick();
        let answer = match &appended {
            Ok(appended) => Answer::Appended {
                events: count,
                last: appended.placed.last().map_or(0, |placed| placed.position),
                revision: appended.revision,
            },
            Err(AppendError::WrongRevision { actual, .. }) => Answer::Refused { actual: *actual },
            Err(_) => Answer::None,
        };
        recorder.note(Call { stream, expected, from, to, answer });
        if matches!(appended, Err(AppendError::Stopped(_))) {
            return;
        }
    }
}

fn check(log: &EmbeddedLog, calls: &[Call]) -> Result<(), String> {
    let mut done: Vec<&Call> = Vec::new();
    for call in calls {
        match &call.answer {
            Answer::Appended { events, last, revision } => {
                let found = at(log, *last)?;
                let right = *found.stream == *name(call.stream) && found.stream_revision == *revision;
                if !right || revision - events != call.expected {
                    return Err(format!("{call:?} is not in the log as it was answered"));
                }
                done.push(call);
            }
            Answer::Refused { actual } if *actual == call.expected => {
                return Err(format!("{call:?} was refused though the stream was there"));
            }
            _ => {}
        }
    }
    done.sort_by_key(|call| place(call));
    in_real_time(&done)?;
    calls
        .iter()
        .filter(|call| !matches!(call.answer, Answer::Appended { .. }))
        .try_for_each(|call| seen(&done, call))
}

fn at(log: &EmbeddedLog, position: u64) -> Result<Arc<events::Recorded>, String> {
    let found = log.event_at(position).map_err(|error| error.to_string())?;
    found.ok_or_else(|| format!("position {position} was acknowledged and is not there"))
}

/// Where a call that appended took effect.
fn place(call: &Call) -> u64 {
    match call.answer {
        Answer::Appended { last, .. } => last,
        _ => 0,
    }
}

/// One that was answered before another was called stands before it.
fn in_real_time(done: &[&Call]) -> Result<(), String> {
    let mut latest_start = 0;
    for call in done {
        if call.to < latest_start {
            return Err(format!(
                "{call:?} was answered before one that stands before it in the log was called"
            ));
        }
        latest_start = latest_start.max(call.from);
    }
    Ok(())
}

/// What a refused appender or a reader saw has to have been so at some moment of its call.
fn seen(done: &[&Call], call: &Call) -> Result<(), String> {
    let before = done.iter().filter(|other| other.to < call.from);
    let of_stream = |other: &&&Call| other.stream == call.stream;
    let revision = |other: &&Call| match other.answer {
        Answer::Appended { revision, .. } => revision,
        _ => 0,
    };
    match call.answer {
        Answer::Head(head) => {
            let least = before.map(|other| place(other)).max().unwrap_or(0);
            (head >= least).then_some(()).ok_or_else(|| format!("{call:?} saw less than {least}"))
        }
        Answer::Refused { actual } => {
            let least = before.filter(of_stream).map(revision).max().unwrap_or(0);
            // The one that made the revision may have no answer; one that was called later cannot have made it.
            let later = done.iter().filter(|other| other.from > call.to).filter(of_stream);
            let made_later = later.map(revision).min().unwrap_or(u64::MAX);
            let possible = (least..made_later).contains(&actual);
            possible
                .then_some(())
                .ok_or_else(|| format!("{call:?}: the stream was at {least} or more by then"))
        }
        Answer::Appended { .. } | Answer::None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn appended(from: u64, to: u64, last: u64) -> Call {
        Call {
            stream: 0,
            expected: last - 1,
            from,
            to,
            answer: Answer::Appended { events: 1, last, revision: last },
        }
    }

    #[test]
    fn an_order_against_real_time_is_found_out() {
        let (first, second) = (appended(1, 2, 2), appended(3, 4, 1));
        assert!(in_real_time(&[&second, &first]).is_err(), "the later one stands before");
        let together = appended(1, 6, 1);
        assert!(in_real_time(&[&together, &appended(2, 3, 2)]).is_ok());
    }

    #[test]
    fn what_cannot_have_been_seen_is_found_out() {
        let (one, two) = (appended(1, 2, 1), appended(10, 11, 2));
        let refused =
            |actual| Call { stream: 0, expected: 7, from: 5, to: 6, answer: Answer::Refused { actual } };
        assert!(seen(&[&one, &two], &refused(1)).is_ok());
        assert!(seen(&[&one, &two], &refused(0)).is_err(), "older than what was answered before");
        assert!(seen(&[&one, &two], &refused(2)).is_err(), "made only later");
        let head = |head| Call { stream: 0, expected: 0, from: 5, to: 6, answer: Answer::Head(head) };
        assert!(seen(&[&one], &head(0)).is_err() && seen(&[&one], &head(1)).is_ok());
    }
}
