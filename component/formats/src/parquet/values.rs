//! Values of a column as the file has them: the bits of numbers, and bytes.

use bytes::Bytes;

use super::delta::{Deltas, Lengths, Prefixed};
use super::page_header::Encoding;
use super::runs::Runs;

/// How a file stores the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Physical {
    Boolean,
    /// Four bytes: a whole number or a float.
    Four,
    /// Eight bytes.
    Eight,
    /// Bytes of one length, which is not 0.
    Fixed(usize),
    /// Bytes of any length.
    Bytes,
}

impl Physical {
    /// Bytes that a value takes in memory even where it is NULL.
    pub(super) fn room(self) -> usize {
        self.width().unwrap_or(1)
    }

    /// Bytes of a value, where all have the same.
    fn width(self) -> Option<usize> {
        match self {
            Self::Four => Some(4),
            Self::Eight => Some(8),
            Self::Fixed(width) => Some(width),
            Self::Boolean | Self::Bytes => None,
        }
    }
}

/// Values without gaps.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Booleans(Vec<bool>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
    Fixed {
        width: usize,
        bytes: Vec<u8>,
    },
    /// `ends` has one number more than there are values.
    Bytes {
        ends: Vec<i32>,
        bytes: Vec<u8>,
    },
}

impl Values {
    pub(super) fn new(physical: Physical) -> Self {
        match physical {
            Physical::Boolean => Self::Booleans(Vec::new()),
            Physical::Four => Self::Four(Vec::new()),
            Physical::Eight => Self::Eight(Vec::new()),
            Physical::Fixed(width) => Self::Fixed { width, bytes: Vec::new() },
            Physical::Bytes => Self::Bytes { ends: vec![0], bytes: Vec::new() },
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Booleans(values) => values.len(),
            Self::Four(values) => values.len(),
            Self::Eight(values) => values.len(),
            Self::Fixed { width, bytes } => bytes.len() / width,
            Self::Bytes { ends, .. } => ends.len() - 1,
        }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Booleans(values) => values.len(),
            Self::Four(values) => values.len() * 4,
            Self::Eight(values) => values.len() * 8,
            Self::Fixed { bytes, .. } => bytes.len(),
            Self::Bytes { ends, bytes } => ends.len() * 4 + bytes.len(),
        }
    }

    /// The first `count` values; the others stay.
    pub(super) fn take(&mut self, count: usize) -> Self {
        /// The front of a vector, without a copy where that is all of it.
        fn front<T>(values: &mut Vec<T>, count: usize) -> Vec<T> {
            let rest = values.split_off(count);
            std::mem::replace(values, rest)
        }
        match self {
            Self::Booleans(values) => Self::Booleans(front(values, count)),
            Self::Four(values) => Self::Four(front(values, count)),
            Self::Eight(values) => Self::Eight(front(values, count)),
            Self::Fixed { width, bytes } => {
                Self::Fixed { width: *width, bytes: front(bytes, count * *width) }
            }
            Self::Bytes { ends, bytes } => {
                let end = ends[count];
                let rest = ends[count..].iter().map(|other| other - end).collect();
                ends.truncate(count + 1);
                let bytes = front(bytes, end as usize);
                Self::Bytes { ends: std::mem::replace(ends, rest), bytes }
            }
        }
    }

    /// Appends those of `dictionary` that the indices name; nothing if there is none of an index.
    fn gather(&mut self, dictionary: &Self, indices: &[u32]) -> Option<()> {
        fn pick<T: Copy>(to: &mut Vec<T>, from: &[T], indices: &[u32]) -> Option<()> {
            let largest = indices.iter().copied().max().unwrap_or(0) as usize;
            let from = from.get(..=largest)?;
            to.extend(indices.iter().map(|index| from[*index as usize]));
            Some(())
        }
        if indices.is_empty() {
            return Some(());
        }
        match (self, dictionary) {
            (Self::Booleans(to), Self::Booleans(from)) => pick(to, from, indices),
            (Self::Four(to), Self::Four(from)) => pick(to, from, indices),
            (Self::Eight(to), Self::Eight(from)) => pick(to, from, indices),
            (Self::Fixed { width, bytes: to }, Self::Fixed { bytes: from, .. }) => {
                indices.iter().try_for_each(|index| {
                    let at = (*index as usize).checked_mul(*width)?;
                    to.extend_from_slice(from.get(at..at.checked_add(*width)?)?);
                    Some(())
                })
            }
            (Self::Bytes { ends, bytes }, Self::Bytes { ends: from_ends, bytes: from }) => {
                ends.reserve(indices.len());
                indices.iter().try_for_each(|index| {
                    let index = *index as usize;
                    let end = *from_ends.get(index.checked_add(1)?)?;
                    push(&from[from_ends[index] as usize..end as usize], ends, bytes)
                })
            }
            _ => None,
        }
    }

    /// The longest value.
    pub(super) fn longest(&self) -> usize {
        match self {
            Self::Booleans(_) => 1,
            Self::Four(_) => 4,
            Self::Eight(_) => 8,
            Self::Fixed { width, .. } => *width,
            Self::Bytes { ends, .. } => {
                ends.windows(2).map(|pair| (pair[1] - pair[0]) as usize).max().unwrap_or(0)
            }
        }
    }
}

/// The values of one page, yet to be read.
#[derive(Debug)]
pub(super) enum Encoded {
    Plain {
        bytes: Bytes,
        at: usize,
    },
    /// Booleans, eight in a byte, from this bit on; or in runs.
    Bits {
        bytes: Bytes,
        at: usize,
    },
    BooleanRuns(Runs),
    Indices {
        runs: Runs,
        buffer: Vec<u32>,
    },
    Deltas(Deltas),
    Lengths(Lengths),
    Prefixed(Prefixed),
    /// The first bytes of all values, then the second ones, and so on.
    Split {
        bytes: Bytes,
        at: usize,
    },
}

impl Encoded {
    /// The values at the end of a page that says to have so many; nothing if the encoding does not go with the type, or its
    /// header is broken.
    pub(super) fn new(
        physical: Physical,
        encoding: Encoding,
        values: usize,
        bytes: Bytes,
    ) -> Option<Self> {
        if bytes.is_empty() {
            // Where all values are NULL, some writers leave away even the header.
            return Some(Self::Plain { bytes, at: 0 });
        }
        Some(match (encoding, physical) {
            (Encoding::Plain, Physical::Boolean) => Self::Bits { bytes, at: 0 },
            (Encoding::Plain, _) => Self::Plain { bytes, at: 0 },
            (Encoding::Runs, Physical::Boolean) => {
                let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
                bytes.get(4..length.checked_add(4)?)?;
                Self::BooleanRuns(Runs::new(bytes.slice(4..4 + length), 1))
            }
            (Encoding::Dictionary, _) => {
                let width = u32::from(*bytes.first()?);
                let runs = (width <= 32).then(|| Runs::new(bytes.slice(1..), width))?;
                Self::Indices { runs, buffer: Vec::new() }
            }
            (Encoding::Delta, Physical::Four | Physical::Eight) => {
                Self::Deltas(Deltas::new(bytes)?)
            }
            (Encoding::DeltaLength, Physical::Bytes) => Self::Lengths(Lengths::new(bytes, values)?),
            (Encoding::DeltaBytes, Physical::Bytes | Physical::Fixed(_)) => {
                Self::Prefixed(Prefixed::new(bytes, values)?)
            }
            (Encoding::ByteStreamSplit, _) => {
                let whole = bytes.len().is_multiple_of(physical.width()?);
                whole.then_some(Self::Split { bytes, at: 0 })?
            }
            _ => return None,
        })
    }

    /// The most bytes that one of the values can have.
    pub(super) fn longest(&self, dictionary: Option<&Dictionary>) -> usize {
        match self {
            Self::Indices { .. } => dictionary.map_or(0, |dictionary| dictionary.longest),
            Self::Prefixed(texts) => texts.longest(),
            // Each byte of the page comes once.
            _ => 8,
        }
    }

    /// Appends `count` values; nothing if there are fewer, or what is there cannot be one.
    pub(super) fn read(
        &mut self,
        count: usize,
        dictionary: Option<&Dictionary>,
        to: &mut Values,
    ) -> Option<()> {
        if count == 0 {
            return Some(());
        }
        match (self, to) {
            (Self::Plain { bytes, at }, to) => plain(bytes, at, count, to),
            (Self::Bits { bytes, at }, Values::Booleans(to)) => {
                if *at + count > bytes.len() * 8 {
                    return None;
                }
                to.extend((*at..*at + count).map(|bit| bytes[bit / 8] >> (bit % 8) & 1 == 1));
                *at += count;
                Some(())
            }
            (Self::BooleanRuns(runs), Values::Booleans(to)) => runs.read(count, to, |bit| bit == 1),
            (Self::Indices { runs, buffer }, to) => {
                buffer.clear();
                runs.read(count, buffer, |index| index)?;
                to.gather(&dictionary?.values, buffer)
            }
            (Self::Deltas(deltas), Values::Four(to)) => {
                deltas.read(count, |number| to.push(number as u32))
            }
            (Self::Deltas(deltas), Values::Eight(to)) => {
                deltas.read(count, |number| to.push(number))
            }
            (Self::Lengths(texts), Values::Bytes { ends, bytes }) => {
                (0..count).try_for_each(|_| push(texts.next()?, ends, bytes))
            }
            (Self::Prefixed(texts), Values::Bytes { ends, bytes }) => {
                (0..count).try_for_each(|_| push(texts.next()?, ends, bytes))
            }
            (Self::Prefixed(texts), Values::Fixed { width, bytes }) => {
                (0..count).try_for_each(|_| {
                    let value = texts.next()?;
                    (value.len() == *width).then(|| bytes.extend_from_slice(value))
                })
            }
            (Self::Split { bytes, at }, to) => split(bytes, at, count, to),
            _ => None,
        }
    }
}

fn push(text: &[u8], ends: &mut Vec<i32>, bytes: &mut Vec<u8>) -> Option<()> {
    bytes.extend_from_slice(text);
    ends.push(i32::try_from(bytes.len()).ok()?);
    Some(())
}

/// Values one after another.
fn plain(from: &Bytes, at: &mut usize, count: usize, to: &mut Values) -> Option<()> {
    let mut next = |length: usize| {
        let bytes = from.get(*at..at.checked_add(length)?)?;
        *at += length;
        Some(bytes)
    };
    match to {
        Values::Booleans(_) => return (count == 0).then_some(()),
        Values::Four(to) => {
            let (values, _) = next(count.checked_mul(4)?)?.as_chunks();
            to.extend(values.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        }
        Values::Eight(to) => {
            let (values, _) = next(count.checked_mul(8)?)?.as_chunks();
            to.extend(values.iter().map(|bytes| u64::from_le_bytes(*bytes)));
        }
        Values::Fixed { width, bytes } => {
            bytes.extend_from_slice(next(count.checked_mul(*width)?)?);
        }
        Values::Bytes { ends, bytes } => {
            for _ in 0..count {
                let length = u32::from_le_bytes(*next(4)?.first_chunk()?);
                push(next(length as usize)?, ends, bytes)?;
            }
        }
    }
    Some(())
}

/// Values of which each byte stands in a stream of its own.
fn split(from: &Bytes, at: &mut usize, count: usize, to: &mut Values) -> Option<()> {
    fn value<const N: usize>(from: &[u8], streams: usize, index: usize) -> [u8; N] {
        std::array::from_fn(|byte| from[byte * streams + index])
    }
    let width = match to {
        Values::Four(_) => 4,
        Values::Eight(_) => 8,
        Values::Fixed { width, .. } => *width,
        Values::Booleans(_) | Values::Bytes { .. } => return None,
    };
    let all = from.len() / width;
    let wanted = *at..at.checked_add(count).filter(|end| *end <= all)?;
    *at = wanted.end;
    match to {
        Values::Four(to) => to.extend(wanted.map(|at| u32::from_le_bytes(value(from, all, at)))),
        Values::Eight(to) => to.extend(wanted.map(|at| u64::from_le_bytes(value(from, all, at)))),
        Values::Fixed { width, bytes } => {
            let width = *width;
            bytes.extend(wanted.flat_map(|at| (0..width).map(move |byte| from[byte * all + at])));
        }
        Values::Booleans(_) | Values::Bytes { .. } => return None,
    }
    Some(())
}

/// The values of a chunk that its pages name by their places.
#[derive(Debug)]
pub(super) struct Dictionary {
    values: Values,
    longest: usize,
}

impl Dictionary {
    /// A dictionary of `count` plain values; nothing if there are fewer.
    pub(super) fn new(physical: Physical, count: usize, bytes: Bytes) -> Option<Self> {
        let mut values = Values::new(physical);
        Encoded::new(physical, Encoding::Plain, count, bytes)?.read(count, None, &mut values)?;
        let longest = values.longest();
        Some(Self { values, longest })
    }

    /// Bytes in memory.
    pub(super) fn memory(&self) -> usize {
        self.values.size()
    }
}
