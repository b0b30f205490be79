//! The one place that sends, with the policy for trying again.
//!
//! [`Sender::send`] decides from status and headers alone, so that Graph,
//! download hosts and the token endpoint share one policy: throttling answers
//! and passing failures are repeated after the wait that the service asks
//! for, else after an exponential wait with jitter, never past the deadline.
//! What waits for one connection of an application is told to its others
//! through the bucket `pause`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use crate::contract::ScanMetrics;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Bucket, Ports, Request, Response, Timeouts, TimestampMs, TransportError};
use crate::url::HttpsUrl;

/// Tries of one request, the first included.
const ATTEMPTS: u32 = 7;
/// Tries where no answer ever comes: a person may be waiting for the news.
const UNANSWERED: u32 = 4;
/// The first wait without a `Retry-After`; doubles with each try.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait without a `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The longest `Retry-After` that is waited for; a longer one is reported.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Traffic decoration as the service asks for it: undecorated traffic is
/// throttled first.
const USER_AGENT: &str =
    concat!("NONISV|onedrive-datasource|OneDriveDatasource/", env!("CARGO_PKG_VERSION"));

/// What was asked of the service so far.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Requests sent, tries included.
    pub requests: Cell<u64>,
    /// Bytes of bodies received.
    pub bytes: Cell<u64>,
    /// Requests sent again.
    pub retries: Cell<u64>,
    /// Answers that asked to slow down.
    pub throttled: Cell<u64>,
}

impl Counters {
    /// As a reader's metrics; rows and warnings are the reader's to tell.
    pub(crate) fn metrics(&self) -> ScanMetrics {
        ScanMetrics {
            requests: self.requests.get(),
            bytes: self.bytes.get(),
            retries: self.retries.get(),
            throttled: self.throttled.get(),
            ..ScanMetrics::default()
        }
    }

    /// Adds to a counter.
    pub(crate) fn add(counter: &Cell<u64>, n: u64) {
        counter.set(counter.get().saturating_add(n));
    }
}

/// The point after which nothing is waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deadline(pub Option<TimestampMs>);

impl Deadline {
    /// Whether waiting until `then` passes it.
    pub(crate) fn forbids(self, then: TimestampMs) -> bool {
        self.0.is_some_and(|deadline| then > deadline)
    }

    /// An error if it has passed.
    pub(crate) fn check(self, now: TimestampMs) -> Result<()> {
        if self.forbids(now) {
            return Err(Error::new(
                ErrorKind::DeadlineExceeded,
                "The deadline passed before the read was done.",
            )
            .hint("Read less (fewer columns, LIMIT), or allow more time."));
        }
        Ok(())
    }
}

/// A body-less or small-bodied request that may be sent several times.
#[derive(Clone)]
pub(crate) struct Template {
    pub(crate) method: Method,
    pub(crate) url: HttpsUrl,
    pub(crate) headers: HeaderMap,
    pub(crate) body: bytes::Bytes,
}

impl Template {
    pub(crate) fn get(url: HttpsUrl, headers: HeaderMap) -> Self {
        Self { method: Method::GET, url, headers, body: bytes::Bytes::new() }
    }
}

/// Sends requests and repeats them by one policy.
pub(crate) struct Sender {
    ports: Rc<Ports>,
    counters: Rc<Counters>,
    /// The key under which waits are shared; one per application and
    /// directory.
    pause_key: String,
}

impl Sender {
    pub(crate) fn new(ports: Rc<Ports>, counters: Rc<Counters>, pause_key: String) -> Self {
        Self { ports, counters, pause_key }
    }

    pub(crate) fn ports(&self) -> &Rc<Ports> {
        &self.ports
    }

    pub(crate) fn counters(&self) -> &Rc<Counters> {
        &self.counters
    }

    /// Sends until there is an answer that is neither throttling nor a
    /// passing failure, and returns it whatever its status.
    pub(crate) async fn send(&self, template: &Template, deadline: Deadline) -> Result<Response> {
        let host = template.url.host().to_owned();
        let (mut attempt, mut answered) = (0, false);
        loop {
            self.respect_pause(deadline).await?;
            deadline.check(self.ports.clock.now())?;
            attempt += 1;
            Counters::add(&self.counters.requests, 1);
            let outcome = self.ports.http.send(self.request(template)).await;
            let (failure, wait, most) = match outcome {
                Ok(response) if !is_passing(response.status) => return Ok(response),
                Ok(response) => {
                    answered = true;
                    let (failure, wait) = self.passing(&host, &response, attempt);
                    (failure, wait, ATTEMPTS)
                }
                Err(error) if error.is_transient() => {
                    let most = if answered { ATTEMPTS } else { UNANSWERED };
                    (Error::transport(&host, &error), self.backoff(attempt), most)
                }
                Err(error) => return Err(Error::transport(&host, &error)),
            };
            let now = self.ports.clock.now();
            let until = now.saturating_add(millis(wait));
            if attempt >= most || wait > LONGEST_RETRY_AFTER || deadline.forbids(until) {
                return Err(failure.retry_after(wait));
            }
            Counters::add(&self.counters.retries, 1);
            self.ports.clock.sleep(wait).await;
        }
    }

    fn request(&self, template: &Template) -> Request {
        let mut headers = template.headers.clone();
        headers.insert(http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT));
        Request {
            method: template.method.clone(),
            url: template.url.clone(),
            headers,
            body: template.body.clone(),
            timeouts: Timeouts::default(),
        }
    }

    /// What a throttling or passing answer means: the error if it stays, and
    /// the wait before the next try.
    fn passing(&self, host: &str, response: &Response, attempt: u32) -> (Error, Duration) {
        let status = response.status;
        let asked = retry_after(&response.headers, self.ports.clock.now());
        let wait = asked.unwrap_or_else(|| self.backoff(attempt));
        if !is_throttling(status) {
            let message = format!("{host} answered {status} and does not work at present.");
            return (Error::new(ErrorKind::Unavailable, message), wait);
        }
        Counters::add(&self.counters.throttled, 1);
        if let Some(asked) = asked {
            self.share_pause(asked);
        }
        let message = format!("{host} asks to slow down ({status}).");
        let error = Error::new(ErrorKind::Throttled, message)
            .hint("Try again later; many requests of one application share one allowance.");
        (error, wait)
    }

    /// An exponential wait with jitter: between half and all of it.
    fn backoff(&self, attempt: u32) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        let full = doubled.min(LONGEST_WAIT);
        let mut byte = [0];
        self.ports.random.fill(&mut byte);
        full / 2 + full / 2 * u32::from(byte[0]) / 255
    }

    /// Waits until a pause that any connection of the application was told of
    /// is over. The store failing here stops nothing: it is only a hint.
    async fn respect_pause(&self, deadline: Deadline) -> Result<()> {
        let stored = self.ports.store.get(Bucket::Pause, &self.pause_key).ok().flatten();
        let until = stored.as_deref().and_then(parse_pause).unwrap_or(0);
        let now = self.ports.clock.now();
        let wait = pause_left(until, now);
        if wait.is_zero() {
            return Ok(());
        }
        if deadline.forbids(now.saturating_add(millis(wait))) {
            return Err(Error::new(
                ErrorKind::Throttled,
                "OneDrive asked this application to pause for longer than the deadline allows.",
            )
            .retry_after(wait));
        }
        self.ports.clock.sleep(wait).await;
        Ok(())
    }

    fn share_pause(&self, wait: Duration) {
        let until = self.ports.clock.now().saturating_add(millis(wait.min(LONGEST_RETRY_AFTER)));
        // A lost hint costs one more throttled answer, so failures are ignored.
        let _ = self.ports.store.set(Bucket::Pause, &self.pause_key, until.to_string().as_bytes());
    }

    /// Reads a body whole, up to a limit in bytes. A body cut short is an
    /// error that trying again may mend.
    pub(crate) async fn read_body(
        &self,
        response: &mut Response,
        limit: usize,
    ) -> Result<Vec<u8>, BodyError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.body.chunk().await.map_err(BodyError::Cut)? {
            Counters::add(&self.counters.bytes, chunk.len() as u64);
            if body.len() + chunk.len() > limit {
                return Err(BodyError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// Why a body was not read whole.
#[derive(Debug)]
pub(crate) enum BodyError {
    Cut(TransportError),
    TooLarge,
}

/// What is left of a pause. None is ever set for longer than the longest
/// `Retry-After`, so one that seems longer was set before the clock went back.
fn pause_left(until: TimestampMs, now: TimestampMs) -> Duration {
    let wait = Duration::from_millis(u64::try_from(until.saturating_sub(now)).unwrap_or(0));
    if wait > LONGEST_RETRY_AFTER { Duration::ZERO } else { wait }
}

fn parse_pause(value: &[u8]) -> Option<TimestampMs> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

pub(crate) fn millis(duration: Duration) -> TimestampMs {
    TimestampMs::try_from(duration.as_millis()).unwrap_or(TimestampMs::MAX)
}

/// 429 (rate), 503 (busy or blocked) and 509 (bandwidth).
fn is_throttling(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 503 | 509)
}

/// Throttling, and what may work a moment later. 507 is final.
fn is_passing(status: StatusCode) -> bool {
    is_throttling(status) || matches!(status.as_u16(), 408 | 500 | 502 | 504)
}

/// `Retry-After` in every form seen: integer, fraction, HTTP date.
fn retry_after(headers: &HeaderMap, now: TimestampMs) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (0.0..=86_400.0 * 30.0)
            .contains(&seconds)
            .then(|| Duration::from_secs_f64(seconds));
    }
    let date = chrono::DateTime::parse_from_rfc2822(text).ok()?;
    let wait = date.timestamp_millis().saturating_sub(now).max(0);
    Some(Duration::from_millis(u64::try_from(wait).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn parsed(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_str(value).unwrap());
        retry_after(&headers, 1_767_691_800_000) // 2026-01-06T09:30:00Z
    }

    #[test]
    fn retry_after_is_read_as_integer_fraction_and_date() {
        assert_eq!(parsed("31"), Some(Duration::from_secs(31)));
        assert_eq!(parsed("2.128"), Some(Duration::from_millis(2128)));
        assert_eq!(parsed("Tue, 06 Jan 2026 09:30:10 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(parsed("Tue, 06 Jan 2026 09:00:00 GMT"), Some(Duration::ZERO));
        for odd in ["soon", "-1", "NaN", "inf", ""] {
            assert_eq!(parsed(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_pause_is_waited_out_unless_the_clock_went_back_since() {
        assert_eq!(pause_left(5_000, 2_000), Duration::from_secs(3));
        assert_eq!(pause_left(2_000, 5_000), Duration::ZERO);
        assert_eq!(pause_left(86_400_000, 0), Duration::ZERO);
    }

    #[test]
    fn what_may_work_later_is_told_from_what_is_final() {
        for passing in [408, 429, 500, 502, 503, 504, 509] {
            assert!(is_passing(StatusCode::from_u16(passing).unwrap()), "{passing}");
        }
        for last in [200, 206, 302, 400, 401, 403, 404, 410, 416, 501, 507] {
            assert!(!is_passing(StatusCode::from_u16(last).unwrap()), "{last}");
        }
    }
}
