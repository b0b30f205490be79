//! A file that is read front to back as a table: delimited text, JSON, plain
//! text.

use std::rc::Rc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};
use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Serialize};
use tabular_formats::csv::{ColumnType, CsvFormat, CsvOptions};
use tabular_formats::json::{JsonFormat, JsonOptions};
use tabular_formats::text::{TextFormat, TextOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder};

use crate::cache;
use crate::connection::Connection;
use crate::contract::{Scan, ScanMetrics, ScanPlan, Statistics, estimate};
use crate::download::{Download, FileRef};
use crate::error::{Error, ErrorKind, Result};
use crate::file_type::StreamType;
use crate::ipc::schema_message;
use crate::sender::{Counters, Deadline};
use crate::split::{Planned, Work};
use crate::tables::positions;

/// What the bytes are, found out from the first of them; travels in splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum StreamFormat {
    Csv(CsvFormat),
    Json(JsonFormat),
    Text(TextFormat),
}

/// The read options of a format, understood.
pub(crate) enum StreamOptions {
    Csv(CsvOptions),
    Json(JsonOptions),
    Text(TextOptions),
}

impl StreamOptions {
    pub(crate) fn parse(kind: StreamType, pairs: &[(String, String)]) -> Result<Self, FormatError> {
        Ok(match kind {
            StreamType::Csv => Self::Csv(CsvOptions::from_pairs(pairs)?),
            StreamType::Tsv => {
                // The extension says the delimiter, unless the statement does.
                let mut all = vec![("delimiter".to_owned(), "\t".to_owned())];
                all.retain(|(name, _)| !pairs.iter().any(|(given, _)| given == name));
                all.extend_from_slice(pairs);
                Self::Csv(CsvOptions::from_pairs(&all)?)
            }
            StreamType::Json => Self::Json(JsonOptions::from_pairs(pairs)?),
            StreamType::Text => Self::Text(TextOptions::from_pairs(pairs)?),
        })
    }
}

impl StreamFormat {
    /// `name` is the file's, without its folders.
    pub(crate) fn sniff(
        name: &str,
        sample: &[u8],
        complete: bool,
        options: &StreamOptions,
    ) -> Result<Self, FormatError> {
        match options {
            StreamOptions::Csv(options) => {
                CsvFormat::sniff(sample, complete, options).map(Self::Csv)
            }
            StreamOptions::Json(options) => {
                JsonFormat::sniff(sample, complete, options).map(Self::Json)
            }
            StreamOptions::Text(options) => {
                TextFormat::sniff(name, sample, options).map(Self::Text)
            }
        }
    }

    /// Whether a column's type says nothing, since no row has a value.
    pub(crate) fn is_untyped(&self, column: usize) -> bool {
        match self {
            Self::Csv(format) => {
                format.sampled_rows() == 0 || format.columns().get(column).is_some_and(|c| c.empty)
            }
            Self::Json(format) => format.columns().get(column).is_some_and(|c| c.empty),
            Self::Text(_) => false,
        }
    }

    /// Has a column's cells read as another type, where the format can.
    pub(crate) fn retype(&mut self, column: usize, to: &DataType) {
        let Some(to) = ColumnType::of_data_type(to) else { return };
        match self {
            Self::Csv(format) => format.retype(column, to),
            Self::Json(format) => format.retype(column, to),
            Self::Text(_) => {}
        }
    }

    fn schema(&self) -> SchemaRef {
        match self {
            Self::Csv(format) => format.schema(),
            Self::Json(format) => format.schema(),
            Self::Text(format) => format.schema(),
        }
    }

    fn decoder(&self, projection: Option<&[usize]>, limit: Option<u64>) -> Box<dyn StreamDecoder> {
        let size = BatchSize::default();
        match self {
            Self::Csv(format) => Box::new(format.decoder(projection, limit, size)),
            Self::Json(format) => Box::new(format.decoder(projection, limit, size)),
            Self::Text(format) => Box::new(format.decoder(projection, limit, size)),
        }
    }
}

/// A file whose format is known.
pub(crate) struct StreamTable {
    pub(crate) connection: Rc<Connection>,
    pub(crate) file: FileRef,
    pub(crate) format: StreamFormat,
    /// Under which the format was kept, if this version was read before.
    pub(crate) cached: Option<String>,
}

impl StreamTable {
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
        let splits = self.connection.seal_all(vec![self.planned(projection, limit)])?;
        let mut notes = vec![format!("one pass over {} bytes of text", self.file.size)];
        if self.cached.is_some() {
            notes.push("the format is that of the same version read before".to_owned());
        }
        Ok(ScanPlan { schema: schema_message(&schema)?, splits, notes })
    }

    pub(crate) fn planned(&self, projection: Option<Vec<usize>>, limit: Option<u64>) -> Planned {
        let (file, format) = (self.file.clone(), self.format.clone());
        let cached = self.cached.clone();
        let work = Work::Stream { file, format, projection, limit, cached };
        Planned { work, rows: None, bytes: Some(estimate(self.file.size)) }
    }
}

pub(crate) fn projected(schema: &Schema, projection: Option<&[usize]>) -> Result<Schema> {
    match projection {
        None => Ok(schema.clone()),
        Some(columns) => schema.project(columns).map_err(|_| {
            Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
        }),
    }
}

/// Streams the file through the decoder.
pub(crate) struct StreamReader {
    download: Download,
    counters: Rc<Counters>,
    decoder: Box<dyn StreamDecoder>,
    chunk: Bytes,
    path: String,
    deadline: Deadline,
    clock: Rc<crate::ports::Ports>,
    /// The last byte has been given to the decoder.
    at_end: bool,
    /// Under which the format is kept, with the tag of the bytes that it was found out from.
    cached: Option<(String, Option<String>)>,
}

impl StreamReader {
    pub(crate) fn new(
        connection: &Connection,
        counters: Rc<Counters>,
        download: Download,
        path: String,
        scan: (&StreamFormat, Option<&[usize]>, Option<u64>),
        deadline: Deadline,
        cached: Option<String>,
    ) -> Self {
        let (format, projection, limit) = scan;
        let decoder = format.decoder(projection, limit);
        let clock = Rc::clone(connection.ports());
        let chunk = Bytes::new();
        let cached = cached.map(|key| (key, download.e_tag().map(str::to_owned)));
        Self { download, counters, decoder, chunk, path, deadline, clock, at_end: false, cached }
    }

    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let next = self.read_batch().await;
        let changed = matches!(&next, Err(error) if error.kind == ErrorKind::ChangedDuringRead);
        let e_tag = self.download.e_tag();
        let retagged = |(_, known): &mut (_, Option<String>)| changed || known.as_deref() != e_tag;
        if let Some((key, _)) = self.cached.take_if(retagged) {
            // The next one who opens it looks at the file itself, instead of asking each time
            // whether its bytes are the same under another tag.
            cache::forget(&self.clock, &key);
        }
        next
    }

    async fn read_batch(&mut self) -> Result<Option<RecordBatch>> {
        if self.deadline.0.is_some() {
            self.deadline.check(self.clock.clock.now())?;
        }
        loop {
            if self.at_end || self.decoder.done() {
                return self.decoder.finish().map_err(|e| self.malformed(&e));
            }
            if let Some(batch) = self.decode().await? {
                return Ok(Some(batch));
            }
        }
    }

    /// Decodes from the chunk at hand, fetching one if there is none.
    async fn decode(&mut self) -> Result<Option<RecordBatch>> {
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
            rows: tally.rows,
            nulled_cells: tally.nulled_cells,
            warnings: tally.warnings.iter().map(ToString::to_string).collect(),
            ..self.counters.metrics()
        }
    }
}

/// A file's fault as an error that names the file.
pub(crate) fn format_error(path: &str, error: &FormatError) -> Error {
    let kind = match error {
        FormatError::InvalidOption { .. }
        | FormatError::InvalidOptionValue { .. }
        | FormatError::NoSuchColumn { .. } => ErrorKind::InvalidParams,
        FormatError::TooLarge { .. }
        | FormatError::TooManyColumns { .. }
        | FormatError::TooMuch { .. } => ErrorKind::TooLarge,
        FormatError::UnsupportedEncoding { .. }
        | FormatError::NotText { .. }
        | FormatError::NotTable { .. }
        | FormatError::NotParquet { .. }
        | FormatError::Encrypted
        | FormatError::Unsupported { .. } => ErrorKind::UnsupportedFormat,
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
