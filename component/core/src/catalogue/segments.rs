//! The segments of a state, in the connection's bucket: read into a tree, searched for details,
//! appended to page by page, and written anew as fewer.

use std::collections::{HashMap, HashSet};

use super::manifest::{Snapshot, Stored, write_segment};
use super::segment::{Change, ChangeRef, ItemRef, Segment, SegmentWriter};
use super::tree::Tree;
use crate::error::Result;
use crate::item::Item;
use crate::ports::{Bucket, Ports};

/// A segment of fewer changes may take more of them.
const SMALL: u32 = 1_000;

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

/// A segment; `None` if it was replaced meanwhile, or is damaged.
pub(super) fn open(ports: &Ports, stored: &Stored) -> Result<Option<Segment>> {
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
pub(super) fn compact(
    ports: &Ports,
    tree: &mut Tree,
    segments: &[Stored],
) -> Result<Option<Vec<Stored>>> {
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
    use crate::catalogue::test_store::ports;
    use crate::item::{Details, Kind};

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
}
