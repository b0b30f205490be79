//! What changed since a cursor: entries of the history, folded to one change for each item; without
//! a cursor, every item as added.
//!
//! A cursor is ours, and opaque to others: the history's name, how many of its entries were seen,
//! and while a telling goes on over several pages, where it goes to and the id told last.
//!
//! Where an item is now is told by the tree. Where it was is followed from its first entry backwards
//! through the moves of the folders above it, run by run ([`Trail`]), and so is where a folder was
//! that is asked for.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::history::{Entry, History};
use super::manifest::Stored;
use super::tree::Tree;
use super::{Catalogue, Enumerate, Listed, READS, replaced_too_often, segments};
use crate::contract::{ChangeKind, ChangePage, ItemChange};
use crate::entries::Entry as ListedEntry;
use crate::error::{Error, ErrorKind, Result};
use crate::item::{Details, Item};
use crate::path::{join, leaf, under};
use crate::ports::TimestampMs;
use crate::sender::Deadline;

/// Items whose details are read at once.
const DETAILED: usize = 50_000;
/// Changes of one page.
const PAGE: usize = 1000;

/// Where a reader of changes stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    epoch: String,
    /// Entries that its owner has seen.
    seen: u64,
    telling: Option<Telling>,
}

/// A telling that takes several pages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Telling {
    /// Up to which entry it goes; none tells everything there is.
    until: Option<u64>,
    /// The id told last.
    told: String,
}

impl Cursor {
    fn write(&self) -> String {
        let Self { epoch, seen, telling } = self;
        match telling {
            None => format!("{epoch}.{seen}"),
            Some(Telling { until, told }) => {
                let until = until.map(|until| until.to_string()).unwrap_or_default();
                format!("{epoch}.{seen}.{until}.{}", URL_SAFE_NO_PAD.encode(told))
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('.').collect();
        let telling = match parts.as_slice() {
            [_, _] => None,
            [_, _, until, told] => {
                let told = String::from_utf8(URL_SAFE_NO_PAD.decode(told).ok()?).ok()?;
                let until = if until.is_empty() { None } else { Some(until.parse().ok()?) };
                Some(Telling { until, told })
            }
            _ => return None,
        };
        Some(Self { epoch: parts[0].to_owned(), seen: parts[1].parse().ok()?, telling })
    }

    fn told(&self) -> &str {
        self.telling.as_ref().map(|telling| telling.told.as_str()).unwrap_or_default()
    }
}

impl History {
    /// An error if entries that its owner has not seen are not kept any more.
    fn knows(&self, cursor: &Cursor) -> Result<()> {
        let kept = self.start()..=self.end;
        let until = cursor.telling.as_ref().and_then(|telling| telling.until);
        let inside = kept.contains(&cursor.seen)
            && until.is_none_or(|until| until >= cursor.seen && until <= self.end);
        if cursor.epoch == self.epoch && inside { Ok(()) } else { Err(expired()) }
    }

    /// Of whoever has seen all.
    pub(super) fn cursor(&self) -> String {
        Cursor { epoch: self.epoch.clone(), seen: self.end, telling: None }.write()
    }
}

/// A telling under way, kept between two pages.
pub(crate) struct Reading {
    scope: Scope,
    cursor: Cursor,
    /// What its owner has seen at the end.
    end: u64,
    /// What comes next, by id.
    ready: VecDeque<ItemChange>,
    /// What of everything is not ready yet.
    rest: Option<Rest>,
    catalogue: Catalogue,
}

/// Items that have yet to be told.
struct Rest {
    /// By id, from the last to the first.
    left: Vec<u32>,
    listed: Listed,
    place: Place,
}

/// The folder that changes are asked for, and the one that tables are named from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The folder whose items are told, by id; none is the whole drive.
    pub(crate) folder: Option<String>,
    /// The folder that paths begin in, by id; none is the drive's root.
    pub(crate) base: Option<String>,
}

/// Where a scope is in a tree.
#[derive(Debug, Clone, Default)]
struct Place {
    row: Option<u32>,
    /// From the drive's root.
    path: String,
    /// How paths in it begin, seen from the base.
    prefix: String,
}

impl Place {
    /// How a path from the drive's root is told; none if it is not in the scope.
    fn told(&self, path: &str, folder: &str) -> Option<String> {
        under(path, folder).filter(|rest| !rest.is_empty()).map(|rest| join(&self.prefix, rest))
    }
}

impl Catalogue {
    /// Whether a cursor is of this catalogue.
    pub(crate) fn gave(&self, cursor: &str) -> bool {
        let epoch = Cursor::parse(cursor).map(|cursor| cursor.epoch);
        self.load().is_ok_and(|loaded| epoch == Some(loaded.manifest.history.epoch))
    }

    /// One page of changes. What is left of a telling is kept in `reading`.
    pub(crate) async fn changes(
        &self,
        scope: Scope,
        cursor: Option<&str>,
        reading: &mut Option<Reading>,
        deadline: Deadline,
    ) -> Result<ChangePage> {
        let cursor = cursor.map(|text| Cursor::parse(text).ok_or_else(foreign)).transpose()?;
        let kept = reading.take().filter(|kept| kept.serves(self, &scope, cursor.as_ref()));
        let mut kept = match kept {
            Some(kept) => kept,
            None => self.begin(scope, cursor, deadline).await?,
        };
        let page = kept.page()?;
        if page.more {
            *reading = Some(kept);
        }
        Ok(page)
    }

    async fn begin(
        &self,
        scope: Scope,
        cursor: Option<Cursor>,
        deadline: Deadline,
    ) -> Result<Reading> {
        // Who is in the middle of a telling is not made to wait for what comes after it.
        let goes_on = cursor.as_ref().is_some_and(|cursor| cursor.telling.is_some());
        if !goes_on && self.up_to_date(Enumerate::Always, deadline).await?.is_none() {
            return Err(no_feed());
        }
        for _ in 0..READS {
            let (tree, segments, history) = self.state(deadline).await?;
            let cursor = cursor.clone().unwrap_or_else(|| Cursor {
                epoch: history.epoch.clone(),
                seen: history.end,
                telling: Some(Telling { until: None, told: String::new() }),
            });
            history.knows(&cursor)?;
            let everything = matches!(&cursor.telling, Some(Telling { until: None, .. }));
            if everything {
                let listed = Listed { tree, segments, as_of: None };
                return self.tell_everything(scope, cursor, listed);
            }
            let until = cursor.telling.as_ref().and_then(|telling| telling.until);
            let end = until.unwrap_or(history.end);
            let Some(trail) = Trail::read(self, &history, cursor.seen, end)? else { continue };
            let changes = trail.changes(&tree, &scope)?;
            let told = cursor.told().to_owned();
            let left = changes.into_iter().filter(|change| change.id > told);
            let (ready, catalogue) = (left.collect(), self.clone());
            return Ok(Reading { scope, cursor, end, ready, rest: None, catalogue });
        }
        Err(replaced_too_often())
    }

    fn tell_everything(&self, scope: Scope, cursor: Cursor, listed: Listed) -> Result<Reading> {
        let tree = &listed.tree;
        let place = place(tree, &scope)?.ok_or_else(no_folder)?;
        let told = cursor.told();
        let mut left = tree.rows_in(place.row);
        left.retain(|row| tree.id(*row) > told);
        left.sort_unstable_by(|a, b| tree.id(*b).cmp(tree.id(*a)));
        let (end, ready) = (cursor.seen, VecDeque::new());
        let rest = Some(Rest { left, listed, place });
        Ok(Reading { scope, cursor, end, ready, rest, catalogue: self.clone() })
    }

    /// The state and the history that belong together.
    async fn state(&self, deadline: Deadline) -> Result<(Tree, Vec<Stored>, History)> {
        for _ in 0..READS {
            let manifest = self.load()?.manifest;
            let Some(current) = manifest.current else {
                if self.up_to_date(Enumerate::Always, deadline).await?.is_none() {
                    return Err(no_feed());
                }
                continue;
            };
            let read = segments::read(self.ports(), &current.segments, Some(&current))?;
            if let Some((tree, _)) = read {
                return Ok((tree, current.segments, manifest.history));
            }
            self.discard_damaged(&current.segments)?;
        }
        Err(replaced_too_often())
    }

    /// What was deleted in a folder that is listed now, as far as the history reaches, and when
    /// that was seen. Without asking the service.
    pub(crate) fn deleted(
        &self,
        listed: &Listed,
        base: Option<&str>,
    ) -> Result<Vec<(ListedEntry, TimestampMs)>> {
        let history = self.load()?.manifest.history;
        let Some(trail) = Trail::read(self, &history, history.start(), history.end)? else {
            return Ok(Vec::new());
        };
        let scope = Scope { folder: base.map(str::to_owned), base: base.map(str::to_owned) };
        let Some(place) = place(&listed.tree, &scope)? else { return Ok(Vec::new()) };
        let mut last: BTreeMap<&str, Option<ListedEntry>> = BTreeMap::new();
        let mut seen_at = HashMap::new();
        let mut at = place.path.clone();
        for run in trail.runs().rev() {
            let before = before(run, &at);
            for entry in run {
                let path = (entry.kind == ChangeKind::Deleted)
                    .then(|| place.told(&entry.path, &before))
                    .flatten();
                seen_at.entry(entry.id.as_str()).or_insert(entry.seen_at);
                last.entry(&entry.id).or_insert_with(|| path.map(|path| self.gone(entry, path)));
            }
            at = before;
        }
        let gone = last.into_iter().filter_map(|(id, gone)| Some((gone?, seen_at[id])));
        let mut gone: Vec<_> = gone.collect();
        gone.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        Ok(gone)
    }

    fn gone(&self, entry: &Entry, path: String) -> ListedEntry {
        let item = Item {
            kind: entry.item,
            id: entry.id.clone(),
            parent: None,
            name: leaf(&path).to_owned(),
            size: entry.size,
            modified: entry.modified,
            target: None,
            details: Details { c_tag: entry.content_version.clone(), ..Details::default() },
        };
        ListedEntry { path, drive: Rc::clone(&self.drive), through: None, item }
    }
}

/// Where a scope is; none if its folder is not there any more.
fn place(tree: &Tree, scope: &Scope) -> Result<Option<Place>> {
    let row = |id: &str| tree.folder(id);
    let base = match &scope.base {
        None => String::new(),
        Some(id) => match row(id) {
            None => return Ok(None),
            Some(row) => tree.path(row, None),
        },
    };
    let Some(folder) = &scope.folder else { return Ok(Some(Place::default())) };
    let Some(row) = row(folder) else { return Ok(None) };
    let path = tree.path(row, None);
    let prefix = under(&path, &base).map(str::to_owned).ok_or_else(no_folder)?;
    Ok(Some(Place { row: Some(row), path, prefix }))
}

impl Reading {
    fn serves(&self, of: &Catalogue, scope: &Scope, cursor: Option<&Cursor>) -> bool {
        self.scope == *scope
            && cursor == Some(&self.cursor)
            && (&self.catalogue.drive, &self.catalogue.person) == (&of.drive, &of.person)
    }

    fn page(&mut self) -> Result<ChangePage> {
        if self.ready.len() < PAGE {
            self.make_ready()?;
        }
        let changes: Vec<ItemChange> = self.ready.drain(..PAGE.min(self.ready.len())).collect();
        let left = self.rest.as_ref().is_some_and(|rest| !rest.left.is_empty());
        let more = !self.ready.is_empty() || left;
        match changes.last().filter(|_| more) {
            Some(last) => {
                let until = self.rest.is_none().then_some(self.end);
                self.cursor.telling = Some(Telling { until, told: last.id.clone() });
            }
            None => {
                (self.cursor.seen, self.cursor.telling) = (self.end, None);
            }
        }
        Ok(ChangePage { changes, cursor: self.cursor.write(), more })
    }

    /// Many at once, since their details are spread over the segments.
    fn make_ready(&mut self) -> Result<()> {
        let Some(Rest { left, listed, place }) = &mut self.rest else { return Ok(()) };
        let from = left.len().saturating_sub(DETAILED);
        let rows: Vec<u32> = left.drain(from..).rev().collect();
        let mut items: Vec<Item> = rows.iter().filter_map(|row| listed.tree.item(*row)).collect();
        let mut unfilled: Vec<&mut Item> = items.iter_mut().collect();
        // Where the catalogue was replaced meanwhile, versions are left out.
        self.catalogue.complete(listed, &mut unfilled)?;
        for (row, item) in rows.into_iter().zip(items) {
            let path = place.told(&listed.tree.path(row, None), &place.path);
            self.ready.push_back(added(item, path));
        }
        Ok(())
    }
}

fn added(item: Item, path: Option<String>) -> ItemChange {
    ItemChange {
        kind: ChangeKind::Added,
        folder: item.kind.holds_items(),
        id: item.id,
        path,
        previous_path: None,
        bytes: item.size,
        modified: item.modified,
        content_version: item.details.c_tag,
    }
}

/// The entries of some runs, each whole: a cursor never lies within one.
struct Trail(Vec<Entry>);

impl Trail {
    /// From one cursor to another; `None` if a part is gone.
    fn read(of: &Catalogue, history: &History, seen: u64, end: u64) -> Result<Option<Self>> {
        let Some(mut entries) = history.since(of.ports(), seen, usize::MAX)? else {
            return Ok(None);
        };
        entries.truncate(usize::try_from(end.saturating_sub(seen)).unwrap_or(usize::MAX));
        Ok(Some(Self(entries)))
    }

    fn runs(&self) -> impl DoubleEndedIterator<Item = &[Entry]> {
        self.0.chunk_by(|a, b| a.run == b.run)
    }

    /// One change for each item of the scope: from what it was before all of it to what it is.
    fn changes(&self, tree: &Tree, scope: &Scope) -> Result<Vec<ItemChange>> {
        let runs: Vec<&[Entry]> = self.runs().collect();
        let mut firsts: HashMap<&str, (usize, &Entry)> = HashMap::new();
        let mut lasts: HashMap<&str, &Entry> = HashMap::new();
        for (number, run) in runs.iter().enumerate() {
            for entry in *run {
                firsts.entry(&entry.id).or_insert((number, entry));
                lasts.insert(&entry.id, entry);
            }
        }
        let listed = tree.listed();
        let mut told = self.scope_was(&runs, tree, scope, &lasts)?;
        let mut moved = Vec::new();
        for (id, (number, first)) in &firsts {
            let last = lasts[id];
            let row = tree.find(id).filter(|row| listed[*row as usize]);
            let was = match first.kind {
                ChangeKind::Added => None,
                ChangeKind::Moved => first.previous_path.clone(),
                ChangeKind::Deleted => Some(first.path.clone()),
                // As it was after its run: the moves of that run are undone too.
                ChangeKind::Modified => Some(before(runs[*number], &first.path)),
            };
            let was = was.map(|path| undone(&runs[..*number], path));
            let is = row.map(|row| tree.path(row, None));
            let change = told.tell(tree, row, last, was.as_deref(), is.as_deref());
            if last.item.holds_items() && change.is_some_and(|kind| kind != ChangeKind::Modified) {
                moved.push((row, was, is));
            }
        }
        for (row, was, is) in moved {
            if let (Some(row), Some(was), Some(is)) = (row, was, is) {
                told.tell_inside(tree, row, &was, &is);
            }
        }
        told.changes.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(told.changes)
    }

    /// Where the scope is, and where it was before all of it.
    fn scope_was(
        &self,
        runs: &[&[Entry]],
        tree: &Tree,
        scope: &Scope,
        lasts: &HashMap<&str, &Entry>,
    ) -> Result<Told> {
        let (changes, ids) = (Vec::new(), HashSet::new());
        if let Some(place) = place(tree, scope)? {
            let (was, prefix) = (undone(runs, place.path.clone()), place.prefix.clone());
            return Ok(Told { place: Some(place), was, prefix, changes, ids });
        }
        // It was deleted: what was in it is told as deleted, from where it was.
        let path = |id: &Option<String>| match id.as_deref() {
            None => Some(String::new()),
            Some(id) => self.folder_was(runs, tree, id, lasts),
        };
        let (was, base) = path(&scope.folder).zip(path(&scope.base)).ok_or_else(no_folder)?;
        let prefix = under(&was, &base).map(str::to_owned).ok_or_else(no_folder)?;
        Ok(Told { place: None, was, prefix, changes, ids })
    }

    /// Where a folder was before all of it, which may be gone.
    fn folder_was(
        &self,
        runs: &[&[Entry]],
        tree: &Tree,
        id: &str,
        lasts: &HashMap<&str, &Entry>,
    ) -> Option<String> {
        if let Some(row) = tree.folder(id) {
            return Some(undone(runs, tree.path(row, None)));
        }
        let entry = lasts.get(id).filter(|entry| entry.kind == ChangeKind::Deleted)?;
        let number = runs.iter().position(|run| run[0].run == entry.run)?;
        Some(undone(&runs[..number], entry.path.clone()))
    }
}

/// Changes being told.
struct Told {
    /// None if the scope is not there any more.
    place: Option<Place>,
    /// Where the scope was.
    was: String,
    /// How paths in it begin, seen from the base: as it is now, or as it was where it is gone.
    prefix: String,
    changes: Vec<ItemChange>,
    ids: HashSet<String>,
}

impl Told {
    /// Tells how an item changed, if it did as seen from the scope.
    fn tell(
        &mut self,
        tree: &Tree,
        row: Option<u32>,
        last: &Entry,
        was: Option<&str>,
        is: Option<&str>,
    ) -> Option<ChangeKind> {
        let inside = |path: &str, folder: &str| {
            let rest = under(path, folder).filter(|rest| !rest.is_empty());
            rest.map(|rest| join(&self.prefix, rest))
        };
        let place = self.place.as_ref();
        let was = was.and_then(|path| inside(path, &self.was));
        let is = place.and_then(|place| inside(is?, &place.path));
        let (kind, path, previous_path) = match (was, is) {
            (None, None) => return None,
            (None, Some(path)) => (ChangeKind::Added, path, None),
            (Some(was), None) => (ChangeKind::Deleted, was, None),
            (Some(was), Some(path)) if was != path => (ChangeKind::Moved, path, Some(was)),
            // The scope or a folder in between moved, and took it along: that is no change of it.
            (Some(_), Some(path)) => (ChangeKind::Modified, path, None),
        };
        self.ids.insert(last.id.clone());
        self.changes.push(ItemChange {
            kind,
            id: last.id.clone(),
            path: Some(path),
            previous_path,
            folder: last.item.holds_items(),
            bytes: row.map_or(last.size, |row| tree.size(row)),
            modified: row.map_or(last.modified, |row| tree.modified(row)),
            content_version: last.content_version.clone(),
        });
        Some(kind)
    }

    /// A folder that came into the scope or left it takes along what is in it, of which nothing
    /// else is told.
    fn tell_inside(&mut self, tree: &Tree, folder: u32, was: &str, is: &str) {
        let was_in = under(was, &self.was).is_some();
        let is_in = self.place.as_ref().is_some_and(|place| under(is, &place.path).is_some());
        if was_in == is_in {
            return;
        }
        for row in tree.rows_in(Some(folder)) {
            let Some(item) = tree.item(row).filter(|item| !self.ids.contains(&item.id)) else {
                continue;
            };
            let path = tree.path(row, None);
            let inside = under(&path, is).unwrap_or_default();
            let (kind, path) = match &self.place {
                Some(place) if is_in => (ChangeKind::Added, place.told(&path, &place.path)),
                _ => {
                    let path = join(was, inside);
                    let rest = under(&path, &self.was).unwrap_or_default();
                    (ChangeKind::Deleted, Some(join(&self.prefix, rest)))
                }
            };
            self.ids.insert(item.id.clone());
            self.changes.push(ItemChange { kind, ..added(item, path) });
        }
    }
}

/// Where something was before several runs.
fn undone(runs: &[&[Entry]], path: String) -> String {
    runs.iter().rev().fold(path, |path, run| before(run, &path))
}

/// Where something was before a run: the nearest of the folders above it that was moved tells.
fn before(run: &[Entry], path: &str) -> String {
    let moved = run.iter().filter(|entry| entry.previous_path.is_some());
    let above = moved.filter_map(|entry| Some((entry, under(path, &entry.path)?)));
    let nearest = above.max_by_key(|(entry, _)| entry.path.len());
    match nearest {
        Some((Entry { previous_path: Some(was), .. }, rest)) => join(was, rest),
        _ => path.to_owned(),
    }
}

fn foreign() -> Error {
    Error::new(ErrorKind::InvalidParams, "The cursor is not one that was given here.")
        .hint("Use the cursor of the last page as it is, or none to begin with everything.")
}

fn expired() -> Error {
    Error::new(
        ErrorKind::NotFound,
        "The cursor is older than the changes that are kept, or of another catalogue.",
    )
    .hint("Begin anew without a cursor: everything is told as added.")
    .detail("code", "cursor-expired".to_owned())
}

fn no_feed() -> Error {
    Error::new(ErrorKind::Unsupported, "OneDrive offers no feed of changes for this drive.")
        .hint("Its files can be listed; compare two listings by id and etag.")
}

pub(crate) fn no_folder() -> Error {
    Error::new(ErrorKind::NotFound, "There is no folder of that id in what this connection reads.")
        .hint(
            "Give the id of a folder, or `root`; of a shortcut, the id that `onedrive_changes` tells.",
        )
}
