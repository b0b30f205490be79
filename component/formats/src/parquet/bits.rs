//! Numbers of any width: packed from the lowest bit on, or in as many bytes as they need.

/// Calls `each` for `count` numbers of `width` bits (at most 32) that stand from bit `from` on.
/// Bits after the last byte are 0.
pub(super) fn unpack(
    bytes: &[u8],
    from: usize,
    width: u32,
    count: usize,
    mut each: impl FnMut(u32),
) {
    let mask = u32::MAX.checked_shr(32 - width).unwrap_or(0);
    let mut at = from;
    let mut left = count;
    // Up to eight bits, eight numbers are in the eight bytes that begin at a byte.
    if width <= 8 && at.is_multiple_of(8) {
        while left >= 8 {
            let mut word = word(bytes, at / 8);
            for _ in 0..8 {
                each(word as u32 & mask);
                word >>= width;
            }
            at += 8 * width as usize;
            left -= 8;
        }
    }
    for _ in 0..left {
        each((word(bytes, at / 8) >> (at % 8)) as u32 & mask);
        at += width as usize;
    }
}

/// The number of `width` bits (at most 64) that stands from bit `from` on.
pub(super) fn wide(bytes: &[u8], from: usize, width: u32) -> u64 {
    let (low, shift) = (word(bytes, from / 8), from % 8);
    let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
    let high = match shift {
        0 => 0,
        _ => word(bytes, from / 8 + 8) << (64 - shift),
    };
    (low >> shift | high) & mask
}

/// A number of any length, seven bits a byte, the lowest first; nothing if it breaks off or has more
/// than 64 bits.
pub(super) fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Eight bytes from `at` on, with 0 after the last.
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            let rest = bytes.get(at..).unwrap_or_default();
            rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{unpack, wide};

    /// Packs numbers bit by bit.
    fn pack(numbers: &[u64], width: u32, from: usize) -> Vec<u8> {
        let mut bytes = vec![0; (from + numbers.len() * width as usize).div_ceil(8)];
        for (index, number) in numbers.iter().enumerate() {
            for bit in 0..width as usize {
                let at = from + index * width as usize + bit;
                bytes[at / 8] |= u8::from(number >> bit & 1 == 1) << (at % 8);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            numbers in proptest::collection::vec(any::<u64>(), 0..80),
            width in 0_u32..=64,
            from in 0_usize..24,
        ) {
            let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
            let numbers: Vec<_> = numbers.iter().map(|number| number & mask).collect();
            let bytes = pack(&numbers, width, from);
            for (index, number) in numbers.iter().enumerate() {
                prop_assert_eq!(wide(&bytes, from + index * width as usize, width), *number);
            }
            if width <= 32 {
                let mut found = Vec::new();
                unpack(&bytes, from, width, numbers.len(), |number| found.push(u64::from(number)));
                prop_assert_eq!(found, numbers);
            }
        }
    }
}
