//! Bytes of a file to record batches of chunks.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::SchemaRef;

use super::TextFormat;
use super::split::Size;
use crate::decoder::Guarded;
use crate::{BatchSize, Fault, FormatError, StreamDecoder, Tally};

/// Bytes taken at once, so that a large chunk of input is not copied as a whole.
const WINDOW: usize = 64 * 1024;
/// Arrow's offsets are 32 bits wide; a row may add as much again.
const LARGEST_BATCH: usize = 1 << 30;
/// What stands for bytes that are not UTF-8.
const REPLACEMENT: char = '\u{FFFD}';

/// Cuts text of a known format, in memory bounded by one batch and one chunk.
#[derive(Debug)]
pub struct TextDecoder {
    schema: SchemaRef,
    wanted: Vec<usize>,
    metadata: String,
    cut: Option<Size>,
    strict: bool,
    limit_bytes: usize,
    /// Text of which no chunk was made yet, from `start` on.
    text: String,
    start: usize,
    /// The beginning of a character whose end has not come yet.
    partial: Vec<u8>,
    /// Bytes before the text that are still to come.
    skip: u64,
    line: u64,
    rows: usize,
    contents: Vec<u8>,
    offsets: Vec<i32>,
    size: BatchSize,
    left: u64,
    ended: bool,
    failed: Option<FormatError>,
    tally: Tally,
}

impl TextDecoder {
    pub(super) fn new(
        format: &TextFormat,
        projection: Option<&[usize]>,
        limit: Option<u64>,
        size: BatchSize,
    ) -> Self {
        let whole = format.schema();
        let columns = whole.fields().len();
        let wanted = projection.map_or_else(|| (0..columns).collect(), <[usize]>::to_vec);
        let unknown = wanted.iter().find(|position| **position >= columns);
        let failed = unknown
            .map(|position| FormatError::NoSuchColumn { column: position.to_string(), columns });
        let wanted = if failed.is_some() { Vec::new() } else { wanted };
        Self {
            schema: whole.project(&wanted).map_or(whole, SchemaRef::new),
            wanted,
            metadata: format.row_metadata(),
            cut: format.size(),
            strict: format.strict,
            limit_bytes: format.max_record_bytes,
            text: String::new(),
            start: 0,
            partial: Vec::new(),
            skip: format.data_offset,
            line: 1,
            rows: 0,
            contents: Vec::new(),
            offsets: vec![0],
            size: BatchSize { rows: size.rows.max(1), bytes: size.bytes.clamp(1, LARGEST_BATCH) },
            left: limit.unwrap_or(u64::MAX),
            ended: false,
            failed,
            tally: Tally::default(),
        }
    }

    fn ready(&self) -> bool {
        let bytes = self.contents.len() + self.rows * (self.metadata.len() + 8);
        self.rows >= self.size.rows || bytes >= self.size.bytes
    }

    /// Takes bytes into the text.
    fn take_bytes(&mut self, input: &[u8]) -> Result<(), FormatError> {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(input);
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.add_text(chunk.valid())?;
            let invalid = chunk.invalid();
            let cut = chunks.peek().is_none()
                && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
            if cut {
                self.partial = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.replace()?;
            }
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str) -> Result<(), FormatError> {
        let limit = self.limit_bytes;
        if self.cut.is_none() && self.text.len() + text.len() > limit {
            return Err(FormatError::TooLarge { line: 1, limit });
        }
        self.line += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
        self.text.push_str(text);
        Ok(())
    }

    /// Puts the replacement where bytes are not UTF-8.
    #[cold]
    fn replace(&mut self) -> Result<(), FormatError> {
        if self.strict {
            let reason = Fault::Replaced.to_string();
            return Err(FormatError::Malformed { line: self.line, column: None, reason });
        }
        self.tally.add(None, 1, self.line, Fault::Replaced);
        self.add_text(REPLACEMENT.encode_utf8(&mut [0; 4]))
    }

    /// Makes rows of all chunks that end in the text.
    fn cut_chunks(&mut self) {
        let Some(size) = self.cut else { return };
        while !self.ready() && !self.done() {
            let Some(cut) = size.cut(&self.text[self.start..]) else { break };
            self.add_row(self.start, self.start + cut.end);
            self.start += cut.next;
        }
        if self.start > WINDOW {
            self.text.drain(..self.start);
            self.start = 0;
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "a batch is cut long before 2 GiB: see BatchSize and max_record_bytes"
    )]
    fn add_row(&mut self, start: usize, end: usize) {
        if self.wanted.contains(&0) {
            self.contents.extend_from_slice(&self.text.as_bytes()[start..end]);
        }
        self.offsets.push(self.contents.len() as i32);
        self.rows += 1;
        self.tally.rows += 1;
        self.left -= 1;
    }

    fn take(&mut self) -> Result<RecordBatch, FormatError> {
        let rows = std::mem::take(&mut self.rows);
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let contents = Buffer::from_vec(std::mem::take(&mut self.contents));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let batch = |error: arrow_schema::ArrowError| FormatError::Batch(error.to_string());
        let contents = StringArray::try_new(offsets, contents, None).map_err(batch)?;
        let contents: ArrayRef = Arc::new(contents);
        let metadata = || StringArray::from_iter_values(std::iter::repeat_n(&self.metadata, rows));
        let arrays = self.wanted.iter().map(|column| match column {
            0 => ArrayRef::clone(&contents),
            _ => Arc::new(metadata()),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = SchemaRef::clone(&self.schema);
        RecordBatch::try_new_with_options(schema, arrays.collect(), &options).map_err(batch)
    }

    /// Makes a row of what is left after the last byte.
    fn end(&mut self) -> Result<(), FormatError> {
        if !std::mem::take(&mut self.partial).is_empty() {
            self.replace()?;
        }
        self.cut_chunks();
        if self.ready() && self.start < self.text.len() {
            return Ok(());
        }
        self.ended = true;
        if self.start < self.text.len() && !self.done() {
            self.add_row(self.start, self.text.len());
        }
        Ok(())
    }

    fn decode_all(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        let mut taken = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
        self.skip -= taken as u64;
        self.cut_chunks();
        while taken < input.len() && !self.ready() && !self.done() {
            let window = &input[taken..input.len().min(taken + WINDOW)];
            self.take_bytes(window)?;
            taken += window.len();
            self.cut_chunks();
        }
        Ok(taken)
    }
}

impl Guarded for TextDecoder {
    fn failed(&mut self) -> &mut Option<FormatError> {
        &mut self.failed
    }
}

impl StreamDecoder for TextDecoder {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn decode(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        self.guarded(|decoder| decoder.decode_all(input))
    }

    fn take_batch(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        self.guarded(|decoder| if decoder.ready() { decoder.take().map(Some) } else { Ok(None) })
    }

    fn finish(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        self.guarded(|decoder| {
            if !decoder.ready() && !decoder.ended {
                decoder.end()?;
            }
            if decoder.rows > 0 { decoder.take().map(Some) } else { Ok(None) }
        })
    }

    fn done(&self) -> bool {
        self.left == 0
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
