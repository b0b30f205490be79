//! The system table `onedrive_connections`: one row about this connection. No request is made for
//! it: all was learnt when somebody signed in.

use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::connection::Connection;
use crate::contract::{
    ConnectionInfo, ConnectionState, Piece, Scan, ScanMetrics, ScanPlan, Split, Statistics, exact,
};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::{Pieces, schema_message};
use crate::ports::TimestampMs;
use crate::split::Work;
use crate::tables::positions;

/// The table's name.
pub(crate) const NAME: &str = "onedrive_connections";

/// The columns: those of MindsDB's table first, with its types, then ours. Times are Unix seconds.
pub(crate) fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let time = |name| Field::new(name, DataType::Float64, true);
    Arc::new(Schema::new(vec![
        text("connection_id"),
        text("tenant_id"),
        text("account_id"),
        text("display_name"),
        text("email"),
        text("drive_id"),
        time("created_at"),
        time("updated_at"),
        text("state"),
        text("drive_type"),
        text("grant_type"),
        text("client_id"),
        text("cloud"),
        text("scopes"),
        time("expires_at"),
    ]))
}

/// One row of a few hundred bytes.
pub(crate) fn statistics() -> Statistics {
    Statistics { rows: Some(exact(1)), bytes: None }
}

/// The table.
pub(crate) struct ConnectionsTable {
    connection: Rc<Connection>,
}

impl ConnectionsTable {
    pub(crate) fn new(connection: &Rc<Connection>, options: &[(String, String)]) -> Result<Self> {
        match options.first() {
            None => Ok(Self { connection: Rc::clone(connection) }),
            Some((name, _)) => {
                let shown: String = name.chars().take(60).collect();
                let message = format!("`{NAME}` has no read option `{shown}`; it has none.");
                Err(Error::new(ErrorKind::InvalidParams, message))
            }
        }
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let columns = positions(scan.projection.as_deref());
        let columns = columns.unwrap_or_else(|| (0..schema().fields().len()).collect());
        let schema = schema_message(&projected(&columns)?)?;
        let token = self.connection.seal(Work::Connections { columns })?;
        let split = Split { token, rows: Some(exact(1)), bytes: None };
        let notes = vec!["tells what is known of the connection, without a request".to_owned()];
        Ok(ScanPlan { schema, splits: vec![split], notes })
    }
}

fn projected(columns: &[usize]) -> Result<Schema> {
    schema().project(columns).map_err(|_| {
        Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
    })
}

/// Gives the row.
pub(crate) struct ConnectionsReader {
    pieces: Pieces,
}

impl ConnectionsReader {
    pub(crate) fn new(info: &ConnectionInfo, columns: &[usize]) -> Result<Self> {
        let schema = Arc::new(projected(columns)?);
        let row = row(info);
        let arrays = columns.iter().map(|column| Arc::clone(&row[*column])).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let mut pieces = Pieces::new(&schema)?;
        pieces.push(&batch)?;
        Ok(Self { pieces })
    }

    pub(crate) fn next(&mut self) -> Option<Piece> {
        self.pieces.pop()
    }

    #[expect(clippy::unused_self, reason = "as all readers")]
    pub(crate) fn metrics(&self) -> ScanMetrics {
        ScanMetrics { rows: 1, ..ScanMetrics::default() }
    }
}

/// A value for each column of [`schema`].
fn row(info: &ConnectionInfo) -> Vec<ArrayRef> {
    let text = |value: Option<String>| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit")]
    let time = |ms: Option<TimestampMs>| -> ArrayRef {
        Arc::new(Float64Array::from(vec![ms.map(|ms| ms as f64 / 1000.0)]))
    };
    let property = |name: &str| {
        let found = info.properties.iter().find(|(property, _)| property == name);
        text(found.map(|(_, value)| value.clone()))
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
        time(Some(info.created_at)),
        time(Some(info.updated_at)),
        text(Some(state.to_owned())),
        property("drive_type"),
        property("grant_type"),
        property("client_id"),
        property("cloud"),
        text(Some(info.scopes.join(" ")).filter(|scopes| !scopes.is_empty())),
        time(info.expires_at),
    ]
}
