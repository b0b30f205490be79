//! A script as its statements: what stands between semicolons that are outside quotes, comments
//! and braces.

use super::lexer::{Lexer, Unclosed};

/// How a statement of a script ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With a semicolon: it is complete.
    Semicolon,
    /// With the text: complete in a file, perhaps not at a prompt.
    Text,
    /// With the text, inside something that was begun and not ended: incomplete.
    Unclosed(Unclosed),
}

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptStatement<'a> {
    /// The statement without its semicolon, from its first to its last character that counts.
    pub text: &'a str,
    /// Where `text` starts in the script, in bytes.
    pub start: usize,
    /// Where the next statement's text may start, in bytes.
    pub next: usize,
    /// How it ends.
    pub end: End,
}

/// The statements of a script, in order; empty ones are left out.
///
/// A prompt calls this on what was typed so far: when the last statement ends with
/// [`End::Semicolon`], or there is none, nothing more has to be typed.
///
/// ```
/// use datasource_sql::{End, statements};
///
/// let found: Vec<_> = statements("SELECT ';' AS a; -- done;\nSELECT 2").collect();
/// assert_eq!(found[0].text, "SELECT ';' AS a");
/// assert_eq!(found[0].end, End::Semicolon);
/// assert_eq!((found[1].text, found[1].end), ("SELECT 2", End::Text));
/// ```
pub fn statements(script: &str) -> Statements<'_> {
    Statements { script, at: 0 }
}

/// The iterator that [`statements`] returns.
#[derive(Debug, Clone)]
pub struct Statements<'a> {
    script: &'a str,
    at: usize,
}

impl<'a> Iterator for Statements<'a> {
    type Item = ScriptStatement<'a>;

    fn next(&mut self) -> Option<ScriptStatement<'a>> {
        let mut lexer = Lexer::from_offset(self.script, self.at);
        let mut span = None;
        while let Some(token) = lexer.next() {
            if token.is(';') && lexer.depth() == 0 {
                if let Some((start, end)) = span {
                    return Some(self.statement(start, end, token.end(), End::Semicolon));
                }
                continue;
            }
            let start = span.map_or(token.start, |(start, _)| start);
            span = Some((start, token.end()));
        }
        let unclosed = lexer.unclosed().map(|(what, _)| what);
        let end = unclosed.map_or(End::Text, End::Unclosed);
        match span {
            Some((start, last)) => Some(self.statement(start, last, self.script.len(), end)),
            // A comment that is not ended yet must not look like a complete input.
            None if unclosed.is_some() && self.at < self.script.len() => {
                Some(self.statement(self.at, self.script.len(), self.script.len(), end))
            }
            None => {
                self.at = self.script.len();
                None
            }
        }
    }
}

impl<'a> Statements<'a> {
    fn statement(
        &mut self,
        start: usize,
        end: usize,
        next: usize,
        how: End,
    ) -> ScriptStatement<'a> {
        self.at = next;
        ScriptStatement { text: &self.script[start..end], start, next, end: how }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(script: &str) -> Vec<&str> {
        statements(script).map(|s| s.text).collect()
    }

    #[test]
    fn semicolons_in_quotes_comments_and_braces_do_not_separate() {
        let script = "CREATE DATABASE d PARAMETERS {\"a\": \"x;y\", 'b': ';'}; -- c;\n\
                      SELECT * FROM d.`a;b.csv` /* ; */ WHERE x = ';' ; ;\n SELECT 2";
        assert_eq!(
            split(script),
            [
                "CREATE DATABASE d PARAMETERS {\"a\": \"x;y\", 'b': ';'}",
                "SELECT * FROM d.`a;b.csv` /* ; */ WHERE x = ';'",
                "SELECT 2",
            ]
        );
    }

    #[test]
    fn a_prompt_knows_whether_a_statement_is_complete() {
        let end = |text| statements(text).last().map(|s| s.end);
        assert_eq!(end("SELECT 1;"), Some(End::Semicolon));
        assert_eq!(end("SELECT 1; -- done"), Some(End::Semicolon));
        assert_eq!(end("SELECT 1"), Some(End::Text));
        assert_eq!(end("SELECT 'a;"), Some(End::Unclosed(Unclosed::Quote('\''))));
        assert_eq!(end("CREATE DATABASE d PARAMETERS {;"), Some(End::Unclosed(Unclosed::Brace)));
        assert_eq!(end("/* a"), Some(End::Unclosed(Unclosed::Comment)));
        assert_eq!(end(" -- nothing\n ;"), None);
    }

    proptest! {
        #[test]
        fn splitting_never_fails_and_always_moves_on(script in "[ a-z;'\"`{}/*\\-\n\\\\é]{0,60}") {
            let mut last = 0;
            for statement in statements(&script) {
                prop_assert!(statement.start >= last);
                prop_assert!(statement.next >= statement.start + statement.text.len());
                prop_assert!(!statement.text.trim().is_empty());
                last = statement.next;
            }
        }

        #[test]
        fn statements_joined_by_semicolons_come_apart_again(
            parts in proptest::collection::vec("[a-z]{1,5}( '[a-z;]{0,5}'| `[a-z;]{0,5}`| \\{[a-z;]{0,5}\\})?", 1..6)
        ) {
            let script = parts.join(" ;\n");
            prop_assert_eq!(split(&script), parts);
        }
    }
}
