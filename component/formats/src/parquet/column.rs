//! One column chunk: pages in, levels and values out.

use bytes::Bytes;

use super::chunk::Chunk;
use super::codec::Codec;
use super::corrupt;
use super::page_header::{DataV2, Encoding, PageHeader, PageKind};
use super::runs::Runs;
use super::schema::Leaf;
use super::thrift::Broken;
use super::values::{Dictionary, Encoded, Values};
use crate::FormatError;

/// What is looked at for a header; statistics in it can make it longer.
const HEADER: usize = 512;
/// A header longer than this is refused.
const LONGEST_HEADER: usize = 4 << 20;
/// Levels that are read at once, between two looks at how much is held.
const STEP: usize = 1024;
/// Bytes of one row in one column; it has to fit a message.
const LARGEST_ROW: usize = 32 << 20;

/// What was read and not yet taken.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) levels: Levels,
    /// Of the levels that say so, in their order.
    pub(super) values: Values,
}

/// For each value, or NULL, or empty list: down to where it is defined, and which list it goes on.
/// Empty where the column has no such levels.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) definitions: Vec<u8>,
    pub(super) repetitions: Vec<u8>,
}

/// Reads a column chunk row by row.
pub(super) struct ColumnReader {
    leaf: usize,
    chunk: Chunk,
    codec: Codec,
    /// Values that the chunk has yet to give: what follows the last is padding.
    values_left: u64,
    /// The most bytes of a page.
    largest_page: u64,
    dictionary: Option<Dictionary>,
    page: Option<Page>,
    read: Read,
    /// Rows that were begun in what was read; the last is complete if the chunk is at its end, or
    /// if rows have one value each.
    rows: usize,
}

/// A page of which the values are being read.
struct Page {
    values: usize,
    /// In memory.
    bytes: usize,
    repetitions: Option<Runs>,
    definitions: Option<Runs>,
    encoded: Encoded,
}

/// Why filling stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// There is enough, or all there is.
    Enough,
    /// Bytes are missing: the chunk wants them.
    Missing,
}

impl ColumnReader {
    pub(super) fn new(
        leaf: usize,
        shape: &Leaf,
        codec: Codec,
        values: u64,
        chunk: Chunk,
        largest_page: u64,
    ) -> Self {
        let read = Read { levels: Levels::default(), values: Values::new(shape.physical) };
        Self {
            leaf,
            chunk,
            codec,
            values_left: values,
            largest_page,
            dictionary: None,
            page: None,
            read,
            rows: 0,
        }
    }

    pub(super) fn leaf(&self) -> usize {
        self.leaf
    }

    pub(super) fn chunk(&mut self) -> &mut Chunk {
        &mut self.chunk
    }

    /// Whether all bytes of the chunk were asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.chunk.is_asked()
    }

    fn ended(&self) -> bool {
        self.values_left == 0 && self.page.as_ref().is_none_or(|page| page.values == 0)
    }

    /// Rows that can be taken.
    pub(super) fn rows(&self, shape: &Leaf) -> usize {
        if shape.elements.is_empty() || self.ended() {
            self.rows
        } else {
            self.rows.saturating_sub(1)
        }
    }

    /// Reads until `rows` rows can be taken, or `bytes` bytes are held, which a row may exceed. A page
    /// has to fit into `room`.
    pub(super) fn fill(
        &mut self,
        shape: &Leaf,
        rows: usize,
        bytes: usize,
        room: usize,
    ) -> Result<Filled, FormatError> {
        loop {
            let there = self.rows(shape);
            if there >= rows || (there > 0 && self.held() >= bytes) || self.ended() {
                return Ok(Filled::Enough);
            }
            if there == 0 && self.held() > LARGEST_ROW {
                let (bytes, limit) = (self.held() as u64, LARGEST_ROW as u64);
                return Err(FormatError::TooMuch { what: "A row", bytes, limit });
            }
            match &mut self.page {
                Some(page) if page.values > 0 => {
                    let missing = rows - self.rows.min(rows);
                    self.step(shape, missing.max(1), bytes)?;
                }
                Some(_) => self.page = None,
                None => match self.next_page(shape, room)? {
                    Some(page) => self.page = page,
                    None => return Ok(Filled::Missing),
                },
            }
        }
    }

    /// Bytes in memory, on their way into rows.
    pub(super) fn memory(&self) -> usize {
        let page = self.page.as_ref().map_or(0, |page| page.bytes);
        let dictionary = self.dictionary.as_ref().map_or(0, Dictionary::memory);
        self.chunk.memory() + page + dictionary + self.held()
    }

    fn held(&self) -> usize {
        let Levels { definitions, repetitions } = &self.read.levels;
        self.read.values.size() + definitions.len() + repetitions.len()
    }

    /// Reads some levels of the page, and the values that they tell of.
    fn step(&mut self, shape: &Leaf, rows: usize, bytes: usize) -> Result<(), FormatError> {
        const FEWER: &str = "a page has fewer values than it says, or others";
        let Some(page) = &mut self.page else { return Ok(()) };
        let longest = page.encoded.longest(self.dictionary.as_ref());
        // So that long values do not add up to much more than what may be held.
        let step = (bytes / longest.max(1)).clamp(1, STEP).min(page.values);
        let count = if page.repetitions.is_none() { step.min(rows) } else { step };
        let Levels { definitions, repetitions } = &mut self.read.levels;
        let before = definitions.len();
        if let Some(runs) = &mut page.repetitions {
            runs.read(count, repetitions, |level| level as u8).ok_or_else(|| corrupt(FEWER))?;
        }
        let mut present = count;
        if let Some(runs) = &mut page.definitions {
            runs.read(count, definitions, |level| level as u8).ok_or_else(|| corrupt(FEWER))?;
            present = definitions[before..].iter().filter(|level| **level == shape.defined).count();
        }
        if shape.elements.is_empty() {
            self.rows += count;
        } else {
            self.rows += check_lists(shape, &self.read.levels, before)?;
        }
        let read = page.encoded.read(present, self.dictionary.as_ref(), &mut self.read.values);
        read.ok_or_else(|| corrupt(FEWER))?;
        page.values -= count;
        Ok(())
    }

    /// The first `rows` rows, which have to be there.
    pub(super) fn take(&mut self, shape: &Leaf, rows: usize) -> Read {
        let Levels { definitions, repetitions } = &mut self.read.levels;
        let count = match shape.elements.is_empty() {
            true => rows,
            false => nth_row(repetitions, rows),
        };
        self.rows -= rows;
        let mut values = count;
        let mut front = Levels::default();
        if shape.defined > 0 {
            let rest = definitions.split_off(count);
            front.definitions = std::mem::replace(definitions, rest);
            let present = front.definitions.iter().filter(|level| **level == shape.defined);
            values = present.count();
        }
        if !shape.elements.is_empty() {
            let rest = repetitions.split_off(count);
            front.repetitions = std::mem::replace(repetitions, rest);
        }
        Read { levels: front, values: self.read.values.take(values) }
    }

    /// Whether something is left after the last row.
    pub(super) fn has_more(&self) -> bool {
        self.rows > 0 || !self.ended()
    }

    /// The next page with values, the page before it, or none at the end of the chunk; nothing if
    /// bytes are missing.
    fn next_page(
        &mut self,
        shape: &Leaf,
        room: usize,
    ) -> Result<Option<Option<Page>>, FormatError> {
        loop {
            if self.values_left == 0 {
                return Ok(Some(None));
            }
            if self.chunk.left() == 0 {
                return Err(corrupt("a column chunk has fewer values than it says"));
            }
            let Some((header, length)) = self.header()? else { return Ok(None) };
            if header.uncompressed > room {
                let (bytes, limit) = (header.uncompressed as u64, room as u64);
                return Err(FormatError::TooMuch { what: "A page beside others", bytes, limit });
            }
            let Some(bytes) = self.chunk.peek(length + header.compressed) else { return Ok(None) };
            self.chunk.advance(bytes.len());
            let bytes = bytes.slice(length..);
            check_sum(&header, &bytes)?;
            match header.page {
                PageKind::Data { values, encoding, repetitions, definitions } => {
                    let page = self.decompress(&bytes, 0, header.uncompressed, true)?;
                    let page =
                        data(shape, page, repetitions, definitions)?.of(shape, values, encoding)?;
                    return self.begin(page).map(Some);
                }
                PageKind::DataV2(data) => {
                    let page = self.data_v2(shape, &data, &bytes, header.uncompressed)?;
                    return self.begin(page).map(Some);
                }
                PageKind::Dictionary { values, encoding } => {
                    if !matches!(encoding, Encoding::Plain | Encoding::Dictionary) {
                        return Err(corrupt("a dictionary is not plain"));
                    }
                    let page = self.decompress(&bytes, 0, header.uncompressed, true)?;
                    let read = Dictionary::new(shape.physical, values as usize, page);
                    self.dictionary = Some(read.ok_or_else(|| {
                        corrupt("a dictionary has fewer values than it is said to have")
                    })?);
                }
                PageKind::Other => {}
            }
        }
    }

    fn begin(&mut self, page: Page) -> Result<Option<Page>, FormatError> {
        let left = self.values_left.checked_sub(page.values as u64);
        self.values_left =
            left.ok_or_else(|| corrupt("a column chunk has more values than it says"))?;
        Ok(Some(page))
    }

    /// The header of the next page and its length; nothing if bytes are missing.
    fn header(&mut self) -> Result<Option<(PageHeader, usize)>, FormatError> {
        let left = usize::try_from(self.chunk.left()).unwrap_or(usize::MAX);
        let mut length = HEADER.min(left).min(self.chunk.at_hand().max(1));
        let (header, read) = loop {
            let Some(bytes) = self.chunk.peek(length) else { return Ok(None) };
            match PageHeader::read(&bytes) {
                Ok(found) => break found,
                Err(Broken::Short) if length < left && length < LONGEST_HEADER => {
                    length = (length * 4).max(HEADER).min(left);
                }
                Err(Broken::Short) => return Err(corrupt("a page's header breaks off")),
                Err(Broken::Wrong(what)) => {
                    return Err(corrupt(format!("in a page's header, {what}")));
                }
            }
        };
        if header.compressed > left - read {
            return Err(corrupt("a page is longer than its column chunk"));
        }
        let bytes = header.uncompressed.max(header.compressed) as u64;
        if bytes > self.largest_page {
            return Err(FormatError::TooMuch { what: "A page", bytes, limit: self.largest_page });
        }
        Ok(Some((header, read)))
    }

    fn data_v2(
        &mut self,
        shape: &Leaf,
        header: &DataV2,
        bytes: &Bytes,
        size: usize,
    ) -> Result<Page, FormatError> {
        let (repetition, definition) =
            (header.repetition_bytes as usize, header.definition_bytes as usize);
        let levels = repetition.saturating_add(definition);
        if levels > size || levels > bytes.len() {
            return Err(corrupt("a page's levels are longer than the page"));
        }
        let page = self.decompress(bytes, levels, size, header.compressed)?;
        let parts = Parts {
            repetitions: page.slice(..repetition),
            definitions: page.slice(repetition..levels),
            values: page.slice(levels..),
        };
        parts.of(shape, header.values, header.encoding)
    }

    /// The page's bytes, of which the first `plain` are never compressed.
    fn decompress(
        &mut self,
        bytes: &Bytes,
        plain: usize,
        size: usize,
        compressed: bool,
    ) -> Result<Bytes, FormatError> {
        if self.codec.is_none() || !compressed {
            return if bytes.len() == size {
                Ok(bytes.clone())
            } else {
                Err(corrupt("a page is not of the size that it is said to have"))
            };
        }
        let mut output = Vec::new();
        // The size is the file's word for it: memory may not be there.
        output.try_reserve_exact(size).map_err(|_| FormatError::TooMuch {
            what: "A page",
            bytes: size as u64,
            limit: self.largest_page,
        })?;
        output.extend_from_slice(&bytes[..plain]);
        output.resize(size, 0);
        // Without values there may be nothing that was compressed.
        if plain < size {
            self.codec.decompress(&bytes[plain..], &mut output[plain..])?;
        }
        Ok(output.into())
    }
}

fn check_sum(header: &PageHeader, bytes: &[u8]) -> Result<(), FormatError> {
    match header.checksum {
        Some(sum) if sum != crc32fast::hash(bytes) => {
            Err(corrupt("a page's checksum is not that of its bytes"))
        }
        _ => Ok(()),
    }
}

/// What a data page consists of.
struct Parts {
    repetitions: Bytes,
    definitions: Bytes,
    values: Bytes,
}

impl Parts {
    fn of(self, shape: &Leaf, values: u32, encoding: Encoding) -> Result<Page, FormatError> {
        let runs = |bytes, deepest: u8| {
            (deepest > 0).then(|| Runs::new(bytes, u8::BITS - deepest.leading_zeros()))
        };
        let bytes = self.values.len() + self.definitions.len() + self.repetitions.len();
        let encoded = Encoded::new(shape.physical, encoding, values as usize, self.values);
        let encoded = encoded.ok_or_else(|| {
            corrupt(format!("a page has values of encoding {encoding:?} that cannot be read"))
        })?;
        Ok(Page {
            values: values as usize,
            bytes,
            repetitions: runs(self.repetitions, shape.elements.len() as u8),
            definitions: runs(self.definitions, shape.defined),
            encoded,
        })
    }
}

/// The parts of a page of version 1, in which levels have their lengths in front.
fn data(
    shape: &Leaf,
    page: Bytes,
    repetitions: Encoding,
    definitions: Encoding,
) -> Result<Parts, FormatError> {
    let mut rest = page;
    let mut levels = |deepest: usize, encoding: Encoding| {
        if deepest == 0 {
            return Ok(Bytes::new());
        }
        if encoding != Encoding::Runs {
            let what = "levels that are packed without runs".into();
            return Err(FormatError::Unsupported { what });
        }
        let length = rest.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
        let end = length.and_then(|length| length.checked_add(4)).filter(|end| *end <= rest.len());
        let end = end.ok_or_else(|| corrupt("a page's levels are longer than the page"))?;
        Ok(rest.split_to(end).slice(4..))
    };
    let repetitions = levels(shape.elements.len(), repetitions)?;
    let definitions = levels(usize::from(shape.defined), definitions)?;
    Ok(Parts { repetitions, definitions, values: rest })
}

/// Checks that levels from `from` on tell of lists, and counts the rows that begin.
fn check_lists(shape: &Leaf, levels: &Levels, from: usize) -> Result<usize, FormatError> {
    let Levels { definitions, repetitions } = levels;
    let mut rows = 0;
    for index in from..repetitions.len() {
        let repetition = usize::from(repetitions[index]);
        if repetition == 0 {
            rows += 1;
            continue;
        }
        // To go on with a list, there has to be an element in it and one before.
        let element = shape.elements.get(repetition - 1);
        let goes_on = element.is_some_and(|element| {
            definitions[index] >= *element && index > 0 && definitions[index - 1] >= *element
        });
        if !goes_on {
            return Err(corrupt("a page's levels do not make lists"));
        }
    }
    Ok(rows)
}

/// Where row number `rows` begins.
fn nth_row(repetitions: &[u8], rows: usize) -> usize {
    let mut starts = repetitions.iter().enumerate().filter(|(_, level)| **level == 0);
    starts.nth(rows).map_or(repetitions.len(), |(at, _)| at)
}
