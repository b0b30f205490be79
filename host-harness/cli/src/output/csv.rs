//! Comma-separated values with a header; NULL is an empty field.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_csv::{Writer, WriterBuilder};
use arrow_schema::SchemaRef;

use super::RowWriter;
use crate::errors::CliError;

/// Writes CSV.
pub(super) struct CsvRows<W: Write> {
    writer: Writer<W>,
    schema: SchemaRef,
    begun: bool,
}

impl<W: Write> CsvRows<W> {
    pub(super) fn new(out: W, schema: SchemaRef) -> Self {
        Self { writer: WriterBuilder::new().with_header(true).build(out), schema, begun: false }
    }
}

impl<W: Write> RowWriter for CsvRows<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError> {
        self.begun = true;
        Ok(self.writer.write(batch)?)
    }

    fn finish(&mut self) -> Result<(), CliError> {
        // arrow-csv writes the header with the first batch, and an answer may have none.
        if !self.begun {
            self.write(&RecordBatch::new_empty(self.schema.clone()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::samples;

    fn written(batches: &[RecordBatch]) -> String {
        let mut out = Vec::new();
        let mut rows = CsvRows::new(&mut out, samples::weather().schema());
        batches.iter().for_each(|batch| rows.write(batch).unwrap());
        rows.finish().unwrap();
        drop(rows);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_header_comes_once() {
        assert_eq!(
            written(&[samples::weather(), samples::weather()]),
            "day,max\nMon,12.5\nTue,\nMon,12.5\nTue,\n"
        );
    }

    #[test]
    fn an_empty_answer_has_a_header() {
        assert_eq!(written(&[]), "day,max\n");
    }
}
