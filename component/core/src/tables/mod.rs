//! Tables: what is known of one before a scan, and the readers of its splits.

pub(crate) mod changes;
pub(crate) mod files;
pub(crate) mod parquet;
pub(crate) mod stream;
pub(crate) mod system;
pub(crate) mod union;
mod widening;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::contract::{ColumnFilterSupport, Piece, Scan, ScanMetrics, ScanPlan, Statistics};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::{Pieces, schema_message};

/// An opened table.
pub struct Table {
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Stream(Box<stream::StreamTable>),
    Parquet(Box<parquet::ParquetTable>),
    Union(union::UnionTable),
    Files(files::FilesTable),
    Changes(changes::ChangesTable),
    System(system::OpenedSystemTable),
}

impl Table {
    /// The full name.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Stream(table) => table.name(),
            Kind::Parquet(table) => table.name(),
            Kind::Union(table) => table.name(),
            Kind::Files(_) => files::NAME,
            Kind::Changes(_) => changes::NAME,
            Kind::System(opened) => opened.table.name(),
        }
    }

    /// The encapsulated schema message.
    pub fn schema(&self) -> Result<Vec<u8>> {
        schema_message(&self.arrow_schema())
    }

    /// The schema.
    #[must_use]
    pub fn arrow_schema(&self) -> SchemaRef {
        match &self.kind {
            Kind::Stream(table) => table.schema(),
            Kind::Parquet(table) => table.schema(),
            Kind::Union(table) => table.schema(),
            Kind::Files(table) => table.schema(),
            Kind::Changes(_) => changes::schema(),
            Kind::System(opened) => opened.table.schema(),
        }
    }

    /// What is known of rows and bytes.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        match &self.kind {
            Kind::Stream(table) => table.statistics(),
            Kind::Parquet(table) => table.statistics(),
            Kind::Union(table) => table.statistics(),
            Kind::Files(_) | Kind::Changes(_) => Statistics::default(),
            Kind::System(opened) => opened.statistics(),
        }
    }

    /// Which predicates are taken over.
    #[must_use]
    pub fn filter_support(&self) -> Vec<ColumnFilterSupport> {
        match &self.kind {
            Kind::Files(table) => table.filter_support(),
            Kind::Union(table) => table.filter_support(),
            _ => Vec::new(),
        }
    }

    /// Cuts a scan into splits.
    pub fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let columns = self.arrow_schema().fields().len();
        let out_of_range = |column: &u32| *column as usize >= columns;
        if scan.projection.iter().flatten().any(out_of_range)
            || scan.filters.iter().any(|filter| out_of_range(&filter.column))
        {
            let message = "A scan names a column that the table does not have.";
            return Err(Error::new(ErrorKind::InvalidParams, message));
        }
        match &self.kind {
            Kind::Stream(table) => table.plan(scan),
            Kind::Parquet(table) => table.plan(scan),
            Kind::Union(table) => table.plan(scan),
            Kind::Files(table) => table.plan(scan),
            Kind::Changes(table) => table.plan(scan),
            Kind::System(opened) => opened.plan(scan),
        }
    }
}

/// The rows of one split.
pub struct Reader {
    source: Source,
    /// Made with the first batch, which tells the schema.
    pieces: Option<Pieces>,
    failed: bool,
}

/// Where the batches come from.
pub(crate) enum Source {
    Stream(Box<stream::StreamReader>),
    Parquet(Box<parquet::ParquetReader>),
    Shaped(Box<union::ShapedReader>),
    Files(Box<files::FilesReader>),
    Changes(Box<changes::ChangesReader>),
    System(Box<system::SystemReader>),
}

impl Reader {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, pieces: None, failed: false }
    }

    /// The next piece, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        if self.failed {
            let message = "The reader failed before; only its metrics can be asked for.";
            return Err(Error::new(ErrorKind::InvalidParams, message));
        }
        let next = self.next_piece().await;
        self.failed = next.is_err();
        next
    }

    async fn next_piece(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some(piece) = self.pieces.as_mut().and_then(Pieces::pop) {
                return Ok(Some(piece));
            }
            let Some(batch) = self.source.next_batch().await? else { return Ok(None) };
            let pieces = match &mut self.pieces {
                Some(pieces) => pieces,
                None => self.pieces.insert(Pieces::new(&batch.schema())?),
            };
            pieces.push(&batch)?;
        }
    }

    /// What the reader did so far.
    #[must_use]
    pub fn metrics(&self) -> ScanMetrics {
        self.source.metrics()
    }
}

impl Source {
    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Self::Stream(reader) => reader.next_batch().await,
            Self::Parquet(reader) => reader.next_batch().await,
            Self::Shaped(reader) => reader.next_batch().await,
            Self::Files(reader) => reader.next_batch().await,
            Self::Changes(reader) => reader.next_batch().await,
            Self::System(reader) => Ok(reader.next_batch()),
        }
    }

    fn metrics(&self) -> ScanMetrics {
        match self {
            Self::Stream(reader) => reader.metrics(),
            Self::Parquet(reader) => reader.metrics(),
            Self::Shaped(reader) => reader.metrics(),
            Self::Files(reader) => reader.metrics(),
            Self::Changes(reader) => reader.metrics(),
            Self::System(reader) => reader.metrics(),
        }
    }
}

/// A projection as positions.
pub(crate) fn positions(projection: Option<&[u32]>) -> Option<Vec<usize>> {
    projection.map(|columns| columns.iter().map(|column| *column as usize).collect())
}
