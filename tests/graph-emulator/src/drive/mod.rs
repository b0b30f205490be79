//! Drives: items with stable identifiers, tags and hashes, in memory, over a folder on disk, a
//! synthetic seed, or nothing.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

pub(crate) use changes::{Changes, Position, Wanted};
pub(crate) use content::{Blobs, Content, Source};
pub(crate) use edit::{Conflict, EditError, Update};
pub(crate) use generated::Generated;
pub use generated::MAX_ROWS;
pub(crate) use hashes::Hashes;
pub(crate) use ids::{DriveIds, ROOT};
pub(crate) use item::{Item, Kind, Marks, Remote};
pub(crate) use names::fold;
pub(crate) use records::Records;
pub(crate) use registry::Drives;
pub use synthetic::MAX_ITEMS;
pub(crate) use synthetic::Synthetic;

use crate::clock::Clock;
use crate::guid::Guid;
use crate::random::Random;
use changes::Copier;
use hashes::HashCache;
use ids::Named;
use tree::{Index, TOP, Tree};

mod changes;
mod content;
mod disk;
mod edit;
mod generated;
mod hashes;
mod ids;
mod item;
pub(crate) mod media_type;
mod names;
mod quick_xor_hash;
mod records;
mod registry;
mod synthetic;
mod tree;

/// What a drive is, apart from its items.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DriveInfo {
    pub(crate) ids: DriveIds,
    pub(crate) kind: DriveKind,
    pub(crate) owner: Owner,
    pub(crate) name: String,
    /// The host of its pages and downloads, and the folder there.
    pub(crate) host: String,
    pub(crate) place: String,
    pub(crate) created_ms: i64,
    /// Bytes it may hold.
    pub(crate) total: u64,
    pub(crate) seed: Option<Synthetic>,
}

/// The value of `driveType`. (8)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DriveKind {
    Personal,
    Business,
    DocumentLibrary,
}

/// Whose a drive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Owner {
    User(Guid),
    Group(Guid),
    Site(Guid),
}

impl DriveKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "personal",
            Self::Business => "business",
            Self::DocumentLibrary => "documentLibrary",
        }
    }
}

/// Some of a folder's children.
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// Whether there are more behind them.
    pub(crate) more: bool,
    pub(crate) total: usize,
}

/// The order in which a folder is listed. (1.4)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Order {
    #[default]
    Name,
    Size,
    Modified,
}

/// How a folder is listed.
#[derive(Clone, Copy)]
pub(crate) struct Listing {
    pub(crate) order: Order,
    pub(crate) descending: bool,
    pub(crate) with_shortcuts: bool,
}

/// The drive. Every call looks at the disk as far as it concerns the items asked for, so changes
/// made there while the emulator runs are seen at the next request. Calls block on the disk.
pub(crate) struct Drive {
    pub(crate) info: DriveInfo,
    tree: Mutex<Tree>,
    hashes: HashCache,
}

impl Drive {
    /// Opens a drive; `records` are what [`records`](Self::records) gave in an earlier run.
    pub(crate) fn open(
        info: DriveInfo,
        folder: Option<PathBuf>,
        clock: Arc<Clock>,
        blobs: Blobs,
        id_seed: &[u8; 32],
        records: Option<Records>,
    ) -> io::Result<Self> {
        if let Some(folder) = &folder {
            fs::read_dir(folder)?;
        }
        let mut tree = Tree::new(clock, blobs, id_seed, folder, info.created_ms);
        if let Some(synthetic) = info.seed {
            tree.fill(synthetic, info.created_ms);
        }
        let is_new = records.is_none();
        if records.is_some_and(|records| !tree.restore(records)) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its records do not fit"));
        }
        // In a first run the folder is the drive as it always was; later it may have changed.
        tree.building = is_new;
        tree.refresh_all();
        tree.building = false;
        let hashes = HashCache::new(info.ids.is_personal());
        Ok(Self { info, tree: Mutex::new(tree), hashes })
    }

    pub(crate) fn ids(&self) -> &DriveIds {
        &self.info.ids
    }

    /// The drive's identifier.
    pub(crate) fn id(&self) -> String {
        self.info.ids.drive()
    }

    pub(crate) fn is_personal(&self) -> bool {
        self.info.ids.is_personal()
    }

    // Looking.

    /// The item with this identifier, if it exists.
    pub(crate) fn named(&self, id: &str) -> Option<Item> {
        let mut tree = self.tree();
        let index = match self.info.ids.named(id)? {
            Named::Guid(guid) => tree.index(guid)?,
            Named::Ordinal(index) => Some(index).filter(|i| (*i as usize) < tree.nodes.len())?,
        };
        tree.look(index)
    }

    /// As [`named`](Self::named), but deleted items too.
    pub(crate) fn named_or_deleted(&self, id: &str) -> Option<Item> {
        let tree = self.tree();
        let index = match self.info.ids.named(id)? {
            Named::Guid(guid) => *tree.by_guid.get(&guid)?,
            Named::Ordinal(index) => Some(index).filter(|i| (*i as usize) < tree.nodes.len())?,
        };
        Some(tree.copy(index))
    }

    pub(crate) fn item(&self, guid: Guid) -> Option<Item> {
        let mut tree = self.tree();
        let index = tree.index(guid)?;
        tree.look(index)
    }

    pub(crate) fn root(&self) -> Item {
        let mut tree = self.tree();
        tree.refresh(TOP);
        tree.copy(TOP)
    }

    /// The item found by following names from `from`, in any case.
    pub(crate) fn resolve<N: AsRef<str>>(&self, from: Guid, names: &[N]) -> Option<Item> {
        let mut tree = self.tree();
        let mut index = tree.index(from)?;
        for name in names {
            tree.refresh(index);
            index = tree.child(index, name.as_ref())?;
        }
        tree.look(index)
    }

    pub(crate) fn special(&self, name: &str) -> Option<Item> {
        let mut tree = self.tree();
        tree.refresh(TOP);
        let index = tree.special(name)?;
        tree.look(index)
    }

    /// Up to `limit` children of a folder: behind a name in the order of names, or behind so many in
    /// another order.
    pub(crate) fn children(
        &self,
        folder: Guid,
        listing: Listing,
        after: (&str, usize),
        limit: usize,
    ) -> Option<Page> {
        let mut tree = self.tree();
        let index = tree.index(folder)?;
        tree.refresh(index);
        tree.page(index, listing, after, limit)
    }

    /// Items whose names hold a text, in any case, below a folder.
    pub(crate) fn search(&self, folder: Guid, text: &str, skip: usize, limit: usize) -> Vec<Item> {
        let mut tree = self.tree();
        tree.refresh_all();
        let Some(scope) = tree.index(folder) else { return Vec::new() };
        let text = fold(text);
        let mut copier = Copier { tree: &tree, parents: HashMap::new() };
        (1..tree.nodes.len() as Index)
            .filter(|&index| {
                let node = tree.node(index);
                !node.deleted && fold(&node.name).contains(&text) && tree.is_within(index, scope)
            })
            .skip(skip)
            .take(limit)
            .map(|index| copier.copy(index))
            .collect()
    }

    /// Every item that `wanted` picks.
    pub(crate) fn all(&self, wanted: impl Fn(&Item) -> bool) -> Vec<Item> {
        let mut tree = self.tree();
        tree.refresh_all();
        let mut copier = Copier { tree: &tree, parents: HashMap::new() };
        let living = (0..tree.nodes.len() as Index).filter(|&index| !tree.node(index).deleted);
        living.map(|index| copier.copy(index)).filter(wanted).collect()
    }

    /// The number behind which nothing has changed yet.
    pub(crate) fn latest(&self) -> u64 {
        let mut tree = self.tree();
        tree.refresh_all();
        tree.latest
    }

    /// A part of what changed; the disk is looked at when an enumeration starts.
    pub(crate) fn changes(&self, from: Position, starts: bool, wanted: Wanted) -> Changes {
        let mut tree = self.tree();
        if starts {
            tree.refresh_all();
        }
        tree.changes(from, wanted)
    }

    /// A file's current state and its opened content.
    pub(crate) fn open_file(&self, guid: Guid) -> Option<(Item, Content)> {
        let mut tree = self.tree();
        let index = tree.index(guid)?;
        let item = tree.look(index)?;
        let Kind::File { source } = &item.kind else { return None };
        let content = tree.open(source).ok()?;
        if let (Source::Disk { .. }, Content::File(file)) = (source, &content) {
            // The opened file decides: the name may lead to another one by now.
            tree.observe(index, &file.metadata().ok()?);
            return Some((tree.copy(index), content));
        }
        Some((item, content))
    }

    /// The hashes of a file's current content, computed when first asked for.
    pub(crate) fn hashes(&self, item: &Item) -> Option<Arc<Hashes>> {
        let Kind::File { source } = &item.kind else { return None };
        self.hashes.of(item, source, || {
            let place = self.tree().content_place(source);
            place.open()
        })
    }

    /// The folder on disk that seeded it.
    pub(crate) fn seed_folder(&self) -> Option<PathBuf> {
        self.tree().seed_folder.clone()
    }

    /// Names on disk that cannot exist in OneDrive, or that differ from another only in case.
    pub(crate) fn left_out(&self) -> Vec<PathBuf> {
        self.tree().left_out()
    }

    // Changing.

    pub(crate) fn create_folder(
        &self,
        parent: Guid,
        name: &str,
        conflict: Conflict,
    ) -> Result<Item, EditError> {
        let mut tree = self.tree();
        let parent = tree.index(parent).ok_or(EditError::NotFound)?;
        let index = tree.create_folder(parent, name, conflict)?;
        Ok(tree.copy(index))
    }

    /// Uploads a file by path, making the folders on the way; true if it is a new one.
    pub(crate) fn put_file(
        &self,
        from: Guid,
        names: &[String],
        content: (u64, Source),
        conflict: Conflict,
    ) -> Result<(Item, bool), EditError> {
        let mut tree = self.tree();
        let from = tree.index(from).ok_or(EditError::NotFound)?;
        let Some((name, folders)) = names.split_last() else {
            tree.replace_file(from, content.0, content.1)?;
            return Ok((tree.copy(from), false));
        };
        let parent = tree.make_folders(from, folders)?;
        let (index, is_new) = tree.put_file(parent, name, content, conflict)?;
        Ok((tree.copy(index), is_new))
    }

    pub(crate) fn make_folders(&self, from: Guid, names: &[String]) -> Result<Item, EditError> {
        let mut tree = self.tree();
        let from = tree.index(from).ok_or(EditError::NotFound)?;
        let index = tree.make_folders(from, names)?;
        Ok(tree.copy(index))
    }

    pub(crate) fn put_remote(
        &self,
        parent: Guid,
        name: &str,
        remote: Remote,
    ) -> Result<Item, EditError> {
        let mut tree = self.tree();
        let parent = tree.index(parent).ok_or(EditError::NotFound)?;
        let index = tree.put_remote(parent, name, remote)?;
        Ok(tree.copy(index))
    }

    pub(crate) fn update(
        &self,
        guid: Guid,
        update: Update,
        conflict: Conflict,
    ) -> Result<Item, EditError> {
        let mut tree = self.tree();
        let index = tree.index(guid).ok_or(EditError::NotFound)?;
        tree.update(index, update, conflict)?;
        Ok(tree.copy(index))
    }

    pub(crate) fn remove(&self, guid: Guid) -> Result<(), EditError> {
        let mut tree = self.tree();
        let index = tree.index(guid).ok_or(EditError::NotFound)?;
        tree.remove(index)
    }

    pub(crate) fn set_marks(&self, guid: Guid, marks: Marks) -> Result<Item, EditError> {
        let mut tree = self.tree();
        let index = tree.index(guid).ok_or(EditError::NotFound)?;
        tree.set_marks(index, marks);
        Ok(tree.copy(index))
    }

    /// Gives a file another content of the same length, as if somebody had saved it.
    pub(crate) fn change_content(&self, guid: Guid, random: &Random) -> io::Result<Option<Item>> {
        let Some((item, content)) = self.open_file(guid) else { return Ok(None) };
        let (blobs, mut bytes) = (self.tree().blobs.clone(), vec![0; item.size as usize]);
        content.read_exact_at(&mut bytes, 0)?;
        // Upper and lower case change places: text stays text.
        for byte in bytes.iter_mut().filter(|byte| byte.is_ascii_alphabetic()) {
            *byte ^= 0x20;
        }
        let source = Source::Blob(blobs.keep(random, &bytes)?);
        let mut tree = self.tree();
        let Some(index) = tree.index(guid) else { return Ok(None) };
        // A lock is for requests, not for whoever holds it.
        let now_ms = tree.clock.now_ms();
        tree.set_content(index, item.size, source, now_ms);
        Ok(Some(tree.copy(index)))
    }

    // Keeping.

    /// A number that changes whenever [`records`](Self::records) would answer something else.
    pub(crate) fn revision(&self) -> u64 {
        self.tree().revision
    }

    /// What a later run needs to go on with the same items.
    pub(crate) fn records(&self) -> Records {
        self.tree().records()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where content is to be opened, apart from the tree and its lock.
enum ContentPlace {
    File(PathBuf),
    Generated(generated::Generated),
}

impl ContentPlace {
    fn open(self) -> io::Result<Content> {
        match self {
            Self::File(path) => File::open(path).map(Content::File),
            Self::Generated(generated) => Ok(Content::Generated(generated)),
        }
    }
}

impl Tree {
    /// An item brought up to date, or `None` if it is gone.
    fn look(&mut self, index: Index) -> Option<Item> {
        self.refresh(index);
        (!self.node(index).deleted).then(|| self.copy(index))
    }

    fn content_place(&self, source: &Source) -> ContentPlace {
        match source {
            Source::Disk { path, .. } => {
                ContentPlace::File(self.seed_folder.as_deref().unwrap_or(path).join(path))
            }
            Source::Blob(name) => ContentPlace::File(self.blobs.path(name)),
            Source::Generated(generated) => ContentPlace::Generated(*generated),
        }
    }

    fn open(&self, source: &Source) -> io::Result<Content> {
        self.content_place(source).open()
    }

    fn page(
        &mut self,
        folder: Index,
        Listing { order, descending, with_shortcuts }: Listing,
        (after, skip): (&str, usize),
        limit: usize,
    ) -> Option<Page> {
        let children = &self.folder(folder)?.children;
        let shown = |child: &Index| with_shortcuts || !self.is_shortcut(*child);
        let total = children.values().filter(|child| shown(child)).count();
        let all = children.values().copied().filter(shown);
        let mut rows: Vec<Index> = match (order, descending) {
            (Order::Name, false) if !after.is_empty() => {
                let behind = (
                    std::ops::Bound::Excluded(fold(after).into_boxed_str()),
                    std::ops::Bound::Unbounded,
                );
                let rows = children.range(behind).map(|(_, &child)| child);
                rows.filter(shown).take(limit + 1).collect()
            }
            (Order::Name, false) => all.skip(skip).take(limit + 1).collect(),
            (Order::Name, true) => all.rev().skip(skip).take(limit + 1).collect(),
            (order, _) => {
                let mut all: Vec<Index> = all.collect();
                all.sort_by_key(|&index| match order {
                    Order::Size => self.copy_with(index, None).size as i64,
                    _ => self.node(index).modified_ms,
                });
                if descending {
                    all.reverse();
                }
                all.into_iter().skip(skip).take(limit + 1).collect()
            }
        };
        let more = rows.len() > limit;
        rows.truncate(limit);
        for &row in &rows {
            self.refresh(row);
        }
        let mut copier = Copier { tree: self, parents: HashMap::new() };
        // A row that vanished in the meantime leaves a shorter page, as in the service.
        let living = rows.into_iter().filter(|&row| !copier.tree.node(row).deleted);
        let living: Vec<Index> = living.collect();
        let items = living.into_iter().map(|row| copier.copy(row)).collect();
        Some(Page { items, more, total })
    }
}
