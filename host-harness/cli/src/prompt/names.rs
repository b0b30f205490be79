//! The names that the prompt can complete: databases, their connectors' tables, and the paths that were
//! listed or selected at this prompt. Nothing is listed only to complete a name.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use datasource_sql::Statement;

use crate::workers::WorkerSession;

/// Paths of one database that are remembered.
const MAX_PATHS: usize = 20_000;

/// How long the prompt may take to ask connectors for their tables.
const PATIENCE: Duration = Duration::from_millis(400);

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) databases: Vec<String>,
    pub(super) current: Option<String>,
    tables: HashMap<String, Tables>,
}

/// The tables of one database.
#[derive(Debug, Default)]
struct Tables {
    /// `None` until the connector was asked.
    system: Option<Vec<String>>,
    paths: BTreeSet<String>,
}

impl Names {
    /// Looks up the databases, and the system tables of those that are new.
    pub(super) async fn refresh(&mut self, session: &WorkerSession) {
        self.current = session.local().current_database();
        // What cannot be looked up cannot be completed; the next statement will tell why.
        self.databases = session.local().database_names().await.unwrap_or_default();
        let databases = &self.databases;
        self.tables.retain(|known, _| databases.iter().any(|name| *known == name.to_lowercase()));
        let tables = &mut self.tables;
        let asking = async {
            for name in databases {
                let tables = tables.entry(name.to_lowercase()).or_default();
                if tables.system.is_none() {
                    tables.system = Some(session.system_tables(name).await.unwrap_or_default());
                }
            }
        };
        // Whatever is missing is asked for before the next line.
        let _ = tokio::time::timeout(PATIENCE, asking).await;
    }

    /// The database of a name in any case.
    pub(super) fn database(&self, name: &str) -> Option<&str> {
        let folded = name.to_lowercase();
        self.databases.iter().find(|known| known.to_lowercase() == folded).map(String::as_str)
    }

    /// The tables known of a database: the connector's own first.
    pub(super) fn tables(&self, database: &str) -> impl Iterator<Item = &str> {
        let tables = self.tables.get(&database.to_lowercase());
        tables.into_iter().flat_map(|tables| {
            tables.system.iter().flatten().chain(&tables.paths).map(String::as_str)
        })
    }

    /// Remembers the paths in a batch of an answer.
    pub(super) fn learn(&mut self, source: &Source, batch: &RecordBatch) {
        let Some(column) = batch.column_by_name(source.column) else { return };
        let tables = self.tables.entry(source.database.to_lowercase()).or_default();
        let column = column.as_ref();
        for row in (0..column.len()).filter(|row| !column.is_null(*row)) {
            let text = match column.data_type() {
                DataType::Utf8 => column.as_string::<i32>().value(row),
                DataType::LargeUtf8 => column.as_string::<i64>().value(row),
                DataType::Utf8View => column.as_string_view().value(row),
                _ => return,
            };
            if tables.paths.len() >= MAX_PATHS {
                return;
            }
            // A name with a line break or worse cannot be typed.
            let system = tables.system.iter().flatten().any(|name| name == text);
            if !system && !text.chars().any(char::is_control) {
                tables.paths.insert(text.to_owned());
            }
        }
    }
}

/// Where an answer has paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    database: String,
    column: &'static str,
}

impl Source {
    /// Of a statement that lists files: SHOW TABLES, or a query of the table `files`.
    pub(super) fn of(statement: &str, names: &Names) -> Option<Self> {
        match Statement::parse(statement).ok()? {
            Statement::ShowTables { database } => {
                let database = database.or_else(|| names.current.clone())?;
                Some(Self { database, column: "name" })
            }
            Statement::Query => {
                let database = queried(statement, names)?.to_owned();
                Some(Self { database, column: "path" })
            }
            _ => None,
        }
    }
}

/// The database whose table `files` a query seems to read.
fn queried<'a>(query: &str, names: &'a Names) -> Option<&'a str> {
    const TABLE: &str = "files";
    let words = || {
        query
            .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';'))
            .map(|word| word.replace(['`', '"'], ""))
    };
    let named = words().find_map(|word| {
        let (database, table) = word.rsplit_once('.')?;
        table.eq_ignore_ascii_case(TABLE).then(|| names.database(database)).flatten()
    });
    let bare = || words().any(|word| word.eq_ignore_ascii_case(TABLE));
    named.or_else(|| names.current.as_deref().filter(|_| bare()))
}

#[cfg(test)]
impl Names {
    /// Names for tests: databases `drive` with `files` and some paths, and `my drive`.
    pub(super) fn sample(current: Option<&str>) -> Self {
        let tables = Tables {
            system: Some(vec!["files".into()]),
            paths: ["geo/airports.csv", "geo/zip codes.csv", "my-folder/it`s.csv"]
                .map(str::to_owned)
                .into(),
        };
        let second = Tables { system: Some(vec![]), paths: ["Ärger.csv".to_owned()].into() };
        Self {
            databases: vec!["drive".into(), "my drive".into()],
            current: current.map(str::to_owned),
            tables: [("drive".to_owned(), tables), ("my drive".to_owned(), second)].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};

    #[test]
    fn a_statement_that_lists_files_is_recognised() {
        let names = Names::sample(Some("drive"));
        let source = |statement| Source::of(statement, &names).map(|s| (s.database, s.column));
        let found = |database: &str, column| Some((database.to_owned(), column));
        assert_eq!(source("SHOW TABLES"), found("drive", "name"));
        assert_eq!(source("show tables from `my drive`"), found("my drive", "name"));
        assert_eq!(source("SELECT path FROM Drive.files LIMIT 1"), found("drive", "path"));
        assert_eq!(source("SELECT * FROM (SELECT path FROM files)"), found("drive", "path"));
        assert_eq!(source("SELECT path FROM drive.`a.csv`"), None);
        assert_eq!(source("USE drive"), None);
    }

    #[test]
    fn paths_are_learnt_once_and_system_tables_are_not_paths() {
        let mut names = Names::sample(None);
        let column: ArrayRef = Arc::new(StringArray::from(vec!["files", "new.csv", "a\nb.csv"]));
        let batch = RecordBatch::try_from_iter([("name", column)]).unwrap();
        let source = Source { database: "drive".into(), column: "name" };
        names.learn(&source, &batch);
        names.learn(&source, &batch);
        let tables: Vec<_> = names.tables("DRIVE").collect();
        assert_eq!(
            tables,
            ["files", "geo/airports.csv", "geo/zip codes.csv", "my-folder/it`s.csv", "new.csv"]
        );
    }
}
