//! The small system tables: who is connected, where the sync of each scope stands, and what the
//! last runs of the sync did. No request is made for them.
//!
//! Columns are those of MindsDB's tables, in its order; ours follow. Times are timestamps.

use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::catalogue::Ended;
use crate::connection::Connection;
use crate::contract::{
    ConnectionInfo, ConnectionState, Scan, ScanMetrics, ScanPlan, Split, Statistics, exact,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::schema_message;
use crate::ports::TimestampMs;
use crate::split::Work;
use crate::sync::ScopeState;
use crate::tables::positions;

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SystemTable {
    Connections,
    DeltaState,
    SyncStats,
}

impl SystemTable {
    pub(crate) const ALL: [Self; 3] = [Self::Connections, Self::DeltaState, Self::SyncStats];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connections => "onedrive_connections",
            Self::DeltaState => "onedrive_delta_state",
            Self::SyncStats => "onedrive_sync_stats",
        }
    }

    pub(crate) fn doc(self) -> &'static str {
        match self {
            Self::Connections => "Who is connected, to which drive, since when.",
            Self::DeltaState => "Where the sync stands, for the drive and for folders followed.",
            Self::SyncStats => "What the last hundred runs of the sync did.",
        }
    }

    pub(crate) fn schema(self) -> SchemaRef {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let fields = self.columns().iter().map(|(name, holds)| {
            let data_type = match holds {
                Holds::Text => DataType::Utf8,
                Holds::Time => time.clone(),
                Holds::Count => DataType::Int64,
                Holds::Seconds => DataType::Float64,
            };
            Field::new(*name, data_type, true)
        });
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    fn columns(self) -> &'static [(&'static str, Holds)] {
        match self {
            Self::Connections => &[
                ("connection_id", Holds::Text),
                ("tenant_id", Holds::Text),
                ("account_id", Holds::Text),
                ("display_name", Holds::Text),
                ("email", Holds::Text),
                ("drive_id", Holds::Text),
                ("created_at", Holds::Time),
                ("updated_at", Holds::Time),
                ("state", Holds::Text),
                ("drive_type", Holds::Text),
                ("grant_type", Holds::Text),
                ("client_id", Holds::Text),
                ("cloud", Holds::Text),
                ("scopes", Holds::Text),
                ("expires_at", Holds::Time),
            ],
            Self::DeltaState => &[
                ("scope", Holds::Text),
                ("delta_link", Holds::Text),
                ("cursor_updated_at", Holds::Time),
                ("last_success_at", Holds::Time),
                ("items_synced", Holds::Count),
                ("connection_id", Holds::Text),
                ("drive_id", Holds::Text),
            ],
            Self::SyncStats => &[
                ("sync_id", Holds::Text),
                ("started_at", Holds::Time),
                ("completed_at", Holds::Time),
                ("status", Holds::Text),
                ("items_processed", Holds::Count),
                ("items_added", Holds::Count),
                ("items_modified", Holds::Count),
                ("items_deleted", Holds::Count),
                ("errors_count", Holds::Count),
                ("throttled_count", Holds::Count),
                ("duration_seconds", Holds::Seconds),
                ("connection_id", Holds::Text),
                ("requests", Holds::Count),
            ],
        }
    }

    fn rows(self, connection: &Connection) -> Result<Vec<Vec<Cell>>> {
        let info = connection.info()?;
        Ok(match self {
            Self::Connections => vec![connection_row(info)],
            Self::DeltaState => {
                let states = connection.scope_states()?;
                states.into_iter().map(|state| delta_row(state, &info.connection_id)).collect()
            }
            Self::SyncStats => {
                let runs = connection.ended_runs()?;
                runs.into_iter().map(|run| run_row(run, &info.connection_id)).collect()
            }
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Time,
    Count,
    Seconds,
}

/// A value of a row.
enum Cell {
    Text(Option<String>),
    Time(Option<TimestampMs>),
    Count(u64),
    Seconds(f64),
}

fn connection_row(info: ConnectionInfo) -> Vec<Cell> {
    let text = Cell::Text;
    let property = |name: &str| {
        let found = info.properties.iter().find(|(property, _)| property == name);
        Cell::Text(found.map(|(_, value)| value.clone()))
    };
    let identity = info.identity.as_ref();
    let state = match info.state {
        ConnectionState::Ready => "ready",
        ConnectionState::PendingAuthorization => "pending-authorization",
        ConnectionState::AuthRequired => "auth-required",
    };
    vec![
        text(Some(info.connection_id.clone())),
        property("tenant_id"),
        text(identity.map(|identity| identity.id.clone())),
        text(identity.and_then(|identity| identity.display_name.clone())),
        text(identity.and_then(|identity| identity.email.clone())),
        text(info.root_id.clone()),
        Cell::Time(Some(info.created_at)),
        Cell::Time(Some(info.updated_at)),
        text(Some(state.to_owned())),
        property("drive_type"),
        property("grant_type"),
        property("client_id"),
        property("cloud"),
        text(Some(info.scopes.join(" ")).filter(|scopes| !scopes.is_empty())),
        Cell::Time(info.expires_at),
    ]
}

fn delta_row(state: ScopeState, connection_id: &str) -> Vec<Cell> {
    vec![
        Cell::Text(Some(state.scope)),
        Cell::Text(Some(state.cursor)),
        Cell::Time(Some(state.changed_at)),
        Cell::Time(Some(state.succeeded_at)),
        Cell::Count(state.items),
        Cell::Text(Some(connection_id.to_owned())),
        Cell::Text(Some(state.drive)),
    ]
}

fn run_row(ended: Ended, connection_id: &str) -> Vec<Cell> {
    let Ended { run, completed_at, status, tally } = ended;
    #[expect(clippy::cast_precision_loss, reason = "no run takes that long")]
    let seconds = completed_at.saturating_sub(run.started_at).max(0) as f64 / 1000.0;
    vec![
        Cell::Text(Some(run.id)),
        Cell::Time(Some(run.started_at)),
        Cell::Time(Some(completed_at)),
        Cell::Text(Some(status.name().to_owned())),
        Cell::Count(run.items),
        Cell::Count(tally.added),
        Cell::Count(tally.modified),
        Cell::Count(tally.deleted),
        Cell::Count(run.errors),
        Cell::Count(run.throttled),
        Cell::Seconds(seconds),
        Cell::Text(Some(connection_id.to_owned())),
        Cell::Count(run.requests),
    ]
}

/// A table that was opened.
pub(crate) struct OpenedSystemTable {
    connection: Rc<Connection>,
    pub(crate) table: SystemTable,
}

impl OpenedSystemTable {
    pub(crate) fn new(
        connection: &Rc<Connection>,
        table: SystemTable,
        options: &[(String, String)],
    ) -> Result<Self> {
        let Some((name, _)) = options.first() else {
            return Ok(Self { connection: Rc::clone(connection), table });
        };
        let shown: String = name.chars().take(60).collect();
        let message = format!("`{}` has no read option `{shown}`; it has none.", table.name());
        Err(Error::new(ErrorKind::InvalidParams, message))
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let one = (self.table == SystemTable::Connections).then(|| exact(1));
        Statistics { rows: one, bytes: None }
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let (table, schema) = (self.table, self.table.schema());
        let columns = positions(scan.projection.as_deref());
        let columns = columns.unwrap_or_else(|| (0..schema.fields().len()).collect());
        let schema = schema_message(&projected(&schema, &columns)?)?;
        let token = self.connection.seal(Work::System { table, columns })?;
        let split = Split { token, rows: self.statistics().rows, bytes: None };
        let notes = vec!["tells what is known, without a request".to_owned()];
        Ok(ScanPlan { schema, splits: vec![split], notes })
    }
}

fn projected(schema: &Schema, columns: &[usize]) -> Result<Schema> {
    schema.project(columns).map_err(|_| {
        Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
    })
}

/// Gives the rows.
pub(crate) struct SystemReader {
    batch: Option<RecordBatch>,
    rows: u64,
}

impl SystemReader {
    pub(crate) fn new(
        connection: &Connection,
        table: SystemTable,
        columns: &[usize],
    ) -> Result<Self> {
        let schema = Arc::new(projected(&table.schema(), columns)?);
        let rows = table.rows(connection)?;
        let arrays = columns.iter().map(|column| array(&rows, *column, table.columns()[*column].1));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let arrays = arrays.collect();
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        Ok(Self { batch: Some(batch), rows: rows.len() as u64 })
    }

    pub(crate) fn next_batch(&mut self) -> Option<RecordBatch> {
        self.batch.take()
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        ScanMetrics { rows: self.rows, ..ScanMetrics::default() }
    }
}

fn array(rows: &[Vec<Cell>], column: usize, holds: Holds) -> ArrayRef {
    let cells = rows.iter().map(|row| &row[column]);
    match holds {
        Holds::Text => Arc::new(StringArray::from_iter(cells.map(|cell| match cell {
            Cell::Text(text) => text.as_deref(),
            _ => None,
        }))),
        Holds::Time => {
            let times = TimestampMicrosecondArray::from_iter(cells.map(|cell| match cell {
                Cell::Time(ms) => ms.map(|ms| ms.saturating_mul(1000)),
                _ => None,
            }));
            Arc::new(times.with_timezone("UTC"))
        }
        Holds::Count => Arc::new(Int64Array::from_iter(cells.map(|cell| match cell {
            Cell::Count(count) => i64::try_from(*count).ok(),
            _ => None,
        }))),
        Holds::Seconds => Arc::new(Float64Array::from_iter(cells.map(|cell| match cell {
            Cell::Seconds(seconds) => Some(*seconds),
            _ => None,
        }))),
    }
}
