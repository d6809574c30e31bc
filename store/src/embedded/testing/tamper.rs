//! For tests: what a hand that knows the format could do. Altered files get right checksums, so that what lies behind the
//! checksums is put to the test; and each reader alone gets bytes that may be anything.

use std::{ops::Range, sync::Arc};

use events::Uuid;

use super::disk::Disk;
use crate::embedded::{
    chain::Link,
    files::{Access, LogFile, fill, sidecar_name},
    frame::{self, NameCache},
    ids, index,
    names::{Names, Written},
    packed::{self, Packed},
    paged, segment,
    sidecar::{self, Sidecar},
};

/// Gives a file of a log right checksums, whatever it holds; a compressed one has to be unpacked before.
pub fn mend(name: &str, log_id: Uuid, bytes: &mut [u8]) {
    let first_position = name.get(..20).and_then(|number| number.parse().ok()).unwrap_or_default();
    if name.contains(".log") {
        let Some(salt) = segment::mend_header(bytes) else { return };
        frame::mend_all(&mut bytes[segment::HEADER..], salt);
    } else if name.ends_with(".idx") {
        paged::mend_all(bytes, sidecar::salt(log_id, first_position));
    } else if let Some((content, checksum)) = bytes.split_last_chunk_mut() {
        *checksum = crc32c::crc32c(content).to_le_bytes();
    }
}

/// Where the frames of a segment start.
#[must_use]
pub fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = segment::HEADER;
    while let Some(total) = bytes.get(at..).and_then(|rest| frame::frame_bytes(rest).ok()) {
        starts.push(at);
        at += total;
    }
    starts
}

/// Computes the chain of a plain segment anew over what its frames hold now, and gives it right checksums; answers the
/// chain's last value.
pub fn chain_anew(bytes: &mut [u8]) -> [u8; 32] {
    let starts = frames(bytes);
    let mut chain: [u8; 32] = bytes[48..80].try_into().unwrap_or_default();
    let mut batch = u64::from_le_bytes(bytes[40..48].try_into().unwrap_or_default());
    let mut link = Link::default();
    link.start(&chain, batch);
    for start in starts {
        let end = start + frame::frame_bytes(&bytes[start..]).unwrap_or_default();
        let Some(frame) = frame::parse_checked(&bytes[start..end]) else { continue };
        link.add(frame.last_of_transaction, frame.header, frame.payload);
        if frame.chain.is_some() {
            (chain, batch) = (link.value(), batch + 1);
            bytes[end - chain.len()..end].copy_from_slice(&chain);
            link.start(&chain, batch);
        }
    }
    mend("00000000000000000001.log", Uuid::nil(), bytes);
    chain
}

/// Where the payload of the frame that starts here is.
#[must_use]
pub fn payload(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let frame = frame::parse_checked(bytes.get(start..start + frame::frame_bytes(&bytes[start..]).ok()?)?)?;
    let from = start + frame::PREFIX + frame.header.len();
    Some(from..from + frame.payload.len())
}

/// Where the numbers of the names of the frame that starts here are, when each is one byte.
#[must_use]
pub fn numbers(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let payload = payload(bytes, start)?;
    let frame = frame::parse_checked(&bytes[start..start + frame::frame_bytes(&bytes[start..]).ok()?])?;
    let short = |written: &Written<'_>| matches!(written, Written::Number(number) if *number < 63);
    frame.names.iter().all(short).then(|| payload.start - frame.names.len()..payload.start)
}

/// Lets a sidecar lead to another frame for the name with a number, with right checksums; false where it has none.
pub fn mislead(name: &str, log_id: Uuid, bytes: &mut [u8], number: u64, offset: u32) -> bool {
    let Some(table) = sidecar::names_table(bytes).filter(|table| table.entries > 0) else { return false };
    let at = table.at + number % table.entries * 4;
    for (at, byte) in (at..).zip(offset.to_le_bytes()) {
        let (page, within) = (at / paged::PAGE_DATA as u64, at % paged::PAGE_DATA as u64);
        bytes[page as usize * paged::PAGE + within as usize] = byte;
    }
    mend(name, log_id, bytes);
    true
}

fn file(bytes: &[u8]) -> Option<Arc<dyn LogFile>> {
    let folder = Disk::with([("file".to_owned(), bytes.to_vec())], []).folder();
    folder.open("file", Access::Read).ok()
}

/// Compresses a segment as the log does.
#[must_use]
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let folder = Disk::with([("raw".to_owned(), bytes.to_vec())], []).folder();
    let (raw, out) = (folder.open("raw", Access::Read), folder.open("packed", Access::Create));
    let (Ok(raw), Ok(out)) = (raw, out) else { return Vec::new() };
    match packed::pack(&*raw, &*out, &mut || true) {
        Ok(true) => whole(&*out),
        _ => Vec::new(),
    }
}

fn whole(file: &dyn LogFile) -> Vec<u8> {
    let mut bytes = vec![0; file.size().unwrap_or_default() as usize];
    let read = fill(file, &mut bytes, 0).unwrap_or_default();
    bytes.truncate(read);
    bytes
}

/// What a compressed segment unpacks to, if it does.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let packed = Packed::open(file(bytes)?, &Arc::default()).ok()?;
    // The table says how much it is; only bytes that are there are believed.
    (packed.size().ok()? < 1 << 24).then(|| whole(&packed))
}

/// Reads bytes as a frame with a right checksum.
pub fn read_frame(bytes: &[u8]) {
    const SALT: u32 = 77;
    let mut bytes = bytes.to_vec();
    frame::mend_all(&mut bytes, SALT);
    if let Ok(frame) = frame::parse(&bytes, SALT) {
        // That it is refused is as good as that it is read.
        let mut names = Arc::<Names>::default();
        let _ = Names::follow(&mut names, &frame, 128);
        let _ = frame.decode(&names, &mut NameCache::default());
    }
}

/// Reads bytes as a sidecar with right checksums, and asks it.
pub fn read_sidecar(bytes: &[u8]) {
    let (log_id, first_position) = (Uuid::nil(), 7);
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(paged::PAGE), 0);
    let name = sidecar_name(first_position);
    mend(&name, log_id, &mut bytes);
    let folder = Disk::with([(name, bytes)], []).folder();
    let Ok(sidecar) = Sidecar::open(&*folder, log_id, first_position) else { return };
    for n in 0..20_u64 {
        let stream = format!("stream-{n}");
        let _ = sidecar.candidates(ids::of_id(Uuid::from_u128(u128::from(n))), &mut Vec::new());
        let _ = (sidecar.span(&stream), sidecar.offsets(&stream, &(n..=u64::MAX - 1)), sidecar.near(n * 9));
    }
    let _ = sidecar.names_given_at();
    let _ = sidecar.check_against(&index::Index::default());
}

/// Reads bytes as a compressed segment, whole and in parts.
pub fn read_packed(bytes: &[u8]) {
    let Some(packed) = file(bytes).and_then(|file| Packed::open(file, &Arc::default()).ok()) else { return };
    let mut part = [0; 5000];
    for at in [0, 1, 65_000, 65_536, 131_000, u64::MAX - 1] {
        let _ = packed.read_at(&mut part, at);
    }
    let _ = unpack(bytes);
}
