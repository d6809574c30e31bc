//! A small record of a place that the log has certainly reached. It is written when a segment is sealed and when the
//! log is closed, and protects what no later batch vouches for: a log that ends before it has lost something.

use std::io;

use events::Uuid;

use super::{
    bytes::Bytes,
    chain::Hash,
    error::{FORMAT_VERSION, OpenFault, refuse_other_version},
    files::{Access, Folder, Named, write_whole},
};

/// Name of the file.
pub(super) const HEAD: &str = "HEAD";
const MAGIC: &[u8; 8] = b"twhead\n\0";
const BYTES: usize = 84;

/// A batch that was durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub log_id: Uuid,
    /// Position of its last event; 0 in a new log.
    pub position: u64,
    pub batch: u64,
    /// The chain's value after it.
    pub chain: Hash,
}

impl Head {
    pub(super) fn write(&self, folder: &dyn Folder) -> io::Result<()> {
        write_whole(folder, HEAD, &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u64::from(FORMAT_VERSION).to_le_bytes());
        bytes.extend_from_slice(self.log_id.as_bytes());
        bytes.extend_from_slice(&self.position.to_le_bytes());
        bytes.extend_from_slice(&self.batch.to_le_bytes());
        bytes.extend_from_slice(&self.chain);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, checksum) = bytes.split_last_chunk()?;
        let mut rest = Bytes(content);
        let ours = &rest.array::<8>()? == MAGIC && rest.u64()? == u64::from(FORMAT_VERSION);
        let whole = bytes.len() == BYTES && crc32c::crc32c(content) == u32::from_le_bytes(*checksum);
        let head = Self {
            log_id: Uuid::from_bytes(rest.array()?),
            position: rest.u64()?,
            batch: rest.u64()?,
            chain: rest.array()?,
        };
        (ours && whole).then_some(head)
    }

    pub(super) fn read(folder: &dyn Folder) -> Result<Self, OpenFault> {
        let file = Named::open(folder, HEAD, Access::Read)?;
        let mut bytes = [0; BYTES + 1];
        let read = file.read_some(&mut bytes, 0)?;
        refuse_other_version(&file, &bytes[..read], MAGIC)?;
        let damaged = || {
            file.damaged(0, "the record of the last known position is damaged; restore it from a backup (an older one will do)")
        };
        Ok(Self::decode(&bytes[..read]).ok_or_else(damaged)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_written_and_no_flipped_bit_passes() {
        let head = Head { log_id: Uuid::from_u128(7), position: 9, batch: 3, chain: [5; 32] };
        let bytes = head.encode();
        assert_eq!((bytes.len(), Head::decode(&bytes)), (BYTES, Some(head)));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Head::decode(&flipped), None, "bit {bit}");
        }
        assert!((0..BYTES).all(|len| Head::decode(&bytes[..len]).is_none()));
    }
}
