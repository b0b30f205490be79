//! JSON: an array of objects, objects one after another (JSON lines), or one object.
//!
//! An object is a row and its keys are the columns. [`JsonFormat::sniff`] finds out from the first
//! bytes how the records stand in the document, which keys they have and of what types their
//! values are; [`JsonOptions`] overrides what it finds. A [`JsonDecoder`] reads the rows.
//!
//! What is promised of the values:
//!
//! - The text is taken exactly as RFC 8259 defines JSON. What that leaves open: of a key that
//!   stands twice in an object the last value holds, and it is counted; values may be nested 128
//!   levels deep.
//! - Texts are kept as they are. In a column of text, a value that is no text is its JSON text, so
//!   that columns of mixed types and nested values lose nothing.
//! - Integers are of 64 bits. A column with larger ones is of doubles if these hold all their
//!   digits, and of text if not.
//! - A value past the sample that does not fit its column is NULL and counted, and so is one whose
//!   key did not come in the sample: it is dropped. In strict mode each is an error with its line.
//! - Broken JSON is an error, with the line on which its record begins. Of what stands around an
//!   array that `path` names, only the brackets behind it are looked at.
//!
//! The parts, in the order in which bytes meet them: `shape` and `infer` look at the sample;
//! `frame` finds records, `token` (with `number` and `text`) reads what is in them, `table` and
//! `columns` (with `dates`) make arrays of it, and `decode` drives them over the chunks of a stream.

mod columns;
mod decode;
mod frame;
mod infer;
mod number;
mod options;
mod shape;
mod table;
mod text;
mod token;

use std::borrow::Cow;
use std::collections::HashMap;

use arrow_schema::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

pub use decode::JsonDecoder;
pub use options::{JsonOptions, option_docs};
pub use shape::Shape;

use crate::csv::ColumnType;
use crate::{BatchSize, FormatError, encoding};
use frame::{Gap, Place};
use infer::Sample;
use shape::Problem;
use token::{Cursor, Stop};

/// More of a sample than this does not change what is found, but takes time.
const LONGEST_SAMPLE: usize = 1024 * 1024;

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, different from all others also in lower case.
    pub name: String,
    /// The key in the file, where it is not the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether the user declared the type, so that texts are read as what they say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
    /// Whether no record of the sample has a value, so that the type says nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
}

impl Column {
    /// The key in the file.
    fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.name)
    }
}

/// What is known of a file of JSON: all that its decoder needs, and why it is so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JsonFormat {
    shape: Shape,
    /// The keys that lead to the array of records.
    path: Vec<String>,
    /// Bytes before the first record: byte order mark, and what stands before an array's records.
    data_offset: u64,
    /// The line, counted from 1, of the byte at that offset.
    first_line: u64,
    columns: Vec<Column>,
    /// Whether the user chose the columns, so that other keys are of no interest.
    chosen: bool,
    /// How many records the columns were inferred from, and whether these are all.
    sampled_rows: u64,
    complete: bool,
    /// The key of a table within the one record.
    inner_table: Option<String>,
    dates: bool,
    strict: bool,
    max_record_bytes: usize,
}

impl JsonFormat {
    /// Finds out from the first bytes of a file how its records are written. `complete` says that
    /// the sample is the whole file.
    ///
    /// # Errors
    ///
    /// [`FormatError::Empty`], [`FormatError::UnsupportedEncoding`], [`FormatError::NotText`],
    /// [`FormatError::NotTable`] and [`FormatError::InvalidJson`] for files that hold no table of
    /// JSON, [`FormatError::SampleTooSmall`] where not even one record ends within the sample,
    /// [`FormatError::NoSuchColumn`] where a type is declared for a column that is not there.
    pub fn sniff(
        sample: &[u8],
        complete: bool,
        options: &JsonOptions,
    ) -> Result<Self, FormatError> {
        let mark = encoding::utf8_start(sample, false)?;
        let mut text = Cow::Borrowed(&sample[mark..]);
        if complete {
            // A number at the very end of the file ends there.
            text.to_mut().push(b' ');
        }
        let text = &*text;
        if complete && text.iter().all(|byte| token::is_space(*byte)) {
            return Err(FormatError::Empty);
        }
        let lines = |end: usize| 1 + memchr::memchr_iter(b'\n', &text[..end]).count() as u64;
        let (shape, start) =
            shape::detect(text, &options.path).map_err(|problem| match problem {
                Problem::Not(error) => error,
                Problem::Stop(stop) => stopped(stop, text, complete, 1, options),
            })?;
        let mut sample = Sample::new(options.columns.as_deref(), options.dates);
        let taken = survey(text, start, shape, options, &mut sample);
        if let Err((at, stop)) = taken
            && (complete || sample.records == 0 || stop != Stop::Incomplete)
        {
            return Err(stopped(stop, text, complete, lines(at), options));
        }
        let records = sample.records;
        let columns = sample.columns(&options.types)?;
        if columns.is_empty() {
            return Err(FormatError::NotTable {
                what: "its objects have no keys".to_owned(),
                hint: "Each key of the objects becomes a column.".to_owned(),
            });
        }
        let single = complete && records == 1 && shape == Shape::Sequence;
        Ok(Self {
            shape,
            path: options.path.clone(),
            data_offset: (mark + start) as u64,
            first_line: lines(start),
            columns,
            chosen: options.columns.is_some(),
            sampled_rows: records,
            complete: complete && taken == Ok(text.len()),
            inner_table: if single { shape::inner_table(text) } else { None },
            dates: options.dates,
            strict: options.strict,
            max_record_bytes: options.max_record_bytes,
        })
    }

    /// The schema of the whole file. Every column may hold NULL. The metadata tells, under keys
    /// that begin with `json.`, what was inferred and why; `json.hint` says what else could be
    /// wanted, where that is likely.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.column_type.data_type(), true));
        let fields: Vec<Field> = fields.collect();
        SchemaRef::new(Schema::new_with_metadata(fields, self.metadata()))
    }

    /// How the records stand in the document.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The columns, in the order in which their keys first appear.
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

    /// A decoder of the file, from its first byte on.
    ///
    /// `projection` lists the columns wanted, by position and in the order wanted; values of others
    /// are checked, but not built. An empty one gives batches that have rows and no columns. After
    /// `limit` rows the decoder is done. A position that does not exist makes every call of the
    /// decoder fail with [`FormatError::NoSuchColumn`].
    #[must_use]
    pub fn decoder(
        &self,
        projection: Option<&[usize]>,
        limit: Option<u64>,
        size: BatchSize,
    ) -> JsonDecoder {
        JsonDecoder::new(self, projection, limit, size)
    }

    fn metadata(&self) -> HashMap<String, String> {
        let records = match self.shape {
            Shape::Sequence if self.complete && self.sampled_rows == 1 => "one object".to_owned(),
            Shape::Sequence => "objects one after another".to_owned(),
            Shape::Array { within: 0 } => "an array of objects".to_owned(),
            Shape::Array { .. } => format!("the array of objects `{}`", self.path.join(".")),
        };
        let types = format!("inferred from {} rows", self.sampled_rows);
        let hint = self.inner_table.as_ref().map(|key| {
            format!("The one object is one row; path = '{key}' reads the array of objects in it.")
        });
        let entries = [
            ("format", Some("JSON".to_owned())),
            ("json.encoding", Some("UTF-8".to_owned())),
            ("json.records", Some(records)),
            ("json.types", Some(types)),
            ("json.dates", Some(self.dates.to_string())),
            ("json.strict", Some(self.strict.to_string())),
            ("json.hint", hint),
        ];
        let entries = entries.into_iter();
        entries.filter_map(|(key, value)| value.map(|value| (key.to_owned(), value))).collect()
    }
}

/// Takes the records of a sample; where it stopped, and why if not for want of more.
fn survey(
    text: &[u8],
    start: usize,
    shape: Shape,
    options: &JsonOptions,
    sample: &mut Sample,
) -> Result<usize, (usize, Stop)> {
    let (mut place, within) = match shape {
        Shape::Sequence => (Place::Sequence, 0),
        Shape::Array { within } => (Place::First, u64::from(within)),
    };
    let mut at = start;
    while at < LONGEST_SAMPLE || sample.records == 0 {
        let (passed, gap) = place.pass(&text[at..], within);
        at += passed;
        match gap {
            Gap::Open if place.unfinished().is_some() => return Err((at, Stop::Incomplete)),
            Gap::Open => break,
            Gap::Broken(reason) => return Err((at, Stop::Broken { at, reason })),
            Gap::Record if sample.records >= options.sample_rows as u64 => break,
            Gap::Record => {}
        }
        let mut cursor = Cursor::new(&text[at..]);
        sample.add(&mut cursor).map_err(|stop| (at, stop))?;
        at += cursor.at();
        place = place.after_record();
    }
    Ok(at)
}

/// The error for a sample in which no record could be read.
fn stopped(
    stop: Stop,
    text: &[u8],
    complete: bool,
    line: u64,
    options: &JsonOptions,
) -> FormatError {
    let bytes = text.len();
    match stop {
        Stop::Broken { reason, .. } => FormatError::InvalidJson { line, reason: reason.to_owned() },
        Stop::Incomplete if complete => {
            FormatError::InvalidJson { line, reason: "the file ends within it".to_owned() }
        }
        Stop::Incomplete
            if bytes > LONGEST_SAMPLE.min(options.max_record_bytes) && options.path.is_empty() =>
        {
            match shape::inner_table(text) {
                Some(key) => FormatError::NotTable {
                    what: format!("it is one object of more than {bytes} bytes"),
                    hint: format!("With path = '{key}' the objects in that array are its rows."),
                },
                None if bytes > options.max_record_bytes => {
                    FormatError::TooLarge { line, limit: options.max_record_bytes }
                }
                None => FormatError::SampleTooSmall { bytes },
            }
        }
        Stop::Incomplete => FormatError::SampleTooSmall { bytes },
    }
}
