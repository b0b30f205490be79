//! Where records and fields begin and end. Nothing here looks at a value.
//!
//! Bytes are taken 64 at a time as bit masks of the delimiters, line ends and quotes in them. As
//! long as every quote stands where quotes belong, the masks alone tell what is quoted: a running
//! parity of the quotes. A block with a quote elsewhere (an inch sign, a space before an opening
//! quote, text after a closing one), a backslash escape or a comment goes through a state machine,
//! byte by byte. Both give the same fields; the state machine is the definition.

use super::dialect::{Dialect, Escape};
use super::masks::{BLOCK, positions};

/// In place of a field's end: the row has no such field.
pub(super) const MISSING: u32 = u32::MAX;

/// Where the scanner stands between two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte of a record.
    Record,
    /// Before the first byte of another field.
    Field,
    /// After spaces that begin a field: a quote still opens it.
    Spaces,
    /// In a field without quotes.
    Unquoted,
    /// Inside quotes.
    Quoted,
    /// Inside quotes, after a backslash.
    Escaped,
    /// After a quote that closes, unless another follows.
    Closed,
    /// After spaces that follow a closing quote.
    AfterQuote,
    /// In text after a closing quote.
    Trailing,
    /// In a comment line.
    Comment,
}

/// One record. Positions count from the beginning of the scanned buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Its first byte.
    pub(super) start: u32,
    /// The byte after its line end.
    pub(super) next: u32,
    /// Its first entry among the ends of fields.
    pub(super) first: u32,
    /// How many fields the text has, whatever the width; 0 for a blank line.
    pub(super) fields: u32,
}

/// Something about a row that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Irregular {
    /// The row's index.
    pub(super) row: usize,
    /// What it is.
    pub(super) kind: Irregularity,
}

/// What may be wrong with a row as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Irregularity {
    /// It has so many fields, and the table has more.
    Short(u32),
    /// It has so many fields, and the table has fewer.
    Long(u32),
    /// Text follows a closing quote.
    TextAfterQuote,
    /// The file ends inside quotes.
    NotClosed,
}

/// How many fields a row is made to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// As many as it has; blank lines are kept.
    Any,
    /// So many: short rows are padded with [`MISSING`], long ones cut, blank lines dropped, except
    /// that in a table of one column a blank line is a row.
    Fixed(usize),
}

/// Finds records in bytes that come in pieces.
///
/// The scanned buffer is whatever the caller keeps from the beginning of the first record that it
/// has not [consumed](Scanner::consume) yet; each call of [`scan`](Scanner::scan) gets the bytes
/// that follow those scanned before.
#[derive(Debug)]
pub(super) struct Scanner {
    dialect: Dialect,
    width: Width,
    state: State,
    /// Bytes scanned since the beginning of the buffer.
    scanned: usize,
    /// Where the last record that ended, ended, and the one under way begins.
    complete: usize,
    /// The first field of the record under way among `stops`.
    first: usize,
    /// Fields of the record under way that were not kept, because the row is long.
    dropped: usize,
    /// In the record under way, text follows a closing quote.
    trailing: bool,
    /// The last byte of the pieces before.
    last: u8,
    stops: Vec<u32>,
    rows: Vec<Row>,
    irregular: Vec<Irregular>,
    comments: usize,
    /// Where the first of the comments begins.
    comment: usize,
}

impl Scanner {
    pub(super) fn new(dialect: Dialect, width: Width) -> Self {
        Self {
            dialect,
            width,
            state: State::Record,
            scanned: 0,
            complete: 0,
            first: 0,
            dropped: 0,
            trailing: false,
            last: 0,
            stops: Vec::new(),
            rows: Vec::new(),
            irregular: Vec::new(),
            comments: 0,
            comment: 0,
        }
    }

    /// The records found, without those consumed.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The ends of the fields of all rows.
    pub(super) fn stops(&self) -> &[u32] {
        &self.stops
    }

    /// What is irregular about the rows, in their order.
    pub(super) fn irregular(&self) -> &[Irregular] {
        &self.irregular
    }

    /// How many comment lines were skipped since the last [`consume`](Self::consume), and where
    /// the first of them begins.
    pub(super) fn comments(&self) -> Option<(usize, usize)> {
        (self.comments > 0).then_some((self.comments, self.comment))
    }

    /// The end of the last record that is complete, dropped ones included.
    pub(super) fn complete(&self) -> usize {
        self.complete
    }

    /// Bytes scanned since the beginning of the buffer.
    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// Scans on, until the bytes end or there are `most` rows. Returns how many bytes were scanned.
    ///
    /// The buffer must stay below 4 GiB: positions are 32 bits wide.
    pub(super) fn scan(&mut self, bytes: &[u8], most: usize) -> usize {
        let mut at = 0;
        while at < bytes.len() && self.rows.len() < most {
            let rest = &bytes[at..];
            at += match rest.first_chunk() {
                Some(block) => self.block(block, BLOCK, most),
                None => self.block(&padded(rest), rest.len(), most),
            };
        }
        at
    }

    /// Ends the last record at the end of the file.
    pub(super) fn finish(&mut self) {
        if matches!(self.state, State::Quoted | State::Escaped) {
            self.note(Irregularity::NotClosed);
        }
        if self.state != State::Record {
            self.end_record(self.scanned, self.scanned, self.last);
            self.state = State::Record;
        }
    }

    /// Forgets the complete records: the buffer now begins where the last of them ended.
    pub(super) fn consume(&mut self) {
        let rows = self.rows.len();
        self.irregular.retain(|found| found.row >= rows);
        self.irregular.iter_mut().for_each(|found| found.row -= rows);
        self.rows.clear();
        self.stops.drain(..self.first);
        let shift = position(self.complete);
        self.stops.iter_mut().for_each(|stop| *stop -= shift);
        self.scanned -= self.complete;
        (self.first, self.complete, self.comments) = (0, 0, 0);
    }

    /// Forgets everything that was scanned since the last [`consume`](Self::consume), which must
    /// have left no record under way.
    pub(super) fn restart(&mut self) {
        *self = Self {
            stops: std::mem::take(&mut self.stops),
            rows: std::mem::take(&mut self.rows),
            ..Self::new(self.dialect, self.width)
        };
        self.stops.clear();
        self.rows.clear();
    }

    /// Scans one block of which `len` bytes count; returns how many of them were scanned.
    #[inline]
    fn block(&mut self, block: &[u8; BLOCK], len: usize, most: usize) -> usize {
        let Dialect { delimiter, quote, newline, comment, .. } = self.dialect;
        let newline = newline.byte();
        let quote_byte = quote.unwrap_or(newline);
        let [delimiters, newlines, quotes] = positions(block, [delimiter, newline, quote_byte]);
        let valid = u64::MAX >> (BLOCK - len);
        let newlines = newlines & valid;
        let separators = (delimiters & valid) | newlines;
        let quotes = if quote.is_some() { quotes & valid } else { 0 };
        let commented = comment.is_some_and(|byte| positions(block, [byte])[0] & valid != 0);

        if quotes == 0 && !commented && self.state_outside_quotes() {
            return self.fields(block, separators, newlines, 0, len, most);
        }
        let [carriage] = positions(block, [b'\r']);
        let masks = Quoting { separators, newlines, quotes, carriage, valid };
        match self.inside(&masks, commented) {
            Some(inside) => self.fields(block, separators & !inside, newlines, inside, len, most),
            None => self.bytes(&block[..len], most),
        }
    }

    /// Whether without a quote every separator counts.
    #[inline]
    fn state_outside_quotes(&self) -> bool {
        matches!(self.state, State::Record | State::Field | State::Spaces | State::Unquoted)
    }

    /// Which bytes of the block stand inside quotes, if every quote stands where quotes belong.
    fn inside(&self, masks: &Quoting, commented: bool) -> Option<u64> {
        let (before, closed, open) = match self.state {
            State::Record | State::Field => (1, 0, false),
            State::Spaces | State::Unquoted => (0, 0, false),
            State::Quoted => (0, 0, true),
            State::Closed => (1, 1, false),
            State::Escaped | State::AfterQuote | State::Trailing | State::Comment => return None,
        };
        if commented || self.dialect.escape == Escape::Backslash {
            return None;
        }
        let Quoting { separators, newlines, quotes, carriage, valid } = *masks;
        let inside = parity(quotes) ^ if open { u64::MAX } else { 0 };
        let (opening, closing) = (quotes & inside, quotes & !inside);
        let may_open = ((separators & !inside) | closing) << 1 | before;
        let may_follow = separators | quotes | (carriage & newlines >> 1);
        let follows = (closing << 1 | closed) & valid;
        (opening & !may_open == 0 && follows & !may_follow == 0).then_some(inside)
    }

    /// Takes the fields of a block from its masks.
    #[inline]
    fn fields(
        &mut self,
        block: &[u8; BLOCK],
        separators: u64,
        newlines: u64,
        inside: u64,
        len: usize,
        most: usize,
    ) -> usize {
        let base = self.scanned;
        let mut rest = separators;
        while rest != 0 {
            let i = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            if newlines >> i & 1 == 0 {
                self.stops.push(position(base + i));
            } else {
                let before = if i == 0 { self.last } else { block[i - 1] };
                self.end_record(base + i, base + i + 1, before);
                if self.rows.len() == most {
                    return self.stand(State::Record, i + 1, block[i]);
                }
            }
        }
        self.drop_extra();
        let state = self.state_after(block, separators, newlines, inside, len);
        self.stand(state, len, block[len - 1])
    }

    /// The state after a block that was taken by its masks.
    #[inline]
    fn state_after(
        &self,
        block: &[u8; BLOCK],
        separators: u64,
        newlines: u64,
        inside: u64,
        len: usize,
    ) -> State {
        let at_end = |mask: u64| mask >> (len - 1) & 1 == 1;
        let last = block[len - 1];
        if at_end(inside) {
            State::Quoted
        } else if at_end(separators) {
            if at_end(newlines) { State::Record } else { State::Field }
        } else if Some(last) == self.dialect.quote {
            State::Closed
        } else if last == b' ' {
            // The bytes since the last separator, if it is in this block.
            let from = BLOCK - (separators.leading_zeros() as usize);
            let begins = from > 0
                || matches!(self.state, State::Record | State::Field | State::Spaces);
            let blank = block[from..len].iter().all(|byte| *byte == b' ');
            if begins && blank { State::Spaces } else { State::Unquoted }
        } else {
            State::Unquoted
        }
    }

    /// Notes where the scanner stands after `len` more bytes.
    #[inline]
    fn stand(&mut self, state: State, len: usize, last: u8) -> usize {
        self.state = state;
        self.last = last;
        self.scanned += len;
        len
    }

    /// Takes bytes one by one: the definition of the format. Returns how many were taken.
    fn bytes(&mut self, bytes: &[u8], most: usize) -> usize {
        let Dialect { delimiter, quote, newline, comment, escape } = self.dialect;
        let newline = newline.byte();
        for (i, &byte) in bytes.iter().enumerate() {
            let ends = byte == newline;
            let state = match self.state {
                State::Record if comment == Some(byte) => State::Comment,
                State::Record | State::Field | State::Spaces if quote == Some(byte) => {
                    State::Quoted
                }
                State::Quoted if escape == Escape::Backslash && byte == b'\\' => State::Escaped,
                State::Quoted if quote == Some(byte) => State::Closed,
                State::Quoted | State::Escaped => State::Quoted,
                State::Closed if quote == Some(byte) => State::Quoted,
                State::Comment if !ends => State::Comment,
                _ if ends => State::Record,
                _ if byte == delimiter => State::Field,
                State::Record | State::Field | State::Spaces if byte == b' ' => State::Spaces,
                State::Record | State::Field | State::Spaces | State::Unquoted => State::Unquoted,
                State::Closed | State::AfterQuote if matches!(byte, b' ' | b'\r') => {
                    State::AfterQuote
                }
                _ => State::Trailing,
            };
            if state == State::Trailing && self.state != state && !self.trailing {
                self.trailing = true;
                self.note(Irregularity::TextAfterQuote);
            }
            match state {
                State::Field => {
                    self.stops.push(position(self.scanned));
                    self.drop_extra();
                }
                State::Record => self.end_record(self.scanned, self.scanned + 1, self.last),
                _ => {}
            }
            self.stand(state, 1, byte);
            if self.rows.len() == most {
                return i + 1;
            }
        }
        bytes.len()
    }

    /// Keeps a record of millions of fields from filling memory.
    #[inline]
    fn drop_extra(&mut self) {
        if let Width::Fixed(width) = self.width {
            let kept = self.stops.len() - self.first;
            if kept > width + BLOCK {
                self.dropped += kept - width;
                self.stops.truncate(self.first + width);
            }
        }
    }

    /// Ends the record under way: its last field ends at `stop`, the next record begins at `next`.
    #[inline]
    fn end_record(&mut self, stop: usize, next: usize, before: u8) {
        let field = match self.stops[self.first..].last() {
            Some(last) => *last as usize + 1,
            None => self.complete,
        };
        // The carriage return of a CRLF belongs to the line end.
        let crlf = before == b'\r' && self.dialect.newline.byte() == b'\n' && stop > field;
        let stop = stop - usize::from(crlf);
        let blank = stop == self.complete;
        self.stops.push(position(stop));
        let fields = self.stops.len() - self.first + self.dropped;
        let kept = match self.width {
            _ if self.state == State::Comment => {
                if self.comments == 0 {
                    self.comment = self.complete;
                }
                self.comments += 1;
                false
            }
            Width::Any => true,
            Width::Fixed(width) if width == fields => true,
            Width::Fixed(width) => !blank && self.pad(fields, width),
        };
        if kept {
            self.rows.push(Row {
                start: position(self.complete),
                next: position(next),
                first: position(self.first),
                fields: if blank { 0 } else { position(fields) },
            });
        } else {
            self.stops.truncate(self.first);
        }
        self.first = self.stops.len();
        self.complete = next;
        self.dropped = 0;
        self.trailing = false;
    }

    /// Brings a row of `fields` to `width`.
    #[cold]
    fn pad(&mut self, fields: usize, width: usize) -> bool {
        let kind = if fields < width { Irregularity::Short } else { Irregularity::Long };
        self.note(kind(position(fields)));
        self.stops.resize(self.first + width, MISSING);
        true
    }

    #[cold]
    fn note(&mut self, kind: Irregularity) {
        self.irregular.push(Irregular { row: self.rows.len(), kind });
    }
}

/// The masks of a block with quotes.
struct Quoting {
    separators: u64,
    newlines: u64,
    quotes: u64,
    carriage: u64,
    valid: u64,
}

/// Bit `i` of the result: whether an odd number of bits are set up to and including bit `i`.
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

fn padded(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    block
}

/// A position in the buffer, which is bounded by the limit of a record.
#[expect(clippy::cast_possible_truncation, reason = "the buffer stays below 4 GiB")]
#[inline]
fn position(at: usize) -> u32 {
    at as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::dialect::{Dialect, Escape, Newline};
    use super::{Irregular, Irregularity, MISSING, Row, Scanner, Width};

    const DIALECT: Dialect = Dialect {
        delimiter: b',',
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
        assert_eq!(
            fields(text, &scanned(text, backslash, Width::Any)),
            [["\"a\\\",b\"", "\\\"c"]]
        );
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
            delimiter: b',',
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
}
