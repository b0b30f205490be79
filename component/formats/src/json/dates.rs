//! Dates and instants in the form of ISO 8601. A text is taken only if it is exactly what it says:
//! nothing is guessed, and nothing is cut off.

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// `2024-02-29` as days since 1970-01-01, in the years 1 to 9999.
#[inline]
pub(super) fn date(text: &[u8]) -> Option<i32> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
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

/// A date, or a date and a time of day, as microseconds since 1970-01-01T00:00. The flag says that
/// an offset from UTC stood there; the instant is in UTC then.
#[inline]
pub(super) fn instant(text: &[u8]) -> Option<(i64, bool)> {
    let (day, rest) = text.split_at_checked(10)?;
    let midnight = i64::from(date(day)?) * DAY;
    let clock = match rest {
        [] => return Some((midnight, false)),
        [b'T' | b' ', clock @ ..] => clock,
        _ => return None,
    };
    let (time, zone) = clock_time(clock)?;
    match zone {
        [] => Some((midnight + time, false)),
        zone => Some((midnight + time - offset(zone)?, true)),
    }
}

/// `23:59:59` with or without a fraction, as microseconds since midnight.
pub(super) fn time(text: &[u8]) -> Option<i64> {
    clock_time(text).filter(|(_, rest)| rest.is_empty()).map(|(time, _)| time)
}

/// `23:59` or `23:59:59.999999`, and what follows. Digits below a microsecond must be zero.
fn clock_time(text: &[u8]) -> Option<(i64, &[u8])> {
    let [h1, h2, b':', m1, m2, rest @ ..] = text else { return None };
    let (hours, minutes) = (two(*h1, *h2)?, two(*m1, *m2)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let whole = i64::from(hours * 60 + minutes) * 60 * SECOND;
    let [b':', s1, s2, rest @ ..] = rest else { return Some((whole, rest)) };
    let seconds = two(*s1, *s2).filter(|seconds| *seconds < 60)?;
    let whole = whole + i64::from(seconds) * SECOND;
    let [b'.', fraction @ ..] = rest else { return Some((whole, rest)) };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = fraction.split_at(digits);
    let (kept, finer) = digits.split_at(digits.len().min(6));
    if digits.is_empty() || finer.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let padded = kept.iter().chain(std::iter::repeat(&b'0')).take(6);
    let micros = padded.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some((whole + micros, rest))
}

/// `Z`, `+02`, `+0200` or `+02:00`, in microseconds.
fn offset(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *zone {
        [b'Z'] => return Some(0),
        [sign, h1, h2] => (sign, two(h1, h2)?, 0),
        [sign, h1, h2, m1, m2] | [sign, h1, h2, b':', m1, m2] => (sign, two(h1, h2)?, two(m1, m2)?),
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
    use super::{date, instant, time};

    #[test]
    fn dates_exist() {
        assert_eq!((date(b"1970-01-01"), date(b"2000-02-29")), (Some(0), Some(11_016)));
        assert_eq!((date(b"0001-01-01"), date(b"9999-12-31")), (Some(-719_162), Some(2_932_896)));
        for no in ["1900-02-29", "2024-13-01", "2024-01-32", "2024-1-1", "0000-01-01", "20240101"] {
            assert_eq!(date(no.as_bytes()), None, "{no}");
        }
    }

    #[test]
    fn instants_tell_whether_they_know_their_offset() {
        assert_eq!(instant(b"1970-01-02"), Some((86_400_000_000, false)));
        assert_eq!(instant(b"1970-01-01 00:01"), Some((60_000_000, false)));
        assert_eq!(instant(b"1970-01-01T00:00:00.000001Z"), Some((1, true)));
        for text in ["1970-01-01T02:00:00+02:00", "1969-12-31T19:00-0500", "1970-01-01T01:00+01"] {
            assert_eq!(instant(text.as_bytes()), Some((0, true)), "{text}");
        }
        for no in ["1970-01-01T", "1970-01-01T24:00", "1970-01-01T00:00X", "1970-01-01x", "1970"] {
            assert_eq!(instant(no.as_bytes()), None, "{no}");
        }
        assert_eq!(instant(b"1970-01-01T00:00:00.1234567Z"), None);
    }

    #[test]
    fn times_of_day_stand_alone() {
        assert_eq!(time(b"00:00:01.5"), Some(1_500_000));
        assert_eq!(time(b"00:00:01Z"), None);
    }
}
