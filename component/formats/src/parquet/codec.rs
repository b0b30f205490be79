//! Decompression of pages, in Rust alone: a component has no C libraries.

use std::io::Read;

use structured_zstd::decoding::FrameDecoder;

use super::corrupt;
use crate::FormatError;

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
    Zstd(Box<FrameDecoder>),
}

impl Codec {
    /// The codec of this number in the format (`CompressionCodec`).
    pub(super) fn new(number: i32) -> Result<Self, FormatError> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Snappy(snap::raw::Decoder::new()),
            2 => Self::Gzip,
            4 => Self::Brotli,
            5 => Self::Lz4Hadoop,
            6 => Self::Zstd(Box::new(FrameDecoder::new())),
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
            Self::Gzip => read_all(flate2::bufread::MultiGzDecoder::new(input), output),
            Self::Brotli => read_all(brotli_decompressor::Decompressor::new(input, 4096), output),
            Self::Lz4Hadoop => hadoop(input, output)
                .or_else(|| lz4_flex::block::decompress_into(input, output).ok()),
            Self::Lz4 => lz4_flex::block::decompress_into(input, output).ok(),
            Self::Zstd(decoder) => decoder.decode_all(input, output).ok(),
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

/// Hadoop's frames: sizes before and after, big-endian, in front of each block.
fn hadoop(mut input: &[u8], output: &mut [u8]) -> Option<usize> {
    let mut written = 0_usize;
    while !input.is_empty() {
        let (sizes, rest) = input.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *sizes;
        let size = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let compressed = usize::try_from(u32::from_be_bytes([e, f, g, h])).ok()?;
        let (block, rest) = rest.split_at_checked(compressed)?;
        let target = output.get_mut(written..written.checked_add(size)?)?;
        let filled = lz4_flex::block::decompress_into(block, target).ok()?;
        if filled != size {
            return None;
        }
        written += size;
        input = rest;
    }
    Some(written)
}
