//! Parquet, read by ranges: the caller fetches bytes, this module says which and makes batches of
//! them.
//!
//! A file is opened from its last bytes ([`ParquetFile::open`]). Each row group is then read on its
//! own ([`RowGroupReader`]), so that several can be in flight, in one instance or in many; it names
//! ranges of the columns that are asked for, some ahead of the decoder, and takes them as they
//! come.
//!
//! From the footer to the arrays all is read here. Sizes, counts and offsets come from strangers
//! and are checked before they are believed, and nothing is reserved on the word of the file: what
//! is damaged is an error, never a panic, which would be a trap in a component. Decompression is
//! that of crates in Rust alone, since a component has no C libraries.
//!
//! From the inside out: `thrift`, `metadata`, `footer` and `schema` read the description of the
//! file; `chunk`, `page_header`, `codec` and `column` get the pages of a column; `bits`, `runs`,
//! `delta` and `values` decode them; `arrays` makes arrays of levels and values; `rows` batches.
//!
//! ```
//! use tabular_formats::parquet::{Opened, ParquetFile, ParquetOptions};
//!
//! // Too little to see the footer: the answer says from where on to fetch.
//! let tail = [&200_u32.to_le_bytes()[..], b"PAR1"].concat();
//! match ParquetFile::open(1_000, &tail, &ParquetOptions::default())? {
//!     Opened::NeedsFrom(offset) => assert_eq!(offset, 1_000 - 200 - 8),
//!     Opened::File(file) => println!("{} rows", file.rows()),
//! }
//! # Ok::<(), tabular_formats::FormatError>(())
//! ```

mod arrays;
mod bits;
mod chunk;
mod codec;
mod column;
mod delta;
mod file;
mod footer;
mod metadata;
mod options;
mod page_header;
mod rows;
mod runs;
mod schema;
mod thrift;
mod values;

pub use file::{Opened, ParquetFile, RowGroup};
pub use options::{ParquetOptions, option_docs};
pub use rows::{RowGroupReader, Step};

use crate::FormatError;

/// What is wrong with the bytes, as a clause.
fn corrupt(reason: impl Into<String>) -> FormatError {
    FormatError::Corrupt { reason: reason.into() }
}
