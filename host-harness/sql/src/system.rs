//! The database `system`, which the host itself makes up: what is known of all databases.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datasource_runtime::{Health, Runtime, TenantId};

use crate::error::SqlError;
use crate::listing;

/// The name of the database; one that a tenant has created under this name goes before it.
pub(crate) const NAME: &str = "system";
/// Its one table.
pub(crate) const HEALTH: &str = "health";
/// What the table holds.
pub(crate) const HEALTH_DOC: &str =
    "What the background check found when it last looked at each database.";

/// A table of the database `system`.
pub(crate) async fn table(
    runtime: &Runtime,
    tenant: &TenantId,
    name: &str,
) -> Result<Arc<dyn TableProvider>, SqlError> {
    if !name.eq_ignore_ascii_case(HEALTH) {
        return Err(SqlError::Query {
            message: format!("The database `{NAME}` has no table `{name}`"),
            hint: Some(format!("Its table is `{HEALTH}`.")),
        });
    }
    let batch = health(&runtime.health(tenant).await?)?;
    Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
}

fn health(databases: &[Health]) -> Result<RecordBatch, SqlError> {
    let rows = || databases.iter().flat_map(|h| h.findings.iter().map(move |f| (h, f)));
    let schema = listing::columns(vec![
        listing::text("database", false),
        listing::text("check", false),
        listing::text("state", false),
        listing::text("evidence", false),
        listing::text("actor", true),
        listing::text("hint", true),
        listing::time("checked_at"),
    ]);
    let columns = vec![
        listing::texts(rows().map(|(health, _)| Some(health.database.as_str()))),
        listing::texts(rows().map(|(_, finding)| Some(finding.check.as_str()))),
        listing::texts(rows().map(|(_, finding)| Some(finding.state.as_str()))),
        listing::texts(rows().map(|(_, finding)| Some(finding.evidence.as_str()))),
        listing::texts(rows().map(|(_, finding)| finding.actor.map(|actor| actor.as_str()))),
        listing::texts(rows().map(|(_, finding)| finding.hint.as_deref())),
        listing::timestamps(rows().map(|(health, _)| Some(health.checked_at))),
    ];
    RecordBatch::try_new(schema, columns)
        .map_err(|error| SqlError::Internal { detail: error.to_string() })
}
