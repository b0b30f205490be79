//! Reading a response body ahead of the guest: a task moves frames from the connection into a
//! bounded buffer, and the body that the guest reads takes them out in larger pieces.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use wasmtime_wasi_http::Error;

use super::failure;

/// One read of the guest gets at most one frame, and every read crosses the sandbox: small frames
/// are joined up to this size.
const COALESCE: usize = 256 << 10;

/// What the pumping task sends.
enum Piece {
    /// Bytes with their share of the buffer, which is given back when they are taken out.
    Data(Bytes, OwnedSemaphorePermit),
    /// The body is complete. A channel that closes without this was cut off.
    End,
    Failed(Error),
}

/// A response body that is read ahead. Dropping it stops the reading.
pub(super) struct PumpedBody {
    pieces: mpsc::UnboundedReceiver<Piece>,
    held: Option<Piece>,
    ended: bool,
    pump: JoinHandle<()>,
}

impl PumpedBody {
    /// Starts to read. `permit` is held until the connection is free again.
    pub(super) fn new(
        body: Incoming,
        read_ahead: usize,
        between_bytes: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        // Bytes bound the channel, by a permit each, so its number of entries need not.
        let (sender, pieces) = mpsc::unbounded_channel();
        let pump = tokio::spawn(async move {
            pump(body, read_ahead, between_bytes, &sender).await;
            drop(permit);
        });
        Self { pieces, held: None, ended: false, pump }
    }

    /// Joins small pieces that are there already to the first one.
    fn coalesce(&mut self, first: Bytes) -> Bytes {
        let mut joined: Option<BytesMut> = None;
        let mut length = first.len();
        while length < COALESCE {
            match self.pieces.try_recv() {
                Ok(Piece::Data(bytes, permit)) if length + bytes.len() <= COALESCE => {
                    length += bytes.len();
                    joined
                        .get_or_insert_with(|| {
                            let mut joined = BytesMut::with_capacity(COALESCE);
                            joined.extend_from_slice(&first);
                            joined
                        })
                        .extend_from_slice(&bytes);
                    drop(permit);
                }
                Ok(other) => {
                    self.held = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        joined.map_or(first, BytesMut::freeze)
    }
}

impl Body for PumpedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match self.held.take() {
            Some(piece) => Some(piece),
            None => ready!(self.pieces.poll_recv(context)),
        };
        match piece {
            Some(Piece::Data(bytes, permit)) => {
                drop(permit);
                let bytes = self.coalesce(bytes);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Piece::End) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Some(Piece::Failed(error)) => {
                self.ended = true;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.ended = true;
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Drop for PumpedBody {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn pump(
    mut body: Incoming,
    read_ahead: usize,
    between_bytes: Duration,
    sender: &mpsc::UnboundedSender<Piece>,
) {
    let room = Arc::new(Semaphore::new(read_ahead));
    loop {
        let last = match tokio::time::timeout(between_bytes, body.frame()).await {
            Err(_) => Piece::Failed(Error::ConnectionReadTimeout),
            Ok(None) => Piece::End,
            Ok(Some(Err(error))) => Piece::Failed(failure::of_body(&error)),
            Ok(Some(Ok(frame))) => {
                // Trailers are of no use to a guest of this world.
                let Ok(bytes) = frame.into_data() else { continue };
                // A frame larger than the whole buffer waits for all of it.
                let share = bytes.len().min(read_ahead);
                let share = u32::try_from(share).unwrap_or(u32::MAX);
                let Ok(permit) = Arc::clone(&room).acquire_many_owned(share).await else { return };
                if sender.send(Piece::Data(bytes, permit)).is_err() {
                    return;
                }
                continue;
            }
        };
        // Nobody is left to be told if the receiver is gone.
        let _ = sender.send(last);
        return;
    }
}
