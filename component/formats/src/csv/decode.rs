//! Bytes of a file to record batches: chunks in, whole records to the columns, batches out.
//!
//! Records that lie within a chunk are decoded where they are; only the one that spans two chunks
//! is put together in a buffer of its own, the carry.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use super::CsvFormat;
use super::columns::{Block, Column, Faults};
use super::nulls::NullTokens;
use super::scanner::{Irregularity, Row, Scanner, Width};
use crate::decoder::Guarded;
use crate::{BatchSize, Fault, FormatError, StreamDecoder, Tally};

/// Bytes scanned before their columns are taken: they, and the fields in them, stay in the cache.
const WINDOW: usize = 32 * 1024;
/// Arrow's offsets are 32 bits wide; a record may add as much again.
const LARGEST_BATCH: usize = 1 << 30;

/// Decodes delimited text of a known format, in memory bounded by one batch and one record.
#[derive(Debug)]
pub struct CsvDecoder {
    schema: SchemaRef,
    format: CsvFormat,
    nulls: NullTokens,
    columns: Vec<Column>,
    scanner: Scanner,
    /// The beginning of a record whose end has not come yet.
    carry: Vec<u8>,
    /// The carry holds a whole record that did not fit the batch.
    held: bool,
    /// Bytes before the first row of data that are still to come.
    skip: u64,
    /// The line on which the record under way begins.
    line: u64,
    /// Rows and bytes of array data in the batch under way.
    rows: usize,
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

impl CsvDecoder {
    pub(super) fn new(
        format: &CsvFormat,
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
        let of = |position: &usize| &format.columns[*position];
        let columns = wanted.iter().map(|at| Column::new(*at, of(at).column_type, of(at).declared));
        Self {
            schema: whole.project(wanted).map_or(whole, SchemaRef::new),
            nulls: NullTokens::new(&format.null_values),
            columns: columns.collect(),
            scanner: Scanner::new(format.dialect, Width::Fixed(format.columns.len().max(1))),
            carry: Vec::new(),
            held: false,
            skip: format.data_offset,
            line: format.first_line,
            rows: 0,
            bytes: 0,
            row_bytes: wanted.iter().map(|at| Column::least_bytes(of(at).column_type)).sum(),
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
    fn ready(&self) -> bool {
        self.full || self.rows >= self.size.rows || self.bytes >= self.size.bytes
    }

    /// How many rows may come at once, so that no bound is passed by more than a window.
    fn room(&self) -> usize {
        let rows = self.size.rows.saturating_sub(self.rows);
        let bytes = self.size.bytes.saturating_sub(self.bytes);
        let fitting = bytes.checked_div(self.row_bytes).unwrap_or(usize::MAX);
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        rows.min(fitting.max(1)).min(left)
    }

    /// Whether a record of so many bytes would make a batch with rows in it too large.
    fn overfills(&self, record: usize) -> bool {
        self.rows > 0 && self.bytes.saturating_add(record) > self.size.bytes
    }

    /// Decodes records that lie wholly in `input`; what is left of it becomes the carry. Returns
    /// how many bytes were taken.
    fn decode_in_place(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        let room = self.room();
        let mut scanned = self.scanner.scanned();
        while self.scanner.complete() == 0 && scanned < input.len() {
            let window = &input[scanned..input.len().min(scanned + WINDOW)];
            scanned += self.scanner.scan(window, room);
            self.check_size(scanned)?;
        }
        let complete = self.scanner.complete();
        if complete == 0 {
            self.carry.extend_from_slice(input);
            return Ok(input.len());
        }
        if complete > WINDOW && self.overfills(complete) {
            self.scanner.restart();
            self.full = true;
            return Ok(0);
        }
        self.append(&input[..complete])?;
        Ok(complete)
    }

    /// Looks for the end of the record in the carry. Returns how many bytes were taken.
    fn decode_carry(&mut self, input: &[u8]) -> Result<usize, FormatError> {
        let mut taken = 0;
        while self.scanner.complete() == 0 && taken < input.len() {
            let window = &input[taken..input.len().min(taken + WINDOW)];
            let scanned = self.scanner.scan(window, 1);
            self.carry.extend_from_slice(&window[..scanned]);
            self.check_size(self.carry.len())?;
            taken += scanned;
        }
        if self.scanner.complete() > 0 {
            if self.overfills(self.carry.len()) {
                (self.held, self.full) = (true, true);
            } else {
                self.append_carry()?;
            }
        }
        Ok(taken)
    }

    /// Appends what is complete in the carry, and goes on with what is not.
    fn append_carry(&mut self) -> Result<(), FormatError> {
        let mut carry = std::mem::take(&mut self.carry);
        let complete = self.scanner.complete();
        let appended = self.append(&carry[..complete]);
        carry.drain(..complete);
        self.carry = carry;
        self.held = false;
        appended
    }

    /// One record may not be larger than the limit, since it has to be held as a whole: here the
    /// one under way, of which so many bytes have come.
    fn check_size(&self, scanned: usize) -> Result<(), FormatError> {
        let limit = self.format.max_record_bytes;
        if self.scanner.complete() == 0 && scanned > limit {
            return Err(FormatError::TooLarge { line: self.line, limit });
        }
        Ok(())
    }

    /// Appends the complete rows of the scanner, whose bytes these are, to the columns.
    fn append(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let rows = self.scanner.rows();
        let block = Block {
            bytes,
            rows,
            stops: &self.scanner.stops()[..rows.len() * self.format.columns.len().max(1)],
            width: self.format.columns.len().max(1),
            dialect: &self.format.dialect,
            nulls: &self.nulls,
            ascii: bytes.is_ascii(),
            escapes: self.scanner.escapes(),
        };
        let newline = self.format.dialect.newline.byte();
        let lines = |bytes: &[u8]| memchr::memchr_iter(newline, bytes).count() as u64;
        let first_line = self.line;
        let line = |row: usize| match rows.get(row) {
            Some(row) => first_line + lines(&bytes[..row.start as usize]),
            None => first_line,
        };
        let limit = self.format.max_record_bytes;
        let large = |row: &Row| (row.next - row.start) as usize > limit;
        if bytes.len() > limit
            && let Some(row) = rows.iter().position(large)
        {
            return Err(FormatError::TooLarge { line: line(row), limit });
        }
        let mut findings = Findings::new(&self.scanner, rows.len());
        for column in &mut self.columns {
            let before = column.text_bytes();
            findings.add(column.position(), column.append(&block));
            self.bytes += column.text_bytes() - before;
        }
        self.bytes += rows.len() * self.row_bytes;
        self.rows += rows.len();
        self.tally.rows += rows.len() as u64;
        self.left -= rows.len() as u64;
        findings.report(&self.format, &mut self.tally, line)?;
        if let Some((count, start)) = self.scanner.comments() {
            let line = first_line + lines(&bytes[..start]);
            self.tally.add(None, count as u64, line, Fault::Comment);
        }
        self.line += lines(bytes);
        self.scanner.consume();
        Ok(())
    }

    /// The batch under way.
    fn take(&mut self) -> Result<RecordBatch, FormatError> {
        let arrays = self.columns.iter_mut().map(Column::take).collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes, self.full) = (0, 0, false);
        RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), arrays, &options)
            .map_err(|error| FormatError::Batch(error.to_string()))
    }

    /// Takes the last record, which no line end ends.
    fn end(&mut self) -> Result<(), FormatError> {
        self.ended = true;
        if self.done() {
            return Ok(());
        }
        self.scanner.finish();
        if self.scanner.complete() == 0 {
            return Ok(());
        }
        if self.overfills(self.carry.len()) {
            (self.held, self.full) = (true, true);
            return Ok(());
        }
        self.append_carry()
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
        if self.carry.is_empty() && taken < input.len() {
            // What was scanned ahead comes again, perhaps in other pieces.
            self.scanner.restart();
        }
        Ok(taken)
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>, FormatError> {
        if !self.ready() {
            return Ok(None);
        }
        let batch = self.take()?;
        if self.held {
            self.append_carry()?;
        }
        Ok(Some(batch))
    }
}

impl Guarded for CsvDecoder {
    fn failed(&mut self) -> &mut Option<FormatError> {
        &mut self.failed
    }
}

impl StreamDecoder for CsvDecoder {
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
                None if decoder.rows > 0 => decoder.take().map(Some),
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

/// What was found in one block: faults of rows, and of cells by column.
struct Findings {
    rows: Vec<(usize, Fault)>,
    cells: Vec<(usize, Faults)>,
}

impl Findings {
    fn new(scanner: &Scanner, rows: usize) -> Self {
        let found = scanner.irregular().iter().filter(|found| found.row < rows);
        let fault = |kind| match kind {
            Irregularity::Short(fields) => Fault::ShortRow(u64::from(fields)),
            Irregularity::Long(fields) => Fault::LongRow(u64::from(fields)),
            Irregularity::TextAfterQuote => Fault::TextAfterQuote,
            Irregularity::NotClosed => Fault::QuoteNotClosed,
        };
        let rows = found.map(|found| (found.row, fault(found.kind))).collect();
        Self { rows, cells: Vec::new() }
    }

    fn add(&mut self, position: usize, faults: Faults) {
        if faults.count > 0 {
            self.cells.push((position, faults));
        }
    }

    /// Counts everything, or, in strict mode, fails with what comes first in the file.
    fn report(
        self,
        format: &CsvFormat,
        tally: &mut Tally,
        line: impl Fn(usize) -> u64,
    ) -> Result<(), FormatError> {
        let name = |position: usize| format.columns[position].name.as_str();
        if format.strict {
            return self.first().map_or(Ok(()), |(row, position, fault)| {
                Err(FormatError::Malformed {
                    line: line(row),
                    column: position.map(|position| name(position).to_owned()),
                    reason: fault.to_string(),
                })
            });
        }
        for (row, fault) in self.rows {
            tally.add(None, 1, line(row), fault);
        }
        for (position, faults) in self.cells {
            if let Some((row, fault)) = faults.first {
                tally.add(Some(name(position)), faults.count, line(row), fault);
            }
        }
        Ok(())
    }

    /// The first fault by row; of one row, what is wrong with the row as such, then the first cell.
    fn first(self) -> Option<(usize, Option<usize>, Fault)> {
        let rows = self.rows.into_iter().map(|(row, fault)| (row, None, fault));
        let cells = self.cells.into_iter().filter_map(|(position, faults)| {
            faults.first.map(|(row, fault)| (row, Some(position), fault))
        });
        rows.chain(cells).min_by_key(|(row, position, _)| (*row, *position))
    }
}
