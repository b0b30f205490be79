//! A delimited text file as a table.

use std::rc::Rc;

use arrow_schema::{Schema, SchemaRef};
use bytes::{Buf as _, Bytes};
use tabular_formats::csv::{CsvDecoder, CsvFormat};
use tabular_formats::{BatchSize, FormatError, StreamDecoder as _};

use crate::connection::Connection;
use crate::contract::{Piece, Scan, ScanMetrics, ScanPlan, Split, Statistics, estimate};
use crate::download::{Download, FileRef};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::{Pieces, schema_message};
use crate::sender::{Counters, Deadline};
use crate::split::Work;
use crate::tables::positions;

/// A file whose format is known.
pub(crate) struct CsvTable {
    pub(crate) connection: Rc<Connection>,
    pub(crate) file: FileRef,
    pub(crate) format: CsvFormat,
}

impl CsvTable {
    pub(crate) fn name(&self) -> &str {
        &self.file.path
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.format.schema()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        Statistics { rows: None, bytes: Some(estimate(self.file.size)) }
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let projection = positions(scan.projection.as_deref());
        let schema = projected(&self.schema(), projection.as_deref())?;
        // The format takes no filters, so a limit only holds without them.
        let limit = scan.limit.filter(|_| scan.filters.is_empty());
        let work =
            Work::Csv { file: self.file.clone(), format: self.format.clone(), projection, limit };
        let split = Split {
            token: self.connection.seal(work)?,
            rows: None,
            bytes: Some(estimate(self.file.size)),
        };
        let notes = vec![format!("one pass over {} bytes of text", self.file.size)];
        Ok(ScanPlan { schema: schema_message(&schema)?, splits: vec![split], notes })
    }
}

fn projected(schema: &Schema, projection: Option<&[usize]>) -> Result<Schema> {
    match projection {
        None => Ok(schema.clone()),
        Some(columns) => schema.project(columns).map_err(|_| {
            Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
        }),
    }
}

/// Streams the file through the decoder.
pub(crate) struct CsvReader {
    download: Download,
    counters: Rc<Counters>,
    decoder: CsvDecoder,
    pieces: Pieces,
    chunk: Bytes,
    path: String,
    deadline: Deadline,
    clock: Rc<crate::ports::Ports>,
    /// The last byte has been given to the decoder.
    at_end: bool,
}

impl CsvReader {
    pub(crate) fn new(
        connection: &Connection,
        counters: Rc<Counters>,
        download: Download,
        path: String,
        scan: (&CsvFormat, Option<&[usize]>, Option<u64>),
        deadline: Deadline,
    ) -> Result<Self> {
        let (format, projection, limit) = scan;
        let decoder = format.decoder(projection, limit, BatchSize::default());
        let pieces = Pieces::new(&decoder.schema())?;
        let clock = Rc::clone(connection.ports());
        let chunk = Bytes::new();
        Ok(Self {
            download,
            counters,
            decoder,
            pieces,
            chunk,
            path,
            deadline,
            clock,
            at_end: false,
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Piece>> {
        if self.deadline.0.is_some() {
            self.deadline.check(self.clock.clock.now())?;
        }
        loop {
            if let Some(piece) = self.pieces.pop() {
                return Ok(Some(piece));
            }
            let batch = if self.at_end || self.decoder.done() {
                match self.decoder.finish().map_err(|e| self.malformed(&e))? {
                    Some(batch) => batch,
                    None => return Ok(None),
                }
            } else {
                match self.decode().await? {
                    Some(batch) => batch,
                    None => continue,
                }
            };
            self.pieces.push(&batch)?;
        }
    }

    /// Decodes from the chunk at hand, fetching one if there is none.
    async fn decode(&mut self) -> Result<Option<arrow_array::RecordBatch>> {
        if self.chunk.is_empty() {
            match self.download.chunk().await? {
                Some(chunk) => self.chunk = chunk,
                None => {
                    self.at_end = true;
                    return Ok(None);
                }
            }
        }
        let taken = self.decoder.decode(&self.chunk).map_err(|e| self.malformed(&e))?;
        self.chunk.advance(taken);
        self.decoder.take_batch().map_err(|e| self.malformed(&e))
    }

    fn malformed(&self, error: &FormatError) -> Error {
        format_error(&self.path, error)
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        let tally = self.decoder.tally();
        ScanMetrics {
            requests: self.counters.requests.get(),
            bytes: self.counters.bytes.get(),
            retries: self.counters.retries.get(),
            throttled: self.counters.throttled.get(),
            rows: tally.rows,
            nulled_cells: tally.nulled_cells,
            warnings: tally.warnings.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A file's fault as an error that names the file.
pub(crate) fn format_error(path: &str, error: &FormatError) -> Error {
    let kind = match error {
        FormatError::InvalidOption { .. }
        | FormatError::InvalidOptionValue { .. }
        | FormatError::NoSuchColumn { .. } => ErrorKind::InvalidParams,
        FormatError::TooLarge { .. } | FormatError::TooManyColumns { .. } => ErrorKind::TooLarge,
        FormatError::UnsupportedEncoding { .. } | FormatError::NotText { .. } => {
            ErrorKind::UnsupportedFormat
        }
        FormatError::Batch(_) => ErrorKind::Internal,
        _ => ErrorKind::MalformedData,
    };
    let text = error.to_string();
    let shown = Error::new(kind, format!("`{path}`: {}", text.trim_end_matches('.')) + ".");
    match error.hint() {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}
