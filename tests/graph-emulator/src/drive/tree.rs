//! The tree of items in memory: nodes in the order of their creation, never moved, so that an
//! enumeration can go on where it was; and the log of changes, from which delta answers.
//!
//! Deleted items stay as tombstones. What changes the tree from outside is in `edit` (requests) and
//! `disk` (the folder that seeded the drive).

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use ring::hmac;

use super::ROOT;
use super::content::{Blobs, Source, Stamp};
use super::item::{Item, Kind, Marks, Parent, Remote};
use super::names::fold;
use crate::clock::Clock;
use crate::guid::Guid;

/// Where a node is in the tree's list.
pub(super) type Index = u32;
pub(super) const TOP: Index = 0;

/// Where the tags of a new file start; the two counters are unrelated. (1.8)
pub(super) const FILE_VERSIONS: (u32, u32) = (2, 1);
/// Where the tags of a new folder start. (1.9)
pub(super) const FOLDER_VERSIONS: (u32, u32) = (1, 0);

pub(super) struct Node {
    pub(super) guid: Guid,
    pub(super) parent: Index,
    pub(super) name: Arc<str>,
    pub(super) created_ms: i64,
    pub(super) modified_ms: i64,
    pub(super) client_modified_ms: Option<i64>,
    pub(super) e_version: u32,
    pub(super) c_version: u32,
    /// The number of its latest change in the log; 0 if it is as it was when the drive was made.
    pub(super) changed: u64,
    pub(super) deleted: bool,
    pub(super) body: Body,
    pub(super) marks: Option<Arc<Marks>>,
}

pub(super) enum Body {
    File { size: u64, source: Source },
    Folder(Folder),
    Remote(Arc<Remote>),
}

#[derive(Default)]
pub(super) struct Folder {
    /// By folded name, which is also the order in which children are listed.
    pub(super) children: BTreeMap<Box<str>, Index>,
    pub(super) size: u64,
    pub(super) disk: Option<Box<DiskFolder>>,
}

/// A folder that came from disk, and what was seen in it there.
#[derive(Default)]
pub(super) struct DiskFolder {
    /// Below the folder that seeded the drive.
    pub(super) path: PathBuf,
    /// Its modification time when it was last read, if that was settled by then.
    pub(super) read_at: Option<SystemTime>,
    pub(super) left_out: Vec<PathBuf>,
    /// By folded name: which node an entry became. That node may be elsewhere or deleted by now.
    pub(super) entries: HashMap<String, Entry>,
}

pub(super) struct Entry {
    pub(super) name: String,
    pub(super) node: Index,
    /// `None` for a folder.
    pub(super) stamp: Option<Stamp>,
}

/// What a new node is made of.
pub(super) struct Seedling {
    pub(super) name: String,
    pub(super) created_ms: i64,
    pub(super) modified_ms: i64,
    pub(super) body: Body,
}

pub(super) struct Tree {
    /// The folder on disk that seeded the drive, if one did.
    pub(super) seed_folder: Option<PathBuf>,
    pub(super) clock: Arc<Clock>,
    pub(super) blobs: Blobs,
    id_key: hmac::Key,
    pub(super) nodes: Vec<Node>,
    pub(super) by_guid: HashMap<Guid, Index>,
    /// The latest change of each node that changed, by number: the node and the time.
    pub(super) log: BTreeMap<u64, (Index, i64)>,
    pub(super) latest: u64,
    /// While a drive is made, nothing counts as a change.
    pub(super) building: bool,
    /// Moves whenever something would be saved differently.
    pub(super) revision: u64,
}

impl Tree {
    pub(super) fn new(
        clock: Arc<Clock>,
        blobs: Blobs,
        id_seed: &[u8; 32],
        seed_folder: Option<PathBuf>,
        created_ms: i64,
    ) -> Self {
        let disk = seed_folder.is_some().then(Box::default);
        let root = Node {
            guid: ROOT,
            parent: TOP,
            name: "root".into(),
            created_ms,
            modified_ms: created_ms,
            client_modified_ms: None,
            e_version: FOLDER_VERSIONS.0,
            c_version: FOLDER_VERSIONS.1,
            changed: 0,
            deleted: false,
            body: Body::Folder(Folder { disk, ..Folder::default() }),
            marks: None,
        };
        Self {
            seed_folder,
            clock,
            blobs,
            id_key: hmac::Key::new(hmac::HMAC_SHA256, id_seed),
            nodes: vec![root],
            by_guid: HashMap::from([(ROOT, TOP)]),
            log: BTreeMap::new(),
            latest: 0,
            building: true,
            revision: 0,
        }
    }

    // Looking.

    pub(super) fn node(&self, index: Index) -> &Node {
        &self.nodes[index as usize]
    }

    pub(super) fn node_mut(&mut self, index: Index) -> &mut Node {
        &mut self.nodes[index as usize]
    }

    /// The living node of an identifier.
    pub(super) fn index(&self, guid: Guid) -> Option<Index> {
        self.by_guid.get(&guid).copied().filter(|&index| !self.node(index).deleted)
    }

    pub(super) fn folder(&self, index: Index) -> Option<&Folder> {
        match &self.node(index).body {
            Body::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    pub(super) fn folder_mut(&mut self, index: Index) -> Option<&mut Folder> {
        match &mut self.node_mut(index).body {
            Body::Folder(folder) => Some(folder),
            _ => None,
        }
    }

    pub(super) fn is_shortcut(&self, index: Index) -> bool {
        matches!(&self.node(index).body, Body::Remote(remote) if remote.target.is_some())
    }

    pub(super) fn child(&self, folder: Index, name: &str) -> Option<Index> {
        self.folder(folder)?.children.get(fold(name).as_str()).copied()
    }

    /// Names from the root down, joined by `/`.
    pub(super) fn path(&self, index: Index) -> String {
        let mut names = Vec::new();
        let mut at = index;
        while at != TOP {
            let node = self.node(at);
            names.push(&*node.name);
            at = node.parent;
        }
        names.reverse();
        names.join("/")
    }

    pub(super) fn is_within(&self, index: Index, folder: Index) -> bool {
        let mut at = index;
        while folder != TOP && at != folder {
            if at == TOP {
                return false;
            }
            at = self.node(at).parent;
        }
        true
    }

    pub(super) fn copy(&self, index: Index) -> Item {
        let parent = (index != TOP).then(|| self.as_parent(self.node(index).parent));
        self.copy_with(index, parent)
    }

    pub(super) fn as_parent(&self, folder: Index) -> Parent {
        Parent { guid: self.node(folder).guid, ordinal: folder, path: self.path(folder).into() }
    }

    /// Copies an item whose parent was looked up before.
    pub(super) fn copy_with(&self, index: Index, parent: Option<Parent>) -> Item {
        let node = self.node(index);
        let (size, kind) = match &node.body {
            Body::File { size, source } => (*size, Kind::File { source: source.clone() }),
            Body::Folder(folder) => {
                (folder.size, Kind::Folder { child_count: folder.children.len() })
            }
            Body::Remote(remote) => (0, Kind::Remote(Arc::clone(remote))),
        };
        Item {
            guid: node.guid,
            ordinal: index,
            name: Arc::clone(&node.name),
            parent,
            created_ms: node.created_ms,
            modified_ms: node.modified_ms,
            client_modified_ms: node.client_modified_ms,
            e_version: node.e_version,
            c_version: node.c_version,
            size,
            kind,
            marks: node.marks.clone(),
            deleted: node.deleted,
        }
    }

    // Changing.

    /// Adds a node to a folder that has no child of that name.
    pub(super) fn insert(&mut self, parent: Index, seedling: Seedling) -> Index {
        let path = match self.path(parent) {
            above if above.is_empty() => seedling.name.clone(),
            above => format!("{above}/{}", seedling.name),
        };
        let guid = self.new_guid(&path);
        self.insert_as(guid, parent, seedling)
    }

    pub(super) fn insert_as(&mut self, guid: Guid, parent: Index, seedling: Seedling) -> Index {
        let index = self.nodes.len() as Index;
        let Seedling { name, created_ms, modified_ms, body } = seedling;
        let (e_version, c_version) = match body {
            Body::File { .. } => FILE_VERSIONS,
            _ => FOLDER_VERSIONS,
        };
        let size = match &body {
            Body::File { size, .. } => *size,
            _ => 0,
        };
        let key = fold(&name).into_boxed_str();
        self.nodes.push(Node {
            guid,
            parent,
            name: name.into(),
            created_ms,
            modified_ms,
            client_modified_ms: None,
            e_version,
            c_version,
            changed: 0,
            deleted: false,
            body,
            marks: None,
        });
        self.by_guid.insert(guid, index);
        if let Some(folder) = self.folder_mut(parent) {
            folder.children.insert(key, index);
        }
        self.resize_above(index, 0, size);
        self.changed(index);
        self.content_changed_above(index);
        index
    }

    /// An identifier for the path, another one than items had there before.
    fn new_guid(&self, path: &str) -> Guid {
        let candidates = (0_u32..).map(|generation| {
            let digest = hmac::sign(&self.id_key, format!("{generation}/{path}").as_bytes());
            Guid::from_digest(digest.as_ref())
        });
        // Items that were deleted or moved away keep the identifier of their first path.
        let mut free = candidates.filter(|guid| !self.by_guid.contains_key(guid));
        free.next().unwrap_or(ROOT)
    }

    /// Notes that a node is not as it was.
    pub(super) fn changed(&mut self, index: Index) {
        self.revision += 1;
        if self.building {
            return;
        }
        let now_ms = self.clock.now_ms();
        self.latest += 1;
        let latest = self.latest;
        let before = std::mem::replace(&mut self.node_mut(index).changed, latest);
        self.log.remove(&before);
        self.log.insert(latest, (index, now_ms));
    }

    /// The content of a file is another.
    pub(super) fn set_content(
        &mut self,
        index: Index,
        size: u64,
        source: Source,
        modified_ms: i64,
    ) {
        let node = self.node_mut(index);
        let Body::File { size: old, source: known } = &mut node.body else { return };
        let before = std::mem::replace(old, size);
        *known = source;
        // The service counts the upload and the properties it writes afterwards.
        node.e_version += 2;
        node.c_version += 1;
        node.modified_ms = modified_ms;
        self.resize_above(index, before, size);
        self.changed(index);
        self.content_changed_above(index);
    }

    /// Takes a node out of its folder, and everything in it; tombstones stay.
    pub(super) fn delete(&mut self, index: Index) {
        self.detach(index);
        self.bury(index);
    }

    fn bury(&mut self, index: Index) {
        let children: Vec<Index> =
            self.folder(index).into_iter().flat_map(|f| f.children.values().copied()).collect();
        self.node_mut(index).deleted = true;
        self.changed(index);
        for child in children {
            self.bury(child);
        }
    }

    /// Takes a node out of its folder's list; sizes above follow.
    pub(super) fn detach(&mut self, index: Index) {
        let size = self.size(index);
        self.content_changed_above(index);
        self.resize_above(index, size, 0);
        let (parent, key) = (self.node(index).parent, fold(&self.node(index).name));
        if let Some(folder) = self.folder_mut(parent) {
            folder.children.remove(key.as_str());
        }
    }

    /// Puts a node that was taken out into a folder under a name.
    pub(super) fn attach(&mut self, index: Index, parent: Index, name: &str) {
        let node = self.node_mut(index);
        node.parent = parent;
        if &*node.name != name {
            node.name = name.into();
        }
        if let Some(folder) = self.folder_mut(parent) {
            folder.children.insert(fold(name).into_boxed_str(), index);
        }
        let size = self.size(index);
        self.resize_above(index, 0, size);
        self.content_changed_above(index);
    }

    fn size(&self, index: Index) -> u64 {
        match &self.node(index).body {
            Body::File { size, .. } => *size,
            Body::Folder(folder) => folder.size,
            Body::Remote(_) => 0,
        }
    }

    fn resize_above(&mut self, index: Index, before: u64, now: u64) {
        let mut at = index;
        while before != now && at != TOP {
            at = self.node(at).parent;
            if let Some(folder) = self.folder_mut(at) {
                folder.size = folder.size - before + now;
            }
        }
    }

    /// The folders above have other contents now, which their cTags tell.
    fn content_changed_above(&mut self, index: Index) {
        let mut at = index;
        while !self.building && at != TOP {
            at = self.node(at).parent;
            self.node_mut(at).c_version += 1;
        }
    }
}
