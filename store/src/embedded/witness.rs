//! A value of the hash chain to keep elsewhere: whoever has one can hold the log to it.

use std::{fmt, str::FromStr};

use events::Uuid;

use super::chain::Hash;

/// The chain's value after an event. As text: log id, position and hash in hexadecimal digits, with colons between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The log.
    pub log_id: Uuid,
    /// The position of the event, the last of its batch; 0 before the first.
    pub position: u64,
    /// The chain's value after it.
    pub chain: Hash,
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.log_id, self.position)?;
        self.chain.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a text is no seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no seal: it is written LOG-ID:POSITION:HASH, as `tradewarden seal` prints it")]
pub struct NoSeal(String);

impl FromStr for Seal {
    type Err = NoSeal;

    fn from_str(text: &str) -> Result<Self, NoSeal> {
        parse(text.trim()).ok_or_else(|| NoSeal(text.trim().chars().take(200).collect()))
    }
}

fn parse(text: &str) -> Option<Seal> {
    let mut parts = text.split(':');
    let (log_id, position, hash) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || hash.len() != 2 * size_of::<Hash>() || !hash.is_ascii() {
        return None;
    }
    let mut chain = Hash::default();
    for (byte, digits) in chain.iter_mut().zip(hash.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Seal { log_id: log_id.parse().ok()?, position: position.parse().ok()?, chain })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_seal_is_read_back(id: u128, position: u64, chain: Hash) {
            let seal = Seal { log_id: Uuid::from_u128(id), position, chain };
            prop_assert_eq!(seal.to_string().parse(), Ok(seal));
        }

        #[test]
        fn any_text_is_a_seal_or_refused(text in "\\PC{0,120}") {
            let _ = text.parse::<Seal>();
        }
    }

    #[test]
    fn what_is_no_seal_says_how_one_is_written() {
        let error = "abc".parse::<Seal>().unwrap_err();
        assert!(error.to_string().contains("LOG-ID:POSITION:HASH"), "{error}");
    }
}
