//! A table whose schema is known, and the instance that sniffed it: planning runs there, and so
//! does the first split, because it still holds the bytes.

use std::fmt;
use std::time::Duration;

use arrow_schema::SchemaRef;
use tokio::sync::Mutex;
use wasmtime::component::ResourceAny;

use crate::contract::{
    Checker, ColumnFilterSupport, Scan, ScanPlan, Split, Statistics, scan_request,
};
use crate::database::{Connection, Database};
use crate::error::RuntimeError;
use crate::reader::Reader;

/// An open table.
pub struct Table {
    database: Database,
    /// What was asked for, to open it again.
    asked: Asked,
    name: String,
    schema: SchemaRef,
    statistics: Statistics,
    filter_support: Vec<ColumnFilterSupport>,
    sniffed: Mutex<Option<Open>>,
}

struct Asked {
    name: String,
    options: Vec<(String, String)>,
}

/// The instance that opened the table.
struct Open {
    connection: Connection,
    table: ResourceAny,
}

impl Table {
    pub(crate) async fn read(
        database: Database,
        name: &str,
        options: &[(String, String)],
    ) -> Result<Self, RuntimeError> {
        let asked = Asked { name: name.to_owned(), options: options.to_vec() };
        let Open { connection: Connection { instance, handle }, table } =
            asked.open(&database).await?;
        let (instance, name) = instance
            .call("table.name", |guest, store| {
                Box::pin(async move { guest.table().call_name(store, table).await })
            })
            .await?;
        let name = Checker::new("table.name").table_name(name)?;
        let (instance, schema) = instance
            .call("table.schema", |guest, store| {
                Box::pin(async move { guest.table().call_schema(store, table).await })
            })
            .await?;
        let schema = Checker::new("table.schema").schema(&schema)?;
        let columns = schema.fields().len();
        let (instance, statistics) = instance
            .call("table.statistics", |guest, store| {
                Box::pin(async move { guest.table().call_statistics(store, table).await })
            })
            .await?;
        let statistics = Checker::new("table.statistics").statistics(statistics, columns)?;
        let (instance, support) = instance
            .call("table.filter-support", |guest, store| {
                Box::pin(async move { guest.table().call_filter_support(store, table).await })
            })
            .await?;
        let filter_support =
            Checker::new("table.filter-support").filter_support(support, columns)?;
        let open = Open { connection: Connection { instance, handle }, table };
        let sniffed = Mutex::new(Some(open));
        Ok(Self { database, asked, name, schema, statistics, filter_support, sniffed })
    }

    /// The table's full name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All columns, with what was inferred in the metadata.
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// What is known of the table before a scan.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Which predicates the connector takes over.
    pub fn filter_support(&self) -> &[ColumnFilterSupport] {
        &self.filter_support
    }

    /// Decides how a scan will run. Once the table's own instance has gone to a reader, this opens
    /// the table again.
    ///
    /// # Errors
    /// [`RuntimeError::InvalidRequest`] for columns that are not there, what the connector reports,
    /// or what went wrong in it.
    pub async fn plan(&self, scan: Scan) -> Result<ScanPlan, RuntimeError> {
        const CALL: &str = "table.plan";
        let projection = scan.projection.clone();
        let request = scan_request(scan, self.schema.fields().len())?;
        let mut sniffed = self.sniffed.lock().await;
        let Open { connection: Connection { instance, handle }, table } = match sniffed.take() {
            Some(open) => open,
            None => self.asked.open(&self.database).await?,
        };
        let (instance, reply) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move { guest.table().call_plan(store, table, &request).await })
            })
            .await?;
        *sniffed = Some(Open { connection: Connection { instance, handle }, table });
        let check = Checker::new(CALL);
        check.plan(check.reply(reply)?, &self.schema, projection.as_deref())
    }

    /// Opens a split of a plan. The first one uses the table's own instance, later ones fresh
    /// instances, so that they run side by side.
    ///
    /// # Errors
    /// What the connector reports, or what went wrong in it.
    pub async fn open(
        &self,
        plan_schema: SchemaRef,
        split: &Split,
        deadline: Option<Duration>,
    ) -> Result<Reader, RuntimeError> {
        let own = self.sniffed.lock().await.take();
        match own {
            Some(Open { connection, .. }) => {
                let limit = self.database.message_limit();
                Reader::open(connection, plan_schema, &split.token, deadline, limit).await
            }
            None => self.database.open_split(plan_schema, &split.token, deadline).await,
        }
    }
}

impl Asked {
    async fn open(&self, database: &Database) -> Result<Open, RuntimeError> {
        const CALL: &str = "connection.read-table";
        let Connection { instance, handle } = database.resume().await?;
        let (name, options) = (self.name.clone(), self.options.clone());
        let (instance, reply) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move {
                    guest.connection().call_read_table(store, handle, &name, &options).await
                })
            })
            .await?;
        let table = Checker::new(CALL).reply(reply)?;
        Ok(Open { connection: Connection { instance, handle }, table })
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("database", &self.database)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
