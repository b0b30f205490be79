//! What a split holds, and how it is protected.
//!
//! A token is JSON followed by a keyed hash (HMAC-SHA256, key in the
//! connection's bucket) over connection, generation and content. It names an
//! item and its cTag, never a token or a link.

use std::ops::Range;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::contract::Count;
use crate::download::FileRef;
use crate::error::{Error, ErrorKind, Result};
use crate::tables::changes::ChangesScan;
use crate::tables::files::FilesScan;
use crate::tables::stream::StreamFormat;
use crate::tables::system::SystemTable;
use crate::tables::union::Shape;
use tabular_formats::parquet::ParquetOptions;

const TAG_LENGTH: usize = 32;

/// One part of a scan.
#[derive(Serialize, Deserialize)]
pub(crate) enum Work {
    /// A file that is read front to back, whole.
    Stream {
        file: FileRef,
        format: StreamFormat,
        projection: Option<Vec<usize>>,
        limit: Option<u64>,
        /// Under which the format was kept.
        cached: Option<String>,
    },
    /// Row groups of a Parquet file.
    Parquet(ParquetScan),
    /// A part of one file of several that are one table.
    Member { work: Box<Work>, shape: Shape },
    /// The system table `files`.
    Files(FilesScan),
    /// The system table `onedrive_changes`.
    Changes(ChangesScan),
    /// One of the small system tables.
    System { table: SystemTable, columns: Vec<usize> },
}

/// A part of a scan, before it is sealed.
pub(crate) struct Planned {
    pub(crate) work: Work,
    pub(crate) rows: Option<Count>,
    pub(crate) bytes: Option<Count>,
}

/// Row groups of a Parquet file, and what of them is wanted.
#[derive(Serialize, Deserialize)]
pub(crate) struct ParquetScan {
    pub(crate) file: FileRef,
    /// Where the footer is, so that another instance can read just that.
    pub(crate) footer: Range<u64>,
    pub(crate) groups: Vec<usize>,
    pub(crate) projection: Option<Vec<usize>>,
    pub(crate) limit: Option<u64>,
    pub(crate) options: ParquetOptions,
}

#[derive(Serialize, Deserialize)]
struct Content {
    connection: String,
    generation: u64,
    work: Work,
}

/// Writes and checks the tokens of one connection at one generation.
pub(crate) struct SplitSeal<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) connection: &'a str,
    pub(crate) generation: u64,
}

impl SplitSeal<'_> {
    pub(crate) fn seal(&self, work: Work) -> Result<Vec<u8>> {
        let connection = self.connection.to_owned();
        let content = Content { connection, generation: self.generation, work };
        let mut token = serde_json::to_vec(&content)
            .map_err(|_| Error::new(ErrorKind::Internal, "A split cannot be written."))?;
        let tag = self.mac(&token).finalize().into_bytes();
        token.extend_from_slice(&tag);
        Ok(token)
    }

    pub(crate) fn open(&self, token: &[u8]) -> Result<Work> {
        let (json, tag) =
            token.len().checked_sub(TAG_LENGTH).map(|at| token.split_at(at)).ok_or_else(foreign)?;
        self.mac(json).verify_slice(tag).map_err(|_| foreign())?;
        let content: Content = serde_json::from_slice(json).map_err(|_| foreign())?;
        if content.connection != self.connection {
            return Err(foreign());
        }
        if content.generation != self.generation {
            return Err(Error::new(
                ErrorKind::StaleSplit,
                "The connection's parameters changed after the scan was planned.",
            )
            .hint("Run the statement again."));
        }
        Ok(content.work)
    }

    fn mac(&self, json: &[u8]) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(self.key)
            .expect("HMAC takes a key of any length");
        mac.update(b"onedrive-datasource split 1\0");
        mac.update(json);
        mac
    }
}

fn foreign() -> Error {
    Error::new(ErrorKind::StaleSplit, "The split was not planned by this connection.")
        .hint("Plan the scan again with the connection that shall read it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(connection: &str, generation: u64) -> SplitSeal<'_> {
        SplitSeal { key: b"key", connection, generation }
    }

    fn work() -> Work {
        Work::Files(FilesScan::default())
    }

    #[test]
    fn a_split_opens_only_for_its_connection_and_generation() {
        let token = seal("a", 1).seal(work()).unwrap();
        assert!(seal("a", 1).open(&token).is_ok());
        for (connection, generation) in [("b", 1), ("a", 2)] {
            let error = seal(connection, generation).open(&token).err().unwrap();
            assert_eq!(error.kind, ErrorKind::StaleSplit);
        }
    }

    #[test]
    fn a_changed_or_cut_split_is_refused() {
        let token = seal("a", 1).seal(work()).unwrap();
        for at in 0..token.len() {
            let mut changed = token.clone();
            changed[at] ^= 1;
            assert!(seal("a", 1).open(&changed).is_err(), "byte {at}");
            assert!(seal("a", 1).open(&token[..at]).is_err(), "cut at {at}");
        }
    }
}
