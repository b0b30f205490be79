//! The bytes of a column chunk: which to fetch, and those that came.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::{Buf as _, Bytes};

/// How far ahead of the decoder bytes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appetite {
    /// All rows are wanted: the next so many bytes are on their way while these are decoded.
    Window(u64),
    /// A few rows are wanted: only what the next page needs, and at first so many bytes.
    Sip(u64),
}

/// A column chunk from where the decoder is.
#[derive(Debug)]
pub(super) struct Chunk {
    /// Where the decoder is, and where the chunk ends.
    range: Range<u64>,
    /// Up to where bytes were asked for.
    asked: u64,
    /// What came, in the order of the file; there may be gaps between them.
    pieces: VecDeque<(u64, Bytes)>,
    /// How many bytes from here on the decoder needs to go on.
    needed: usize,
    appetite: Appetite,
}

impl Chunk {
    pub(super) fn new(range: Range<u64>, appetite: Appetite) -> Self {
        let asked = range.start;
        Self { range, asked, pieces: VecDeque::new(), needed: 1, appetite }
    }

    /// How many bytes are left of the chunk, at hand or not.
    pub(super) fn left(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// How many bytes from here on are at hand.
    pub(super) fn at_hand(&self) -> usize {
        let mut end = self.range.start;
        for (offset, bytes) in &self.pieces {
            if *offset > end {
                break;
            }
            end = end.max(offset + bytes.len() as u64);
        }
        (end.min(self.range.end) - self.range.start) as usize
    }

    /// Whether all bytes were asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.asked >= self.range.end
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// The next bytes to ask for, if now is the time.
    pub(super) fn want(&mut self) -> Option<Range<u64>> {
        let (start, end) = (self.asked, self.range.end);
        let ahead = start - self.range.start;
        let needed = self.needed as u64;
        let length = match self.appetite {
            Appetite::Window(window) if needed > ahead || ahead < window / 2 => {
                window.max(needed.saturating_sub(ahead))
            }
            Appetite::Sip(least) if needed > ahead => {
                // Where a page's header was not enough to tell, more each time.
                self.appetite = Appetite::Sip(least.saturating_mul(2));
                if needed > 1 { needed - ahead } else { least }
            }
            Appetite::Window(_) | Appetite::Sip(_) => return None,
        };
        let mut stop = start.saturating_add(length).min(end);
        if let Appetite::Window(window) = self.appetite
            && end - stop < window / 2
        {
            stop = end;
        }
        self.asked = stop;
        (start < stop).then_some(start..stop)
    }

    /// Takes what is this chunk's of bytes of the file.
    pub(super) fn give(&mut self, offset: u64, bytes: &Bytes) {
        let end = offset.saturating_add(bytes.len() as u64);
        let (start, stop) = (offset.max(self.range.start), end.min(self.range.end));
        if start < stop {
            let piece = bytes.slice((start - offset) as usize..(stop - offset) as usize);
            let at = self.pieces.partition_point(|(other, _)| *other <= start);
            self.pieces.insert(at, (start, piece));
            if start <= self.asked {
                self.asked = self.asked.max(stop);
            }
        }
    }

    /// The next `count` bytes, copied only where pieces meet; nothing if they are not all at hand,
    /// and then they are asked for.
    pub(super) fn peek(&mut self, count: usize) -> Option<Bytes> {
        if let Some((offset, first)) = self.pieces.front()
            && *offset == self.range.start
            && first.len() >= count
        {
            return Some(first.slice(..count));
        }
        if count > self.at_hand() {
            self.needed = count;
            return None;
        }
        let mut joined = Vec::with_capacity(count);
        for (offset, bytes) in &self.pieces {
            if joined.len() == count {
                break;
            }
            let skip = self.range.start + joined.len() as u64 - offset;
            let rest = bytes.get(skip as usize..).unwrap_or_default();
            joined.extend_from_slice(&rest[..rest.len().min(count - joined.len())]);
        }
        Some(joined.into())
    }

    /// Goes past `count` bytes. A piece is let go when the last chunk has gone past it.
    pub(super) fn advance(&mut self, count: usize) {
        let start = self.range.start.saturating_add(count as u64).min(self.range.end);
        self.range.start = start;
        self.asked = self.asked.max(start);
        self.needed = 0;
        while let Some((offset, bytes)) = self.pieces.front_mut() {
            let end = *offset + bytes.len() as u64;
            if end > start {
                bytes.advance(start.saturating_sub(*offset) as usize);
                *offset = (*offset).max(start);
                break;
            }
            self.pieces.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Appetite, Chunk};

    #[test]
    fn a_chunk_reads_the_same_however_it_was_fetched() {
        for parts in
            [&[(10, &b"abcdef"[..])][..], &[(13, b"def"), (10, b"ab"), (11, b"b"), (12, b"cdef")]]
        {
            let mut chunk = Chunk::new(11..15, Appetite::Window(100));
            for (offset, bytes) in parts {
                chunk.give(*offset, &Bytes::from_static(bytes));
            }
            assert_eq!(&chunk.peek(3).unwrap()[..], b"bcd");
            chunk.advance(2);
            assert_eq!((&chunk.peek(2).unwrap()[..], chunk.left()), (&b"de"[..], 2));
            assert_eq!(chunk.peek(3), None);
            chunk.advance(9);
            assert_eq!(chunk.left(), 0);
        }
    }

    #[test]
    fn a_gap_is_not_read_over() {
        let mut chunk = Chunk::new(0..6, Appetite::Window(100));
        chunk.give(4, &Bytes::from_static(b"ef"));
        assert_eq!((chunk.at_hand(), chunk.peek(1)), (0, None));
        chunk.give(0, &Bytes::from_static(b"abc"));
        assert_eq!((chunk.at_hand(), chunk.peek(4)), (3, None));
        chunk.give(9, &Bytes::from_static(b"far"));
        chunk.give(3, &Bytes::from_static(b"d"));
        assert_eq!(&chunk.peek(2).unwrap()[..], b"ab");
        assert_eq!(&chunk.peek(6).unwrap()[..], b"abcdef");
    }

    #[test]
    fn bytes_that_nobody_asked_for_leave_no_gap() {
        let mut chunk = Chunk::new(0..100, Appetite::Sip(10));
        chunk.give(50, &Bytes::from(vec![0; 10]));
        assert_eq!(chunk.want(), Some(0..10));
    }

    #[test]
    fn windows_are_asked_for_ahead_and_once() {
        let mut chunk = Chunk::new(100..2000, Appetite::Window(200));
        assert_eq!((chunk.want(), chunk.want()), (Some(100..300), None));
        chunk.give(100, &Bytes::from(vec![0; 200]));
        chunk.advance(101);
        assert_eq!((chunk.want(), chunk.want()), (Some(300..500), None));
        // A page larger than what is on its way.
        assert_eq!((chunk.peek(700), chunk.want()), (None, Some(500..901)));
    }

    #[test]
    fn the_end_of_a_chunk_is_not_asked_for_apart() {
        let mut chunk = Chunk::new(0..290, Appetite::Window(200));
        assert_eq!((chunk.want(), chunk.want()), (Some(0..290), None));
    }

    #[test]
    fn a_sip_is_as_much_as_the_next_page_needs() {
        let mut chunk = Chunk::new(0..1000, Appetite::Sip(50));
        assert_eq!((chunk.want(), chunk.want()), (Some(0..50), None));
        chunk.give(0, &Bytes::from(vec![0; 50]));
        assert_eq!((chunk.peek(300), chunk.want()), (None, Some(50..300)));
        chunk.advance(300);
        assert_eq!(chunk.want(), None, "it may have been enough");
        assert_eq!((chunk.peek(1), chunk.want()), (None, Some(300..500)));
    }
}
