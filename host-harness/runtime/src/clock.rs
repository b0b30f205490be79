//! The clock that guests see, and its port: the host may serve another time than the system's.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use wasmtime::component::Resource;
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::instance::Host;

/// The time of guests. Limits and request time-outs of the host always run in real time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time of day.
    async fn now(&self) -> SystemTime;

    /// Time since some fixed start; never goes back.
    fn monotonic(&self) -> Duration;

    /// Returns when the duration has passed on this clock.
    async fn sleep(&self, duration: Duration);
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    async fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl wall_clock::Host for Host {
    async fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let since = self.clock.now().await.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(wall_clock::Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
    }
}

impl monotonic_clock::Host for Host {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX))
    }

    async fn subscribe_duration(
        &mut self,
        nanoseconds: u64,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let clock = Arc::clone(&self.clock);
        let at = clock.monotonic().saturating_add(Duration::from_nanos(nanoseconds));
        let timer = self.table().push(Timer { clock, at, over: false })?;
        subscribe(self.table(), timer)
    }
}

/// Becomes ready at a time of the clock.
struct Timer {
    clock: Arc<dyn Clock>,
    at: Duration,
    over: bool,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        let left = self.at.saturating_sub(self.clock.monotonic());
        if !self.over && !left.is_zero() {
            self.clock.sleep(left).await;
        }
        // The clock said so; its monotonic time may lag behind.
        self.over = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sleeps take no time but move the clock.
    struct Jumping(std::sync::Mutex<Duration>);

    #[async_trait]
    impl Clock for Jumping {
        async fn now(&self) -> SystemTime {
            UNIX_EPOCH + self.monotonic()
        }

        fn monotonic(&self) -> Duration {
            *self.0.lock().unwrap()
        }

        async fn sleep(&self, duration: Duration) {
            *self.0.lock().unwrap() += duration;
        }
    }

    #[tokio::test]
    async fn a_timer_follows_the_clock_it_was_given() {
        let clock = Arc::new(Jumping(std::sync::Mutex::default()));
        let mut timer = Timer { clock: clock.clone(), at: Duration::from_secs(300), over: false };
        let started = Instant::now();
        timer.ready().await;
        timer.ready().await;
        assert_eq!(clock.monotonic(), Duration::from_secs(300), "it slept once");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
