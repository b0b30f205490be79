//! The emulator's clock as the clock that guests see: a long wait takes no time, and both sides
//! agree on when a token expires.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use datasource_runtime::Clock;

use crate::emulator::Control;

/// Waits up to this long are real.
const REAL_WAIT: Duration = Duration::from_secs(1);

/// Follows the emulator's clock.
#[derive(Debug)]
pub(crate) struct RemoteClock {
    control: Control,
    start: Instant,
    /// Time that was skipped instead of waited, in nanoseconds.
    skipped: AtomicU64,
}

impl RemoteClock {
    pub(crate) fn new(control: Control) -> Self {
        Self { control, start: Instant::now(), skipped: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Clock for RemoteClock {
    async fn now(&self) -> SystemTime {
        match self.control.clock().await {
            Ok(millis) => UNIX_EPOCH + Duration::from_millis(millis),
            // The emulator is gone, and the next request will say so better than a clock can.
            Err(_) => SystemTime::now(),
        }
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed() + Duration::from_nanos(self.skipped.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        if duration <= REAL_WAIT {
            return tokio::time::sleep(duration).await;
        }
        let moved = match self.control.clock().await {
            Ok(now) => {
                let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
                self.control.at_least(now.saturating_add(millis)).await
            }
            Err(error) => Err(error),
        };
        match moved {
            Ok(()) => {
                let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                self.skipped.fetch_add(nanos, Ordering::Relaxed);
            }
            Err(_) => tokio::time::sleep(duration).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Answers every request with the same time and keeps what was asked.
    async fn emulator(now_ms: u64) -> (Control, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control = Control::new(listener.local_addr().unwrap());
        let (asked, requests) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                let body = format!("{{\"now_ms\":{now_ms}}}");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                asked.send(String::from_utf8_lossy(&request[..read]).into_owned()).unwrap();
            }
        });
        (control, requests)
    }

    #[tokio::test]
    async fn a_long_wait_moves_the_emulators_clock_and_takes_no_time() {
        let (control, mut requests) = emulator(1_000).await;
        let clock = RemoteClock::new(control);
        let (real, before) = (Instant::now(), clock.monotonic());
        clock.sleep(Duration::from_secs(300)).await;
        assert!(real.elapsed() < Duration::from_secs(5));
        assert!(clock.monotonic() - before >= Duration::from_secs(300));
        assert!(requests.recv().await.unwrap().starts_with("GET /clock"));
        assert!(requests.recv().await.unwrap().ends_with("{\"at_least_ms\":301000}"));
    }

    #[tokio::test]
    async fn the_time_of_day_is_the_emulators() {
        let (control, _requests) = emulator(86_400_000).await;
        let now = RemoteClock::new(control).now().await;
        assert_eq!(now, UNIX_EPOCH + Duration::from_secs(86_400));
    }
}
