//! Numbers and dates eight digits at a time: the plain forms, which nearly all cells have. Whatever
//! is not plain goes to `parse`, which defines what is taken; both agree where both take a cell.
//!
//! Eight bytes are one number, the first byte lowest. Taking `0` from each leaves its digit; shifting
//! the bytes up drops what follows the cell and puts zeros before its digits.

use super::parse;
use crate::dates;

/// A byte in each byte of a word.
const fn each(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// A cell within the bytes around it, which may be read, but do not count.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) start: usize,
    pub(super) stop: usize,
}

impl<'a> Cell<'a> {
    #[inline(always)]
    pub(super) fn text(self) -> &'a [u8] {
        &self.bytes[self.start..self.stop]
    }

    /// What stands between two quotes, if the cell begins and ends with one.
    #[inline(always)]
    pub(super) fn between(self, quote: u8) -> Option<Self> {
        let Self { bytes, start, stop } = self;
        let quoted = stop > start + 1 && bytes[start] == quote && bytes[stop - 1] == quote;
        quoted.then(|| Self { bytes, start: start + 1, stop: stop - 1 })
    }

    /// The eight bytes from `at` on; nothing near the end of the bytes.
    #[inline(always)]
    fn word(self, at: usize) -> Option<u64> {
        self.bytes.get(at..)?.first_chunk().map(|chunk| u64::from_le_bytes(*chunk))
    }

    /// The cell without a minus, and whether there was one.
    #[inline(always)]
    fn unsigned(self) -> (Self, bool) {
        let negative = self.start < self.stop && self.bytes[self.start] == b'-';
        (Self { start: self.start + usize::from(negative), ..self }, negative)
    }

    /// Whether a zero stands before another digit.
    #[inline(always)]
    fn has_leading_zero(self) -> bool {
        self.bytes[self.start] == b'0'
            && self.stop - self.start > 1
            && self.bytes[self.start + 1].is_ascii_digit()
    }
}

/// The value of the first `count` (1 to 8) bytes of a word, if all are digits.
#[inline(always)]
fn value(word: u64, count: usize) -> Option<u64> {
    let digits = (word ^ each(b'0')) << (8 * (8 - count));
    if (digits | digits.wrapping_add(each(6))) & each(0xF0) != 0 {
        return None;
    }
    // Neighbouring digits to pairs, pairs to fours, fours to eight.
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let first = (pairs & 0x0000_00FF_0000_00FF).wrapping_mul(100 + (1_000_000 << 32));
    let second = (pairs >> 16 & 0x0000_00FF_0000_00FF).wrapping_mul(1 + (10_000 << 32));
    Some(first.wrapping_add(second) >> 32)
}

/// Where the first point among the first `count` bytes of a word is.
#[inline(always)]
fn point(word: u64, count: usize) -> Option<usize> {
    let differing = word ^ each(b'.');
    let points = differing.wrapping_sub(each(1)) & !differing & each(0x80);
    let at = points.trailing_zeros() as usize / 8;
    (at < count).then_some(at)
}

/// The value of the first `count` (1 to 8) bytes of a word, of which one may be a point, and how
/// many digits follow the point.
#[inline(always)]
fn pointed(word: u64, count: usize) -> Option<(u64, Option<usize>)> {
    match point(word, count) {
        None => Some((value(word, count)?, None)),
        Some(_) if count == 1 => None,
        Some(at) => {
            let before = (1 << (8 * at)) - 1;
            let joined = word & before | word >> 8 & !before;
            Some((value(joined, count - 1)?, Some(count - 1 - at)))
        }
    }
}

/// An integer, as [`parse::integer`] takes it.
#[inline(always)]
pub(super) fn integer(cell: Cell<'_>) -> Option<i64> {
    let (digits, negative) = cell.unsigned();
    let count = digits.stop - digits.start;
    if let 1..=8 = count
        && let Some(word) = digits.word(digits.start)
    {
        let value = value(word, count)?.cast_signed();
        return (!digits.has_leading_zero()).then_some(if negative { -value } else { value });
    }
    parse::integer(cell.text())
}

/// A float, as [`parse::float`] takes it.
#[inline(always)]
pub(super) fn float(cell: Cell<'_>) -> Option<f64> {
    match plain_float(cell) {
        Some(value) => Some(value),
        None => parse::float(cell.text()),
    }
}

/// Digits with or without a point, at most 16 characters.
#[inline(always)]
fn plain_float(cell: Cell<'_>) -> Option<f64> {
    let (digits, negative) = cell.unsigned();
    let count = digits.stop - digits.start;
    let (mantissa, decimals) = match count {
        1..=8 => {
            let (mantissa, decimals) = pointed(digits.word(digits.start)?, count)?;
            (mantissa, decimals.unwrap_or(0))
        }
        9..=16 => {
            let head = pointed(digits.word(digits.start)?, count - 8)?;
            let tail = digits.word(digits.stop - 8)?;
            match head {
                (head, Some(decimals)) => (head * 100_000_000 + value(tail, 8)?, decimals + 8),
                (head, None) => match pointed(tail, 8)? {
                    (tail, Some(decimals)) => (head * 10_000_000 + tail, decimals),
                    (tail, None) => (head * 100_000_000 + tail, 0),
                },
            }
        }
        _ => return None,
    };
    if digits.has_leading_zero() {
        return None;
    }
    let value = parse::scaled(mantissa, decimals)?;
    Some(if negative { -value } else { value })
}

/// A date, as [`dates::date`] takes it.
#[inline(always)]
pub(super) fn date(cell: Cell<'_>) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *cell.text() else { return None };
    let digits = u64::from_le_bytes([y1, y2, y3, y4, m1, m2, d1, d2]) ^ each(b'0');
    if (digits | digits.wrapping_add(each(6))) & each(0xF0) != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let pair = |at: u32| (pairs >> (16 * at) & 0xFF) as u32;
    dates::days(pair(0) * 100 + pair(1), pair(2), pair(3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Cell, date, float, integer};
    use crate::csv::parse;
    use crate::dates;

    /// The text among other bytes, and the text at the end of the bytes.
    fn check(text: &str) -> Result<(), TestCaseError> {
        let around = format!("9{text}9.99-99999");
        for cell in [
            Cell { bytes: around.as_bytes(), start: 1, stop: 1 + text.len() },
            Cell { bytes: text.as_bytes(), start: 0, stop: text.len() },
        ] {
            let bytes = text.as_bytes();
            prop_assert_eq!(integer(cell), parse::integer(bytes));
            let bits = |value: Option<f64>| value.map(f64::to_bits);
            prop_assert_eq!(bits(float(cell)), bits(parse::float(bytes)), "{}", text);
            prop_assert_eq!(date(cell), dates::date(bytes));
        }
        Ok(())
    }

    #[test]
    fn numbers_of_every_length_are_as_they_are_parsed_byte_by_byte() {
        for length in 0..24 {
            let digits = "123456789012345678901234"[..length].to_owned();
            check(&digits).unwrap();
            check(&format!("-{digits}")).unwrap();
            for at in 0..=length {
                check(&format!("{}.{}", &digits[..at], &digits[at..])).unwrap();
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn every_text_is_taken_as_it_is_parsed_byte_by_byte(
            number in "-?[0-9]{0,12}\\.?[0-9]{0,12}",
            noise in "[-+0-9.e/:,; x]{0,18}",
            date in "[0-2][0-9]{3}[-0][01][0-9][-1][0-3][0-9]",
        ) {
            check(&number)?;
            check(&noise)?;
            check(&date)?;
        }
    }
}
