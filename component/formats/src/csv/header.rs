//! Where the table begins in a sample, whether its first row names the columns, how wide it is and
//! what its columns are called.

use serde::{Deserialize, Serialize};

use super::dialect::{Dialect, usual_fields};
use super::options::{CsvOptions, Header};
use super::scanner::{Row, Scanner, Width};
use super::types::{ColumnType, Evidence, TypeSet};
use super::{nulls::NullTokens, value};
use crate::column_names;

/// Why the first row is taken as names, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderReason {
    /// The option says that it names the columns.
    Told,
    /// The option says that it does not.
    ToldNone,
    /// Its texts stand above columns of another type.
    Differs,
    /// All columns are text.
    AllText,
    /// Its values are like those below.
    Alike,
    /// It is the only row, and not all of it is text.
    OnlyValues,
}

impl HeaderReason {
    /// Whether the first row names the columns.
    pub(super) fn is_header(self) -> bool {
        matches!(self, Self::Told | Self::Differs | Self::AllText)
    }

    /// For people: yes or no, and why.
    pub(super) fn explain(self) -> &'static str {
        match self {
            Self::Told => "yes (option)",
            Self::ToldNone => "no (option)",
            Self::Differs => "yes (its texts stand above columns of another type)",
            Self::AllText => "yes (assumed, since every column is text)",
            Self::Alike => "no (the first row is like the others)",
            Self::OnlyValues => "no (the only row holds values)",
        }
    }
}

/// The records of a sample.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
    stops: Vec<u32>,
    /// Blank lines are rows without fields.
    rows: Vec<Row>,
}

impl<'a> Records<'a> {
    pub(super) fn of(bytes: &'a [u8], complete: bool, dialect: Dialect) -> Self {
        let mut scanner = Scanner::new(dialect, Width::Any);
        scanner.scan(bytes, usize::MAX);
        if complete {
            scanner.finish();
        }
        let (stops, rows) = (scanner.stops().to_vec(), scanner.rows().to_vec());
        Self { bytes, dialect, stops, rows }
    }

    /// The rows that are not blank, with their positions among all.
    fn filled(&self) -> Vec<(usize, Row)> {
        self.rows.iter().copied().enumerate().filter(|(_, row)| row.fields > 0).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.iter().all(|row| row.fields == 0)
    }

    /// Calls `each` with the number and the text of each field of a row, and whether it was quoted.
    fn cells(&self, row: Row, mut each: impl FnMut(usize, &[u8], bool)) {
        let mut scratch = Vec::new();
        for (number, field) in value::fields(self.bytes, &self.stops, row).enumerate() {
            let (text, quoted) = value::text(field, &self.dialect, &mut scratch);
            each(number, text, quoted);
        }
    }
}

/// What was found out about a table.
pub(super) struct Layout {
    /// Where the first row of data begins in the sample.
    pub(super) data_offset: usize,
    /// Where the table begins, with its header if it has one.
    pub(super) table_offset: usize,
    /// Whether the first row names the columns, and why.
    pub(super) header: HeaderReason,
    /// Names and types of the columns, and whether no row has a value in them.
    pub(super) columns: Vec<(String, ColumnType, bool)>,
    /// How many rows the types were inferred from.
    pub(super) sampled_rows: usize,
}

/// Finds table, header, names and types among the records. There must be a row.
pub(super) fn layout(records: &Records<'_>, options: &CsvOptions, nulls: &NullTokens) -> Layout {
    let filled = records.filled();
    let preamble = match options.skip {
        Some(_) => 0,
        None => preamble(records, &filled, options, nulls),
    };
    let table: Vec<Row> = filled[preamble..].iter().map(|(_, row)| *row).collect();
    let (first, data) = table.split_first().expect("the preamble leaves a row");
    let below = Inferred::of(records, data, width_of(data, *first), options, nulls);
    let header = header(records, *first, &below, options, nulls);
    let (width, data_offset, inferred) = if header.is_header() {
        (width_of(data, *first), first.next, below)
    } else {
        let width = usual_fields(table.iter().map(|row| row.fields)).unwrap_or(1) as usize;
        (width, first.start, Inferred::of(records, &table, width, options, nulls))
    };
    let names = names(records, header.is_header().then_some(*first), width);
    let types = inferred.types().into_iter().zip(inferred.empty());
    Layout {
        data_offset: data_offset as usize,
        table_offset: first.start as usize,
        header,
        columns: names
            .into_iter()
            .zip(types)
            .map(|(name, (of, empty))| (name, of, empty))
            .collect(),
        sampled_rows: inferred.rows,
    }
}

/// The width of a table below a header: the header's, unless most rows have more fields.
fn width_of(data: &[Row], header: Row) -> usize {
    let header = header.fields;
    let usual = usual_fields(data.iter().map(|row| row.fields)).unwrap_or(header);
    let wide = data.iter().filter(|row| row.fields == usual).count() * 2 > data.len();
    if wide { header.max(usual) as usize } else { header as usize }
}

/// How many of the first rows clearly do not belong to the table.
///
/// They have fewer fields than usual, and a blank line parts them from the table, or each of them
/// is one text above a table that is wider than a name and a first name, or they stand above a row
/// that is a header by the types below it.
fn preamble(
    records: &Records<'_>,
    filled: &[(usize, Row)],
    options: &CsvOptions,
    nulls: &NullTokens,
) -> usize {
    let Some(usual) = usual_fields(filled.iter().map(|(_, row)| row.fields)) else { return 0 };
    let narrow = filled.iter().take_while(|(_, row)| row.fields < usual).count();
    if narrow == 0 || narrow == filled.len() {
        return 0;
    }
    let parted = |at: usize| filled[at].0 + 1 < filled[at + 1].0;
    let parted = (0..narrow).rev().find(|at| parted(*at)).map_or(0, |at| at + 1);
    let rest = &filled[parted..narrow];
    let titles = rest.iter().all(|(_, row)| row.fields == 1) && (usual >= 3 || rest.len() >= 2);
    if titles {
        return narrow;
    }
    let headed = || {
        let (first, data) = (filled[narrow].1, &filled[narrow + 1..]);
        let data: Vec<Row> = data.iter().map(|(_, row)| *row).collect();
        let below = Inferred::of(records, &data, usual as usize, options, nulls);
        header(records, first, &below, options, nulls) == HeaderReason::Differs
    };
    let short = rest.iter().all(|(_, row)| row.fields * 2 <= usual);
    if short && headed() { narrow } else { parted }
}

/// Whether `first` names the columns of the rows below it.
fn header(
    records: &Records<'_>,
    first: Row,
    below: &Inferred,
    options: &CsvOptions,
    nulls: &NullTokens,
) -> HeaderReason {
    match options.header {
        Header::Yes => return HeaderReason::Told,
        Header::No => return HeaderReason::ToldNone,
        Header::Auto => {}
    }
    let types = below.inferred();
    let (mut differs, mut values, mut words) = (false, 0, 0);
    records.cells(first, |number, cell, quoted| {
        let cell = cell.trim_ascii();
        let found = TypeSet::of(cell);
        let word = is_word(cell) && !nulls.is_null(cell, quoted);
        values += usize::from(found != TypeSet::TEXT || (!cell.is_empty() && !is_word(cell)));
        words += usize::from(word && found == TypeSet::TEXT);
        differs |= word && types.get(number).is_some_and(|of| !found.has(*of));
    });
    let all_text = types.iter().all(|of| *of == ColumnType::Varchar);
    match (differs, all_text) {
        (true, _) => HeaderReason::Differs,
        (false, false) => HeaderReason::Alike,
        (false, true) if below.rows == 0 && (values > 0 || words == 0) => HeaderReason::OnlyValues,
        (false, true) if values > words => HeaderReason::Alike,
        (false, true) => HeaderReason::AllText,
    }
}

/// Whether a text can be a name: `00501` or `13/02/2024` above numbers or dates is but a value
/// written in another way.
fn is_word(cell: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    !cell.is_empty() && (cell.iter().any(letter) || !cell.iter().any(u8::is_ascii_digit))
}

/// What the cells of some rows say about the columns' types.
struct Inferred {
    evidence: Vec<Evidence>,
    rows: usize,
    all_varchar: bool,
}

impl Inferred {
    fn of(
        records: &Records<'_>,
        rows: &[Row],
        width: usize,
        options: &CsvOptions,
        nulls: &NullTokens,
    ) -> Self {
        let mut evidence = vec![Evidence::NONE; width];
        let rows = &rows[..rows.len().min(options.sample_rows)];
        for row in rows {
            records.cells(*row, |number, cell, quoted| {
                if let Some(column) = evidence.get_mut(number)
                    && !cell.trim_ascii().is_empty()
                    && !nulls.is_null(cell, quoted)
                {
                    column.add(cell);
                }
            });
        }
        Self { evidence, rows: rows.len(), all_varchar: options.all_varchar }
    }

    /// The types that the cells show.
    fn inferred(&self) -> Vec<ColumnType> {
        self.evidence.iter().map(|column| column.column_type()).collect()
    }

    /// Whose type says nothing, since no row has a value.
    fn empty(&self) -> impl Iterator<Item = bool> {
        self.evidence.iter().map(|column| column.is_empty() && !self.all_varchar)
    }

    /// The types that the columns get.
    fn types(&self) -> Vec<ColumnType> {
        if self.all_varchar {
            vec![ColumnType::Varchar; self.evidence.len()]
        } else {
            self.inferred()
        }
    }
}

/// The names of `width` columns: those of the header without spaces around them, `columnN` where
/// there is none, and `_1`, `_2` after those that an earlier column has, in any case.
fn names(records: &Records<'_>, header: Option<Row>, width: usize) -> Vec<String> {
    let mut names = vec![String::new(); width];
    if let Some(row) = header {
        records.cells(row, |number, cell, _| {
            if let Some(name) = names.get_mut(number) {
                String::from_utf8_lossy(cell).trim().clone_into(name);
            }
        });
    }
    let digits = width.saturating_sub(1).to_string().len();
    for (number, name) in names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()) {
        *name = format!("column{number:0digits$}");
    }
    column_names::make_unique(&mut names);
    names
}

/// The comment character of a text whose records, without the lines that begin with `#`, are
/// split by `dialect`; and whether such lines stand only above the table, where they are part of
/// the preamble.
///
/// `#` begins comments if no such line could be a row: it has another number of fields, or a space
/// or another `#` follows. In a text of one column that is never clear, except above the table.
pub(super) fn comments(bytes: &[u8], complete: bool, dialect: Dialect) -> Comments {
    const MARK: u8 = b'#';
    if !bytes.split(|byte| *byte == dialect.newline.byte()).any(|line| line.starts_with(&[MARK])) {
        return Comments::None;
    }
    let without = Records::of(bytes, complete, Dialect { comment: Some(MARK), ..dialect });
    let Some(usual) = usual_fields(without.filled().iter().map(|(_, row)| row.fields)) else {
        return Comments::None;
    };
    let with = Records::of(bytes, complete, Dialect { comment: None, ..dialect });
    let marked = |row: &Row| bytes[row.start as usize] == MARK;
    let spoken = |row: &Row| {
        matches!(bytes.get(row.start as usize + 1), None | Some(b' ' | b'#' | b'!' | b'\r' | b'\n'))
    };
    let filled = with.filled();
    let comment_like = |row: &Row| spoken(row) || (usual > 1 && row.fields != usual);
    if !filled.iter().map(|(_, row)| row).filter(|row| marked(row)).all(comment_like) {
        return Comments::None;
    }
    let above = filled.iter().take_while(|(_, row)| marked(row)).count();
    let all = filled.iter().filter(|(_, row)| marked(row)).count();
    match (above == all, usual) {
        (true, _) => Comments::Above(MARK),
        (false, 1) => Comments::None,
        (false, _) => Comments::Anywhere(MARK),
    }
}

/// Where comment lines stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// Nowhere.
    None,
    /// Only above the table.
    Above(u8),
    /// Between its rows, too.
    Anywhere(u8),
}
