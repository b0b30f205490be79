//! Reads bytes the way a caller does, and shows cells as text: for the tests of all formats that are
//! read front to back.

mod decode;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, SchemaRef};
pub(crate) use decode::decode;
use tabular_formats::{FormatError, StreamDecoder, Tally};

/// A file that was read to its end.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) tally: Tally,
}

/// Options as a user gives them.
pub(crate) fn pairs(options: &[(&str, &str)]) -> Vec<(String, String)> {
    options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl Read {
    /// Reads all of it at once.
    pub(crate) fn whole(
        mut decoder: impl StreamDecoder,
        bytes: &[u8],
    ) -> Result<Self, FormatError> {
        let batches = decode(&mut decoder, bytes, &[usize::MAX])?;
        Ok(Self { schema: decoder.schema(), batches, tally: decoder.tally().clone() })
    }

    /// Each column as `name type`.
    pub(crate) fn columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect()
    }

    /// The cells of all rows, fields parted by `|`.
    pub(crate) fn rows(&self) -> Vec<String> {
        rows(&self.batches)
    }

    /// What the schema says was inferred about a key of its metadata, such as `csv.delimiter`.
    pub(crate) fn found(&self, key: &str) -> Option<&str> {
        self.schema.metadata().get(key).map(String::as_str)
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
