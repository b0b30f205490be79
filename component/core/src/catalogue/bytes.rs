//! Texts and numbers as bytes, for what the catalogue keeps: LEB128 numbers, texts with their
//! lengths, blocks compressed with LZ4 behind a version byte.

/// A block that says it is longer than this was not written by us.
const LONGEST_BLOCK: usize = 16 << 20;

/// Bytes being written.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Absent is 0, and present one more.
    pub(super) fn optional_number(&mut self, value: Option<u64>) {
        self.number(value.map_or(0, |value| value.saturating_add(1)));
    }

    /// A time after 1970; the service tells no other.
    pub(super) fn time(&mut self, ms: Option<i64>) {
        self.optional_number(ms.map(|ms| u64::try_from(ms).unwrap_or(0)));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Absent and empty are the same.
    pub(super) fn optional_text(&mut self, text: Option<&str>) {
        self.text(text.unwrap_or_default());
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What was written, compressed.
    pub(super) fn block(self, version: u8) -> Vec<u8> {
        let mut block = vec![version];
        block.extend(lz4_flex::block::compress_prepend_size(&self.0));
        block
    }
}

/// The bytes of a block; `None` where it is damaged or of another version.
pub(super) fn open_block(block: &[u8], version: u8) -> Option<Vec<u8>> {
    let (found, rest) = block.split_first()?;
    let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    if *found != version || length > LONGEST_BLOCK {
        return None;
    }
    lz4_flex::block::decompress_size_prepended(rest).ok()
}

/// Bytes being read; `None` wherever they are damaged.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing more can be read.
    pub(super) fn give_up(&mut self) {
        self.0 = &[];
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn optional_number(&mut self) -> Option<Option<u64>> {
        Some(self.number()?.checked_sub(1))
    }

    pub(super) fn time(&mut self) -> Option<Option<i64>> {
        Some(self.optional_number()?.and_then(|ms| i64::try_from(ms).ok()))
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    pub(super) fn optional_text(&mut self) -> Option<Option<&'a str>> {
        Some(Some(self.text()?).filter(|text| !text.is_empty()))
    }
}
