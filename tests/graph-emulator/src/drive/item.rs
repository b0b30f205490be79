//! One item as it was at one moment, copied out of the tree.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content::Source;
use crate::guid::Guid;

/// A file, a folder, or something else that a drive lists.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) guid: Guid,
    /// Counts the items of a drive in the order of their creation; the root is 0.
    pub(crate) ordinal: u32,
    pub(crate) name: Arc<str>,
    /// The folder that it is in, and where that is; none for the root.
    pub(crate) parent: Option<Parent>,
    /// Milliseconds since 1970.
    pub(crate) created_ms: i64,
    /// Milliseconds since 1970.
    pub(crate) modified_ms: i64,
    /// As the client that uploaded it said, where it did.
    pub(crate) client_modified_ms: Option<i64>,
    /// The number in the eTag: moves with content and metadata.
    pub(crate) e_version: u32,
    /// The number in the cTag: moves with content only, of a folder with its descendants'.
    pub(crate) c_version: u32,
    /// Bytes; of a folder, of everything in it as far as it was looked at.
    pub(crate) size: u64,
    pub(crate) kind: Kind,
    pub(crate) marks: Option<Arc<Marks>>,
    pub(crate) deleted: bool,
}

/// The folder that an item is in.
#[derive(Clone)]
pub(crate) struct Parent {
    pub(crate) guid: Guid,
    pub(crate) ordinal: u32,
    /// Names from the root down to the folder, joined by `/`; empty for the root.
    pub(crate) path: Arc<str>,
}

/// What an item is.
#[derive(Clone)]
pub(crate) enum Kind {
    File {
        source: Source,
    },
    Folder {
        child_count: usize,
    },
    /// A shortcut to an item elsewhere, or the stub of a locked vault.
    Remote(Arc<Remote>),
}

/// What a shortcut points to.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Remote {
    /// The drive and item, or nothing for a locked vault. (1.9)
    pub(crate) target: Option<(String, Guid)>,
}

/// What is unusual about an item.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Marks {
    /// The description of the malware in it: its download is refused. (2)
    pub(crate) malware: Option<String>,
    /// A folder that is shown as a package of this type, such as `oneNote`. (1.9)
    pub(crate) package: Option<String>,
    /// The name of a special folder. (1.1)
    pub(crate) special: Option<String>,
    /// The scope of sharing, such as `users`. (1.9)
    pub(crate) shared: Option<String>,
    /// Addresses of people with whom it is shared.
    pub(crate) shared_with: Vec<String>,
    /// The size that is told instead of the true one. (11.1, 11.2)
    pub(crate) told_size: Option<i64>,
    /// Whether the hashes are left out. (2)
    pub(crate) without_hashes: bool,
    pub(crate) description: Option<String>,
    /// Whether writes to it are refused with 423, as while it is open in Office. (11.6)
    pub(crate) locked: bool,
}

impl Item {
    pub(crate) fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    /// Names from the root down to this item, joined by `/`; empty for the root.
    pub(crate) fn path(&self) -> String {
        match &self.parent {
            None => String::new(),
            Some(parent) if parent.path.is_empty() => self.name.to_string(),
            Some(parent) => format!("{}/{}", parent.path, self.name),
        }
    }

    pub(crate) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder { .. })
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.kind, Kind::File { .. })
    }

    /// Whether it leads to an item of another drive.
    pub(crate) fn is_shortcut(&self) -> bool {
        matches!(&self.kind, Kind::Remote(remote) if remote.target.is_some())
    }

    /// The marks, or none.
    pub(crate) fn marks(&self) -> &Marks {
        static NONE: Marks = Marks {
            malware: None,
            package: None,
            special: None,
            shared: None,
            shared_with: Vec::new(),
            told_size: None,
            without_hashes: false,
            description: None,
            locked: false,
        };
        self.marks.as_deref().unwrap_or(&NONE)
    }
}
