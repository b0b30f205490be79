//! A connector's table as DataFusion's: filters are weighed while planning, and a scan is planned by
//! the connector before it runs.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datasource_runtime::{Scan, Support, Table};

use crate::error::{identifier, through_engine};
use crate::filters;
use crate::scan_exec::{Pushed, ScanExec};
use crate::scan_log::ScanLog;
use crate::statistics;

/// With a limit up to this many rows one split is asked for: each split would be limited on its
/// own, and opening several for a few rows costs more than it saves.
const FEW_ROWS: usize = 100_000;

/// An opened table, for one statement.
pub(crate) struct DatasourceTable {
    table: Arc<Table>,
    /// Database and table as they are shown in plans.
    label: String,
    schema: SchemaRef,
    log: Arc<ScanLog>,
}

impl DatasourceTable {
    pub(crate) fn new(database: &str, table: Table, log: Arc<ScanLog>) -> Self {
        let label = format!("{}.`{}`", identifier(database), table.name().replace('`', "``"));
        Self { schema: table.schema(), table: Arc::new(table), label, log }
    }
}

impl fmt::Debug for DatasourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DatasourceTable").field(&self.label).finish()
    }
}

#[async_trait]
impl TableProvider for DatasourceTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let offered = self.table.filter_support();
        Ok(filters.iter().map(|filter| filters::support(filter, &self.schema, offered)).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(statistics::of_table(self.table.statistics(), &self.schema))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let offered = self.table.filter_support();
        let predicates: Vec<_> = filters
            .iter()
            .filter_map(|filter| filters::predicates(filter, &self.schema))
            .flatten()
            .filter(|predicate| filters::offered_for(predicate, offered) != Support::None)
            .collect();
        let wished = match limit {
            Some(rows) if rows <= FEW_ROWS => 1,
            _ => state.config().target_partitions(),
        };
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let filtered = !filters.is_empty();
        let scan = Scan {
            projection: projection.cloned(),
            filters: predicates,
            limit: limit.map(|rows| rows as u64),
            wished_splits: u32::try_from(wished).unwrap_or(u32::MAX).max(1),
        };
        let plan = self.table.plan(scan).await.map_err(through_engine)?;
        let known = statistics::of_scan(
            self.table.statistics(),
            &plan.splits,
            &self.schema,
            projection.map(Vec::as_slice),
            filtered || limit.is_some(),
        );
        let pushed = Pushed {
            label: self.label.clone(),
            filters: filters.iter().map(ToString::to_string).collect(),
            limit,
        };
        let table = Arc::clone(&self.table);
        let log = Arc::clone(&self.log);
        let exec = ScanExec::new(table, plan, schema, pushed, known, wished, log)?;
        Ok(Arc::new(exec))
    }
}
