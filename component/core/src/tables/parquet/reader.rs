//! Reads the row groups of one split, the next one on its way while one is decoded.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;

use arrow_array::RecordBatch;
use tabular_formats::parquet::{Opened, ParquetFile, ParquetOptions, RowGroupReader, Step};
use tabular_formats::{BatchSize, FormatError};

use super::Tail;
use super::fetch::Fetches;
use crate::cache;
use crate::contract::ScanMetrics;
use crate::download::{FileRef, Part, link_to};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::sender::{Counters, Deadline};
use crate::split::ParquetScan;
use crate::tables::stream::format_error;

/// More warnings than these nobody reads.
const MOST_WARNINGS: usize = 64;

/// A row group and its number.
type Group = (usize, RowGroupReader);

/// Reads the rows of a split.
pub(crate) struct ParquetReader {
    counters: Rc<Counters>,
    /// As it was when the scan was planned.
    asked: FileRef,
    fetches: Fetches,
    /// Where the footer is, and what is known of it.
    footer: Range<u64>,
    options: ParquetOptions,
    parquet: Option<Rc<ParquetFile>>,
    groups: VecDeque<usize>,
    projection: Option<Vec<usize>>,
    left: Option<u64>,
    present: Option<Group>,
    /// Begun when all of the present one is asked for.
    following: Option<Group>,
    rows: u64,
    nulled: BTreeMap<String, u64>,
}

impl ParquetReader {
    pub(crate) fn new(
        graph: Rc<Graph>,
        counters: Rc<Counters>,
        scan: ParquetScan,
        kept: Option<Tail>,
        deadline: Deadline,
    ) -> Self {
        let kept = kept.or_else(|| {
            let footer = cache::footer(graph.sender.ports(), &scan.file).ok()??;
            // Another may have found another version meanwhile.
            let planned =
                (&footer.file.e_tag, footer.file.size) == (&scan.file.e_tag, scan.file.size);
            let footer = Some(footer).filter(|_| planned)?;
            Tail::of_footer(footer, None, &scan.options).ok()
        });
        let (parquet, tail, link) = match kept {
            Some(tail) => (Some(tail.parquet), Some((tail.start, tail.bytes)), tail.link),
            None => (None, None, None),
        };
        Self {
            counters,
            asked: scan.file.clone(),
            fetches: Fetches::new(graph, scan.file, link, deadline, tail),
            footer: scan.footer,
            options: scan.options,
            parquet,
            groups: scan.groups.into(),
            projection: scan.projection,
            left: scan.limit,
            present: None,
            following: None,
            rows: 0,
            nulled: BTreeMap::new(),
        }
    }

    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let next = self.read_batch().await;
        let changed = matches!(&next, Err(error) if error.kind == ErrorKind::ChangedDuringRead);
        let e_tag = &self.fetches.file.e_tag;
        if changed || *e_tag != self.asked.e_tag {
            // The next one who opens it reads the file itself, instead of asking each time whether
            // its bytes are the same under another tag.
            cache::forget_footer(self.fetches.graph.sender.ports(), &self.asked);
            self.asked.e_tag.clone_from(e_tag);
        }
        next
    }

    async fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        let deadline = self.fetches.deadline;
        if deadline.0.is_some() {
            deadline.check(self.fetches.graph.sender.ports().clock.now())?;
        }
        loop {
            if self.left == Some(0) {
                return Ok(None);
            }
            self.open().await?;
            self.ask()?;
            while let Some((group, part)) = self.fetches.come().await {
                self.give(group, &part?);
            }
            let Some((_, present)) = &mut self.present else { return Ok(None) };
            match present.next().map_err(|error| self.malformed(&error))? {
                Step::Batch(batch) => {
                    self.count(&batch);
                    return Ok(Some(batch));
                }
                Step::Done => self.close(),
                Step::NeedsBytes => self.wait().await?,
            }
        }
    }

    /// Begins the next row group where none is being read; none is begun after the last.
    async fn open(&mut self) -> Result<()> {
        if self.present.is_some() || self.groups.is_empty() && self.following.is_none() {
            return Ok(());
        }
        if self.following.is_some() {
            self.present = self.following.take();
            return Ok(());
        }
        let counts_only = self.projection.as_ref().is_some_and(Vec::is_empty);
        let fetches = &mut self.fetches;
        let whole = matches!(&fetches.tail, Some((0, _)));
        if fetches.link.is_none() && !(self.parquet.is_some() && (counts_only || whole)) {
            // Once for all the requests that are made at once.
            let link = link_to(&fetches.graph, &fetches.file, fetches.deadline).await?;
            fetches.link = Some(link);
        }
        let parquet = self.parquet().await?;
        self.present = self.begin(&parquet)?;
        Ok(())
    }

    /// The next row group.
    fn begin(&mut self, parquet: &ParquetFile) -> Result<Option<Group>> {
        let Some(group) = self.groups.pop_front() else { return Ok(None) };
        let (projection, size) = (self.projection.as_deref(), BatchSize::default());
        let reader = RowGroupReader::new(parquet, group, projection, self.left, size);
        Ok(Some((group, reader.map_err(|error| self.malformed(&error))?)))
    }

    /// Asks for what the present row group wants, and, when that is all, for the next one's bytes.
    fn ask(&mut self) -> Result<()> {
        let Some((group, present)) = &mut self.present else { return Ok(()) };
        self.fetches.ask(*group, present.wants());
        if self.left.is_some() || !present.is_asked() {
            return Ok(());
        }
        if let (None, Some(parquet)) = (&self.following, self.parquet.clone()) {
            self.following = self.begin(&parquet)?;
        }
        if let Some((group, following)) = &mut self.following {
            self.fetches.ask(*group, following.wants());
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        self.ask()?;
        match self.fetches.next().await {
            Some((group, part)) => {
                self.give(group, &part?);
                Ok(())
            }
            None => {
                let message = "The Parquet reader waits for bytes that it did not ask for.";
                Err(Error::new(ErrorKind::Internal, message))
            }
        }
    }

    fn give(&mut self, group: usize, part: &Part) {
        let readers = [&mut self.present, &mut self.following];
        for (_, reader) in readers.into_iter().flatten().filter(|(number, _)| *number == group) {
            reader.give(part.start, &part.bytes);
        }
    }

    fn count(&mut self, batch: &RecordBatch) {
        let rows = batch.num_rows() as u64;
        self.left = self.left.map(|left| left.saturating_sub(rows));
        self.rows += rows;
    }

    fn close(&mut self) {
        let Some((_, done)) = self.present.take() else { return };
        for (column, count) in done.nulled() {
            *self.nulled.entry(column.to_owned()).or_default() += count;
        }
    }

    /// The footer: at hand in the instance that opened the file, else read again.
    async fn parquet(&mut self) -> Result<Rc<ParquetFile>> {
        let fetches = &mut self.fetches;
        if let Some(parquet) = &self.parquet {
            return Ok(Rc::clone(parquet));
        }
        let part = fetches.part(self.footer.clone()).await?;
        let opened = ParquetFile::open(fetches.file.size, &part.bytes, &self.options);
        let Opened::File(parquet) = opened.map_err(|error| self.malformed(&error))? else {
            let message = "The footer is longer than it was.".to_owned();
            return Err(self.malformed(&FormatError::Batch(message)));
        };
        let parquet = Rc::new(parquet);
        self.parquet = Some(Rc::clone(&parquet));
        Ok(parquet)
    }

    fn malformed(&self, error: &FormatError) -> Error {
        format_error(&self.fetches.file.path, error)
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        let mut nulled = self.nulled.clone();
        for (column, count) in self.present.iter().flat_map(|(_, reader)| reader.nulled()) {
            *nulled.entry(column.to_owned()).or_default() += count;
        }
        let warning = |(column, count): (&String, &u64)| {
            format!(
                "Column `{column}`: {count} values cannot be what its type is, and became NULL."
            )
        };
        ScanMetrics {
            rows: self.rows,
            nulled_cells: nulled.values().sum(),
            warnings: nulled.iter().take(MOST_WARNINGS).map(warning).collect(),
            ..self.counters.metrics()
        }
    }
}
