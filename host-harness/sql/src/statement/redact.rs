//! Statements as they may be shown: in an echo, a history, a log, an error.

use std::ops::Range;

use super::lexer::Lexer;
use super::{Parser, Statement};

/// What stands for a value that must not be shown.
pub const MASK: &str = "'***'";

/// The statement without the secrets of its parameters.
///
/// `is_secret` says for the name of a parameter whether its value is one; names that the engine
/// does not know must count as secret, since a misspelt name carries a real value. A statement
/// about a database that cannot be understood is cut off at the word PARAMETERS, the first `=`, `{` or
/// quote.
///
/// ```
/// use datasource_sql::redacted;
///
/// let sql = r#"ALTER DATABASE d SET PARAMETERS = {"access_token": "eyJ0", "scopes": "x"}"#;
/// assert_eq!(
///     redacted(sql, |name| name != "scopes"),
///     r#"ALTER DATABASE d SET PARAMETERS = {"access_token": '***', "scopes": "x"}"#
/// );
/// ```
pub fn redacted(statement: &str, is_secret: impl Fn(&str) -> bool) -> String {
    match Parser::new(statement).statement() {
        Ok(parsed) if parsed.statement != Statement::Query => {
            let secrets = parsed.values.into_iter().filter(|(name, _)| is_secret(name));
            masked(statement, secrets.map(|(_, span)| span))
        }
        Ok(_) if is_query(statement) => statement.to_owned(),
        _ => bare(statement),
    }
}

/// The statement with a mask over each span, which are in order, and without its comments: a secret
/// that was commented out is one still.
fn masked(statement: &str, secrets: impl Iterator<Item = Range<usize>>) -> String {
    let mut shown = String::with_capacity(statement.len());
    let mut secrets = secrets.peekable();
    let mut from = 0;
    for token in Lexer::new(statement) {
        while secrets.next_if(|span| span.end <= token.start).is_some() {}
        let gap = &statement[from..token.start];
        from = token.end();
        match secrets.peek() {
            Some(span) if span.start < token.start => continue,
            _ if gap.trim().is_empty() => shown.push_str(gap),
            _ => shown.push(if gap.contains('\n') { '\n' } else { ' ' }),
        }
        match secrets.peek() {
            Some(span) if span.start == token.start => shown.push_str(MASK),
            _ => shown.push_str(token.text),
        }
    }
    shown
}

/// Whether the statement begins as queries do, and does not speak of parameters.
fn is_query(statement: &str) -> bool {
    const BEGINNINGS: [&str; 7] = ["SELECT", "WITH", "EXPLAIN", "VALUES", "FROM", "LIMIT", "TABLE"];
    let begins = Lexer::new(statement).next().is_some_and(|token| {
        token.is('(') || BEGINNINGS.iter().any(|keyword| token.is_keyword(keyword))
    });
    begins && !Lexer::new(statement).any(|token| is_parameters(token.text))
}

fn is_parameters(word: &str) -> bool {
    word.len() >= 5 && word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("param"))
}

/// A statement that cannot be understood, up to where a value may begin: at the first `=`, at the
/// first quote (a missing one turns the inside out), at the first `{`, or after the word PARAMETERS, whatever its
/// ending. Quotes and words are looked for in the raw text, since nothing else can be trusted.
fn bare(statement: &str) -> String {
    let value = statement.find(['=', '\'', '"', '{']);
    let word = Lexer::new(statement).find(|token| is_parameters(token.text)).map(|t| t.end());
    match value.into_iter().chain(word).min() {
        Some(end) => format!("{} {MASK}", statement[..end].trim_end()),
        None => statement.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(statement: &str) -> String {
        redacted(statement, |_| true)
    }

    #[test]
    fn secret_values_are_masked_and_the_rest_is_kept() {
        let sql = "CREATE DATABASE d\nWITH engine = 'one_drive', parameters = {\n  \
                   'access_token': 'se''same',\n  \"tenant_id\": \"common\", \"list\": [\"sesame\"]\n}";
        assert_eq!(
            redacted(sql, |name| name != "tenant_id"),
            "CREATE DATABASE d\nWITH engine = 'one_drive', parameters = {\n  \
             'access_token': '***',\n  \"tenant_id\": \"common\", \"list\": '***'\n}"
        );
    }

    #[test]
    fn comments_are_left_out_where_there_are_parameters() {
        assert_eq!(
            all(
                "ALTER DATABASE d PARAMETERS {\n  -- \"a\": \"sesame\",\n  \"a\": [\"x\", {'b': 1}] /* sesame */ }"
            ),
            "ALTER DATABASE d PARAMETERS {\n\"a\": '***' }"
        );
    }

    #[test]
    fn queries_are_kept() {
        for sql in [
            "SELECT {'a': 'b'} AS c FROM d.`x.csv` WHERE e = 'f'",
            "/* why */ WITH a AS (SELECT 1) SELECT * FROM a",
            "DROP DATABASE d;",
            "SHOW TABLES FROM d",
            "DESCRIBE d.`parameters.csv`",
        ] {
            assert_eq!(all(sql), sql);
        }
    }

    #[test]
    fn a_statement_that_is_not_understood_is_cut_off_where_a_value_may_begin() {
        for (sql, shown) in [
            (
                "CREATE DATABASE d WITH ENGINE = 'one_drive', PARAMETERS = {\"a\": sesame}",
                "CREATE DATABASE d WITH ENGINE '***'",
            ),
            (
                "CREATE DATABSE d PARAMETERS = {\"a\": \"sesame\"}",
                "CREATE DATABSE d PARAMETERS '***'",
            ),
            ("CRATE DATABASE d PARAMS = {\"a\": \"sesame\"}", "CRATE DATABASE d PARAMS '***'"),
            ("CREATE DATABASE d ENGINE x {\"a\": \"sesame\"}", "CREATE DATABASE d ENGINE x '***'"),
            (
                "CREATE DATABASE d ENGINE = 'x, PARAM={'a':'sesame'}",
                "CREATE DATABASE d ENGINE '***'",
            ),
            (
                "ALTER DATABASE d SET access_token = 'sesame'",
                "ALTER DATABASE d SET access_token '***'",
            ),
            (
                "ALTER DATABASE d SET access_token = sesame",
                "ALTER DATABASE d SET access_token '***'",
            ),
            ("SELECT 1 PARAMETERS {\"a\": \"sesame\"}", "SELECT 1 PARAMETERS '***'"),
            (
                "CREATE DATABASE d ENGINE one_drive extra",
                "CREATE DATABASE d ENGINE one_drive extra",
            ),
        ] {
            assert_eq!(all(sql), shown);
        }
    }

    proptest! {
        #[test]
        fn a_quoted_secret_never_shows(
            head in "(CREATE DATABASE d |ALTER DATABASE d SET |CREATE |)(ENGINE = 'x',? )?(PARAMETERS|parameters|PARAMS|)",
            glue in "[ =:,]{0,3}\\{?[ \n]{0,2}",
            key in "['\"]?[a-z]{1,4}['\"]?:? ?",
            quote in "['\"]",
            tail in "[ }'\",;{a-z]{0,8}",
        ) {
            let sql = format!("{head}{glue}{key}{quote}SESAME{quote}{tail}");
            prop_assert!(!all(&sql).contains("SESAME"), "{sql} -> {}", all(&sql));
        }

        #[test]
        fn any_text_is_answered(sql in ".{0,60}") {
            let _ = all(&sql);
        }
    }
}
