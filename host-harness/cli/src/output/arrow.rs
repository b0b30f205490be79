//! An Arrow IPC stream.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;

use super::RowWriter;
use crate::errors::CliError;

/// Writes an Arrow IPC stream.
pub(super) struct ArrowRows<W: Write> {
    writer: StreamWriter<W>,
}

impl<W: Write> ArrowRows<W> {
    pub(super) fn new(out: W, schema: &SchemaRef) -> Result<Self, CliError> {
        Ok(Self { writer: StreamWriter::try_new(out, schema)? })
    }
}

impl<W: Write> RowWriter for ArrowRows<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError> {
        self.writer.write(batch)?;
        Ok(self.writer.flush()?)
    }

    fn finish(&mut self) -> Result<(), CliError> {
        self.writer.finish()?;
        Ok(self.writer.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::samples;
    use arrow_ipc::reader::StreamReader;

    #[test]
    fn the_stream_reads_back() {
        let batch = samples::weather();
        let mut out = Vec::new();
        let mut rows = ArrowRows::new(&mut out, &batch.schema()).unwrap();
        rows.write(&batch).unwrap();
        rows.finish().unwrap();
        drop(rows);
        let read: Vec<_> = StreamReader::try_new(out.as_slice(), None).unwrap().collect();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].as_ref().unwrap(), &batch);
    }
}
