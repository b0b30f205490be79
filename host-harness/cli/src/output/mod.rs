//! Rows as text or bytes: one writer for each format, all of them streaming.

mod arrow;
mod csv;
mod expanded;
mod fit;
mod json;
mod table;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::{FieldRef, SchemaRef};
use datasource_runtime::ScanMetrics;
use datasource_sql::{Answer, NEVER_CUT, RowStream};

use crate::errors::CliError;
use crate::options::Format;
use crate::progress::Progress;
use crate::speak::tell;
use crate::style::{bytes, counted};
use crate::workers::WorkerSession;

/// Writes the batches of one answer in one format.
trait RowWriter {
    /// Writes a batch; it need not reach the output yet.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError>;

    /// Writes what is left, and what the format wants at its end.
    fn finish(&mut self) -> Result<(), CliError>;
}

/// Writes a small table to standard output.
pub(crate) fn print_table(rows: &RecordBatch) -> Result<(), CliError> {
    let width = io::stdout().is_terminal().then(terminal_width);
    let mut writer = table::TableWriter::new(io::stdout(), &rows.schema(), width);
    writer.write(rows)?;
    writer.finish()
}

/// Where answers go, and how.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    /// A file instead of standard output.
    file: Option<Arc<File>>,
    /// Whether people read the rows as they come.
    terminal: bool,
    summary: bool,
    /// Whether the summary tells the time.
    pub(crate) timing: bool,
    /// Whether a table is written as a line for each column.
    pub(crate) expanded: bool,
}

impl Output {
    /// Writes to standard output.
    pub(crate) fn to_stdout(format: Format) -> Result<Self, CliError> {
        let terminal = io::stdout().is_terminal();
        if terminal && format == Format::Arrow {
            return Err(CliError::misused("An Arrow stream is no text for a terminal.")
                .hint("Send it to a file or a program: … --format arrow > rows.arrows"));
        }
        let summary = terminal && io::stderr().is_terminal();
        Ok(Self { format, file: None, terminal, summary, timing: true, expanded: false })
    }

    /// The same, but with rows written to a file; `None` for standard output.
    pub(crate) fn redirected(&self, path: Option<&Path>) -> Result<Self, CliError> {
        let create = |path| File::create(path).map_err(CliError::file("write", path));
        let file = path.map(create).transpose()?.map(Arc::new);
        let terminal = file.is_none() && io::stdout().is_terminal();
        Ok(Self { file, terminal, ..self.clone() })
    }

    /// Leaves out the line with the number of rows and the time.
    pub(crate) fn without_summary(self) -> Self {
        Self { summary: false, ..self }
    }

    /// Runs a statement and writes its answer as it comes; `seen` is shown every batch.
    pub(crate) async fn run(
        &self,
        session: &WorkerSession,
        statement: &str,
        seen: &mut dyn FnMut(&RecordBatch),
    ) -> Result<u64, CliError> {
        let mut progress = Progress::start();
        let answer = progress.during(session.execute(statement), ScanMetrics::default).await?;
        self.write(session, answer, progress, seen).await
    }

    /// Writes an answer that is there already.
    pub(crate) async fn show(
        &self,
        session: &WorkerSession,
        answer: Answer,
    ) -> Result<u64, CliError> {
        self.write(session, answer, Progress::start(), &mut |_| ()).await
    }

    async fn write(
        &self,
        session: &WorkerSession,
        answer: Answer,
        mut progress: Progress,
        seen: &mut dyn FnMut(&RecordBatch),
    ) -> Result<u64, CliError> {
        match answer {
            Answer::Done(message) => {
                progress.erase();
                if self.format == Format::Table {
                    writeln!(io::stdout(), "{message}")?;
                } else {
                    tell!("{message}");
                }
                Ok(0)
            }
            Answer::Rows { schema, stream } => {
                self.rows(session, schema, stream, progress, seen).await
            }
        }
    }

    async fn rows(
        &self,
        session: &WorkerSession,
        schema: SchemaRef,
        stream: RowStream,
        mut progress: Progress,
        seen: &mut dyn FnMut(&RecordBatch),
    ) -> Result<u64, CliError> {
        let mut writer = self.writer(schema)?;
        let watch = stream.watch();
        let mut batches = session.rows(stream);
        let mut rows = 0;
        loop {
            let next = progress.during(batches.next(), || watch.scan_metrics()).await;
            let Some(batch) = next else { break };
            // What is written must not be written into the line of progress.
            progress.erase();
            match batch {
                Ok(batch) => {
                    rows += batch.num_rows() as u64;
                    seen(&batch);
                    writer.write(&batch)?;
                }
                Err(error) => {
                    // What was read so far is shown before the error, but no header over nothing.
                    if rows > 0 {
                        writer.finish()?;
                    }
                    return Err(error.into());
                }
            }
            // A stream that is always ready must leave a moment in which Ctrl-C is noticed.
            tokio::task::yield_now().await;
        }
        progress.erase();
        writer.finish()?;
        let metrics = watch.scan_metrics();
        if self.summary {
            tell!("{}", summary(rows, self.timing.then(|| progress.elapsed()), &metrics));
        }
        notes(&metrics);
        Ok(rows)
    }

    fn writer(&self, schema: SchemaRef) -> Result<Box<dyn RowWriter>, CliError> {
        let out: Box<dyn Write> = match &self.file {
            Some(file) => Box::new(Arc::clone(file)),
            None => Box::new(io::stdout()),
        };
        let out = BufWriter::new(out);
        let width = self.terminal.then(terminal_width);
        // A link beside other columns is no table; a line for each column can be copied from.
        let whole = |field: &FieldRef| field.metadata().contains_key(NEVER_CUT);
        let lines =
            self.expanded || (schema.fields().len() > 1 && schema.fields().iter().any(whole));
        Ok(match self.format {
            Format::Table if lines => Box::new(expanded::ExpandedWriter::new(out, &schema)),
            Format::Table => Box::new(table::TableWriter::new(out, &schema, width)),
            Format::Csv => Box::new(csv::CsvRows::new(out, schema)),
            Format::Json => Box::new(json::JsonRows::new(out)),
            Format::Arrow => Box::new(arrow::ArrowRows::new(out, &schema)?),
        })
    }
}

/// The terminal's width now: it may be changed between two statements.
fn terminal_width() -> usize {
    const USUAL: usize = 80;
    console::Term::stdout().size_checked().map_or(USUAL, |(_, columns)| columns.into())
}

fn summary(rows: u64, elapsed: Option<Duration>, metrics: &ScanMetrics) -> String {
    let mut text = counted(rows, "row");
    let Some(elapsed) = elapsed else { return text };
    text.push_str(&format!(" in {:.2} s", elapsed.as_secs_f64()));
    if metrics.bytes > 0 {
        text.push_str(&format!(
            "; {} read in {}",
            bytes(metrics.bytes),
            counted(metrics.requests, "request")
        ));
    }
    text
}

/// What was not read as it stands is told in a pipe too: nothing is lost silently.
fn notes(metrics: &ScanMetrics) {
    // The warnings tell more, where there are any.
    if metrics.nulled_cells > 0 && metrics.warnings.is_empty() {
        let cells = counted(metrics.nulled_cells, "cell");
        tell!("note: {cells} did not fit the column's type and became NULL.");
    }
    for warning in &metrics.warnings {
        tell!("note: {warning}");
    }
}
