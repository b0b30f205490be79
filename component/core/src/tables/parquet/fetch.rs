//! Ranges of a file on their way, a few at a time.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::download::{Download, FileRef, Part};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, PreauthenticatedUrl};
use crate::ports::LocalFuture;
use crate::sender::Deadline;

/// Requests in flight for one reader.
const IN_FLIGHT: usize = 6;

/// Bytes that came, for which row group.
type Fetched = (usize, Result<Part>);

/// Fetches ranges in the order in which they are asked for.
pub(super) struct Fetches {
    pub(super) graph: Rc<Graph>,
    pub(super) file: FileRef,
    pub(super) link: Option<PreauthenticatedUrl>,
    pub(super) deadline: Deadline,
    /// Bytes of the file's end that are at hand, and where they start.
    pub(super) tail: Option<(u64, Bytes)>,
    waiting: VecDeque<(usize, Range<u64>)>,
    running: FuturesUnordered<LocalFuture<'static, Fetched>>,
}

impl Fetches {
    pub(super) fn new(
        graph: Rc<Graph>,
        file: FileRef,
        link: Option<PreauthenticatedUrl>,
        deadline: Deadline,
        tail: Option<(u64, Bytes)>,
    ) -> Self {
        let (waiting, running) = (VecDeque::new(), FuturesUnordered::new());
        Self { graph, file, link, deadline, tail, waiting, running }
    }

    pub(super) fn ask(&mut self, group: usize, ranges: Vec<Range<u64>>) {
        self.waiting.extend(ranges.into_iter().map(|range| (group, range)));
    }

    /// Waits for the next part; `None` if none was asked for.
    pub(super) async fn next(&mut self) -> Option<Fetched> {
        self.start();
        let fetched = self.running.next().await;
        self.note(fetched)
    }

    /// Lets requests go their way, and takes a part that has come.
    pub(super) async fn come(&mut self) -> Option<Fetched> {
        self.start();
        let running = &mut self.running;
        let fetched = poll_fn(|context| match running.poll_next_unpin(context) {
            Poll::Ready(fetched) => Poll::Ready(fetched),
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        self.note(fetched)
    }

    /// A new link, and a new tag of the same bytes, serve the requests that follow.
    fn note(&mut self, fetched: Option<Fetched>) -> Option<Fetched> {
        if let Some((_, Ok(part))) = &fetched {
            self.link = part.link.clone().or(self.link.take());
            self.file.clone_from(&part.file);
        }
        fetched
    }

    fn start(&mut self) {
        while self.running.len() < IN_FLIGHT
            && let Some((group, range)) = self.waiting.pop_front()
        {
            let part = self.part(range);
            self.running.push(Box::pin(async move { (group, part.await) }));
        }
    }

    /// One range: cut from what is at hand, else by a request.
    pub(super) fn part(&self, range: Range<u64>) -> LocalFuture<'static, Result<Part>> {
        let (graph, file, link) = (Rc::clone(&self.graph), self.file.clone(), self.link.clone());
        let at_hand = self.tail.as_ref().and_then(|(start, bytes)| cut(*start, bytes, &range));
        let deadline = self.deadline;
        Box::pin(async move {
            if let Some(bytes) = at_hand {
                return Ok(Part { start: range.start, bytes, file, link });
            }
            let path = file.path.clone();
            let part = Download::part(graph, file, link, &range, deadline).read_part().await?;
            if (part.bytes.len() as u64) < range.end - range.start {
                let message = format!("`{path}` ends before its last byte.");
                return Err(Error::new(ErrorKind::ChangedDuringRead, message)
                    .hint("Run the statement again."));
            }
            Ok(part)
        })
    }
}

/// A range of the file from bytes that start at `start`, if they hold it.
fn cut(start: u64, bytes: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let first = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let last = usize::try_from(range.end.checked_sub(start)?).ok()?;
    (last <= bytes.len()).then(|| bytes.slice(first..last))
}
