//! Compressing and moving sealed segments: readers notice nothing, and nothing is lost whatever happens meanwhile.

use super::{
    disk::{Disk, Random, Trouble},
    files::LogFile,
    packed::{Packed, Unpacking, pack},
    *,
};
use crate::Chained as _;
use proptest::prelude::*;

const COMPRESSING: Options = Options { uncompressed: 1, ..SMALL };

fn archiving(archive: &Path) -> Options {
    Options { archive: Some(Archive::in_folder(archive, Duration::ZERO)), ..COMPRESSING }
}

/// Everything that can be asked of a log of 3,000 events of two streams.
fn everything(log: &EmbeddedLog) -> ([Vec<Arc<Recorded>>; 3], Vec<u64>) {
    let ids = (0..3001).step_by(7).map(|n| log.position_of(id_of(n)).unwrap().unwrap_or(0)).collect();
    let backwards = log.read_stream_back("b", 1400, 900).unwrap();
    ([all(log), log.read_stream("a", 100, 1300).unwrap(), backwards], ids)
}

fn fill(dir: &Path) -> EmbeddedLog {
    let log = open(dir);
    append(&log, "a", 0..1500);
    append(&log, "b", 1500..3000);
    drop(log);
    open(dir)
}

#[test]
fn compressed_segments_are_read_as_before_and_unpack_to_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let log = fill(dir.path());
    let (before, bytes) = (everything(&log), log.stats().bytes);
    let chain = log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(log.tidy(), Ok(Tidied::default()), "nothing is due");
    drop(log);
    let raw: Vec<_> = files(dir.path(), ".log").iter().map(|path| fs::read(path).unwrap()).collect();
    let log = EmbeddedLog::open(dir.path(), COMPRESSING).unwrap();
    let done = log.tidy().unwrap();
    let packed = files(dir.path(), ".log.zst");
    assert_eq!((done.compressed, done.archived), (raw.len() as u64 - 2, 0));
    assert_eq!((packed.len(), files(dir.path(), ".log").len()), (raw.len() - 2, 2));
    assert!(log.stats().bytes < bytes / 3 * 2, "{} of {bytes}", log.stats().bytes);
    assert_eq!(everything(&log), before);
    for (path, raw) in packed.iter().zip(&raw) {
        assert!(zstd::decode_all(&*fs::read(path).unwrap()).unwrap() == *raw, "any zstd unpacks it");
    }
    append(&log, "a", 4000..4010);
    drop(log);
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    let all_bytes =
        |ending| files(dir.path(), ending).iter().map(|f| f.metadata().unwrap().len()).sum::<u64>();
    assert_eq!(log.stats().bytes, all_bytes(".log") + all_bytes(".log.zst") + all_bytes(".idx"));
    assert_eq!((log.head(), log.notices()), (3010, &[][..]));
    let seal = Seal { log_id: log.log_id(), position: 3000, chain: chain.chain };
    assert_eq!(log.verify_against(&[seal], &mut |_| ControlFlow::Continue(())).unwrap().events, 3010);
}

#[test]
fn a_missing_index_is_made_anew_from_a_compressed_segment() {
    let dir = tempfile::tempdir().unwrap();
    let before = everything(&fill(dir.path()));
    EmbeddedLog::open(dir.path(), COMPRESSING).unwrap().tidy().unwrap();
    let index = &files(dir.path(), ".idx")[0];
    let was = fs::read(index).unwrap();
    fs::remove_file(index).unwrap();
    let log = open(dir.path());
    assert!(everything(&log) == before && log.notices().len() == 1, "{:?}", log.notices());
    assert!(fs::read(index).unwrap() == was);
}

#[test]
fn old_segments_move_to_the_archive_and_are_read_through_it() {
    let (dir, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = everything(&fill(dir.path()));
    let log = EmbeddedLog::open(dir.path(), archiving(archive.path())).unwrap();
    let sealed = log.stats().segments - 1;
    assert_eq!(log.tidy(), Ok(Tidied { compressed: sealed, archived: sealed }));
    let away = archive.path().join(log.log_id().to_string());
    assert_eq!((files(&away, ".log.zst").len() as u64, files(dir.path(), ".log").len()), (sealed, 1));
    let bytes: u64 = files(&away, "").iter().map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(log.stats().archived_bytes, bytes);
    assert!(everything(&log) == before && log.tidy() == Ok(Tidied::default()));
    drop(log);
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert!(everything(&log) == before && log.stats().archived_bytes == bytes);
    drop(log);
    // The disk is not mounted.
    fs::rename(&away, archive.path().join("elsewhere")).unwrap();
    let refused = EmbeddedLog::open(dir.path(), SMALL).err().unwrap().to_string();
    assert!(
        refused.contains(&away.display().to_string()) && refused.contains("mount that disk"),
        "{refused}"
    );
    fs::rename(archive.path().join("elsewhere"), &away).unwrap();
    // Brought back by hand.
    let (first, link) = (&files(&away, "")[0], &files(dir.path(), ".log.zst")[0]);
    fs::rename(first, link).unwrap();
    assert!(everything(&open(dir.path())) == before);
}

#[test]
fn an_archive_that_is_not_there_is_told_and_stops_nothing() {
    let (dir, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = everything(&fill(dir.path()));
    let missing = archive.path().join("not-mounted");
    let log = EmbeddedLog::open(dir.path(), archiving(&missing)).unwrap();
    let told = log.tidy().unwrap_err();
    assert!(told.contains("not-mounted") && told.contains("tried again"), "{told}");
    assert_eq!(log.upkeep_fault(), Some(told));
    assert!(!missing.exists() && everything(&log) == before);
    append(&log, "a", 5000..5010);
    fs::create_dir(&missing).unwrap();
    assert!(log.tidy().unwrap().archived > 0);
    assert_eq!((log.upkeep_fault(), log.head()), (None, 3010));
}

#[test]
fn a_copy_that_went_another_way_does_not_replace_what_is_in_the_archive() {
    let (dir, copy, archive) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    append(&open(dir.path()), "a", 0..300);
    for file in files(dir.path(), "") {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let went_on = |dir: &Path, numbers| {
        let log = EmbeddedLog::open(dir, archiving(archive.path())).unwrap();
        append(&log, "a", numbers);
        (log.tidy(), all(&log).len())
    };
    went_on(dir.path(), 300..1300).0.unwrap();
    assert!(open(dir.path()).stats().archived_bytes > 0);
    let (told, events) = went_on(copy.path(), 2000..3000);
    let told = told.unwrap_err();
    assert!(told.contains("differ") && told.contains("a copy of this log"), "{told}");
    assert_eq!((events, all(&open(dir.path())).len(), all(&open(copy.path())).len()), (1300, 1300, 1300));
}

#[test]
fn only_segments_that_are_old_enough_move() {
    let (dir, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(dir.path());
    let hour = Archive::in_folder(archive.path(), Duration::from_secs(3600));
    let log = EmbeddedLog::open(dir.path(), Options { archive: Some(hour), ..COMPRESSING }).unwrap();
    assert_eq!(log.tidy(), Ok(Tidied { compressed: log.stats().segments - 2, archived: 0 }));
}

#[test]
fn a_log_tidies_by_itself_when_a_segment_was_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), Options { uncompressed: 0, ..SMALL }).unwrap();
    append(&log, "a", 0..1000);
    let until = Instant::now() + Duration::from_secs(30);
    while files(dir.path(), ".log.zst").is_empty() {
        assert!(Instant::now() < until, "{:?}", log.upkeep_fault());
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(all(&log).len(), 1000);
}

#[test]
fn who_reads_and_writes_meanwhile_notices_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(dir.path(), COMPRESSING).unwrap();
    append(&log, "a", 0..3000);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut subscription = log.subscribe(0, FamilySet::ALL);
            contract::follow(&mut *subscription, 6000, 7)
                .into_iter()
                .map(|event| event.position)
                .collect::<Vec<_>>()
        });
        scope.spawn(|| append(&log, "a", 3000..6000));
        scope.spawn(|| (0..50).for_each(|_| assert!(log.tidy().is_ok())));
        scope.spawn(|| {
            (0..20).for_each(|_| assert!(log.verify_chain(&mut |_| ControlFlow::Continue(())).is_ok()));
        });
        assert!(reader.join().unwrap().into_iter().eq(1..=6000));
    });
    log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap();
}

#[test]
fn both_forms_of_a_segment_are_compared_before_one_goes() {
    let dir = tempfile::tempdir().unwrap();
    let before = everything(&fill(dir.path()));
    let raw = files(dir.path(), ".log").remove(0);
    let bytes = fs::read(&raw).unwrap();
    EmbeddedLog::open(dir.path(), COMPRESSING).unwrap().tidy().unwrap();
    fs::write(&raw, &bytes[..bytes.len() / 2]).unwrap();
    let log = EmbeddedLog::open(dir.path(), COMPRESSING).unwrap();
    let told = log.tidy().unwrap_err();
    assert!(told.contains("differ") && told.contains(raw.to_str().unwrap()), "{told}");
    assert!(raw.exists() && everything(&log) == before);
    fs::write(&raw, &bytes).unwrap();
    log.tidy().unwrap();
    assert!(!raw.exists() && everything(&log) == before);
}

#[test]
fn a_compressed_segment_that_nothing_follows_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    EmbeddedLog::open(dir.path(), Options { uncompressed: 0, ..SMALL }).unwrap().tidy().unwrap();
    fs::remove_file(files(dir.path(), ".log").pop().unwrap()).unwrap();
    fs::remove_file(files(dir.path(), ".idx").pop().unwrap()).unwrap();
    let refused = EmbeddedLog::open(dir.path(), SMALL).err().unwrap().to_string();
    assert!(refused.contains(".log.zst") && refused.contains("is missing"), "{refused}");
}

/// A disk with a log of some segments and an archive, and how to open it.
fn disk() -> (Disk, Options) {
    let disk = Disk::new();
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    append(&log, "a", 0..700);
    let archive = Archive { folder: disk.folder_named("archive"), after: Duration::ZERO };
    (disk, Options { archive: Some(archive), ..COMPRESSING })
}

fn is_whole(disk: &Disk, what: &str) {
    let options = Options {
        archive: Some(Archive { folder: disk.folder_named("archive"), after: Duration::ZERO }),
        ..COMPRESSING
    };
    let log = EmbeddedLog::open_on(&disk.folder(), options).unwrap_or_else(|error| panic!("{what}: {error}"));
    let verified = log.verify_chain(&mut |_| ControlFlow::Continue(()));
    assert_eq!(verified.unwrap_or_else(|fault| panic!("{what}: {fault}")).events, 700, "{what}");
    log.tidy().unwrap_or_else(|told| panic!("{what}: {told}"));
    assert_eq!(all(&log).len(), 700, "{what}");
    assert!(disk.folder().names().unwrap().iter().all(|name| !name.ends_with(".tmp")), "{what}");
}

#[test]
fn trouble_at_any_operation_of_tidying_loses_nothing() {
    let operations = {
        let (disk, options) = disk();
        let before = disk.operations();
        EmbeddedLog::open_on(&disk.folder(), options).unwrap().tidy().unwrap();
        disk.operations() - before
    };
    assert!(operations > 20, "{operations}");
    for at in 1..=operations {
        for trouble in [Trouble::PowerCut, Trouble::Full, Trouble::FailedSync] {
            let (disk, options) = disk();
            disk.trouble(disk.operations() + at, trouble);
            if let Ok(log) = EmbeddedLog::open_on(&disk.folder(), options)
                && log.tidy().is_err()
            {
                assert_eq!(all(&log).len(), 700, "{trouble:?} at {at}: readers go on");
            }
            disk.no_trouble();
            for seed in 0..3 {
                is_whole(&disk.after_power_cut(&mut Random(at * 10 + seed)), &format!("{trouble:?} at {at}"));
            }
            is_whole(&disk, &format!("{trouble:?} at {at}"));
        }
    }
}

/// Some bytes as a compressed file on a disk of their own.
fn packed(bytes: &[u8]) -> (Disk, Arc<dyn LogFile>) {
    let disk = Disk::with([("raw".to_owned(), bytes.to_vec())], []);
    let folder = disk.folder();
    let (raw, out) = (folder.open("raw", files::Access::Read), folder.open("packed", files::Access::Create));
    let (raw, out) = (raw.unwrap(), out.unwrap());
    assert!(pack(&*raw, &*out, &mut || true).unwrap());
    (disk, out)
}

fn read(file: &dyn LogFile, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut out = vec![0; length];
    let read = files::fill(file, &mut out, at)?;
    out.truncate(read);
    Ok(out)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_part_of_a_compressed_file_reads_as_before(
        seed in any::<u64>(), size in 0_usize..300_000, parts in proptest::collection::vec((0_u64..310_000, 0_usize..200_000), 1..8),
    ) {
        let mut random = Random(seed);
        let bytes: Vec<u8> = (0..size).map(|_| (random.next() % 7) as u8).collect();
        let file = Packed::open(packed(&bytes).1, &Arc::new(Unpacking::default())).unwrap();
        prop_assert_eq!(file.size().unwrap(), size as u64);
        for (at, length) in parts {
            let from = (at as usize).min(size);
            prop_assert!(read(&file, at, length).unwrap() == bytes[from..(from + length).min(size)]);
        }
    }
}

#[test]
fn no_flipped_bit_in_a_compressed_file_gives_other_bytes() {
    let bytes: Vec<u8> = (0..70_000_u32).map(|n| (n.wrapping_mul(n) >> 9) as u8 & 31).collect();
    let (disk, out) = packed(&bytes);
    let whole = read(&*out, 0, 1 << 20).unwrap();
    let unpacking = Arc::new(Unpacking::default());
    let mut unnoticed = 0;
    for bit in (0..whole.len() * 8).step_by(11) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.folder().open("flipped", files::Access::Create).unwrap().write_all_at(&flipped, 0).unwrap();
        let file = disk.folder().open("flipped", files::Access::Read).unwrap();
        let found = Packed::open(file, &unpacking).and_then(|file| read(&file, 0, 1 << 20));
        match found {
            // A bit that means nothing to the decompressor.
            Ok(found) if found == bytes => unnoticed += 1,
            Ok(_) => panic!("bit {bit} gives other bytes"),
            Err(error) => assert!(error.to_string().contains("damaged"), "{error}"),
        }
    }
    assert!(unnoticed < 20, "{unnoticed}");
}
