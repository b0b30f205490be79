//! What changed since a cursor: entries of the history, one for each item; without a cursor, every
//! item as added.
//!
//! A cursor is ours, and opaque to others: the history's name and how many of its entries were
//! seen, and while everything is being told, the id told last.

use std::collections::HashMap;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::history::{Entry, History};
use super::tree::Tree;
use super::{Catalogue, publish};
use crate::contract::{ChangeKind, ChangePage, ItemChange};
use crate::entries::Entry as ListedEntry;
use crate::error::{Error, ErrorKind, Result};
use crate::item::{Details, Item, Kind};
use crate::ports::TimestampMs;
use crate::sender::Deadline;

/// Changes of one page.
const PAGE: usize = 1000;
/// Reads of a catalogue that was replaced while it was read.
const READS: usize = 5;

/// Where a reader of changes stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cursor {
    epoch: String,
    seen: u64,
    /// Everything is being told, up to this id.
    told: Option<String>,
}

impl Cursor {
    fn write(&self) -> String {
        let Self { epoch, seen, told } = self;
        match told {
            None => format!("{epoch}.{seen}"),
            Some(id) => format!("{epoch}.{seen}.{}", URL_SAFE_NO_PAD.encode(id)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (epoch, seen) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
        let told = match parts.next() {
            None => None,
            Some(id) => Some(String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?),
        };
        parts.next().is_none().then_some(Self { epoch, seen, told })
    }
}

impl History {
    /// Of whoever has seen all.
    pub(super) fn cursor(&self) -> String {
        Cursor { epoch: self.epoch.clone(), seen: self.end, told: None }.write()
    }
}

/// Every item, being told page by page; kept between two pages.
pub(crate) struct Reading {
    scope: Option<String>,
    epoch: String,
    seen: u64,
    /// By id, from the last to the first.
    left: Vec<(String, Item)>,
    catalogue: Catalogue,
    segments: Vec<String>,
    tree: Tree,
}

/// The folder that changes are asked for, seen from the one that tables are named from.
pub(crate) struct Scope<'a> {
    /// The folder whose items are told; none is the whole drive.
    pub(crate) folder: Option<&'a str>,
    /// The folder that paths begin in; none is the drive's root.
    pub(crate) base: Option<&'a str>,
}

impl Catalogue {
    /// One page of changes. What is left of a telling of everything is kept in `reading`.
    pub(crate) async fn changes(
        &self,
        scope: &Scope<'_>,
        cursor: Option<&str>,
        reading: &mut Option<Reading>,
    ) -> Result<ChangePage> {
        let cursor = cursor.map(|text| Cursor::parse(text).ok_or_else(foreign)).transpose()?;
        match cursor {
            Some(cursor @ Cursor { told: None, .. }) => self.since(scope, &cursor).await,
            everything => {
                let kept = reading.take().filter(|reading| reading.serves(scope, &everything));
                let mut kept = match kept {
                    Some(reading) => reading,
                    None => self.begin(scope, everything.as_ref()).await?,
                };
                let page = kept.page()?;
                if page.more {
                    *reading = Some(kept);
                }
                Ok(page)
            }
        }
    }

    /// The state and the history that belong together.
    async fn state(&self) -> Result<(Tree, Vec<String>, History)> {
        for _ in 0..READS {
            if self.up_to_date(true, Deadline::default()).await?.is_none() {
                return Err(no_feed());
            }
            let manifest = self.load()?.manifest;
            let Some(current) = manifest.current else { continue };
            let read = publish::read(self.ports(), &current.segments, Some(&current))?;
            if let Some((tree, _)) = read {
                return Ok((tree, current.segments, manifest.history));
            }
        }
        let message = "The catalogue of the drive is replaced too often.";
        Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."))
    }

    async fn begin(&self, scope: &Scope<'_>, cursor: Option<&Cursor>) -> Result<Reading> {
        let (tree, segments, history) = self.state().await?;
        let seen = cursor.map_or(history.end, |cursor| cursor.seen);
        let epoch = cursor.map_or_else(|| history.epoch.clone(), |cursor| cursor.epoch.clone());
        if epoch != history.epoch || seen < history.start() || seen > history.end {
            return Err(expired());
        }
        let (folder, prefix) = place(&tree, scope)?;
        let mut walk = tree.walk(folder, true).ok_or_else(no_folder)?;
        let mut left = Vec::new();
        let told = cursor.and_then(|cursor| cursor.told.as_deref()).unwrap_or_default();
        while let Some(items) = walk.next_folder(&tree) {
            let untold = items.into_iter().filter(|(_, item)| item.id.as_str() > told);
            left.extend(untold.map(|(path, item)| (join(&prefix, &path), item)));
        }
        left.sort_unstable_by(|a, b| b.1.id.cmp(&a.1.id));
        let (scope, catalogue) = (scope.folder.map(str::to_owned), self.clone());
        Ok(Reading { scope, epoch, seen, left, catalogue, segments, tree })
    }

    async fn since(&self, scope: &Scope<'_>, cursor: &Cursor) -> Result<ChangePage> {
        if self.up_to_date(true, Deadline::default()).await?.is_none() {
            return Err(no_feed());
        }
        let scoped = scope.folder.is_some();
        for _ in 0..READS {
            let manifest = self.load()?.manifest;
            let history = manifest.history;
            if cursor.epoch != history.epoch {
                return Err(expired());
            }
            if cursor.seen < history.start() || cursor.seen > history.end {
                return Err(expired());
            }
            let most = if scoped { usize::MAX } else { PAGE };
            let Some(entries) = history.since(self.ports(), cursor.seen, most)? else { continue };
            let end = history.end.min(cursor.seen + PAGE as u64);
            let shown = if scoped {
                let current = manifest.current.as_ref();
                let segments = current.map_or(&[][..], |current| &current.segments);
                let Some((tree, _)) = publish::read(self.ports(), segments, current)? else {
                    continue;
                };
                let (folder, prefix) = place(&tree, scope)?;
                let path = folder.and_then(|id| tree.find(id)).map(|row| tree.path(row, None));
                within(entries, &path.unwrap_or_default(), &prefix)
            } else {
                entries.into_iter().map(Some).collect()
            };
            let changes = fold(shown.into_iter().take(PAGE).flatten());
            let cursor = Cursor { epoch: history.epoch, seen: end, told: None }.write();
            return Ok(ChangePage { changes, cursor, more: end < history.end });
        }
        Err(expired())
    }
}

impl Catalogue {
    /// What was deleted, as far as the history reaches, and when that was seen: last state by
    /// item. Without asking the service.
    pub(crate) fn deleted(&self, base: Option<&str>) -> Result<Vec<(ListedEntry, TimestampMs)>> {
        let manifest = self.load()?.manifest;
        let history = manifest.history;
        let Some(entries) = history.since(self.ports(), history.start(), usize::MAX)? else {
            return Ok(Vec::new());
        };
        let entries = match base {
            None => entries,
            Some(base) => {
                let current = manifest.current.as_ref();
                let segments = current.map_or(&[][..], |current| &current.segments);
                let read = publish::read(self.ports(), segments, current)?;
                let path = read.and_then(|(tree, _)| Some(tree.path(tree.find(base)?, None)));
                within(entries, &path.unwrap_or_default(), "").into_iter().flatten().collect()
            }
        };
        let mut last: HashMap<String, Entry> = HashMap::new();
        for entry in entries {
            last.insert(entry.id.clone(), entry);
        }
        let mut gone: Vec<Entry> =
            last.into_values().filter(|entry| entry.kind == ChangeKind::Deleted).collect();
        gone.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(gone.into_iter().map(|entry| self.listed_entry(entry)).collect())
    }

    fn listed_entry(&self, entry: Entry) -> (ListedEntry, TimestampMs) {
        let item = Item {
            kind: if entry.folder { Kind::Folder } else { Kind::File },
            id: entry.id,
            parent: None,
            name: entry.path.rsplit('/').next().unwrap_or_default().to_owned(),
            size: entry.size,
            modified: entry.modified,
            details: Details { c_tag: entry.content_version, ..Details::default() },
        };
        let (path, drive) = (entry.path, Rc::clone(&self.drive));
        (ListedEntry { path, drive, item }, entry.seen_at)
    }
}

/// The folder of a scope, and how the paths in it begin.
fn place<'a>(tree: &Tree, scope: &Scope<'a>) -> Result<(Option<&'a str>, String)> {
    let path = |id: &str| {
        let row = tree.find(id).filter(|row| tree.state(*row).is_folder());
        row.map(|row| tree.path(row, None)).ok_or_else(no_folder)
    };
    let base = scope.base.map(path).transpose()?.unwrap_or_default();
    let Some(folder) = scope.folder else { return Ok((None, String::new())) };
    let inside = under(&path(folder)?, &base).map(str::to_owned).ok_or_else(no_folder)?;
    Ok((Some(folder), inside))
}

impl Reading {
    fn serves(&self, scope: &Scope<'_>, cursor: &Option<Cursor>) -> bool {
        let last = |cursor: &Cursor| {
            let told = cursor.told.as_deref().unwrap_or_default();
            cursor.epoch == self.epoch
                && cursor.seen == self.seen
                && self.left.last().is_none_or(|(_, item)| item.id.as_str() > told)
        };
        self.scope.as_deref() == scope.folder && cursor.as_ref().is_some_and(last)
    }

    fn page(&mut self) -> Result<ChangePage> {
        let from = self.left.len().saturating_sub(PAGE);
        let mut items: Vec<(String, Item)> = self.left.drain(from..).rev().collect();
        let more = !self.left.is_empty();
        let told = items.last().map(|(_, item)| item.id.clone()).filter(|_| more);
        let mut listed =
            super::Listed { tree: std::mem::take(&mut self.tree), segments: self.segments.clone() };
        let mut unfilled: Vec<&mut Item> = items.iter_mut().map(|(_, item)| item).collect();
        // Versions that cannot be had any more are told with the next change.
        self.catalogue.complete(&mut listed, &mut unfilled)?;
        self.tree = listed.tree;
        let added = |(path, item): (String, Item)| ItemChange {
            kind: ChangeKind::Added,
            folder: item.kind.holds_items(),
            id: item.id,
            path: Some(path),
            previous_path: None,
            bytes: item.size,
            modified: item.modified,
            content_version: item.details.c_tag,
        };
        let cursor = Cursor { epoch: self.epoch.clone(), seen: self.seen, told };
        let changes = items.into_iter().map(added).collect();
        Ok(ChangePage { changes, cursor: cursor.write(), more })
    }
}

/// Entries as seen from a folder, which may itself have been moved: its path is followed from now
/// backwards, run by run. What is not in it is none.
fn within(entries: Vec<Entry>, path: &str, prefix: &str) -> Vec<Option<Entry>> {
    let mut at = path.to_owned();
    let mut shown = Vec::with_capacity(entries.len());
    for run in entries.chunk_by(|a, b| a.run == b.run).rev() {
        let before = before(run, &at);
        let seen = |entry: &Entry| {
            let now = under(&entry.path, &at).filter(|rest| !rest.is_empty());
            let was = match &entry.previous_path {
                Some(previous) => under(previous, &before),
                None => under(&entry.path, &before),
            };
            let was = was.filter(|rest| !rest.is_empty());
            let shown = |rest: &str| join(prefix, rest);
            let entry = entry.clone();
            match (entry.kind, was, now) {
                (ChangeKind::Deleted, Some(was), _) => {
                    Some(Entry { path: shown(was), ..entry.clone() })
                }
                (ChangeKind::Moved, Some(was), Some(now)) => Some(Entry {
                    path: shown(now),
                    previous_path: Some(shown(was)),
                    ..entry.clone()
                }),
                (ChangeKind::Moved, Some(was), None) => Some(Entry {
                    kind: ChangeKind::Deleted,
                    path: shown(was),
                    previous_path: None,
                    ..entry.clone()
                }),
                (ChangeKind::Moved, None, Some(now)) => Some(Entry {
                    kind: ChangeKind::Added,
                    path: shown(now),
                    previous_path: None,
                    ..entry.clone()
                }),
                (ChangeKind::Added | ChangeKind::Modified, _, Some(now)) => {
                    Some(Entry { path: shown(now), ..entry.clone() })
                }
                _ => None,
            }
        };
        shown.extend(run.iter().rev().map(seen));
        at = before;
    }
    shown.reverse();
    shown
}

/// Where a folder was before a run: the nearest of the folders above it that was moved tells.
fn before(run: &[Entry], path: &str) -> String {
    let moved = run.iter().filter(|entry| entry.previous_path.is_some());
    let above = moved.filter_map(|entry| Some((entry, under(path, &entry.path)?)));
    let nearest = above.max_by_key(|(entry, _)| entry.path.len());
    match nearest {
        Some((Entry { previous_path: Some(was), .. }, rest)) => join(was, rest),
        _ => path.to_owned(),
    }
}

/// One change for each item: from what it was first to what it is last.
fn fold(entries: impl Iterator<Item = Entry>) -> Vec<ItemChange> {
    let mut by_id: HashMap<String, usize> = HashMap::new();
    let mut items: Vec<(Entry, Option<Entry>)> = Vec::new();
    for entry in entries {
        match by_id.get(&entry.id) {
            Some(at) => items[*at].1 = Some(entry),
            None => {
                by_id.insert(entry.id.clone(), items.len());
                items.push((entry, None));
            }
        }
    }
    items.into_iter().filter_map(|(first, last)| folded(first, last)).collect()
}

fn folded(first: Entry, last: Option<Entry>) -> Option<ItemChange> {
    let was = (first.kind != ChangeKind::Added)
        .then(|| first.previous_path.clone().unwrap_or_else(|| first.path.clone()));
    let last = last.unwrap_or(first);
    let is = (last.kind != ChangeKind::Deleted).then(|| last.path.clone());
    let (kind, path, previous_path) = match (was, is) {
        (None, None) => return None,
        (None, Some(path)) => (ChangeKind::Added, path, None),
        (Some(was), None) => (ChangeKind::Deleted, was, None),
        (Some(was), Some(path)) if was != path => (ChangeKind::Moved, path, Some(was)),
        (Some(_), Some(path)) => (ChangeKind::Modified, path, None),
    };
    Some(ItemChange {
        kind,
        id: last.id,
        path: Some(path),
        previous_path,
        folder: last.folder,
        bytes: last.size,
        modified: last.modified,
        content_version: last.content_version,
    })
}

/// What is left of a path in a folder.
fn under<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

fn join(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", path) | (path, "") => path.to_owned(),
        (folder, rest) => format!("{folder}/{rest}"),
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

fn no_folder() -> Error {
    Error::new(ErrorKind::NotFound, "There is no folder of that id in what this connection reads.")
        .hint("Give the id of a folder, or `root`.")
}
