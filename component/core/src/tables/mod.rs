//! Tables: what is known of one before a scan, and the readers of its splits.

pub(crate) mod connections;
pub(crate) mod files;
pub(crate) mod parquet;
pub(crate) mod stream;

use arrow_schema::SchemaRef;

use crate::contract::{ColumnFilterSupport, Piece, Scan, ScanMetrics, ScanPlan, Statistics};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::schema_message;

/// An opened table.
pub struct Table {
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Stream(Box<stream::StreamTable>),
    Parquet(Box<parquet::ParquetTable>),
    Files(files::FilesTable),
    Connections(connections::ConnectionsTable),
}

impl Table {
    /// The full name.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Stream(table) => table.name(),
            Kind::Parquet(table) => table.name(),
            Kind::Files(_) => files::NAME,
            Kind::Connections(_) => connections::NAME,
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
            Kind::Files(table) => table.schema(),
            Kind::Connections(_) => connections::schema(),
        }
    }

    /// What is known of rows and bytes.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        match &self.kind {
            Kind::Stream(table) => table.statistics(),
            Kind::Parquet(table) => table.statistics(),
            Kind::Files(_) => Statistics::default(),
            Kind::Connections(_) => connections::statistics(),
        }
    }

    /// Which predicates are taken over.
    #[must_use]
    pub fn filter_support(&self) -> Vec<ColumnFilterSupport> {
        match &self.kind {
            Kind::Stream(_) | Kind::Parquet(_) | Kind::Connections(_) => Vec::new(),
            Kind::Files(table) => table.filter_support(),
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
            Kind::Files(table) => table.plan(scan),
            Kind::Connections(table) => table.plan(scan),
        }
    }
}

/// The rows of one split.
pub struct Reader {
    kind: ReaderKind,
    failed: bool,
}

pub(crate) enum ReaderKind {
    Stream(Box<stream::StreamReader>),
    Parquet(Box<parquet::ParquetReader>),
    Files(Box<files::FilesReader>),
    Connections(Box<connections::ConnectionsReader>),
}

impl Reader {
    pub(crate) fn new(kind: ReaderKind) -> Self {
        Self { kind, failed: false }
    }

    /// The next piece, or `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Piece>> {
        if self.failed {
            let message = "The reader failed before; only its metrics can be asked for.";
            return Err(Error::new(ErrorKind::InvalidParams, message));
        }
        let next = match &mut self.kind {
            ReaderKind::Stream(reader) => reader.next().await,
            ReaderKind::Parquet(reader) => reader.next().await,
            ReaderKind::Files(reader) => reader.next().await,
            ReaderKind::Connections(reader) => Ok(reader.next()),
        };
        self.failed = next.is_err();
        next
    }

    /// What the reader did so far.
    #[must_use]
    pub fn metrics(&self) -> ScanMetrics {
        match &self.kind {
            ReaderKind::Stream(reader) => reader.metrics(),
            ReaderKind::Parquet(reader) => reader.metrics(),
            ReaderKind::Files(reader) => reader.metrics(),
            ReaderKind::Connections(reader) => reader.metrics(),
        }
    }
}

/// A projection as positions.
pub(crate) fn positions(projection: Option<&[u32]>) -> Option<Vec<usize>> {
    projection.map(|columns| columns.iter().map(|column| *column as usize).collect())
}
