//! A statement as it is shown: masked, with its rows, and with what it asked of the service.

use std::time::Instant;

use datasource_sql::SqlError;

use super::drain;
use crate::emulator::Control;
use crate::errors::{CliError, printable};
use crate::options::Format;
use crate::output::Output;
use crate::speak::say;
use crate::style::{Style, bytes, counted};
use crate::workers::WorkerSession;

/// Where statements are shown.
pub(super) struct Stage<'a> {
    session: &'a WorkerSession,
    control: Control,
    output: Output,
    style: Style,
}

impl<'a> Stage<'a> {
    pub(super) fn new(session: &'a WorkerSession, control: Control) -> Result<Self, CliError> {
        let output = Output::to_stdout(Format::Table)?.without_summary();
        Ok(Self { session, control, output, style: Style::of_stdout() })
    }

    pub(super) fn heading(&self, text: &str) -> Result<(), CliError> {
        say!("\n{}\n", self.style.heading(&format!("== {text}")))
    }

    pub(super) fn say(&self, text: &str) -> Result<(), CliError> {
        say!("{}\n", self.style.dim(text))
    }

    /// Shows a statement, its answer and its requests.
    pub(super) async fn run(&self, sql: &str) -> Result<(), CliError> {
        let started = self.begin(sql).await?;
        self.output.run(self.session, sql, &mut |_| ()).await?;
        self.end(started).await
    }

    /// Shows a statement that has to fail in a certain way, and how it fails.
    pub(super) async fn run_expecting(
        &self,
        sql: &str,
        expected: impl Fn(&SqlError) -> bool,
        what: &str,
    ) -> Result<(), CliError> {
        let started = self.begin(sql).await?;
        let outcome = match self.session.execute(sql).await {
            Ok(answer) => drain(self.session, answer).await,
            Err(error) => Err(error),
        };
        match outcome {
            Err(error) if expected(&error) => {
                say!(
                    "{}",
                    self.style.failure(&format!("error: {}", printable(&error.to_string())))
                )?;
                if let Some(hint) = error.hint() {
                    say!("hint: {}", printable(&hint))?;
                }
                self.end(started).await
            }
            Err(error) => Err(error.into()),
            Ok(()) => Err(CliError::failed(format!(
                "The query succeeded, though it should have said {what}."
            ))),
        }
    }

    async fn begin(&self, sql: &str) -> Result<Instant, CliError> {
        let shown = self.session.local().redacted(sql).await;
        say!("{}\n", self.style.statement(&shown))?;
        self.control.clear_journal().await?;
        Ok(Instant::now())
    }

    async fn end(&self, started: Instant) -> Result<(), CliError> {
        let took = started.elapsed().as_secs_f64();
        let requests = self.control.journal().await?;
        let received: u64 = requests.iter().map(|request| request.response_bytes).sum();
        let mut hosts: Vec<&str> = requests.iter().map(|request| request.host.as_str()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut text = format!("{took:.2} s, {}", counted(requests.len() as u64, "request"));
        if !requests.is_empty() {
            text.push_str(&format!(" ({}), {} received", hosts.join(", "), bytes(received)));
        }
        say!("\n{}\n", self.style.dim(&text))?;
        Ok(())
    }
}
