//! A Parquet file as a table: its footer is read when the table is opened, and
//! of the rest only the column chunks that a scan needs, several in flight.

mod fetch;
mod reader;

use std::ops::Range;
use std::rc::Rc;

use arrow_schema::SchemaRef;
use bytes::Bytes;
use tabular_formats::FormatError;
use tabular_formats::parquet::{Opened, ParquetFile, ParquetOptions};

pub(crate) use self::reader::ParquetReader;
use crate::cache::Footer;
use crate::connection::Connection;
use crate::contract::{Scan, ScanPlan, Statistics, estimate, exact};
use crate::download::{Download, FileRef, Part, UNKNOWN_SIZE};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, PreauthenticatedUrl};
use crate::ipc::schema_message;
use crate::sender::Deadline;
use crate::split::{ParquetScan, Planned, Work};
use crate::tables::positions;
use crate::tables::stream::{format_error, projected};

/// The first look at a file's end: most footers are shorter.
const TAIL: u64 = 64 << 10;

/// A split of fewer bytes is not worth its requests for a link and the footer.
const LEAST_SPLIT: u64 = 4 << 20;

/// What opening downloaded, for the first split of the same file.
pub(crate) struct Tail {
    pub(crate) file: FileRef,
    parquet: Rc<ParquetFile>,
    start: u64,
    bytes: Bytes,
    link: Option<PreauthenticatedUrl>,
}

impl Tail {
    /// From a footer that was kept.
    pub(crate) fn of_footer(
        footer: Footer,
        link: Option<PreauthenticatedUrl>,
        options: &ParquetOptions,
    ) -> Result<Self> {
        let Footer { file, start, bytes } = footer;
        match ParquetFile::open(file.size, &bytes, options) {
            Ok(Opened::File(parquet)) => {
                Ok(Self { file, parquet: Rc::new(parquet), start, bytes, link })
            }
            Ok(Opened::NeedsFrom(_)) => {
                let message = "A footer was kept that is not whole.";
                Err(Error::new(ErrorKind::Internal, message))
            }
            Err(error) => Err(format_error(&file.path, &error)),
        }
    }

    /// What is kept: no more than the footer, but all of a file that is not longer than a tail.
    pub(crate) fn footer(&self) -> Footer {
        let (file, from) = (self.file.clone(), self.parquet.footer().start);
        let start = if self.start == 0 { 0 } else { from };
        let skipped = usize::try_from(start.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let bytes = self.bytes.slice(skipped.min(self.bytes.len())..);
        Footer { file, start, bytes }
    }
}

/// Reads the footer: one request, two where it is long or the size was not known.
pub(crate) async fn open_tail(
    graph: &Rc<Graph>,
    file: FileRef,
    link: Option<PreauthenticatedUrl>,
    options: &ParquetOptions,
) -> Result<Tail> {
    let wrong = |error: &FormatError| format_error(&file.path, error);
    let read = async |file: FileRef, link: Option<PreauthenticatedUrl>, range: Range<u64>| {
        Download::part(Rc::clone(graph), file, link, &range, Deadline::default()).read_part().await
    };
    let mut told = if file.size == UNKNOWN_SIZE { 1 } else { file.size };
    let end = read(file.clone(), link.clone(), told.saturating_sub(TAIL)..told).await;
    let mut tail = match end {
        // It became shorter than the metadata says, which may be old.
        Err(error) if error.kind == ErrorKind::ChangedDuringRead && !file.measured => {
            told = 1;
            let first = read(FileRef { size: UNKNOWN_SIZE, ..file.clone() }, link, 0..1).await;
            first.map_err(|error| match error.kind {
                ErrorKind::ChangedDuringRead => emptied(&file.path),
                _ => error,
            })?
        }
        end => end?,
    };
    if tail.file.size == UNKNOWN_SIZE {
        let message = format!("OneDrive does not tell how long `{}` is.", file.path);
        return Err(Error::new(ErrorKind::Unavailable, message).hint("Try again later."));
    }
    if tail.file.size != told {
        // The metadata told another size than the transfer.
        let size = tail.file.size;
        tail = read(tail.file, tail.link, size.saturating_sub(TAIL)..size).await?;
    }
    loop {
        let size = tail.file.size;
        match ParquetFile::open(size, &tail.bytes, options).map_err(|error| wrong(&error))? {
            Opened::File(parquet) => {
                let Part { start, bytes, file, link } = tail;
                return Ok(Tail { file, parquet: Rc::new(parquet), start, bytes, link });
            }
            Opened::NeedsFrom(start) => tail = read(tail.file, tail.link, start..size).await?,
        }
    }
}

fn emptied(path: &str) -> Error {
    let message = format!("`{path}` was changed since it was listed, and seems to be empty.");
    Error::new(ErrorKind::ChangedDuringRead, message)
        .hint("Run REFRESH DATABASE …, and then the statement again.")
}

/// A file whose footer is known.
pub(crate) struct ParquetTable {
    connection: Rc<Connection>,
    file: FileRef,
    parquet: Rc<ParquetFile>,
    options: ParquetOptions,
    /// The footer was that of the same version read before.
    pub(crate) cached: bool,
}

impl ParquetTable {
    pub(crate) fn new(
        connection: Rc<Connection>,
        tail: &Tail,
        options: ParquetOptions,
        cached: bool,
    ) -> Self {
        let (file, parquet) = (tail.file.clone(), Rc::clone(&tail.parquet));
        Self { connection, file, parquet, options, cached }
    }

    pub(crate) fn name(&self) -> &str {
        &self.file.path
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.parquet.schema()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics { rows: Some(exact(self.parquet.rows())), bytes: Some(exact(self.file.size)) }
    }

    /// One split for each run of row groups; a limit needs only the first ones.
    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let projection = positions(scan.projection.as_deref());
        let schema = projected(&self.schema(), projection.as_deref())?;
        let limit = scan.limit.filter(|_| scan.filters.is_empty());
        let groups = self.needed(limit);
        let bytes = self.bytes(&groups, projection.as_deref())?;
        let planned = self.planned(projection, limit, scan.wished_splits)?;
        let splits = self.connection.seal_all(planned)?;
        let most = if limit.is_some() { "at most " } else { "" };
        let mut notes = vec![format!(
            "{} of {} row groups, {most}{bytes} of {} bytes",
            groups.len(),
            self.parquet.row_groups().len(),
            self.file.size
        )];
        if self.cached {
            notes.push("the footer is that of the same version read before".to_owned());
        }
        Ok(ScanPlan { schema: schema_message(&schema)?, splits, notes })
    }

    /// A part for each run of row groups.
    pub(crate) fn planned(
        &self,
        projection: Option<Vec<usize>>,
        limit: Option<u64>,
        wished: u32,
    ) -> Result<Vec<Planned>> {
        let groups = self.needed(limit);
        let worth = self.bytes(&groups, projection.as_deref())? / LEAST_SPLIT;
        let most = usize::try_from(worth.min(wished.into())).unwrap_or(usize::MAX);
        let wished = if limit.is_some() { 1 } else { most.clamp(1, groups.len().max(1)) };
        let run = |number: usize| {
            let run = groups.len() * number / wished..groups.len() * (number + 1) / wished;
            self.part(groups[run].to_vec(), projection.clone(), limit)
        };
        (0..wished).map(run).collect()
    }

    /// The row groups that hold the first so many rows, or all.
    fn needed(&self, limit: Option<u64>) -> Vec<usize> {
        let mut rows = 0;
        let mut needed = Vec::new();
        for (number, group) in self.parquet.row_groups().iter().enumerate() {
            if limit.is_some_and(|limit| rows >= limit) {
                break;
            }
            rows += group.rows;
            needed.push(number);
        }
        needed
    }

    fn bytes(&self, groups: &[usize], projection: Option<&[usize]>) -> Result<u64> {
        let bytes = groups.iter().map(|group| self.parquet.bytes(projection, *group));
        let bytes = bytes.sum::<Result<u64, FormatError>>();
        bytes.map_err(|error| format_error(&self.file.path, &error))
    }

    fn part(
        &self,
        groups: Vec<usize>,
        projection: Option<Vec<usize>>,
        limit: Option<u64>,
    ) -> Result<Planned> {
        let rows = groups.iter().map(|group| self.parquet.row_groups()[*group].rows).sum();
        let bytes = self.bytes(&groups, projection.as_deref())?;
        let footer = self.parquet.footer();
        let (file, options) = (self.file.clone(), self.options.clone());
        let scan = ParquetScan { file, footer, groups, projection, limit, options };
        Ok(Planned {
            work: Work::Parquet(scan),
            rows: Some(exact(limit.map_or(rows, |limit| limit.min(rows)))),
            // With a limit, no more pages are read than its rows need.
            bytes: Some(if limit.is_some() { estimate(bytes) } else { exact(bytes) }),
        })
    }
}
