//! The emulator's clock, real time plus an offset, and the spellings of time in the protocols.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;

/// The latest time the clock can be set to: the end of the year 9999.
const LATEST_MS: i64 = 253_402_300_799_999;

/// A clock that runs with real time and can be moved.
pub(crate) struct Clock {
    offset_ms: AtomicI64,
}

/// The clock was asked to show a time before 1970 or after the year 9999.
#[derive(Debug, thiserror::Error)]
#[error("the clock cannot be set before 1970 or after the year 9999")]
pub(crate) struct OutOfRange;

impl Clock {
    pub(crate) fn new(offset_ms: i64) -> Self {
        Self { offset_ms: AtomicI64::new(offset_ms) }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now_ms(&self) -> i64 {
        real_ms().saturating_add(self.offset_ms())
    }

    /// How far this clock is ahead of real time.
    pub(crate) fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst)
    }

    /// Moves the clock by `by_ms`, which may be negative.
    pub(crate) fn advance(&self, by_ms: i64) -> Result<i64, OutOfRange> {
        self.update(|now| now.checked_add(by_ms))
    }

    /// Moves the clock forward to `time_ms` if it is behind; never back.
    pub(crate) fn at_least(&self, time_ms: i64) -> Result<i64, OutOfRange> {
        self.update(|now| Some(now.max(time_ms)))
    }

    /// Sets the clock.
    pub(crate) fn set(&self, time_ms: i64) -> Result<i64, OutOfRange> {
        self.update(|_| Some(time_ms))
    }

    /// Sets how far this clock is ahead of real time.
    pub(crate) fn set_offset(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::SeqCst);
    }

    fn update(&self, change: impl Fn(i64) -> Option<i64>) -> Result<i64, OutOfRange> {
        let real = real_ms();
        let moved = |offset: i64| {
            change(real.saturating_add(offset))
                .filter(|time| (0..=LATEST_MS).contains(time))
                .map(|time| time - real)
        };
        self.offset_ms
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved)
            .map_err(|_| OutOfRange)?;
        Ok(self.now_ms())
    }
}

fn real_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(LATEST_MS)
}

/// `2026-01-06T09:30:00Z`, as Graph writes times of items.
pub(crate) fn iso(ms: i64) -> String {
    format(ms, "%Y-%m-%dT%H:%M:%SZ")
}

/// The same with digits of a fraction of a second, as older rows have them. (1.6)
pub(crate) fn iso_digits(ms: i64, digits: usize) -> String {
    if digits == 0 {
        return iso(ms);
    }
    let fraction = format!("{:03}0000", ms.rem_euclid(1_000));
    format!("{}.{}Z", iso_without_zone(ms), &fraction[..digits.min(7)])
}

/// `2026-01-06T09:30:00`, as Graph writes times in errors: without a zone.
pub(crate) fn iso_without_zone(ms: i64) -> String {
    format(ms, "%Y-%m-%dT%H:%M:%S")
}

/// `2026-01-06 09:30:00Z`, as Entra ID writes times.
pub(crate) fn entra(ms: i64) -> String {
    format(ms, "%Y-%m-%d %H:%M:%SZ")
}

/// `Tue, 06 Jan 2026 09:30:00 GMT`, as HTTP headers write times.
pub(crate) fn http(ms: i64) -> String {
    format(ms, "%a, %d %b %Y %H:%M:%S GMT")
}

fn format(ms: i64, pattern: &str) -> String {
    let time = DateTime::from_timestamp_millis(ms.clamp(0, LATEST_MS)).unwrap_or_default();
    time.format(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_forward_to_a_time_and_never_back_to_it() {
        let clock = Clock::new(0);
        let ahead = clock.now_ms() + 300_000;
        assert!(clock.at_least(ahead).unwrap() >= ahead);
        let before = clock.now_ms();
        assert!(clock.at_least(5).unwrap() >= before);
    }

    #[test]
    fn the_clock_refuses_times_that_the_protocols_cannot_write() {
        let clock = Clock::new(0);
        assert!(clock.advance(i64::MAX).is_err());
        assert!(clock.set(-1).is_err());
        assert_eq!(clock.offset_ms(), 0);
    }

    #[test]
    fn each_protocol_has_its_spelling_of_a_time() {
        let ms = 1_767_691_800_123;
        assert_eq!(iso(ms), "2026-01-06T09:30:00Z");
        assert_eq!(iso_without_zone(ms), "2026-01-06T09:30:00");
        assert_eq!(iso_digits(ms, 0), "2026-01-06T09:30:00Z");
        assert_eq!(iso_digits(ms, 2), "2026-01-06T09:30:00.12Z");
        assert_eq!(iso_digits(ms, 7), "2026-01-06T09:30:00.1230000Z");
        assert_eq!(entra(ms), "2026-01-06 09:30:00Z");
        assert_eq!(http(ms), "Tue, 06 Jan 2026 09:30:00 GMT");
    }
}
