//! Reads a text the way a caller does, and shows its cells as text.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
use tabular_formats::json::{JsonDecoder, JsonFormat, JsonOptions};
use tabular_formats::{BatchSize, FormatError, StreamDecoder, Tally};

/// A file that was read to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) tally: Tally,
}

/// Cuts `bytes` into chunks of these sizes, over and over, and decodes them.
pub(crate) fn decode(
    decoder: &mut JsonDecoder,
    bytes: &[u8],
    chunks: &[usize],
) -> Result<Vec<RecordBatch>, FormatError> {
    let mut batches = Vec::new();
    let mut rest = bytes;
    for size in chunks.iter().cycle() {
        if rest.is_empty() || decoder.done() {
            break;
        }
        let chunk = &rest[..rest.len().min(*size)];
        let taken = decoder.decode(chunk)?;
        let batch = decoder.take_batch()?;
        assert!(taken == chunk.len() || batch.is_some() || decoder.done(), "no progress");
        batches.extend(batch);
        rest = &rest[taken..];
    }
    while let Some(batch) = decoder.finish()? {
        batches.push(batch);
    }
    Ok(batches)
}

pub(crate) fn options(options: &[(&str, &str)]) -> JsonOptions {
    let pairs: Vec<_> = options.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    JsonOptions::from_pairs(&pairs).unwrap_or_else(|error| panic!("{error}"))
}

/// Reads a text as a whole, with options by name.
pub(crate) fn try_read(text: &[u8], by_name: &[(&str, &str)]) -> Result<Read, FormatError> {
    let format = JsonFormat::sniff(text, true, &options(by_name))?;
    let mut decoder = format.decoder(None, None, BatchSize::default());
    let batches = decode(&mut decoder, text, &[usize::MAX])?;
    Ok(Read { schema: decoder.schema(), batches, tally: decoder.tally().clone() })
}

/// The same, of a text that can be read.
pub(crate) fn read(text: &str, options: &[(&str, &str)]) -> Read {
    try_read(text.as_bytes(), options).unwrap_or_else(|error| panic!("{error} {text:?}"))
}

impl Read {
    /// Each column as `name type`.
    pub(crate) fn columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect()
    }

    /// The cells of all rows, fields parted by `|`.
    pub(crate) fn rows(&self) -> Vec<String> {
        rows(&self.batches)
    }

    /// What the schema says was inferred about `key`.
    pub(crate) fn found(&self, key: &str) -> Option<&str> {
        self.schema.metadata().get(&format!("json.{key}")).map(String::as_str)
    }

    /// The warnings as sentences.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.tally.warnings.iter().map(ToString::to_string).collect()
    }
}

/// The cells of all rows, fields parted by `|`.
pub(crate) fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let row = |batch: &RecordBatch, row: usize| {
        let cells: Vec<_> = batch.columns().iter().map(|column| cell(column, row)).collect();
        cells.join("|")
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |at| row(batch, at))).collect()
}

/// A cell as text; numbers of time as Arrow holds them.
fn cell(column: &dyn Array, row: usize) -> String {
    if column.is_null(row) {
        return "NULL".to_owned();
    }
    match column.data_type() {
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => format!("day {}", column.as_primitive::<Date32Type>().value(row)),
        DataType::Time64(_) => {
            format!("µs {}", column.as_primitive::<Time64MicrosecondType>().value(row))
        }
        DataType::Timestamp(_, _) => {
            format!("µs {}", column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => column.as_string::<i32>().value(row).to_owned(),
    }
}
