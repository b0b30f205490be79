//! The end of a run: from what was read of the feed to the drive's next state, and to what changed.

use std::collections::HashMap;

use super::history::{Entry, History};
use super::manifest::{Building, Manifest, Snapshot, Stored};
use super::runs::Tally;
use super::segment::{ChangeRef, ItemRef};
use super::segments::{compact, open, read};
use super::tree::{State, Tree};
use crate::contract::ChangeKind;
use crate::error::Result;
use crate::item::Kind;
use crate::ports::{Ports, TimestampMs};

/// So many segments, and four times as many as needed, are written anew.
const MANY_SEGMENTS: usize = 16;
/// So many items are sure to fill a segment.
const ITEMS_OF_A_SEGMENT: usize = 2_000;
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

#[cfg(test)]
mod tests {
    use super::*;

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
