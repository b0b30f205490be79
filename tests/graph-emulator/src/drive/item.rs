//! One item as it was at one moment.

use std::path::PathBuf;

use crate::guid::Guid;

/// A file or folder, copied out of the tree.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) guid: Guid,
    /// Names from the root down to this item; empty for the root.
    pub(crate) path: Vec<String>,
    pub(crate) parent: Guid,
    /// Milliseconds since 1970.
    pub(crate) created_ms: i64,
    /// Milliseconds since 1970.
    pub(crate) modified_ms: i64,
    /// The number in the eTag: moves with content and metadata.
    pub(crate) e_version: u32,
    /// The number in the cTag: moves with content only, of a folder with its descendants'.
    pub(crate) c_version: u32,
    /// Bytes; of a folder, of everything in it as far as it was looked at.
    pub(crate) size: u64,
    pub(crate) kind: Kind,
}

/// What an item is.
#[derive(Clone)]
pub(crate) enum Kind {
    File {
        /// Where its content is.
        disk: PathBuf,
    },
    Folder {
        child_count: usize,
    },
}

impl Item {
    /// The item's name; empty for the root.
    pub(crate) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// `"{GUID},n"`, with its quotes. (1.8)
    pub(crate) fn e_tag(&self) -> String {
        format!("\"{{{}}},{}\"", self.guid.upper(), self.e_version)
    }

    /// `"c:{GUID},m"`, with its quotes. (1.8)
    pub(crate) fn c_tag(&self) -> String {
        format!("\"c:{{{}}},{}\"", self.guid.upper(), self.c_version)
    }

    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder { .. })
    }
}
