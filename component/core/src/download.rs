//! A file's bytes in order, by ranges over a pre-authenticated link.
//!
//! Ranges double, so that a LIMIT wastes little and a full scan needs few
//! requests; the next range is asked for before the present one has ended.
//! An expired link is replaced, a broken body is taken up where it broke, and
//! a file that changed under the read is an error, never mixed bytes.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_RANGE, ETAG};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{DriveItem, Graph, GraphUrl, PreauthenticatedUrl};
use crate::ports::{LocalFuture, Response};
use crate::sender::{Counters, Deadline};

/// The first range, and what sniffing gets.
pub(crate) const FIRST_RANGE: u64 = 256 << 10;
/// The longest range.
const LONGEST_RANGE: u64 = 64 << 20;
/// When so little is left of a range, the next is asked for.
const PREFETCH_AT: u64 = 1 << 20;
/// Bytes in front of a part that are thrown away where a server does not know ranges.
const MOST_SKIPPED: u64 = 8 << 20;
/// Broken bodies in a row, without a byte between them, before giving up.
const BREAKS: u32 = 5;

/// The size of a file of which nothing is known yet.
pub(crate) const UNKNOWN_SIZE: u64 = u64::MAX;

/// The file as it was when the table was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRef {
    pub(crate) drive: String,
    pub(crate) item: String,
    /// The drive of the connection whose shortcut leads to it, if one does.
    #[serde(default)]
    pub(crate) through: Option<String>,
    /// For messages.
    pub(crate) path: String,
    pub(crate) c_tag: Option<String>,
    /// Names its content: the cTag, or the item's eTag where a feed leaves that out, as it does now
    /// and then. The eTag serves as well, but moves more often.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// What the transfer said once there was one, else the metadata.
    pub(crate) size: u64,
    /// Of the bytes, as the download host gave it.
    pub(crate) e_tag: Option<String>,
    /// Whether a transfer has told the size.
    #[serde(default)]
    pub(crate) measured: bool,
}

impl FileRef {
    /// As a listing or an item tells of it.
    pub(crate) fn new(
        drive: &str,
        item: &str,
        path: String,
        size: Option<u64>,
        c_tag: Option<String>,
        e_tag: Option<String>,
    ) -> Self {
        let size = size.unwrap_or(UNKNOWN_SIZE);
        let (drive, item) = (drive.to_owned(), item.to_owned());
        let version = c_tag.clone().or(e_tag);
        let (through, e_tag, measured) = (None, None, false);
        Self { drive, item, through, path, c_tag, version, size, e_tag, measured }
    }

    /// As it was read before, where it was found now: it may have been moved since, or be reached
    /// in another way.
    pub(crate) fn found_at(self, now: &Self) -> Self {
        Self { path: now.path.clone(), through: now.through.clone(), ..self }
    }
}

/// The beginning of a file, kept from sniffing for the first split.
pub(crate) struct Head {
    pub(crate) file: FileRef,
    pub(crate) bytes: Bytes,
    link: Option<PreauthenticatedUrl>,
}

impl Head {
    /// Nothing but the link.
    pub(crate) fn linked(file: &FileRef, link: PreauthenticatedUrl) -> Self {
        Self { file: file.clone(), bytes: Bytes::new(), link: Some(link) }
    }

    /// All of a file, from where it was kept.
    pub(crate) fn whole(file: &FileRef, bytes: Vec<u8>) -> Self {
        Self { file: file.clone(), bytes: bytes.into(), link: None }
    }
}

/// A part of a file, and what its transfer told of the file.
pub(crate) struct Part {
    pub(crate) start: u64,
    pub(crate) bytes: Bytes,
    pub(crate) file: FileRef,
    pub(crate) link: Option<PreauthenticatedUrl>,
}

/// The range being read.
struct Range {
    response: Response,
    /// Bytes to throw away first: the server ignored the range.
    skip: u64,
    /// The offset after its last byte.
    end: u64,
}

/// A range asked for in advance, from the present one's end on.
enum Prefetch {
    None,
    Asked(LocalFuture<'static, Result<Response>>),
    Answered(Result<Response>),
}

/// Reads a file from an offset to its end.
pub(crate) struct Download {
    graph: Rc<Graph>,
    file: FileRef,
    link: Option<PreauthenticatedUrl>,
    deadline: Deadline,
    /// Whether reading on is likely, so that asking in advance pays.
    eager: bool,
    position: u64,
    /// Where to stop; the end of the file if that comes first.
    until: u64,
    next_length: u64,
    present: Option<Range>,
    prefetch: Prefetch,
    head: Option<Bytes>,
    breaks: u32,
}

impl Download {
    /// From the first byte.
    pub(crate) fn new(
        graph: Rc<Graph>,
        file: FileRef,
        link: Option<PreauthenticatedUrl>,
        deadline: Deadline,
        eager: bool,
    ) -> Self {
        Self {
            graph,
            file,
            link,
            deadline,
            eager,
            position: 0,
            until: UNKNOWN_SIZE,
            next_length: FIRST_RANGE,
            present: None,
            prefetch: Prefetch::None,
            head: None,
            breaks: 0,
        }
    }

    /// A part of the file, in one request as long as nothing breaks.
    pub(crate) fn part(
        graph: Rc<Graph>,
        file: FileRef,
        link: Option<PreauthenticatedUrl>,
        range: &std::ops::Range<u64>,
        deadline: Deadline,
    ) -> Self {
        let mut download = Self::new(graph, file, link, deadline, false);
        (download.position, download.until) = (range.start, range.end);
        download.next_length = range.end - range.start;
        download
    }

    /// The tag of the bytes, as far as a transfer told it.
    pub(crate) fn e_tag(&self) -> Option<&str> {
        self.file.e_tag.as_deref()
    }

    /// Reads to the end of the part, or of the file if that turns out to come first.
    pub(crate) async fn read_part(mut self) -> Result<Part> {
        let start = self.position;
        let length = usize::try_from(self.until - start).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(length);
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(Part { start, bytes: bytes.freeze(), file: self.file, link: self.link })
    }

    /// From a kept beginning.
    pub(crate) fn after(graph: Rc<Graph>, head: Head, deadline: Deadline, eager: bool) -> Self {
        let mut download = Self::new(graph, head.file, head.link, deadline, eager);
        download.next_length = FIRST_RANGE * 2;
        download.head = Some(head.bytes);
        download
    }

    /// Reads at least `wanted` bytes from the start, or all there are.
    pub(crate) async fn read_head(mut self, wanted: usize) -> Result<Head> {
        self.next_length = wanted as u64;
        let mut bytes = Vec::new();
        while bytes.len() < wanted {
            match self.chunk().await? {
                Some(chunk) => bytes.extend_from_slice(&chunk),
                None => break,
            }
        }
        Ok(Head { file: self.file, bytes: Bytes::from(bytes), link: self.link })
    }

    /// The next bytes, or `None` at the end of the file.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>> {
        if let Some(head) = self.head.take().filter(|head| !head.is_empty()) {
            self.position += head.len() as u64;
            return Ok(Some(head));
        }
        loop {
            if self.deadline.0.is_some() {
                self.deadline.check(self.graph.sender.ports().clock.now())?;
            }
            if self.position >= self.file.size.min(self.until) {
                return Ok(None);
            }
            let mut range = match self.present.take() {
                Some(range) => range,
                None => self.open().await?,
            };
            self.ask_in_advance(range.end);
            match self.pull(&mut range).await {
                Ok(Some(chunk)) => {
                    Counters::add(&self.graph.sender.counters().bytes, chunk.len() as u64);
                    let chunk = unskipped(&mut range.skip, chunk);
                    let left = range.end.saturating_sub(self.position);
                    let wanted = usize::try_from(left).unwrap_or(usize::MAX);
                    let chunk = chunk.slice(..chunk.len().min(wanted));
                    self.position += chunk.len() as u64;
                    if self.position < range.end {
                        self.present = Some(range);
                    }
                    if !chunk.is_empty() {
                        self.breaks = 0;
                        return Ok(Some(chunk));
                    }
                }
                Ok(None) if self.file.size == UNKNOWN_SIZE && range.skip == 0 => {
                    self.file.size = self.position;
                }
                Ok(None) => self.broken("the answer ended early")?,
                Err(error) if error.is_transient() => self.broken(&error.to_string())?,
                Err(error) => return Err(Error::transport(self.host(), &error)),
            }
        }
    }

    /// Waits for the present body, while the range asked for in advance goes
    /// its way.
    async fn pull(
        &mut self,
        range: &mut Range,
    ) -> Result<Option<Bytes>, crate::ports::TransportError> {
        let prefetch = &mut self.prefetch;
        let mut body = range.response.body.chunk();
        poll_fn(|context| {
            if let Prefetch::Asked(request) = prefetch
                && let Poll::Ready(answer) = request.as_mut().poll(context)
            {
                *prefetch = Prefetch::Answered(answer);
            }
            body.as_mut().poll(context)
        })
        .await
    }

    fn ask_in_advance(&mut self, end: u64) {
        let due = self.eager
            && matches!(self.prefetch, Prefetch::None)
            && end < self.file.size
            && end - self.position <= PREFETCH_AT;
        if let (true, Some(link)) = (due, self.link.clone()) {
            let last = (end + self.next_length).min(self.file.size) - 1;
            let (graph, deadline) = (Rc::clone(&self.graph), self.deadline);
            self.prefetch = Prefetch::Asked(Box::pin(async move {
                graph.download(&link, Some((end, last)), deadline).await
            }));
        }
    }

    /// Opens the range at the position, with a new link if the old one has
    /// expired.
    async fn open(&mut self) -> Result<Range> {
        let end = (self.position + self.next_length).min(self.file.size).min(self.until);
        let mut answer = match std::mem::replace(&mut self.prefetch, Prefetch::None) {
            Prefetch::None => None,
            Prefetch::Asked(request) => Some(request.await),
            Prefetch::Answered(answer) => Some(answer),
        };
        let mut new_link = false;
        loop {
            let response = match answer.take() {
                Some(answer) => answer?,
                None => {
                    if self.link.is_none() {
                        self.link = Some(self.acquire().await?);
                        new_link = true;
                    }
                    let link = self.link.as_ref().expect("it was acquired above");
                    let range = Some((self.position, end - 1));
                    self.graph.download(link, range, self.deadline).await?
                }
            };
            if matches!(response.status.as_u16(), 401 | 403 | 404 | 410) && !new_link {
                self.link = None;
                continue;
            }
            return self.accept(response, end).await;
        }
    }

    async fn acquire(&self) -> Result<PreauthenticatedUrl> {
        link_to(&self.graph, &self.file, self.deadline).await
    }

    /// Checks an answer against what was asked and what was seen before.
    async fn accept(&mut self, response: Response, end: u64) -> Result<Range> {
        match response.status {
            StatusCode::PARTIAL_CONTENT => {
                let given = content_range(&response)
                    .ok_or_else(|| self.odd("a range that cannot be understood"))?;
                if given.0 != self.position {
                    return Err(self.odd("another range than was asked for"));
                }
                self.check_unchanged(&response, given.2).await?;
                self.next_length = (self.next_length * 2).min(LONGEST_RANGE);
                Ok(Range { response, skip: 0, end: end.min(given.1.saturating_add(1)) })
            }
            StatusCode::OK => {
                // The server may ignore the range and send everything; to throw away much of it
                // for each part of a file would take as long as many files.
                if self.until != UNKNOWN_SIZE && self.position > MOST_SKIPPED {
                    return Err(self.odd("the whole file instead of a part of it"));
                }
                let length = response.headers.get(http::header::CONTENT_LENGTH);
                let total = length.and_then(|l| l.to_str().ok()).and_then(|l| l.parse().ok());
                self.check_unchanged(&response, total).await?;
                let end = self.file.size.min(self.until);
                Ok(Range { response, skip: self.position, end })
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Err(self.changed()),
            StatusCode::FORBIDDEN => Err(Error::new(
                ErrorKind::PermissionDenied,
                format!("OneDrive refuses the download of `{}`.", self.file.path),
            )
            .hint("The file may be flagged as malware, or its sharing may forbid downloads.")),
            status => Err(self.odd(&format!("status {}", status.as_u16()))),
        }
    }

    /// Compares ETag and size; where the ETag moved, the item's cTag decides,
    /// since an ETag also moves on a rename.
    async fn check_unchanged(&mut self, response: &Response, total: Option<u64>) -> Result<()> {
        let e_tag = response.headers.get(ETAG).and_then(|t| t.to_str().ok()).map(str::to_owned);
        let first = !std::mem::replace(&mut self.file.measured, true);
        match (&self.file.e_tag, &e_tag) {
            _ if first => {
                // What is delivered may differ from the metadata, and counts.
                self.file.size = total.unwrap_or(self.file.size);
                self.file.e_tag = e_tag;
                Ok(())
            }
            _ if total.is_some_and(|total| total != self.file.size) => Err(self.changed()),
            (Some(seen), Some(now)) if seen != now => {
                self.check_content_tag().await?;
                self.file.e_tag = e_tag;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn check_content_tag(&self) -> Result<()> {
        let url = GraphUrl::item(self.graph.cloud, &self.file.drive, &self.file.item)?;
        let item: DriveItem = self.graph.json(&url, self.deadline).await?;
        let same = self.file.c_tag.is_some() && item.c_tag == self.file.c_tag;
        if same { Ok(()) } else { Err(self.changed()) }
    }

    /// Notes a broken body; the next turn takes the range up again.
    fn broken(&mut self, why: &str) -> Result<()> {
        self.breaks += 1;
        self.prefetch = Prefetch::None;
        Counters::add(&self.graph.sender.counters().retries, 1);
        if self.breaks > BREAKS {
            let message =
                format!("The download of `{}` broke off again and again: {why}.", self.file.path);
            return Err(Error::new(ErrorKind::Unavailable, message).hint("Try again later."));
        }
        Ok(())
    }

    fn host(&self) -> &str {
        self.link.as_ref().map_or("the download host", |link| link.as_url().host())
    }

    fn odd(&self, what: &str) -> Error {
        let message =
            format!("{} answered the download of `{}` with {what}.", self.host(), self.file.path);
        Error::new(ErrorKind::Unavailable, message)
    }

    fn changed(&self) -> Error {
        Error::new(
            ErrorKind::ChangedDuringRead,
            format!("`{}` was changed while it was being read.", self.file.path),
        )
        .hint("Run the statement again.")
    }
}

/// A new link to a file's bytes.
pub(crate) async fn link_to(
    graph: &Graph,
    file: &FileRef,
    deadline: Deadline,
) -> Result<PreauthenticatedUrl> {
    let url = GraphUrl::content(graph.cloud, &file.drive, &file.item)?;
    graph.content_link(&url, deadline).await
}

/// `bytes first-last/total`.
fn content_range(response: &Response) -> Option<(u64, u64, Option<u64>)> {
    let text = response.headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some((first, last, total.parse().ok()))
}

fn unskipped(skip: &mut u64, chunk: Bytes) -> Bytes {
    let cut = usize::try_from(*skip).unwrap_or(usize::MAX).min(chunk.len());
    *skip -= cut as u64;
    chunk.slice(cut..)
}
