//! The line editor: when an input is complete, what Tab offers, and the lines of earlier prompts.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use datasource_sql::{End, statements};
use rustyline::completion::{Completer, Pair};
use rustyline::error::{ReadlineError, Signal};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::command::is_command;
use super::completion::complete;
use super::history::MAX_ENTRIES;
use super::names::Names;
use crate::errors::CliError;

/// What the user did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// Entered a complete input.
    Input(String),
    /// Pressed Ctrl-C: what was typed is to be forgotten.
    Cleared,
    /// Pressed Ctrl-D on an empty line, or the terminal went away.
    Left,
}

/// The editor of one prompt.
pub(super) struct LineEditor(Editor<Assistant, MemHistory>);

impl LineEditor {
    pub(super) fn new(names: Arc<Mutex<Names>>, history: &[String]) -> Result<Self, CliError> {
        let config = Config::builder()
            .max_history_size(MAX_ENTRIES)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(terminal)?
            .completion_type(CompletionType::List)
            .build();
        let memory = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, memory).map_err(terminal)?;
        editor.set_helper(Some(Assistant { names }));
        let mut editor = Self(editor);
        history.iter().for_each(|entry| editor.remember(entry));
        Ok(editor)
    }

    /// Lets the user edit an input until it is complete. The editor waits for keys on a thread of its
    /// own, so that signals are heard meanwhile, and then comes back.
    pub(super) async fn read(mut self, prompt: String) -> (Self, Result<Typed, CliError>) {
        let reading = tokio::task::spawn_blocking(move || {
            let typed = self.read_blocking(&prompt);
            (self, typed)
        });
        reading.await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }

    fn read_blocking(&mut self, prompt: &str) -> Result<Typed, CliError> {
        match self.0.readline(prompt) {
            Ok(input) => Ok(Typed::Input(input)),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(Signal::Interrupt)) => {
                Ok(Typed::Cleared)
            }
            Err(ReadlineError::Eof) => Ok(Typed::Left),
            Err(error) => Err(terminal(error)),
        }
    }

    /// Offers an input again.
    pub(super) fn remember(&mut self, entry: &str) {
        // Fails only where the history has no room, and ours is in memory.
        let _ = self.0.add_history_entry(entry);
    }
}

fn terminal(error: ReadlineError) -> CliError {
    CliError::failed(format!("The terminal cannot be read: {error}."))
}

/// What the editor asks while somebody types.
struct Assistant {
    names: Arc<Mutex<Names>>,
}

impl Helper for Assistant {}

impl Highlighter for Assistant {}

impl Hinter for Assistant {
    type Hint = String;
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, offered) = complete(&line[..position], &names);
        let pairs = offered
            .into_iter()
            .map(|name| Pair { display: name.clone(), replacement: name })
            .collect();
        Ok((start, pairs))
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match is_complete(context.input()) {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

/// Whether Enter runs the input rather than beginning another line of it.
fn is_complete(input: &str) -> bool {
    let last = statements(input).last().map(|statement| statement.end);
    is_command(input) || matches!(last, None | Some(End::Semicolon))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enter_runs_what_is_complete() {
        for complete in
            ["", "  ", "-- nothing", "SELECT 1;", "SELECT\n1;\n", "\\l", "quit", "\\d `a"]
        {
            assert!(is_complete(complete), "{complete}");
        }
        for open in ["SELECT 1", "SELECT ';", "SELECT 1; SELECT", "ALTER DATABASE d PARAMETERS {;"]
        {
            assert!(!is_complete(open), "{open}");
        }
    }
}
