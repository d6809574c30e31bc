//! Names that are numbers in a segment: they count with the batch that gives them, and nothing but a frame says what they
//! mean.

use super::{disk::Disk, segment::HEADER, *};
use crate::Prepared;
use events::{NewEvent, Uuid, test_support::trade};

/// The names of the events of a log: type, stream, producer, run.
fn names_in(log: &EmbeddedLog) -> Vec<(&'static str, Arc<str>, Arc<str>, Uuid)> {
    let names = |event: &Arc<Recorded>| {
        let (stream, producer) = (Arc::clone(&event.stream), Arc::clone(&event.producer));
        (event.event.event_type(), stream, producer, event.run_id)
    };
    all(log).iter().map(names).collect()
}

fn named(n: u64, run: u128) -> NewEvent {
    NewEvent { producer: Arc::from(format!("producer-{}", n % 7)), run_id: Uuid::from_u128(run), ..tick(n) }
}

fn verified(log: &EmbeddedLog) -> Result<u64, String> {
    let verified = log.verify_chain(&mut |_| ControlFlow::Continue(()));
    verified.map(|verified| verified.events).map_err(|fault| fault.to_string())
}

#[test]
fn names_are_read_from_anywhere_while_it_is_written_and_after() {
    let disk = Disk::new();
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    let mut given = Vec::new();
    for n in 0..3000 {
        let (stream, run) = (format!("stream-{}", n % 11), u128::from(n / 500));
        let event =
            if n % 3 == 0 { NewEvent { event: recovered(n).event, ..named(n, run) } } else { named(n, run) };
        given.push((
            event.event.event_type(),
            Arc::from(&*stream),
            Arc::clone(&event.producer),
            event.run_id,
        ));
        log.append(request(&stream, Expected::Any, [event])).unwrap();
    }
    assert!(log.stats().segments > 3);
    assert_eq!(names_in(&log), given);
    drop(log);
    for log in [
        EmbeddedLog::open_read_only_on(&disk.folder()).unwrap(),
        EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap(),
    ] {
        assert_eq!(names_in(&log), given);
        for position in [1, 700, 1499, 2998] {
            let event = log.event_at(position).unwrap().unwrap();
            let (_, stream, producer, run) = &given[position as usize - 1];
            assert_eq!((&event.stream, &event.producer, &event.run_id), (stream, producer, run));
            let back = log.read_stream_back(stream, u64::MAX, 1).unwrap();
            assert_eq!(back[0].stream, *stream);
        }
        assert_eq!(verified(&log), Ok(3000));
    }
}

#[test]
fn a_name_that_a_torn_batch_gave_has_no_number_and_is_given_again() {
    let disk = Disk::new();
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    log.append(request("kept", Expected::Any, [tick(1), tick(2)])).unwrap();
    log.append(request("torn", Expected::Any, [named(3, 70)])).unwrap();
    let files = disk.files();
    drop(log);
    let cut = |files: &[(String, Vec<u8>)]| {
        let cut = |(name, bytes): &(String, Vec<u8>)| {
            let mut bytes = bytes.clone();
            if let Some(last) = tamper::frames(&bytes).last().filter(|_| name.ends_with(".log")) {
                let end = last + frame::frame_bytes(&bytes[*last..]).unwrap();
                bytes.truncate(end - 1);
            }
            (name.clone(), bytes)
        };
        files.iter().map(cut).collect::<Vec<_>>()
    };
    let disk = Disk::with(cut(&files), []);
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    assert_eq!((log.head(), log.notices().len()), (2, 1));
    log.append(request("other", Expected::Any, [named(4, 71)])).unwrap();
    log.append(request("torn", Expected::Any, [named(5, 70)])).unwrap();
    drop(log);
    let log = EmbeddedLog::open_on(&disk.folder(), SMALL).unwrap();
    let streams: Vec<_> = all(&log).iter().map(|event| Arc::clone(&event.stream)).collect();
    assert_eq!(streams, ["kept", "kept", "other", "torn"].map(Arc::from));
    assert_eq!(verified(&log), Ok(4));
}

#[test]
fn more_names_than_have_numbers_stand_in_full() {
    let disk = Disk::new();
    let options = Options { segment_bytes: 2 << 20, ..SMALL };
    let log = EmbeddedLog::open_on(&disk.folder(), options.clone()).unwrap();
    let stream = |n: u64| format!("{}-{n}", "stream".repeat(20));
    for n in (0..6000).step_by(1000) {
        let requests = (n..n + 1000).map(|n| request(&stream(n), Expected::Any, [tick(n)])).collect();
        log.append_all(requests).into_iter().for_each(|answer| drop(answer.unwrap()));
    }
    drop(log);
    let log = EmbeddedLog::open_on(&disk.folder(), options).unwrap();
    assert!(all(&log).iter().zip(0..).all(|(event, n)| *event.stream == *stream(n)));
    assert_eq!(verified(&log), Ok(6000));
}

#[test]
fn trades_take_few_bytes_and_are_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let event = |n: u64| {
        let closed = events::Timestamp::from_micros(1_735_000_000_000_000 + n as i64 * 1_000_000);
        let trade = trade("rsi_reversal", &n.to_string(), events::Decimal::new(n as i64, 2), closed);
        NewEvent { event: events::Event::TradeClosed(trade), ..named(n, 1) }.at_offset(n as i64)
    };
    let prepared: Vec<_> = (0..2000).map(|n| Prepared::new(event(n)).unwrap()).collect();
    let request = |events: Vec<Prepared>| crate::Request {
        stream: Arc::from("ingest-f3bKaLqYQdWk2dSJGVnmSA-w0Nq3fQdTCWpZQp4qdsUEA-0"),
        expected: Expected::Any,
        duplicates: crate::Duplicates::Skip,
        events,
    };
    prepared.chunks(100).for_each(|chunk| drop(log.append(request(chunk.to_vec())).unwrap()));
    let bytes = log.stats().bytes / 2000;
    assert!(bytes < 200, "{bytes} bytes a trade");
    drop(log);
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert!(
        all(&log)
            .iter()
            .zip(0..)
            .all(|(read, n)| read.event == event(n).event && read.source_offset == Some(n as i64))
    );
}

/// A closed log of one sealed segment and one that is written, with its files.
fn sealed() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for n in 0..1000 {
        log.append(request(if n % 2 == 0 { "even" } else { "odd" }, Expected::Any, [named(n, 5)])).unwrap();
    }
    drop(log);
    let segment = files(dir.path(), ".log").remove(0);
    (dir, segment)
}

#[test]
fn a_number_that_no_frame_gave_is_found_though_all_else_was_made_right() {
    let (dir, path) = sealed();
    let whole = fs::read(&path).unwrap();
    let starts = tamper::frames(&whole);
    // Type, stream, producer and run, each with a number that is too large, and one that is of another kind.
    for (place, number) in [(0, 40), (1, 40), (2, 40), (3, 40), (1, 3), (3, 0)] {
        let mut altered = whole.clone();
        let numbers = tamper::numbers(&altered, starts[50]).unwrap();
        altered[numbers.start + place] = 2 * number + 2;
        tamper::chain_anew(&mut altered);
        fs::write(&path, &altered).unwrap();
        let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
        let told = verified(&log).unwrap_err();
        assert!(told.contains("uses a number of a name that its segment does not give before"), "{told}");
        assert!(told.contains(path.to_str().unwrap()) && told.starts_with("position 51"), "{told}");
        let read = log.event_at(51).unwrap_err().to_string();
        assert!(read.contains("does not say what it is named"), "{read}");
    }
}

#[test]
fn a_number_that_is_given_again_or_out_of_turn_is_found() {
    let (dir, path) = sealed();
    let whole = fs::read(&path).unwrap();
    let starts = tamper::frames(&whole);
    // The first frame gives 0 to its type: as the mark 1, behind the fields of one byte each.
    let type_at =
        whole[HEADER..starts[1]].windows(15).position(|w| w == b"\x01\x0dScheduleFired").unwrap() + HEADER;
    for (mark, why) in [(3, "another number than the next one"), (0, "does not give before")] {
        let mut altered = whole.clone();
        altered[type_at] = mark;
        tamper::chain_anew(&mut altered);
        fs::write(&path, &altered).unwrap();
        let told = verified(&EmbeddedLog::open_read_only(dir.path()).unwrap()).unwrap_err();
        assert!(told.contains(path.to_str().unwrap()), "{told}");
        assert!(told.contains(why) || told.contains("another number than the next one"), "{mark}: {told}");
    }
}

#[test]
fn an_index_that_leads_to_other_names_deceives_nobody() {
    let (dir, path) = sealed();
    let index = path.with_extension("idx");
    let whole = fs::read(&index).unwrap();
    let starts = tamper::frames(&fs::read(&path).unwrap());
    let log_id = EmbeddedLog::open_read_only(dir.path()).unwrap().log_id();
    let name = index.file_name().unwrap().to_str().unwrap();
    for (number, offset) in [(0, starts[1]), (1, starts[0] + 1), (2, usize::MAX >> 33), (4, starts[70])] {
        let mut altered = whole.clone();
        assert!(tamper::mislead(name, log_id, &mut altered, number, offset as u32));
        if altered == whole {
            continue;
        }
        fs::write(&index, &altered).unwrap();
        let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
        let read = log.event_at(300).unwrap_err().to_string();
        assert!(read.contains(path.to_str().unwrap()) && read.contains("remove the sidecar"), "{read}");
        let told = verified(&log).unwrap_err();
        assert!(told.contains(index.to_str().unwrap()) && told.contains("made anew"), "{told}");
    }
}
