//! The tables of one statement as a DataFusion catalog: a schema for each database that the
//! statement names, holding the tables it names. They are opened before planning and forgotten
//! after it, so that no schema is ever stale, and nothing lists a drive to answer a query.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProviderList, SchemaProvider, TableProvider,
};
use datafusion::error::DataFusionError;

/// The name of the one catalog; it is never written in statements.
pub(crate) const CATALOG: &str = "datasources";

/// Database names compare without regard to case.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// The opened tables by folded database name and by table name as written.
#[derive(Debug, Default)]
pub(crate) struct OpenedTables {
    schemas: HashMap<String, Arc<OpenedSchema>>,
}

impl OpenedTables {
    pub(crate) fn new(
        tables: impl IntoIterator<Item = (String, String, Arc<dyn TableProvider>)>,
    ) -> Self {
        let mut schemas: HashMap<String, HashMap<String, Arc<dyn TableProvider>>> = HashMap::new();
        for (database, name, table) in tables {
            schemas.entry(database).or_default().insert(name, table);
        }
        let schemas = schemas
            .into_iter()
            .map(|(database, tables)| (database, Arc::new(OpenedSchema { tables })))
            .collect();
        Self { schemas }
    }

    pub(crate) fn table(&self, database: &str, name: &str) -> Option<&Arc<dyn TableProvider>> {
        self.schemas.get(&folded(database))?.tables.get(name)
    }

    /// The list that a session state takes.
    pub(crate) fn into_catalogs(self) -> Arc<dyn CatalogProviderList> {
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(self));
        Arc::new(catalogs)
    }
}

impl CatalogProvider for OpenedTables {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let schema = self.schemas.get(&folded(name))?;
        Some(Arc::clone(schema) as Arc<dyn SchemaProvider>)
    }
}

#[derive(Debug, Default)]
struct OpenedSchema {
    tables: HashMap<String, Arc<dyn TableProvider>>,
}

#[async_trait]
impl SchemaProvider for OpenedSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.tables.get(name).cloned())
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}
