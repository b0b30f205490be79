//! Statements as they arrive, line by line, from a pipe.

use datasource_sql::{End, statements};

/// Collects lines until they make whole statements.
#[derive(Debug, Default)]
pub(crate) struct ScriptInput {
    text: String,
}

impl ScriptInput {
    /// Adds a line with its line break; returns the statements that it completes.
    pub(crate) fn push(&mut self, line: &str) -> Vec<String> {
        self.text.push_str(line);
        let mut complete = Vec::new();
        let mut rest = 0;
        for statement in statements(&self.text) {
            if statement.end == End::Semicolon {
                complete.push(statement.text.to_owned());
                rest = statement.next;
            }
        }
        self.text.drain(..rest);
        if statements(&self.text).next().is_none() {
            self.text.clear();
        }
        complete
    }

    /// Whether a statement was begun and not ended.
    #[cfg(test)]
    fn is_open(&self) -> bool {
        !self.text.is_empty()
    }

    /// What is left when no more lines come: the last statement may lack its semicolon.
    pub(crate) fn take_rest(&mut self) -> Option<String> {
        let text = std::mem::take(&mut self.text);
        (statements(&text).next().is_some()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_may_span_lines_and_a_line_several_statements() {
        let mut input = ScriptInput::default();
        assert_eq!(input.push("SELECT 1\n"), Vec::<String>::new());
        assert!(input.is_open());
        assert_eq!(input.push("; SELECT 2; SELECT\n"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(input.push("';'\n"), Vec::<String>::new());
        assert_eq!(input.take_rest().as_deref(), Some(" SELECT\n';'\n"));
        assert!(!input.is_open());
    }

    #[test]
    fn comments_and_empty_lines_open_nothing() {
        let mut input = ScriptInput::default();
        assert!(input.push("\n").is_empty());
        assert!(input.push("-- nothing\n").is_empty());
        assert!(!input.is_open());
        assert_eq!(input.take_rest(), None);
    }
}
