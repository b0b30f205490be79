//! What a later run needs to go on with the same items: every node that is not as the seed makes it.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::content::{Source, Stamp};
use super::item::{Marks, Remote};
use super::names::fold;
use super::tree::{Body, DiskFolder, Entry, Folder, Index, Node, TOP, Tree};
use crate::guid::Guid;

/// A drive's items as they are kept.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Records {
    latest: u64,
    nodes: Vec<Record>,
}

/// One node, by its place in the tree's list.
#[derive(Clone, Serialize, Deserialize)]
struct Record {
    index: Index,
    guid: Guid,
    parent: Index,
    name: String,
    created_ms: i64,
    modified_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_modified_ms: Option<i64>,
    e_version: u32,
    c_version: u32,
    #[serde(default, skip_serializing_if = "is_zero")]
    changed: u64,
    #[serde(default, skip_serializing_if = "is_zero_time")]
    changed_ms: i64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    body: Kept,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    marks: Option<Marks>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kept {
    File {
        size: u64,
        source: Source,
    },
    Folder {
        /// Where it is on disk, and what was seen there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disk: Option<(PathBuf, Vec<Seen>)>,
    },
    Remote(Remote),
}

#[derive(Clone, Serialize, Deserialize)]
struct Seen {
    name: String,
    node: Index,
    stamp: Option<Stamp>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_zero_time(number: &i64) -> bool {
    *number == 0
}

impl Tree {
    /// What is to be kept. Generated items that nobody touched make themselves again.
    pub(super) fn records(&self) -> Records {
        let nodes = self.nodes.iter().enumerate();
        let kept = nodes.filter(|(index, node)| {
            let untouched = node.changed == 0 && self.seed_folder.is_none();
            *index == TOP as usize || !untouched || node.marks.is_some()
        });
        let nodes = kept.map(|(index, node)| self.record(index as Index, node)).collect();
        Records { latest: self.latest, nodes }
    }

    fn record(&self, index: Index, node: &Node) -> Record {
        let body = match &node.body {
            Body::File { size, source } => Kept::File { size: *size, source: source.clone() },
            Body::Folder(folder) => Kept::Folder { disk: folder.disk.as_deref().map(seen) },
            Body::Remote(remote) => Kept::Remote(Remote::clone(remote)),
        };
        Record {
            index,
            guid: node.guid,
            parent: node.parent,
            name: node.name.to_string(),
            created_ms: node.created_ms,
            modified_ms: node.modified_ms,
            client_modified_ms: node.client_modified_ms,
            e_version: node.e_version,
            c_version: node.c_version,
            changed: node.changed,
            changed_ms: self.log.get(&node.changed).map_or(0, |&(_, at_ms)| at_ms),
            deleted: node.deleted,
            body,
            marks: node.marks.as_deref().cloned(),
        }
    }

    /// Goes on from what was kept; the seed was planted before. False if the records do not fit.
    pub(super) fn restore(&mut self, records: Records) -> bool {
        self.latest = records.latest;
        let mut restored = Vec::new();
        for record in records.nodes {
            let index = record.index;
            if index as usize > self.nodes.len() {
                return false;
            }
            if index != TOP && (index as usize) < self.nodes.len() {
                self.detach(index);
            }
            self.place(record);
            restored.push(index);
        }
        // Parents may come behind their children: a folder can be moved into a newer one.
        for &index in &restored {
            if index != TOP && !self.node(index).deleted {
                let (parent, name) = (self.node(index).parent, self.node(index).name.to_string());
                if parent as usize >= self.nodes.len() || self.folder(parent).is_none() {
                    return false;
                }
                self.folder_mut(parent)
                    .map(|folder| folder.children.insert(fold(&name).into_boxed_str(), index));
            }
        }
        self.sum_sizes();
        true
    }

    fn place(&mut self, record: Record) {
        let body = match record.body {
            Kept::File { size, source } => Body::File { size, source },
            Kept::Folder { disk } => {
                let mut folder = match self.nodes.get_mut(record.index as usize) {
                    Some(Node { body: Body::Folder(folder), .. }) => std::mem::take(folder),
                    _ => Folder::default(),
                };
                folder.disk = disk.map(disk_folder).or(folder.disk);
                Body::Folder(folder)
            }
            Kept::Remote(remote) => Body::Remote(Arc::new(remote)),
        };
        let node = Node {
            guid: record.guid,
            parent: record.parent,
            name: record.name.into(),
            created_ms: record.created_ms,
            modified_ms: record.modified_ms,
            client_modified_ms: record.client_modified_ms,
            e_version: record.e_version,
            c_version: record.c_version,
            changed: record.changed,
            deleted: record.deleted,
            body,
            marks: record.marks.map(Arc::new),
        };
        self.by_guid.insert(record.guid, record.index);
        if record.changed != 0 {
            self.log.insert(record.changed, (record.index, record.changed_ms));
        }
        match self.nodes.get_mut(record.index as usize) {
            Some(place) => *place = node,
            None => self.nodes.push(node),
        }
    }

    /// Adds up the sizes of all folders anew.
    fn sum_sizes(&mut self) {
        for index in 0..self.nodes.len() {
            if let Body::Folder(folder) = &mut self.nodes[index].body {
                folder.size = 0;
            }
        }
        for index in 0..self.nodes.len() {
            let Body::File { size, .. } = self.nodes[index].body else { continue };
            let mut at = index as Index;
            while !self.nodes[index].deleted && at != TOP {
                at = self.node(at).parent;
                if let Some(folder) = self.folder_mut(at) {
                    folder.size += size;
                }
            }
        }
    }
}

fn seen(disk: &DiskFolder) -> (PathBuf, Vec<Seen>) {
    let entries = disk.entries.values();
    let seen = entries.map(|entry| Seen {
        name: entry.name.clone(),
        node: entry.node,
        stamp: entry.stamp,
    });
    (disk.path.clone(), seen.collect())
}

fn disk_folder((path, entries): (PathBuf, Vec<Seen>)) -> Box<DiskFolder> {
    let entries = entries
        .into_iter()
        .map(|Seen { name, node, stamp }| (fold(&name), Entry { name, node, stamp }));
    let entries = entries.collect();
    Box::new(DiskFolder { path, entries, ..DiskFolder::default() })
}
