//! A real process that appends is killed at any moment: what it was told is durable is there.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use super::*;

const FOLDER: &str = "TRADEWARDEN_TEST_KILLED_WRITER";

/// The child: appends until it is killed, and says each head it was acknowledged. In a usual run it does nothing.
#[test]
fn killed_writer() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let log = Arc::new(open(Path::new(&dir)));
    let appenders = (0..3).map(|t| {
        let log = Arc::clone(&log);
        thread::spawn(move || append_forever(&log, t))
    });
    appenders.collect::<Vec<_>>().into_iter().for_each(|appender| appender.join().unwrap());
}

fn append_forever(log: &EmbeddedLog, thread: u64) {
    let stream = format!("stream-{thread}");
    let mut revision = log.revision(&stream).unwrap();
    loop {
        let size = 1 + revision % 7;
        let events = (revision..revision + size).map(|n| tick(thread * 1_000_000 + n));
        revision = log.append(request(&stream, Expected::Revision(revision), events)).unwrap().revision;
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {thread} {revision}").and_then(|()| out.flush()).unwrap();
    }
}

fn start_writer(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::tests::kill::killed_writer", "--nocapture"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the writer after some acknowledgements; raises the revisions to those that it told, up to its end.
fn kill_after(dir: &Path, acknowledgements: usize, revisions: &mut [u64; 3]) {
    let mut writer = start_writer(dir);
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let told = lines.map_while(Result::ok).filter_map(|line| acknowledged(&line));
    for (count, (thread, revision)) in told.enumerate() {
        revisions[thread] = revision;
        if count == acknowledgements {
            writer.kill().unwrap();
        }
    }
    writer.wait().unwrap();
}

/// Thread and revision of a line; the test harness writes lines of its own, and the start of the first of ours.
fn acknowledged(line: &str) -> Option<(usize, u64)> {
    let (_, told) = line.split_once("acknowledged ")?;
    let (thread, revision) = told.split_once(' ')?;
    Some((thread.parse().ok()?, revision.parse().ok()?))
}

#[test]
fn sigkill_at_any_moment_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut revisions = [0; 3];
    for round in 0..8 {
        kill_after(dir.path(), 1 + round * 37, &mut revisions);
        let log = open(dir.path());
        for (thread, acknowledged) in revisions.iter().enumerate() {
            let found = log.revision(&format!("stream-{thread}")).unwrap();
            assert!(
                (*acknowledged..=acknowledged + 7).contains(&found),
                "{found} of {acknowledged} in round {round}"
            );
        }
        let verified = log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(verified.events, log.head());
    }
    assert!(revisions.iter().sum::<u64>() > 500, "the writers came far enough: {revisions:?}");
}
