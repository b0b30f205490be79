//! Columns side by side. Rows are held a page at a time, so that widths are known before the first
//! row is written; later pages keep the widths of the first.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Schema};
use unicode_width::UnicodeWidthStr;

use super::RowWriter;
use crate::errors::CliError;
use crate::plain::plain;

/// Rows of a page.
const PAGE_ROWS: usize = 1_000;

/// Bytes of a page's cells; a page of large cells has fewer rows.
const PAGE_BYTES: usize = 4 << 20;

/// Characters of a cell on a terminal.
const TERMINAL_CELL: usize = 60;

/// Writes rows as a table.
pub(super) struct TableWriter<W: Write> {
    out: W,
    names: Vec<String>,
    right: Vec<bool>,
    /// The longest cell shown, in columns of the terminal; `None` for all of it.
    longest: Option<usize>,
    widths: Option<Vec<usize>>,
    page: Vec<Vec<String>>,
    page_bytes: usize,
}

impl<W: Write> TableWriter<W> {
    pub(super) fn new(out: W, schema: &Schema, terminal: bool) -> Self {
        Self {
            out,
            names: schema.fields().iter().map(|field| plain(field.name(), None)).collect(),
            right: schema.fields().iter().map(|field| is_number(field.data_type())).collect(),
            longest: terminal.then_some(TERMINAL_CELL),
            widths: None,
            page: Vec::new(),
            page_bytes: 0,
        }
    }

    fn flush_page(&mut self) -> Result<(), CliError> {
        let first = self.widths.is_none();
        let widths = self.widths.take().unwrap_or_else(|| self.measure());
        if first && !self.names.is_empty() {
            let header = line(&self.names, &widths, &vec![false; self.names.len()], " | ");
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(self.out, "{header}\n-{}-", rule.join("-+-"))?;
        }
        for row in self.page.drain(..) {
            writeln!(self.out, "{}", line(&row, &widths, &self.right, " | "))?;
        }
        self.widths = Some(widths);
        self.page_bytes = 0;
        Ok(self.out.flush()?)
    }

    /// The width of each column over its name and the page's cells.
    fn measure(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
        for row in &self.page {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        widths
    }
}

impl<W: Write> RowWriter for TableWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError> {
        let options = FormatOptions::new().with_null("NULL").with_display_error(true);
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|column| plain(&column.value(row), self.longest)).collect();
            self.page_bytes += cells.iter().map(String::len).sum::<usize>();
            self.page.push(cells);
            if self.page.len() >= PAGE_ROWS || self.page_bytes >= PAGE_BYTES {
                self.flush_page()?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CliError> {
        if self.widths.is_none() || !self.page.is_empty() {
            self.flush_page()?;
        }
        Ok(())
    }
}

/// One line; the last column is not padded unless it is aligned to the right.
fn line(cells: &[String], widths: &[usize], right: &[bool], separator: &str) -> String {
    let mut text = String::from(" ");
    for (index, cell) in cells.iter().enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        let padding = " ".repeat(widths[index].saturating_sub(cell.width()));
        if right[index] {
            text.push_str(&padding);
            text.push_str(cell);
        } else {
            text.push_str(cell);
            text.push_str(&padding);
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Batches for the tests of all formats.
#[cfg(test)]
pub(super) mod samples {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};

    pub(in crate::output) fn weather() -> RecordBatch {
        let day: ArrayRef = Arc::new(StringArray::from(vec!["Mon", "Tue"]));
        let max: ArrayRef = Arc::new(Float64Array::from(vec![Some(12.5), None]));
        RecordBatch::try_from_iter_with_nullable([("day", day, false), ("max", max, true)]).unwrap()
    }

    pub(in crate::output) fn texts(values: &[&str]) -> RecordBatch {
        let text: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
        RecordBatch::try_from_iter([("text", text)]).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(batches: &[RecordBatch], terminal: bool) -> String {
        let mut out = Vec::new();
        let mut table = TableWriter::new(&mut out, &batches[0].schema(), terminal);
        batches.iter().for_each(|batch| table.write(batch).unwrap());
        table.finish().unwrap();
        drop(table);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_line_up_and_numbers_stand_right() {
        assert_eq!(
            written(&[samples::weather()], false),
            " day | max\n-----+------\n Mon | 12.5\n Tue | NULL\n"
        );
    }

    #[test]
    fn an_empty_answer_has_a_header() {
        let empty = samples::weather().slice(0, 0);
        assert_eq!(written(&[empty], false), " day | max\n-----+-----\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(written(&[samples::texts(&["日本", "x"])], false), " text\n------\n 日本\n x\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let shown = written(&[samples::texts(&["a\u{1b}[2Jb\nc"])], true);
        assert_eq!(shown, " text\n------------\n a\\?[2Jb\\nc\n");
    }

    #[test]
    fn long_cells_are_shortened_on_a_terminal_only() {
        let long = "x".repeat(500);
        assert!(written(&[samples::texts(&[&long])], false).contains(&long));
        assert!(
            written(&[samples::texts(&[&long])], true).contains(&format!("{}…\n", "x".repeat(60)))
        );
    }

    #[test]
    fn later_pages_keep_the_widths_of_the_first() {
        let page: Vec<&str> = vec!["a"; PAGE_ROWS];
        let shown =
            written(&[samples::texts(&page), samples::texts(&["longer than before"])], false);
        assert_eq!(shown.matches("text").count(), 1);
        assert!(shown.ends_with("\n longer than before\n"));
    }
}
