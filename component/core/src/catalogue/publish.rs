//! The end of a run: from what was read of the feed to the drive's next state, and to what changed.

use std::collections::{HashMap, HashSet};

use super::history::{Entry, History};
use super::manifest::{Building, Manifest, Snapshot, Stored, write_segment};
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
/// A segment of fewer changes may take more of them.
const SMALL: u32 = 1_000;
/// A segment of fewer changes holds next to nothing.
const CRUMB: u32 = 100;

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
    let same = |old: &&Snapshot| building.incremental && old.segments == building.segments;
    if let Some(old) = old.filter(same).filter(|old| !is_in_crumbs(old)) {
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
    let (mut touched, mut owner_left_out) = (Touched::default(), false);
    for stored in &building.segments[skip.min(building.segments.len())..] {
        let Some(segment) = open(ports, stored)? else { return Ok(None) };
        for change in segment.changes() {
            let Some(change) = change else { return Ok(None) };
            let applied = tree.apply(&change, told_by);
            if let (ChangeRef::Put(item), Some((row, _))) = (&change, &applied) {
                owner_left_out |= item.details.owner.is_none() && tree.owner(*row).is_some();
            }
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
    if old.is_none() {
        // What became of what was known before is not known.
        history = History::begin(ports);
    } else {
        let kinds = touched.kinds(&tree, &listed_before, &listed);
        tally = count(&kinds);
        if history.takes(kinds.len()) {
            let run = history.runs + 1;
            let entries = touched.entries(&tree, &kinds, run, asked_at);
            history.append(ports, &entries)?;
        } else {
            history.forget(kinds.len());
        }
    }
    let mut segments = building.segments;
    // What only the segments before these tell goes with them.
    let loses_owners = owner_left_out && !building.incremental;
    let kept = tree.numbers().filter(|row| tree.state(*row).kind().is_some()).count() as u64;
    if loses_owners || is_scattered(&segments, kept) {
        match compact(ports, &mut tree, &segments)? {
            Some(fewer) => segments = fewer,
            None => return Ok(None),
        }
    }
    let changed = tally != Tally::default() || old.is_none();
    let changed_at = old.filter(|_| !changed).map_or(asked_at, |old| old.changed_at);
    let snapshot = Snapshot { segments, link, checked_at: asked_at, changed_at, items, kept };
    Ok(Some(Published { snapshot, history, tally, tree: Some(tree) }))
}

/// Whether so many segments hold next to nothing that a state is written anew though it is the same.
fn is_in_crumbs(state: &Snapshot) -> bool {
    let crumbs = state.segments.iter().filter(|stored| stored.changes < CRUMB).count();
    crumbs > MANY_SEGMENTS && is_scattered(&state.segments, state.kept)
}

/// Whether a state is spread over many more segments than it needs, or tells most items several times.
fn is_scattered(segments: &[Stored], items: u64) -> bool {
    let needed = usize::try_from(items).unwrap_or(usize::MAX) / ITEMS_OF_A_SEGMENT + 1;
    let told: u64 = segments.iter().map(|stored| u64::from(stored.changes)).sum();
    // What is found out of each item once is not the reason.
    let twice = told > items.saturating_mul(5) / 2;
    segments.len() > MANY_SEGMENTS && (twice || segments.len() >= needed.saturating_mul(4))
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

    /// The rows of items that appeared, disappeared, or are not as they were.
    fn kinds(
        &self,
        tree: &Tree,
        listed_before: &[bool],
        listed: &[bool],
    ) -> Vec<(u32, ChangeKind)> {
        let kind = |row: u32| {
            let was = listed_before.get(row as usize).copied().unwrap_or(false);
            let (now, before) = (tree.state(row), self.before.get(&row));
            let kind = match (was, listed[row as usize], before) {
                (false, true, _) => ChangeKind::Added,
                (true, false, _) => ChangeKind::Deleted,
                (true, true, Some(before)) if now.moved_from(before, tree) => ChangeKind::Moved,
                (true, true, Some(before)) if now.modified_from(before) => ChangeKind::Modified,
                _ => return None,
            };
            (now.kind() != Some(Kind::Root)).then_some((row, kind))
        };
        tree.numbers().filter_map(kind).collect()
    }

    /// An entry for each.
    fn entries(
        mut self,
        tree: &Tree,
        kinds: &[(u32, ChangeKind)],
        run: u64,
        seen_at: TimestampMs,
    ) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(kinds.len());
        for (row, kind) in kinds.iter().copied() {
            let now = tree.state(row);
            let as_it_was = self.before.get(&row).copied().unwrap_or(now);
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
                item: state.kind().unwrap_or(Kind::Other),
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

fn count(kinds: &[(u32, ChangeKind)]) -> Tally {
    let of = |of: &[ChangeKind]| kinds.iter().filter(|(_, kind)| of.contains(kind)).count() as u64;
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
    segments: &[Stored],
    snapshot: Option<&Snapshot>,
) -> Result<Option<(Tree, u32)>> {
    let items = snapshot.map_or(0, |snapshot| snapshot.items);
    let told: u64 = segments.iter().map(|stored| u64::from(stored.changes)).sum();
    let mut tree = Tree::with_capacity(usize::try_from(items.min(told)).unwrap_or(0));
    let mut told_by = 0;
    for stored in segments {
        let Some(segment) = open(ports, stored)? else { return Ok(None) };
        let first = told_by;
        for change in segment.changes() {
            let Some(change) = change else { return Ok(None) };
            tree.apply(&change, told_by);
            told_by += 1;
        }
        if told_by - first != stored.changes {
            return Ok(None);
        }
    }
    Ok(Some((tree, told_by)))
}

fn open(ports: &Ports, stored: &Stored) -> Result<Option<Segment>> {
    let block = ports.store.get(Bucket::Connection, &stored.key)?;
    Ok(block.and_then(|block| Segment::open(&block)))
}

/// Of which of some items segments tell a change; `None` if one was replaced meanwhile, or is
/// damaged.
pub(super) fn told(
    ports: &Ports,
    segments: &[Stored],
    ids: &HashSet<&str>,
) -> Result<Option<HashSet<String>>> {
    let mut told = HashSet::new();
    for stored in segments.iter().filter(|stored| !stored.supplement) {
        let Some(segment) = open(ports, stored)? else { return Ok(None) };
        for change in segment.changes() {
            let id = match change {
                Some(ChangeRef::Put(item)) => item.id,
                Some(ChangeRef::Gone(id)) => id,
                None => return Ok(None),
            };
            if ids.contains(id) {
                told.insert(id.to_owned());
            }
        }
    }
    Ok(Some(told))
}

/// Makes items what segments say of them last, but for their names; false if one is gone, or the
/// segments are.
pub(super) fn complete_by_id(
    ports: &Ports,
    segments: &[Stored],
    items: &mut [&mut Item],
) -> Result<bool> {
    let all = items.len();
    let mut wanted: HashMap<String, &mut Item> =
        items.iter_mut().map(|item| (item.id.clone(), &mut **item)).collect();
    let mut found = HashSet::with_capacity(all);
    for stored in segments {
        let Some(segment) = open(ports, stored)? else { return Ok(false) };
        for change in segment.changes() {
            match change {
                None => return Ok(false),
                Some(ChangeRef::Gone(id)) => {
                    found.remove(id);
                }
                Some(ChangeRef::Put(now)) => {
                    let Some(item) = wanted.get_mut(now.id) else { continue };
                    let owner = item.details.owner.take();
                    (item.size, item.modified) = (now.size, now.modified);
                    item.details = now.details.to_owned();
                    item.details.owner = item.details.owner.take().or(owner);
                    found.insert(now.id.to_owned());
                }
            }
        }
    }
    Ok(found.len() == all)
}

/// Fills in what the tree does not keep; false if that cannot be had any more. Only the segments
/// that tell of the items are read.
pub(super) fn complete(
    ports: &Ports,
    tree: &Tree,
    segments: &[Stored],
    items: &mut [&mut Item],
) -> Result<bool> {
    let told_by = |item: &Item| tree.find(&item.id).map(|row| tree.told_by(row));
    let mut wanted: HashMap<u32, &mut Item> = HashMap::with_capacity(items.len());
    let mut places: Vec<u32> = Vec::with_capacity(items.len());
    for item in items.iter_mut() {
        if let Some(told_by) = told_by(item) {
            places.push(told_by);
            wanted.insert(told_by, item);
        }
    }
    places.sort_unstable();
    let mut first = 0_u32;
    for stored in segments {
        let end = first.saturating_add(stored.changes);
        let at = places.partition_point(|place| *place < first);
        if places.get(at).is_some_and(|place| *place < end) {
            let Some(segment) = open(ports, stored)? else { return Ok(false) };
            for (place, change) in (first..).zip(segment.changes()) {
                let Some(change) = change else { return Ok(false) };
                if let ChangeRef::Put(found) = change
                    && let Some(item) = wanted.get_mut(&place)
                {
                    item.details = found.details.to_owned();
                    let row = tree.find(&item.id);
                    item.details.owner = row.and_then(|row| tree.owner(row)).map(str::to_owned);
                }
            }
        }
        first = end;
    }
    Ok(true)
}

/// Writes the state anew in as few segments as it needs; `None` if one of them was replaced
/// meanwhile, or is damaged.
fn compact(ports: &Ports, tree: &mut Tree, segments: &[Stored]) -> Result<Option<Vec<Stored>>> {
    let (mut writer, mut place, mut told_by) = (Segments::default(), 0, 0);
    for stored in segments {
        let Some(segment) = open(ports, stored)? else { return Ok(None) };
        for change in segment.changes() {
            let Some(change) = change else { return Ok(None) };
            if let ChangeRef::Put(item) = change
                && let Some(row) = tree.find(item.id)
                && tree.told_by(row) == place
                && tree.state(row).kind().is_some()
            {
                writer.put(ports, item.owned_by(tree.owner(row)))?;
                tree.retell(row, told_by);
                told_by += 1;
            }
            place += 1;
        }
    }
    writer.finish(ports).map(Some)
}

/// Writes changes as segments after those that are there. The last one is written anew together
/// with them where it is small and none of the first `kept`: pages of a feed are.
pub(super) fn append(
    ports: &Ports,
    segments: &mut Vec<Stored>,
    kept: usize,
    changes: &[Change],
) -> Result<()> {
    let mut writer = Segments::default();
    let last = segments.last().filter(|last| segments.len() > kept && last.changes < SMALL);
    let segment = last.map(|last| open(ports, last)).transpose()?.flatten();
    if let Some(segment) = segment.filter(|segment| segment.changes().all(|c| c.is_some())) {
        for change in segment.changes().flatten() {
            match change {
                ChangeRef::Put(item) => writer.put(ports, item)?,
                ChangeRef::Gone(id) => writer.push(ports, &Change::Gone(id.to_owned()))?,
            }
        }
        segments.pop();
    }
    for change in changes {
        writer.push(ports, change)?;
    }
    segments.extend(writer.finish(ports)?);
    Ok(())
}

/// Segments being written, each as full as it may be.
#[derive(Default)]
struct Segments {
    written: Vec<Stored>,
    writer: SegmentWriter,
    changes: u32,
}

impl Segments {
    fn push(&mut self, ports: &Ports, change: &Change) -> Result<()> {
        self.writer.push(change);
        self.counted(ports)
    }

    fn put(&mut self, ports: &Ports, item: ItemRef<'_>) -> Result<()> {
        self.writer.put(item);
        self.counted(ports)
    }

    fn counted(&mut self, ports: &Ports) -> Result<()> {
        self.changes += 1;
        if self.writer.is_full() { self.close(ports) } else { Ok(()) }
    }

    fn close(&mut self, ports: &Ports) -> Result<()> {
        let (writer, changes) =
            (std::mem::take(&mut self.writer), std::mem::take(&mut self.changes));
        let key = write_segment(ports, &writer.finish())?;
        self.written.push(Stored { key, changes, supplement: false });
        Ok(())
    }

    fn finish(mut self, ports: &Ports) -> Result<Vec<Stored>> {
        if self.changes > 0 {
            self.close(ports)?;
        }
        Ok(self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::memory::ports;
    use crate::item::Details;

    fn item(id: &str, size: u64, e_tag: &str, owner: Option<&str>) -> Item {
        let owner = owner.map(str::to_owned);
        let details = Details { e_tag: Some(e_tag.to_owned()), owner, ..Details::default() };
        let (kind, parent) = match id {
            "root" => (Kind::Root, None),
            _ => (Kind::File, Some("root".to_owned())),
        };
        let (name, size) = (format!("{id}.csv"), Some(size));
        Item { id: id.to_owned(), parent, name, kind, size, modified: None, target: None, details }
    }

    fn segments(ports: &Ports, changes: &[&[Change]]) -> Vec<Stored> {
        let mut segments = Vec::new();
        for changes in changes {
            let kept = segments.len();
            append(ports, &mut segments, kept, changes).unwrap();
        }
        segments
    }

    /// A drive of two files, one of which changed; who created them was found out before.
    fn drive(ports: &Ports) -> Vec<Stored> {
        let first = [item("root", 0, "", None), item("a", 1, "a1", None), item("b", 1, "b1", None)];
        let found = [item("a", 1, "a1", Some("ann")), item("b", 1, "b1", Some(""))];
        let changed = [item("a", 2, "a2", None)];
        let of = |items: &[Item]| items.iter().cloned().map(Change::Put).collect::<Vec<_>>();
        segments(ports, &[&of(&first), &of(&found), &of(&changed)])
    }

    #[test]
    fn an_owner_stays_with_its_item_when_the_feed_leaves_it_out() {
        let (_, ports) = ports();
        let stored = drive(&ports);
        for compacted in [false, true] {
            let (mut tree, _) = read(&ports, &stored, None).unwrap().unwrap();
            let stored = match compacted {
                false => stored.clone(),
                true => compact(&ports, &mut tree, &stored).unwrap().unwrap(),
            };
            let (tree, told) = read(&ports, &stored, None).unwrap().unwrap();
            assert_eq!(told, if compacted { 3 } else { 6 });
            let mut items = [tree.by_id("a").unwrap(), tree.by_id("b").unwrap()];
            let mut unfilled: Vec<&mut Item> = items.iter_mut().collect();
            assert!(complete(&ports, &tree, &stored, &mut unfilled).unwrap());
            assert_eq!(items[0], item("a", 2, "a2", Some("ann")));
            assert_eq!(items[1], item("b", 1, "b1", Some("")), "known to be nobody's");
        }
    }

    #[test]
    fn what_was_listed_before_the_state_was_written_anew_becomes_what_it_is_now() {
        let (_, ports) = ports();
        let stored = drive(&ports);
        let (mut old, _) = read(&ports, &stored[..1], None).unwrap().unwrap();
        old.learn(&item("b", 1, "b1", Some("bob")));
        let mut items = [old.by_id("a").unwrap(), old.by_id("b").unwrap()];
        items[0].name = "by another name".to_owned();
        let mut unfilled: Vec<&mut Item> = items.iter_mut().collect();
        assert!(complete_by_id(&ports, &stored, &mut unfilled).unwrap());
        let now = item("a", 2, "a2", Some("ann"));
        assert_eq!(items[0], Item { name: "by another name".to_owned(), ..now });
        let gone = segments(&ports, &[&[Change::Gone("a".to_owned())]]);
        let gone = [stored, gone].concat();
        assert!(!complete_by_id(&ports, &gone, &mut [&mut items[0]]).unwrap(), "it is deleted");
        let gone = [Stored { key: "gone".to_owned(), changes: 1, supplement: false }];
        assert!(!complete_by_id(&ports, &gone, &mut [&mut items[1]]).unwrap());
    }

    #[test]
    fn only_changes_count_as_told_not_what_was_found_out() {
        let (_, ports) = ports();
        let mut stored = drive(&ports);
        stored[1].supplement = true;
        let ids = ["a", "b"].into();
        let told = told(&ports, &stored[1..], &ids).unwrap().unwrap();
        assert_eq!(told, HashSet::from(["a".to_owned()]));
    }

    #[test]
    fn a_state_is_written_anew_when_it_is_in_pieces_and_not_when_it_is_large() {
        let of = |changes: u32, count: usize| {
            let stored = |n| Stored { key: format!("{n}"), changes, supplement: false };
            (0..count).map(stored).collect::<Vec<_>>()
        };
        assert!(is_scattered(&of(1, 17), 100));
        assert!(!is_scattered(&of(2_000, 500), 1_000_000), "as it was read");
        assert!(!is_scattered(&of(2_000, 1_000), 1_000_000), "with all owners found out");
        assert!(is_scattered(&of(2_000, 1_300), 1_000_000));
        assert!(!is_scattered(&of(2_000, 16), 100), "so few are no matter");
    }
}
