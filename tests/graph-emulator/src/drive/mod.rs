//! A folder on disk as a drive: items with stable identifiers, tags and hashes.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use hashes::Hashes;
pub(crate) use ids::{DriveIds, ROOT};
pub(crate) use item::{Item, Kind};
pub(crate) use tree::{Page, Record};

use crate::guid::Guid;
use hashes::HashCache;
use tree::Tree;

mod hashes;
mod ids;
mod item;
pub(crate) mod media_type;
mod names;
mod quick_xor_hash;
mod tree;

/// The drive. Every call looks at the disk as far as it concerns the items asked for, so changes
/// made there while the emulator runs are seen at the next request. Calls block on the disk.
pub(crate) struct Drive {
    pub(crate) ids: DriveIds,
    tree: Mutex<Tree>,
    hashes: HashCache,
}

impl Drive {
    /// Opens a folder; `records` are what [`records`](Self::records) gave in an earlier run.
    pub(crate) fn open(
        folder: PathBuf,
        ids: DriveIds,
        id_seed: [u8; 32],
        records: Vec<Record>,
    ) -> io::Result<Self> {
        let tree = Tree::open(folder, id_seed, records)?;
        Ok(Self { hashes: HashCache::new(ids.profile()), ids, tree: Mutex::new(tree) })
    }

    /// The item with this identifier, if it exists.
    pub(crate) fn item(&self, guid: Guid) -> Option<Item> {
        self.tree().item(guid)
    }

    /// The item found by following names from `from`, in any case.
    pub(crate) fn resolve(&self, from: Guid, names: &[String]) -> Option<Item> {
        self.tree().resolve(from, names)
    }

    /// Up to `limit` children of a folder whose names come after `after`, in the order of names.
    pub(crate) fn children(&self, folder: Guid, after: Option<&str>, limit: usize) -> Option<Page> {
        self.tree().children(folder, after, limit)
    }

    /// A file's current state and its opened content.
    pub(crate) fn open_file(&self, guid: Guid) -> Option<(Item, File)> {
        self.tree().open_file(guid)
    }

    /// The hashes of a file's current content, computed when first asked for.
    pub(crate) fn hashes(&self, file: &Item) -> Option<Arc<Hashes>> {
        self.hashes.of(file)
    }

    /// Names on disk that cannot exist in OneDrive, or that differ from another only in case.
    pub(crate) fn left_out(&self) -> Vec<PathBuf> {
        self.tree().left_out()
    }

    /// A number that changes whenever [`records`](Self::records) would answer something else.
    pub(crate) fn revision(&self) -> u64 {
        self.tree().revision()
    }

    /// What a later run needs to go on with the same identifiers and tags.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.tree().records()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
