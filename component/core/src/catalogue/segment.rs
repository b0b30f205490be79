//! A segment: what a feed said of items, in the order it said it. It is written once and never
//! changed.

use super::bytes::{Reader, Writer, open_block};
use crate::graph::DriveItem;
use crate::item::{Details, Item, Kind, Target};
use crate::ports::TimestampMs;

const VERSION: u8 = 4;
/// Stands in the place of a kind.
const GONE: u8 = 0xff;
/// Bytes of a segment before it is compressed: no value may have more than 1 MiB.
const FULL: usize = 768 << 10;

/// No id, name, tag or link of the service is near as long.
const LONGEST_TEXT: usize = 4 << 10;

/// What a feed says of an item: its latest state, never a step.
#[expect(clippy::large_enum_variant, reason = "nearly all put an item")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Put(Item),
    Gone(String),
}

impl Change {
    /// What a row of the feed means; nothing where its id cannot be one.
    pub(crate) fn of(item: DriveItem) -> Option<Self> {
        if item.id.len() > LONGEST_TEXT {
            return None;
        }
        Some(if item.is_deleted() { Self::Gone(item.id) } else { Self::Put(bounded(item.into())) })
    }

    /// The root is in every answer, whether it changed or not.
    pub(crate) fn is_root(&self) -> bool {
        matches!(self, Self::Put(item) if item.kind == Kind::Root)
    }
}

/// Texts that a segment could not hold are left out.
fn bounded(mut item: Item) -> Item {
    let details = &mut item.details;
    let texts = [
        &mut item.parent,
        &mut details.c_tag,
        &mut details.e_tag,
        &mut details.mime_type,
        &mut details.hash,
        &mut details.owner,
        &mut details.web_url,
    ];
    for text in texts {
        text.take_if(|text| text.len() > LONGEST_TEXT);
    }
    if item.name.len() > LONGEST_TEXT {
        item.name.clear();
    }
    let long = |target: &mut Target| target.drive.len().max(target.item.len()) > LONGEST_TEXT;
    if item.target.take_if(long).is_some() {
        item.kind = Kind::Other;
    }
    item
}

/// A segment being written.
#[derive(Default)]
pub(super) struct SegmentWriter(Writer);

impl SegmentWriter {
    pub(super) fn push(&mut self, change: &Change) {
        match change {
            Change::Gone(id) => {
                self.0.byte(GONE);
                self.0.text(id);
            }
            Change::Put(item) => self.put(item.borrow()),
        }
    }

    pub(super) fn put(&mut self, item: ItemRef<'_>) {
        let out = &mut self.0;
        out.byte(item.kind.number());
        out.text(item.id);
        out.optional_text(item.parent);
        out.text(item.name);
        out.optional_number(item.size);
        out.time(item.modified);
        if item.kind == Kind::Shortcut {
            out.optional_text(item.target.map(|(drive, _)| drive));
            out.optional_text(item.target.map(|(_, item)| item));
        }
        let details = item.details;
        out.time(details.created);
        out.byte(u8::from(details.shared));
        let texts =
            [details.c_tag, details.e_tag, details.mime_type, details.hash, details.web_url];
        texts.into_iter().for_each(|text| out.optional_text(text));
        // That nobody is told is known, too.
        out.byte(u8::from(details.owner.is_some()));
        details.owner.into_iter().for_each(|owner| out.text(owner));
    }

    /// Whether it is time to begin another.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= FULL
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.block(VERSION)
    }
}

/// An item as it stands in a segment.
#[derive(Clone, Copy)]
pub(super) struct ItemRef<'a> {
    pub(super) id: &'a str,
    pub(super) parent: Option<&'a str>,
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) size: Option<u64>,
    pub(super) modified: Option<TimestampMs>,
    /// Drive and item that a shortcut leads to.
    pub(super) target: Option<(&'a str, &'a str)>,
    pub(super) details: DetailsRef<'a>,
}

impl<'a> ItemRef<'a> {
    /// It, with what is known of who created it.
    pub(super) fn owned_by(mut self, owner: Option<&'a str>) -> Self {
        self.details.owner = owner;
        self
    }
}

/// Its details.
#[derive(Clone, Copy, Hash)]
pub(super) struct DetailsRef<'a> {
    created: Option<TimestampMs>,
    shared: bool,
    pub(super) c_tag: Option<&'a str>,
    pub(super) e_tag: Option<&'a str>,
    mime_type: Option<&'a str>,
    hash: Option<&'a str>,
    pub(super) owner: Option<&'a str>,
    web_url: Option<&'a str>,
}

impl DetailsRef<'_> {
    pub(super) fn to_owned(self) -> Details {
        let text = |text: Option<&str>| text.map(str::to_owned);
        Details {
            created: self.created,
            shared: self.shared,
            c_tag: text(self.c_tag),
            e_tag: text(self.e_tag),
            mime_type: text(self.mime_type),
            hash: text(self.hash),
            owner: text(self.owner),
            web_url: text(self.web_url),
        }
    }
}

impl Item {
    pub(super) fn borrow(&self) -> ItemRef<'_> {
        let details = &self.details;
        ItemRef {
            id: &self.id,
            parent: self.parent.as_deref(),
            name: &self.name,
            kind: self.kind,
            size: self.size,
            modified: self.modified,
            target: self.target.as_ref().map(|target| (&*target.drive, &*target.item)),
            details: DetailsRef {
                created: details.created,
                shared: details.shared,
                c_tag: details.c_tag.as_deref(),
                e_tag: details.e_tag.as_deref(),
                mime_type: details.mime_type.as_deref(),
                hash: details.hash.as_deref(),
                owner: details.owner.as_deref(),
                web_url: details.web_url.as_deref(),
            },
        }
    }
}

/// A change as it stands in a segment.
#[expect(clippy::large_enum_variant, reason = "nearly all put an item")]
pub(super) enum ChangeRef<'a> {
    Put(ItemRef<'a>),
    Gone(&'a str),
}

/// A segment's bytes.
pub(super) struct Segment(Vec<u8>);

impl Segment {
    /// `None` where it is damaged or was written by another version.
    pub(super) fn open(block: &[u8]) -> Option<Self> {
        open_block(block, VERSION).map(Self)
    }

    /// Its changes, one after the other; `None` inside where the bytes are damaged.
    pub(super) fn changes(&self) -> impl Iterator<Item = Option<ChangeRef<'_>>> {
        let mut reader = Reader::new(&self.0);
        std::iter::from_fn(move || {
            if reader.is_empty() {
                return None;
            }
            let change = read(&mut reader);
            if change.is_none() {
                reader.give_up();
            }
            Some(change)
        })
    }
}

fn read<'a>(reader: &mut Reader<'a>) -> Option<ChangeRef<'a>> {
    let kind = reader.byte()?;
    if kind == GONE {
        return reader.text().map(ChangeRef::Gone);
    }
    let kind = Kind::of_number(kind)?;
    Some(ChangeRef::Put(ItemRef {
        kind,
        id: reader.text()?,
        parent: reader.optional_text()?,
        name: reader.text()?,
        size: reader.optional_number()?,
        modified: reader.time()?,
        target: match kind {
            Kind::Shortcut => reader.optional_text()?.zip(reader.optional_text()?),
            _ => None,
        },
        details: DetailsRef {
            created: reader.time()?,
            shared: reader.byte()? != 0,
            c_tag: reader.optional_text()?,
            e_tag: reader.optional_text()?,
            mime_type: reader.optional_text()?,
            hash: reader.optional_text()?,
            web_url: reader.optional_text()?,
            owner: match reader.byte()? {
                0 => None,
                _ => Some(reader.text()?),
            },
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn details() -> impl Strategy<Value = Details> {
        let time = proptest::option::of(0..i64::MAX - 1);
        let texts = proptest::collection::vec(proptest::option::of(".{1,12}"), 6);
        (time, any::<bool>(), texts).prop_map(|(created, shared, mut texts)| {
            let mut text = || texts.pop().flatten();
            Details {
                created,
                shared,
                c_tag: text(),
                e_tag: text(),
                mime_type: text(),
                hash: text(),
                owner: text(),
                web_url: text(),
            }
        })
    }

    fn item() -> impl Strategy<Value = Change> {
        let target =
            ("[A-Z!]{1,9}", "[A-Z!]{1,9}").prop_map(|(drive, item)| Target { drive, item });
        let kinds = prop_oneof![
            Just((Kind::Root, None)),
            Just((Kind::Folder, None)),
            Just((Kind::File, None)),
            proptest::option::of(target).prop_map(|target| (Kind::Shortcut, target)),
        ];
        let parts = (
            "[A-Z0-9!]{1,34}",
            proptest::option::of("[A-Z0-9!]{1,34}"),
            ".{0,20}",
            kinds,
            proptest::option::of(0..u64::MAX - 1),
            proptest::option::of(0..i64::MAX - 1),
            details(),
        );
        parts.prop_map(|(id, parent, name, (kind, target), size, modified, details)| {
            Change::Put(Item { id, parent, name, kind, size, modified, target, details })
        })
    }

    fn written(changes: &[Change]) -> Vec<u8> {
        let mut writer = SegmentWriter::default();
        changes.iter().for_each(|change| writer.push(change));
        writer.finish()
    }

    fn owned_target(target: Option<(&str, &str)>) -> Option<Target> {
        target.map(|(drive, item)| Target { drive: drive.to_owned(), item: item.to_owned() })
    }

    fn owned(change: ChangeRef<'_>) -> Change {
        match change {
            ChangeRef::Gone(id) => Change::Gone(id.to_owned()),
            ChangeRef::Put(item) => Change::Put(Item {
                id: item.id.to_owned(),
                parent: item.parent.map(str::to_owned),
                name: item.name.to_owned(),
                kind: item.kind,
                size: item.size,
                modified: item.modified,
                target: owned_target(item.target),
                details: item.details.to_owned(),
            }),
        }
    }

    proptest! {
        #[test]
        fn changes_come_back_as_they_were(
            changes in proptest::collection::vec(
                prop_oneof![item(), "[A-Z0-9]{1,34}".prop_map(Change::Gone)], 0..20)
        ) {
            let segment = Segment::open(&written(&changes)).unwrap();
            let back: Option<Vec<_>> = segment.changes().map(|change| change.map(owned)).collect();
            prop_assert_eq!(back, Some(changes));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(segment) = Segment::open(&bytes) {
                let _ = segment.changes().count();
            }
            let _ = Segment(bytes).changes().count();
        }
    }

    #[test]
    fn a_cut_segment_is_told_from_a_whole_one() {
        let block = written(&[Change::Gone("01ABC".into())]);
        assert!(Segment::open(&block).unwrap().changes().all(|change| change.is_some()));
        assert!(Segment::open(&block[..block.len() - 1]).is_none());
        let raw = open_block(&block, VERSION).unwrap();
        let cut = Segment(raw[..raw.len() - 1].to_vec());
        assert!(cut.changes().any(|change| change.is_none()));
        assert!(Segment::open(&[9]).is_none());
    }
}
