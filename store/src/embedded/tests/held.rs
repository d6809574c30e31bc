//! Who holds the files, descriptors that run out, and damage that is found before it is carried on.

use std::os::unix::fs::PermissionsExt as _;

use super::{
    disk::Disk,
    head::{HEAD, Head},
    tamper, *,
};

const COMPRESSING: Options = Options { uncompressed: 0, ..SMALL };

fn in_use(refused: Option<&OpenError>) -> bool {
    matches!(refused, Some(OpenError::InUse { .. }))
}

#[test]
fn without_its_lock_file_a_log_is_still_held_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, "a", 0..2000);
    fs::remove_file(dir.path().join("LOCK")).unwrap();
    assert!(in_use(EmbeddedLog::open_read_only(dir.path()).err().as_ref()), "no reader while it is written");
    assert!(in_use(EmbeddedLog::open(dir.path(), SMALL).err().as_ref()), "no second writer");
    append(&log, "a", 2000..2010);
    let subscription = log.subscribe(0, FamilySet::ALL);
    drop(log);
    let reader = EmbeddedLog::open_read_only(dir.path()).unwrap();
    let second_reader = EmbeddedLog::open_read_only(dir.path()).unwrap();
    fs::remove_file(dir.path().join("LOCK")).unwrap();
    assert!(in_use(EmbeddedLog::open(dir.path(), SMALL).err().as_ref()), "no writer while it is read");
    drop((reader, second_reader));
    assert_eq!(open(dir.path()).head(), 2010, "whoever still follows it is in nobody's way");
    drop(subscription);
}

#[test]
fn a_log_whose_lock_was_removed_takes_nothing_more_from_the_next_segment_on() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, "a", 0..10);
    fs::remove_file(dir.path().join("LOCK")).unwrap();
    fs::write(dir.path().join("LOCK"), b"").unwrap();
    let numbers = 10..5000;
    let refused =
        numbers.map(|n| log.append(request("a", Expected::Any, [tick(n)]))).find_map(Result::err).unwrap();
    assert!(refused.to_string().contains("was removed or replaced"), "{refused}");
    let taken = log.head();
    assert_eq!(log.stats().segments, 1);
    drop(log);
    assert_eq!(open(dir.path()).head(), taken, "everything acknowledged is kept");
}

#[test]
fn a_segment_that_is_full_before_the_last_one_is_sealed_waits_for_no_descriptor() {
    let disk = Disk::new();
    let log = Arc::new(EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap());
    let held = disk.indexes.lock().unwrap();
    let mut appended = 0;
    while log.stats().segments < 2 {
        append(&log, "a", appended..appended + 10);
        appended += 10;
    }
    let (done, ended) = std::sync::mpsc::sync_channel(1);
    let appender = Arc::clone(&log);
    let more = thread::spawn(move || {
        append(&appender, "a", appended..appended + 3000);
        done.send(()).unwrap();
    });
    // The second segment is full when nothing more is taken in.
    let mut head = appended;
    loop {
        thread::sleep(Duration::from_millis(100));
        let before = std::mem::replace(&mut head, log.head());
        if before == head && head > appended {
            break;
        }
    }
    disk.run_out_of_descriptors(true);
    drop(held);
    let goes_on = ended.recv_timeout(Duration::from_secs(20));
    disk.run_out_of_descriptors(false);
    more.join().unwrap();
    assert_eq!((goes_on, log.head()), (Ok(()), appended + 3000));
}

#[test]
fn without_descriptors_the_log_goes_on_and_begins_its_next_segment_later() {
    let disk = Disk::new();
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    append(&log, "a", 0..300);
    let segments = log.stats().segments;
    disk.run_out_of_descriptors(true);
    append(&log, "a", 300..3000);
    assert!(log.stopped().is_none() && log.stats().segments <= segments + 1, "{:?}", log.stats());
    let told = log.upkeep_fault().unwrap();
    assert!(told.contains("no file descriptor is left") && told.contains("ulimit"), "{told}");
    disk.run_out_of_descriptors(false);
    let begun = Instant::now();
    let mut next = 3000;
    while log.upkeep_fault().is_some() || log.stats().segments < segments + 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", log.upkeep_fault());
        append(&log, "a", next..next + 10);
        next += 10;
        thread::sleep(Duration::from_millis(20));
    }
    append(&log, "a", next..next + 3000);
    drop(log);
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    assert_eq!((log.head(), log.notices()), (next + 3000, &[][..]));
    log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap();
}

/// Changes a byte of the payload of the first event, with right checksums.
fn alter(path: &Path, anew: bool) -> [u8; 32] {
    let mut bytes = fs::read(path).unwrap();
    let starts = tamper::frames(&bytes);
    let payload = bytes[..starts[1]].iter().rposition(|byte| byte.is_ascii_digit()).unwrap();
    bytes[payload] ^= 1;
    let chain = if anew { tamper::chain_anew(&mut bytes) } else { Default::default() };
    let name = path.file_name().unwrap().to_str().unwrap();
    tamper::mend(name, Uuid::nil(), &mut bytes);
    fs::write(path, bytes).unwrap();
    chain
}

#[test]
fn a_newest_segment_whose_chain_does_not_hold_is_not_written_on() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..100);
    alter(&files(dir.path(), ".log")[0], false);
    let refused = EmbeddedLog::open(dir.path(), SMALL).err().unwrap().to_string();
    assert!(refused.contains(".log") && refused.contains("the hash chain does not hold"), "{refused}");
    assert!(refused.contains("restore the file from a backup"), "{refused}");
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert_eq!(log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap_err().position, 1);
}

#[test]
fn an_index_is_not_made_anew_over_a_broken_chain() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..2000);
    alter(&files(dir.path(), ".log")[0], false);
    fs::remove_file(&files(dir.path(), ".idx")[0]).unwrap();
    let refused = EmbeddedLog::open(dir.path(), SMALL).err().unwrap().to_string();
    assert!(refused.contains("the hash chain does not hold"), "{refused}");
}

#[test]
fn a_segment_that_was_changed_or_cut_is_neither_compressed_nor_archived_and_the_others_are() {
    for spoil in [
        |path: &Path| assert_eq!(alter(path, false), [0; 32]),
        |path: &Path| fs::File::options().write(true).open(path).unwrap().set_len(1000).unwrap(),
    ] {
        let (dir, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let options =
            Options { archive: Some(Archive::in_folder(archive.path(), Duration::ZERO)), ..COMPRESSING };
        append(&open(dir.path()), "a", 0..3000);
        let log = EmbeddedLog::open(dir.path(), options).unwrap();
        let (spoiled, sealed) = (files(dir.path(), ".log")[1].clone(), log.stats().segments - 1);
        spoil(&spoiled);
        let left = fs::read(&spoiled).unwrap();
        let told = log.tidy().unwrap_err();
        let name = spoiled.file_name().unwrap().to_str().unwrap();
        assert!(told.contains(name) && told.contains("neither compressed nor archived"), "{told}");
        assert_eq!(log.upkeep_fault(), Some(told));
        assert!(fs::read(&spoiled).unwrap() == left, "it is left as it is");
        assert_eq!(files(dir.path(), ".log.zst").len() as u64, sealed - 1);
        assert!(log.stopped().is_none());
    }
}

/// A closed log of one segment, changed by a hand that computes the chain and the head anew.
fn forged(dir: &Path, change: impl Fn(&mut [u8], &[usize])) -> Fault {
    append(&open(dir), "a", 0..100);
    forged_newest(dir, change)
}

/// The fault of a closed log whose newest segment such a hand has changed.
fn forged_newest(dir: &Path, change: impl Fn(&mut [u8], &[usize])) -> Fault {
    let newest = files(dir, ".log").pop().unwrap();
    let mut bytes = fs::read(&newest).unwrap();
    let starts = tamper::frames(&bytes);
    change(&mut bytes, &starts);
    let chain = tamper::chain_anew(&mut bytes);
    fs::write(&newest, bytes).unwrap();
    let folder = files::DiskFolder::existing(dir);
    Head { chain, ..Head::read(&folder).unwrap() }.write(&folder).unwrap();
    let log = EmbeddedLog::open_read_only(dir).unwrap();
    log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap_err()
}

/// Where in a frame its id is.
const ID: std::ops::Range<usize> = 24..40;
/// Where the version of its schema is: a varint of one byte.
const VERSION: usize = 51;
/// Where its revision is: a varint, of two bytes from 128 on.
const REVISION: usize = 52;

#[test]
fn an_id_that_is_there_twice_is_found_also_where_the_chain_was_computed_anew() {
    let dir = tempfile::tempdir().unwrap();
    let fault = forged(dir.path(), |bytes, starts| {
        let first: Vec<u8> = bytes[starts[4] + ID.start..starts[4] + ID.end].to_vec();
        bytes[starts[70] + ID.start..starts[70] + ID.end].copy_from_slice(&first);
    });
    assert_eq!(fault.position, 71, "{fault}");
    assert!(fault.to_string().contains("has the id of the one at position 5"), "{fault}");
}

#[test]
fn an_id_of_a_segment_before_is_found_too() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..2000);
    let first = fs::read(&files(dir.path(), ".log")[0]).unwrap();
    let from = tamper::frames(&first)[7];
    let fault = forged_newest(dir.path(), |bytes, starts| {
        bytes[starts[3] + ID.start..starts[3] + ID.end]
            .copy_from_slice(&first[from + ID.start..from + ID.end]);
    });
    assert!(fault.to_string().contains("has the id of the one at position 8"), "{fault}");
}

#[test]
fn a_stream_whose_revisions_do_not_count_on_from_segment_to_segment_is_found() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..2000);
    let fault = forged_newest(dir.path(), |bytes, starts| {
        for at in starts {
            // All of them, so that they have no gap among themselves.
            let stored = &mut bytes[at + REVISION..][..2];
            let revision = u16::from(stored[0] & 0x7f) + (u16::from(stored[1]) << 7) + 1;
            stored.copy_from_slice(&[revision as u8 | 0x80, (revision >> 7) as u8]);
        }
    });
    assert!(fault.to_string().contains("does not follow on the one before it"), "{fault}");
}

#[test]
fn an_event_that_is_not_understood_breaks_no_chain() {
    let dir = tempfile::tempdir().unwrap();
    let mut seen = 0;
    let fault = forged(dir.path(), |bytes, starts| {
        // The version of the event's schema.
        bytes[starts[70] + VERSION] = 99;
    });
    assert!(matches!(fault.error, ReadError::Decode { .. }) && fault.position == 71, "{fault}");
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    let fault = log.verify_chain(&mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert!(matches!(fault.unwrap_err().error, ReadError::Decode { .. }));
    assert_eq!(seen, 70, "what is before it is handed out");
}

#[test]
fn what_is_no_plain_file_is_refused_by_name_and_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..2000);
    let logs = files(dir.path(), ".log");
    let (first, newest) = (logs[0].clone(), logs[logs.len() - 1].clone());
    let index = files(dir.path(), ".idx")[0].clone();
    for path in [first, newest, index, dir.path().join(HEAD), dir.path().join("LOCK")] {
        let aside = dir.path().with_extension("aside");
        fs::rename(&path, &aside).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let put: [(&str, &dyn Fn()); 3] = [
            ("pipe", &|| {
                assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
            }),
            ("folder", &|| fs::create_dir(&path).unwrap()),
            ("symbolic link", &|| std::os::unix::fs::symlink(&aside, &path).unwrap()),
        ];
        for (kind, put) in put {
            put();
            for refused in
                [EmbeddedLog::open(dir.path(), SMALL).err(), EmbeddedLog::open_read_only(dir.path()).err()]
            {
                let told = refused.unwrap().to_string();
                let named = told.contains(name) || name == "LOCK";
                assert!(named && told.contains(&format!("a {kind} is there")), "{name}: {told}");
            }
            fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
        }
        fs::rename(&aside, &path).unwrap();
    }
    assert_eq!(open(dir.path()).head(), 2000);
}

#[test]
fn the_files_of_a_log_are_its_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("log");
    append(&EmbeddedLog::open(&dir, COMPRESSING).unwrap(), "a", 0..2000);
    EmbeddedLog::open(&dir, COMPRESSING).unwrap().tidy().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for path in files(&dir, "") {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn the_id_of_a_log_is_told_without_opening_it() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(EmbeddedLog::id_in(&dir.path().join("none")).unwrap(), None);
    assert_eq!(EmbeddedLog::id_in(dir.path()).unwrap(), None);
    let log = open(dir.path());
    assert_eq!(EmbeddedLog::id_in(dir.path()).unwrap(), Some(log.log_id()));
}
