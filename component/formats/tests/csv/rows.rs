//! Reads delimited text with options by name.

use tabular_formats::csv::{CsvFormat, CsvOptions};
use tabular_formats::{BatchSize, FormatError};

use crate::reading::{Read, pairs};

/// Reads a text as a whole.
pub(crate) fn try_read(text: &[u8], options: &[(&str, &str)]) -> Result<Read, FormatError> {
    let format = CsvFormat::sniff(text, true, &CsvOptions::from_pairs(&pairs(options))?)?;
    Read::whole(format.decoder(None, None, BatchSize::default()), text)
}

/// The same, of a text that can be read.
pub(crate) fn read(text: &str, options: &[(&str, &str)]) -> Read {
    try_read(text.as_bytes(), options).unwrap_or_else(|error| panic!("{error} {text:?}"))
}
