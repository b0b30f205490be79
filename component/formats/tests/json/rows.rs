//! Reads JSON with options by name.

use tabular_formats::json::{JsonFormat, JsonOptions};
use tabular_formats::{BatchSize, FormatError};

use crate::reading::{Read, pairs};

pub(crate) fn options(options: &[(&str, &str)]) -> JsonOptions {
    JsonOptions::from_pairs(&pairs(options)).unwrap_or_else(|error| panic!("{error}"))
}

/// Reads a text as a whole.
pub(crate) fn try_read(text: &[u8], by_name: &[(&str, &str)]) -> Result<Read, FormatError> {
    let format = JsonFormat::sniff(text, true, &options(by_name))?;
    Read::whole(format.decoder(None, None, BatchSize::default()), text)
}

/// The same, of a text that can be read.
pub(crate) fn read(text: &str, options: &[(&str, &str)]) -> Read {
    try_read(text.as_bytes(), options).unwrap_or_else(|error| panic!("{error} {text:?}"))
}
