//! The way between a client and the emulator: latency and bandwidth of a connection, in real time.
//!
//! Off until it is set: `{"latency_ms":80,"bandwidth_bytes_per_second":25000000}`, either alone,
//! `null` for none. The latency is that of a round trip; the bandwidth is that of each connection,
//! each way. A change is for
//! connections that are opened later. It sits between TCP and TLS, so a
//! TLS handshake takes its round trips; that of TCP is paid before the first byte goes in. CONNECT
//! is answered at once: the proxy is taken to be near.
//!
//! Without a shape a connection is TCP itself. With one, two carriers run beside it: each takes
//! bytes as they come, and hands them on in the same order when they are due, so many pieces are
//! under way at once, as many as fit on the line and no more.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex, split,
};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::faults::Line;

const MAX_LATENCY_MS: u64 = 60_000;
/// Slower connections would not even shake hands.
const MIN_BANDWIDTH: u64 = 1_000;
/// The largest piece that moves at once.
const MAX_PIECE: usize = 64 * 1024;
const MIN_PIECE: usize = 512;
/// Bytes under way, each way, at most.
const MAX_ROOM: usize = 16 * 1024 * 1024;
/// Bytes that wait to be taken by a carrier.
const NEAR_END: usize = 256 * 1024;
/// What a TLS handshake and the first request are, at most.
const OPENING_BYTES: usize = 16 * 1024;

/// A setting that makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NetworkRefused {
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    #[error(
        "latency_ms must be from 0 to {MAX_LATENCY_MS}, bandwidth_bytes_per_second at least \
         {MIN_BANDWIDTH}"
    )]
    Range,
}

/// What connections are like that are opened now.
#[derive(Default)]
pub(crate) struct Network(Mutex<Option<Shape>>);

/// What one connection is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shape {
    /// Of a round trip.
    latency_ms: u64,
    bandwidth_bytes_per_second: Option<u64>,
}

impl Network {
    /// Sets latency and bandwidth of connections that are opened later; `null` is neither.
    pub(crate) fn set(&self, json: Value) -> Result<(), NetworkRefused> {
        let shape: Shape = serde_json::from_value::<Option<_>>(json)?.unwrap_or_default();
        if shape.latency_ms > MAX_LATENCY_MS
            || shape.bandwidth_bytes_per_second.is_some_and(|rate| rate < MIN_BANDWIDTH)
        {
            return Err(NetworkRefused::Range);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(shape).filter(|shape| *shape != Shape::default());
        Ok(())
    }

    /// What a connection that is opened now is like; none if it is TCP alone.
    pub(crate) fn shape(&self) -> Option<Shape> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shape {
    fn round_trip(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// How long the line is taken by so many bytes.
    fn time_of(&self, bytes: usize) -> Duration {
        match self.bandwidth_bytes_per_second {
            Some(rate) => Duration::from_secs_f64(bytes as f64 / rate as f64),
            None => Duration::ZERO,
        }
    }

    /// What opening a connection takes longer than without a shape.
    pub(crate) fn opening_time(&self) -> Duration {
        self.round_trip() * 4 + self.time_of(OPENING_BYTES)
    }

    /// Small enough that a slow line moves often.
    fn piece(&self) -> usize {
        let step = self.bandwidth_bytes_per_second.map_or(u64::MAX, |rate| rate / 50);
        usize::try_from(step).unwrap_or(usize::MAX).clamp(MIN_PIECE, MAX_PIECE)
    }

    /// As many bytes as are under way on a line that is full, and some for the timer.
    fn room(&self) -> usize {
        let Some(rate) = self.bandwidth_bytes_per_second else { return MAX_ROOM };
        let time = self.round_trip().as_secs_f64() / 2.0 + 0.05;
        ((rate as f64 * time) as usize).clamp(4 * self.piece(), MAX_ROOM)
    }
}

/// The emulator's end of a connection.
pub(crate) enum Stream {
    Plain {
        tcp: TcpStream,
        line: Arc<Line>,
    },
    /// An end of a pipe; carriers are at the other.
    Shaped(DuplexStream),
}

impl Stream {
    /// A connection that is TCP alone.
    pub(crate) fn plain(tcp: TcpStream, line: Arc<Line>) -> Self {
        Self::Plain { tcp, line }
    }

    /// A connection of a shape, and what carries it: to be run until it ends, which is when all
    /// that was written has been carried.
    pub(crate) fn shaped(
        tcp: TcpStream,
        line: Arc<Line>,
        shape: Shape,
        accepted: Instant,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (near, far) = duplex(NEAR_END);
        (Self::Shaped(near), carry_both(tcp, far, line, shape, accepted))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Self::Plain { tcp, line } = self
            && line.is_reset()
        {
            let _ = tcp.set_zero_linger();
        }
    }
}

async fn carry_both(
    mut tcp: TcpStream,
    far: DuplexStream,
    line: Arc<Line>,
    shape: Shape,
    accepted: Instant,
) {
    let (tcp_in, tcp_out) = tcp.split();
    let (far_in, far_out) = split(far);
    let never = || false;
    // The handshake of TCP was over at once; on a real line it takes a round trip.
    let there = carry(tcp_in, far_out, shape, accepted + shape.round_trip(), never);
    let back = carry(far_in, tcp_out, shape, accepted, || line.is_reset());
    tokio::select! {
        () = back => {}
        // A client that sends no more can still read.
        () = async { there.await; std::future::pending().await } => {}
    }
    if line.is_reset() {
        let _ = tcp.set_zero_linger();
    }
}

/// Carries bytes one way until the source ends and everything has arrived, or until the target
/// takes no more. What is under way when `is_reset` is lost.
async fn carry(
    mut source: impl AsyncRead + Unpin,
    mut target: impl AsyncWrite + Unpin,
    shape: Shape,
    opened: Instant,
    is_reset: impl Fn() -> bool,
) {
    let (sender, mut under_way) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(shape.room()));
    let depart = async move {
        let mut scratch = vec![0; shape.piece()];
        let mut free = opened;
        while let Ok(mut permit) = Arc::clone(&room).acquire_many_owned(scratch.len() as u32).await
        {
            let length = match source.read(&mut scratch).await {
                Ok(0) | Err(_) => break,
                Ok(length) => length,
            };
            // What is not needed goes back; the rest is held until the piece has arrived.
            let held = permit.split(length);
            free = free.max(Instant::now()) + shape.time_of(length);
            let piece = Bytes::copy_from_slice(&scratch[..length]);
            if sender.send((free + shape.round_trip() / 2, piece, held)).is_err() {
                break;
            }
        }
    };
    let arrive = async move {
        while let Some((due, piece, _held)) = under_way.recv().await {
            sleep_until(due).await;
            if target.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = target.shutdown().await;
    };
    tokio::pin!(arrive);
    tokio::select! {
        () = &mut arrive => return,
        () = depart => {}
    }
    if !is_reset() {
        arrive.await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_read(context, buffer),
            Self::Shaped(pipe) => Pin::new(pipe).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write(context, bytes),
            Self::Shaped(pipe) => Pin::new(pipe).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_write_vectored(context, slices),
            Self::Shaped(pipe) => Pin::new(pipe).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain { tcp, .. } => tcp.is_write_vectored(),
            Self::Shaped(pipe) => pipe.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_flush(context),
            Self::Shaped(pipe) => Pin::new(pipe).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain { tcp, .. } => Pin::new(tcp).poll_shutdown(context),
            Self::Shaped(pipe) => Pin::new(pipe).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn shape(latency_ms: u64, bandwidth_bytes_per_second: Option<u64>) -> Shape {
        Shape { latency_ms, bandwidth_bytes_per_second }
    }

    /// Sends `sent` in pieces through a line; what arrived, and when the last byte did.
    async fn through(shape: Shape, sent: &[u8], piece: usize) -> (Vec<u8>, Duration) {
        let start = Instant::now();
        let (mut near, source) = duplex(sent.len().max(1));
        let (target, mut far) = duplex(64 * 1024);
        let write = async {
            for piece in sent.chunks(piece.max(1)) {
                near.write_all(piece).await.unwrap();
            }
            drop(near);
        };
        let mut arrived = Vec::new();
        let read = far.read_to_end(&mut arrived);
        let line = carry(source, target, shape, start, || false);
        let ((), (), read) = tokio::join!(write, line, read);
        read.unwrap();
        (arrived, start.elapsed())
    }

    /// One after the other, a thousand pieces would take a minute and a half.
    #[tokio::test]
    async fn many_pieces_are_under_way_at_once() {
        let sent = vec![7; 1_000_000];
        let (arrived, time) = through(shape(200, None), &sent, 1_000).await;
        assert_eq!(arrived.len(), sent.len());
        assert!(time >= Duration::from_millis(100) && time < Duration::from_secs(60), "{time:?}");
    }

    #[tokio::test]
    async fn a_line_carries_so_many_bytes_a_second_and_no_more() {
        let sent = vec![7; 100_000];
        let (_, time) = through(shape(0, Some(500_000)), &sent, 65_536).await;
        assert!(time >= Duration::from_millis(190), "{time:?}");
    }

    #[test]
    fn a_setting_without_sense_is_refused_and_none_is_no_shape() {
        let network = Network::default();
        for json in [
            json!({"latency_ms": 60_001}),
            json!({"latency_ms": -1}),
            json!({"bandwidth_bytes_per_second": 999}),
            json!({"latency": 1}),
        ] {
            assert!(network.set(json.clone()).is_err(), "{json}");
        }
        for json in [json!(null), json!({}), json!({"latency_ms": 0})] {
            network.set(json).unwrap();
            assert_eq!(network.shape(), None);
        }
        network.set(json!({"latency_ms": 80})).unwrap();
        assert_eq!(network.shape(), Some(shape(80, None)));
        assert_eq!(json!(network.shape())["latency_ms"], 80);
    }

    proptest! {
        #[test]
        fn bytes_arrive_whole_and_in_order(
            sent in proptest::collection::vec(any::<u8>(), 0..20_000), piece in 1_usize..5_000,
            latency_ms in 0_u64..4, rate in proptest::option::of(5_000_000_u64..100_000_000),
        ) {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let (arrived, _) = runtime.block_on(through(shape(latency_ms, rate), &sent, piece));
            prop_assert_eq!(arrived, sent);
        }
    }
}
