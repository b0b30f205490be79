//! Bytes of a file to record batches: chunks in, whole records to the table, batches out.
//!
//! Records that lie within a chunk are read where they are; only the one that spans two chunks is
//! put together in a buffer of its own, the carry.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::JsonFormat;
use super::columns::Builder;
use super::frame::{Framer, Gap, Place};
use super::shape::Shape;
use super::table::{Finding, Table};
use super::text::Text;
use super::token::Stop;
use crate::decoder::Guarded;
use crate::error::shortened;
use crate::{BatchSize, Fault, FormatError, StreamDecoder, Tally};

/// A record larger than this begins a batch rather than make one too large.
const LARGE_RECORD: usize = 32 * 1024;
/// Arrow's offsets are 32 bits wide; a record may add as much again.
const LARGEST_BATCH: usize = 1 << 30;

/// Decodes JSON of a known format, in memory bounded by one batch and one record.
#[derive(Debug)]
pub struct JsonDecoder {
    schema: SchemaRef,
    format: JsonFormat,
    table: Table,
    place: Place,
    /// Objects around the array of records.
    within: u64,
    /// The beginning of a record whose end has not come yet.
    carry: Vec<u8>,
    framer: Framer,
    /// The carry holds a whole record that did not fit the batch.
    held: bool,
    /// Bytes before the first record that are still to come.
    skip: u64,
    /// The line of the byte that comes next, or of the carry's first.
    line: u64,
    /// Bytes of array data in the batch under way.
    bytes: usize,
    /// Bytes that a row takes at least.
    row_bytes: usize,
    size: BatchSize,
    /// The batch under way is full although it is not at its bounds.
    full: bool,
    /// Rows that the limit leaves.
    left: u64,
    ended: bool,
    /// What was wrong with the call that made the decoder, or with the file.
    failed: Option<FormatError>,
    tally: Tally,
}

/// What became of a record.
enum Outcome {
    /// It is a row now, and so many bytes long.
    Row(usize),
    /// It ends later.
    Incomplete,
    /// It has to wait for the next batch.
    Full,
}

impl JsonDecoder {
    pub(super) fn new(
        format: &JsonFormat,
        projection: Option<&[usize]>,
        limit: Option<u64>,
        size: BatchSize,
    ) -> Self {
        let whole = format.schema();
        let all: Vec<usize> = (0..format.columns.len()).collect();
        let wanted = projection.unwrap_or(&all);
        let unknown = wanted.iter().find(|position| **position >= format.columns.len());
        let failed = unknown.map(|position| FormatError::NoSuchColumn {
            column: position.to_string(),
            columns: format.columns.len(),
        });
        let wanted = if failed.is_some() { &[] } else { wanted };
        let least = |at: &usize| Builder::least_bytes(format.columns[*at].column_type);
        let (place, within) = match format.shape {
            Shape::Sequence => (Place::Sequence, 0),
            Shape::Array { within } => (Place::First, u64::from(within)),
        };
        Self {
            schema: whole.project(wanted).map_or(whole, SchemaRef::new),
            table: Table::new(format, wanted),
            place,
            within,
            carry: Vec::new(),
            framer: Framer::default(),
            held: false,
            skip: format.data_offset,
            line: format.first_line,
            bytes: 0,
            row_bytes: wanted.iter().map(least).sum(),
            size: BatchSize { rows: size.rows.max(1), bytes: size.bytes.clamp(1, LARGEST_BATCH) },
            full: false,
            left: limit.unwrap_or(u64::MAX),
            ended: false,
            failed,
            tally: Tally::default(),
            format: format.clone(),
        }
    }

    /// Whether the batch under way has to be taken before more rows can come.
    #[inline]
    fn ready(&self) -> bool {
        self.full || self.table.rows() >= self.size.rows || self.bytes >= self.size.bytes
    }

    fn invalid(&self, reason: &str) -> FormatError {
        FormatError::InvalidJson { line: self.line, reason: reason.to_owned() }
    }

    /// Counts the lines of `input` up to `at`; those before `counted` are counted.
    fn count_lines(&mut self, input: &[u8], counted: &mut usize, at: usize) {
        self.line += memchr::memchr_iter(b'\n', &input[*counted..at]).count() as u64;
        *counted = at;
    }

    /// Reads the record at `at` into a row.
    #[inline]
    fn record(
        &mut self,
        input: &[u8],
        at: usize,
        counted: &mut usize,
    ) -> Result<Outcome, FormatError> {
        let bytes = &input[at..];
        let limit = self.format.max_record_bytes;
        let (length, broken) = match self.table.read(bytes) {
            Ok(length) if length <= limit => {
                return self.row(input, at, length, counted);
            }
            Ok(length) => (length, None),
            Err(Stop::Incomplete) => (bytes.len(), None),
            Err(Stop::Broken { at, reason }) => (at, Some(reason)),
        };
        if length > limit {
            self.count_lines(input, counted, at);
            return Err(FormatError::TooLarge { line: self.line, limit });
        }
        match broken {
            Some(reason) => {
                self.count_lines(input, counted, at);
                Err(self.invalid(reason))
            }
            None => Ok(Outcome::Incomplete),
        }
    }

    /// Takes the row that was read, if the batch has room for it.
    #[inline]
    fn row(
        &mut self,
        input: &[u8],
        at: usize,
        length: usize,
        counted: &mut usize,
    ) -> Result<Outcome, FormatError> {
        let added = self.table.row_text() + self.row_bytes;
        if added > LARGE_RECORD
            && self.table.rows() > 1
            && self.bytes.saturating_add(added) > self.size.bytes
        {
            self.table.undo();
            self.full = true;
            return Ok(Outcome::Full);
        }
        self.bytes += added;
        self.tally.rows += 1;
        self.left -= 1;
        self.place = self.place.after_record();
        if !self.table.findings.is_empty() {
            self.count_lines(input, counted, at);
            self.report(&input[at..at + length])?;
        }
        Ok(Outcome::Row(length))
    }

    /// Counts what was wrong with a record, or, in strict mode, fails with the first of it.
    #[cold]
    fn report(&mut self, record: &[u8]) -> Result<(), FormatError> {
        for finding in std::mem::take(&mut self.table.findings) {
            let (column, fault) = match finding {
                Finding::Cell(position, fault) => {
                    (Some(self.format.columns[position].name.clone()), fault)
                }
                Finding::Dropped(key) => {
                    let key = Text { raw: &record[key], escaped: true };
                    (Some(shortened(key.lossy().as_bytes())), Fault::UnknownKey)
                }
                Finding::Record(fault) => (None, fault),
            };
            if self.format.strict {
                let reason = fault.to_string();
                return Err(FormatError::Malformed { line: self.line, column, reason });
            }
            self.tally.add(column.as_deref(), 1, self.line, fault);
        }
        Ok(())
    }

    /// Reads records that lie wholly in `input`; what is left of it becomes the carry. Returns how
    /// many bytes were taken.
    fn decode_in_place(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        let (mut at, mut counted) = (0, 0);
        while at < input.len() && !self.ready() && !self.done() {
            let (passed, gap) = self.place.pass(&input[at..], self.within);
            at += passed;
            match gap {
                Gap::Record => {}
                Gap::Open => break,
                Gap::Broken(reason) => {
                    self.count_lines(input, &mut counted, at);
                    return Err(self.invalid(reason));
                }
            }
            match self.record(input, at, &mut counted)? {
                Outcome::Row(length) => at += length,
                Outcome::Full => break,
                Outcome::Incomplete => {
                    self.count_lines(input, &mut counted, at);
                    self.framer = Framer::default();
                    self.framer.end(&input[at..]);
                    self.carry.extend_from_slice(&input[at..]);
                    return Ok(input.len());
                }
            }
        }
        self.count_lines(input, &mut counted, at);
        Ok(at)
    }

    /// Looks for the end of the record in the carry. Returns how many bytes were taken.
    fn decode_carry(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        let end = self.framer.end(input);
        let taken = end.unwrap_or(input.len());
        let room = (self.format.max_record_bytes + 1).saturating_sub(self.carry.len());
        self.carry.extend_from_slice(&input[..taken.min(room)]);
        if end.is_some() || taken >= room {
            self.take_carry()?;
        }
        Ok(taken)
    }

    /// Reads the record in the carry, which is whole or larger than may be.
    fn take_carry(&mut self) -> Result<(), FormatError> {
        let mut carry = std::mem::take(&mut self.carry);
        if !self.held {
            // A number ends where something else follows.
            carry.push(b' ');
        }
        match self.record(&carry, 0, &mut 0)? {
            Outcome::Row(_) => {
                self.held = false;
                self.count_lines(&carry, &mut 0, carry.len());
                carry.clear();
            }
            Outcome::Full => self.held = true,
            Outcome::Incomplete => return Err(self.invalid("the file ends within the record")),
        }
        self.carry = carry;
        Ok(())
    }

    /// The batch under way.
    fn take(&mut self) -> Result<RecordBatch, FormatError> {
        let options = RecordBatchOptions::new().with_row_count(Some(self.table.rows()));
        let arrays = self.table.take()?;
        (self.bytes, self.full) = (0, false);
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), arrays, &options)
            .map_err(|error| FormatError::Batch(error.to_string()))
    }

    /// Takes the last record, and sees that the document is whole.
    fn end(&mut self) -> Result<(), FormatError> {
        self.ended = true;
        if self.done() {
            return Ok(());
        }
        if !self.carry.is_empty() {
            self.take_carry()?;
        }
        match self.place.unfinished() {
            Some(reason) if !self.done() => Err(self.invalid(reason)),
            _ => Ok(()),
        }
    }

    fn decode_all(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        let mut taken = usize::try_from(self.skip).unwrap_or(usize::MAX).min(input.len());
        self.skip -= taken as u64;
        while taken < input.len() && !self.ready() && !self.done() {
            let rest = &input[taken..];
            taken += if self.carry.is_empty() {
                self.decode_in_place(rest)?
            } else {
                self.decode_carry(rest)?
            };
        }
        Ok(taken)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        if !self.ready() {
            return Ok(None);
        }
        let batch = self.take()?;
        if self.held {
            self.take_carry()?;
        }
        Ok(Some(batch))
    }
}

impl Guarded for JsonDecoder {
    fn failed(&mut self) -> &mut Option<FormatError> {
        &mut self.failed
    }
}

impl StreamDecoder for JsonDecoder {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    fn decode(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        self.guarded(|decoder| decoder.decode_all(input))
    }

    fn take_batch(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        self.guarded(Self::next_batch)
    }

    fn finish(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        self.guarded(|decoder| {
            if !decoder.ready() && !decoder.ended {
                decoder.end()?;
            }
            match decoder.next_batch()? {
                Some(batch) => Ok(Some(batch)),
                None if decoder.table.rows() > 0 => decoder.take().map(Some),
                None => Ok(None),
            }
        })
    }

    fn done(&self) -> bool {
        self.left == 0
    }

    fn tally(&self) -> &Tally {
        &self.tally
    }
}
