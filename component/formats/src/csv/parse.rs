//! Text to numbers, truth values, dates and times. A value is taken only if it is exactly what the
//! text says; nothing is guessed, and nothing is cut off.

const DAY: i64 = 86_400 * SECOND;
const SECOND: i64 = 1_000_000;

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

/// `2024-02-29` as days since 1970-01-01.
pub(super) fn date(cell: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *cell else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    days(year, two(m1, m2)?, two(d1, d2)?)
}

/// Days from 1970-01-01 to a date, if it exists, in the years 1 to 9999.
#[inline(always)]
pub(super) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_of(year, month) {
        return None;
    }
    // Years that begin in March end in the leap day, and their months follow one formula.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // From 0000-03-01 to 1970-01-01.
    Some(days.cast_signed() - 719_468)
}

fn days_of(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// `23:59:59` or `23:59:59.999999` as microseconds since midnight.
#[inline]
pub(super) fn time(cell: &[u8]) -> Option<i64> {
    let (minutes, rest) = minutes(cell)?;
    let (seconds, rest) = seconds(rest)?;
    rest.is_empty().then_some(minutes + seconds)
}

/// A date, or a date and a time of day with or without an offset from UTC, as microseconds since
/// 1970-01-01T00:00. The flag says that an offset stood there, and the instant is in UTC then.
#[inline]
pub(super) fn timestamp(cell: &[u8]) -> Option<(i64, bool)> {
    let (day, rest) = cell.split_at_checked(10)?;
    let midnight = i64::from(date(day)?) * DAY;
    let clock = match rest {
        [] => return Some((midnight, false)),
        [b'T' | b' ', clock @ ..] => clock,
        _ => return None,
    };
    let (minutes, rest) = minutes(clock)?;
    let (seconds, rest) = if rest.first() == Some(&b':') { seconds(rest)? } else { (0, rest) };
    let local = midnight + minutes + seconds;
    match rest {
        [] => Some((local, false)),
        zone => Some((local - offset(zone)?, true)),
    }
}

/// `23:59`, and what follows.
fn minutes(cell: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = cell else { return None };
    let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
    (hours < 24 && minutes < 60).then(|| (i64::from(hours * 60 + minutes) * 60 * SECOND, rest))
}

/// `:59` with an optional fraction, and what follows. Digits below a microsecond must be zero.
fn seconds(cell: &[u8]) -> Option<(i64, &[u8])> {
    let [b':', s1, s2, rest @ ..] = cell else { return None };
    let whole = two(*s1, *s2).filter(|seconds| *seconds < 60)?;
    let [b'.', fraction @ ..] = rest else { return Some((i64::from(whole) * SECOND, rest)) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = fraction.split_at(digits);
    let (kept, finer) = digits.split_at(digits.len().min(6));
    if digits.is_empty() || finer.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let padded = kept.iter().chain(std::iter::repeat(&b'0')).take(6);
    let micros = padded.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((i64::from(whole) * SECOND + micros, rest))
}

/// `Z`, `UTC`, `+02`, `+0200` or `+02:00`, after a space or not, in microseconds.
fn offset(zone: &[u8]) -> Option<i64> {
    let zone = zone.strip_prefix(b" ").unwrap_or(zone);
    let (hours, minutes, sign) = match *zone {
        [b'Z'] | [b'U', b'T', b'C'] => return Some(0),
        [sign, h1, h2] => (two(h1, h2)?, 0, sign),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (two(h1, h2)?, two(m1, m2)?, sign),
        _ => return None,
    };
    let ahead = i64::from(hours * 60 + minutes) * 60 * SECOND;
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(ahead),
        b'-' => Some(-ahead),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{boolean, date, float, integer, time, timestamp};

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

    #[test]
    fn dates_are_iso_and_exist() {
        assert_eq!(date(b"1970-01-01"), Some(0));
        assert_eq!(date(b"2000-02-29"), Some(11_016));
        assert_eq!(date(b"1969-12-31"), Some(-1));
        assert_eq!(date(b"0001-01-01"), Some(-719_162));
        assert_eq!(date(b"9999-12-31"), Some(2_932_896));
        for no in ["1900-02-29", "2024-13-01", "2024-00-10", "2024-01-32", "2024-1-1", "0000-01-01"]
        {
            assert_eq!(date(no.as_bytes()), None, "{no}");
        }
    }

    #[test]
    fn times_have_seconds_and_at_most_microseconds() {
        assert_eq!(time(b"00:00:01.5"), Some(1_500_000));
        assert_eq!(time(b"23:59:59"), Some(86_399_000_000));
        assert_eq!(time(b"23:59:59.123456000"), Some(86_399_123_456));
        for no in ["24:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.", "12:00:00.1234567"] {
            assert_eq!(time(no.as_bytes()), None, "{no}");
        }
    }

    #[test]
    fn timestamps_tell_whether_they_know_their_offset() {
        assert_eq!(timestamp(b"1970-01-02T00:00:00"), Some((86_400_000_000, false)));
        assert_eq!(timestamp(b"1970-01-02 00:01"), Some((86_460_000_000, false)));
        assert_eq!(timestamp(b"1970-01-02"), Some((86_400_000_000, false)));
        assert_eq!(timestamp(b"1970-01-01T00:00:00.000001Z"), Some((1, true)));
        for text in
            ["1970-01-01T02:00:00+02:00", "1969-12-31 19:00:00 -0500", "1970-01-01T01:00+01"]
        {
            assert_eq!(timestamp(text.as_bytes()), Some((0, true)), "{text}");
        }
        for no in ["1970-01-01T", "1970-01-01T00:00:00+24:00", "1970-01-01T00:00X", "1970-01-01x"] {
            assert_eq!(timestamp(no.as_bytes()), None, "{no}");
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
        fn days_count_on(day in -719_162_i32..2_932_896) {
            let next = civil(day + 1);
            prop_assert_eq!(date(next.as_bytes()), Some(day + 1));
        }

        #[test]
        fn no_bytes_make_a_parser_panic(cell: Vec<u8>, text in "[-+0-9.:TZ e]{0,32}") {
            for cell in [&cell[..], text.as_bytes()] {
                let _ = (boolean(cell), integer(cell), float(cell));
                let _ = (date(cell), time(cell), timestamp(cell));
            }
        }
    }

    /// The date of a day, by walking the years: slow, and not the formula under test.
    fn civil(day: i32) -> String {
        let mut left = day + 719_162;
        let leap = |year: i32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let mut year = 1 + left / 146_097 * 400;
        left %= 146_097;
        while left >= 365 + i32::from(leap(year)) {
            left -= 365 + i32::from(leap(year));
            year += 1;
        }
        let february = 28 + i32::from(leap(year));
        let mut month = 0;
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        while left >= lengths[month] {
            left -= lengths[month];
            month += 1;
        }
        format!("{year:04}-{:02}-{:02}", month + 1, left + 1)
    }
}
