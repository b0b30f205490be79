//! What formats that are read front to back have in common: bytes in, batches out, and a tally of
//! what could not be taken as it stands.

use std::fmt;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::FormatError;

/// One pass over a stream of bytes in bounded memory.
///
/// A caller alternates: [`decode`](Self::decode) until bytes are left over or used up,
/// [`take_batch`](Self::take_batch), and after the last byte [`finish`](Self::finish) until it
/// returns nothing. The rows do not depend on how the bytes are cut into chunks.
pub trait StreamDecoder {
    /// The schema of the projected columns.
    fn schema(&self) -> SchemaRef;

    /// Takes bytes from the front of `input` and returns how many were taken. Takes fewer than all
    /// only when a batch is ready or the row limit is reached.
    fn decode(&mut self, input: &[u8]) -> Result<usize, FormatError>;

    /// A full batch, if one is ready.
    fn take_batch(&mut self) -> Result<Option<RecordBatch>, FormatError>;

    /// After the last byte: what is left, one batch a call, until there is none.
    fn finish(&mut self) -> Result<Option<RecordBatch>, FormatError>;

    /// Whether the row limit is reached, so that no more bytes are needed.
    fn done(&self) -> bool;

    /// What has been counted so far.
    fn tally(&self) -> &Tally;
}

/// A decoder that after an error gives nothing but that error.
pub(crate) trait Guarded {
    /// The error that came.
    fn failed(&mut self) -> &mut Option<FormatError>;

    /// Takes a step, unless one failed before.
    fn guarded<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, FormatError>,
    ) -> Result<T, FormatError> {
        if let Some(error) = self.failed() {
            return Err(error.clone());
        }
        let outcome = step(self);
        *self.failed() = outcome.as_ref().err().cloned();
        outcome
    }
}

/// When a batch is full: at the first bound that it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchSize {
    /// Rows of a batch at most.
    pub rows: usize,
    /// Bytes of array data after which a batch is cut. A batch may be some tens of KiB larger, and
    /// is larger where one record is.
    pub bytes: usize,
}

impl Default for BatchSize {
    /// 8192 rows or 768 KiB, so that an IPC message stays below 1 MiB.
    fn default() -> Self {
        Self { rows: 8192, bytes: 768 * 1024 }
    }
}

/// What a decoder counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows decoded.
    pub rows: u64,
    /// Cells made NULL because they did not fit their column's type or were not UTF-8.
    pub nulled_cells: u64,
    /// Rows with fewer fields than the table has columns; the missing ones are NULL.
    pub short_rows: u64,
    /// Rows with more fields than the table has columns; the extra ones are dropped.
    pub long_rows: u64,
    /// Rows with text after a closing quote, or a quote that is never closed.
    pub misquoted_rows: u64,
    /// Comment lines skipped.
    pub comment_lines: u64,
    /// Values dropped because their key is no column: it first came after the sample.
    pub dropped_values: u64,
    /// Values that gave way to a later one under the same key of the same object.
    pub repeated_keys: u64,
    /// Records that are no objects; each is a row of NULL.
    pub odd_records: u64,
    /// Sequences of bytes that were replaced because they are not UTF-8.
    pub replaced_bytes: u64,
    /// One entry for each kind of fault and column, at most 64, in the order of their lines.
    pub warnings: Vec<Warning>,
}

/// A kind of fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A cell is not of its column's type; the cell, shortened.
    NotOfType(String),
    /// A cell of text is not UTF-8.
    NotUtf8,
    /// A row has fewer fields than the table has columns; how many it has.
    ShortRow(u64),
    /// A row has more fields than the table has columns; how many it has.
    LongRow(u64),
    /// Text follows a closing quote.
    TextAfterQuote,
    /// The file ends inside quotes.
    QuoteNotClosed,
    /// A comment line was skipped.
    Comment,
    /// A value's key is no column.
    UnknownKey,
    /// A key stands more than once in an object.
    RepeatedKey,
    /// A record is no object; the record, shortened.
    NotAnObject(String),
    /// Bytes that are not UTF-8 were replaced.
    Replaced,
}

impl Fault {
    /// Whether faults of both values are counted as one.
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOfType(cell) => write!(f, "`{cell}` does not fit the type of the column"),
            Self::NotUtf8 => f.write_str("the text is not UTF-8"),
            Self::ShortRow(1) => f.write_str("the row is short, with 1 field"),
            Self::ShortRow(fields) => write!(f, "the row is short, with {fields} fields"),
            Self::LongRow(fields) => write!(f, "the row is long, with {fields} fields"),
            Self::TextAfterQuote => f.write_str("text follows a closing quote"),
            Self::QuoteNotClosed => f.write_str("a quote is not closed"),
            Self::Comment => f.write_str("a comment line"),
            Self::UnknownKey => f.write_str("the key did not come in the sample"),
            Self::RepeatedKey => f.write_str("the key stands more than once in an object"),
            Self::NotAnObject(record) => write!(f, "`{record}` is no object"),
            Self::Replaced => f.write_str("the bytes are not UTF-8"),
        }
    }
}

/// Faults of one kind in one column; `Display` is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The column's name, where the fault is one of cells.
    pub column: Option<String>,
    /// The first fault.
    pub first: Fault,
    /// The line, counted from 1, on which the first one's record begins.
    pub first_line: u64,
    /// How many there were.
    pub count: u64,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, first_line, count, .. } = self;
        let column = self.column.as_deref().unwrap_or_default();
        let (one, many, fate) = match first {
            Fault::NotOfType(_) => ("value does", "values do", "not fit the type and became NULL"),
            Fault::NotUtf8 => ("text is", "texts are", "not UTF-8 and became NULL"),
            Fault::ShortRow(_) => ("row has", "rows have", "too few fields, the rest became NULL"),
            Fault::LongRow(_) => {
                ("row has", "rows have", "too many fields, the extra were dropped")
            }
            Fault::TextAfterQuote => ("row has", "rows have", "text after a closing quote"),
            Fault::QuoteNotClosed => ("quote is", "quotes are", "not closed, the rest is its text"),
            Fault::Comment => ("comment line was", "comment lines were", "skipped"),
            Fault::UnknownKey => ("value was", "values were", "dropped: not seen in the sample"),
            Fault::RepeatedKey => ("value was", "values were", "replaced by a later one"),
            Fault::NotAnObject(_) => ("record is", "records are", "no object, a row of NULL"),
            Fault::Replaced => {
                ("sequence of bytes is", "sequences of bytes are", "not UTF-8 and became U+FFFD")
            }
        };
        if self.column.is_some() {
            write!(f, "Column `{column}`: ")?;
        }
        write!(
            f,
            "{count} {} {fate}; the first is on line {first_line}",
            plural(*count, one, many)
        )?;
        match first {
            Fault::NotOfType(cell) | Fault::NotAnObject(cell) => write!(f, ": `{cell}`."),
            Fault::ShortRow(fields) | Fault::LongRow(fields) => {
                write!(f, " with {fields} {}.", plural(*fields, "field", "fields"))
            }
            _ => f.write_str("."),
        }
    }
}

fn plural<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

impl Tally {
    /// More warnings than these are counted, but not listed: a file of ten thousand columns must
    /// not make a report that nobody reads.
    const MOST_WARNINGS: usize = 64;

    /// Counts `count` faults like `first` in `column`.
    pub(crate) fn add(&mut self, column: Option<&str>, count: u64, line: u64, first: Fault) {
        match first {
            Fault::NotOfType(_) | Fault::NotUtf8 => self.nulled_cells += count,
            Fault::ShortRow(_) => self.short_rows += count,
            Fault::LongRow(_) => self.long_rows += count,
            Fault::TextAfterQuote | Fault::QuoteNotClosed => self.misquoted_rows += count,
            Fault::Comment => self.comment_lines += count,
            Fault::UnknownKey => self.dropped_values += count,
            Fault::RepeatedKey => self.repeated_keys += count,
            Fault::NotAnObject(_) => self.odd_records += count,
            Fault::Replaced => self.replaced_bytes += count,
        }
        let known = |w: &&mut Warning| w.first.is_like(&first) && w.column.as_deref() == column;
        if let Some(warning) = self.warnings.iter_mut().find(known) {
            warning.count += count;
        } else {
            // By line, so that the order does not depend on how the bytes came in.
            let at = self.warnings.partition_point(|warning| warning.first_line <= line);
            let column = column.map(str::to_owned);
            self.warnings.insert(at, Warning { column, first, first_line: line, count });
            self.warnings.truncate(Self::MOST_WARNINGS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Tally};

    #[test]
    fn faults_of_one_kind_and_column_are_one_warning() {
        let mut tally = Tally::default();
        tally.add(Some("price"), 1, 9, Fault::NotOfType("n/a".into()));
        assert_eq!(
            tally.warnings[0].to_string(),
            "Column `price`: 1 value does not fit the type and became NULL; the first is on line \
             9: `n/a`."
        );
        tally.add(Some("price"), 2, 11, Fault::NotOfType("-".into()));
        tally.add(None, 1, 12, Fault::ShortRow(1));
        assert_eq!(tally.nulled_cells, 3);
        let sentences: Vec<_> = tally.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(
            sentences,
            [
                "Column `price`: 3 values do not fit the type and became NULL; the first is on \
                 line 9: `n/a`.",
                "1 row has too few fields, the rest became NULL; the first is on line 12 with 1 \
                 field.",
            ]
        );
    }

    #[test]
    fn warnings_are_bounded_and_counts_are_not() {
        let mut tally = Tally::default();
        for column in 0..1000 {
            tally.add(Some(&column.to_string()), 1, 1, Fault::NotUtf8);
        }
        assert_eq!((tally.nulled_cells, tally.warnings.len()), (1000, 64));
    }
}
