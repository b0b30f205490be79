//! Mistakes that people make often enough to be answered by name: those of the MindsDB document,
//! and paths that were not put in backticks.

use super::lexer::{Kind, Lexer, Token};
use crate::error::{SqlError, identifier};
use crate::nearest::nearest;

/// A mistake that was recognised: what is wrong, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    /// One sentence without its full stop.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// Words that continue a query and begin no statement.
const CLAUSES: [&str; 8] =
    ["LIMIT", "WHERE", "ORDER", "GROUP", "HAVING", "OFFSET", "JOIN", "UNION"];

/// Words that end the FROM clause's current table.
const AFTER_TABLE: [&str; 20] = [
    "AS",
    "WHERE",
    "LIMIT",
    "ORDER",
    "GROUP",
    "HAVING",
    "OFFSET",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "ON",
    "USING",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "FETCH",
];

/// Recognises a statement that starts with a clause of the one before it.
pub fn clause_after_semicolon(statement: &str) -> Option<Slip> {
    let first = Lexer::new(statement).next()?;
    let clause = CLAUSES.iter().find(|clause| first.is_keyword(clause))?;
    Some(Slip {
        message: format!("A `;` stands before {clause} and ends the statement there"),
        hint: format!("Remove the `;` before {clause}, so that it belongs to the query above it."),
    })
}

/// Recognises a path after FROM or JOIN that is not quoted (`ds.travel/data.csv`) or wrongly quoted
/// (`ds.'travel/data.csv'`), in a query that could not be parsed or resolved.
pub(crate) fn unquoted_path(query: &str) -> Option<Slip> {
    let mut lexer = Lexer::new(query);
    while let Some(token) = lexer.next() {
        if !token.is_keyword("FROM") && !token.is_keyword("JOIN") {
            continue;
        }
        let mut ahead = lexer;
        let Some(database) = ahead.next().filter(is_name) else { continue };
        if !ahead.next().is_some_and(|token| token.is('.')) {
            continue;
        }
        let Some(first) = ahead.peek() else { continue };
        match first.kind {
            Kind::Quoted('\'') => {
                return Some(backticks(
                    &format!("The path after `{}.` stands in single quotes", database.text),
                    database.text,
                    &first.unquoted(),
                ));
            }
            Kind::Quoted(_) => {}
            Kind::Word | Kind::Symbol(_) => {
                if let Some(path) = bare_path(query, first.start) {
                    return Some(backticks(
                        &format!("The path after `{}.` is not quoted", database.text),
                        database.text,
                        path,
                    ));
                }
            }
        }
    }
    None
}

/// The slip of a name in single quotes, found in a query that parses.
pub(crate) fn quoted_name(database: Option<&str>, name: &str) -> Slip {
    match database {
        Some(database) => backticks(
            &format!("The path after `{database}.` stands in single quotes"),
            database,
            name,
        ),
        None => Slip {
            message: "A table's name stands in single quotes".to_owned(),
            hint: "Write the database, a dot, and the path in backticks.".to_owned(),
        },
    }
}

/// In a query that could not be parsed, a word that is nearly one that begins a clause.
pub(crate) fn misspelt_clause(query: &str) -> Option<String> {
    const SHORTEST: usize = 4;
    let words = || CLAUSES.into_iter().chain(["FROM"]);
    let slips = Lexer::new(query)
        .filter(|token| matches!(token.kind, Kind::Word) && token.text.len() >= SHORTEST);
    let mut slips = slips.filter(|token| !words().any(|word| token.is_keyword(word)));
    slips.find_map(|token| {
        let meant = nearest(token.text, words())?;
        Some(format!("Perhaps {} should be {meant}.", token.text))
    })
}

fn is_name(token: &Token<'_>) -> bool {
    matches!(token.kind, Kind::Word | Kind::Quoted('`' | '"'))
}

fn backticks(message: &str, database: &str, path: &str) -> Slip {
    Slip {
        message: message.to_owned(),
        hint: format!("Enclose the path in backticks: {database}.`{}`", path.replace('`', "``")),
    }
}

/// The path that starts at this offset, if what stands there cannot be a plain name.
fn bare_path(query: &str, start: usize) -> Option<&str> {
    let rest = &query[start..];
    let run =
        &rest[..rest.find(|c: char| c.is_whitespace() || ");,".contains(c)).unwrap_or(rest.len())];
    if has_extension(run) {
        return Some(run);
    }
    let marked = run.contains(['/', '-']);
    // A path may have spaces: it goes on to the next keyword.
    let end = Lexer::from_offset(query, start)
        .find(|token| {
            matches!(token.kind, Kind::Symbol(')' | ';' | ','))
                || AFTER_TABLE.iter().any(|keyword| token.is_keyword(keyword))
        })
        .map_or(query.len(), |token| token.start);
    let path = query[start..end].trim_end();
    (marked || has_extension(path)).then_some(path)
}

/// Whether a name ends as file names do: with a dot and a few letters or digits.
/// The error for a database that there is not, where its name may be the first part of a file's.
pub(crate) fn perhaps_a_file(error: SqlError, database: &str, table: &str) -> SqlError {
    let SqlError::NoSuchDatabase { known, .. } = &error else { return error };
    let name = format!("{database}.{table}");
    // With an extension of its own, the table is a file, and only its database is not known.
    if !has_extension(&name) || has_extension(table) {
        return error;
    }
    let owner = match known.as_slice() {
        [only] => identifier(only),
        _ => "my_database".to_owned(),
    };
    let file = format!("If `{name}` is a file, its name needs backticks: {owner}.`{name}`.");
    SqlError::Query {
        message: error.to_string().trim_end_matches('.').to_owned(),
        hint: Some(error.hint().into_iter().chain([file]).collect::<Vec<_>>().join(" ")),
    }
}

fn has_extension(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=7).contains(&extension.len())
            && extension.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_misspelt_clause_is_found_and_names_are_not() {
        let hint = misspelt_clause("SELECT a FROM d.`limt.csv` LIMT 10");
        assert_eq!(hint.unwrap(), "Perhaps LIMT should be LIMIT.");
        assert_eq!(misspelt_clause("SELECT * FORM t").unwrap(), "Perhaps FORM should be FROM.");
        assert_eq!(misspelt_clause("SELECT price, name FROM t WHERE x LIMIT 3"), None);
    }

    #[test]
    fn a_semicolon_before_limit_is_named() {
        let slip = clause_after_semicolon("\nLIMIT 10").unwrap();
        assert_eq!(slip.message, "A `;` stands before LIMIT and ends the statement there");
        assert_eq!(clause_after_semicolon("SELECT 1 LIMIT 10"), None);
    }

    #[test]
    fn a_path_without_backticks_is_shown_with_them() {
        for (query, hint) in [
            ("SELECT * FROM ds.travel/travel_data.csv", "ds.`travel/travel_data.csv`"),
            ("SELECT * FROM ds.my-file.csv LIMIT 10", "ds.`my-file.csv`"),
            ("SELECT * FROM ds.file.csv t WHERE a = 1", "ds.`file.csv`"),
            ("SELECT * FROM ds.my folder/my file.csv WHERE a = 1", "ds.`my folder/my file.csv`"),
            ("SELECT * FROM (SELECT * FROM ds.a/b.csv)", "ds.`a/b.csv`"),
            ("SELECT * FROM ds.`a.csv` JOIN ds.b/c.csv ON 1 = 1", "ds.`b/c.csv`"),
            ("SELECT * FROM ds.2024/a.csv", "ds.`2024/a.csv`"),
        ] {
            let slip = unquoted_path(query).unwrap_or_else(|| panic!("{query}"));
            assert_eq!(slip.hint, format!("Enclose the path in backticks: {hint}"));
            assert!(slip.message.ends_with("is not quoted"), "{}", slip.message);
        }
    }

    #[test]
    fn a_path_in_single_quotes_is_shown_in_backticks() {
        let slip = unquoted_path("SELECT * FROM ds.'travel/travel_data.csv'").unwrap();
        assert_eq!(slip.message, "The path after `ds.` stands in single quotes");
        assert_eq!(slip.hint, "Enclose the path in backticks: ds.`travel/travel_data.csv`");
    }

    #[test]
    fn other_mistakes_are_left_to_the_parser() {
        for query in [
            "SELECT * FROM ds.files WHER a/b",
            "SELECT * FORM ds.files",
            "SELECT a FROM",
            "FROM ds.",
        ] {
            assert_eq!(unquoted_path(query), None, "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(query in "(SELECT )?[ a-zFROMJIN.;,/'`\"(){}é-]{0,60}") {
            let _ = (unquoted_path(&query), clause_after_semicolon(&query));
        }
    }
}
