//! Dates, times and instants in the form of ISO 8601. A text is taken only if it is exactly what it
//! says: nothing is guessed, and nothing is cut off.

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// `2024-02-29` as days since 1970-01-01.
pub(crate) fn date(cell: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *cell else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    days(year, two(m1, m2)?, two(d1, d2)?)
}

/// Days from 1970-01-01 to a date, if it exists, in the years 1 to 9999.
#[inline(always)]
pub(crate) fn days(year: u32, month: u32, day: u32) -> Option<i32> {
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
pub(crate) fn time(cell: &[u8]) -> Option<i64> {
    let (minutes, rest) = minutes(cell)?;
    let (seconds, rest) = seconds(rest)?;
    rest.is_empty().then_some(minutes + seconds)
}

/// A date, or a date and a time of day with or without an offset from UTC, as microseconds since
/// 1970-01-01T00:00. The flag says that an offset stood there, and the instant is in UTC then.
#[inline]
pub(crate) fn timestamp(cell: &[u8]) -> Option<(i64, bool)> {
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

    use super::{date, time, timestamp};

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
        fn days_count_on(day in -719_162_i32..2_932_896) {
            let next = civil(day + 1);
            prop_assert_eq!(date(next.as_bytes()), Some(day + 1));
        }

        #[test]
        fn no_bytes_make_a_parser_panic(bytes: Vec<u8>, text in "[-+0-9.:TUCZ ]{0,32}") {
            for bytes in [&bytes[..], text.as_bytes()] {
                let _ = (date(bytes), time(bytes), timestamp(bytes));
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
