//! What delta answers from: everything in the order of creation, or what changed since a number in
//! the log, with the folders above it. (3.2)

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::item::{Item, Parent};
use super::tree::{Index, TOP, Tree};

/// Where an enumeration is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Position {
    /// In a first enumeration: the log's number at its start, and the next ordinal. With a time,
    /// only what changed then or later, deletions included.
    All { start: u64, next: u32, since_ms: Option<i64> },
    /// Behind a change.
    Since(u64),
}

/// A part of an enumeration.
pub(crate) struct Changes {
    pub(crate) items: Vec<Item>,
    /// Where to go on.
    pub(crate) next: Position,
    /// Whether the next position is one for later, since there is nothing more now.
    pub(crate) is_last: bool,
}

/// What an enumeration is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Only what is in this folder.
    pub(crate) scope: u32,
    pub(crate) limit: usize,
    /// Whether the folders above a change are repeated.
    pub(crate) with_parents: bool,
}

impl Tree {
    pub(super) fn changes(&self, from: Position, wanted: Wanted) -> Changes {
        match from {
            Position::All { start, next, since_ms } => {
                self.everything(start, next, since_ms, wanted)
            }
            Position::Since(number) => self.since(number, wanted),
        }
    }

    fn everything(&self, start: u64, first: u32, since_ms: Option<i64>, wanted: Wanted) -> Changes {
        let mut copier = Copier { tree: self, parents: HashMap::new() };
        let mut items = Vec::with_capacity(wanted.limit.min(self.nodes.len()));
        let mut next = first;
        while (next as usize) < self.nodes.len() {
            let counts = match since_ms {
                None => !self.node(next).deleted,
                Some(time_ms) => self.changed_ms(next) >= time_ms,
            };
            if counts && self.is_within(next, wanted.scope) {
                if items.len() == wanted.limit {
                    let next = Position::All { start, next, since_ms };
                    return Changes { items, next, is_last: false };
                }
                items.push(copier.copy(next));
            }
            next += 1;
        }
        Changes { items, next: Position::Since(start), is_last: true }
    }

    fn since(&self, number: u64, wanted: Wanted) -> Changes {
        let mut copier = Copier { tree: self, parents: HashMap::new() };
        let mut rows: Vec<Index> = Vec::new();
        let (mut reached, mut is_last) = (number, true);
        for (&at, &(index, _)) in self.log.range(number.saturating_add(1)..) {
            if rows.len() >= wanted.limit {
                is_last = false;
                break;
            }
            reached = at;
            if self.is_within(index, wanted.scope) {
                rows.push(index);
            }
        }
        if wanted.with_parents {
            rows = self.with_folders_above(&rows, wanted.scope);
        }
        let items = rows.into_iter().map(|index| copier.copy(index)).collect();
        let next = Position::Since(if is_last { self.latest.max(number) } else { reached });
        Changes { items, next, is_last }
    }

    /// The folders above the rows, each once and before what is in it, then the rows.
    fn with_folders_above(&self, rows: &[Index], scope: Index) -> Vec<Index> {
        let mut met: HashSet<Index> = rows.iter().copied().collect();
        let mut above = Vec::new();
        for &row in rows {
            let mut at = row;
            while at != scope {
                at = self.node(at).parent;
                if !self.node(at).deleted && met.insert(at) {
                    above.push(at);
                }
            }
        }
        above.sort_unstable_by_key(|&index| self.depth(index));
        above.extend(rows);
        above
    }

    fn depth(&self, index: Index) -> usize {
        let (mut at, mut depth) = (index, 0);
        while at != TOP {
            at = self.node(at).parent;
            depth += 1;
        }
        depth
    }

    /// When a node changed last; one that is as it was when the drive was made, when it was modified.
    fn changed_ms(&self, index: Index) -> i64 {
        let node = self.node(index);
        self.log.get(&node.changed).map_or(node.modified_ms, |&(_, at_ms)| at_ms)
    }
}

/// Copies items, looking up each folder once.
pub(super) struct Copier<'a> {
    pub(super) tree: &'a Tree,
    pub(super) parents: HashMap<Index, Parent>,
}

impl Copier<'_> {
    pub(super) fn copy(&mut self, index: Index) -> Item {
        if index == TOP {
            return self.tree.copy(TOP);
        }
        let folder = self.tree.node(index).parent;
        let parent = self.parents.entry(folder).or_insert_with(|| self.tree.as_parent(folder));
        let parent = Parent { path: Arc::clone(&parent.path), ..*parent };
        self.tree.copy_with(index, Some(parent))
    }
}
