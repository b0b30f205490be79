//! Bodies that do not arrive as they should: paused, cut, slow, of another length than announced.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Instant;

use crate::body::Body;

/// A slow body moves so often in a second.
const STEPS: u64 = 20;

/// Something that happens when so many bytes of a body were handed on. The body goes on after it,
/// or fails with its error.
pub(super) struct Pause {
    after: u64,
    then: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>,
}

impl Pause {
    pub(super) fn new<F>(after: u64, then: F) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self { after, then: Box::pin(then) }
    }
}

/// A body with a pause in it, or many.
pub(crate) struct Tampered {
    body: Body,
    /// What was taken from the body and not handed on yet.
    kept: Bytes,
    handed_on: u64,
    pause: Option<Pause>,
    pace: Option<Pace>,
    /// The length in the header, if it is a wrong one.
    announced: Option<u64>,
}

struct Pace {
    bytes_per_second: u64,
    start: Instant,
}

impl Tampered {
    fn new(body: Body, pause: Option<Pause>) -> Self {
        Self { body, kept: Bytes::new(), handed_on: 0, pause, pace: None, announced: None }
    }

    pub(super) fn paused(body: Body, pause: Pause) -> Self {
        Self::new(body, Some(pause))
    }

    pub(super) fn slow(body: Body, bytes_per_second: u64) -> Self {
        let mut slow = Self::new(body, None);
        slow.pace = Some(Pace { bytes_per_second, start: Instant::now() });
        slow.pause = slow.next_step();
        slow
    }

    /// A body for which `announced` stands in the header; `pause` comes after its last byte.
    pub(super) fn misstated(body: Body, announced: u64, pause: Pause) -> Self {
        Self { announced: Some(announced), ..Self::new(body, Some(pause)) }
    }

    /// A slow body waits after each step until its bytes are due.
    fn next_step(&self) -> Option<Pause> {
        let pace = self.pace.as_ref()?;
        let after = self.handed_on.saturating_add((pace.bytes_per_second / STEPS).max(1));
        let due = Duration::from_secs_f64(after as f64 / pace.bytes_per_second as f64);
        let due = pace.start.checked_add(due)?;
        Some(Pause::new(after, async move {
            tokio::time::sleep_until(due).await;
            Ok(())
        }))
    }

    /// Bytes that may be handed on before the next pause.
    fn room(&self) -> u64 {
        self.pause.as_ref().map_or(u64::MAX, |pause| pause.after.saturating_sub(self.handed_on))
    }

    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.room() == 0
            && let Some(pause) = &mut self.pause
        {
            let over = ready!(pause.then.as_mut().poll(context));
            self.pause = self.next_step();
            over?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_kept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.kept.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(frame) => self.kept = frame?.into_data().unwrap_or_default(),
                None => break,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn is_over(&self) -> bool {
        self.kept.is_empty() && self.body.is_end_stream()
    }
}

impl HttpBody for Tampered {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let body = self.get_mut();
        if let Err(error) = ready!(body.poll_pause(context)) {
            return Poll::Ready(Some(Err(error)));
        }
        if let Err(error) = ready!(body.poll_kept(context)) {
            return Poll::Ready(Some(Err(error)));
        }
        if body.kept.is_empty() {
            return Poll::Ready(None);
        }
        let room = usize::try_from(body.room()).unwrap_or(usize::MAX);
        let data = body.kept.split_to(room.min(body.kept.len()));
        body.handed_on += data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        // A body that was announced longer than it is must not end well.
        self.is_over() && (self.announced.is_none() || self.pause.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        let kept = self.kept.len() as u64;
        match (self.announced, self.body.size_hint().exact()) {
            // Unknown, so that HTTP takes the length from the header.
            (Some(_), _) | (_, None) => SizeHint::default(),
            (None, Some(rest)) => SizeHint::with_exact(rest.saturating_add(kept)),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn frames(mut body: Tampered) -> (Vec<u8>, bool) {
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => read.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => return (read, false),
            }
        }
        (read, true)
    }

    fn failing(after: u64) -> Pause {
        Pause::new(after, async { Err(io::Error::other("over")) })
    }

    #[tokio::test]
    async fn a_pause_comes_after_exactly_so_many_bytes() {
        let cut = |after| frames(Tampered::paused(Body::from("0123456789"), failing(after)));
        assert_eq!(cut(0).await, (Vec::new(), false));
        assert_eq!(cut(4).await, (b"0123".to_vec(), false));
        assert_eq!(cut(11).await, (b"0123456789".to_vec(), true));
    }

    #[tokio::test]
    async fn a_slow_body_takes_its_time_and_arrives_whole() {
        let start = Instant::now();
        let slow = Tampered::slow(Body::from("x".repeat(1_000)), 5_000);
        assert_eq!(frames(slow).await.0.len(), 1_000);
        assert!(start.elapsed() >= Duration::from_millis(150));
    }

    #[tokio::test]
    async fn a_body_shorter_than_announced_fails_after_its_last_byte() {
        let body = Tampered::misstated(Body::from("0123"), 9, failing(4));
        assert!(!body.is_end_stream());
        assert_eq!(body.size_hint().exact(), None);
        assert_eq!(frames(body).await, (b"0123".to_vec(), false));
    }
}
