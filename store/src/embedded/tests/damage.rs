//! Torn ends, flipped bits, missing, swapped and foreign files: the acknowledged part is kept or the log refuses to
//! read on, with file, byte and remedy. Never silence.

use std::{path::PathBuf, sync::OnceLock};

use proptest::prelude::*;

use super::*;

/// The files of a closed log: three segments and more.
struct Image {
    files: Vec<(String, Vec<u8>)>,
    events: u64,
}

const EVENTS: u64 = 2560;

fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        append(&open(dir.path()), "a", 0..EVENTS - 60);
        append(&open(dir.path()), "b", EVENTS - 60..EVENTS);
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        let files = files(dir.path(), "").iter().map(|path| (name(path), fs::read(path).unwrap())).collect();
        Image { files, events: EVENTS }
    })
}

impl Image {
    fn names(&self, ending: &str) -> Vec<&str> {
        self.files.iter().map(|(name, _)| &**name).filter(|name| name.ends_with(ending)).collect()
    }

    fn bytes(&self, name: &str) -> &[u8] {
        &self.files.iter().find(|(other, _)| other == name).unwrap().1
    }

    /// A copy in which files are replaced, or left out.
    fn copy_with(&self, changes: &[(&str, Option<&[u8]>)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let kept = self.files.iter().filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let kept = kept.map(|(name, bytes)| (&**name, &**bytes));
        let changed = changes.iter().filter_map(|(name, bytes)| bytes.map(|bytes| (*name, bytes)));
        kept.chain(changed).for_each(|(name, bytes)| fs::write(dir.path().join(name), bytes).unwrap());
        dir
    }
}

/// What opening and reading everything says; how many events there are, if it says nothing.
fn outcome(dir: &Path, writing: bool) -> Result<u64, String> {
    let log = if writing { EmbeddedLog::open(dir, SMALL) } else { EmbeddedLog::open_read_only(dir) };
    let log = log.map_err(|error| error.to_string())?;
    let verified = log.verify_chain(&mut |_| ControlFlow::Continue(()));
    let verified = verified.map_err(|fault| format!("{fault}"))?;
    Ok(verified.events)
}

fn refused(dir: &tempfile::TempDir, file: &str, text: &str) {
    for writing in [false, true] {
        let said = outcome(dir.path(), writing).unwrap_err();
        assert!(said.contains(file) && said.contains(text), "{said}");
    }
}

/// The record of a new log: that of the log in the folder with everything after the id as at the beginning.
fn genesis_head(dir: &Path) -> Vec<u8> {
    let log = tempfile::tempdir().unwrap();
    let first = files(dir, ".log")[0].clone();
    fs::write(log.path().join(first.file_name().unwrap()), &fs::read(&first).unwrap()[..segment::HEADER])
        .unwrap();
    drop(open(log.path()));
    fs::read(log.path().join("HEAD")).unwrap()
}

#[test]
fn the_last_batch_of_a_closed_log_is_protected_by_the_record_of_the_head() {
    let image = image();
    let last = *image.names(".log").last().unwrap();
    let bytes = image.bytes(last);
    for len in [segment::HEADER, bytes.len() / 2, bytes.len() - 1] {
        refused(&image.copy_with(&[(last, Some(&bytes[..len]))]), last, "but position 2560 was reached");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn no_flipped_bit_stays_unseen(file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let image = image();
        let files: Vec<_> = image.files.iter().filter(|(name, _)| name != lock::LOCK).collect();
        let (name, bytes) = files[file.index(files.len())];
        let at = at.index(bytes.len());
        let mut flipped = bytes.clone();
        flipped[at] ^= 1_u8 << bit;
        let dir = image.copy_with(&[(name, Some(&flipped))]);
        let said = outcome(dir.path(), false);
        prop_assert!(said.as_ref().is_err_and(|said| said.contains(".log") || said.contains(".idx") || said.contains("HEAD")),
            "{name} byte {at} bit {bit}: {said:?}");
    }

    #[test]
    fn any_bytes_in_any_file_are_refused_without_a_panic(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let image = image();
        let files: Vec<_> = image.files.iter().filter(|(name, _)| name != lock::LOCK).collect();
        let (name, bytes) = files[file.index(files.len())];
        let at = at.index(bytes.len());
        let mut noisy = bytes.clone();
        let end = (at + noise.len()).min(bytes.len());
        noisy[at..end].copy_from_slice(&noise[..end - at]);
        prop_assume!(noisy != *bytes);
        let dir = image.copy_with(&[(name, Some(&noisy))]);
        prop_assert!(outcome(dir.path(), true).is_err(), "{name} from byte {at}");
    }

    #[test]
    fn every_lookup_over_a_damaged_sidecar_is_right_or_refused(at in any::<prop::sample::Index>(), bit in 0..8) {
        let image = image();
        let name = image.names(".idx")[1];
        let mut flipped = image.bytes(name).to_vec();
        let at = at.index(flipped.len());
        flipped[at] ^= 1_u8 << bit;
        let dir = image.copy_with(&[(name, Some(&flipped))]);
        let Ok(log) = EmbeddedLog::open(dir.path(), SMALL) else { return Ok(()) };
        for n in (0..image.events).step_by(5) {
            let found = log.position_of(id_of(n));
            prop_assert!(matches!(found, Ok(Some(position)) if position == n + 1) || found.is_err());
        }
        let stream = log.read_stream("a", 0, 2000);
        prop_assert!(stream.is_err() || stream.unwrap().len() == 1500);
    }
}

#[test]
fn a_removed_sidecar_is_made_anew_and_said_so() {
    let image = image();
    let name = image.names(".idx")[0];
    let dir = image.copy_with(&[(name, None)]);
    let log = open(dir.path());
    assert!(log.notices()[0].contains(name) && log.notices()[0].contains("made anew"), "{:?}", log.notices());
    drop(log);
    assert_eq!(fs::read(dir.path().join(name)).unwrap(), image.bytes(name));
    assert_eq!(outcome(dir.path(), true), Ok(image.events));
}

#[test]
fn a_damaged_sidecar_is_refused_and_never_silently_made_anew() {
    let image = image();
    let name = image.names(".idx")[0];
    let mut cut = image.bytes(name).to_vec();
    cut.truncate(cut.len() - 4096);
    let dir = image.copy_with(&[(name, Some(&cut))]);
    refused(&dir, name, "remove it, and it is made anew");
    assert_eq!(fs::read(dir.path().join(name)).unwrap(), cut, "left as it is");
    // What the message advises helps.
    fs::remove_file(dir.path().join(name)).unwrap();
    assert_eq!(outcome(dir.path(), true), Ok(image.events));
}

#[test]
fn missing_swapped_doubled_and_foreign_files_are_refused() {
    let image = image();
    let (logs, sidecars) = (image.names(".log"), image.names(".idx"));
    assert!(logs.len() >= 4, "{logs:?}");
    refused(&image.copy_with(&[(logs[0], None), (sidecars[0], None)]), logs[1], "is missing");
    refused(&image.copy_with(&[(logs[1], None), (sidecars[1], None)]), logs[2], "is missing");
    refused(&image.copy_with(&[(logs[1], None)]), sidecars[1], "is missing");
    refused(
        &image.copy_with(&[(logs[logs.len() - 1], None)]),
        sidecars[logs.len() - 2],
        "segment after this one is missing",
    );
    refused(&image.copy_with(&[("HEAD", None)]), "HEAD", "an older one will do");
    let (a, b) = (image.bytes(logs[0]), image.bytes(logs[1]));
    refused(&image.copy_with(&[(logs[0], Some(b)), (logs[1], Some(a))]), logs[0], "its header says");
    refused(&image.copy_with(&[(logs[1], Some(a))]), logs[1], "its header says");
    let (a, b) = (image.bytes(sidecars[0]), image.bytes(sidecars[1]));
    refused(
        &image.copy_with(&[(sidecars[0], Some(b)), (sidecars[1], Some(a))]),
        sidecars[0],
        "wrong checksum",
    );
    refused(&image.copy_with(&[("00000000000000000001 (copy).log", Some(a))]), "(copy)", "does not belong");
    refused(&image.copy_with(&[("notes.tmp", Some(a))]), "notes.tmp", "does not belong");
    let everything: Vec<_> =
        image.files.iter().filter(|(name, _)| name != "HEAD").map(|(name, _)| (&**name, None)).collect();
    refused(&image.copy_with(&everything), "segments are missing", "restore them");
}

#[test]
fn a_segment_of_another_log_is_refused() {
    let image = image();
    let other = tempfile::tempdir().unwrap();
    append(&open(other.path()), "a", 0..EVENTS);
    let theirs = fs::read(other.path().join(image.names(".log")[0])).unwrap();
    refused(&image.copy_with(&[(image.names(".log")[0], Some(&theirs))]), ".log", "put the right file");
    let theirs = fs::read(other.path().join("HEAD")).unwrap();
    refused(&image.copy_with(&[("HEAD", Some(&theirs))]), image.names(".log")[0], "same log");
}

#[test]
fn another_format_is_refused_with_file_and_remedy() {
    let image = image();
    for name in [image.names(".log")[0], image.names(".log")[2], image.names(".idx")[1], "HEAD"] {
        let mut newer = image.bytes(name).to_vec();
        newer[8] = 3;
        let dir = image.copy_with(&[(name, Some(&newer))]);
        let error = EmbeddedLog::open(dir.path(), SMALL).err().unwrap();
        assert!(matches!(&error, OpenError::Newer { version: 3, known: 2, .. }), "{error}");
        refused(&dir, name, "use a newer tradewarden");
        let mut older = newer;
        older[8] = 1;
        let dir = image.copy_with(&[(name, Some(&older))]);
        let error = EmbeddedLog::open(dir.path(), SMALL).err().unwrap();
        assert!(matches!(&error, OpenError::Older { version: 1, known: 2, .. }), "{error}");
        refused(&dir, name, "read this log with the tradewarden that wrote it, or begin a new log");
    }
}

#[test]
fn what_a_killed_process_left_unfinished_is_cleared_away() {
    let image = image();
    let dir =
        image.copy_with(&[("00000000000000002561.log.tmp", Some(b"half")), ("HEAD.tmp", Some(b"half"))]);
    assert_eq!(outcome(dir.path(), true), Ok(image.events));
    assert!(files(dir.path(), ".tmp").is_empty());
}

#[test]
fn an_older_record_of_the_head_will_do() {
    let image = image();
    let first = genesis_head(image.copy_with(&[]).path());
    assert_eq!(outcome(image.copy_with(&[("HEAD", Some(&first))]).path(), true), Ok(image.events));
}

#[test]
fn an_altered_payload_with_every_checksum_made_right_breaks_the_chain() {
    let image = image();
    let name = image.names(".log")[0];
    let mut altered = image.bytes(name).to_vec();
    let salt = u32::from_le_bytes(*altered[..segment::HEADER].last_chunk().unwrap());
    let first = &altered[segment::HEADER..];
    let frame = frame::parse(first, salt).unwrap();
    let len = frame.whole.len();
    let payload_end = segment::HEADER + len;
    let digit = altered[..payload_end].iter().rposition(|byte| byte.is_ascii_digit()).unwrap();
    altered[digit] = b'0' + (altered[digit] - b'0' + 1) % 10;
    frame::close(&mut altered[..payload_end], segment::HEADER, false, salt);
    let dir = image.copy_with(&[(name, Some(&altered))]);
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert_eq!(log.read_all(0, FamilySet::ALL, 1).unwrap().events.len(), 1, "the frame itself looks right");
    let fault = log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(fault.to_string().contains("the hash chain does not hold"), "{fault}");
    assert_eq!(fault.position, 1, "the batch's first event: {fault}");
}

/// The frame that starts here, with a place as if it had been appended there.
fn placed(bytes: &[u8], at: usize, position: u64, revision: u64) -> Vec<u8> {
    let length = frame::frame_bytes(&bytes[at..]).unwrap();
    let mut frame = bytes[at..at + length].to_vec();
    frame[16..24].copy_from_slice(&position.to_le_bytes());
    // A varint, of one byte up to 127.
    frame[52] = u8::try_from(revision).unwrap();
    frame
}

#[test]
fn events_that_are_left_out_moved_or_put_in_break_the_chain_though_all_else_was_made_right() {
    let dir = tempfile::tempdir().unwrap();
    // One stream in one segment: position and revision of an event are the same number.
    append(&open(dir.path()), "a", 0..100);
    let path = files(dir.path(), ".log").remove(0);
    let whole = fs::read(&path).unwrap();
    let starts = tamper::frames(&whole);
    let all: Vec<usize> = (0..starts.len()).collect();
    let without = |n: usize| all.iter().copied().filter(|other| *other != n).collect::<Vec<_>>();
    let swapped = |a: usize, b: usize| {
        let mut order = all.clone();
        order.swap(a, b);
        order
    };
    let doubled = |n: usize| all[..=n].iter().chain(&all[n..]).copied().collect::<Vec<_>>();
    // Within a batch of ten, and of two batches.
    for order in [without(3), without(57), swapped(3, 4), swapped(12, 25), doubled(3), doubled(44)] {
        let frames = order.iter().zip(1..).flat_map(|(n, place)| placed(&whole, starts[*n], place, place));
        let mut altered: Vec<u8> = whole[..segment::HEADER].iter().copied().chain(frames).collect();
        tamper::mend("00000000000000000001.log", Uuid::nil(), &mut altered);
        fs::write(&path, altered).unwrap();
        let said = outcome(dir.path(), false).unwrap_err();
        assert!(said.contains(path.to_str().unwrap()), "{said}");
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(outcome(dir.path(), false), Ok(100));
}

#[test]
fn a_file_in_place_of_the_folder_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "not a folder").unwrap();
    let error = EmbeddedLog::open(&path, SMALL).err().unwrap();
    assert!(matches!(&error, OpenError::Io { .. }) && error.to_string().contains("log"), "{error}");
}
