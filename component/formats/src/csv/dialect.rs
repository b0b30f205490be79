//! How a text is delimited and quoted, and how that is found out: every candidate splits the
//! sample, and the one whose rows agree best and whose cells look best is taken.

use serde::{Deserialize, Serialize};

use super::options::CsvOptions;
use super::scanner::{Irregularity, Row, Scanner, Width};
use super::types::TypeSet;
use super::value;

/// How a quote is written inside quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Escape {
    /// As two quotes.
    Doubled,
    /// As a backslash and a quote; two quotes are understood too.
    Backslash,
}

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Newline {
    /// A line feed; a carriage return before it belongs to the line end.
    Lf,
    /// A carriage return alone.
    Cr,
}

impl Newline {
    /// The byte that ends a line.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Lf => b'\n',
            Self::Cr => b'\r',
        }
    }
}

/// How records and fields are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// Between two fields; nothing where each line is one column.
    pub delimiter: Option<u8>,
    /// Around a field that holds delimiters, quotes or line ends.
    pub quote: Option<u8>,
    /// How a quote is written inside quotes.
    pub escape: Escape,
    /// What ends a line.
    pub newline: Newline,
    /// A line that begins with this byte is a comment.
    pub comment: Option<u8>,
}

/// Candidates in the order of preference, which decides where scores are equal.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const QUOTES: [u8; 2] = [b'"', b'\''];

/// More of the sample than this does not change the outcome, but takes time.
const LONGEST_SAMPLE: usize = 128 * 1024;
/// Rows whose cells are looked at.
const TYPED_ROWS: usize = 256;

/// The dialect that fits the sample best. `complete` says that the sample is the whole file.
///
/// Lines that begin with `#` are left out of the comparison; whether they are comments is decided
/// later, when it is known how many fields a row has.
pub(super) fn detect(sample: &[u8], complete: bool, options: &CsvOptions) -> Dialect {
    // As much as holds a line at least.
    let line = memchr::memchr2(b'\n', b'\r', sample).map_or(sample.len(), |end| end + 2);
    let longest = LONGEST_SAMPLE.max(line);
    let complete = complete && sample.len() <= longest;
    let sample = &sample[..sample.len().min(longest)];
    let mut best: Option<(f64, Dialect)> = None;
    for dialect in candidates(sample, options) {
        let score = score(sample, complete, dialect, options.delimiter.is_some());
        if best.is_none_or(|(highest, _)| score > highest) {
            best = Some((score, dialect));
        }
    }
    let (_, dialect) = best.expect("there is always a candidate");
    Dialect { comment: options.comment.flatten(), ..dialect }
}

/// Every dialect that the options allow and whose bytes occur in the sample.
fn candidates(sample: &[u8], options: &CsvOptions) -> Vec<Dialect> {
    let occurs = |byte: &u8| memchr::memchr(*byte, sample).is_some();
    let delimiters = match options.delimiter {
        Some(delimiter) => vec![delimiter],
        None => {
            // No delimiter comes first: it wins where none makes a second column.
            let found = DELIMITERS.into_iter().filter(occurs).map(Some);
            [None].into_iter().chain(found).collect()
        }
    };
    let quotes: Vec<Option<u8>> = match options.quote {
        Some(quote) => vec![quote],
        None => {
            // Without a double quote in sight they may still come, so that it is no choice of
            // none; single ones are apostrophes more often than not.
            let [double, single] = QUOTES;
            let found = [Some(single), None].into_iter().zip([occurs(&single), occurs(&double)]);
            let found = found.filter(|(_, occurs)| *occurs).map(|(quote, _)| quote);
            [Some(double)].into_iter().chain(found).collect()
        }
    };
    let comment = match options.comment {
        Some(comment) => comment,
        None => {
            has_line(sample, |line| line.first().is_some_and(|byte| *byte != b'#')).then_some(b'#')
        }
    };
    let mut dialects = Vec::new();
    for newline in options.newline.map_or_else(|| newlines(sample), |given| vec![given]) {
        for &quote in &quotes {
            for escape in escapes(sample, quote, options) {
                for &delimiter in &delimiters {
                    dialects.push(Dialect { delimiter, quote, escape, newline, comment });
                }
            }
        }
    }
    dialects
}

fn has_line(sample: &[u8], wanted: impl Fn(&[u8]) -> bool) -> bool {
    sample.split(|byte| matches!(byte, b'\n' | b'\r')).any(wanted)
}

/// Only what occurs; both where carriage returns stand alone beside line feeds.
fn newlines(sample: &[u8]) -> Vec<Newline> {
    let line_feed = memchr::memchr(b'\n', sample).is_some();
    // The last byte may be the first half of a CRLF.
    let alone = sample.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n');
    match (line_feed, alone) {
        (false, true) => vec![Newline::Cr],
        (true, true) => vec![Newline::Lf, Newline::Cr],
        (_, false) => vec![Newline::Lf],
    }
}

fn escapes(sample: &[u8], quote: Option<u8>, options: &CsvOptions) -> Vec<Escape> {
    match (options.escape, quote) {
        (Some(escape), _) => vec![escape],
        (None, Some(quote)) if memchr::memmem::find(sample, &[b'\\', quote]).is_some() => {
            vec![Escape::Doubled, Escape::Backslash]
        }
        (None, _) => vec![Escape::Doubled],
    }
}

/// How well a dialect fits: the product of how many rows have the usual number of fields, how good
/// the cells look, how much of the sample is in complete records and how many rows are well
/// quoted, with a mild preference for more columns.
///
/// `told` says that the delimiter was given, so that it need not make columns.
fn score(sample: &[u8], complete: bool, dialect: Dialect, told: bool) -> f64 {
    /// What one column is worth: a text without delimiters is a table of one column, and so is
    /// prose with a comma here and there.
    const ONE_COLUMN: f64 = 0.08;
    /// For each line above the table that has but one field, and for one that holds another
    /// delimiter: that may well be the header of a table parted by it.
    const TITLE: f64 = 0.9;
    const HEADER: f64 = 0.6;
    /// For single quotes.
    const APOSTROPHE: f64 = 0.85;

    let mut scanner = Scanner::new(dialect, Width::Any);
    scanner.scan(sample, usize::MAX);
    if complete {
        scanner.finish();
    }
    let rows: Vec<Row> = scanner.rows().iter().copied().filter(|row| row.fields > 0).collect();
    let Some(usual) = usual_fields(rows.iter().map(|row| row.fields)) else { return 0.0 };
    let titles = match usual {
        1 => 0,
        _ => rows.iter().take_while(|row| row.fields == 1).count().min(rows.len() / 2),
    };
    let table = &rows[titles..];
    let agreeing = table.iter().filter(|row| row.fields == usual).count();
    let agreement = ratio(agreeing, table.len());
    let misquoted = scanner.irregular().iter().filter(|i| is_misquoted(i.kind)).count();
    let well_quoted = 1.0 - ratio(misquoted.min(rows.len()), rows.len());
    let covered = ratio(scanner.complete(), sample.len());
    let looks = looks(sample, &scanner, table, dialect);
    let columns = match usual {
        1 if dialect.delimiter.is_none() || told => ONE_COLUMN,
        1 => 0.0,
        _ => f64::from(usual) / f64::from(usual + 1) * agreement.powi(3),
    };
    let titled = rows[..titles].iter().map(|row| {
        let line = &sample[row.start as usize..row.next as usize];
        if line.iter().any(|byte| DELIMITERS.contains(byte)) { HEADER } else { TITLE }
    });
    let titled: f64 = titled.product();
    let usual_quote = if dialect.quote == Some(QUOTES[1]) { APOSTROPHE } else { 1.0 };
    columns * looks * covered * well_quoted.powi(2) * titled * usual_quote
}

fn is_misquoted(kind: Irregularity) -> bool {
    matches!(kind, Irregularity::TextAfterQuote | Irregularity::NotClosed)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a sample are small")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The most frequent number of fields; the larger of two that are equally frequent.
pub(super) fn usual_fields(fields: impl Iterator<Item = u32>) -> Option<u32> {
    let mut counts = std::collections::BTreeMap::<u32, usize>::new();
    for count in fields {
        *counts.entry(count).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, frequency)| *frequency).map(|(fields, _)| fields)
}

/// The average over the first rows' cells of how much each looks like a value of its own.
///
/// A line end without quotes around it says that lines end otherwise.
fn looks(sample: &[u8], scanner: &Scanner, rows: &[Row], dialect: Dialect) -> f64 {
    const TORN: f64 = 0.1;
    let (mut sum, mut cells) = (0.0, 0_usize);
    let mut scratch = Vec::new();
    for row in rows.iter().take(TYPED_ROWS) {
        for cell in value::fields(sample, scanner.stops(), *row) {
            let (text, quoted) = value::text(cell, &dialect, &mut scratch);
            let torn = !quoted && memchr::memchr2(b'\n', b'\r', text).is_some();
            sum += if torn { TORN } else { look(text, dialect) };
            cells += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a sample are small")]
    let average = sum / cells.max(1) as f64;
    average
}

/// From 0 to 1: typed values are what a right split gives, quotes and delimiters left over in a
/// cell are what a wrong one gives.
fn look(cell: &[u8], dialect: Dialect) -> f64 {
    let trimmed = cell.trim_ascii();
    let (Some(first), Some(last)) = (trimmed.first(), trimmed.last()) else { return 0.7 };
    if QUOTES.contains(first) || QUOTES.contains(last) {
        return 0.1;
    }
    let holds =
        |byte: u8| dialect.delimiter != Some(byte) && memchr::memchr(byte, trimmed).is_some();
    if holds(b';') || holds(b'\t') {
        return 0.2;
    }
    if holds(b'|') {
        return 0.4;
    }
    if TypeSet::of(trimmed) != TypeSet::TEXT || is_figure(trimmed) {
        return 1.0;
    }
    if holds(b',') { 0.7 } else { 0.8 }
}

/// Numbers, dates and times as people write them: `1.234,50`, `13/02/2024`, `12 %`.
fn is_figure(cell: &[u8]) -> bool {
    cell.iter().any(u8::is_ascii_digit)
        && cell.iter().all(|byte| byte.is_ascii_digit() || b" .,:/%+-$()".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Escape, Newline, detect};
    use crate::csv::CsvOptions;

    fn found(text: &str) -> Dialect {
        detect(text.as_bytes(), true, &CsvOptions::default())
    }

    fn delimiter(text: &str) -> char {
        found(text).delimiter.map_or('-', char::from)
    }

    #[test]
    fn each_delimiter_is_found() {
        assert_eq!(delimiter("a,b,c\n1,2,3\n"), ',');
        assert_eq!(delimiter("a;b;c\n1;2;3\n"), ';');
        assert_eq!(delimiter("a\tb\tc\n1\t2\t3\n"), '\t');
        assert_eq!(delimiter("a|b|c\n1|2|3\n"), '|');
    }

    #[test]
    fn commas_in_numbers_do_not_hide_semicolons() {
        assert_eq!(delimiter("x;y\n1,5;2,5\n3,25;4,75\n"), ';');
        assert_eq!(delimiter("name;a;b\nx;1,5;2\ny;3;4,5\n"), ';');
        assert_eq!(delimiter("1,5;2,5\n3,25;4,75\n"), ';');
    }

    #[test]
    fn commas_in_text_do_not_hide_tabs() {
        assert_eq!(delimiter("name\tage\nDoe, John\t41\nRoe, Jane\t39\n"), '\t');
    }

    #[test]
    fn lists_inside_cells_do_not_hide_commas() {
        let text = "title,tags\nA,x|y|z\nB,p|q|r\nC,k|l|m\n";
        assert_eq!(delimiter(text), ',');
    }

    #[test]
    fn prose_is_one_column() {
        let text = "It rained, and then\nit stopped.\nWe went, slowly, home.\nNothing else\n\
                    happened that day\nbut one thing; a letter came.\n";
        assert_eq!(delimiter(text), '-');
        assert_eq!(delimiter("comment\nFine\nGood, but slow\nBad\nBad\n"), '-');
    }

    #[test]
    fn delimiters_and_line_ends_inside_quotes_do_not_count() {
        let text = "a;b\n\"1,2,3\";\"x\ny\"\n\"4,5,6\";\"z\"\n";
        assert_eq!(delimiter(text), ';');
        assert_eq!(found(text).quote, Some(b'"'));
    }

    #[test]
    fn single_quotes_quote_only_where_they_pair() {
        assert_eq!(found("a,b\n'x, y',1\n'z',2\n").quote, Some(b'\''));
        assert_eq!(found("a,b\n'tis,1\nit's,2\n'twas,3\n").quote, Some(b'"'));
        assert_eq!(found("a,b\nO'Neil,1\n'Quoted',2\nD'Arcy,3\n").quote, Some(b'"'));
        assert_eq!(found("a,b\nx,1\n").quote, Some(b'"'));
    }

    #[test]
    fn inch_signs_are_no_quotes() {
        let dialect = found("size,n\n5\" pipe,1\n7\" pipe,2\n");
        assert_eq!(dialect.delimiter, Some(b','));
    }

    #[test]
    fn a_backslash_escapes_only_where_that_pairs_the_quotes() {
        assert_eq!(found("a,b\n\"say \\\"hi\\\", she\",1\n").escape, Escape::Backslash);
        assert_eq!(found("a,b\n\"C:\\\",1\n\"D:\\\",2\n").escape, Escape::Doubled);
        assert_eq!(found("a,b\n\"say \"\"hi\"\"\",1\n").escape, Escape::Doubled);
    }

    #[test]
    fn line_ends_are_lf_crlf_or_cr() {
        assert_eq!(found("a,b\n1,2\n").newline, Newline::Lf);
        assert_eq!(found("a,b\r\n1,2\r\n").newline, Newline::Lf);
        assert_eq!(found("a,b\r1,2\r").newline, Newline::Cr);
        assert_eq!(found("a,b\r1,\"x\ny\"\r3,4\r5,6\r").newline, Newline::Cr);
        assert_eq!(found("a,b\n1,\"x\ry\"\n3,\"z\rw\"\n").newline, Newline::Lf);
    }

    #[test]
    fn options_leave_no_choice() {
        let options =
            CsvOptions { delimiter: Some(Some(b'x')), quote: Some(None), ..Default::default() };
        let dialect = detect(b"a,b\n\"1\",2\n", true, &options);
        assert_eq!((dialect.delimiter, dialect.quote), (Some(b'x'), None));
    }
}
