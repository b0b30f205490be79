//! Delimited text: CSV and its relatives.
//!
//! A file of delimited text says nothing about itself, so [`CsvFormat::sniff`] finds out from its
//! first bytes what a person would see at once: what stands between fields and around them, where
//! the table begins, whether its first row names the columns, and what they hold. [`CsvOptions`]
//! overrides each of these. What was found travels as a [`CsvFormat`] to whoever reads the rows
//! with a [`CsvDecoder`].
//!
//! What is promised of the values:
//!
//! - Text is kept as it is, with its spaces. Only the empty text is NULL; in quotes it is a text.
//! - Numbers, dates and truth values may have spaces or quotes around them.
//! - A number that would not read back as it was written stays text: `00123`, `+45…`, more than 18
//!   digits.
//! - A value past the sample that does not fit is NULL and counted; missing fields are NULL,
//!   extra ones are dropped, and both are counted. In strict mode each is an error.
//!
//! The parts, in the order in which bytes meet them: `dialect` and `header` look at the sample;
//! `scanner` (with `masks`) finds records and fields, `columns` (with `parse`, `value` and
//! `nulls`) makes arrays of them, and `decode` drives both over the chunks of a stream.

mod columns;
mod decode;
mod dialect;
mod digits;
mod header;
mod masks;
mod nulls;
mod options;
mod parse;
mod scanner;
mod types;
mod value;

use std::collections::HashMap;

use arrow_schema::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

pub use decode::CsvDecoder;
pub use dialect::{Dialect, Escape, Newline};
pub use header::HeaderReason;
pub use options::{CsvOptions, Encoding, Header, option_docs};
pub use types::ColumnType;

use crate::column_names;
use crate::{BatchSize, FormatError, encoding};
use header::{Comments, Layout, Records};
use nulls::NullTokens;

/// More of a sample than this does not change what is found, but takes time.
const LONGEST_SAMPLE: usize = 1024 * 1024;

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, different from all others also in lower case.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether the user declared the type, so that numbers may have leading zeros.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
    /// Whether no row of the sample has a value, so that the type says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
}

/// What is known of a file of delimited text: all that its decoder needs, and why it is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CsvFormat {
    dialect: Dialect,
    /// Whether the first row names the columns, and why.
    header: HeaderReason,
    /// Bytes before the first row of data: byte order mark, preamble, header.
    data_offset: u64,
    /// The line, counted from 1, of the first row of data.
    first_line: u64,
    /// Lines above the table that were skipped.
    preamble_lines: u64,
    columns: Vec<Column>,
    /// How many rows the types were inferred from.
    sampled_rows: u64,
    null_values: Vec<String>,
    strict: bool,
    max_record_bytes: usize,
}

impl CsvFormat {
    /// Finds out from the first bytes of a file how it is written. `complete` says that the sample
    /// is the whole file.
    ///
    /// # Errors
    ///
    /// [`FormatError::Empty`], [`FormatError::UnsupportedEncoding`] and [`FormatError::NotText`]
    /// for files that hold no table of UTF-8 text, [`FormatError::SampleTooSmall`] where not even
    /// one record ends within the sample, [`FormatError::NoSuchColumn`] where a type is declared
    /// for a column that is not there.
    pub fn sniff(sample: &[u8], complete: bool, options: &CsvOptions) -> Result<Self, FormatError> {
        let mark = encoding::utf8_start(sample, options.encoding == Encoding::Utf8)?;
        let (declared, delimiter) = declaration(&sample[mark..]);
        let options =
            &CsvOptions { delimiter: options.delimiter.or(delimiter.map(Some)), ..options.clone() };
        let start = mark
            + match options.skip {
                Some(lines) => skipped(&sample[mark..], lines),
                None => declared,
            };
        let text = &sample[start..];
        let nulls = NullTokens::new(&options.null_values);
        let mut found = None;
        for longest in [LONGEST_SAMPLE, usize::MAX] {
            let complete = complete && text.len() <= longest;
            let text = &text[..text.len().min(longest)];
            found = examine(text, complete, options, &nulls);
            if found.is_some() || text.len() < longest {
                break;
            }
        }
        let Some((dialect, layout)) = found else {
            let bytes = sample.len();
            return Err(if complete {
                FormatError::Empty
            } else {
                FormatError::SampleTooSmall { bytes }
            });
        };
        Self::of(sample, start, dialect, layout, options)
    }

    fn of(
        sample: &[u8],
        start: usize,
        dialect: Dialect,
        layout: Layout,
        options: &CsvOptions,
    ) -> Result<Self, FormatError> {
        let newline = dialect.newline.byte();
        let lines = |end: usize| memchr::memchr_iter(newline, &sample[..end]).count() as u64;
        let data_offset = start + layout.data_offset;
        let count = layout.columns.len();
        if count > column_names::MOST_COLUMNS {
            return Err(FormatError::TooManyColumns {
                columns: count,
                limit: column_names::MOST_COLUMNS,
            });
        }
        let columns = layout.columns.into_iter();
        let columns = columns.map(|(name, column_type, empty)| Column {
            name,
            column_type,
            declared: false,
            empty,
        });
        let mut columns: Vec<Column> = columns.collect();
        for (name, column_type) in &options.types {
            let names = columns.iter().map(|column| column.name.as_str());
            let position = column_names::position(names, name).ok_or_else(|| {
                FormatError::NoSuchColumn { column: name.clone(), columns: count }
            })?;
            let column = &mut columns[position];
            (column.column_type, column.declared, column.empty) = (*column_type, true, false);
        }
        Ok(Self {
            dialect,
            header: layout.header,
            data_offset: data_offset as u64,
            first_line: 1 + lines(data_offset),
            preamble_lines: lines(start + layout.table_offset),
            columns,
            sampled_rows: layout.sampled_rows as u64,
            null_values: options.null_values.clone(),
            strict: options.strict,
            max_record_bytes: options.max_record_bytes,
        })
    }

    /// How many rows the types were inferred from; without any, they say nothing.
    #[must_use]
    pub fn sampled_rows(&self) -> u64 {
        self.sampled_rows
    }

    /// The schema of the whole file. Every column may hold NULL. The metadata tells, under keys
    /// that begin with `csv.`, what was inferred and why.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.column_type.data_type(), true));
        let fields: Vec<Field> = fields.collect();
        SchemaRef::new(Schema::new_with_metadata(fields, self.metadata()))
    }

    /// How records and fields are told apart.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The columns in the order of the file.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Reads a column as another type, unless the user declared one.
    pub fn retype(&mut self, column: usize, to: ColumnType) {
        if let Some(column) = self.columns.get_mut(column).filter(|column| !column.declared) {
            column.column_type = to;
        }
    }

    /// Whether the first row of the table names the columns, and why.
    #[must_use]
    pub fn header(&self) -> HeaderReason {
        self.header
    }

    /// A decoder of the file, from its first byte on.
    ///
    /// `projection` lists the columns wanted, by position and in the order wanted; values of others
    /// are not parsed. An empty one gives batches that have rows and no columns. After `limit` rows
    /// the decoder is done. A position that does not exist makes every call of the decoder fail
    /// with [`FormatError::NoSuchColumn`].
    #[must_use]
    pub fn decoder(
        &self,
        projection: Option<&[usize]>,
        limit: Option<u64>,
        size: BatchSize,
    ) -> CsvDecoder {
        CsvDecoder::new(self, projection, limit, size)
    }

    fn metadata(&self) -> HashMap<String, String> {
        let shown = |byte: Option<u8>| match byte {
            Some(b'\t') => "tab".to_owned(),
            Some(byte) => char::from(byte).to_string(),
            None => "none".to_owned(),
        };
        let Dialect { delimiter, quote, escape, newline, comment } = self.dialect;
        let escape = match escape {
            Escape::Doubled => "doubled",
            Escape::Backslash => "backslash",
        };
        let newline = match newline {
            Newline::Lf => "LF or CRLF",
            Newline::Cr => "CR",
        };
        let nulls = serde_json::Value::from(self.null_values.clone()).to_string();
        let types = format!("inferred from {} rows", self.sampled_rows);
        let entries = [
            ("format", "delimited text".to_owned()),
            ("csv.encoding", "UTF-8".to_owned()),
            ("csv.delimiter", shown(delimiter)),
            ("csv.quote", shown(quote)),
            ("csv.escape", escape.to_owned()),
            ("csv.newline", newline.to_owned()),
            ("csv.comment", shown(comment)),
            ("csv.header", self.header.explain().to_owned()),
            ("csv.skipped_lines", self.preamble_lines.to_string()),
            ("csv.types", types),
            ("csv.null_values", nulls),
            ("csv.strict", self.strict.to_string()),
        ];
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// Dialect and layout of a text; nothing if no record ends in it.
fn examine(
    text: &[u8],
    complete: bool,
    options: &CsvOptions,
    nulls: &NullTokens,
) -> Option<(Dialect, Layout)> {
    let dialect = dialect::detect(text, complete, options);
    let comments = match options.comment {
        Some(_) => Comments::None,
        None => header::comments(text, complete, dialect),
    };
    // Comments above the table only are passed over once; the decoder need not look for them.
    let (seen, kept) = match comments {
        Comments::None => (dialect.comment, dialect.comment),
        Comments::Above(mark) => (Some(mark), None),
        Comments::Anywhere(mark) => (Some(mark), Some(mark)),
    };
    let records = Records::of(text, complete, Dialect { comment: seen, ..dialect });
    let layout = (!records.is_empty()).then(|| header::layout(&records, options, nulls))?;
    Some((Dialect { comment: kept, ..dialect }, layout))
}

/// A first line such as `sep=;`, by which Excel is told the delimiter: how many bytes it takes, and
/// what it says.
fn declaration(text: &[u8]) -> (usize, Option<u8>) {
    match text {
        [b's', b'e', b'p', b'=', byte, b'\r', b'\n', ..] => (7, Some(*byte)),
        [b's', b'e', b'p', b'=', byte, b'\n' | b'\r', ..] => (6, Some(*byte)),
        _ => (0, None),
    }
}

/// How many bytes so many lines take.
fn skipped(text: &[u8], lines: usize) -> usize {
    let ends = (0..text.len()).filter(|at| match text[*at] {
        b'\n' => true,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    match lines {
        0 => 0,
        _ => ends.skip(lines - 1).map(|at| at + 1).next().unwrap_or(text.len()),
    }
}
