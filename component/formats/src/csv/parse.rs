//! Text to numbers and truth values. A value is taken only if it is exactly what the
//! text says; nothing is guessed, and nothing is cut off.

/// `true` or `false` in any case.
#[inline]
pub(super) fn boolean(cell: &[u8]) -> Option<bool> {
    match cell.len() {
        4 if cell.eq_ignore_ascii_case(b"true") => Some(true),
        5 if cell.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

/// Digits with an optional minus, without leading zeros, within 64 bits.
pub(super) fn integer(cell: &[u8]) -> Option<i64> {
    let (negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 digits stay below 2^64.
        value = value * 10 + u64::from(digit);
    }
    if negative { 0_i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// Powers of ten that a double holds exactly.
const EXACT: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// A decimal number, correctly rounded: sign, digits with or without a point, exponent; or `nan`,
/// `inf`, `infinity` in any case. No leading zeros before a digit, and nothing too large.
pub(super) fn float(cell: &[u8]) -> Option<f64> {
    let (negative, unsigned) = match cell {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if let [b'0', b'0'..=b'9', ..] = unsigned {
        return None;
    }
    let mut mantissa = 0_u64;
    let mut point = None;
    // 19 digits and a point: the mantissa stays below 2^64.
    if unsigned.len() <= 20 {
        for (at, byte) in unsigned.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            } else if *byte == b'.' && point.is_none() {
                point = Some(at);
            } else {
                return any_float(cell);
            }
        }
    }
    let decimals = point.map_or(0, |at| unsigned.len() - at - 1);
    let digits = unsigned.len() - usize::from(point.is_some());
    if digits == 0 || digits > 19 {
        return any_float(cell);
    }
    match scaled(mantissa, decimals) {
        Some(value) => Some(if negative { -value } else { value }),
        None => any_float(cell),
    }
}

/// `mantissa` divided by ten `decimals` times, if that can be done exactly up to one rounding.
#[inline(always)]
pub(super) fn scaled(mantissa: u64, decimals: usize) -> Option<f64> {
    if mantissa > 1 << 53 {
        return None;
    }
    // Both operands are exact, so that the quotient is rounded once: correctly.
    #[expect(clippy::cast_precision_loss, reason = "not above 2^53")]
    let value = mantissa as f64 / EXACT.get(decimals)?;
    Some(value)
}

/// Every other form. A finite number too large for a double is none.
#[cold]
fn any_float(cell: &[u8]) -> Option<f64> {
    let digits = cell.strip_prefix(b"+").unwrap_or(cell);
    if let [b'0', b'0'..=b'9', ..] = digits {
        return None;
    }
    let value: f64 = std::str::from_utf8(cell).ok()?.parse().ok()?;
    (value.is_finite() || !cell.iter().any(u8::is_ascii_digit)).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{boolean, float, integer};

    #[test]
    fn truth_values_are_written_out() {
        assert_eq!(boolean(b"TRUE"), Some(true));
        assert_eq!(boolean(b"False"), Some(false));
        for no in ["t", "yes", "1", ""] {
            assert_eq!(boolean(no.as_bytes()), None);
        }
    }

    #[test]
    fn integers_have_no_leading_zeros_and_fit_64_bits() {
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b"-12"), Some(-12));
        assert_eq!(integer(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
        for no in ["", "-", "007", "+5", "1.0", "1e3", "9223372036854775808", "12 ", "1_000"] {
            assert_eq!(integer(no.as_bytes()), None, "{no}");
        }
    }

    #[test]
    fn floats_are_decimal_and_finite_unless_written_so() {
        for (text, value) in
            [("1.5", 1.5), ("-0.25", -0.25), (".5", 0.5), ("5.", 5.0), ("+1.5", 1.5), ("1e3", 1e3)]
        {
            assert_eq!(float(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(float(b"0.1").map(f64::to_bits), Some(0.1_f64.to_bits()));
        assert_eq!(float(b"-inf"), Some(f64::NEG_INFINITY));
        assert!(float(b"NaN").is_some_and(f64::is_nan));
        for no in ["", ".", "-", "00.5", "+01.5", "1e400", "1,5", "1.2.3", "0x1p3", " 1.5"] {
            assert_eq!(float(no.as_bytes()), None, "{no}");
        }
    }

    proptest! {
        #[test]
        fn every_integer_reads_back(value: i64) {
            prop_assert_eq!(integer(value.to_string().as_bytes()), Some(value));
        }

        #[test]
        fn every_double_reads_back_as_the_standard_library_reads_it(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                let expected = text.parse::<f64>().unwrap().to_bits();
                prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(expected));
            }
        }

        #[test]
        fn short_decimals_are_rounded_correctly(mantissa in 0_u64..10_u64.pow(19), decimals in 0_usize..19) {
            let digits = format!("{mantissa:0width$}", width = decimals + 1);
            let (whole, fraction) = digits.split_at(digits.len() - decimals);
            let text = format!("-{whole}.{fraction}");
            let expected = text.parse::<f64>().unwrap().to_bits();
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(expected));
        }

        #[test]
        fn no_bytes_make_a_parser_panic(cell: Vec<u8>, text in "[-+0-9.:TZ e]{0,32}") {
            for cell in [&cell[..], text.as_bytes()] {
                let _ = (boolean(cell), integer(cell), float(cell));
            }
        }
    }
}
