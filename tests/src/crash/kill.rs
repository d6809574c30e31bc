//! A real process that appends on a real disk is killed at a random moment, again and again.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    ops::ControlFlow,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use store::{
    Duplicates, EmbeddedLog, EventLog, Expected, Options, Prepared, Request,
    embedded::{Archive, testing::disk::Random},
};

use super::{
    SMALL,
    script::{differs, event},
};

/// Threads that append at once, each to a stream of its own.
const APPENDERS: usize = 3;
/// Events of a request, at most.
const MOST: u64 = 9;

fn stream(appender: usize) -> Arc<str> {
    Arc::from(format!("appender-{appender}"))
}

/// The seed of an appender's events.
fn seed_of(appender: usize) -> u64 {
    appender as u64 + 1
}

/// The log in a folder, with an archive beside it.
fn open(dir: &Path) -> Result<EmbeddedLog, String> {
    let (log, archive) = (dir.join("log"), dir.join("archive"));
    fs::create_dir_all(&archive).map_err(|error| error.to_string())?;
    let options = Options { archive: Some(Archive::in_folder(&archive, Duration::ZERO)), ..SMALL };
    EmbeddedLog::open(&log, options).map_err(|error| error.to_string())
}

/// What the child does: appends on for ever and says each revision that it was acknowledged.
///
/// # Errors
/// When the log does not open or takes nothing.
pub fn write_until_killed(dir: &Path) -> Result<(), String> {
    let log = open(dir)?;
    thread::scope(|scope| {
        let log = &log;
        let appenders: Vec<_> = (0..APPENDERS).map(|n| scope.spawn(move || append(log, n))).collect();
        appenders.into_iter().try_for_each(|appender| {
            appender.join().unwrap_or_else(|_| Err("an appender panicked".to_owned()))
        })
    })
}

fn append(log: &EmbeddedLog, appender: usize) -> Result<(), String> {
    let (stream, text) = (stream(appender), |error: &dyn std::fmt::Display| error.to_string());
    let mut revision = log.revision(&stream).map_err(|error| text(&error))?;
    loop {
        let to = revision + 1 + revision % MOST;
        let events = (revision..to).map(|n| Prepared::new(event(seed_of(appender), n)));
        let events = events.collect::<Result<_, _>>().map_err(|error| text(&error))?;
        let (expected, duplicates) = (Expected::Revision(revision), Duplicates::Refuse);
        let request = Request { stream: Arc::clone(&stream), expected, duplicates, events };
        revision = log.append(request).map_err(|error| text(&error))?.revision;
        let mut out = std::io::stdout().lock();
        writeln!(out, "{appender} {revision}").and_then(|()| out.flush()).map_err(|error| text(&error))?;
    }
}

/// Starts a writer, kills it after a random while, and holds the log to what it said. `acknowledged` are the revisions
/// that the writers before on the same folder left.
///
/// # Errors
/// What was lost, invented or not told.
pub fn killed(mut writer: Command, dir: &Path, seed: u64, acknowledged: &mut [u64; 3]) -> Result<(), String> {
    let child =
        writer.stdout(Stdio::piped()).spawn().map_err(|error| format!("starting a writer: {error}"))?;
    listen(child, &mut Random(seed), acknowledged);
    let log = open(dir)?;
    let mut revisions = [0; APPENDERS];
    let mut wrong = None;
    let verified = log.verify_chain(&mut |event| {
        let appender = (0..APPENDERS).find(|n| *stream(*n) == *event.stream);
        wrong = appender.map_or_else(
            || Some(format!("stream {} was never given", event.stream)),
            |appender| {
                revisions[appender] = event.stream_revision;
                differs(seed_of(appender), event.stream_revision - 1, &event)
            },
        );
        if wrong.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    verified.map_err(|fault| fault.to_string())?;
    for (found, acknowledged) in revisions.into_iter().zip(acknowledged) {
        if found < *acknowledged || found > *acknowledged + MOST {
            wrong = Some(format!("revision {found}, but {acknowledged} was acknowledged"));
        }
        // What was read once has to stay as well.
        *acknowledged = found;
    }
    wrong.map_or(Ok(()), Err)
}

/// Kills a writer some milliseconds after its first acknowledgement, every fourth after it was held; notes all that it said.
fn listen(mut child: Child, random: &mut Random, acknowledged: &mut [u64; 3]) {
    let Some(out) = child.stdout.take() else { return };
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let mut note = |line: String| {
        let told =
            line.split_once(' ').and_then(|(n, revision)| Some((n.parse().ok()?, revision.parse().ok()?)));
        if let Some((appender, revision)) = told.filter(|(appender, _): &(usize, u64)| *appender < APPENDERS)
        {
            acknowledged[appender] = revision;
        }
    };
    lines.next().into_iter().for_each(&mut note);
    let [after, held, on] = [60, 100, 20].map(|most| Duration::from_millis(random.below(most)));
    let is_held = random.below(4) == 0;
    let killer = thread::spawn(move || {
        thread::sleep(after);
        if is_held {
            signal(&child, "-STOP");
            thread::sleep(held);
            signal(&child, "-CONT");
            thread::sleep(on);
        }
        let killed = child.kill();
        killed.and_then(|()| child.wait())
    });
    lines.for_each(note);
    let _ = killer.join();
}

fn signal(child: &Child, name: &str) {
    // Who is gone already needs no signal.
    let _ = Command::new("kill").args([name, &child.id().to_string()]).status();
}
