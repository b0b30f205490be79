//! What Tab offers: keywords, databases, and after a database and a dot its tables and paths, in
//! backticks where they need them.

use datasource_sql::{End, Unclosed, identifier, statements};

use super::command;
use super::names::Names;

/// Words of statements, in the order in which they are offered.
const KEYWORDS: [&str; 53] = [
    "ALTER",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CREATE",
    "DATABASE",
    "DATABASES",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "ELSE",
    "END",
    "ENGINE",
    "EXISTS",
    "EXPLAIN",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "IS",
    "JOIN",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "PARAMETERS",
    "REFRESH",
    "REPLACE",
    "RIGHT",
    "SELECT",
    "SET",
    "SHOW",
    "TABLES",
    "THEN",
    "UNION",
    "USE",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Words after which only a database or a table can stand.
const BEFORE_RELATION: [&str; 6] = ["FROM", "JOIN", "DATABASE", "USE", "DESCRIBE", "\\d"];

/// Where the text to be replaced starts, and what may stand in its place.
pub(super) fn complete(before: &str, names: &Names) -> (usize, Vec<String>) {
    if before.trim_start().starts_with('\\') && !before.trim_start().contains(char::is_whitespace) {
        let start = before.len() - before.trim_start().len();
        let offered = command::NAMES.iter().filter(|name| name.starts_with(&before[start..]));
        return (start, offered.map(|name| (*name).to_owned()).collect());
    }
    let open = statements(before).last().map(|statement| statement.end);
    match open {
        // Inside a text nothing is known.
        Some(End::Unclosed(Unclosed::Quote('\'') | Unclosed::Comment)) => (before.len(), vec![]),
        Some(End::Unclosed(Unclosed::Quote(quote))) => quoted(before, quote, names),
        _ => unquoted(before, names),
    }
}

/// Inside backticks or double quotes that are still open.
fn quoted(before: &str, quote: char, names: &Names) -> (usize, Vec<String>) {
    let start = before.rfind(quote).unwrap_or(before.len());
    let partial = before[start..].trim_start_matches(quote);
    let close =
        |name: &str| format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")));
    let offered = match before[..start].strip_suffix('.') {
        Some(qualifier) => tables(database_at_end(qualifier, names), partial, names, close),
        None => {
            let mut offered = matching(names.databases.iter().map(String::as_str), partial, close);
            offered.extend(tables(names.current.as_deref(), partial, names, close));
            offered
        }
    };
    (start, offered)
}

/// Anywhere else: a word, or a database, a dot and what was typed of a path.
fn unquoted(before: &str, names: &Names) -> (usize, Vec<String>) {
    let separates = |c: char| c.is_whitespace() || ",()=<>;".contains(c);
    let start = before
        .rfind(separates)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let token = &before[start..];
    // `my drive`.x has its space inside backticks: its end is as good as its whole.
    let dot = token.find("`.").map(|at| at + 1).or_else(|| token.find('.'));
    if let Some(dot) = dot {
        let database = database_at_end(&before[..start + dot], names);
        let partial = &token[dot + 1..];
        return (start + dot + 1, tables(database, partial, names, identifier));
    }
    let mut offered = Vec::new();
    let previous = before[..start].split_whitespace().next_back().unwrap_or("");
    let relation = BEFORE_RELATION.iter().any(|word| previous.eq_ignore_ascii_case(word));
    if relation {
        offered.extend(tables(names.current.as_deref(), token, names, identifier));
    }
    offered.extend(matching(names.databases.iter().map(String::as_str), token, identifier));
    if !token.is_empty() && (!relation || offered.is_empty()) {
        let lower = token.chars().any(char::is_lowercase);
        let cased = |word: &str| if lower { word.to_lowercase() } else { word.to_owned() };
        offered.extend(matching(KEYWORDS, token, cased));
    }
    (start, offered)
}

/// The database whose name stands at the end of a text, quoted or not.
fn database_at_end<'a>(text: &str, names: &'a Names) -> Option<&'a str> {
    let name = match text.strip_suffix(['`', '"']) {
        Some(inner) => inner.rsplit(['`', '"']).next(),
        None => text.rsplit(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next(),
    };
    names.database(name?)
}

fn tables(
    database: Option<&str>,
    partial: &str,
    names: &Names,
    written: impl Fn(&str) -> String,
) -> Vec<String> {
    database.map(|name| matching(names.tables(name), partial, written)).unwrap_or_default()
}

/// The names that begin with what was typed, in any case.
fn matching<'a>(
    names: impl IntoIterator<Item = &'a str>,
    partial: &str,
    written: impl Fn(&str) -> String,
) -> Vec<String> {
    let folded = partial.to_lowercase();
    let begins = |name: &&str| name.to_lowercase().starts_with(&folded);
    names.into_iter().filter(begins).map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the text becomes when its only completion is taken.
    fn only(before: &str, current: Option<&str>) -> String {
        let (start, offered) = complete(before, &Names::sample(current));
        assert_eq!(offered.len(), 1, "{before}: {offered:?}");
        format!("{}{}", &before[..start], offered[0])
    }

    fn offered(before: &str, current: Option<&str>) -> Vec<String> {
        complete(before, &Names::sample(current)).1
    }

    #[test]
    fn keywords_keep_the_case_that_was_begun() {
        assert_eq!(only("SEL", None), "SELECT");
        assert_eq!(only("select * fro", None), "select * from");
        assert!(offered("", None).iter().all(|name| name.contains("drive")));
    }

    #[test]
    fn databases_come_after_from() {
        assert_eq!(only("SELECT * FROM dri", None), "SELECT * FROM drive");
        assert_eq!(only("USE my", None), "USE `my drive`");
        assert_eq!(offered("SHOW TABLES FROM ", None), ["drive", "`my drive`"]);
    }

    #[test]
    fn paths_come_after_a_database_and_are_quoted() {
        let list = "SELECT * FROM drive.";
        assert_eq!(offered(list, None).len(), 4);
        assert_eq!(only(&format!("{list}fi"), None), "SELECT * FROM drive.files");
        assert_eq!(only(&format!("{list}GEO/a"), None), format!("{list}`geo/airports.csv`"));
        assert_eq!(only(&format!("{list}`geo/z"), None), format!("{list}`geo/zip codes.csv`"));
        assert_eq!(only(&format!("{list}\"geo/z"), None), format!("{list}\"geo/zip codes.csv\""));
        assert_eq!(only(&format!("{list}my"), None), format!("{list}`my-folder/it``s.csv`"));
        assert_eq!(only("FROM `my drive`.ä", None), "FROM `my drive`.`Ärger.csv`");
        assert_eq!(only("FROM `my drive`.`Ä", None), "FROM `my drive`.`Ärger.csv`");
        assert_eq!(offered("FROM other.", None), Vec::<String>::new());
    }

    #[test]
    fn tables_of_the_database_in_use_need_no_database() {
        assert_eq!(only("SELECT * FROM geo/a", Some("drive")), "SELECT * FROM `geo/airports.csv`");
        assert_eq!(only("SELECT * FROM `geo/a", Some("drive")), "SELECT * FROM `geo/airports.csv`");
        assert_eq!(only("SELECT * FROM fil", Some("drive")), "SELECT * FROM files");
    }

    #[test]
    fn commands_are_completed_and_texts_are_not() {
        assert_eq!(only("\\ti", None), "\\timing");
        assert_eq!(only("\\d dri", None), "\\d drive");
        assert!(offered("SELECT 'dri", None).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(before in ".{0,30}") {
            let (start, _) = complete(&before, &Names::sample(Some("drive")));
            prop_assert!(before.get(start..).is_some());
        }
    }
}
