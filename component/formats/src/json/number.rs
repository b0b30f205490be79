//! Numbers: their grammar, and what they are as integers and doubles.

use super::token::{Cursor, Stop, Value};

/// A number as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number<'a> {
    pub(super) text: &'a [u8],
    /// The digits before the exponent as one number; meaningless above 19 digits.
    mantissa: u64,
    digits: usize,
    decimals: usize,
    exponent: bool,
    negative: bool,
}

/// Powers of ten that a double holds exactly.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
/// More digits may not fit 64 bits.
const MOST_DIGITS: usize = 19;
/// Integers up to this have a double of their own.
const LARGEST_EXACT: u64 = 1 << 53;

impl<'a> Number<'a> {
    /// The number that begins at `start`, and where it ends. Some byte has to follow it, since a
    /// digit might.
    #[inline(always)]
    pub(super) fn read(bytes: &'a [u8], start: usize) -> Result<(Self, usize), Stop> {
        let negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(negative);
        let mut mantissa = 0_u64;
        let mut end = digits(bytes, first, &mut mantissa)?;
        if bytes[first] == b'0' {
            // A zero stands alone; what follows a leading one is a fault that the caller finds.
            (end, mantissa) = (first + 1, 0);
        }
        let mut count = end - first;
        let (mut decimals, mut exponent) = (0, false);
        if byte(bytes, end)? == b'.' {
            let fraction = end + 1;
            end = digits(bytes, fraction, &mut mantissa)?;
            decimals = end - fraction;
            count += decimals;
        }
        if let b'e' | b'E' = byte(bytes, end)? {
            let sign = end + 1;
            let from = sign + usize::from(matches!(byte(bytes, sign)?, b'+' | b'-'));
            end = digits(bytes, from, &mut 0)?;
            byte(bytes, end)?;
            exponent = true;
        }
        let text = &bytes[start..end];
        Ok((Self { text, mantissa, digits: count, decimals, exponent, negative }, end))
    }

    /// The number that a text is, and nothing else.
    pub(super) fn of(text: &[u8]) -> Option<(Option<i64>, Option<f64>)> {
        let ended = [text, b" "].concat();
        let mut cursor = Cursor::new(&ended);
        match cursor.value() {
            Ok(Value::Number(number)) if cursor.at() == text.len() => {
                Some((number.integer(), number.double()))
            }
            _ => None,
        }
    }

    /// Whether it is written without a point and exponent.
    pub(super) fn is_whole(&self) -> bool {
        self.decimals == 0 && !self.exponent
    }

    /// Its value as an integer of 64 bits, if it is one.
    #[inline(always)]
    pub(super) fn integer(&self) -> Option<i64> {
        if !self.is_whole() || self.digits > MOST_DIGITS {
            return self.rounded();
        }
        if self.negative {
            0_i64.checked_sub_unsigned(self.mantissa)
        } else {
            i64::try_from(self.mantissa).ok()
        }
    }

    /// `5.0` and `5e0` are as good as `5`.
    #[cold]
    fn rounded(&self) -> Option<i64> {
        let value = if self.is_whole() { None } else { self.double() }?;
        #[expect(clippy::cast_precision_loss, reason = "exact")]
        let most = LARGEST_EXACT as f64;
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        (value.trunc() == value && value.abs() <= most).then_some(value as i64)
    }

    /// Its value as a double, correctly rounded; nothing where it is too large for one.
    #[inline(always)]
    pub(super) fn double(&self) -> Option<f64> {
        if self.exponent || self.digits > MOST_DIGITS || self.mantissa > LARGEST_EXACT {
            return self.any_double();
        }
        let Some(power) = EXACT.get(self.decimals) else { return self.any_double() };
        // Both operands are exact, so that the quotient is rounded once: correctly.
        #[expect(clippy::cast_precision_loss, reason = "not above 2^53")]
        let value = self.mantissa as f64 / power;
        Some(if self.negative { -value } else { value })
    }

    #[cold]
    fn any_double(&self) -> Option<f64> {
        let value: f64 = std::str::from_utf8(self.text).ok()?.parse().ok()?;
        value.is_finite().then_some(value)
    }

    /// Whether a double holds all digits of an integer.
    pub(super) fn is_exact(&self) -> bool {
        let digits = self.text.strip_prefix(b"-").unwrap_or(self.text);
        (self.digits <= MOST_DIGITS && self.mantissa <= LARGEST_EXACT)
            || self.double().is_some_and(|value| format!("{:.0}", value.abs()).as_bytes() == digits)
    }
}

#[inline(always)]
fn byte(bytes: &[u8], at: usize) -> Result<u8, Stop> {
    bytes.get(at).copied().ok_or(Stop::Incomplete)
}

/// Where the digits from `at` on end; at least one must stand there.
#[inline(always)]
fn digits(bytes: &[u8], start: usize, value: &mut u64) -> Result<usize, Stop> {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        *value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    match bytes.get(at) {
        None => Err(Stop::Incomplete),
        Some(_) if at == start => Err(Stop::Broken { at, reason: "a digit should stand here" }),
        Some(_) => Ok(at),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Number;

    fn exact(text: &str) -> bool {
        let text = format!("{text} ");
        Number::read(text.as_bytes(), 0).unwrap().0.is_exact()
    }

    #[test]
    fn integers_fit_64_bits() {
        let integer = |text: &str| Number::of(text.as_bytes()).and_then(|(integer, _)| integer);
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("123456789012345678901234567890"), None);
        assert_eq!((integer("5.0"), integer("-2e3"), integer("5.5")), (Some(5), Some(-2000), None));
        assert_eq!(integer("0"), Some(0));
    }

    #[test]
    fn what_is_no_number_in_json_is_none() {
        for text in ["", "-", "01", "1.", ".5", "+1", "1e", "NaN", "1 ", " 1", "0x1"] {
            assert!(Number::of(text.as_bytes()).is_none(), "{text}");
        }
        assert_eq!(Number::of(b"1e400"), Some((None, None)));
    }

    #[test]
    fn integers_that_a_double_would_round_are_known() {
        assert!(exact("9007199254740992") && exact("18446744073709551616"));
        assert!(!exact("9007199254740993") && !exact("-12345678901234567890123"));
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_the_standard_library_reads_them(bits: u64, whole: i64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value:e}"), format!("{value:.3}")] {
                let read = Number::of(text.as_bytes()).unwrap().1.map(f64::to_bits);
                prop_assert_eq!(read, Some(text.parse::<f64>().unwrap().to_bits()));
            }
            let text = whole.to_string();
            prop_assert_eq!(Number::of(text.as_bytes()).unwrap().0, Some(whole));
        }
    }
}
