//! What the command line says when it fails, and the exit status that goes with it.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use datasource_runtime::RuntimeError;
use datasource_sql::SqlError;

use crate::plain::plain;
use crate::speak::tell;

/// Why the program stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// Something could not be done: exit status 1.
    #[error("{message}")]
    Failed {
        /// One sentence.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// The program was called wrongly: exit status 2.
    #[error("{message}")]
    Misused {
        /// One sentence.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
    /// Whoever read the output went away (`| head`): a quiet end.
    #[error("The reader of the output went away.")]
    BrokenPipe,
}

impl CliError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: None }
    }

    pub(crate) fn misused(message: impl Into<String>) -> Self {
        Self::Misused { message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        match self {
            Self::Failed { message, .. } => Self::Failed { message, hint: Some(text.into()) },
            Self::Misused { message, .. } => Self::Misused { message, hint: Some(text.into()) },
            Self::BrokenPipe => Self::BrokenPipe,
        }
    }

    /// For `map_err` on file operations.
    pub(crate) fn file<'a>(action: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |error| Self::failed(format!("Cannot {action} {}: {error}.", path.display()))
    }

    /// Writes `error: …` and `hint: …` to standard error.
    pub(crate) fn report(&self) {
        match self {
            Self::BrokenPipe => {}
            Self::Failed { message, hint } | Self::Misused { message, hint } => {
                tell!("error: {}", printable(message));
                if let Some(hint) = hint {
                    tell!("hint: {}", printable(hint));
                }
            }
        }
    }

    /// 1 for what failed, 2 for misuse, 0 when nobody wanted the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Failed { .. } => ExitCode::from(1),
            Self::Misused { .. } => ExitCode::from(2),
            Self::BrokenPipe => ExitCode::SUCCESS,
        }
    }
}

/// A message in its lines, without control characters: it may quote a file.
pub(crate) fn printable(text: &str) -> String {
    text.lines().map(|line| plain(&line, None)).collect::<Vec<_>>().join("\n")
}

impl From<SqlError> for CliError {
    fn from(error: SqlError) -> Self {
        Self::Failed { message: error.to_string(), hint: error.hint() }
    }
}

impl From<RuntimeError> for CliError {
    fn from(error: RuntimeError) -> Self {
        Self::Failed { message: error.to_string(), hint: error.hint() }
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        output(&error, Some(error.kind()))
    }
}

/// An error of writing the output.
fn output(error: &impl Display, kind: Option<io::ErrorKind>) -> CliError {
    match kind {
        Some(io::ErrorKind::BrokenPipe) => CliError::BrokenPipe,
        _ => CliError::failed(format!("The output cannot be written: {error}.")),
    }
}

impl From<arrow_schema::ArrowError> for CliError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        use arrow_schema::ArrowError;
        match &error {
            ArrowError::IoError(_, inner) => output(inner, Some(inner.kind())),
            // arrow-csv hands on the csv crate's error as text only.
            ArrowError::CsvError(text) if text.contains("Broken pipe") => Self::BrokenPipe,
            ArrowError::CsvError(text)
            | ArrowError::JsonError(text)
            | ArrowError::InvalidArgumentError(text)
            | ArrowError::NotYetImplemented(text) => {
                Self::failed(format!("The rows do not fit this output format: {text}."))
                    .hint("Cast the column to text, or use another --format.")
            }
            _ => Self::failed(format!("The rows cannot be written: {error}.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pipe_is_a_quiet_end() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(matches!(CliError::from(pipe()), CliError::BrokenPipe));
        let arrow = arrow_schema::ArrowError::IoError("write".into(), pipe());
        assert!(matches!(CliError::from(arrow), CliError::BrokenPipe));
    }

    #[test]
    fn a_message_moves_no_cursor() {
        assert_eq!(printable("Cannot cast 'a\u{1b}[2J'.\nNext"), "Cannot cast 'a\\?[2J'.\nNext");
    }

    #[test]
    fn other_output_errors_are_told() {
        let error = CliError::from(io::Error::from(io::ErrorKind::StorageFull));
        assert!(error.to_string().starts_with("The output cannot be written: "));
    }
}
