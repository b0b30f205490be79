//! A drive in memory: what listing, filtering and comparing need of its items, and who created them.
//! Paths are made from who is in whom; all other details stay in the segments.
//!
//! Changes are applied in the order of the feed. An item may come before its folder: the folder's
//! place is held until it comes. What hangs on no root has no path, and is not listed.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use hashbrown::HashTable;

use super::segment::{ChangeRef, ItemRef};
use crate::item::{Details, Item, Kind, Target};
use crate::path::join;
use crate::ports::TimestampMs;

/// No row.
const NONE: u32 = u32::MAX;
/// Folders deeper than the service allows paths mean a loop.
const DEEPEST: usize = 400;
/// Items of a folder that are listed at once.
const AT_ONCE: usize = 2_000;

/// A text in the tree's bytes.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    length: u16,
}

/// What the tree keeps of an item.
struct Row {
    id: Span,
    state: State,
    size: u64,
    modified: TimestampMs,
    /// Which of the changes, counted over all segments, told the state.
    told_by: u32,
}

/// What comparing needs of an item.
#[derive(Clone, Copy)]
pub(super) struct State {
    name: Span,
    parent: u32,
    /// Differs where size, time or eTag do.
    version: u32,
    /// `None` where only its place is held, or where it was deleted.
    kind: Option<Kind>,
    /// Nobody else ever becomes it, so it stays where a feed leaves it out.
    owner: u16,
}

const NO_SIZE: u64 = u64::MAX;
const NO_TIME: TimestampMs = TimestampMs::MIN;

/// All items of a drive.
#[derive(Default)]
pub(crate) struct Tree {
    text: Vec<u8>,
    rows: Vec<Row>,
    by_id: HashTable<u32>,
    /// Where the few shortcuts lead.
    targets: HashMap<u32, Target>,
    owners: Owners,
}

/// Who created items: few people, each kept once.
#[derive(Default)]
struct Owners {
    names: Vec<String>,
    numbers: HashMap<String, u16>,
}

impl Owners {
    /// 0 is nobody's number.
    const UNKNOWN: u16 = 0;

    /// Those of whom there are too many stay unknown.
    fn number(&mut self, name: &str) -> u16 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let Ok(number) = u16::try_from(self.names.len() + 1) else { return Self::UNKNOWN };
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn name(&self, number: u16) -> Option<&str> {
        self.names.get(usize::from(number).checked_sub(1)?).map(String::as_str)
    }
}

impl Tree {
    /// With room for so many items.
    pub(super) fn with_capacity(items: usize) -> Self {
        let mut tree = Self::default();
        // Without room for it, reading will tell.
        let _ = tree.rows.try_reserve_exact(items);
        let _ = tree.text.try_reserve_exact(items.saturating_mul(56));
        let _ = tree.by_id.try_reserve(items, |_| 0);
        tree
    }

    /// Takes over what the feed says; the last word on an item counts. The row, and its state
    /// before.
    pub(super) fn apply(&mut self, change: &ChangeRef<'_>, told_by: u32) -> Option<(u32, State)> {
        match change {
            // One that was never seen was made and deleted between two looks.
            ChangeRef::Gone(id) => self.find(id).map(|row| (row, self.remove(row))),
            ChangeRef::Put(item) => Some(self.put(item, told_by)),
        }
    }

    pub(super) fn remove(&mut self, row: u32) -> State {
        let row = &mut self.rows[row as usize];
        let before = row.state;
        row.state.kind = None;
        before
    }

    fn put(&mut self, item: &ItemRef<'_>, told_by: u32) -> (u32, State) {
        let parent = item.parent.map_or(NONE, |id| self.place(id));
        let number = self.place(item.id);
        let before = self.rows[number as usize].state;
        let name = self.keep(before.name, item.name);
        let owner = item.details.owner.map_or(before.owner, |owner| self.owners.number(owner));
        let row = &mut self.rows[number as usize];
        row.size = item.size.unwrap_or(NO_SIZE);
        row.modified = item.modified.unwrap_or(NO_TIME);
        row.told_by = told_by;
        if let Some((drive, item)) = item.target {
            self.targets.insert(number, Target { drive: drive.to_owned(), item: item.to_owned() });
        }
        row.state = State { name, parent, version: version(item), kind: Some(item.kind), owner };
        (number, before)
    }

    /// The text's place, where it stands already or at the end.
    fn keep(&mut self, old: Span, text: &str) -> Span {
        if self.at(old) == text {
            return old;
        }
        let start = u32::try_from(self.text.len()).unwrap_or(NONE);
        // No name and no id is near as long.
        let length = u16::try_from(text.len()).unwrap_or(0);
        self.text.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
        Span { start, length }
    }

    fn at(&self, span: Span) -> &str {
        let start = span.start as usize;
        let bytes = self.text.get(start..start + usize::from(span.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.by_id.find(hash(id), |row| self.id(*row) == id).copied()
    }

    /// The row of an id; a held place where it was not known.
    fn place(&mut self, id: &str) -> u32 {
        if let Some(row) = self.find(id) {
            return row;
        }
        let number = u32::try_from(self.rows.len()).unwrap_or(NONE);
        let id_at = self.keep(Span::default(), id);
        let owner = Owners::UNKNOWN;
        let state = State { name: Span::default(), parent: NONE, version: 0, kind: None, owner };
        let (size, modified) = (NO_SIZE, NO_TIME);
        self.rows.push(Row { id: id_at, state, size, modified, told_by: NONE });
        let (rows, text) = (&self.rows, &self.text);
        self.by_id.insert_unique(hash(id), number, |row| {
            let span = rows[*row as usize].id;
            let start = span.start as usize;
            hash_bytes(&text[start..start + usize::from(span.length)])
        });
        number
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> + use<> {
        0..u32::try_from(self.rows.len()).unwrap_or(NONE)
    }

    pub(super) fn id(&self, row: u32) -> &str {
        self.at(self.rows[row as usize].id)
    }

    pub(super) fn state(&self, row: u32) -> State {
        self.rows[row as usize].state
    }

    pub(super) fn size(&self, row: u32) -> Option<u64> {
        Some(self.rows[row as usize].size).filter(|size| *size != NO_SIZE)
    }

    pub(super) fn modified(&self, row: u32) -> Option<TimestampMs> {
        Some(self.rows[row as usize].modified).filter(|time| *time != NO_TIME)
    }

    /// Who created an item, as far as any of the changes told.
    pub(super) fn owner(&self, row: u32) -> Option<&str> {
        self.owners.name(self.rows[row as usize].state.owner)
    }

    /// Takes over who created an item.
    pub(super) fn learn(&mut self, item: &Item) {
        if let (Some(row), Some(owner)) = (self.find(&item.id), &item.details.owner) {
            self.rows[row as usize].state.owner = self.owners.number(owner);
        }
    }

    /// Which change told a row's state; none if no change of the segments being read did.
    pub(super) fn told_by(&self, row: u32) -> u32 {
        self.rows[row as usize].told_by
    }

    pub(super) fn retell(&mut self, row: u32, told_by: u32) {
        self.rows[row as usize].told_by = told_by;
    }

    /// No row's state was told by the segments that are to be read now.
    pub(super) fn forget_who_told(&mut self) {
        self.rows.iter_mut().for_each(|row| row.told_by = NONE);
    }

    /// Whether a row was told by none of the segments read.
    pub(super) fn untold(&self, row: u32) -> bool {
        let row = &self.rows[row as usize];
        row.told_by == NONE && row.state.kind.is_some()
    }

    /// An item that hangs on the root, without its details.
    pub(crate) fn by_id(&self, id: &str) -> Option<Item> {
        self.find(id).filter(|row| self.hangs(*row)).and_then(|row| self.item(row))
    }

    /// The row of a folder that hangs on the root.
    pub(super) fn folder(&self, id: &str) -> Option<u32> {
        let row = self.find(id).filter(|row| self.hangs(*row))?;
        self.state(row).is_folder().then_some(row)
    }

    /// Whether an item hangs on the root. What was in a deleted folder does not, though of itself
    /// nothing else was told.
    fn hangs(&self, row: u32) -> bool {
        let mut at = row;
        for _ in 0..=DEEPEST {
            let Some(Row { state, .. }) = self.rows.get(at as usize) else { return false };
            match state.kind {
                Some(Kind::Root) => return true,
                Some(_) => at = state.parent,
                None => return false,
            }
        }
        false
    }

    /// An item without its details.
    pub(super) fn item(&self, number: u32) -> Option<Item> {
        let row = self.rows.get(number as usize)?;
        let parent = self.rows.get(row.state.parent as usize);
        let is_shortcut = row.state.kind == Some(Kind::Shortcut);
        Some(Item {
            id: self.at(row.id).to_owned(),
            parent: parent.map(|parent| self.at(parent.id).to_owned()),
            name: self.at(row.state.name).to_owned(),
            kind: row.state.kind?,
            size: self.size(number),
            modified: self.modified(number),
            target: self.targets.get(&number).filter(|_| is_shortcut).cloned(),
            details: Details::default(),
        })
    }

    fn root(&self) -> Option<u32> {
        let root = self.rows.iter().position(|row| row.state.kind == Some(Kind::Root))?;
        u32::try_from(root).ok()
    }

    /// Which rows hang on the root.
    pub(super) fn listed(&self) -> Vec<bool> {
        let mut listed = vec![false; self.rows.len()];
        let Some(root) = self.root() else { return listed };
        let children = self.children();
        let mut waiting = vec![(root, 0)];
        while let Some((row, depth)) = waiting.pop() {
            let holds = self.state(row).is_folder() && depth < DEEPEST;
            if !std::mem::replace(&mut listed[row as usize], true) && holds {
                let inside = children.of(row).iter();
                waiting.extend(inside.map(|child| (*child, depth + 1)));
            }
        }
        listed
    }

    /// The rows of everything in a folder, or in the root, at whatever depth.
    pub(super) fn rows_in(&self, folder: Option<u32>) -> Vec<u32> {
        let Some(start) = folder.or_else(|| self.root()) else { return Vec::new() };
        let (children, mut found) = (self.children(), Vec::new());
        let mut waiting = vec![(start, 0)];
        while let Some((row, depth)) = waiting.pop() {
            if self.state(row).is_folder() && depth < DEEPEST {
                for child in children.of(row) {
                    found.push(*child);
                    waiting.push((*child, depth + 1));
                }
            }
        }
        found
    }

    /// The path of a row that is listed, where some rows may have had another state.
    pub(super) fn path(&self, row: u32, before: Option<&HashMap<u32, State>>) -> String {
        let (mut names, mut at) = (Vec::new(), row);
        while let Some(row) = self.rows.get(at as usize)
            && names.len() <= DEEPEST
        {
            let state = before.and_then(|before| before.get(&at)).unwrap_or(&row.state);
            if state.kind == Some(Kind::Root) {
                break;
            }
            names.push(self.at(state.name));
            at = state.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Who is in whom, for walks.
    fn children(&self) -> Children {
        let mut first = vec![0_u32; self.rows.len() + 1];
        let inside =
            |row: &Row| row.state.kind.is_some() && (row.state.parent as usize) < self.rows.len();
        for row in self.rows.iter().filter(|row| inside(row)) {
            first[row.state.parent as usize + 1] += 1;
        }
        for at in 1..first.len() {
            first[at] += first[at - 1];
        }
        let mut next = first.clone();
        let mut list = vec![0_u32; first.last().copied().unwrap_or(0) as usize];
        for (number, row) in self.rows.iter().enumerate().filter(|(_, row)| inside(row)) {
            let place = &mut next[row.state.parent as usize];
            list[*place as usize] = u32::try_from(number).unwrap_or(NONE);
            *place += 1;
        }
        Children { first, list }
    }

    /// A walk that begins in a folder, by its path from the folder of an id or from the root, whatever
    /// the case of its letters; breadth first and by name. `None` where there is no such folder.
    pub(crate) fn walk_in(
        &self,
        folder: Option<&str>,
        path: &str,
        recursive: bool,
    ) -> Option<TreeWalk> {
        let mut at = folder.map_or_else(|| self.root(), |id| self.folder(id))?;
        let (children, mut names) = (self.children(), Vec::new());
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let name = name.to_lowercase();
            let inside = children.of(at).iter().copied();
            at = inside.into_iter().find(|row| self.name(*row).to_lowercase() == name)?;
            names.push(self.name(at));
        }
        self.state(at).kind.filter(|kind| kind.holds_items())?;
        let waiting = [(at, names.join("/"), 0)].into();
        Some(TreeWalk { waiting, children, recursive, present: None })
    }

    fn name(&self, row: u32) -> &str {
        self.at(self.rows[row as usize].state.name)
    }
}

impl State {
    /// Whether the item has another name or another place.
    pub(super) fn moved_from(&self, before: &Self, tree: &Tree) -> bool {
        self.parent != before.parent || tree.at(self.name) != tree.at(before.name)
    }

    /// Whether an item has other content or metadata. What changes of a folder is told by what is
    /// in it.
    pub(super) fn modified_from(&self, before: &Self) -> bool {
        self.version != before.version && self.kind.is_some_and(|kind| !kind.holds_items())
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.kind
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind.is_some_and(Kind::holds_items)
    }
}

/// Who is in whom: the rows in each row, by number.
struct Children {
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
    present: Option<Present>,
}

/// A folder being listed: what is left of it, the last first.
struct Present {
    rows: Vec<u32>,
    path: String,
    depth: usize,
}

impl TreeWalk {
    /// What is next in a folder: paths and items, by name, so many at most. `None` at the end.
    pub(crate) fn next_folder(&mut self, tree: &Tree) -> Option<Vec<(String, Item)>> {
        let Present { mut rows, path, depth } = match self.present.take() {
            Some(present) => present,
            None => {
                let (folder, path, depth) = self.waiting.pop_front()?;
                let mut rows = self.children.of(folder).to_vec();
                rows.sort_by_cached_key(|row| Reverse(tree.name(*row).to_lowercase()));
                Present { rows, path, depth }
            }
        };
        let now = rows.split_off(rows.len().saturating_sub(AT_ONCE));
        let mut found = Vec::with_capacity(now.len());
        for row in now.into_iter().rev() {
            let Some(item) = tree.item(row) else { continue };
            let path = join(&path, &item.name);
            if self.recursive && item.kind.holds_items() && depth < DEEPEST {
                self.waiting.push_back((row, path.clone(), depth + 1));
            }
            found.push((path, item));
        }
        if !rows.is_empty() {
            self.present = Some(Present { rows, path, depth });
        }
        Some(found)
    }
}

/// The cTag is not part of it: a business drive's feed leaves it out after a change.
fn version(item: &ItemRef<'_>) -> u32 {
    let mut hasher = DefaultHasher::new();
    (item.size, item.modified, item.details.e_tag).hash(&mut hasher);
    hasher.finish() as u32
}

fn hash(id: &str) -> u64 {
    hash_bytes(id.as_bytes())
}

fn hash_bytes(id: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(id);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::segment::Change;

    fn item(id: &str, parent: Option<&str>, name: &str, kind: Kind) -> Change {
        Change::Put(Item {
            id: id.into(),
            parent: parent.map(str::to_owned),
            name: name.into(),
            kind,
            size: Some(1),
            modified: None,
            target: None,
            details: Details::default(),
        })
    }

    fn apply(tree: &mut Tree, change: &Change) {
        let change = match change {
            Change::Put(item) => ChangeRef::Put(item.borrow()),
            Change::Gone(id) => ChangeRef::Gone(id),
        };
        tree.apply(&change, 0);
    }

    fn paths(tree: &Tree) -> Vec<String> {
        let mut walk = tree.walk_in(None, "", true).unwrap();
        let mut paths = Vec::new();
        while let Some(folder) = walk.next_folder(tree) {
            paths.extend(folder.into_iter().map(|(path, _)| path));
        }
        let listed = tree.listed();
        let mut same: Vec<String> = tree
            .numbers()
            .filter(|row| listed[*row as usize])
            .map(|row| tree.path(row, None))
            .filter(|path| !path.is_empty())
            .collect();
        let mut sorted = paths.clone();
        sorted.sort_unstable();
        same.sort_unstable();
        assert_eq!(sorted, same, "paths are the same from above and from below");
        paths
    }

    fn tree(changes: &[Change]) -> Tree {
        let mut tree = Tree::default();
        changes.iter().for_each(|change| apply(&mut tree, change));
        tree
    }

    fn drive() -> Vec<Change> {
        vec![
            item("r", None, "root", Kind::Root),
            item("a", Some("r"), "A", Kind::Folder),
            item("b", Some("a"), "b.csv", Kind::File),
            item("c", Some("r"), "c.csv", Kind::File),
        ]
    }

    #[test]
    fn paths_are_made_from_ids_whatever_the_order_of_the_feed() {
        let mut backwards = drive();
        backwards.reverse();
        assert_eq!(paths(&tree(&drive())), ["A", "c.csv", "A/b.csv"]);
        assert_eq!(paths(&tree(&backwards)), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn a_folder_that_is_renamed_or_moved_takes_along_what_is_in_it() {
        let mut tree = tree(&drive());
        apply(&mut tree, &item("a", Some("r"), "Z", Kind::Folder));
        assert_eq!(paths(&tree), ["c.csv", "Z", "Z/b.csv"]);
        apply(&mut tree, &item("d", Some("r"), "D", Kind::Folder));
        apply(&mut tree, &item("a", Some("d"), "Z", Kind::Folder));
        assert_eq!(paths(&tree), ["c.csv", "D", "D/Z", "D/Z/b.csv"]);
    }

    #[test]
    fn what_is_in_a_deleted_folder_is_not_listed_and_comes_back_with_it() {
        let mut tree = tree(&drive());
        apply(&mut tree, &Change::Gone("a".into()));
        assert_eq!(paths(&tree), ["c.csv"]);
        apply(&mut tree, &Change::Gone("never seen".into()));
        apply(&mut tree, &item("a", Some("r"), "A", Kind::Folder));
        assert_eq!(paths(&tree), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn an_item_whose_folder_never_came_is_not_listed() {
        let mut tree = tree(&drive());
        apply(&mut tree, &item("x", Some("nowhere"), "x.csv", Kind::File));
        assert_eq!(paths(&tree), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn folders_that_contain_each_other_end_no_walk() {
        let mut tree = tree(&drive());
        apply(&mut tree, &item("p", Some("q"), "P", Kind::Folder));
        apply(&mut tree, &item("q", Some("p"), "Q", Kind::Folder));
        assert_eq!(paths(&tree), ["A", "c.csv", "A/b.csv"]);
    }

    #[test]
    fn a_walk_may_begin_in_a_folder() {
        let tree = tree(&drive());
        let mut walk = tree.walk_in(Some("a"), "", true).unwrap();
        let folder: Vec<_> = walk.next_folder(&tree).unwrap().into_iter().map(|f| f.0).collect();
        assert_eq!(folder, ["b.csv"]);
        let mut walk = tree.walk_in(None, "a", false).unwrap();
        let folder: Vec<_> = walk.next_folder(&tree).unwrap().into_iter().map(|f| f.0).collect();
        assert_eq!(folder, ["A/b.csv"], "a path is of whatever case, and what is found is not");
        let mut tree = tree;
        apply(&mut tree, &Change::Gone("a".into()));
        for none in ["unknown", "b", "a"] {
            assert!(tree.walk_in(Some(none), "", true).is_none(), "{none}");
        }
    }

    #[test]
    fn what_was_in_a_deleted_folder_is_not_found_by_its_id() {
        let mut tree = tree(&drive());
        apply(&mut tree, &item("d", Some("a"), "D", Kind::Folder));
        assert!(tree.by_id("b").is_some() && tree.walk_in(Some("d"), "", true).is_some());
        apply(&mut tree, &Change::Gone("a".into()));
        assert!(tree.by_id("b").is_none() && tree.walk_in(Some("d"), "", true).is_none());
        assert!(tree.folder("d").is_none(), "no changes are told of it");
    }
}
