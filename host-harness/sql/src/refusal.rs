//! Statements that are understood to be something else than a query, and refused by name: what this
//! crate offers is reading.

use crate::error::SqlError;
use crate::nearest::nearest;
use crate::statement::clause_after_semicolon;

/// What begins a query.
const QUERIES: [&str; 6] = ["SELECT", "WITH", "VALUES", "EXPLAIN", "FROM", "TABLE"];

/// What begins a statement of ours.
const OURS: [&str; 7] = ["CREATE", "ALTER", "DROP", "REFRESH", "SHOW", "DESCRIBE", "USE"];

/// What begins a statement that writes or changes a session.
const REFUSED: [&str; 23] = [
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "COPY",
    "TRUNCATE",
    "SET",
    "RESET",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "GRANT",
    "REVOKE",
    "ANALYZE",
    "VACUUM",
    "LOAD",
    "IMPORT",
    "EXPORT",
    "CALL",
];

/// What CREATE, ALTER and DROP may be followed by in other engines.
const OBJECTS: [&str; 10] = [
    "TABLE",
    "VIEW",
    "EXTERNAL",
    "INDEX",
    "FUNCTION",
    "MATERIALIZED",
    "TEMPORARY",
    "UNBOUNDED",
    "CATALOG",
    "USER",
];

/// Why this text cannot be a query; `None` if it may be one.
pub(crate) fn of_statement(text: &str) -> Option<SqlError> {
    if let Some(slip) = clause_after_semicolon(text) {
        return Some(slip.into());
    }
    let first = crate::statement::first_words(text, 1).pop()?;
    if first == "(" || QUERIES.contains(&first.as_str()) {
        return None;
    }
    if REFUSED.contains(&first.as_str()) {
        return Some(not_offered(&first));
    }
    // The word itself is not shown: it may be a secret that was pasted into the wrong place.
    let known = QUERIES.iter().chain(&OURS).chain(&REFUSED).copied();
    Some(SqlError::Syntax {
        message: "The statement does not begin with a word that begins one".to_owned(),
        hint: Some(match nearest(&first, known) {
            Some(word) => format!("Did you mean {word}?"),
            None => {
                "Statements begin with SELECT, WITH, EXPLAIN, SHOW, DESCRIBE, USE, CREATE DATABASE, \
                     ALTER DATABASE, REFRESH DATABASE or DROP DATABASE."
                    .to_owned()
            }
        }),
    })
}

/// Why a CREATE, ALTER or DROP is refused when it is not about a database.
pub(crate) fn of_definition(text: &str) -> Option<SqlError> {
    let mut words = crate::statement::first_words(text, 4).into_iter();
    let verb = words.next().filter(|verb| ["CREATE", "ALTER", "DROP"].contains(&verb.as_str()))?;
    let object = words.find(|word| word != "OR" && word != "REPLACE")?;
    OBJECTS.contains(&object.as_str()).then(|| not_offered(&format!("{verb} {object}")))
}

/// The refusal of what turned out not to be a query only when it was planned.
pub(crate) fn read_only() -> SqlError {
    SqlError::Unsupported {
        message: "Only queries can be run here, and one at a time".to_owned(),
        hint: Some("Tables are read, not written.".to_owned()),
    }
}

fn not_offered(what: &str) -> SqlError {
    SqlError::Unsupported {
        message: format!("{what} is not offered"),
        hint: Some(
            "Tables are read, not written; only databases can be created, altered and \
                    dropped."
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_that_write_are_refused_by_name() {
        for (text, message) in [
            ("INSERT INTO d.a VALUES (1)", "INSERT is not offered."),
            ("set x = 1", "SET is not offered."),
            ("/* c */ COPY d.a TO 'x.csv'", "COPY is not offered."),
        ] {
            assert_eq!(of_statement(text).unwrap().to_string(), message);
        }
        for (text, message) in [
            ("CREATE TABLE t (a INT)", "CREATE TABLE is not offered."),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE VIEW is not offered."),
            ("CREATE EXTERNAL TABLE t", "CREATE EXTERNAL is not offered."),
            ("DROP TABLE t", "DROP TABLE is not offered."),
        ] {
            assert_eq!(of_definition(text).unwrap().to_string(), message);
        }
    }

    #[test]
    fn a_misspelt_first_word_is_answered_with_the_right_one_and_not_shown() {
        let error = of_statement("SELCT 1").unwrap();
        assert_eq!(error.hint().as_deref(), Some("Did you mean SELECT?"));
        let error = of_statement("eyJ0eXAiOiJKV1Qi").unwrap();
        assert!(!format!("{error} {:?}", error.hint()).contains("eyJ0"));
    }

    #[test]
    fn queries_and_databases_are_not_refused() {
        assert!(of_statement("SELECT 1").is_none());
        assert!(of_statement("(SELECT 1)").is_none());
        assert!(of_definition("CREATE DATABASE d").is_none());
        assert!(of_definition("DROP SCHEMA IF EXISTS d").is_none());
    }
}
