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
    /// Somewhere a quoted field is not just what stands between its quotes.
    escapes: bool,
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
            escapes: false,
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

    /// Whether a quoted field may be other than what stands between its quotes: a quote is escaped
    /// in it, or text follows it.
    pub(super) fn escapes(&self) -> bool {
        self.escapes
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
        self.escapes &= self.scanned > 0;
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
        // What the dialect does not have is looked for as a line end, which is looked for anyway.
        let needles = [delimiter.unwrap_or(newline), newline, quote.unwrap_or(newline)];
        let [delimiters, newlines, quotes] = positions(block, needles);
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
    fn inside(&mut self, masks: &Quoting, commented: bool) -> Option<u64> {
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
        self.escapes |= follows & quotes != 0;
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
            let begins =
                from > 0 || matches!(self.state, State::Record | State::Field | State::Spaces);
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
                _ if delimiter == Some(byte) => State::Field,
                State::Record | State::Field | State::Spaces if byte == b' ' => State::Spaces,
                State::Record | State::Field | State::Spaces | State::Unquoted => State::Unquoted,
                State::Closed | State::AfterQuote if matches!(byte, b' ' | b'\r') => {
                    State::AfterQuote
                }
                _ => State::Trailing,
            };
            self.escapes |= state == State::Escaped
                || state == State::Trailing
                || (self.state == State::Closed && state == State::Quoted);
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
mod tests;
