//! Columns side by side. Rows are held a page at a time, so that widths are known before the first
//! row is written; later pages keep the widths of the first. On a terminal a line never wraps: wide
//! columns are cut with an ellipsis, and columns that cannot fit at all are named below the table.
//! Elsewhere nothing is cut, so that `less -S` can scroll to the side.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{Field, Schema};
use datasource_sql::NEVER_CUT;
use unicode_width::UnicodeWidthStr;

use super::RowWriter;
use super::fit::{Cut, Wish, fit};
use crate::errors::CliError;
use crate::plain::{cut, plain};

/// Rows of a page.
const PAGE_ROWS: usize = 1_000;

/// Bytes of a page's cells; a page of large cells has fewer rows.
const PAGE_BYTES: usize = 4 << 20;

/// Writes rows as a table.
pub(super) struct TableWriter<W: Write> {
    out: W,
    names: Vec<String>,
    cuts: Vec<Cut>,
    /// The terminal's width; `None` where lines may have any length.
    terminal: Option<usize>,
    /// The widths of the columns shown, once the first page is measured.
    widths: Option<Vec<usize>>,
    page: Vec<Vec<String>>,
    page_bytes: usize,
}

impl<W: Write> TableWriter<W> {
    pub(super) fn new(out: W, schema: &Schema, terminal: Option<usize>) -> Self {
        Self {
            out,
            names: schema.fields().iter().map(|field| plain(field.name(), None)).collect(),
            cuts: schema.fields().iter().map(|field| cut_of(field)).collect(),
            terminal,
            widths: None,
            page: Vec::new(),
            page_bytes: 0,
        }
    }

    fn flush_page(&mut self) -> Result<(), CliError> {
        let first = self.widths.is_none();
        let widths = self.widths.take().unwrap_or_else(|| self.measure());
        if first && !self.names.is_empty() {
            let header = self.line(&self.names, &widths, true);
            let mut rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            if widths.len() < self.names.len() {
                rule.push("-".to_owned());
            }
            writeln!(self.out, "{header}\n-{}-", rule.join("-+-"))?;
        }
        for row in std::mem::take(&mut self.page) {
            let line = self.line(&row, &widths, false);
            writeln!(self.out, "{line}")?;
        }
        self.widths = Some(widths);
        self.page_bytes = 0;
        Ok(self.out.flush()?)
    }

    fn measure(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| name.width()).collect();
        for row in &self.page {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let Some(terminal) = self.terminal else { return widths };
        let wishes: Vec<Wish> = widths
            .iter()
            .zip(&self.cuts)
            .map(|(natural, cut)| Wish { natural: *natural, cut: *cut })
            .collect();
        fit(&wishes, terminal)
    }

    /// One line; the last column is not padded unless it is aligned to the right.
    fn line(&self, cells: &[String], widths: &[usize], header: bool) -> String {
        let mut text = String::from(" ");
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            if index > 0 {
                text.push_str(" | ");
            }
            let cell = match (self.terminal, self.cuts[index]) {
                (Some(_), Cut::Text | Cut::Number) => cut(cell, *width),
                _ => cell.into(),
            };
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if self.cuts[index] == Cut::Number && !header {
                text.push_str(&padding);
                text.push_str(&cell);
            } else {
                text.push_str(&cell);
                text.push_str(&padding);
            }
        }
        if widths.len() < cells.len() {
            text.push_str(" | …");
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Names the columns that did not fit.
    fn left_out(&mut self) -> Result<(), CliError> {
        let shown = self.widths.as_ref().map_or(0, Vec::len);
        let hidden = &self.names[shown.min(self.names.len())..];
        if hidden.is_empty() {
            return Ok(());
        }
        let names = plain(&hidden.join(", "), Some(400));
        writeln!(self.out, "(not shown for lack of room: {names})")?;
        Ok(self.out.flush()?)
    }
}

impl<W: Write> RowWriter for TableWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), CliError> {
        // Nobody can see more of a cell than the terminal is wide.
        let longest = if self.cuts.contains(&Cut::Never) { None } else { self.terminal };
        cells(batch, longest, |row| {
            self.page_bytes += row.iter().map(String::len).sum::<usize>();
            self.page.push(row);
            if self.page.len() >= PAGE_ROWS || self.page_bytes >= PAGE_BYTES {
                self.flush_page()?;
            }
            Ok(())
        })
    }

    fn finish(&mut self) -> Result<(), CliError> {
        if self.widths.is_none() || !self.page.is_empty() {
            self.flush_page()?;
        }
        self.left_out()
    }
}

/// Each row's cells as text on one line.
pub(super) fn cells(
    batch: &RecordBatch,
    longest: Option<usize>,
    mut each: impl FnMut(Vec<String>) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let options = FormatOptions::new().with_null("NULL").with_display_error(true);
    let columns = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        each(columns.iter().map(|column| plain(&column.value(row), longest)).collect())?;
    }
    Ok(())
}

fn cut_of(field: &Field) -> Cut {
    if field.metadata().contains_key(NEVER_CUT) {
        Cut::Never
    } else if field.data_type().is_numeric() {
        Cut::Number
    } else {
        Cut::Text
    }
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

    fn written(batches: &[RecordBatch], terminal: Option<usize>) -> String {
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
            written(&[samples::weather()], None),
            " day | max\n-----+------\n Mon | 12.5\n Tue | NULL\n"
        );
    }

    #[test]
    fn an_empty_answer_has_a_header() {
        let empty = samples::weather().slice(0, 0);
        assert_eq!(written(&[empty], None), " day | max\n-----+-----\n");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(written(&[samples::texts(&["日本", "x"])], None), " text\n------\n 日本\n x\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let shown = written(&[samples::texts(&["a\u{1b}[2Jb\nc"])], Some(80));
        assert_eq!(shown, " text\n------------\n a\\?[2Jb\\nc\n");
    }

    #[test]
    fn long_cells_are_shortened_on_a_terminal_only() {
        let long = "x".repeat(500);
        assert!(written(&[samples::texts(&[&long])], None).contains(&long));
        let shown = written(&[samples::texts(&[&long, "日本日本日本"])], Some(12));
        assert_eq!(shown, " text\n------------\n xxxxxxxxx…\n 日本日本…\n");
    }

    #[test]
    fn columns_that_do_not_fit_are_named_below() {
        let shown = written(&[samples::weather()], Some(9));
        assert_eq!(
            shown,
            " day | …\n-----+---\n Mon | …\n Tue | …\n(not shown for lack of room: max)\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let texts = ["日本語のとても長い文章です", "plain", ""].map(|text| text.repeat(9));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for width in 12..60 {
            let shown = written(&[samples::texts(&texts)], Some(width));
            assert!(shown.lines().all(|line| line.width() <= width), "{width}: {shown}");
        }
    }

    #[test]
    fn later_pages_keep_the_widths_of_the_first() {
        let page: Vec<&str> = vec!["a"; PAGE_ROWS];
        let shown =
            written(&[samples::texts(&page), samples::texts(&["longer than before"])], None);
        assert_eq!(shown.matches("text").count(), 1);
        assert!(shown.ends_with("\n longer than before\n"));
    }
}
