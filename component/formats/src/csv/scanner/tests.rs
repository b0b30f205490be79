//! What the scanner promises, and that its two ways of scanning agree.

use proptest::prelude::*;

use super::{Irregular, Irregularity, MISSING, Row, Scanner, Width};
use crate::csv::dialect::{Dialect, Escape, Newline};

const DIALECT: Dialect = Dialect {
    delimiter: Some(b','),
    quote: Some(b'"'),
    escape: Escape::Doubled,
    newline: Newline::Lf,
    comment: None,
};

fn scanned(text: &str, dialect: Dialect, width: Width) -> Scanner {
    let mut scanner = Scanner::new(dialect, width);
    scanner.scan(text.as_bytes(), usize::MAX);
    scanner.finish();
    scanner
}

/// The raw fields of each row; `-` where a field is missing.
fn fields<'a>(text: &'a str, scanner: &Scanner) -> Vec<Vec<&'a str>> {
    let ends = scanner.rows().iter().skip(1).map(|row| row.first as usize);
    let ends: Vec<usize> = ends.chain([scanner.stops().len()]).collect();
    let rows = scanner.rows().iter().zip(ends);
    let split = |(row, end): (&Row, usize)| {
        let mut start = row.start as usize;
        let stops = scanner.stops()[row.first as usize..end].iter();
        let field = |stop: &u32| {
            let field = if *stop == MISSING { "-" } else { &text[start..*stop as usize] };
            start = (*stop).wrapping_add(1) as usize;
            field
        };
        stops.map(field).collect()
    };
    rows.map(split).collect()
}

fn split(text: &str) -> Vec<Vec<&str>> {
    fields(text, &scanned(text, DIALECT, Width::Any))
}

#[test]
fn records_end_at_lf_crlf_or_the_end_of_the_file() {
    let rows = [["a", "b"], ["c", "d"]];
    for text in ["a,b\nc,d\n", "a,b\nc,d", "a,b\r\nc,d\r\n", "a,b\r\nc,d", "a,b\nc,d\r"] {
        assert_eq!(split(text), rows, "{text:?}");
    }
    let cr = Dialect { newline: Newline::Cr, ..DIALECT };
    let text = "a,b\rc,d\r";
    assert_eq!(fields(text, &scanned(text, cr, Width::Any)), rows);
}

#[test]
fn a_carriage_return_within_a_line_is_a_byte_like_others() {
    assert_eq!(split("a\rb,\r\n"), [["a\rb", ""]]);
}

#[test]
fn quoted_delimiters_line_ends_and_quotes_do_not_separate() {
    assert_eq!(split("\"a,b\",c\n"), [["\"a,b\"", "c"]]);
    assert_eq!(split("\"a\nb\",c\n"), [["\"a\nb\"", "c"]]);
    assert_eq!(split("\"a\"\",\"\"b\",c\n"), [["\"a\"\",\"\"b\"", "c"]]);
    assert_eq!(split("a,  \"b,c\"  \n"), [["a", "  \"b,c\"  "]]);
}

#[test]
fn a_quote_within_an_unquoted_field_is_text() {
    assert_eq!(split("5\" pipe,6\" pipe\n"), [["5\" pipe", "6\" pipe"]]);
}

#[test]
fn text_after_a_closing_quote_belongs_to_the_field_and_is_noted() {
    let scanner = scanned("\"a\"b\"c,\"d\"\n", DIALECT, Width::Any);
    assert_eq!(scanner.rows()[0].fields, 2);
    let kind = Irregularity::TextAfterQuote;
    assert_eq!(scanner.irregular(), [Irregular { row: 0, kind }]);
}

#[test]
fn a_quote_that_is_not_closed_takes_the_rest_and_is_noted() {
    let text = "a,\"b\nc,d\n";
    let scanner = scanned(text, DIALECT, Width::Any);
    assert_eq!(fields(text, &scanner), [["a", "\"b\nc,d\n"]]);
    assert_eq!(scanner.irregular()[0].kind, Irregularity::NotClosed);
}

#[test]
fn a_backslash_escapes_a_quote_only_inside_quotes_and_where_told() {
    let backslash = Dialect { escape: Escape::Backslash, ..DIALECT };
    let text = "\"a\\\",b\",\\\"c\n";
    assert_eq!(fields(text, &scanned(text, backslash, Width::Any)), [["\"a\\\",b\"", "\\\"c"]]);
}

#[test]
fn rows_are_brought_to_the_width_of_the_table() {
    let text = "a,b\nc\n\nd,e,f\n";
    let scanner = scanned(text, DIALECT, Width::Fixed(2));
    assert_eq!(fields(text, &scanner), [["a", "b"], ["c", "-"], ["d", "e"]]);
    let kinds: Vec<_> = scanner.irregular().iter().map(|i| (i.row, i.kind)).collect();
    assert_eq!(kinds, [(1, Irregularity::Short(1)), (2, Irregularity::Long(3))]);
}

#[test]
fn a_blank_line_is_a_row_only_where_there_is_one_column() {
    let text = "a\n\r\n\nb\n";
    let scanner = scanned(text, DIALECT, Width::Fixed(1));
    assert_eq!(fields(text, &scanner), [["a"], [""], [""], ["b"]]);
}

#[test]
fn comment_lines_are_passed_over_with_the_quotes_in_them() {
    let commented = Dialect { comment: Some(b'#'), ..DIALECT };
    let text = "# a,\"b\nc,d\n#\ne,#f\n# end";
    let scanner = scanned(text, commented, Width::Fixed(2));
    assert_eq!(fields(text, &scanner), [["c", "d"], ["e", "#f"]]);
    assert_eq!(scanner.comments(), Some((3, 0)));
}

#[test]
fn a_record_of_a_million_fields_takes_no_room_for_them() {
    let mut scanner = Scanner::new(DIALECT, Width::Fixed(3));
    scanner.scan(&b",".repeat(1_000_000), usize::MAX);
    assert!(scanner.stops.capacity() < 1000);
    scanner.finish();
    assert_eq!(scanner.irregular()[0].kind, Irregularity::Long(1_000_001));
}

#[test]
fn scanning_stops_after_the_rows_wanted_and_goes_on_where_it_stopped() {
    let text = b"a,b\nc,d\ne,f\n";
    let mut scanner = Scanner::new(DIALECT, Width::Any);
    assert_eq!(scanner.scan(text, 2), 8);
    scanner.consume();
    assert_eq!(scanner.scan(&text[8..], 2), 4);
    assert_eq!(scanner.rows().len(), 1);
}

/// What a scanner found, comparable between scanners.
type Found = (Vec<Row>, Vec<u32>, Vec<(usize, String)>, usize);

fn found(scanner: &Scanner) -> Found {
    let irregular = scanner.irregular().iter().map(|i| (i.row, format!("{:?}", i.kind)));
    (scanner.rows.clone(), scanner.stops.clone(), irregular.collect(), scanner.comments)
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => Just(&b","[..]), 3 => Just(&b"\n"[..]), 3 => Just(&b"\""[..]),
        2 => Just(&b"\",\""[..]), 2 => Just(&b"\"\""[..]), 1 => Just(&b"\r\n"[..]),
        1 => Just(&b"\r"[..]), 2 => Just(&b" "[..]), 1 => Just(&b"#"[..]),
        1 => Just(&b"\\"[..]), 3 => Just(&b"abcdefghijkl"[..]), 1 => Just(&b"      "[..]),
    ];
    proptest::collection::vec(token, 0..120).prop_map(|tokens| tokens.concat())
}

fn dialect() -> impl Strategy<Value = Dialect> {
    let quote = prop_oneof![4 => Just(Some(b'"')), 1 => Just(None)];
    let escape = prop_oneof![4 => Just(Escape::Doubled), 1 => Just(Escape::Backslash)];
    let newline = prop_oneof![4 => Just(Newline::Lf), 1 => Just(Newline::Cr)];
    let comment = prop_oneof![4 => Just(None), 1 => Just(Some(b'#'))];
    (quote, escape, newline, comment).prop_map(|(quote, escape, newline, comment)| Dialect {
        delimiter: Some(b','),
        quote,
        escape,
        newline,
        comment,
    })
}

fn width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::Any), (1_usize..5).prop_map(Width::Fixed)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn masks_find_what_the_state_machine_finds(
        text in text(), dialect in dialect(), width in width(),
    ) {
        let mut masks = Scanner::new(dialect, width);
        masks.scan(&text, usize::MAX);
        masks.finish();
        let mut machine = Scanner::new(dialect, width);
        machine.bytes(&text, usize::MAX);
        machine.finish();
        prop_assert_eq!(found(&masks), found(&machine));
    }

    #[test]
    fn it_does_not_matter_how_the_text_is_cut(
        text in text(), dialect in dialect(), width in width(),
        cuts in proptest::collection::vec(1_usize..90, 1..40),
    ) {
        let mut whole = Scanner::new(dialect, width);
        whole.scan(&text, usize::MAX);
        whole.finish();
        let mut pieces = Scanner::new(dialect, width);
        let mut rest = &text[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at(rest.len().min(*cut));
            pieces.scan(piece, usize::MAX);
            rest = later;
        }
        pieces.finish();
        prop_assert_eq!(found(&whole), found(&pieces));
    }
}
