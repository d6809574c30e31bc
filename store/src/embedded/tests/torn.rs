//! The end of the log after a kill: cut at any byte, the batches before are kept; damaged anywhere else, it is told.

use proptest::prelude::*;

use super::{disk::Disk, *};

/// A log as a kill leaves it, with where each of its batches ended in the last segment.
struct Killed {
    files: Vec<(String, Vec<u8>)>,
    /// (bytes of the last segment, events in the whole log) after each batch that is in it.
    ends: Vec<(usize, u64)>,
}

/// Appends batches of the given sizes to one of three streams each.
fn killed_after(batches: &[(u8, u64)]) -> Killed {
    let disk = Disk::new();
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    let mut ends = vec![(segment::HEADER, 0)];
    for (stream, size) in batches {
        let from = log.head();
        log.append(request(&format!("s{stream}"), Expected::Any, (from..from + size).map(tick))).unwrap();
        let end = written(&last_segment(&disk.files()).1);
        if end < ends[ends.len() - 1].0 {
            ends.clear();
        }
        ends.push((end, log.head()));
    }
    let files = disk.files();
    drop(log);
    Killed { files, ends }
}

fn last_segment(files: &[(String, Vec<u8>)]) -> &(String, Vec<u8>) {
    files.iter().rev().find(|(name, _)| name.ends_with(".log")).unwrap()
}

/// Where the last frame ends; behind it is what was made room for.
fn written(bytes: &[u8]) -> usize {
    let last = tamper::frames(bytes).pop();
    last.map_or(segment::HEADER, |at| at + frame::frame_bytes(&bytes[at..]).unwrap())
}

impl Killed {
    /// Opens it with the last segment replaced.
    fn open_with(&self, segment: Vec<u8>) -> Result<EmbeddedLog, OpenError> {
        let mut files = self.files.clone();
        files.iter_mut().rev().find(|(name, _)| name.ends_with(".log")).unwrap().1 = segment;
        EmbeddedLog::open_on(&Disk::with(files, []).folder(), SMALL)
    }

    fn segment(&self) -> &[u8] {
        let bytes = &last_segment(&self.files).1;
        &bytes[..written(bytes)]
    }

    /// How many events are in the batches that end within the first bytes of the last segment.
    fn events_within(&self, len: usize) -> u64 {
        self.ends.iter().filter(|(end, _)| *end <= len).map(|(_, events)| *events).max().unwrap_or(0)
    }
}

fn ids_are_those_appended(log: &EmbeddedLog) -> bool {
    all(log).iter().enumerate().all(|(n, event)| event.event_id == id_of(n as u64))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn cut_at_any_byte_of_the_last_batches_the_batches_before_are_kept(
        batches in prop::collection::vec((0_u8..3, 1_u64..4), 3..20),
    ) {
        let killed = killed_after(&batches);
        let whole = killed.segment();
        let from = killed.ends[killed.ends.len().saturating_sub(3)].0;
        for len in from..=whole.len() {
            let log = killed.open_with(whole[..len].to_vec()).unwrap();
            prop_assert_eq!(log.head(), killed.events_within(len), "cut to {}", len);
            let torn = killed.ends.iter().all(|(end, _)| *end != len);
            prop_assert_eq!(log.notices().len(), usize::from(torn), "{:?}", log.notices());
            prop_assert!(ids_are_those_appended(&log));
        }
    }

    #[test]
    fn a_flipped_bit_before_the_last_batch_is_damage_and_in_it_a_torn_end(
        batches in prop::collection::vec((0_u8..3, 1_u64..4), 3..20), at in any::<prop::sample::Index>(), bit in 0..8,
    ) {
        let killed = killed_after(&batches);
        prop_assume!(killed.ends.len() > 2);
        let mut flipped = killed.segment().to_vec();
        let at = segment::HEADER + at.index(flipped.len() - segment::HEADER);
        flipped[at] ^= 1_u8 << bit;
        let last_batch_at = killed.ends[killed.ends.len() - 2].0;
        match killed.open_with(flipped) {
            Ok(log) => {
                prop_assert!(at >= last_batch_at, "byte {at} of a batch that a later one vouches for");
                prop_assert_eq!(log.head(), killed.events_within(last_batch_at));
            }
            Err(error) => {
                let said = error.to_string();
                prop_assert!(at < last_batch_at && said.contains("events that were written later follow"), "{said}");
                prop_assert!(said.contains(".log is damaged at byte") && said.contains("backup"), "{said}");
            }
        }
    }

    #[test]
    fn anything_behind_the_last_batch_is_cut_off(noise in prop::collection::vec(any::<u8>(), 0..5000), zeros in 0_usize..9000) {
        let killed = killed_after(&[(0, 3), (1, 2)]);
        let tail = [killed.segment(), &noise, &vec![0; zeros]].concat();
        let log = killed.open_with(tail).unwrap();
        prop_assert_eq!(log.head(), 5);
    }
}

#[test]
fn what_was_made_room_for_is_no_torn_end() {
    let killed = killed_after(&[(0, 3), (1, 2)]);
    let whole = last_segment(&killed.files).1.clone();
    assert_eq!((whole.len(), killed.segment().len() < 3000), (1 << 20, true));
    let log = killed.open_with(whole).unwrap();
    assert_eq!((log.head(), log.notices()), (5, &[][..]));
    log.append(request("s0", Expected::Revision(3), [tick(5)])).unwrap();
    assert!(ids_are_those_appended(&log));
}

#[test]
fn a_log_goes_on_after_a_torn_end() {
    let killed = killed_after(&[(0, 3), (0, 3), (0, 3)]);
    let mut segment = killed.segment().to_vec();
    segment.truncate(segment.len() - 7);
    segment.extend([0; 3000]);
    let log = killed.open_with(segment).unwrap();
    assert!(log.notices()[0].contains("were cut off"), "{:?}", log.notices());
    log.append(request("s0", Expected::Revision(6), (6..20).map(tick))).unwrap();
    assert_eq!(log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap().events, 20);
    assert!(ids_are_those_appended(&log));
}

#[test]
fn a_whole_frame_of_the_torn_batch_behind_a_hole_is_still_a_torn_end() {
    // Sectors of one write reach the disk in any order.
    let killed = killed_after(&[(0, 3), (0, 8)]);
    let mut segment = killed.segment().to_vec();
    let hole = killed.ends[1].0;
    segment[hole..hole + 100].fill(0);
    assert_eq!(killed.open_with(segment).unwrap().head(), 3);
}
