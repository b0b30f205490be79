//! Bodies: what an answer can consist of, compressing it, and counting bytes as they pass.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::download::FileBody;
use crate::faults::Tampered;
use crate::journal::Tally;
use crate::throttle::Meter;

/// Smaller bodies are not worth compressing.
const MIN_COMPRESSED: usize = 1_024;
/// Larger bodies are compressed on a thread of their own, since it takes a while.
const MAX_COMPRESSED_HERE: usize = 64 * 1_024;

/// An answer before it is counted.
pub(crate) type Reply = Response<Body>;

/// The body of an answer.
pub(crate) enum Body {
    /// Bytes in memory: JSON, a sentence, nothing.
    Memory(Bytes),
    /// Bytes of a file, read as they are sent.
    File(FileBody),
    /// One of the others, which a fault bends.
    Tampered(Box<Tampered>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::Memory(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::Memory(bytes.into())
    }
}

/// An answer of one line of plain text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// The same answer, compressed if it is JSON of some length and `asked` allows it. (11.21)
pub(crate) async fn compressed(mut reply: Reply, asked: &HeaderMap) -> Reply {
    if !accepts_gzip(asked) || !is_json(reply.headers()) {
        return reply;
    }
    let Body::Memory(bytes) = reply.body() else { return reply };
    if bytes.len() <= MIN_COMPRESSED {
        return reply;
    }
    let bytes = bytes.clone();
    let packed = if bytes.len() <= MAX_COMPRESSED_HERE {
        gzip(&bytes)
    } else {
        let packing = tokio::task::spawn_blocking(move || gzip(&bytes));
        packing.await.map_err(io::Error::other).flatten()
    };
    if let Ok(packed) = packed {
        *reply.body_mut() = packed.into();
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    reply
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.starts_with(b"application/json") && !headers.contains_key(CONTENT_ENCODING)
}

/// Whether `Accept-Encoding` names gzip, with a weight above nothing.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && parts.all(|parameter| {
                let weight = parameter.strip_prefix("q=").or(parameter.strip_prefix("Q="));
                weight.is_none_or(|weight| weight.parse().is_ok_and(|q: f32| q > 0.0))
            })
    })
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Memory(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Memory(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::File(body) => Pin::new(body).poll_frame(context),
            Self::Tampered(body) => Pin::new(&mut **body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Memory(bytes) => bytes.is_empty(),
            Self::File(body) => body.is_end_stream(),
            Self::Tampered(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Memory(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::File(body) => body.size_hint(),
            Self::Tampered(body) => body.size_hint(),
        }
    }
}

/// A body whose bytes are counted as they are handed on.
pub(crate) struct Counted<B> {
    body: B,
    tally: Tally,
    meter: Option<Meter>,
}

impl<B> Counted<B> {
    pub(crate) fn new(body: B, tally: Tally) -> Self {
        Self { body, tally, meter: None }
    }

    /// The same body, whose bytes also count against somebody's allowance.
    pub(crate) fn metered(self, meter: Option<Meter>) -> Self {
        Self { meter, ..self }
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.tally.add(data.len() as u64);
            if let Some(meter) = &mut self.meter {
                meter.add(data.len() as u64);
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;

    async fn answered(accept: &str, kind: &'static str, length: usize) -> Reply {
        let mut asked = HeaderMap::new();
        asked.insert(ACCEPT_ENCODING, HeaderValue::from_str(accept).unwrap());
        let mut reply = Response::new(Body::from("x".repeat(length)));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        compressed(reply, &asked).await
    }

    #[tokio::test]
    async fn json_of_some_length_is_compressed_when_asked() {
        let json = "application/json;charset=utf-8";
        for (accept, kind, length, is_compressed) in [
            ("gzip", json, 2_000, true),
            ("br, GZIP;q=0.5", json, 200_000, true),
            ("gzip;q=0", json, 2_000, false),
            ("identity", json, 2_000, false),
            ("gzip", json, 1_024, false),
            ("gzip", "text/csv", 2_000, false),
        ] {
            let reply = answered(accept, kind, length).await;
            let is_marked = reply.headers().contains_key(CONTENT_ENCODING);
            assert_eq!(is_marked, is_compressed, "{accept} {kind} {length}");
        }
    }

    #[tokio::test]
    async fn a_compressed_body_is_the_same_body() {
        let reply = answered("gzip", "application/json", 70_000).await;
        let packed = reply.into_body().collect().await.unwrap().to_bytes();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert!(packed.len() < 1_000);
        assert_eq!(text, "x".repeat(70_000));
    }

    proptest! {
        #[test]
        fn any_accept_encoding_is_judged(text in "[ -~]{0,60}") {
            let mut asked = HeaderMap::new();
            asked.insert(ACCEPT_ENCODING, HeaderValue::from_str(&text).unwrap());
            let _ = accepts_gzip(&asked);
        }
    }
}
