//! What a statement gives back.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datasource_runtime::ScanMetrics;
use futures_util::{Stream, StreamExt};

use crate::error::SqlError;
use crate::scan_log::ScanLog;

/// What a statement gives back.
#[derive(Debug)]
pub enum Answer {
    /// Rows, which come as they are read.
    Rows {
        /// The columns.
        schema: SchemaRef,
        /// The batches; dropping it ends the query and frees the guests.
        stream: RowStream,
    },
    /// Something was done: a sentence that says what.
    Done(String),
}

/// The batches of an answer.
pub struct RowStream {
    batches: Pin<Box<dyn Stream<Item = Result<RecordBatch, SqlError>> + Send>>,
    log: Arc<ScanLog>,
}

impl RowStream {
    pub(crate) fn new(
        batches: impl Stream<Item = Result<RecordBatch, SqlError>> + Send + 'static,
        log: Arc<ScanLog>,
    ) -> Self {
        Self { batches: Box::pin(batches), log }
    }

    /// What the connectors did for this statement so far: requests, bytes, cells made NULL, and
    /// warnings for people.
    pub fn scan_metrics(&self) -> ScanMetrics {
        self.log.totals()
    }

    /// A look at the same numbers while the rows are being read.
    pub fn watch(&self) -> ScanWatch {
        ScanWatch(Arc::clone(&self.log))
    }
}

/// What the connectors did so far for a statement that runs.
#[derive(Debug, Clone)]
pub struct ScanWatch(Arc<ScanLog>);

impl ScanWatch {
    /// The sums so far.
    pub fn scan_metrics(&self) -> ScanMetrics {
        self.0.totals()
    }
}

impl fmt::Debug for RowStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowStream").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Stream for RowStream {
    type Item = Result<RecordBatch, SqlError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(cx)
    }
}
