//! Rows one below the other, a line for each column: for rows too wide for a terminal.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use unicode_width::UnicodeWidthStr;

use super::RowWriter;
use super::table::cells;
use crate::errors::CliError;
use crate::plain::plain;

/// Characters of a value: whoever wants more of it writes it to a file.
const LONGEST: usize = 4_000;

/// Writes rows one below the other.
pub(super) struct ExpandedWriter<W: Write> {
    out: W,
    names: Vec<String>,
    rows: u64,
}

impl<W: Write> ExpandedWriter<W> {
    pub(super) fn new(out: W, schema: &Schema) -> Self {
        let names: Vec<String> =
            schema.fields().iter().map(|field| plain(field.name(), None)).collect();
        let widest = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let padded = names
            .into_iter()
            .map(|name| format!("{name}{}", " ".repeat(widest.saturating_sub(name.width()))))
            .collect();
        Self { out, names: padded, rows: 0 }
    }
}

impl<W: Write> RowWriter for ExpandedWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError> {
        cells(batch, Some(LONGEST), |row| {
            self.rows += 1;
            writeln!(self.out, "-[ row {} ]-", self.rows)?;
            for (name, value) in self.names.iter().zip(row) {
                writeln!(self.out, "{name} | {value}")?;
            }
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<(), CliError> {
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table::samples;

    #[test]
    fn every_row_has_a_line_for_each_column() {
        let mut out = Vec::new();
        let mut rows = ExpandedWriter::new(&mut out, &samples::weather().schema());
        rows.write(&samples::weather()).unwrap();
        rows.finish().unwrap();
        drop(rows);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "-[ row 1 ]-\nday | Mon\nmax | 12.5\n-[ row 2 ]-\nday | Tue\nmax | NULL\n"
        );
    }
}
