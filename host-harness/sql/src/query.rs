//! A query from its text to its rows: parsed, its tables opened, planned, run.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::{DFParserBuilder, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::Statement as Ast;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datasource_runtime::{Database, Runtime, Table, TenantId};
use futures_util::TryStreamExt;
use futures_util::future::try_join_all;

use crate::answer::{Answer, RowStream};
use crate::catalog::{CATALOG, OpenedTables, folded};
use crate::cooperation::CooperativeJoins;
use crate::error::SqlError;
use crate::explanation;
use crate::naming;
use crate::refusal;
use crate::scan_log::ScanLog;
use crate::spelling;
use crate::statement::{misspelt_clause, perhaps_a_file, quoted_name, unquoted_path};
use crate::system;
use crate::table_provider::DatasourceTable;

/// A column with this metadata is left NULL unless the statement names it: the value, `option=value`,
/// is the read option that makes the connector fill it.
const FETCH_WHEN_NAMED: &str = "platform:fetch-when-named";

/// Nesting of a query's expressions.
const RECURSION_LIMIT: usize = 64;

/// DataFusion set up for the session; one for all statements.
pub(crate) fn engine(memory: usize) -> Result<SessionState, SqlError> {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, "")
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    // Rows of one split stay in the file's order, and a LIMIT above a filter does not read ahead on
    // several threads. Reading costs more than filtering, so little is lost.
    options.optimizer.enable_round_robin_repartition = false;
    let environment =
        RuntimeEnvBuilder::new().with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)));
    Ok(SessionStateBuilder::new_with_default_features()
        .with_config(config)
        .with_runtime_env(environment.build_arc()?)
        .with_physical_optimizer_rule(Arc::new(CooperativeJoins))
        .build())
}

/// Databases and tables.
type Wanted = BTreeSet<(String, String)>;

/// Runs queries of one tenant.
pub(crate) struct Queries<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) tenant: &'a TenantId,
    pub(crate) engine: &'a SessionState,
}

impl Queries<'_> {
    /// Plans a query and starts it. Tables without a database stand in the current one.
    pub(crate) async fn run(&self, text: &str, current: Option<&str>) -> Result<Answer, SqlError> {
        let mut statement = parse(text)?;
        let references = match self.engine.resolve_table_references(&statement) {
            Ok(references) => references,
            Err(error) => return Err(unquoted_path(text).map_or(error.into(), SqlError::from)),
        };
        let explained = matches!(statement, EngineStatement::Explain(_));
        let log = Arc::new(ScanLog::default());
        let wanted = self.tables_to_open(text, &references, current).await?;
        let opened = self.open_tables(wanted, ast(&statement), &log).await?;
        if let Some(ast) = ast_mut(&mut statement) {
            spelling::correct(ast, &|parts| {
                let table = match (parts, current) {
                    ([database, table], _) => opened.table(database, table)?,
                    ([table], Some(database)) => opened.table(database, table)?,
                    _ => return None,
                };
                Some(table.schema())
            })?;
        }
        let mut state = self.engine.clone();
        if let Some(database) = current {
            database.clone_into(&mut state.config_mut().options_mut().catalog.default_schema);
        }
        state.register_catalog_list(opened.into_catalogs());
        state.mark_start_execution();
        let plan = state.statement_to_plan(statement).await?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| refusal::read_only())?;
        let physical = state.create_physical_plan(&plan).await?;
        let batches = execute_stream(physical, state.task_ctx())?;
        if explained {
            let lines = batches.and_then(|batch| async move { explanation::lines(&batch) });
            let stream = RowStream::new(lines.map_err(SqlError::from), log);
            return Ok(Answer::Rows { schema: explanation::schema(), stream });
        }
        let schema = batches.schema();
        let stream = RowStream::new(batches.map_err(SqlError::from), log);
        Ok(Answer::Rows { schema, stream })
    }

    /// Opens every table that the query names, each once, all at the same time.
    async fn open_tables(
        &self,
        wanted: BTreeSet<(String, String)>,
        ast: Option<&Ast>,
        log: &Arc<ScanLog>,
    ) -> Result<OpenedTables, SqlError> {
        let mut databases: HashMap<String, Database> = HashMap::new();
        let mut opened = Vec::new();
        let (system, wanted) = self.of_system(wanted).await?;
        for (database, name) in system {
            let table = system::table(self.runtime, self.tenant, &name).await?;
            opened.push((folded(&database), name, table));
        }
        for (database, table) in &wanted {
            if let Entry::Vacant(unknown) = databases.entry(folded(database)) {
                let found = self.database(database).await;
                let found = found.map_err(|error| perhaps_a_file(error, database, table))?;
                unknown.insert(found);
            }
        }
        let named = ast.map(naming::named_columns).unwrap_or_default();
        let opening = wanted.into_iter().map(|(database, name)| {
            let (found, named) = (databases[&folded(&database)].clone(), &named);
            async move {
                let table = open(&found, &name, |column| named.has(&folded(column))).await?;
                let table: Arc<dyn TableProvider> =
                    Arc::new(DatasourceTable::new(found.name(), table, Arc::clone(log)));
                Ok::<_, SqlError>((folded(&database), name, table))
            }
        });
        opened.extend(try_join_all(opening).await?);
        Ok(OpenedTables::new(opened))
    }

    /// Tells the host's own tables from those of databases.
    async fn of_system(
        &self,
        wanted: BTreeSet<(String, String)>,
    ) -> Result<(Wanted, Wanted), SqlError> {
        let is_system = |(database, _): &(String, String)| folded(database) == system::NAME;
        if wanted.iter().any(is_system) && self.has_system().await? {
            return Ok(wanted.into_iter().partition(is_system));
        }
        Ok((Wanted::new(), wanted))
    }

    /// Whether the name `system` means the host's own database.
    pub(crate) async fn has_system(&self) -> Result<bool, SqlError> {
        Ok(self.runtime.database(self.tenant, system::NAME).await?.is_none())
    }

    /// Database and table of each reference that is not a table function's.
    async fn tables_to_open(
        &self,
        text: &str,
        references: &[TableReference],
        current: Option<&str>,
    ) -> Result<BTreeSet<(String, String)>, SqlError> {
        let mut wanted = BTreeSet::new();
        for reference in references {
            let (database, table) = match (reference, current) {
                (TableReference::Partial { schema, table }, _) => (schema.as_ref(), table),
                (TableReference::Bare { table }, _)
                    if self.engine.table_functions().contains_key(table.as_ref()) =>
                {
                    continue;
                }
                (TableReference::Bare { table }, Some(database)) => (database, table),
                (TableReference::Bare { table }, None) => {
                    let known = self.known_databases().await?;
                    return Err(SqlError::NoDatabase { table: table.to_string(), known });
                }
                (TableReference::Full { catalog, .. }, _) => {
                    self.database(catalog).await?;
                    return Err(too_many_parts(text, reference));
                }
            };
            // Two spellings of a database's name must not open its table twice.
            let same = wanted.iter().any(|(known, name): &(String, String)| {
                folded(known) == folded(database) && name.as_str() == table.as_ref()
            });
            if !same {
                wanted.insert((database.to_owned(), table.to_string()));
            }
        }
        Ok(wanted)
    }

    /// A database by name, or an error that names those there are.
    pub(crate) async fn database(&self, name: &str) -> Result<Database, SqlError> {
        match self.runtime.database(self.tenant, name).await? {
            Some(database) => Ok(database),
            None => Err(SqlError::NoSuchDatabase {
                name: name.to_owned(),
                known: self.known_databases().await?,
            }),
        }
    }

    pub(crate) async fn known_databases(&self) -> Result<Vec<String>, SqlError> {
        let entries = self.runtime.databases(self.tenant).await?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }
}

fn too_many_parts(text: &str, reference: &TableReference) -> SqlError {
    match unquoted_path(text) {
        Some(slip) => slip.into(),
        None => SqlError::Syntax {
            message: format!("The table `{reference}` has too many parts"),
            hint: Some("Write the database, a dot, and the path in backticks.".into()),
        },
    }
}

/// Opens a table, with the read options of the columns that the statement names.
pub(crate) async fn open(
    database: &Database,
    name: &str,
    is_named: impl Fn(&str) -> bool,
) -> Result<Table, SqlError> {
    let table = database.read_table(name, &[]).await?;
    let schema = table.schema();
    let options: BTreeSet<(String, String)> = schema
        .fields()
        .iter()
        .filter(|field| is_named(field.name()))
        .filter_map(|field| field.metadata().get(FETCH_WHEN_NAMED)?.split_once('='))
        .map(|(option, value)| (option.to_owned(), value.to_owned()))
        .collect();
    if options.is_empty() {
        return Ok(table);
    }
    let options: Vec<_> = options.into_iter().collect();
    // Its instance is given back before another is asked for.
    drop(table);
    Ok(database.read_table(name, &options).await?)
}

/// Parses one query; anything that is none is refused before a plan is made.
fn parse(text: &str) -> Result<EngineStatement, SqlError> {
    if let Some(refused) = refusal::of_statement(text) {
        return Err(refused);
    }
    let parsed = DFParserBuilder::new(text)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(RECURSION_LIMIT)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = match parsed {
        Ok(statements) => statements,
        Err(error) => {
            return Err(match (unquoted_path(text), error.into()) {
                (Some(slip), _) => slip.into(),
                (None, SqlError::Syntax { message, hint: None }) => {
                    SqlError::Syntax { message, hint: misspelt_clause(text) }
                }
                (None, error) => error,
            });
        }
    };
    let (Some(statement), true) = (statements.pop_front(), statements.is_empty()) else {
        return Err(refusal::read_only());
    };
    match ast(&statement) {
        Some(ast @ Ast::Query(_)) => match naming::single_quoted_table(ast) {
            Some((database, name)) => Err(quoted_name(database.as_deref(), &name).into()),
            None => Ok(statement),
        },
        _ => Err(refusal::read_only()),
    }
}

/// The syntax tree inside DataFusion's statement, through any EXPLAIN.
fn ast(statement: &EngineStatement) -> Option<&Ast> {
    match statement {
        EngineStatement::Statement(ast) => Some(ast),
        EngineStatement::Explain(explain) => ast(&explain.statement),
        _ => None,
    }
}

fn ast_mut(statement: &mut EngineStatement) -> Option<&mut Ast> {
    match statement {
        EngineStatement::Statement(ast) => Some(ast),
        EngineStatement::Explain(explain) => ast_mut(&mut explain.statement),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> SqlError {
        match parse(text) {
            Ok(_) => panic!("parsed: {text}"),
            Err(error) => error,
        }
    }

    #[test]
    fn queries_and_explanations_of_queries_are_accepted() {
        for text in [
            "SELECT 1",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "EXPLAIN SELECT * FROM d.`a/b.csv`",
            "EXPLAIN ANALYZE SELECT 1",
            "VALUES (1), (2)",
            "(SELECT 1) UNION (SELECT 2)",
            "SELECT * FROM d.\"a/b.csv\" LIMIT 5, 10",
        ] {
            assert!(parse(text).is_ok(), "{text}: {}", error(text));
        }
    }

    #[test]
    fn the_documents_wrong_spellings_are_answered_with_the_right_one() {
        for text in [
            "SELECT * FROM integration.travel/travel_data.csv",
            "SELECT * FROM integration.'travel/travel_data.csv'",
        ] {
            let error = error(text);
            assert!(error.to_string().contains("integration."), "{error}");
            assert_eq!(
                error.hint().as_deref(),
                Some("Enclose the path in backticks: integration.`travel/travel_data.csv`")
            );
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let text = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
        assert!(matches!(error(&text), SqlError::Syntax { .. }));
    }
}
