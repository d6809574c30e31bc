//! Sidecars against the index that they were made from, and against bytes with right checksums and wrong contents.

use proptest::prelude::*;

use super::{
    super::{
        files::{Access, sidecar_name},
        ids::of_id,
        index::{Entry, Index},
        paged::{PAGE, PAGE_DATA, PagedWriter},
        sidecar::{Sidecar, Summary, salt, write},
    },
    disk::Disk,
    *,
};

fn summary(events: u64) -> Summary {
    let log_id = Uuid::from_u128(4);
    Summary { log_id, first_position: 7, events, last_batch: 3, segment_bytes: 999, chain: [1; 32] }
}

/// An index of as many events, spread over streams of very different sizes.
fn index_of(events: u64, streams: u64) -> Index {
    let mut index = Index::default();
    let mut revisions = std::collections::HashMap::new();
    for n in 0..events {
        let stream = (n * n + n / 3) % streams;
        let revision = *revisions.entry(stream).and_modify(|revision| *revision += 1).or_insert(stream + 1);
        let (fingerprint, offset) = (of_id(id_of(n)), 128 + n as u32 * 90);
        assert!(index.add(Entry {
            fingerprint,
            offset,
            stream: Arc::from(format!("stream-{stream}")),
            revision
        }));
    }
    index
}

fn sidecar_of(index: &Index) -> (Disk, Sidecar) {
    let disk = Disk::new();
    let summary = summary(index.events);
    write(&*disk.folder(), &summary, index).unwrap();
    let sidecar = Sidecar::open(&*disk.folder(), summary.log_id, 7).ok().unwrap();
    assert_eq!(sidecar.summary, summary);
    (disk, sidecar)
}

#[test]
fn a_sidecar_answers_as_the_index_does() {
    for (events, streams) in [(1, 1), (63, 2), (64, 64), (2000, 3), (5000, 4000)] {
        let index = index_of(events, streams);
        let (_disk, sidecar) = sidecar_of(&index);
        for n in 0..events + 100 {
            let mut found = Vec::new();
            sidecar.candidates(of_id(id_of(n)), &mut found).unwrap();
            assert_eq!(found.contains(&(128 + n as u32 * 90)), n < events, "event {n} of {events}");
            assert_eq!(sidecar.near(n).unwrap(), index.near(n));
        }
        for stream in (0..streams + 3).map(|stream| format!("stream-{stream}")) {
            assert_eq!(sidecar.span(&stream).unwrap(), index.span(&stream), "{stream}");
            for revisions in [0..=u64::MAX - 1, 3..=5, 1000..=1001] {
                assert_eq!(sidecar.offsets(&stream, &revisions).unwrap(), index.offsets(&stream, &revisions));
            }
        }
    }
}

proptest! {
    // What a tampering hand would write: nothing may panic or allocate without bound, whatever is read then.
    #[test]
    fn wrong_contents_with_right_checksums_are_read_or_refused(
        at in any::<prop::sample::Index>(), noise in prop::collection::vec(any::<u8>(), 1..64), in_header in any::<bool>(),
    ) {
        let (disk, _) = sidecar_of(&index_of(300, 20));
        let name = sidecar_name(7);
        let bytes = disk.files().into_iter().find(|(other, _)| *other == name).unwrap().1;
        let mut data: Vec<u8> = bytes.chunks(PAGE_DATA + 4).flat_map(|page| &page[..PAGE_DATA]).copied().collect();
        let at = 16 + at.index(if in_header { 200 } else { data.len() - 16 - noise.len() });
        data[at..at + noise.len()].copy_from_slice(&noise);
        let file = disk.folder().open(&name, Access::Create).unwrap();
        let mut writer = PagedWriter::new(file, salt(summary(0).log_id, 7));
        writer.put(&data).unwrap();
        writer.finish().unwrap();
        let Ok(sidecar) = Sidecar::open(&*disk.folder(), summary(0).log_id, 7) else { return Ok(()) };
        for n in 0..40 {
            let _ = sidecar.candidates(of_id(id_of(n)), &mut Vec::new());
            let _ = sidecar.span(&format!("stream-{n}"));
            let _ = sidecar.offsets(&format!("stream-{n}"), &(0..=5));
            let _ = sidecar.near(n * 9);
        }
    }
}

#[test]
fn verify_finds_an_index_that_was_altered_and_given_right_checksums() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..900);
    every_altered_index_is_found(dir.path(), &files(dir.path(), ".idx")[0]);
}

#[test]
fn verify_looks_at_the_newest_index_also_when_nothing_was_written_since() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut next = 0;
    while log.stats().segments < 3 {
        append(&log, "a", next..next + 10);
        next += 10;
    }
    drop(log);
    let active = files(dir.path(), ".log").pop().unwrap();
    assert_eq!(active.metadata().unwrap().len(), segment::HEADER as u64);
    every_altered_index_is_found(dir.path(), &files(dir.path(), ".idx").pop().unwrap());
}

/// Alters one bit of a sidecar at a time.
fn every_altered_index_is_found(dir: &Path, path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let first_position = name[..20].parse().unwrap();
    let pages = fs::read(path).unwrap();
    let data: Vec<u8> = pages.chunks(PAGE).flat_map(|page| &page[..PAGE_DATA]).copied().collect();
    let log_id = EmbeddedLog::open_read_only(dir).unwrap().log_id();
    let mut random = disk::Random(3);
    for _ in 0..60 {
        let mut altered = data.clone();
        let at = random.below(data.len() as u64) as usize;
        altered[at] ^= 1 << random.below(8);
        let file = files::DiskFolder::existing(dir).open(name, Access::Create).unwrap();
        let mut out = PagedWriter::new(file, salt(log_id, first_position));
        out.put(&altered).unwrap();
        out.finish().unwrap();
        let said = EmbeddedLog::open_read_only(dir).map_err(|error| error.to_string());
        let said = said.and_then(|log| {
            log.verify_chain(&mut |_| ControlFlow::Continue(())).map_err(|fault| fault.to_string())
        });
        let said = said.expect_err(&format!("byte {at} was altered"));
        // What the header says of the segment may also look as if the next one did not follow.
        let told = said.contains(path.to_str().unwrap()) && said.contains("made anew");
        assert!(told || at < 256, "byte {at}: {said}");
    }
}
