//! One event on disk: a prefix that tells whether the bytes are whole, a binary envelope, the payload.
//!
//! ```text
//! prefix   u32 length of what follows the prefix; bit 31: last of its transaction, bit 30: last of its batch
//!          u32 CRC-32C of everything else, begun with the segment's salt
//!          u64 number of the batch
//! header   u64 position, 16 event id, u64 stream revision, i64 occurred at, i64 recorded at, 16 run id,
//!          u16 schema version, u8 family, u8 codec (0: JSON, 1: compact), u8 which of the optional fields are there,
//!          u8 length of the type, u16 of the stream, u16 of the producer,
//!          optional: 16 correlation id (else it is the event id), 16 causation id, u64 basis position,
//!          u32 version of the rules, i64 offset in the source; type, stream, producer
//! payload
//! chain    32 bytes, only in the last frame of a batch
//! ```
//!
//! All numbers are little-endian. The salt differs from segment to segment, so a frame of another segment or of a
//! deleted file is no frame here.

use std::{ops::Range, sync::Arc};

use events::{Codec, Event, Recorded, Timestamp, Uuid};

use super::{bytes::Bytes, chain::Hash};
use crate::{MAX_EVENT_BYTES, Prepared, ReadError};

const LAST_OF_TRANSACTION: u32 = 1 << 31;
const LAST_OF_BATCH: u32 = 1 << 30;
const LENGTH: u32 = LAST_OF_BATCH - 1;
const PREFIX: usize = 16;
const FIXED: usize = 74;
const OPTIONAL: usize = 16 + 16 + 8 + 4 + 8;
const CHAIN: usize = size_of::<Hash>();

/// Largest number of bytes that a frame has after its prefix.
const LONGEST: usize = FIXED + OPTIONAL + u8::MAX as usize + MAX_EVENT_BYTES + CHAIN;

const HAS_CORRELATION: u8 = 1;
const HAS_CAUSATION: u8 = 2;
const HAS_BASIS: u8 = 4;
const HAS_RULES: u8 = 8;
const HAS_OFFSET: u8 = 16;
/// Bytes of the optional fields, in the order of their bits.
const OPTIONAL_BYTES: [usize; 5] = [16, 16, 8, 4, 8];

/// Where an event goes.
pub(super) struct Place<'a> {
    pub batch: u64,
    pub position: u64,
    pub stream: &'a str,
    pub revision: u64,
    pub recorded_at: Timestamp,
}

/// Appends the frame of an event; answers where in `out` its header is. `close` has to follow.
pub(super) fn encode(out: &mut Vec<u8>, place: &Place<'_>, prepared: &Prepared) -> Range<usize> {
    let event = &prepared.event;
    let event_type = event.event.event_type();
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&place.batch.to_le_bytes());
    let start = out.len();
    out.extend_from_slice(&place.position.to_le_bytes());
    out.extend_from_slice(event.event_id.as_bytes());
    out.extend_from_slice(&place.revision.to_le_bytes());
    out.extend_from_slice(&event.occurred_at.micros().to_le_bytes());
    out.extend_from_slice(&place.recorded_at.micros().to_le_bytes());
    out.extend_from_slice(event.run_id.as_bytes());
    out.extend_from_slice(&event.event.schema_version().to_le_bytes());
    let forms = [event.event.family() as u8, prepared.codec as u8, 0, event_type.len() as u8];
    out.extend_from_slice(&forms);
    out.extend_from_slice(&(place.stream.len() as u16).to_le_bytes());
    out.extend_from_slice(&(event.producer.len() as u16).to_le_bytes());
    out[start + 68] = encode_optional(out, prepared);
    out.extend_from_slice(event_type.as_bytes());
    out.extend_from_slice(place.stream.as_bytes());
    out.extend_from_slice(event.producer.as_bytes());
    let header = start..out.len();
    out.extend_from_slice(&prepared.payload);
    header
}

fn encode_optional(out: &mut Vec<u8>, prepared: &Prepared) -> u8 {
    let (event, mut present) = (&prepared.event, 0);
    let mut put = |bit, bytes: &[u8]| {
        present |= bit;
        out.extend_from_slice(bytes);
    };
    if event.correlation_id != event.event_id {
        put(HAS_CORRELATION, event.correlation_id.as_bytes());
    }
    if let Some(id) = event.causation_id {
        put(HAS_CAUSATION, id.as_bytes());
    }
    if let Some(position) = event.basis_position {
        put(HAS_BASIS, &position.to_le_bytes());
    }
    if let Some(version) = event.rules_version {
        put(HAS_RULES, &version.to_le_bytes());
    }
    if let Some(offset) = event.source_offset {
        put(HAS_OFFSET, &offset.to_le_bytes());
    }
    present
}

/// Writes length and checksum of the frame that starts at `start` and ends with `out`.
pub(super) fn close(out: &mut [u8], start: usize, last_of_transaction: bool, salt: u32) {
    let flags = if last_of_transaction { LAST_OF_TRANSACTION } else { 0 };
    seal_prefix(&mut out[start..], flags, salt);
}

/// The same for the last frame of a batch, which carries the chain's value and ends a transaction.
pub(super) fn close_batch(out: &mut Vec<u8>, start: usize, chain: &Hash, salt: u32) {
    out.extend_from_slice(chain);
    seal_prefix(&mut out[start..], LAST_OF_TRANSACTION | LAST_OF_BATCH, salt);
}

fn seal_prefix(frame: &mut [u8], flags: u32, salt: u32) {
    let length = (frame.len() - PREFIX) as u32;
    frame[0..4].copy_from_slice(&(length | flags).to_le_bytes());
    let checksum = checksum(frame, salt);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
}

fn checksum(frame: &[u8], salt: u32) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &frame[0..4]), &frame[8..])
}

/// Gives every frame its right checksum, as far as their lengths lead.
#[cfg(any(test, feature = "contract"))]
pub(super) fn mend_all(mut bytes: &mut [u8], salt: u32) {
    while let Some((frame, rest)) =
        frame_bytes(bytes).ok().and_then(|total| bytes.split_at_mut_checked(total))
    {
        let checksum = checksum(frame, salt);
        frame[4..8].copy_from_slice(&checksum.to_le_bytes());
        bytes = rest;
    }
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// They end before the frame does, which would have this many bytes.
    Short(usize),
    /// They cannot be one.
    Broken(&'static str),
}

/// A frame whose checksum and lengths are right.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub batch: u64,
    pub last_of_transaction: bool,
    pub chain: Option<&'a Hash>,
    pub position: u64,
    pub event_id: Uuid,
    pub revision: u64,
    pub family: u8,
    codec: Codec,
    /// All bytes of the frame.
    pub whole: &'a [u8],
    pub header: &'a [u8],
    pub payload: &'a [u8],
    names: Names<'a>,
}

#[derive(Clone, Copy)]
struct Names<'a> {
    event_type: &'a [u8],
    stream: &'a [u8],
    producer: &'a [u8],
}

/// How many bytes the frame at the start of these has, as far as its length can be right.
pub(super) fn frame_bytes(bytes: &[u8]) -> Result<usize, Bad> {
    let Some(word) = Bytes(bytes).u32() else { return Err(Bad::Short(PREFIX)) };
    let length = (word & LENGTH) as usize;
    if !(FIXED..=LONGEST).contains(&length) {
        return Err(Bad::Broken(if word == 0 { "zeros instead of an event" } else { "impossible length" }));
    }
    Ok(PREFIX + length)
}

/// The batch number that bytes would have as a frame; to be believed only after [`parse`].
pub(super) fn claimed_batch(bytes: &[u8]) -> Option<u64> {
    Bytes(bytes.get(8..)?).u64()
}

/// Reads the frame at the start of the bytes.
pub(super) fn parse(bytes: &[u8], salt: u32) -> Result<Frame<'_>, Bad> {
    let total = frame_bytes(bytes)?;
    let Some(whole) = bytes.get(..total) else { return Err(Bad::Short(total)) };
    let stored = Bytes(&whole[4..]).u32().unwrap_or_default();
    if checksum(whole, salt) != stored {
        return Err(Bad::Broken("wrong checksum"));
    }
    parse_checked(whole).ok_or(Bad::Broken("impossible header"))
}

/// Reads a frame whose checksum is known to be right.
pub(super) fn parse_checked(whole: &[u8]) -> Option<Frame<'_>> {
    let mut prefix = Bytes(whole);
    let (word, _) = (prefix.u32()?, prefix.u32()?);
    let batch = prefix.u64()?;
    let (record, chain) = match prefix.0.split_last_chunk() {
        Some((record, chain)) if word & LAST_OF_BATCH != 0 => (record, Some(chain)),
        _ => (prefix.0, None),
    };
    let last_of_transaction = word & LAST_OF_TRANSACTION != 0;
    let frame = parse_record(record)?;
    Some(Frame { batch, last_of_transaction, chain, whole, ..frame })
}

/// Header and payload; the fields of the prefix are left empty.
fn parse_record(record: &[u8]) -> Option<Frame<'_>> {
    let mut rest = Bytes(record);
    let position = rest.u64()?;
    let event_id = Uuid::from_bytes(rest.array()?);
    let revision = rest.u64()?;
    rest.slice(8 + 8 + 16 + 2)?;
    let [family, codec, present, type_len] = rest.array()?;
    let (stream_len, producer_len) = (usize::from(rest.u16()?), usize::from(rest.u16()?));
    let codec = Codec::from_code(codec)?;
    if usize::from(present) >> OPTIONAL_BYTES.len() != 0 {
        return None;
    }
    rest.slice(optional_bytes(present))?;
    let names = Names {
        event_type: rest.slice(usize::from(type_len))?,
        stream: rest.slice(stream_len)?,
        producer: rest.slice(producer_len)?,
    };
    let (header, payload) = record.split_at_checked(record.len() - rest.0.len())?;
    Some(Frame {
        batch: 0,
        last_of_transaction: false,
        chain: None,
        position,
        event_id,
        revision,
        family,
        codec,
        whole: &[],
        header,
        payload,
        names,
    })
}

fn optional_bytes(present: u8) -> usize {
    OPTIONAL_BYTES.iter().enumerate().filter(|(bit, _)| present >> bit & 1 != 0).map(|(_, bytes)| bytes).sum()
}

/// Keeps the few names that follow each other again and again, so that reading does not allocate them anew.
#[derive(Default)]
pub(super) struct NameCache {
    recent: Vec<Arc<str>>,
}

impl NameCache {
    const KEPT: usize = 16;

    pub(super) fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(at) = self.recent.iter().position(|known| **known == *name) {
            return Arc::clone(&self.recent[at]);
        }
        if self.recent.len() == Self::KEPT {
            self.recent.remove(0);
        }
        self.recent.push(Arc::from(name));
        Arc::clone(&self.recent[self.recent.len() - 1])
    }
}

impl<'a> Frame<'a> {
    /// The stream's name.
    pub(super) fn stream(&self) -> Option<&'a str> {
        std::str::from_utf8(self.names.stream).ok()
    }

    /// The whole event.
    pub(super) fn decode(&self, cache: &mut NameCache) -> Result<Recorded, ReadError> {
        let failed = |message: String| ReadError::Decode { position: self.position, message: message.into() };
        let broken = || failed("the envelope does not fit its own lengths".to_owned());
        let event_type = std::str::from_utf8(self.names.event_type).ok().ok_or_else(broken)?;
        let envelope = self.envelope(cache).ok_or_else(broken)?;
        let event = Event::from_stored(event_type, envelope.schema_version, self.codec, self.payload)
            .map_err(|error| failed(error.to_string()))?;
        if event.family() as u8 != self.family {
            // Readers choose by this number: an event that stands under another one would be kept from them.
            return Err(failed(format!("{event_type} does not belong to family {}", self.family)));
        }
        Ok(Recorded {
            position: self.position,
            event_id: self.event_id,
            schema_version: envelope.schema_version,
            stream: envelope.stream,
            stream_revision: self.revision,
            occurred_at: envelope.occurred_at,
            recorded_at: envelope.recorded_at,
            producer: envelope.producer,
            run_id: envelope.run_id,
            correlation_id: envelope.correlation_id,
            causation_id: envelope.causation_id,
            basis_position: envelope.basis_position,
            rules_version: envelope.rules_version,
            source_offset: envelope.source_offset,
            event,
        })
    }

    fn envelope(&self, cache: &mut NameCache) -> Option<Envelope> {
        let mut rest = Bytes(self.header.get(32..)?);
        let (occurred_at, recorded_at) = (rest.i64()?, rest.i64()?);
        let (run_id, schema_version) = (Uuid::from_bytes(rest.array()?), rest.u16()?);
        let [_family, _codec, present, _type_len] = rest.array()?;
        rest.slice(4)?;
        let has = |bit| present & bit != 0;
        let correlation = if has(HAS_CORRELATION) { Some(rest.array()?) } else { None };
        Some(Envelope {
            schema_version,
            occurred_at: Timestamp::from_micros(occurred_at),
            recorded_at: Timestamp::from_micros(recorded_at),
            run_id,
            correlation_id: correlation.map_or(self.event_id, Uuid::from_bytes),
            causation_id: if has(HAS_CAUSATION) { Some(Uuid::from_bytes(rest.array()?)) } else { None },
            basis_position: if has(HAS_BASIS) { Some(rest.u64()?) } else { None },
            rules_version: if has(HAS_RULES) { Some(rest.u32()?) } else { None },
            source_offset: if has(HAS_OFFSET) { Some(rest.i64()?) } else { None },
            stream: cache.get(self.stream()?),
            producer: cache.get(std::str::from_utf8(self.names.producer).ok()?),
        })
    }
}

struct Envelope {
    schema_version: u16,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    run_id: Uuid,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    basis_position: Option<u64>,
    rules_version: Option<u32>,
    source_offset: Option<i64>,
    stream: Arc<str>,
    producer: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::tick;
    use events::NewEvent;
    use proptest::prelude::*;

    const SALT: u32 = 77;

    fn frame_of(event: NewEvent, stream: &str, chain: Option<Hash>) -> Vec<u8> {
        let prepared = Prepared::new(event).unwrap();
        let recorded_at = Timestamp::from_micros(-5);
        let place = Place { batch: 3, position: 12, stream, revision: 4, recorded_at };
        let mut out = Vec::new();
        encode(&mut out, &place, &prepared);
        close(&mut out, 0, true, SALT);
        if let Some(chain) = chain {
            close_batch(&mut out, 0, &chain, SALT);
        }
        out
    }

    fn sample() -> Vec<u8> {
        frame_of(NewEvent { causation_id: Some(Uuid::from_u128(5)), ..tick(1) }, "stream", Some([9; 32]))
    }

    prop_compose! {
        fn any_event()(
            (n, occurred_at) in any::<(u64, i64)>(), producer in "\\PC{0,20}", run_id in any::<u128>(),
            correlation in any::<Option<u128>>(), causation in any::<Option<u128>>(),
            (basis_position, rules_version, source_offset) in any::<(Option<u64>, Option<u32>, Option<i64>)>(),
        ) -> NewEvent {
            let event = tick(n % 1_000_000);
            NewEvent {
                occurred_at: Timestamp::from_micros(occurred_at),
                producer: Arc::from(producer),
                run_id: Uuid::from_u128(run_id),
                correlation_id: correlation.map_or(event.event_id, Uuid::from_u128),
                causation_id: causation.map(Uuid::from_u128),
                basis_position, rules_version, source_offset,
                ..event
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_decoded_is_what_was_encoded(event in any_event(), stream in "\\PC{0,40}", last in any::<bool>()) {
            let bytes = frame_of(event.clone(), &stream, last.then_some([9; 32]));
            let frame = parse(&bytes, SALT).unwrap();
            prop_assert_eq!((frame.batch, frame.whole.len(), frame.last_of_transaction), (3, bytes.len(), true));
            prop_assert_eq!(frame.chain, last.then_some(&[9; 32]));
            let expected = event.placed((12, Arc::from(stream), 4), Timestamp::from_micros(-5));
            prop_assert_eq!(frame.decode(&mut NameCache::default()).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_a_frame_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse(&bytes, SALT).is_err());
        }

        // A right checksum over anything: what a tampering hand would write.
        #[test]
        fn any_header_with_a_right_checksum_is_read_or_refused(
            mut bytes in proptest::collection::vec(any::<u8>(), (PREFIX + FIXED)..400), flags in 0_u32..4,
        ) {
            seal_prefix(&mut bytes, flags << 30, SALT);
            if let Ok(frame) = parse(&bytes, SALT) {
                let _ = frame.decode(&mut NameCache::default());
            }
        }

        #[test]
        fn a_record_with_wild_lengths_is_read_or_refused(at in 0_usize..90, value in any::<u8>()) {
            let mut bytes = sample();
            bytes[PREFIX + at] = value;
            seal_prefix(&mut bytes, LAST_OF_TRANSACTION, SALT);
            if let Ok(frame) = parse(&bytes, SALT) {
                let _ = frame.decode(&mut NameCache::default());
            }
        }
    }

    #[test]
    fn no_flipped_bit_and_no_cut_passes() {
        let bytes = sample();
        assert!(parse(&bytes, SALT).is_ok() && parse(&bytes, SALT + 1).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(parse(&flipped, SALT).is_err(), "bit {bit}");
        }
        for len in 0..bytes.len() {
            assert!(matches!(parse(&bytes[..len], SALT), Err(Bad::Short(_))), "cut to {len}");
        }
        assert!(matches!(parse(&[0; 500], SALT), Err(Bad::Broken("zeros instead of an event"))));
    }

    #[test]
    fn names_are_shared_and_their_cache_is_bounded() {
        let mut cache = NameCache::default();
        let first = cache.get("a");
        assert!(Arc::ptr_eq(&first, &cache.get("a")));
        (0..100).for_each(|n| drop(cache.get(&n.to_string())));
        assert_eq!((cache.recent.len(), &*cache.get("a")), (NameCache::KEPT, "a"));
    }
}
