//! Bodies: what an answer can consist of, and counting bytes as they pass.

use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;

use crate::download::FileBody;
use crate::journal::ByteCounter;

/// An answer before it is counted.
pub(crate) type Reply = Response<Body>;

/// The body of an answer.
pub(crate) enum Body {
    /// Bytes in memory: JSON, a sentence, nothing.
    Memory(Full<Bytes>),
    /// Bytes of a file, read as they are sent.
    File(FileBody),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self::Memory(Full::default())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::Memory(Full::new(bytes.into()))
    }
}

/// An answer of one line of plain text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Body::from(text));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Memory(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(|never| match never {}))),
            Self::File(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Memory(body) => body.is_end_stream(),
            Self::File(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Memory(body) => body.size_hint(),
            Self::File(body) => body.size_hint(),
        }
    }
}

/// A body whose bytes are counted as they are handed on.
pub(crate) struct Counted<B> {
    body: B,
    counter: ByteCounter,
}

impl<B> Counted<B> {
    pub(crate) fn new(body: B, counter: ByteCounter) -> Self {
        Self { body, counter }
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
            self.counter.fetch_add(data.len() as u64, Ordering::Relaxed);
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
