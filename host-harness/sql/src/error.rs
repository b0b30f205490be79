//! What can go wrong with a statement, in sentences for whoever wrote it.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datasource_runtime::{Actor, RuntimeError};

use crate::nearest::nearest;
use crate::statement::{Fault, Slip};

/// Why a statement failed, by the decision it leaves to the caller. `Display` is one sentence with
/// its full stop; [`SqlError::hint`] says what to do. Neither holds a value of PARAMETERS.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SqlError {
    /// The statement cannot be understood.
    #[error("{message}.")]
    Syntax {
        /// What is wrong, with line and column where they are known.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The statement is understood, but not offered here.
    #[error("{message}.")]
    Unsupported {
        /// What is not offered.
        message: String,
        /// What there is instead.
        hint: Option<String>,
    },
    /// The statement names a database that there is not.
    #[error("There is no database named `{name}`.")]
    NoSuchDatabase {
        /// The name in the statement.
        name: String,
        /// The databases there are.
        known: Vec<String>,
    },
    /// A table stands without its database, and there is no such table to be found.
    #[error("The table `{table}` stands without its database.")]
    NoDatabase {
        /// The table's name in the statement.
        table: String,
        /// The databases there are.
        known: Vec<String>,
    },
    /// The query does not fit the tables: an unknown column or function, types that do not match.
    #[error("{message}.")]
    Query {
        /// What does not fit.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The runtime or a connector failed.
    #[error("{0}")]
    Runtime(Arc<RuntimeError>),
    /// The query needs more memory than a query may have.
    #[error("The query needs more memory than one query may have.")]
    Memory {
        /// What the query engine says of it.
        detail: String,
    },
    /// A defect of this crate or of the query engine.
    #[error("The query engine failed: {detail}.")]
    Internal {
        /// What it says.
        detail: String,
    },
}

impl SqlError {
    /// What the actor should do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Syntax { hint, .. }
            | Self::Unsupported { hint, .. }
            | Self::Query { hint, .. } => hint.clone(),
            Self::NoSuchDatabase { name, known } => Some(databases_hint(name, known)),
            Self::NoDatabase { table, known } => Some(match known.as_slice() {
                [only] => format!("Write {0}.`{table}`, or USE {0} first.", identifier(only)),
                _ => format!(
                    "Write the database, a dot, and the table in backticks, such as my_database.`{table}`."
                ),
            }),
            Self::Runtime(error) => error.hint(),
            Self::Memory { .. } => Some(
                "Select fewer columns, filter earlier, or aggregate before joining.".to_owned(),
            ),
            Self::Internal { .. } => {
                Some("Report the statement and this message to the maintainers.".to_owned())
            }
        }
    }

    /// Who can mend it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Runtime(error) => error.actor(),
            Self::Internal { .. } => Actor::HostOperator,
            _ => Actor::Caller,
        }
    }

    /// The sentence and position of a fault in one of our own statements.
    pub(crate) fn from_fault(fault: &Fault, statement: &str) -> Self {
        let (line, column) = fault.position(statement);
        Self::Syntax {
            message: format!("{} (line {line}, column {column})", fault.message),
            hint: form_of(statement).map(|form| format!("The form is: {form}")),
        }
    }
}

impl From<Slip> for SqlError {
    fn from(slip: Slip) -> Self {
        Self::Syntax { message: slip.message, hint: Some(slip.hint) }
    }
}

impl From<RuntimeError> for SqlError {
    fn from(error: RuntimeError) -> Self {
        Self::Runtime(Arc::new(error))
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        from_engine(&error)
    }
}

/// Carries an error of ours through DataFusion, so that it comes out as it went in.
pub(crate) fn through_engine(error: impl Into<SqlError>) -> DataFusionError {
    DataFusionError::External(Box::new(error.into()))
}

/// Finds our own error in DataFusion's wrappers, or makes a sentence of DataFusion's.
fn from_engine(error: &DataFusionError) -> SqlError {
    match error {
        DataFusionError::External(inner) => from_source(inner.as_ref(), error),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::ExternalError(inner) => from_source(inner.as_ref(), error),
            ArrowError::DivideByZero => query("The query divides by zero", None),
            inner => query(sentence(&inner.to_string()), None),
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_engine(inner)
        }
        DataFusionError::Shared(inner) => from_engine(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => from_engine(first),
            None => internal(error),
        },
        DataFusionError::SQL(parser, _) => SqlError::Syntax {
            message: format!("The statement cannot be parsed: {}", sentence(&parser_text(parser))),
            hint: None,
        },
        DataFusionError::SchemaError(schema, _) => from_schema(schema),
        DataFusionError::NotImplemented(message) => SqlError::Unsupported {
            message: format!("The query engine does not offer this: {}", sentence(message)),
            hint: None,
        },
        DataFusionError::Plan(message)
        | DataFusionError::Execution(message)
        | DataFusionError::Configuration(message) => query(sentence(message), proposal(message)),
        DataFusionError::ResourcesExhausted(detail) => {
            SqlError::Memory { detail: sentence(detail) }
        }
        _ => internal(error),
    }
}

fn from_source(inner: &(dyn std::error::Error + 'static), whole: &DataFusionError) -> SqlError {
    if let Some(error) = inner.downcast_ref::<SqlError>() {
        return error.clone();
    }
    match inner.downcast_ref::<DataFusionError>() {
        Some(error) => from_engine(error),
        None => internal(whole),
    }
}

fn from_schema(error: &SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => query(
            format!("There is no column `{}`", shown(field)),
            columns_hint(field, valid_fields),
        ),
        SchemaError::AmbiguousReference { field } => query(
            format!("The column `{}` is in more than one table", field.name),
            Some("Put the table's name or alias and a dot before it.".to_owned()),
        ),
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => query(
            format!("Two columns of the result are named `{name}`"),
            Some("Give one of them another name with AS.".to_owned()),
        ),
    }
}

fn shown(column: &Column) -> String {
    match &column.relation {
        Some(relation) => format!("{}.{}", relation.table(), column.name),
        None => column.name.clone(),
    }
}

fn columns_hint(field: &Column, valid: &[Column]) -> Option<String> {
    const MANY: usize = 20;
    let mut names: Vec<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    names.dedup();
    if let Some(name) = nearest(&field.name, names.iter().copied()) {
        return Some(format!("Did you mean `{name}`?"));
    }
    let more = if names.len() > MANY { ", …" } else { "" };
    names.truncate(MANY);
    (!names.is_empty()).then(|| format!("The columns are: {}{more}.", names.join(", ")))
}

fn databases_hint(name: &str, known: &[String]) -> String {
    if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
        return format!("Did you mean `{near}`?");
    }
    if known.is_empty() {
        "There is no database yet: create one with CREATE DATABASE.".to_owned()
    } else {
        format!("The databases are: {}.", known.join(", "))
    }
}

/// A name as it must be written in a statement: in backticks, unless it is a plain word.
pub fn identifier(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_owned() } else { format!("`{}`", name.replace('`', "``")) }
}

/// The form of the statement that this one seems to be.
fn form_of(statement: &str) -> Option<&'static str> {
    let mut words = statement.split_whitespace();
    match words.next()?.to_ascii_uppercase().as_str() {
        "CREATE" => {
            Some("CREATE DATABASE name WITH ENGINE = '…', PARAMETERS = {\"key\": \"value\"}")
        }
        "ALTER" => Some("ALTER DATABASE name SET PARAMETERS = {\"key\": \"value\"}"),
        "DROP" => Some("DROP DATABASE [IF EXISTS] name"),
        "SHOW" => Some("SHOW DATABASES, SHOW TABLES FROM name, or SHOW CREATE DATABASE name"),
        "REFRESH" => Some("REFRESH DATABASE name"),
        "DESC" | "DESCRIBE" => Some("DESCRIBE name.`path/of/the/file.csv`"),
        "USE" => Some("USE name"),
        _ => None,
    }
}

fn query(message: impl Into<String>, hint: Option<String>) -> SqlError {
    SqlError::Query { message: message.into(), hint }
}

fn internal(error: &DataFusionError) -> SqlError {
    SqlError::Internal { detail: sentence(&error.strip_backtrace()) }
}

fn parser_text(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.strip_prefix("sql parser error: ").unwrap_or(&text).to_owned()
}

/// The engine's proposal, where its text goes on with one.
fn proposal(text: &str) -> Option<String> {
    text.lines().skip(1).map(str::trim).find(|line| line.starts_with("Did you mean")).map(sentence)
}

/// The first line without its full stop: DataFusion's texts may go on for pages.
fn sentence(text: &str) -> String {
    const LONGEST: usize = 400;
    let line = text.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inner() -> SqlError {
        SqlError::NoSuchDatabase { name: "one_driv".into(), known: vec!["one_drive".into()] }
    }

    #[test]
    fn our_own_error_comes_out_of_every_wrapper_as_it_went_in() {
        let external = || through_engine(inner());
        let arrow = ArrowError::ExternalError(Box::new(inner()));
        for wrapped in [
            external(),
            external().context("while planning"),
            DataFusionError::Shared(Arc::new(external().context("again"))),
            DataFusionError::Collection(vec![external()]),
            DataFusionError::ArrowError(Box::new(arrow), None),
            DataFusionError::External(Box::new(external())),
        ] {
            let error = SqlError::from(wrapped);
            assert_eq!(error.to_string(), "There is no database named `one_driv`.");
            assert_eq!(error.hint().as_deref(), Some("Did you mean `one_drive`?"));
            assert_eq!(error.actor(), Actor::Caller);
        }
    }

    #[test]
    fn an_unknown_database_names_those_there_are() {
        let known = vec!["alpha".to_owned(), "beta".to_owned()];
        let error = SqlError::NoSuchDatabase { name: "zulu".into(), known };
        assert_eq!(error.hint().as_deref(), Some("The databases are: alpha, beta."));
        let error = SqlError::NoSuchDatabase { name: "zulu".into(), known: vec![] };
        assert!(error.hint().unwrap().contains("CREATE DATABASE"));
    }

    #[test]
    fn a_table_without_a_database_is_shown_with_it() {
        let error = SqlError::NoDatabase { table: "files".into(), known: vec!["my-drive".into()] };
        assert_eq!(
            error.hint().as_deref(),
            Some("Write `my-drive`.`files`, or USE `my-drive` first.")
        );
    }

    #[test]
    fn an_unknown_column_names_the_nearest() {
        let valid = ["name", "path"].map(Column::from_name).to_vec();
        let field = Box::new(Column::from_name("nmae"));
        let schema = SchemaError::FieldNotFound { field, valid_fields: valid };
        let error = SqlError::from(DataFusionError::SchemaError(Box::new(schema), Box::new(None)));
        assert_eq!(error.to_string(), "There is no column `nmae`.");
        assert_eq!(error.hint().as_deref(), Some("Did you mean `name`?"));
    }

    #[test]
    fn the_engines_proposal_becomes_the_hint() {
        let text = "Invalid function 'foo'.\nDid you mean 'floor'?".to_owned();
        let error = SqlError::from(DataFusionError::Plan(text));
        assert_eq!(error.to_string(), "Invalid function 'foo'.");
        assert_eq!(error.hint().as_deref(), Some("Did you mean 'floor'?"));
    }

    #[test]
    fn long_texts_of_the_engine_are_one_bounded_line() {
        let error =
            SqlError::from(DataFusionError::Plan(format!("{}\nsecond line", "x".repeat(999))));
        assert_eq!(error.to_string().chars().count(), 402);
    }
}
