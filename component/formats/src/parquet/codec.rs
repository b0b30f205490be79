//! Decompression of pages, in Rust alone: a component has no C libraries.

use std::cell::RefCell;
use std::io::Read;
use std::rc::Rc;

use structured_zstd::decoding::FrameDecoder;

use super::corrupt;
use crate::FormatError;

/// What ZSTD keeps between two pages is large, so all columns share it.
pub(super) type SharedZstd = Rc<RefCell<FrameDecoder>>;

/// A codec and what it keeps between two pages.
pub(super) enum Codec {
    None,
    Snappy(snap::raw::Decoder),
    Gzip,
    Brotli,
    /// LZ4 blocks in Hadoop's frames.
    Lz4Hadoop,
    /// One LZ4 block.
    Lz4,
    Zstd(SharedZstd),
}

impl Codec {
    /// The codec of this number in the format (`CompressionCodec`).
    pub(super) fn new(number: i32, zstd: &SharedZstd) -> Result<Self, FormatError> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Snappy(snap::raw::Decoder::new()),
            2 => Self::Gzip,
            4 => Self::Brotli,
            5 => Self::Lz4Hadoop,
            6 => Self::Zstd(zstd.clone()),
            7 => Self::Lz4,
            3 => return Err(FormatError::Unsupported { what: "LZO compression".into() }),
            other => return Err(corrupt(format!("there is no compression of number {other}"))),
        })
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Fills all of `output` from all of `input`.
    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), FormatError> {
        let written = match self {
            Self::None => {
                let same = input.len() == output.len();
                same.then(|| output.copy_from_slice(input)).map(|()| input.len())
            }
            Self::Snappy(decoder) => decoder.decompress(input, output).ok(),
            // Some writers leave the header of zlib where that of gzip belongs.
            Self::Gzip if input.first() == Some(&0x1f) => {
                read_all(flate2::bufread::MultiGzDecoder::new(input), output)
            }
            Self::Gzip => read_all(flate2::bufread::ZlibDecoder::new(input), output),
            Self::Brotli => read_all(brotli_decompressor::Decompressor::new(input, 4096), output),
            Self::Lz4Hadoop => hadoop(input, output)
                .or_else(|| lz4_flex::block::decompress_into(input, output).ok()),
            Self::Lz4 => lz4_flex::block::decompress_into(input, output).ok(),
            Self::Zstd(decoder) => decoder.borrow_mut().decode_all(input, output).ok(),
        };
        if written == Some(output.len()) {
            Ok(())
        } else {
            Err(corrupt("a page cannot be decompressed to the size that it is said to have"))
        }
    }
}

/// Reads until `output` is full, and makes sure that nothing follows.
fn read_all(mut reader: impl Read, output: &mut [u8]) -> Option<usize> {
    reader.read_exact(output).ok()?;
    (reader.read(&mut [0]).ok()? == 0).then_some(output.len())
}

/// Hadoop's frames: in front of each its size afterwards, then chunks with their sizes before, all
/// big-endian, until that size is reached.
fn hadoop(mut input: &[u8], output: &mut [u8]) -> Option<usize> {
    fn size(input: &mut &[u8]) -> Option<usize> {
        let (size, rest) = input.split_first_chunk::<4>()?;
        *input = rest;
        usize::try_from(u32::from_be_bytes(*size)).ok()
    }
    let mut written = 0_usize;
    while !input.is_empty() {
        let end = written.checked_add(size(&mut input)?)?;
        let target = output.get_mut(..end)?;
        while written < end {
            let compressed = size(&mut input)?;
            let (chunk, rest) = input.split_at_checked(compressed)?;
            let filled = lz4_flex::block::decompress_into(chunk, &mut target[written..]).ok()?;
            if filled == 0 {
                return None;
            }
            written += filled;
            input = rest;
        }
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::hadoop;

    #[test]
    fn a_frame_may_have_several_chunks() {
        // A literal of two letters is a block of its own.
        let chunk = |text: &[u8; 2]| [&[0, 0, 0, 3, 0x20][..], text].concat();
        let frames =
            [&[0, 0, 0, 4][..], &chunk(b"ab"), &chunk(b"cd"), &[0, 0, 0, 2], &chunk(b"ef")];
        let mut output = [0; 6];
        assert_eq!(hadoop(&frames.concat(), &mut output), Some(6));
        assert_eq!(&output, b"abcdef");
        assert_eq!(hadoop(&frames.concat(), &mut [0; 5]), None);
    }
}
