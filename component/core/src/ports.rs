//! The four ports through which the connector reaches the world.
//!
//! `Http`, `Clock`, `Random` and `Store` are all it has; adapters for WASI
//! and for the native target implement them elsewhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::url::HttpsUrl;

/// A future of the single thread that the connector runs on.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Limits in real time that the adapter, not the connector, enforces.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two reads of the body.
    pub between_bytes: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
        }
    }
}

/// A request. `Debug` shows neither headers nor body nor query, which may
/// hold credentials.
pub struct Request {
    /// GET, or POST to a token endpoint.
    pub method: Method,
    /// Where to.
    pub url: HttpsUrl,
    /// All headers but `host`.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Limits for this request.
    pub timeouts: Timeouts,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method, self.url)
    }
}

/// An answer whose body is yet to come.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, pulled chunk by chunk.
    pub body: Box<dyn Body>,
}

/// The body of an answer.
pub trait Body {
    /// The next bytes, or `None` at the end. A body cut short is an error,
    /// never an end.
    fn chunk(&mut self) -> LocalFuture<'_, Result<Option<Bytes>, TransportError>>;
}

/// Why no answer, or no whole answer, came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The host's egress policy refused the request.
    #[error("the host does not allow this request")]
    Denied,
    /// The name cannot be resolved.
    #[error("the host name cannot be resolved")]
    NameNotFound,
    /// The certificate was not accepted.
    #[error("the server's certificate was not accepted")]
    Certificate,
    /// No connection, or it broke.
    #[error("{0}")]
    Connection(String),
    /// A time-out of [`Timeouts`] passed.
    #[error("the server did not answer in time")]
    TimedOut,
    /// The request itself cannot be sent; trying again is no use.
    #[error("{0}")]
    Invalid(String),
}

impl TransportError {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::TimedOut)
    }
}

/// Sends requests. Follows no redirects, keeps no cookies, decodes nothing.
pub trait Http {
    /// Sends a request; the future is ready when the headers have come.
    fn send(&self, request: Request) -> LocalFuture<'_, Result<Response, TransportError>>;
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type TimestampMs = i64;

/// Tells the time and waits.
///
/// Waiting may take no real time at all (a host under a simulated clock), so
/// a request is never raced against it: see [`Timeouts`].
pub trait Clock {
    /// The present time.
    fn now(&self) -> TimestampMs;
    /// Ready once the duration has passed.
    fn sleep(&self, duration: Duration) -> LocalFuture<'_, ()>;
}

/// A source of unpredictable bytes.
pub trait Random {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// One of the buckets that the host bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// This connection's own.
    Connection,
    /// What an administrator set up for many connections; read only.
    Installation,
    /// Throttling hints shared by the connections of one application.
    Pause,
}

impl Bucket {
    /// The label by which the host knows it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Installation => "installation",
            Self::Pause => "pause",
        }
    }
}

/// Why the store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The bucket is not there or not for this use.
    #[error("the host does not offer the bucket for this use")]
    Denied,
    /// There is no room for the value.
    #[error("{0}")]
    Full(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Keeps small values between calls and instances.
pub trait Store {
    /// The value of a key.
    fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Sets a key, whatever it held.
    fn set(&self, bucket: Bucket, key: &str, value: &[u8]) -> Result<(), StoreError>;
    /// Removes a key; it is fine if there is none.
    fn delete(&self, bucket: Bucket, key: &str) -> Result<(), StoreError>;
    /// Sets a key if it holds `expected`; false if it holds something else.
    fn compare_and_swap(
        &self,
        bucket: Bucket,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool, StoreError>;
}

/// The four ports together.
pub struct Ports {
    /// Requests.
    pub http: Box<dyn Http>,
    /// Time.
    pub clock: Box<dyn Clock>,
    /// Randomness.
    pub random: Box<dyn Random>,
    /// State.
    pub store: Box<dyn Store>,
}
