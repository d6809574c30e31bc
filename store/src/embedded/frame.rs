//! One event on disk: a prefix that tells whether the bytes are whole, a binary envelope, the payload.
//!
//! ```text
//! prefix   u32 length of what follows the prefix; bit 31: last of its transaction, bit 30: last of its batch
//!          u32 CRC-32C of everything else, begun with the segment's salt
//!          u64 number of the batch
//! header   u64 position, 16 event id, i64 recorded at, u8 family, u8 codec (0: JSON, 1: compact),
//!          u8 which of the optional fields are there;
//!          varints: schema version, stream revision, occurred at − recorded at (signed);
//!          optional: 16 correlation id (else it is the event id), 16 causation id, varints: basis position,
//!          version of the rules, offset in the source (signed);
//!          names (see `names`): type, stream, producer, run
//! payload
//! chain    32 bytes, only in the last frame of a batch
//! ```
//!
//! All numbers of fixed length are little-endian, varints as `events::varint` has them. The salt differs from segment to segment, so a frame of another segment or of a
//! deleted file is no frame here.

use std::{ops::Range, sync::Arc};

use events::{Codec, Event, Recorded, Timestamp, Uuid, varint};

use super::{
    bytes::Bytes,
    chain::Hash,
    names::{Names, Naming, Written},
};
use crate::{MAX_EVENT_BYTES, Prepared, ReadError};

const LAST_OF_TRANSACTION: u32 = 1 << 31;
const LAST_OF_BATCH: u32 = 1 << 30;
const LENGTH: u32 = LAST_OF_BATCH - 1;
/// Bytes before the header.
pub(super) const PREFIX: usize = 16;
/// The least that a header has, with each varint and name in one byte.
const SHORTEST: usize = 8 + 16 + 8 + 3 + 3 + 4;
/// The most that it has beside the texts of its names.
const LONGEST_HEADER: usize = 256;
const CHAIN: usize = size_of::<Hash>();

/// Largest number of bytes that a frame has after its prefix.
const LONGEST: usize = LONGEST_HEADER + u8::MAX as usize + MAX_EVENT_BYTES + CHAIN;

const HAS_CORRELATION: u8 = 1;
const HAS_CAUSATION: u8 = 2;
const HAS_BASIS: u8 = 4;
const HAS_RULES: u8 = 8;
const HAS_OFFSET: u8 = 16;
const KNOWN: u8 = 31;

/// The names of a frame, in their order.
const TYPE: usize = 0;
const STREAM: usize = 1;
const PRODUCER: usize = 2;
const RUN: usize = 3;

/// Where an event goes.
pub(super) struct Place<'a> {
    pub batch: u64,
    pub position: u64,
    pub stream: &'a str,
    pub revision: u64,
    pub recorded_at: Timestamp,
    /// Offset of the frame in its segment.
    pub at: u32,
}

/// Appends the frame of an event; answers where in `out` its header is. `close` has to follow.
pub(super) fn encode(
    out: &mut Vec<u8>,
    place: &Place<'_>,
    prepared: &Prepared,
    naming: &mut Naming,
) -> Range<usize> {
    let event = &prepared.event;
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&place.batch.to_le_bytes());
    let start = out.len();
    out.extend_from_slice(&place.position.to_le_bytes());
    out.extend_from_slice(event.event_id.as_bytes());
    let recorded_at = place.recorded_at.micros();
    out.extend_from_slice(&recorded_at.to_le_bytes());
    out.extend_from_slice(&[event.event.family() as u8, prepared.codec as u8, present_in(event)]);
    varint::put(out, event.event.schema_version().into());
    varint::put(out, place.revision);
    varint::put_signed(out, event.occurred_at.micros().wrapping_sub(recorded_at));
    put_optional(out, event);
    naming.put_text(out, TYPE, event.event.event_type(), place.at);
    naming.put_text(out, STREAM, place.stream, place.at);
    naming.put_text(out, PRODUCER, &event.producer, place.at);
    naming.put_run(out, RUN, event.run_id, place.at);
    let header = start..out.len();
    out.extend_from_slice(&prepared.payload);
    header
}

fn present_in(event: &Recorded) -> u8 {
    let has = |bit, is_there| if is_there { bit } else { 0 };
    has(HAS_CORRELATION, event.correlation_id != event.event_id)
        | has(HAS_CAUSATION, event.causation_id.is_some())
        | has(HAS_BASIS, event.basis_position.is_some())
        | has(HAS_RULES, event.rules_version.is_some())
        | has(HAS_OFFSET, event.source_offset.is_some())
}

fn put_optional(out: &mut Vec<u8>, event: &Recorded) {
    if event.correlation_id != event.event_id {
        out.extend_from_slice(event.correlation_id.as_bytes());
    }
    if let Some(id) = event.causation_id {
        out.extend_from_slice(id.as_bytes());
    }
    let numbers = [event.basis_position, event.rules_version.map(u64::from)];
    numbers.into_iter().flatten().for_each(|number| varint::put(out, number));
    if let Some(offset) = event.source_offset {
        varint::put_signed(out, offset);
    }
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
    /// All bytes of the frame.
    pub whole: &'a [u8],
    pub header: &'a [u8],
    pub payload: &'a [u8],
    /// Type, stream, producer, run.
    pub names: [Written<'a>; 4],
    codec: Codec,
    envelope: Envelope,
}

/// How many bytes the frame at the start of these has, as far as its length can be right.
pub(super) fn frame_bytes(bytes: &[u8]) -> Result<usize, Bad> {
    let Some(word) = Bytes(bytes).u32() else { return Err(Bad::Short(PREFIX)) };
    let length = (word & LENGTH) as usize;
    if !(SHORTEST..=LONGEST).contains(&length) {
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
    let recorded_at = rest.i64()?;
    let [family, codec, present] = rest.array()?;
    let codec = Codec::from_code(codec).filter(|_| present & !KNOWN == 0)?;
    let rest = &mut rest.0;
    let schema_version = u16::try_from(varint::take(rest)?).ok()?;
    let revision = varint::take(rest)?;
    let occurred_at = recorded_at.wrapping_add(varint::take_signed(rest)?);
    let has = |bit| present & bit != 0;
    let envelope = Envelope {
        schema_version,
        occurred_at: Timestamp::from_micros(occurred_at),
        recorded_at: Timestamp::from_micros(recorded_at),
        correlation_id: if has(HAS_CORRELATION) { take_id(rest)? } else { event_id },
        causation_id: if has(HAS_CAUSATION) { Some(take_id(rest)?) } else { None },
        basis_position: if has(HAS_BASIS) { Some(varint::take(rest)?) } else { None },
        rules_version: if has(HAS_RULES) { Some(u32::try_from(varint::take(rest)?).ok()?) } else { None },
        source_offset: if has(HAS_OFFSET) { Some(varint::take_signed(rest)?) } else { None },
    };
    let names = [
        Written::take(rest, None)?,
        Written::take(rest, None)?,
        Written::take(rest, None)?,
        Written::take(rest, Some(size_of::<Uuid>()))?,
    ];
    let (header, payload) = record.split_at_checked(record.len() - rest.len())?;
    Some(Frame {
        batch: 0,
        last_of_transaction: false,
        chain: None,
        position,
        event_id,
        revision,
        family,
        whole: &[],
        header,
        payload,
        names,
        codec,
        envelope,
    })
}

fn take_id(rest: &mut &[u8]) -> Option<Uuid> {
    Bytes(rest).array().map(|bytes| {
        *rest = &rest[size_of::<Uuid>()..];
        Uuid::from_bytes(bytes)
    })
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

impl Frame<'_> {
    /// When the log took it in.
    pub(super) fn recorded_at(&self) -> Timestamp {
        self.envelope.recorded_at
    }

    /// The stream's name.
    pub(super) fn stream(&self, names: &Names, cache: &mut NameCache) -> Option<Arc<str>> {
        names.text(self.names[STREAM], cache)
    }

    /// The whole event; `names` are those of its segment.
    pub(super) fn decode(&self, names: &Names, cache: &mut NameCache) -> Result<Recorded, ReadError> {
        let failed = |message: String| ReadError::Decode { position: self.position, message: message.into() };
        let nameless = || {
            failed("its segment does not say what it is named; restore the segment from a backup".to_owned())
        };
        let event_type = names.text(self.names[TYPE], cache).ok_or_else(nameless)?;
        let stream = self.stream(names, cache).ok_or_else(nameless)?;
        let producer = names.text(self.names[PRODUCER], cache).ok_or_else(nameless)?;
        let run_id = names.run(self.names[RUN]).ok_or_else(nameless)?;
        let envelope = self.envelope;
        let event = Event::from_stored(&event_type, envelope.schema_version, self.codec, self.payload)
            .map_err(|error| failed(error.to_string()))?;
        if event.family() as u8 != self.family {
            // Readers choose by this number: an event that stands under another one would be kept from them.
            return Err(failed(format!("{event_type} does not belong to family {}", self.family)));
        }
        Ok(Recorded {
            position: self.position,
            event_id: self.event_id,
            schema_version: envelope.schema_version,
            stream,
            stream_revision: self.revision,
            occurred_at: envelope.occurred_at,
            recorded_at: envelope.recorded_at,
            producer,
            run_id,
            correlation_id: envelope.correlation_id,
            causation_id: envelope.causation_id,
            basis_position: envelope.basis_position,
            rules_version: envelope.rules_version,
            source_offset: envelope.source_offset,
            event,
        })
    }
}

#[derive(Clone, Copy)]
struct Envelope {
    schema_version: u16,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    basis_position: Option<u64>,
    rules_version: Option<u32>,
    source_offset: Option<i64>,
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
        let place = Place { batch: 3, position: 12, stream, revision: 4, recorded_at, at: 128 };
        let mut out = Vec::new();
        encode(&mut out, &place, &prepared, &mut Naming::default());
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
            prop_assert_eq!(frame.decode(&Names::default(), &mut NameCache::default()).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_a_frame_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse(&bytes, SALT).is_err());
        }

        // A right checksum over anything: what a tampering hand would write.
        #[test]
        fn any_header_with_a_right_checksum_is_read_or_refused(
            mut bytes in proptest::collection::vec(any::<u8>(), (PREFIX + SHORTEST)..400), flags in 0_u32..4,
        ) {
            seal_prefix(&mut bytes, flags << 30, SALT);
            if let Ok(frame) = parse(&bytes, SALT) {
                let _ = frame.decode(&Names::default(), &mut NameCache::default());
            }
        }

        #[test]
        fn a_record_with_wild_lengths_is_read_or_refused(at in 0_usize..90, value in any::<u8>()) {
            let mut bytes = sample();
            bytes[PREFIX + at] = value;
            seal_prefix(&mut bytes, LAST_OF_TRANSACTION, SALT);
            if let Ok(frame) = parse(&bytes, SALT) {
                let _ = frame.decode(&Names::default(), &mut NameCache::default());
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
