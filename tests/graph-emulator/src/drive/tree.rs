//! The tree of items in memory, brought up to date from the disk where it is looked at.
//!
//! A folder is read again when its modification time moved; a file is looked at whenever it is
//! answered. Identifiers are derived from the path at creation, so that they survive even the loss
//! of the records; a file that was deleted and made again gets a new one, as in the service.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::names::{fold, is_possible};
use super::{Item, Kind, ROOT};
use crate::guid::Guid;

/// A folder that changed less than this ago may change again without its time moving.
const SETTLED: Duration = Duration::from_secs(2);
/// Where the tags of a new file start; the two counters are unrelated. (1.8)
const FILE_VERSIONS: (u32, u32) = (2, 1);
/// Where the tags of a new folder start. (1.9)
const FOLDER_VERSIONS: (u32, u32) = (1, 0);

/// What is remembered of an item from run to run.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Names from the root, joined by `/`.
    path: String,
    guid: Guid,
    /// How many items with this path were deleted before.
    generation: u32,
    /// `None` if the item is deleted and only its generation matters.
    live: Option<Live>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Live {
    created_ms: i64,
    e_version: u32,
    c_version: u32,
    /// `None` for a folder.
    stamp: Option<Stamp>,
}

/// By this a change of a file's content is recognised.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    modified_ns: i64,
}

struct Node {
    parent: Guid,
    name: String,
    generation: u32,
    created_ms: i64,
    modified_ms: i64,
    e_version: u32,
    c_version: u32,
    content: Content,
}

/// What an item that was just met starts with.
struct Origin {
    guid: Guid,
    generation: u32,
    live: Live,
    is_new: bool,
}

enum Content {
    File(Stamp),
    Folder(Folder),
}

#[derive(Default)]
struct Folder {
    /// By folded name, which is also the order in which children are listed.
    children: BTreeMap<String, Guid>,
    size: u64,
    /// The folder's modification time when it was last read, if that was settled by then.
    read_at: Option<SystemTime>,
    left_out: Vec<PathBuf>,
}

/// Some of a folder's children.
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
    /// The name after which the next page starts, if there is one.
    pub(crate) next: Option<String>,
    pub(crate) total: usize,
}

pub(super) struct Tree {
    folder: PathBuf,
    id_key: hmac::Key,
    nodes: HashMap<Guid, Node>,
    /// Records of the last run whose items were not met yet, by path.
    remembered: HashMap<String, Record>,
    /// How many items with a path were deleted, by path.
    generations: HashMap<String, u32>,
    revision: u64,
}

impl Tree {
    pub(super) fn open(
        folder: PathBuf,
        id_seed: [u8; 32],
        records: Vec<Record>,
    ) -> io::Result<Self> {
        let meta = fs::metadata(&folder)?;
        let mut tree = Self {
            folder,
            id_key: hmac::Key::new(hmac::HMAC_SHA256, &id_seed),
            nodes: HashMap::new(),
            remembered: records.into_iter().map(|record| (record.path.clone(), record)).collect(),
            generations: HashMap::new(),
            revision: 0,
        };
        fs::read_dir(&tree.folder)?;
        tree.insert(ROOT, String::new(), &meta);
        tree.refresh_folder(ROOT);
        for (path, record) in std::mem::take(&mut tree.remembered) {
            let deleted = u32::from(record.live.is_some());
            tree.generations.insert(path, record.generation + deleted);
        }
        Ok(tree)
    }

    pub(super) fn item(&mut self, guid: Guid) -> Option<Item> {
        self.refresh(guid);
        self.copy(guid)
    }

    pub(super) fn resolve(&mut self, from: Guid, names: &[String]) -> Option<Item> {
        let mut guid = from;
        for name in names {
            self.refresh(guid);
            guid = *self.folder_of(guid)?.children.get(&fold(name))?;
        }
        self.item(guid)
    }

    pub(super) fn children(
        &mut self,
        guid: Guid,
        after: Option<&str>,
        limit: usize,
    ) -> Option<Page> {
        self.refresh(guid);
        let folder = self.folder_of(guid)?;
        let total = folder.children.len();
        let from = match after {
            Some(name) => std::ops::Bound::Excluded(fold(name)),
            None => std::ops::Bound::Unbounded,
        };
        let mut rest = folder
            .children
            .range::<String, _>((from, std::ops::Bound::Unbounded))
            .map(|(_, &child)| child);
        let rows: Vec<Guid> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let last = rows.last().and_then(|row| self.nodes.get(row)).map(|node| node.name.clone());
        // A row that vanished in the meantime leaves a shorter page, as in the service.
        let items = rows.into_iter().filter_map(|row| self.item(row)).collect();
        Some(Page { items, next: last.filter(|_| more), total })
    }

    pub(super) fn open_file(&mut self, guid: Guid) -> Option<(Item, File)> {
        let Kind::File { disk } = self.item(guid)?.kind else { return None };
        let file = File::open(disk).ok()?;
        // The opened file decides: the name may lead to another one by now.
        self.observe(guid, &file.metadata().ok()?);
        Some((self.copy(guid)?, file))
    }

    pub(super) fn left_out(&self) -> Vec<PathBuf> {
        let folders = self.nodes.values().filter_map(|node| match &node.content {
            Content::Folder(folder) => Some(&folder.left_out),
            Content::File(_) => None,
        });
        folders.flatten().cloned().collect()
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn records(&self) -> Vec<Record> {
        let live = self.nodes.iter().map(|(&guid, node)| Record {
            path: self.path(guid).join("/"),
            guid,
            generation: node.generation,
            live: Some(Live {
                created_ms: node.created_ms,
                e_version: node.e_version,
                c_version: node.c_version,
                stamp: match node.content {
                    Content::File(stamp) => Some(stamp),
                    Content::Folder(_) => None,
                },
            }),
        });
        let mut records: Vec<Record> = live.collect();
        let known: HashSet<String> = records.iter().map(|record| record.path.clone()).collect();
        let deleted = self.generations.iter().filter(|(path, _)| !known.contains(*path));
        records.extend(deleted.map(|(path, &generation)| Record {
            path: path.clone(),
            guid: Guid::NIL,
            generation,
            live: None,
        }));
        records
    }

    // Copies out.

    fn folder_of(&self, guid: Guid) -> Option<&Folder> {
        match &self.nodes.get(&guid)?.content {
            Content::Folder(folder) => Some(folder),
            Content::File(_) => None,
        }
    }

    fn path(&self, guid: Guid) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = guid;
        while at != ROOT
            && let Some(node) = self.nodes.get(&at)
        {
            path.push(node.name.clone());
            at = node.parent;
        }
        path.reverse();
        path
    }

    fn disk(&self, guid: Guid) -> PathBuf {
        let mut disk = self.folder.clone();
        disk.extend(self.path(guid));
        disk
    }

    fn copy(&self, guid: Guid) -> Option<Item> {
        let node = self.nodes.get(&guid)?;
        let (size, kind) = match &node.content {
            Content::File(stamp) => (stamp.size, Kind::File { disk: self.disk(guid) }),
            Content::Folder(folder) => {
                (folder.size, Kind::Folder { child_count: folder.children.len() })
            }
        };
        Some(Item {
            guid,
            path: self.path(guid),
            parent: node.parent,
            created_ms: node.created_ms,
            modified_ms: node.modified_ms,
            e_version: node.e_version,
            c_version: node.c_version,
            size,
            kind,
        })
    }

    // Looks at the disk.

    /// Brings one item up to date; it is gone afterwards if the disk no longer has it.
    fn refresh(&mut self, guid: Guid) {
        let Some(node) = self.nodes.get(&guid) else { return };
        let (parent, is_folder) = (node.parent, matches!(node.content, Content::Folder(_)));
        match fs::metadata(self.disk(guid)) {
            Ok(meta) if is_folder && meta.is_dir() => self.refresh_folder(guid),
            Ok(meta) if !is_folder && meta.is_file() => self.observe(guid, &meta),
            _ if guid == ROOT => {}
            _ => {
                self.remove(guid);
                self.refresh(parent);
            }
        }
    }

    /// Reads a folder again if it changed since it was last read.
    fn refresh_folder(&mut self, guid: Guid) {
        let disk = self.disk(guid);
        let Ok(modified) = fs::metadata(&disk).and_then(|meta| meta.modified()) else { return };
        if self.folder_of(guid).is_none_or(|folder| folder.read_at == Some(modified)) {
            return;
        }
        let Ok(entries) = fs::read_dir(&disk) else { return };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        // Of names that differ only in case the first is kept: let it always be the same.
        names.sort_unstable();
        let (mut met, mut left_out) = (HashSet::new(), Vec::new());
        for name in names {
            let path = disk.join(&name);
            let Some(name) = name.to_str().filter(|name| is_possible(name)) else {
                left_out.push(path);
                continue;
            };
            let Some(meta) = metadata(&path) else { continue };
            if !met.insert(fold(name)) {
                left_out.push(path);
                continue;
            }
            self.meet(guid, name, &meta);
        }
        self.remove_all_but(guid, &met);
        let settled = modified.elapsed().is_ok_and(|age| age > SETTLED);
        if let Some(node) = self.nodes.get_mut(&guid)
            && let Content::Folder(folder) = &mut node.content
        {
            folder.read_at = settled.then_some(modified);
            folder.left_out = left_out;
            node.modified_ms = milliseconds(modified);
        }
    }

    /// A folder has an entry: known, renamed in case only, replaced by the other kind, or new.
    fn meet(&mut self, parent: Guid, name: &str, meta: &Metadata) {
        let known = self.folder_of(parent).and_then(|folder| folder.children.get(&fold(name)));
        if let Some(&guid) = known
            && let Some(node) = self.nodes.get_mut(&guid)
        {
            if matches!(node.content, Content::Folder(_)) == meta.is_dir() {
                if node.name != name {
                    name.clone_into(&mut node.name);
                    node.e_version += 1;
                    self.revision += 1;
                }
                return;
            }
            self.remove(guid);
        }
        let guid = self.insert(parent, name.to_owned(), meta);
        self.refresh_folder(guid);
    }

    fn insert(&mut self, parent: Guid, name: String, meta: &Metadata) -> Guid {
        let is_root = name.is_empty();
        let mut path = self.path(parent);
        path.extend((!is_root).then(|| name.clone()));
        let Origin { guid, generation, live, is_new } = self.origin(&path.join("/"), meta);
        let content = match live.stamp {
            // The size is set below, where the folders above learn of it.
            Some(stamp) => Content::File(Stamp { size: 0, ..stamp }),
            None => Content::Folder(Folder::default()),
        };
        let key = fold(&name);
        let node = Node {
            parent,
            name,
            generation,
            created_ms: live.created_ms,
            modified_ms: milliseconds(meta.modified().unwrap_or(UNIX_EPOCH)),
            e_version: live.e_version,
            c_version: live.c_version,
            content,
        };
        self.nodes.insert(guid, node);
        self.revision += 1;
        if is_root {
            return guid;
        }
        if let Some(Node { content: Content::Folder(folder), .. }) = self.nodes.get_mut(&parent) {
            folder.children.insert(key, guid);
        }
        if let Some(stamp) = live.stamp {
            self.set_size(guid, stamp.size);
            self.observe(guid, meta);
        }
        if is_new {
            self.content_changed_in(parent);
        }
        guid
    }

    /// Who an item is that was just met: one of the last run, or a new one.
    fn origin(&mut self, path: &str, meta: &Metadata) -> Origin {
        let stamp = (!meta.is_dir()).then(|| stamp(meta));
        let record = self.remembered.remove(path);
        let mut generation = self.generations.get(path).copied().unwrap_or(0);
        if let Some(record) = record {
            generation = generation.max(record.generation);
            match record.live {
                Some(live) if live.stamp.is_some() == stamp.is_some() => {
                    return Origin { guid: record.guid, generation, live, is_new: false };
                }
                Some(_) => generation += 1,
                None => {}
            }
        }
        let modified = meta.modified().unwrap_or(UNIX_EPOCH);
        let created = meta.created().unwrap_or(modified).min(modified);
        let (e_version, c_version) = if stamp.is_some() { FILE_VERSIONS } else { FOLDER_VERSIONS };
        let created_ms = milliseconds(created);
        Origin {
            guid: if path.is_empty() { ROOT } else { self.new_guid(path, generation) },
            generation,
            live: Live { created_ms, e_version, c_version, stamp },
            is_new: true,
        }
    }

    fn new_guid(&self, path: &str, generation: u32) -> Guid {
        let digest = hmac::sign(&self.id_key, format!("{generation}/{path}").as_bytes());
        Guid::from_digest(digest.as_ref())
    }

    /// Takes note of a file's current size and time.
    fn observe(&mut self, guid: Guid, meta: &Metadata) {
        let now = stamp(meta);
        let Some(node) = self.nodes.get_mut(&guid) else { return };
        let Content::File(known) = &node.content else { return };
        if *known == now {
            return;
        }
        node.modified_ms = milliseconds(meta.modified().unwrap_or(UNIX_EPOCH));
        node.content = Content::File(Stamp { size: known.size, ..now });
        // The service counts the upload and the properties it writes afterwards.
        node.e_version += 2;
        node.c_version += 1;
        let parent = node.parent;
        self.revision += 1;
        self.set_size(guid, now.size);
        self.content_changed_in(parent);
    }

    /// Sets a file's size and that of the folders above it.
    fn set_size(&mut self, guid: Guid, size: u64) {
        let Some(node) = self.nodes.get_mut(&guid) else { return };
        let Content::File(stamp) = &mut node.content else { return };
        let old = std::mem::replace(&mut stamp.size, size);
        self.each_ancestor(guid, |folder| folder.size = folder.size - old + size);
    }

    fn content_changed_in(&mut self, folder: Guid) {
        let mut at = folder;
        while let Some(node) = self.nodes.get_mut(&at) {
            node.c_version += 1;
            if at == ROOT {
                break;
            }
            at = node.parent;
        }
    }

    fn each_ancestor(&mut self, guid: Guid, mut change: impl FnMut(&mut Folder)) {
        let mut at = guid;
        while at != ROOT {
            let Some(parent) = self.nodes.get(&at).map(|node| node.parent) else { return };
            if let Some(Node { content: Content::Folder(folder), .. }) = self.nodes.get_mut(&parent)
            {
                change(folder);
            }
            at = parent;
        }
    }

    fn remove_all_but(&mut self, guid: Guid, met: &HashSet<String>) {
        let Some(folder) = self.folder_of(guid) else { return };
        let gone = folder.children.iter().filter(|(key, _)| !met.contains(*key));
        for child in gone.map(|(_, &child)| child).collect::<Vec<_>>() {
            self.remove(child);
        }
    }

    /// Forgets an item and everything in it.
    fn remove(&mut self, guid: Guid) {
        if let Some(folder) = self.folder_of(guid) {
            for child in folder.children.values().copied().collect::<Vec<_>>() {
                self.remove(child);
            }
        } else {
            self.set_size(guid, 0);
        }
        let path = self.path(guid).join("/");
        let Some(node) = self.nodes.remove(&guid) else { return };
        self.generations.insert(path, node.generation + 1);
        self.revision += 1;
        if let Some(Node { content: Content::Folder(folder), .. }) =
            self.nodes.get_mut(&node.parent)
        {
            folder.children.remove(&fold(&node.name));
        }
        self.content_changed_in(node.parent);
    }
}

/// Metadata of a file, a folder, or a link to a file. A link to a folder could make a loop.
fn metadata(path: &std::path::Path) -> Option<Metadata> {
    let meta = fs::symlink_metadata(path).ok()?;
    if !meta.is_symlink() {
        return (meta.is_file() || meta.is_dir()).then_some(meta);
    }
    fs::metadata(path).ok().filter(Metadata::is_file)
}

fn stamp(meta: &Metadata) -> Stamp {
    let modified = meta.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Stamp { size: meta.len(), modified_ns }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
