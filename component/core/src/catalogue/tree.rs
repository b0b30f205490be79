//! A drive in memory: items by number, their paths made from who is in whom.
//!
//! Changes are applied in the order of the feed. An item may come before its folder: the folder's
//! place is held until it comes. What hangs on no root has no path, and is not listed.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::node::{Change, Kind, Node};
use crate::ports::TimestampMs;

/// No item.
const NONE: u32 = u32::MAX;
/// Folders deeper than the service allows paths mean a loop.
const DEEPEST: usize = 400;

/// A text in the tree's bytes.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    length: u32,
}

struct Row {
    id: Span,
    name: Span,
    c_tag: Span,
    parent: u32,
    /// The next row whose id has the same hash.
    same_hash: u32,
    /// `None` where only its place is held, or where it was deleted.
    kind: Option<Kind>,
    size: Option<u64>,
    modified: Option<TimestampMs>,
}

/// All items of a drive.
#[derive(Default)]
pub(crate) struct Tree {
    text: Vec<u8>,
    rows: Vec<Row>,
    by_hash: HashMap<u64, u32>,
}

/// An item, borrowed from the tree.
pub(crate) struct Item<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<TimestampMs>,
    pub(crate) c_tag: Option<&'a str>,
}

impl Tree {
    /// Takes over what the feed says; the last word on an item counts.
    pub(crate) fn apply(&mut self, change: Change) {
        match change {
            Change::Gone(id) => {
                // One that was never seen was made and deleted between two looks.
                if let Some(row) = self.find(&id) {
                    self.rows[row as usize].kind = None;
                }
            }
            Change::Put(node) => self.put(node),
        }
    }

    fn put(&mut self, node: Node) {
        let parent = node.parent.as_deref().map_or(NONE, |id| self.place(id));
        let row = self.place(&node.id) as usize;
        let (old_name, old_tag) = (self.rows[row].name, self.rows[row].c_tag);
        let name = self.keep(old_name, &node.name);
        let c_tag = self.keep(old_tag, node.c_tag.as_deref().unwrap_or_default());
        let row = &mut self.rows[row];
        (row.name, row.c_tag, row.parent) = (name, c_tag, parent);
        (row.kind, row.size, row.modified) = (Some(node.kind), node.size, node.modified);
    }

    /// The text's place, where it stands already or at the end.
    fn keep(&mut self, old: Span, text: &str) -> Span {
        if self.at(old) == text {
            return old;
        }
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.extend_from_slice(text.as_bytes());
        Span { start, length: u32::try_from(text.len()).unwrap_or(0) }
    }

    fn at(&self, span: Span) -> &str {
        let start = span.start as usize;
        let bytes = self.text.get(start..start + span.length as usize).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    fn find(&self, id: &str) -> Option<u32> {
        let mut row = *self.by_hash.get(&hash(id))?;
        while row != NONE {
            if self.at(self.rows[row as usize].id) == id {
                return Some(row);
            }
            row = self.rows[row as usize].same_hash;
        }
        None
    }

    /// The row of an id; a held place where it was not known.
    fn place(&mut self, id: &str) -> u32 {
        if let Some(row) = self.find(id) {
            return row;
        }
        let number = u32::try_from(self.rows.len()).unwrap_or(NONE);
        let same_hash = self.by_hash.insert(hash(id), number).unwrap_or(NONE);
        let id = self.keep(Span::default(), id);
        self.rows.push(Row {
            id,
            name: Span::default(),
            c_tag: Span::default(),
            parent: NONE,
            same_hash,
            kind: None,
            size: None,
            modified: None,
        });
        number
    }

    fn item(&self, row: u32) -> Option<Item<'_>> {
        let row = self.rows.get(row as usize)?;
        let c_tag = self.at(row.c_tag);
        Some(Item {
            id: self.at(row.id),
            name: self.at(row.name),
            kind: row.kind?,
            size: row.size,
            modified: row.modified,
            c_tag: (!c_tag.is_empty()).then_some(c_tag),
        })
    }

    /// Everything that is there, to be written anew: folders before what is in them does not
    /// matter, as for the feed.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node> {
        (0..self.rows.len()).filter_map(|row| {
            let item = self.item(u32::try_from(row).ok()?)?;
            let parent = self.rows.get(self.rows[row].parent as usize);
            Some(Node {
                id: item.id.to_owned(),
                parent: parent.map(|parent| self.at(parent.id).to_owned()),
                name: item.name.to_owned(),
                kind: item.kind,
                size: item.size,
                modified: item.modified,
                c_tag: item.c_tag.map(str::to_owned),
            })
        })
    }

    fn root(&self) -> Option<u32> {
        let root = self.rows.iter().position(|row| row.kind == Some(Kind::Root))?;
        u32::try_from(root).ok()
    }

    /// Who is in whom, for walks.
    pub(crate) fn children(&self) -> Children {
        let mut first = vec![0_u32; self.rows.len() + 1];
        let inside = |row: &Row| row.kind.is_some() && (row.parent as usize) < self.rows.len();
        for row in self.rows.iter().filter(|row| inside(row)) {
            first[row.parent as usize + 1] += 1;
        }
        for at in 1..first.len() {
            first[at] += first[at - 1];
        }
        let mut next = first.clone();
        let mut list = vec![0_u32; first.last().copied().unwrap_or(0) as usize];
        for (number, row) in self.rows.iter().enumerate().filter(|(_, row)| inside(row)) {
            let place = &mut next[row.parent as usize];
            list[*place as usize] = u32::try_from(number).unwrap_or(NONE);
            *place += 1;
        }
        Children { first, list }
    }

    /// A walk that begins in the folder of an id, or in the root, breadth first and by name; `None`
    /// where there is no such folder.
    pub(crate) fn walk(&self, folder: Option<&str>, recursive: bool) -> Option<TreeWalk> {
        let start = folder.map_or_else(|| self.root(), |id| self.find(id))?;
        self.item(start).filter(|item| item.kind.holds_items())?;
        let waiting = [(start, String::new(), 0)].into();
        Some(TreeWalk { children: self.children(), waiting, recursive })
    }
}

/// Who is in whom: the rows in each row, by number.
pub(crate) struct Children {
    first: Vec<u32>,
    list: Vec<u32>,
}

impl Children {
    fn of(&self, row: u32) -> &[u32] {
        let bounds = (self.first.get(row as usize), self.first.get(row as usize + 1));
        let (Some(from), Some(to)) = bounds else { return &[] };
        self.list.get(*from as usize..*to as usize).unwrap_or_default()
    }
}

/// A walk under way; it borrows the tree only while it steps.
pub(crate) struct TreeWalk {
    children: Children,
    /// Folders, their paths, and how deep they are.
    waiting: VecDeque<(u32, String, usize)>,
    recursive: bool,
}

impl TreeWalk {
    /// What is in the next folder: paths and items, by name. `None` at the end.
    pub(crate) fn next_folder<'t>(&mut self, tree: &'t Tree) -> Option<Vec<(String, Item<'t>)>> {
        let (folder, path, depth) = self.waiting.pop_front()?;
        let mut rows: Vec<(String, u32)> = self
            .children
            .of(folder)
            .iter()
            .map(|row| (tree.at(tree.rows[*row as usize].name).to_lowercase(), *row))
            .collect();
        rows.sort_unstable();
        let mut found = Vec::with_capacity(rows.len());
        for (_, row) in rows {
            let Some(item) = tree.item(row) else { continue };
            let path = if path.is_empty() {
                item.name.to_owned()
            } else {
                format!("{path}/{}", item.name)
            };
            if self.recursive && item.kind.holds_items() && depth < DEEPEST {
                self.waiting.push_back((row, path.clone(), depth + 1));
            }
            found.push((path, item));
        }
        Some(found)
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &str, parent: Option<&str>, name: &str, kind: Kind) -> Change {
        Change::Put(Node {
            id: id.into(),
            parent: parent.map(str::to_owned),
            name: name.into(),
            kind,
            size: Some(1),
            modified: None,
            c_tag: None,
        })
    }

    fn paths(tree: &Tree) -> Vec<String> {
        let mut walk = tree.walk(None, true).unwrap();
        let mut paths = Vec::new();
        while let Some(folder) = walk.next_folder(tree) {
            paths.extend(folder.into_iter().map(|(path, _)| path));
        }
        paths
    }

    fn tree(changes: Vec<Change>) -> Tree {
        let mut tree = Tree::default();
        changes.into_iter().for_each(|change| tree.apply(change));
        tree
    }

    fn drive() -> Vec<Change> {
        vec![
            node("r", None, "root", Kind::Root),
            node("a", Some("r"), "A", Kind::Folder),
            node("b", Some("a"), "b.csv", Kind::File),
            node("c", Some("r"), "c.csv", Kind::File),
        ]
    }

    #[test]
    fn paths_are_made_from_ids_whatever_the_order_of_the_feed() {
        let mut backwards = drive();
        backwards.reverse();
        assert_eq!(paths(&tree(drive())), ["A", "c.csv", "A/b.csv"]);
        assert_eq!(paths(&tree(backwards)), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn a_folder_that_is_renamed_or_moved_takes_along_what_is_in_it() {
        let mut tree = tree(drive());
        tree.apply(node("a", Some("r"), "Z", Kind::Folder));
        assert_eq!(paths(&tree), ["c.csv", "Z", "Z/b.csv"]);
        tree.apply(node("d", Some("r"), "D", Kind::Folder));
        tree.apply(node("a", Some("d"), "Z", Kind::Folder));
        assert_eq!(paths(&tree), ["c.csv", "D", "D/Z", "D/Z/b.csv"]);
    }

    #[test]
    fn what_is_in_a_deleted_folder_is_not_listed_and_comes_back_with_it() {
        let mut tree = tree(drive());
        tree.apply(Change::Gone("a".into()));
        assert_eq!(paths(&tree), ["c.csv"]);
        tree.apply(Change::Gone("never seen".into()));
        tree.apply(node("a", Some("r"), "A", Kind::Folder));
        assert_eq!(paths(&tree), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn an_item_whose_folder_never_came_is_not_listed() {
        let mut tree = tree(drive());
        tree.apply(node("x", Some("nowhere"), "x.csv", Kind::File));
        assert_eq!(paths(&tree), ["A", "c.csv", "A/b.csv"]);
        assert_eq!(tree.nodes().count(), 5);
    }

    #[test]
    fn folders_that_contain_each_other_end_no_walk() {
        let mut tree = tree(drive());
        tree.apply(node("p", Some("q"), "P", Kind::Folder));
        tree.apply(node("q", Some("p"), "Q", Kind::Folder));
        assert_eq!(paths(&tree), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn a_tree_written_anew_is_the_same() {
        let mut first = tree(drive());
        first.apply(Change::Gone("b".into()));
        let again = tree(first.nodes().map(Change::Put).collect());
        assert_eq!(paths(&again), paths(&first));
        assert_eq!(again.nodes().count(), first.nodes().count());
    }

    #[test]
    fn a_walk_may_begin_in_a_folder() {
        let tree = tree(drive());
        let mut walk = tree.walk(Some("a"), true).unwrap();
        let folder: Vec<_> = walk.next_folder(&tree).unwrap().into_iter().map(|f| f.0).collect();
        assert_eq!(folder, ["b.csv"]);
        let mut tree = tree;
        tree.apply(Change::Gone("a".into()));
        for none in ["unknown", "b", "a"] {
            assert!(tree.walk(Some(none), true).is_none(), "{none}");
        }
    }
}
