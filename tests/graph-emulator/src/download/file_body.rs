//! A part of a file as a body: read in chunks, one chunk ahead of what is being sent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::drive::Content;

/// Large enough that switching threads costs little, small enough for many connections.
const CHUNK: u64 = 256 * 1024;

/// Bytes of a file that are still to be sent.
pub(crate) struct FileBody {
    file: Arc<Content>,
    /// Where the next chunk to be read starts.
    position: u64,
    end: u64,
    /// Bytes that were not handed on yet.
    remaining: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// `length` bytes from `first` on; the file must have them, or the transfer breaks off.
    pub(crate) fn new(file: Content, first: u64, length: u64) -> Self {
        let (end, file) = (first + length, Arc::new(file));
        Self { file, position: first, end, remaining: length, reading: None }
    }

    fn read_ahead(&mut self) {
        let length = CHUNK.min(self.end - self.position);
        if length == 0 {
            return;
        }
        let (file, position) = (Arc::clone(&self.file), self.position);
        self.position += length;
        self.reading = Some(spawn_blocking(move || {
            let mut chunk = vec![0; length as usize];
            file.read_exact_at(&mut chunk, position)?;
            Ok(chunk.into())
        }));
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.reading.is_none() {
            self.read_ahead();
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let chunk = ready!(Pin::new(reading).poll(context)).map_err(io::Error::other).flatten();
        self.reading = None;
        match chunk {
            Ok(chunk) => {
                self.remaining -= chunk.len() as u64;
                self.read_ahead();
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            Err(error) => {
                self.position = self.end;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
