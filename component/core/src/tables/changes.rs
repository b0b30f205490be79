//! The system table `onedrive_changes`: what changed since a cursor, one row for each item; without
//! a cursor, every item as added.
//!
//! Each row tells the cursor to come back with. It is also what `delta_link` of
//! `onedrive_delta_state` holds.

use std::rc::Rc;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::contract::{ChangeKind, ItemChange, Scan, ScanMetrics, ScanPlan, Split};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::ipc::schema_message;
use crate::sender::{Counters, Deadline};
use crate::split::Work;
use crate::sync::ROOT;
use crate::tables::positions;

/// The table's name.
pub(crate) const NAME: &str = "onedrive_changes";

/// The read options, for `describe`: name and what it does.
pub(crate) const OPTIONS: [(&str, &str); 2] = [
    (
        "since",
        "`onedrive_changes` tells what changed since this cursor; without one, everything as added.",
    ),
    (
        "scope",
        "`onedrive_changes` tells changes in the folder of this id, or in what the shortcut of this \
         id leads to; `root` is everything else.",
    ),
];

/// The columns.
pub(crate) fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("kind", DataType::Utf8, false),
        Field::new("id", DataType::Utf8, false),
        Field::new("path", DataType::Utf8, true),
        Field::new("previous_path", DataType::Utf8, true),
        Field::new("folder", DataType::Boolean, false),
        Field::new("size", DataType::Int64, true),
        Field::new("modified", time, true),
        Field::new("content_version", DataType::Utf8, true),
        Field::new("cursor", DataType::Utf8, false),
    ]))
}

/// The table, with its options.
pub(crate) struct ChangesTable {
    connection: Rc<Connection>,
    since: Option<String>,
    scope: String,
}

impl ChangesTable {
    pub(crate) fn new(connection: Rc<Connection>, options: &[(String, String)]) -> Result<Self> {
        let mut table = Self { connection, since: None, scope: ROOT.to_owned() };
        for (name, value) in options {
            match name.as_str() {
                "since" => table.since = Some(value.clone()).filter(|since| !since.is_empty()),
                "scope" => table.scope.clone_from(value),
                other => return Err(unknown(other)),
            }
        }
        Ok(table)
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let columns = positions(scan.projection.as_deref());
        let columns = columns.unwrap_or_else(|| (0..schema().fields().len()).collect());
        let projected = project(&columns)?;
        let (since, scope) = (self.since.clone(), self.scope.clone());
        let token = self.connection.seal(Work::Changes(ChangesScan { columns, since, scope }))?;
        let split = Split { token, rows: None, bytes: None };
        let notes = vec!["asks what changed".to_owned()];
        Ok(ScanPlan { schema: schema_message(&projected)?, splits: vec![split], notes })
    }
}

fn project(columns: &[usize]) -> Result<Schema> {
    schema().project(columns).map_err(|_| {
        Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
    })
}

fn unknown(option: &str) -> Error {
    let shown: String = option.chars().take(60).collect();
    let message = format!("`{NAME}` has no read option `{shown}`.");
    let error = Error::new(ErrorKind::InvalidParams, message);
    match nearest(option, OPTIONS.map(|(name, _)| name)) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")).candidates([near.to_owned()]),
        None => error.hint("Its read options are `since` and `scope`."),
    }
}

/// What a split of the table holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChangesScan {
    columns: Vec<usize>,
    since: Option<String>,
    scope: String,
}

/// Reads changes page by page.
pub(crate) struct ChangesReader {
    connection: Connection,
    counters: Rc<Counters>,
    scan: ChangesScan,
    deadline: Deadline,
    done: bool,
    schema: SchemaRef,
    rows: u64,
}

impl ChangesReader {
    /// `connection` is this reader's own, since it is asked page by page.
    pub(crate) fn new(
        connection: Connection,
        scan: ChangesScan,
        counters: Rc<Counters>,
        deadline: Deadline,
    ) -> Result<Self> {
        let schema = Arc::new(project(&scan.columns)?);
        Ok(Self { connection, counters, scan, deadline, done: false, schema, rows: 0 })
    }

    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.done {
            return Ok(None);
        }
        self.deadline.check(self.connection.ports().clock.now())?;
        let (scope, since) = (self.scan.scope.as_str(), self.scan.since.as_deref());
        let counters = &self.counters;
        let page = self.connection.changes_by(scope, since, counters, self.deadline).await?;
        self.done = !page.more;
        self.rows += page.changes.len() as u64;
        let batch = self.batch(&page.changes, &page.cursor)?;
        self.scan.since = Some(page.cursor);
        Ok(Some(batch))
    }

    fn batch(&self, changes: &[ItemChange], cursor: &str) -> Result<RecordBatch> {
        let arrays = self.scan.columns.iter().map(|column| array(*column, changes, cursor));
        let options = RecordBatchOptions::new().with_row_count(Some(changes.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays.collect(), &options)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        ScanMetrics { rows: self.rows, ..self.counters.metrics() }
    }
}

fn array(column: usize, changes: &[ItemChange], cursor: &str) -> ArrayRef {
    let text = |of: &dyn Fn(&ItemChange) -> Option<String>| -> ArrayRef {
        let mut builder = StringBuilder::new();
        changes.iter().for_each(|change| builder.append_option(of(change)));
        Arc::new(builder.finish())
    };
    match column {
        0 => text(&|change| Some(kind(change.kind).to_owned())),
        1 => text(&|change| Some(change.id.clone())),
        2 => text(&|change| change.path.clone()),
        3 => text(&|change| change.previous_path.clone()),
        4 => {
            let mut builder = BooleanBuilder::new();
            changes.iter().for_each(|change| builder.append_value(change.folder));
            Arc::new(builder.finish())
        }
        5 => {
            let mut builder = Int64Builder::new();
            let size = |change: &ItemChange| i64::try_from(change.bytes?).ok();
            changes.iter().for_each(|change| builder.append_option(size(change)));
            Arc::new(builder.finish())
        }
        6 => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            let time = |change: &ItemChange| change.modified.map(|ms| ms.saturating_mul(1000));
            changes.iter().for_each(|change| builder.append_option(time(change)));
            Arc::new(builder.finish())
        }
        7 => text(&|change| change.content_version.clone()),
        _ => text(&|_| Some(cursor.to_owned())),
    }
}

fn kind(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Moved => "moved",
        ChangeKind::Deleted => "deleted",
    }
}
