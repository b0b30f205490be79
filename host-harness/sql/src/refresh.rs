//! REFRESH DATABASE: one row that says what the sync did. How far it is can be watched meanwhile.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datasource_runtime::{Database, EVERYTHING, Progress, ScanMetrics};
use futures_util::stream;

use crate::answer::{Answer, RowStream};
use crate::error::SqlError;
use crate::listing;
use crate::scan_log::ScanLog;

/// The counts of the row: names and values, by column.
fn counts(progress: &Progress) -> [(&'static str, u64); 7] {
    [
        ("items", progress.items),
        ("added", progress.added),
        ("modified", progress.modified),
        ("deleted", progress.deleted),
        ("requests", progress.requests),
        ("errors", progress.errors),
        ("throttled", progress.throttled),
    ]
}

/// Nothing is done before the row is asked for.
pub(crate) fn answer(database: Database) -> Answer {
    let schema = schema();
    let log = Arc::new(ScanLog::default());
    let (columns, watched) = (Arc::clone(&schema), Arc::clone(&log));
    let row = async move {
        let mut before = ScanMetrics::default();
        let progress = database.refresh(EVERYTHING, |progress| {
            let now = metrics(progress);
            watched.add(&before, &now);
            before = now;
        });
        row(columns, &database, &progress.await?)
    };
    Answer::Rows { schema, stream: RowStream::new(stream::once(row), log) }
}

fn schema() -> SchemaRef {
    let counts =
        counts(&Progress::default()).map(|(name, _)| Field::new(name, DataType::Int64, false));
    let texts = [listing::text("database", false), listing::text("sync_id", false)];
    listing::columns(texts.into_iter().chain(counts).collect())
}

fn metrics(progress: &Progress) -> ScanMetrics {
    let Progress { items, requests, throttled, .. } = *progress;
    ScanMetrics { rows: items, requests, throttled, ..ScanMetrics::default() }
}

fn row(
    schema: SchemaRef,
    database: &Database,
    progress: &Progress,
) -> Result<RecordBatch, SqlError> {
    let texts =
        [database.name(), &progress.run_id].map(|text| listing::texts([Some(text)].into_iter()));
    let counts = counts(progress).map(|(_, count)| -> ArrayRef {
        Arc::new(Int64Array::from(vec![i64::try_from(count).unwrap_or(i64::MAX)]))
    });
    listing::batch(&schema, texts.into_iter().chain(counts).collect())
}
