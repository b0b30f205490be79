//! Rows as text or bytes: one writer for each format, all of them streaming.

mod arrow;
mod csv;
mod json;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::time::Instant;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datasource_runtime::ScanMetrics;
use datasource_sql::{Answer, RowStream};
use futures_util::StreamExt;

use crate::errors::CliError;
use crate::options::Format;
use crate::speak::tell;
use crate::style::{bytes, counted};

/// Writes the batches of one answer in one format.
trait RowWriter {
    /// Writes a batch; it need not reach the output yet.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError>;

    /// Writes what is left, and what the format wants at its end.
    fn finish(&mut self) -> Result<(), CliError>;
}

/// Writes a small table to standard output.
pub(crate) fn print_table(rows: &RecordBatch) -> Result<(), CliError> {
    let terminal = io::stdout().is_terminal();
    let mut writer = table::TableWriter::new(io::stdout(), &rows.schema(), terminal);
    writer.write(rows)?;
    writer.finish()
}

/// Where answers go, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    terminal: bool,
    summary: bool,
}

impl Output {
    /// Writes to standard output.
    pub(crate) fn to_stdout(format: Format) -> Result<Self, CliError> {
        let terminal = io::stdout().is_terminal();
        if terminal && format == Format::Arrow {
            return Err(CliError::misused("An Arrow stream is no text for a terminal.")
                .hint("Send it to a file or a program: … --format arrow > rows.arrows"));
        }
        Ok(Self { format, terminal, summary: terminal && io::stderr().is_terminal() })
    }

    /// Leaves out the line with the number of rows and the time.
    pub(crate) fn without_summary(self) -> Self {
        Self { summary: false, ..self }
    }

    /// Writes an answer as it comes; returns the number of rows.
    pub(crate) async fn answer(self, answer: Answer) -> Result<u64, CliError> {
        match answer {
            Answer::Done(message) => {
                if self.format == Format::Table {
                    writeln!(io::stdout(), "{message}")?;
                } else {
                    tell!("{message}");
                }
                Ok(0)
            }
            Answer::Rows { schema, stream } => self.rows(schema, stream).await,
        }
    }

    async fn rows(self, schema: SchemaRef, mut stream: RowStream) -> Result<u64, CliError> {
        let started = Instant::now();
        let out = BufWriter::new(io::stdout());
        let mut writer: Box<dyn RowWriter> = match self.format {
            Format::Table => Box::new(table::TableWriter::new(out, &schema, self.terminal)),
            Format::Csv => Box::new(csv::CsvRows::new(out, schema)),
            Format::Json => Box::new(json::JsonRows::new(out)),
            Format::Arrow => Box::new(arrow::ArrowRows::new(out, &schema)?),
        };
        let mut rows = 0;
        while let Some(batch) = stream.next().await {
            match batch {
                Ok(batch) => {
                    rows += batch.num_rows() as u64;
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
        }
        writer.finish()?;
        let metrics = stream.scan_metrics();
        if self.summary {
            tell!("{}", summary(rows, started, &metrics));
        }
        notes(&metrics);
        Ok(rows)
    }
}

fn summary(rows: u64, started: Instant, metrics: &ScanMetrics) -> String {
    let mut text = format!("{} in {:.2} s", counted(rows, "row"), started.elapsed().as_secs_f64());
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
    if metrics.nulled_cells > 0 {
        let cells = counted(metrics.nulled_cells, "cell");
        tell!("note: {cells} did not fit the column's type and became NULL.");
    }
    for warning in &metrics.warnings {
        tell!("note: {warning}");
    }
}
