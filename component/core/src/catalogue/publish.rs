//! The end of a run: from what was read of the feed to the drive's next state, and to what changed.

use std::collections::HashMap;

use super::history::{Entry, History};
use super::manifest::{Building, Manifest, Snapshot, write_segment};
use super::runs::Tally;
use super::segment::{Change, ChangeRef, ItemRef, Segment, SegmentWriter};
use super::tree::{State, Tree};
use crate::contract::ChangeKind;
use crate::error::Result;
use crate::item::{Item, Kind};
use crate::ports::{Bucket, Ports, TimestampMs};

/// So many segments, and four times as many as needed, are written anew.
const MANY_SEGMENTS: usize = 16;
/// So many items are sure to fill a segment.
const ITEMS_OF_A_SEGMENT: usize = 2_000;

/// A new state.
pub(super) struct Published {
    pub(super) snapshot: Snapshot,
    pub(super) history: History,
    pub(super) tally: Tally,
    /// It, where it had to be read.
    pub(super) tree: Option<Tree>,
}

/// What changed of rows while the new segments were applied.
#[derive(Default)]
struct Touched {
    before: HashMap<u32, State>,
    versions: HashMap<u32, String>,
}

/// Makes the next state of a drive; `None` if what is kept of it is damaged.
pub(super) fn publish(
    ports: &Ports,
    manifest: &Manifest,
    building: Building,
    link: String,
    asked_at: TimestampMs,
) -> Result<Option<Published>> {
    let old = manifest.current.as_ref();
    let mut history = manifest.history.clone();
    if let Some(old) = old.filter(|old| building.incremental && old.segments == building.segments) {
        let snapshot = Snapshot { link, checked_at: asked_at, ..old.clone() };
        let tally = Tally::default();
        return Ok(Some(Published { snapshot, history, tally, tree: None }));
    }
    let Some((mut tree, told)) = read(ports, old.map_or(&[], |old| &old.segments), old)? else {
        return Ok(None);
    };
    let listed_before = tree.listed();
    let (skip, mut told_by) = match building.incremental {
        true => (old.map_or(0, |old| old.segments.len()), told),
        false => {
            tree.forget_who_told();
            (0, 0)
        }
    };
    let mut touched = Touched::default();
    for key in &building.segments[skip.min(building.segments.len())..] {
        let Some(segment) = open(ports, key)? else { return Ok(None) };
        for change in segment.changes() {
            let Some(change) = change else { return Ok(None) };
            let applied = tree.apply(&change, told_by);
            if let Some((row, before)) = applied.filter(|_| old.is_some()) {
                touched.note(&tree, row, before, &change);
            }
            told_by += 1;
        }
    }
    if old.is_some() && !building.incremental {
        for row in tree.numbers().filter(|row| tree.untold(*row)).collect::<Vec<_>>() {
            let before = tree.remove(row);
            touched.before.entry(row).or_insert(before);
        }
    }
    let listed = tree.listed();
    let is_item = |row: &u32| listed[*row as usize] && tree.state(*row).kind() != Some(Kind::Root);
    let items = tree.numbers().filter(is_item).count() as u64;
    let mut tally = Tally { added: items, ..Tally::default() };
    if history.epoch.is_empty() {
        history.begin(ports);
    }
    if old.is_some() {
        let run = history.runs + 1;
        let entries = touched.entries(&tree, &listed_before, &listed, run, asked_at);
        tally = count(&entries);
        history.append(ports, &entries)?;
    }
    let mut segments = building.segments;
    let needed = tree.len() / ITEMS_OF_A_SEGMENT + 1;
    if segments.len() > MANY_SEGMENTS && segments.len() >= needed * 4 {
        match compact(ports, &mut tree, &segments)? {
            Some(fewer) => segments = fewer,
            None => return Ok(None),
        }
    }
    let changed = tally != Tally::default() || old.is_none();
    let changed_at = old.filter(|_| !changed).map_or(asked_at, |old| old.changed_at);
    let snapshot = Snapshot { segments, link, checked_at: asked_at, changed_at, items };
    Ok(Some(Published { snapshot, history, tally, tree: Some(tree) }))
}

impl Touched {
    fn note(&mut self, tree: &Tree, row: u32, before: State, change: &ChangeRef<'_>) {
        let now = tree.state(row);
        let same = now.kind() == before.kind()
            && !now.moved_from(&before, tree)
            && !now.modified_from(&before);
        if same {
            return;
        }
        self.before.entry(row).or_insert(before);
        if let ChangeRef::Put(ItemRef { details, .. }) = change
            && let Some(version) = details.c_tag
        {
            self.versions.insert(row, version.to_owned());
        }
    }

    /// An entry for each item that appeared, disappeared, or is not as it was.
    fn entries(
        mut self,
        tree: &Tree,
        listed_before: &[bool],
        listed: &[bool],
        run: u64,
        seen_at: TimestampMs,
    ) -> Vec<Entry> {
        let mut entries = Vec::new();
        for row in tree.numbers() {
            let was = listed_before.get(row as usize).copied().unwrap_or(false);
            let (now, before) = (tree.state(row), self.before.get(&row));
            let kind = match (was, listed[row as usize], before) {
                (false, true, _) => ChangeKind::Added,
                (true, false, _) => ChangeKind::Deleted,
                (true, true, Some(before)) if now.moved_from(before, tree) => ChangeKind::Moved,
                (true, true, Some(before)) if now.modified_from(before) => ChangeKind::Modified,
                _ => continue,
            };
            if now.kind() == Some(Kind::Root) {
                continue;
            }
            let as_it_was = before.copied().unwrap_or(now);
            let (state, before) = match kind {
                ChangeKind::Deleted => (as_it_was, Some(&self.before)),
                _ => (now, None),
            };
            let previous_path = (kind == ChangeKind::Moved)
                .then(|| tree.path(row, Some(&self.before)))
                .filter(|path| !path.is_empty());
            let path = tree.path(row, before);
            entries.push(Entry {
                run,
                kind,
                id: tree.id(row).to_owned(),
                path,
                previous_path,
                folder: state.is_folder(),
                size: tree.size(row),
                modified: tree.modified(row),
                content_version: self.versions.remove(&row),
                seen_at,
            });
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }
}

fn count(entries: &[Entry]) -> Tally {
    let of = |kinds: &[ChangeKind]| {
        entries.iter().filter(|entry| kinds.contains(&entry.kind)).count() as u64
    };
    Tally {
        added: of(&[ChangeKind::Added]),
        modified: of(&[ChangeKind::Modified, ChangeKind::Moved]),
        deleted: of(&[ChangeKind::Deleted]),
    }
}

/// The tree of segments, and how many changes they hold; `None` if one was replaced meanwhile, or
/// is damaged.
pub(super) fn read(
    ports: &Ports,
    segments: &[String],
    snapshot: Option<&Snapshot>,
) -> Result<Option<(Tree, u32)>> {
    let items = snapshot.map_or(0, |snapshot| snapshot.items);
    let mut tree = Tree::with_capacity(usize::try_from(items).unwrap_or(0));
    let mut told_by = 0;
    for key in segments {
        let Some(segment) = open(ports, key)? else { return Ok(None) };
        for change in segment.changes() {
            let Some(change) = change else { return Ok(None) };
            tree.apply(&change, told_by);
            told_by += 1;
        }
    }
    Ok(Some((tree, told_by)))
}

fn open(ports: &Ports, key: &str) -> Result<Option<Segment>> {
    let block = ports.store.get(Bucket::Connection, key)?;
    Ok(block.and_then(|block| Segment::open(&block)))
}

/// Hands over each item of the segments as it was told last, with its row and where that was told;
/// false if a segment was replaced meanwhile, or is damaged.
fn each_item(
    ports: &Ports,
    tree: &mut Tree,
    segments: &[String],
    mut take: impl FnMut(&mut Tree, u32, ItemRef<'_>) -> Result<()>,
) -> Result<bool> {
    let mut told_by = 0;
    for key in segments {
        let Some(segment) = open(ports, key)? else { return Ok(false) };
        for change in segment.changes() {
            let Some(change) = change else { return Ok(false) };
            if let ChangeRef::Put(item) = change
                && let Some(row) = tree.find(item.id)
                && tree.told_by(row) == told_by
                && tree.state(row).kind().is_some()
            {
                take(tree, row, item)?;
            }
            told_by += 1;
        }
    }
    Ok(true)
}

/// Fills in what the tree does not keep; false if that cannot be had any more.
pub(super) fn complete(
    ports: &Ports,
    tree: &mut Tree,
    segments: &[String],
    items: &mut [&mut Item],
) -> Result<bool> {
    let mut wanted: HashMap<u32, &mut Item> = HashMap::with_capacity(items.len());
    for item in items.iter_mut() {
        if let Some(row) = tree.find(&item.id) {
            wanted.insert(row, item);
        }
    }
    each_item(ports, tree, segments, |_, row, found| {
        if let Some(item) = wanted.get_mut(&row) {
            item.details = found.details.to_owned();
        }
        Ok(())
    })
}

/// Writes the state anew in as few segments as it needs.
fn compact(ports: &Ports, tree: &mut Tree, segments: &[String]) -> Result<Option<Vec<String>>> {
    let (mut keys, mut writer, mut told_by) = (Vec::new(), SegmentWriter::default(), 0);
    let whole = each_item(ports, tree, segments, |tree, row, item| {
        writer.put(item);
        tree.retell(row, told_by);
        told_by += 1;
        if writer.is_full() {
            keys.push(write_segment(ports, &std::mem::take(&mut writer).finish())?);
        }
        Ok(())
    })?;
    if !writer.is_empty() {
        keys.push(write_segment(ports, &writer.finish())?);
    }
    Ok(whole.then_some(keys))
}

/// Writes changes as segments, and gives their keys.
pub(super) fn write(ports: &Ports, changes: &[Change]) -> Result<Vec<String>> {
    let (mut keys, mut writer) = (Vec::new(), SegmentWriter::default());
    for (at, change) in changes.iter().enumerate() {
        writer.push(change);
        if writer.is_full() || at + 1 == changes.len() {
            keys.push(write_segment(ports, &std::mem::take(&mut writer).finish())?);
        }
    }
    Ok(keys)
}
