//! One JSON object a row, one row a line; NULL is `null`.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_json::writer::LineDelimited;
use arrow_json::{Writer, WriterBuilder};

use super::RowWriter;
use crate::errors::CliError;

/// Writes JSON lines.
pub(super) struct JsonRows<W: Write> {
    writer: Writer<W, LineDelimited>,
}

impl<W: Write> JsonRows<W> {
    pub(super) fn new(out: W) -> Self {
        Self { writer: WriterBuilder::new().with_explicit_nulls(true).build(out) }
    }
}

impl<W: Write> RowWriter for JsonRows<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError> {
        self.writer.write(batch)?;
        Ok(self.writer.get_mut().flush()?)
    }

    fn finish(&mut self) -> Result<(), CliError> {
        self.writer.finish()?;
        Ok(self.writer.get_mut().flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::samples;

    #[test]
    fn every_row_is_an_object_with_every_column() {
        let mut out = Vec::new();
        let mut rows = JsonRows::new(&mut out);
        rows.write(&samples::weather()).unwrap();
        rows.finish().unwrap();
        drop(rows);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"day\":\"Mon\",\"max\":12.5}\n{\"day\":\"Tue\",\"max\":null}\n"
        );
    }
}
