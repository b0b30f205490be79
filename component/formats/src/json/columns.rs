//! Values to arrays: one builder for each column that is wanted.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer,
    ScalarBuffer,
};

use super::number::Number;
use super::text::{Text, compact, unescape};
use super::token::Value;
use crate::FormatError;
use crate::csv::ColumnType;
use crate::dates;

/// Why a value is NULL in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is of another type.
    Type,
    /// It is text that no UTF-8 can hold.
    Text,
}

/// One column of the batch under way.
#[derive(Debug)]
pub(super) struct Builder {
    /// Whether the user declared the type: then texts are taken for what they say.
    declared: bool,
    values: Values,
    /// The rows that are NULL.
    nulls: Vec<u32>,
    /// How many rows have a value here, NULL included.
    rows: usize,
}

#[derive(Debug)]
enum Values {
    Boolean(Vec<bool>),
    BigInt(Vec<i64>),
    Double(Vec<f64>),
    Date(Vec<i32>),
    Time(Vec<i64>),
    /// Instants, and whether they know their offset.
    Timestamp(Vec<i64>, bool),
    Varchar(Texts),
}

/// Texts one after another, and where each ends.
#[derive(Debug)]
struct Texts {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

impl Builder {
    pub(super) fn new(of: ColumnType, declared: bool) -> Self {
        let values = match of {
            ColumnType::Boolean => Values::Boolean(Vec::new()),
            ColumnType::BigInt => Values::BigInt(Vec::new()),
            ColumnType::Double => Values::Double(Vec::new()),
            ColumnType::Date => Values::Date(Vec::new()),
            ColumnType::Time => Values::Time(Vec::new()),
            ColumnType::Timestamp => Values::Timestamp(Vec::new(), false),
            ColumnType::TimestampTz => Values::Timestamp(Vec::new(), true),
            ColumnType::Varchar => Values::Varchar(Texts { offsets: vec![0], data: Vec::new() }),
        };
        Self { declared, values, nulls: Vec::new(), rows: 0 }
    }

    /// Bytes of one row at least, and a validity bit.
    pub(super) fn least_bytes(of: ColumnType) -> usize {
        match of {
            ColumnType::Boolean => 1,
            ColumnType::Date | ColumnType::Varchar => 5,
            _ => 9,
        }
    }

    #[inline(always)]
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends a value, or NULL where it does not fit. How many bytes of text it took.
    #[inline(always)]
    pub(super) fn push(&mut self, value: &Value<'_>) -> (usize, Option<Misfit>) {
        self.rows += 1;
        let fits = match (&mut self.values, value) {
            (Values::Varchar(texts), Value::Text(text)) => {
                let before = texts.data.len();
                let fits = texts.push(text);
                let taken = texts.data.len() - before;
                if fits {
                    return (taken, None);
                }
                self.nulls.push(row(self.rows - 1));
                return (taken, Some(Misfit::Text));
            }
            (Values::BigInt(values), Value::Number(number)) => put(values, number.integer()),
            (Values::Double(values), Value::Number(number)) => put(values, number.double()),
            (Values::Boolean(values), Value::Boolean(value)) => put(values, Some(*value)),
            (Values::Date(values), Value::Text(text)) if !text.escaped => {
                put(values, dates::date(text.raw))
            }
            (Values::Timestamp(values, zoned), Value::Text(text)) if !text.escaped => {
                put(values, instant(text.raw, *zoned))
            }
            _ => return self.push_other(value),
        };
        if fits {
            return (0, None);
        }
        self.nulls.push(row(self.rows - 1));
        (0, Some(Misfit::Type))
    }

    /// A value that is not of the column's own kind.
    fn push_other(&mut self, value: &Value<'_>) -> (usize, Option<Misfit>) {
        if let Values::Varchar(texts) = &mut self.values {
            let before = texts.data.len();
            if !texts.push_shown(value) {
                self.nulls.push(row(self.rows - 1));
            }
            return (texts.data.len() - before, None);
        }
        let text = match value {
            Value::Text(text) => text.bytes().ok(),
            _ => None,
        };
        let text = text.as_deref().map(<[u8]>::trim_ascii);
        let number = text.filter(|_| self.declared).and_then(Number::of);
        let declared = self.declared;
        let fits = match &mut self.values {
            Values::Boolean(values) => put(values, text.filter(|_| declared).and_then(boolean)),
            Values::BigInt(values) => put(values, number.and_then(|(integer, _)| integer)),
            Values::Double(values) => put(values, number.and_then(|(_, double)| double)),
            Values::Date(values) => put(values, text.and_then(dates::date)),
            Values::Time(values) => put(values, text.and_then(dates::time)),
            Values::Timestamp(values, zoned) => {
                put(values, text.and_then(|text| instant(text, *zoned)))
            }
            Values::Varchar(_) => true,
        };
        if !fits {
            self.nulls.push(row(self.rows - 1));
        }
        (0, (!fits && !matches!(value, Value::Null)).then_some(Misfit::Type))
    }

    pub(super) fn push_null(&mut self) {
        self.push(&Value::Null);
    }

    /// Makes NULL of the last row's text if it is not UTF-8; whether it did.
    #[cold]
    pub(super) fn drop_broken(&mut self) -> bool {
        let Values::Varchar(texts) = &mut self.values else { return false };
        let start = texts.offset(self.rows - 1);
        if std::str::from_utf8(&texts.data[start..]).is_ok() {
            return false;
        }
        texts.data.truncate(start);
        texts.offsets.pop();
        texts.end();
        self.nulls.push(row(self.rows - 1));
        true
    }

    /// Forgets all rows but the first ones.
    pub(super) fn truncate(&mut self, rows: usize) {
        if self.rows <= rows {
            return;
        }
        self.rows = rows;
        while self.nulls.last().is_some_and(|last| *last as usize >= rows) {
            self.nulls.pop();
        }
        match &mut self.values {
            Values::Boolean(values) => values.truncate(rows),
            Values::BigInt(values) | Values::Time(values) | Values::Timestamp(values, _) => {
                values.truncate(rows);
            }
            Values::Double(values) => values.truncate(rows),
            Values::Date(values) => values.truncate(rows),
            Values::Varchar(texts) => {
                let end = texts.offset(rows);
                texts.data.truncate(end);
                texts.offsets.truncate(rows + 1);
            }
        }
    }

    /// The array of what was appended; the builder is empty afterwards.
    pub(super) fn take(&mut self) -> Result<ArrayRef, FormatError> {
        let nulls = self.take_nulls();
        self.rows = 0;
        Ok(match &mut self.values {
            Values::Boolean(values) => {
                let bits = BooleanBuffer::from(values.as_slice());
                values.clear();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Values::BigInt(values) => Arc::new(Int64Array::new(emptied(values), nulls)),
            Values::Double(values) => Arc::new(Float64Array::new(emptied(values), nulls)),
            Values::Date(values) => Arc::new(Date32Array::new(emptied(values), nulls)),
            Values::Time(values) => Arc::new(Time64MicrosecondArray::new(emptied(values), nulls)),
            Values::Timestamp(values, zoned) => {
                let instants = TimestampMicrosecondArray::new(emptied(values), nulls);
                Arc::new(if *zoned { instants.with_timezone("UTC") } else { instants })
            }
            Values::Varchar(texts) => {
                let Texts { offsets, data } = std::mem::replace(texts, texts.emptied());
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                let texts = StringArray::try_new(offsets, Buffer::from_vec(data), nulls);
                Arc::new(texts.map_err(|error| FormatError::Batch(error.to_string()))?)
            }
        })
    }

    fn take_nulls(&mut self) -> Option<NullBuffer> {
        if self.nulls.is_empty() {
            return None;
        }
        let mut valid = BooleanBufferBuilder::new(self.rows);
        valid.append_n(self.rows, true);
        for null in self.nulls.drain(..) {
            valid.set_bit(null as usize, false);
        }
        Some(NullBuffer::new(valid.finish()))
    }
}

/// Appends a value, or a default under NULL; whether there was one.
#[inline(always)]
fn put<T: Default>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let fits = value.is_some();
    values.push(value.unwrap_or_default());
    fits
}

/// Gives the values away and leaves room for as many.
fn emptied<T: ArrowNativeType>(values: &mut Vec<T>) -> ScalarBuffer<T> {
    let room = values.len();
    ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(room)))
}

#[expect(clippy::cast_possible_truncation, reason = "a batch has fewer bytes than 4 GiB")]
fn row(row: usize) -> u32 {
    row as u32
}

fn boolean(text: &[u8]) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case(b"true") => Some(true),
        _ if text.eq_ignore_ascii_case(b"false") => Some(false),
        _ => None,
    }
}

fn instant(text: &[u8], zoned: bool) -> Option<i64> {
    dates::timestamp(text).filter(|(_, found)| *found == zoned).map(|(value, _)| value)
}

impl Texts {
    /// Empty, with room for as much as there is now.
    fn emptied(&self) -> Self {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        Self { offsets, data: Vec::with_capacity(self.data.len()) }
    }

    #[inline(always)]
    fn push(&mut self, text: &Text<'_>) -> bool {
        if !text.escaped {
            self.data.extend_from_slice(text.raw);
            self.end();
            return true;
        }
        let start = self.data.len();
        let fits = unescape(text.raw, &mut self.data).is_ok();
        if !fits {
            self.data.truncate(start);
        }
        self.end();
        fits
    }

    /// Appends a value that is no text as JSON text; whether it is other than NULL.
    fn push_shown(&mut self, value: &Value<'_>) -> bool {
        match value {
            Value::Null => {}
            Value::Boolean(true) => self.data.extend_from_slice(b"true"),
            Value::Boolean(false) => self.data.extend_from_slice(b"false"),
            Value::Number(number) => self.data.extend_from_slice(number.text),
            Value::Text(text) => return self.push(text),
            Value::Nested { raw, spaced: false } => self.data.extend_from_slice(raw),
            Value::Nested { raw, spaced: true } => compact(raw, &mut self.data),
        }
        self.end();
        !matches!(value, Value::Null)
    }

    /// Where the text of a row begins.
    fn offset(&self, row: usize) -> usize {
        self.offsets[row].cast_unsigned() as usize
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
}
