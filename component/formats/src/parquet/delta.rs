//! Numbers written as differences, and texts that are written with them.

use bytes::Bytes;

use super::bits;

/// Integers as differences, in blocks of miniblocks that each have a width of their own. Sums wrap,
/// as the format wants it, so 32-bit numbers are the lower halves of these.
#[derive(Debug, Clone)]
pub(super) struct Deltas {
    bytes: Bytes,
    at: usize,
    /// Numbers of a miniblock, and miniblocks of a block.
    miniblock: usize,
    miniblocks: usize,
    /// Numbers that were not yet given.
    left: usize,
    first: bool,
    value: u64,
    smallest: u64,
    /// The widths of the miniblocks of this block that were not begun.
    widths: std::ops::Range<usize>,
    width: u32,
    /// Numbers of the miniblock that were not yet given, and the bit at which they stand.
    in_miniblock: usize,
    bit: usize,
}

impl Deltas {
    /// Nothing if the header is broken.
    pub(super) fn new(bytes: Bytes) -> Option<Self> {
        let mut new = Self {
            bytes,
            at: 0,
            miniblock: 0,
            miniblocks: 0,
            left: 0,
            first: true,
            value: 0,
            smallest: 0,
            widths: 0..0,
            width: 0,
            in_miniblock: 0,
            bit: 0,
        };
        let block = new.length()?;
        new.miniblocks = new.length()?;
        new.left = new.length()?;
        new.value = new.zigzag()?;
        new.miniblock = block.checked_div(new.miniblocks)?;
        let sound = new.miniblock > 0
            && new.miniblock.is_multiple_of(8)
            && new.miniblock * new.miniblocks == block
            && block <= 1 << 20;
        sound.then_some(new)
    }

    /// How many numbers are left.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Gives `count` numbers to `each`; nothing if there are fewer.
    pub(super) fn read(&mut self, count: usize, mut each: impl FnMut(u64)) -> Option<()> {
        if count > self.left {
            return None;
        }
        let mut wanted = count;
        if self.first && wanted > 0 {
            self.first = false;
            each(self.value);
            wanted -= 1;
            self.left -= 1;
        }
        while wanted > 0 {
            if self.in_miniblock == 0 {
                self.next_miniblock()?;
            }
            let taken = wanted.min(self.in_miniblock);
            self.give(taken, &mut each);
            self.in_miniblock -= taken;
            self.left -= taken;
            wanted -= taken;
        }
        Some(())
    }

    /// Gives numbers of the miniblock.
    fn give(&mut self, count: usize, each: &mut impl FnMut(u64)) {
        let Self { bytes, bit, width, smallest, value, .. } = self;
        let mut add = |delta: u64| {
            *value = value.wrapping_add(delta).wrapping_add(*smallest);
            each(*value);
        };
        if *width <= 32 {
            bits::unpack(bytes, *bit, *width, count, |delta| add(u64::from(delta)));
        } else {
            (0..count)
                .for_each(|index| add(bits::wide(bytes, *bit + index * *width as usize, *width)));
        }
        *bit += count * *width as usize;
    }

    /// What follows the last number, once all are read.
    pub(super) fn rest(self) -> Bytes {
        // Of the last block, miniblocks that nobody needs are not written.
        self.bytes.slice(self.at..)
    }

    fn next_miniblock(&mut self) -> Option<()> {
        if self.widths.is_empty() {
            self.smallest = self.zigzag()?;
            self.widths = self.at..self.at + self.miniblocks;
            self.bytes.get(self.widths.clone())?;
            self.at = self.widths.end;
        }
        let width = u32::from(self.bytes[self.widths.start]);
        self.widths.start += 1;
        if width > 64 {
            return None;
        }
        let length = self.miniblock * width as usize / 8;
        let rest = self.bytes.len() - self.at;
        // The last one may be cut where its numbers end.
        let needed = (self.left.min(self.miniblock) * width as usize).div_ceil(8);
        if needed > rest {
            return None;
        }
        self.bit = self.at * 8;
        self.at += length.min(rest);
        self.width = width;
        self.in_miniblock = self.miniblock;
        Some(())
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(bits::varint(&self.bytes, &mut self.at)?)
            .ok()
            .filter(|length| *length <= 1 << 31)
    }

    fn zigzag(&mut self) -> Option<u64> {
        let raw = bits::varint(&self.bytes, &mut self.at)?;
        Some(raw >> 1 ^ (raw & 1).wrapping_neg())
    }
}

/// Lengths, a few at a time.
#[derive(Debug)]
struct Numbers {
    deltas: Deltas,
    buffer: std::vec::IntoIter<u32>,
}

/// Lengths that are held at once.
const HELD: usize = 1024;

impl Numbers {
    /// At most so many lengths, and what follows them.
    fn new(bytes: Bytes, most: usize) -> Option<(Self, Bytes)> {
        let deltas = Deltas::new(bytes)?;
        if deltas.left() > most {
            return None;
        }
        // Read once to find where they end: all of them might be more than the memory holds.
        let mut walk = deltas.clone();
        walk.read(walk.left(), |_| ())?;
        Some((Self { deltas, buffer: Vec::new().into_iter() }, walk.rest()))
    }

    fn next(&mut self) -> Option<usize> {
        if self.buffer.len() == 0 {
            let count = self.deltas.left().min(HELD);
            let mut buffer = Vec::with_capacity(count);
            self.deltas.read(count, |length| buffer.push(length as u32))?;
            self.buffer = buffer.into_iter();
        }
        // One that is negative is longer than any page.
        self.buffer.next().map(|length| length as usize)
    }
}

/// Texts: all their lengths, then all their bytes.
#[derive(Debug)]
pub(super) struct Lengths {
    lengths: Numbers,
    bytes: Bytes,
    at: usize,
}

impl Lengths {
    pub(super) fn new(bytes: Bytes, most: usize) -> Option<Self> {
        let (lengths, bytes) = Numbers::new(bytes, most)?;
        Some(Self { lengths, bytes, at: 0 })
    }

    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let length = self.lengths.next()?;
        let text = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(text)
    }
}

/// Texts: how much each has in common with the one before, and the rest of it.
#[derive(Debug)]
pub(super) struct Prefixed {
    prefixes: Numbers,
    suffixes: Lengths,
    text: Vec<u8>,
}

impl Prefixed {
    pub(super) fn new(bytes: Bytes, most: usize) -> Option<Self> {
        let (prefixes, rest) = Numbers::new(bytes, most)?;
        let suffixes = Lengths::new(rest, most)?;
        Some(Self { prefixes, suffixes, text: Vec::new() })
    }

    /// The longest that a text of the page can be.
    pub(super) fn longest(&self) -> usize {
        self.suffixes.bytes.len()
    }

    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let prefix = self.prefixes.next()?;
        if prefix > self.text.len() {
            return None;
        }
        self.text.truncate(prefix);
        self.text.extend_from_slice(self.suffixes.next()?);
        Some(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Deltas, Prefixed};

    #[test]
    fn differences_add_up() {
        // Blocks of 128 in 4 miniblocks; 5 numbers from 7 on: 7, 5, 3, 1, 2.
        let bytes = [0x80, 1, 4, 5, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0, 0, 0, 0, 0, 0, 0];
        let mut deltas = Deltas::new(bytes.to_vec().into()).unwrap();
        let mut found = Vec::new();
        deltas.read(2, |number| found.push(number)).unwrap();
        deltas.read(3, |number| found.push(number)).unwrap();
        assert_eq!(found, [7, 5, 3, 1, 2]);
        assert!(deltas.read(1, |_| ()).is_none());
    }

    #[test]
    fn headers_that_lie_are_refused() {
        for header in
            [&[][..], &[0, 0, 1, 0], &[0x80, 1, 0, 1, 0], &[0x80, 1, 3, 1, 0], &[0xff; 12]]
        {
            assert!(Deltas::new(header.to_vec().into()).is_none(), "{header:?}");
        }
        // A prefix longer than the text before.
        let header = [0x80, 1, 4, 1, 2];
        let bytes = [&header[..], &[0x80, 1, 4, 1, 2], b"a"].concat();
        assert!(Prefixed::new(bytes.into(), 1).is_some_and(|mut texts| texts.next().is_none()));
    }
}
