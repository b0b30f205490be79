//! Bytes to Arrow: what a tabular file looks like, found out from its first bytes, and its rows as
//! record batches, in one pass and bounded memory.
//!
//! The crate knows nothing of where the bytes come from: no files, no network, no clock, no
//! threads. A caller holds a *format* (found by sniffing a sample, small, serialisable, so that it
//! can travel to whoever reads the file) and gets a *decoder* from it, which takes the bytes in
//! chunks of any size.
//!
//! - [`StreamDecoder`] is what all formats that are read front to back have in common: bytes in,
//!   record batches of a bounded size out, and a [`Tally`] of everything that could not be taken
//!   as it stands. Nothing is lost without a trace: a cell that does not fit is NULL and counted,
//!   or, in strict mode, an error with its line.
//! - [`csv`] reads delimited text: commas, semicolons, tabs, bars.
//! - [`json`] reads objects: an array of them, one a line, or one in all.
//! - [`text`] reads prose, cut into chunks.
//! - [`parquet`] is read by ranges instead: it says which bytes it wants.
//! - [`OptionDoc`] describes the options of a format, so that a user can be told of them.
//!
//! ```
//! use tabular_formats::csv::{CsvFormat, CsvOptions};
//! use tabular_formats::{BatchSize, StreamDecoder};
//!
//! let text = b"city;height\nBergen;12\nOslo;23.5\n";
//! let format = CsvFormat::sniff(text, true, &CsvOptions::default())?;
//! let mut decoder = format.decoder(None, None, BatchSize::default());
//! assert_eq!(decoder.schema().field(1).data_type().to_string(), "Float64");
//!
//! let mut rows = 0;
//! for chunk in text.chunks(7) {
//!     let mut rest = chunk;
//!     while !rest.is_empty() && !decoder.done() {
//!         rest = &rest[decoder.decode(rest)?..];
//!         rows += decoder.take_batch()?.map_or(0, |batch| batch.num_rows());
//!     }
//! }
//! while let Some(batch) = decoder.finish()? {
//!     rows += batch.num_rows();
//! }
//! assert_eq!(rows, 2);
//! # Ok::<(), tabular_formats::FormatError>(())
//! ```

mod column_names;
pub mod csv;
mod dates;
mod decoder;
mod encoding;
mod error;
pub mod json;
mod options;
pub mod parquet;
pub mod text;

pub use decoder::{BatchSize, Fault, StreamDecoder, Tally, Warning};
pub use error::FormatError;
pub use options::{OptionDoc, ValueType};
