//! The end of a file: where the footer is.

use std::ops::Range;

use super::corrupt;
use crate::FormatError;

const MAGIC: &[u8] = b"PAR1";
/// In place of `PAR1` where the footer is encrypted.
const ENCRYPTED: &[u8] = b"PARE";
/// The footer's length, four bytes, and the magic word.
const TRAILER: u64 = 8;
/// A footer of more bytes than this is refused. A hundred thousand column chunks have some 15 MB.
const LARGEST: u64 = 32 * 1024 * 1024;

/// What the end of a file tells.
pub(super) enum Tail<'a> {
    /// The footer's bytes in front of the trailer, and where in the file footer and trailer are.
    Footer(&'a [u8], Range<u64>),
    /// The footer begins here, which is before the bytes at hand.
    NeedsFrom(u64),
}

/// Finds the footer in the last bytes of a file of `size` bytes.
pub(super) fn locate(size: u64, tail: &[u8]) -> Result<Tail<'_>, FormatError> {
    if size == 0 {
        return Err(FormatError::Empty);
    }
    let given = tail.len() as u64;
    if given > size {
        return Err(corrupt(format!("{given} bytes were given of a file of {size}")));
    }
    let whole = given == size;
    if whole && !tail.starts_with(MAGIC) && !tail.starts_with(ENCRYPTED) {
        return Err(FormatError::NotParquet { reason: "it does not begin with `PAR1`" });
    }
    if size < TRAILER + MAGIC.len() as u64 {
        return Err(FormatError::NotParquet { reason: "it is too short to be one" });
    }
    let Some((_, trailer)) = tail.split_last_chunk::<8>() else {
        return Ok(Tail::NeedsFrom(size - TRAILER));
    };
    let [a, b, c, d, magic @ ..] = *trailer;
    if magic == ENCRYPTED {
        return Err(FormatError::Encrypted);
    }
    if magic != MAGIC {
        let reason = if tail.starts_with(MAGIC) && whole {
            return Err(corrupt("it does not end with `PAR1`: its end is missing"));
        } else {
            "it does not end with `PAR1`"
        };
        return Err(FormatError::NotParquet { reason });
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d])) + TRAILER;
    let start = size.checked_sub(length).filter(|start| *start >= MAGIC.len() as u64);
    let start = start.ok_or_else(|| corrupt("its footer is said to be longer than the file"))?;
    if length > LARGEST {
        return Err(FormatError::TooMuch { what: "The footer", bytes: length, limit: LARGEST });
    }
    match usize::try_from(length).ok().and_then(|length| tail.len().checked_sub(length)) {
        Some(at) => Ok(Tail::Footer(&tail[at..tail.len() - TRAILER as usize], start..size)),
        None => Ok(Tail::NeedsFrom(start)),
    }
}
