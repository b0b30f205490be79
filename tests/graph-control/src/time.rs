//! The emulator's clock.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::{Control, Result};

#[derive(Deserialize)]
struct Now {
    now_ms: i64,
}

impl Control {
    /// The emulator's time, in milliseconds since 1970.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn now_ms(&self) -> Result<i64> {
        self.get::<Now>("/clock").map(|now| now.now_ms)
    }

    /// Moves the clock forward; returns the new time.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn advance(&self, by: Duration) -> Result<i64> {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.post::<Now>("/clock", &json!({ "advance_ms": by })).map(|now| now.now_ms)
    }

    /// Moves the clock forward to a time if it is behind; returns the time then.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn at_least(&self, time_ms: i64) -> Result<i64> {
        self.post::<Now>("/clock", &json!({ "at_least_ms": time_ms })).map(|now| now.now_ms)
    }
}
