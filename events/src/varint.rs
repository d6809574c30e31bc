//! Whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the highest bit of a byte says that
//! another one follows (LEB128). Each number has one form; what is longer than it has to be is none.

/// Appends a number.
pub fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a number with a sign: small ones of either sign are short.
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value << 1 ^ value >> 63) as u64);
}

/// Takes a number from the front; nothing where there is none.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if at == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return (*byte != 0 || at == 0).then_some(value);
        }
    }
    None
}

/// Takes a number with a sign.
pub fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_read_back(value: u64, signed: i64, shift in 0_u32..64) {
            let mut bytes = Vec::new();
            put(&mut bytes, value >> shift);
            put_signed(&mut bytes, signed >> shift);
            let mut rest = bytes.as_slice();
            prop_assert_eq!((take(&mut rest), take_signed(&mut rest)), (Some(value >> shift), Some(signed >> shift)));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn any_bytes_are_the_one_form_of_a_number_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut rest = bytes.as_slice();
            if let Some(value) = take(&mut rest) {
                let mut again = Vec::new();
                put(&mut again, value);
                prop_assert_eq!(&again, &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn small_numbers_are_short_and_the_largest_has_ten_bytes() {
        let bytes = |value| {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            bytes
        };
        assert_eq!((bytes(0), bytes(127), bytes(128)), (vec![0], vec![127], vec![0x80, 1]));
        assert_eq!(bytes(u64::MAX).len(), 10);
        for wrong in [&[][..], &[0x80], &[0x80, 0], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(take(&mut &*wrong), None, "{wrong:?}");
        }
    }
}
