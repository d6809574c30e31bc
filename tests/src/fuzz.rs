//! What a fuzzer drives: bytes become changes of a closed log's files, with or without right checksums afterwards, and the
//! log has to refuse them or to miss nothing. `fuzz/` runs it under libFuzzer; `tests/fuzz.rs` plays the kept corpus.

use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
    time::Duration,
};

use events::{FamilySet, Uuid};
use store::{
    Duplicates, EmbeddedLog, EventLog, Expected, Options, Prepared, Request,
    embedded::testing::{disk::Disk, tamper},
};

use crate::crash::script::{Script, event, id_of};

const SEED: u64 = 5;
const REQUESTS: u64 = 30;
const OPTIONS: Options =
    Options { segment_bytes: 64 << 10, lock_wait: Duration::ZERO, uncompressed: 1, archive: None };
const MOST_CHANGES: usize = 24;

/// A closed log of a few segments, compressed ones among them.
struct Image {
    script: Script,
    log_id: Uuid,
    /// Compressed segments are unpacked here.
    files: Vec<File>,
}

#[derive(Clone)]
struct File {
    name: String,
    bytes: Vec<u8>,
    /// Where frames start, in a segment.
    frames: Vec<usize>,
}

fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let (script, disk) = (Script::new(SEED, REQUESTS), Disk::new());
        let mut log_id = Uuid::nil();
        if let Ok(log) = EmbeddedLog::open_on(&disk.folder(), OPTIONS) {
            script.run(&log);
            log_id = log.log_id();
        }
        let file = |(name, bytes): (String, Vec<u8>)| {
            let bytes = if is_packed(&name) { tamper::unpack(&bytes).unwrap_or_default() } else { bytes };
            let frames = if name.contains(".log") { tamper::frames(&bytes) } else { Vec::new() };
            File { name, bytes, frames }
        };
        Image { log_id, files: disk.files().into_iter().map(file).collect(), script }
    })
}

fn is_packed(name: &str) -> bool {
    name.ends_with(".zst")
}

/// Takes values from what the fuzzer gave; zeros when it has ended.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn u8(&mut self) -> u8 {
        let first = self.0.first().copied().unwrap_or_default();
        self.0 = self.0.get(1..).unwrap_or_default();
        first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.u8()))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One run. The first byte says what is put to the test.
///
/// # Errors
/// What the log did not notice, or did wrong.
pub fn run(input: &[u8]) -> Result<(), String> {
    let Some((kind, rest)) = input.split_first() else { return Ok(()) };
    match kind % 8 {
        0 => tamper::read_frame(rest),
        1 => tamper::read_sidecar(rest),
        2 => tamper::read_packed(rest),
        how => return altered_log(how & 1 != 0, how & 2 != 0, rest),
    }
    Ok(())
}

/// Alters the files of a log and asks it everything.
fn altered_log(mended: bool, writing: bool, input: &[u8]) -> Result<(), String> {
    let image = image();
    let (mut files, mut input) = (image.files.clone(), Input(input));
    let mut touched = vec![false; files.len()];
    for _ in 0..MOST_CHANGES {
        if input.is_empty() {
            break;
        }
        let at = usize::from(input.u8()) % files.len();
        touched[at] = true;
        change(&mut files, at, &mut input);
    }
    let head_touched = files.iter().zip(&touched).any(|(file, touched)| file.name == "HEAD" && *touched);
    let on_disk = files.into_iter().zip(touched).filter(|(file, _)| !file.bytes.is_empty());
    let disk = Disk::with(on_disk.map(|(file, touched)| stored(file, mended && touched, image.log_id)), []);
    let folder = disk.folder();
    let log = if writing {
        EmbeddedLog::open_on(&folder, OPTIONS)
    } else {
        EmbeddedLog::open_read_only_on(&folder)
    };
    let Ok(log) = log else { return Ok(()) };
    ask(&log, &image.script, mended)?;
    if verified(&log, &image.script)? {
        let (head, all) = (log.head(), image.script.events());
        // An older HEAD with a right checksum allows that the end is missing: the chain cannot tell.
        if head != all && !(head_touched && mended) {
            return Err(format!("{head} of {all} events, and nobody noticed"));
        }
    }
    if writing {
        // Whether it is done or refused: nothing may panic.
        let _ = (log.tidy(), log.append(another()));
        ask(&log, &image.script, mended)?;
        if let Some(why) = log.stopped().filter(|why| why.contains("fault of tradewarden")) {
            return Err(why.to_string());
        }
    }
    Ok(())
}

/// A file as it lies on the disk.
fn stored(mut file: File, mended: bool, log_id: Uuid) -> (String, Vec<u8>) {
    if mended {
        tamper::mend(&file.name, log_id, &mut file.bytes);
    }
    let bytes = if is_packed(&file.name) { tamper::pack(&file.bytes) } else { file.bytes };
    (file.name, bytes)
}

/// One change of a file.
fn change(files: &mut [File], at: usize, input: &mut Input<'_>) {
    let kind = input.u8();
    let from = place(&files[at], input);
    let bytes = &mut files[at].bytes;
    let Some(here) = bytes.get_mut(from) else { return };
    match kind % 8 {
        0 => *here = input.u8(),
        1 => *here = here.wrapping_add(input.u8()),
        2 => {
            let word = input.u64().to_le_bytes();
            bytes[from..].iter_mut().zip(word).for_each(|(byte, new)| *byte = new);
        }
        3 => bytes.truncate(from),
        4 => bytes.extend(std::iter::repeat_n(input.u8(), usize::from(input.u16()))),
        5 => {
            let (start, length) = (place(&files[at], input), usize::from(input.u16()));
            let bytes = &mut files[at].bytes;
            let copied = bytes.get(start..).unwrap_or_default();
            let copied = copied[..length.min(copied.len())].to_vec();
            let end = (from + copied.len()).min(bytes.len());
            bytes.splice(from..end, copied);
        }
        6 => {
            let end = from.saturating_add(usize::from(input.u16())).min(bytes.len());
            bytes.drain(from..end);
        }
        _ => {
            let other = usize::from(input.u8()) % files.len();
            files[at].bytes = files[other].bytes.clone();
        }
    }
}

/// A place in a file: near its start, in a frame, or anywhere.
fn place(file: &File, input: &mut Input<'_>) -> usize {
    let (how, number, offset) = (input.u8() % 3, usize::from(input.u16()), usize::from(input.u8()));
    match (how, file.frames.len()) {
        (0, _) => number % 300,
        (1, frames @ 1..) => file.frames[number % frames] + offset,
        _ => (number << 8 | offset) % file.bytes.len().max(1),
    }
}

/// Reads in every way; answers have to end and positions to follow each other, whatever the files say.
fn ask(log: &EmbeddedLog, script: &Script, mended: bool) -> Result<(), String> {
    let mut subscription = log.subscribe(0, FamilySet::ALL);
    let mut read_to = 0;
    while read_to < log.head() {
        let Ok(batch) = subscription.next(100, Duration::ZERO) else { break };
        let follows =
            batch.events.iter().zip(read_to + 1..).all(|(event, position)| event.position == position);
        if batch.read_to <= read_to || !follows {
            let positions: Vec<_> = batch.events.iter().map(|event| event.position).collect();
            return Err(format!(
                "after position {read_to} reading up to {} gives {positions:?}",
                batch.read_to
            ));
        }
        read_to = batch.read_to;
    }
    for stream in (0..4).map(|n| format!("stream-{n}")) {
        let revision = log.revision(&stream).unwrap_or(3);
        for after in [0, 1, revision / 2, revision.saturating_sub(1), u64::MAX - 1] {
            for events in [log.read_stream(&stream, after, 50), log.read_stream_back(&stream, after, 50)] {
                let events = events.unwrap_or_default();
                if events.len() > 50 || events.iter().any(|event| *event.stream != *stream) {
                    return Err(format!(
                        "{stream} around revision {after} gives events of others, or too many"
                    ));
                }
            }
        }
    }
    for n in (0..script.events() + 5).step_by(9) {
        if let Ok(Some(position)) = log.position_of(id_of(SEED, n))
            && let Ok(batch) = log.read_all(position.saturating_sub(1), FamilySet::ALL, 1)
            && batch.events.first().is_some_and(|event| event.event_id != id_of(SEED, n))
            // A frame with a right checksum may lie about its position; verify finds it.
            && !mended
        {
            return Err(format!("the id of event {n} is found at position {position}, where another one is"));
        }
    }
    Ok(())
}

/// Whether `verify` finds nothing; then nothing may be other than it was given.
fn verified(log: &EmbeddedLog, script: &Script) -> Result<bool, String> {
    let mut found = Vec::new();
    let verified = log.verify_chain(&mut |event| {
        found.push(event);
        ControlFlow::Continue(())
    });
    let wrong = found.iter().find_map(|event| script.wrong_in(log, event));
    match (verified, wrong) {
        (Err(_), _) => Ok(false),
        (Ok(_), Some(wrong)) => Err(format!("{wrong}, and verify finds nothing")),
        (Ok(found), None) if found.events != log.head() => {
            Err(format!("{} of {} events were verified", found.events, log.head()))
        }
        (Ok(_), None) => Ok(true),
    }
}

fn another() -> Request {
    Request {
        stream: Arc::from("stream-0"),
        expected: Expected::Any,
        duplicates: Duplicates::Skip,
        events: Prepared::new(event(SEED, 1_000_000)).into_iter().collect(),
    }
}
