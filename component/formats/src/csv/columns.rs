//! Cells to arrays, a column at a time. The loop over the rows of a block is written once for each
//! kind of type, so that nothing is decided per cell that is the same for the whole column.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};

use super::dialect::Dialect;
use super::digits::{self, Cell};
use super::nulls::NullTokens;
use super::scanner::{MISSING, Row};
use super::types::{ColumnType, utc};
use super::{parse, value};
use crate::dates;
use crate::error::shortened;
use crate::{Fault, FormatError};

/// Complete records, split into fields.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) rows: &'a [Row],
    /// The ends of the fields, `width` for each row.
    pub(super) stops: &'a [u32],
    pub(super) width: usize,
    pub(super) dialect: &'a Dialect,
    pub(super) nulls: &'a NullTokens,
    /// No byte is above 127, so that every text is UTF-8.
    pub(super) ascii: bool,
    /// A quoted field may be other than what stands between its quotes.
    pub(super) escapes: bool,
}

impl Block<'_> {
    /// The quote; where there is none a line end, which is never in a field.
    fn quote(&self) -> u8 {
        self.dialect.quote.unwrap_or(self.dialect.newline.byte())
    }

    /// The cells of one column; nothing where a row is short.
    #[inline(always)]
    fn cells(&self, column: usize) -> impl Iterator<Item = Option<Cell<'_>>> {
        let bytes = self.bytes;
        self.rows.iter().zip(self.stops.chunks_exact(self.width)).map(move |(row, stops)| {
            let stop = stops[column];
            let start = if column == 0 { row.start } else { stops[column - 1].wrapping_add(1) };
            let bounds = (start as usize, stop as usize);
            (stop != MISSING).then_some(Cell { bytes, start: bounds.0, stop: bounds.1 })
        })
    }
}

/// What did not fit in one column of one block.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) count: u64,
    /// The row and fault of the first.
    pub(super) first: Option<(usize, Fault)>,
}

impl Faults {
    #[cold]
    fn add(&mut self, row: usize, fault: impl FnOnce() -> Fault) {
        self.count += 1;
        self.first.get_or_insert_with(|| (row, fault()));
    }
}

/// One column of the batch under way.
#[derive(Debug)]
pub(super) struct Column {
    /// Its position in the file.
    position: usize,
    /// Whether the user declared the type: then leading zeros and a plus do not keep a number out.
    declared: bool,
    values: Values,
    validity: NullBufferBuilder,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanBufferBuilder),
    BigInt(Vec<i64>),
    Double(Vec<f64>),
    Date(Vec<i32>),
    Time(Vec<i64>),
    Timestamp(Vec<i64>),
    TimestampTz(Vec<i64>),
    Varchar(Texts),
}

/// Texts one after another, and where each ends.
#[derive(Debug)]
struct Texts {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

impl Column {
    pub(super) fn new(position: usize, of: ColumnType, declared: bool) -> Self {
        let values = match of {
            ColumnType::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            ColumnType::BigInt => Values::BigInt(Vec::new()),
            ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::Date => Values::Date(Vec::new()),
            ColumnType::Time => Values::Time(Vec::new()),
            ColumnType::Timestamp => Values::Timestamp(Vec::new()),
            ColumnType::TimestampTz => Values::TimestampTz(Vec::new()),
            ColumnType::Varchar => Values::Varchar(Texts::new()),
        };
        Self { position, declared, values, validity: NullBufferBuilder::new(0) }
    }

    /// Its position in the file.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Bytes of one row at least, and a validity bit.
    pub(super) fn least_bytes(of: ColumnType) -> usize {
        match of {
            ColumnType::Boolean => 1,
            ColumnType::Date | ColumnType::Varchar => 5,
            _ => 9,
        }
    }

    /// Bytes of text held.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Varchar(texts) => texts.data.len(),
            _ => 0,
        }
    }

    /// Appends a cell for each row of the block.
    pub(super) fn append(&mut self, block: &Block<'_>) -> Faults {
        let Self { position, declared, values, validity } = self;
        let (column, declared) = (*position, *declared);
        let mut scalars = Scalars { block, column, validity };
        match values {
            Values::Boolean(values) => {
                let parse = |cell: Cell<'_>| parse::boolean(cell.text());
                scalars.append(parse, parse::boolean, |value| values.append(value))
            }
            Values::BigInt(values) => {
                let unusual = |text: &[u8]| relaxed(declared, text, parse::integer);
                scalars.append(digits::integer, unusual, |value| values.push(value))
            }
            Values::Double(values) => {
                let unusual = |text: &[u8]| relaxed(declared, text, parse::float);
                scalars.append(digits::float, unusual, |value| values.push(value))
            }
            Values::Date(values) => {
                scalars.append(digits::date, dates::date, |value| values.push(value))
            }
            Values::Time(values) => {
                let parse = |cell: Cell<'_>| dates::time(cell.text());
                scalars.append(parse, dates::time, |value| values.push(value))
            }
            Values::Timestamp(values) => {
                let local = |text: &[u8]| instant(text, false);
                scalars.append(|cell| local(cell.text()), local, |value| values.push(value))
            }
            Values::TimestampTz(values) => {
                let zoned = |text: &[u8]| instant(text, true);
                scalars.append(|cell| zoned(cell.text()), zoned, |value| values.push(value))
            }
            Values::Varchar(texts) => texts.append(block, column, validity),
        }
    }

    /// The array of what was appended; the column is empty afterwards.
    pub(super) fn take(&mut self) -> Result<ArrayRef, FormatError> {
        let nulls = self.validity.finish();
        Ok(match &mut self.values {
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::BigInt(values) => Arc::new(Int64Array::new(emptied(values), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(emptied(values), nulls)),
            Values::Date(values) => Arc::new(Date32Array::new(emptied(values), nulls)),
            Values::Time(values) => Arc::new(Time64MicrosecondArray::new(emptied(values), nulls)),
            Values::Timestamp(values) => {
                Arc::new(TimestampMicrosecondArray::new(emptied(values), nulls))
            }
            Values::TimestampTz(values) => {
                let instants = TimestampMicrosecondArray::new(emptied(values), nulls);
                Arc::new(instants.with_timezone(utc()))
            }
            Values::Varchar(texts) => {
                let Texts { offsets, data } = std::mem::replace(texts, texts.emptied());
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let texts = StringArray::try_new(offsets, Buffer::from_vec(data), nulls);
                Arc::new(texts.map_err(|error| FormatError::Batch(error.to_string()))?)
            }
        })
    }
}

/// Gives the values away and leaves room for as many.
fn emptied<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = values.len();
    ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(room)))
}

fn instant(cell: &[u8], zoned: bool) -> Option<i64> {
    dates::timestamp(cell).filter(|(_, found)| *found == zoned).map(|(value, _)| value)
}

/// A number; of a declared type also one with the leading zeros or plus that inference takes for
/// the sign of a code.
fn relaxed<T>(declared: bool, cell: &[u8], parse: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    if !declared {
        return parse(cell);
    }
    let (sign, digits) = match cell {
        [b'-', digits @ ..] => (Some(b'-'), digits),
        [b'+', digits @ ..] => (None, digits),
        digits => (None, digits),
    };
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let before_digit = |at: &usize| digits.get(*at).is_some_and(u8::is_ascii_digit);
    let from = if before_digit(&zeros) { zeros } else { zeros.saturating_sub(1) };
    let plain: Vec<u8> = sign.into_iter().chain(digits[from..].iter().copied()).collect();
    parse(&plain)
}

/// A column of values of a fixed size, in one block.
struct Scalars<'a> {
    block: &'a Block<'a>,
    column: usize,
    validity: &'a mut NullBufferBuilder,
}

impl Scalars<'_> {
    /// Appends one value for each row; a default stands under NULL. `plain` parses a cell as it
    /// stands, `unusual` what is left of it without quotes and spaces.
    #[inline(always)]
    fn append<T: Default>(
        &mut self,
        plain: impl Fn(Cell<'_>) -> Option<T>,
        unusual: impl Fn(&[u8]) -> Option<T>,
        mut push: impl FnMut(T),
    ) -> Faults {
        let Self { block, column, validity } = self;
        let quote = block.quote();
        let mut faults = Faults::default();
        let mut valid = 0;
        for (row, cell) in block.cells(*column).enumerate() {
            if let Some(cell) = cell.map(|cell| cell.between(quote).unwrap_or(cell))
                && !block.nulls.may_begin(cell.text())
                && let Some(value) = plain(cell)
            {
                push(value);
                valid += 1;
                continue;
            }
            let value = uncommon(block, cell, &unusual).unwrap_or_else(|text| {
                faults.add(row, || Fault::NotOfType(text));
                None
            });
            validity.append_n_non_nulls(std::mem::take(&mut valid));
            validity.append(value.is_some());
            push(value.unwrap_or_default());
        }
        validity.append_n_non_nulls(valid);
        faults
    }
}

/// A field that is no plain value: missing, empty, quoted, between spaces, a token for NULL, or,
/// the error, something that does not fit.
#[cold]
fn uncommon<T>(
    block: &Block<'_>,
    cell: Option<Cell<'_>>,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, String> {
    let field = cell.map(Cell::text).unwrap_or_default();
    if field.is_empty() {
        return Ok(None);
    }
    let mut scratch = Vec::new();
    let (text, _) = value::text(field, block.dialect, &mut scratch);
    let trimmed = text.trim_ascii();
    if trimmed.is_empty() || block.nulls.is_token(text) || block.nulls.is_token(trimmed) {
        return Ok(None);
    }
    parse(trimmed).map(Some).ok_or_else(|| shortened(text))
}

impl Texts {
    fn new() -> Self {
        Self { offsets: vec![0], data: Vec::new() }
    }

    /// Empty, with room for as much as there is now.
    fn emptied(&self) -> Self {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        Self { offsets, data: Vec::with_capacity(self.data.len()) }
    }

    fn append(
        &mut self,
        block: &Block<'_>,
        column: usize,
        validity: &mut NullBufferBuilder,
    ) -> Faults {
        let (first, from) = (self.offsets.len() - 1, self.data.len());
        self.offsets.reserve(block.rows.len());
        let quote = block.quote();
        let mut scratch = Vec::new();
        let mut valid = 0;
        for cell in block.cells(column) {
            let field = cell.map(Cell::text);
            let text = match (field, cell) {
                (Some(field @ [first, ..]), Some(cell)) if *first != quote && *first != b' ' => {
                    (!block.nulls.is_token(field)).then(|| self.push_near(cell))
                }
                (Some(_), Some(cell))
                    if !block.escapes
                        && let Some(inner) = cell.between(quote) =>
                {
                    (!block.nulls.is_token(inner.text())).then(|| self.push_near(inner))
                }
                (Some(field), _) => {
                    let (text, quoted) = value::text(field, block.dialect, &mut scratch);
                    let text = (!block.nulls.is_null(text, quoted)).then_some(text);
                    text.map(|text| self.data.extend_from_slice(text))
                }
                (None, _) => None,
            };
            match text {
                Some(()) => valid += 1,
                None => {
                    validity.append_n_non_nulls(valid);
                    validity.append_null();
                    valid = 0;
                }
            }
            self.end();
        }
        validity.append_n_non_nulls(valid);
        if block.ascii || self.is_utf8(first, from) {
            return Faults::default();
        }
        self.drop_broken(first, from, validity)
    }

    /// Appends a cell as it stands. Copying a fixed number of bytes and cutting the surplus is
    /// several times faster than copying a few bytes of unknown number.
    #[inline(always)]
    fn push_near(&mut self, cell: Cell<'_>) {
        const NEAR: usize = 16;
        const FAR: usize = 64;
        let length = cell.stop - cell.start;
        let end = self.data.len() + length;
        let from = &cell.bytes[cell.start..];
        if let Some(chunk) = from.first_chunk::<NEAR>()
            && length <= NEAR
        {
            self.data.extend_from_slice(chunk);
        } else if let Some(chunk) = from.first_chunk::<FAR>()
            && length <= FAR
        {
            self.data.extend_from_slice(chunk);
        } else {
            self.data.extend_from_slice(cell.text());
        }
        self.data.truncate(end);
    }

    /// Notes that a text ends here.
    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "a batch is cut long before 2 GiB: see BatchSize and max_record_bytes"
    )]
    fn end(&mut self) {
        self.offsets.push(self.data.len() as i32);
    }

    /// Whether all texts from the row `first` on, whose bytes begin at `from`, are UTF-8: their
    /// bytes as a whole are, and none begins in the middle of a character.
    fn is_utf8(&self, first: usize, from: usize) -> bool {
        let begins = |offset: &i32| {
            self.data.get(offset.cast_unsigned() as usize).is_none_or(|byte| byte & 0xC0 != 0x80)
        };
        std::str::from_utf8(&self.data[from..]).is_ok() && self.offsets[first..].iter().all(begins)
    }

    /// Makes NULL of every text from the row `first` on that is not UTF-8.
    #[cold]
    fn drop_broken(
        &mut self,
        first: usize,
        from: usize,
        validity: &mut NullBufferBuilder,
    ) -> Faults {
        let mut faults = Faults::default();
        let data = self.data.split_off(from);
        let offsets = self.offsets.split_off(first + 1);
        let mut start = 0;
        for (row, offset) in offsets.into_iter().enumerate() {
            let stop = offset.cast_unsigned() as usize - from;
            let text = &data[start..stop];
            if std::str::from_utf8(text).is_ok() {
                self.data.extend_from_slice(text);
            } else {
                validity.set_bit(first + row, false);
                faults.add(row, || Fault::NotUtf8);
            }
            self.end();
            start = stop;
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::{parse, relaxed};

    #[test]
    fn a_declared_number_may_have_leading_zeros_and_a_plus() {
        for (cell, value) in [("007", 7), ("+5", 5), ("-012", -12), ("00", 0), ("000", 0)] {
            assert_eq!(relaxed(true, cell.as_bytes(), parse::integer), Some(value), "{cell}");
        }
        assert_eq!(relaxed(true, b"00.5", parse::float), Some(0.5));
        assert_eq!(relaxed(false, b"007", parse::integer), None);
        assert_eq!(relaxed(false, b"7", parse::integer), Some(7));
        assert_eq!(relaxed(true, b"x", parse::integer), None);
        assert_eq!(relaxed(true, b"", parse::integer), None);
        assert_eq!(relaxed(true, b"+", parse::integer), None);
    }
}
