//! A segment: changes in the order they came, as bytes. It is written once and never changed.
//!
//! A version byte, then each change: a byte for its kind (or [`GONE`]), then texts with their
//! lengths and numbers as LEB128. Absent numbers are 0 and present ones one more.

use super::node::{Change, Kind, Node};

const VERSION: u8 = 1;
/// Stands in the place of a kind.
const GONE: u8 = 0xff;

/// The bytes of changes.
pub(crate) fn encode(changes: &[Change]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for change in changes {
        match change {
            Change::Gone(id) => {
                out.push(GONE);
                text(&mut out, id);
            }
            Change::Put(node) => put(&mut out, node),
        }
    }
    out
}

fn put(out: &mut Vec<u8>, node: &Node) {
    out.push(node.kind.number());
    text(out, &node.id);
    text(out, node.parent.as_deref().unwrap_or_default());
    text(out, &node.name);
    number(out, node.size.map_or(0, |size| size.saturating_add(1)));
    // Seconds are what the service tells, but for a few that bring more.
    let modified = node.modified.map(|ms| u64::try_from(ms).unwrap_or(0));
    number(out, modified.map_or(0, |ms| ms.saturating_add(1)));
    text(out, node.c_tag.as_deref().unwrap_or_default());
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// The changes of a segment, one after the other; `None` inside where its bytes are damaged.
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        (*version == VERSION).then_some(Self { rest })
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    fn change(&mut self) -> Option<Change> {
        let kind = self.byte()?;
        if kind == GONE {
            return self.text().map(Change::Gone);
        }
        let kind = Kind::of_number(kind)?;
        let present = |text: String| Some(text).filter(|text| !text.is_empty());
        Some(Change::Put(Node {
            kind,
            id: self.text()?,
            parent: present(self.text()?),
            name: self.text()?,
            size: self.number()?.checked_sub(1),
            modified: self.number()?.checked_sub(1).and_then(|ms| i64::try_from(ms).ok()),
            c_tag: present(self.text()?),
        }))
    }
}

impl Iterator for Decoder<'_> {
    type Item = Option<Change>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let change = self.change();
        if change.is_none() {
            self.rest = &[];
        }
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node() -> impl Strategy<Value = Change> {
        let kinds = prop_oneof![Just(Kind::Root), Just(Kind::Folder), Just(Kind::File)];
        let parts = (
            "[A-Z0-9!]{1,34}",
            proptest::option::of("[A-Z0-9!]{1,34}"),
            ".{0,20}",
            kinds,
            proptest::option::of(0..u64::MAX - 1),
            proptest::option::of(0..i64::MAX - 1),
            proptest::option::of(".{1,12}"),
        );
        parts.prop_map(|(id, parent, name, kind, size, modified, c_tag)| {
            Change::Put(Node { id, parent, name, kind, size, modified, c_tag })
        })
    }

    proptest! {
        #[test]
        fn changes_come_back_as_they_were(
            changes in proptest::collection::vec(
                prop_oneof![node(), "[A-Z0-9]{1,34}".prop_map(Change::Gone)], 0..20)
        ) {
            let bytes = encode(&changes);
            let back: Option<Vec<_>> = Decoder::new(&bytes).unwrap().collect();
            prop_assert_eq!(back, Some(changes));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(decoder) = Decoder::new(&bytes) {
                let _ = decoder.count();
            }
        }
    }

    #[test]
    fn a_cut_segment_is_told_from_a_whole_one() {
        let bytes = encode(&[Change::Gone("01ABC".into())]);
        assert!(Decoder::new(&bytes).unwrap().all(|change| change.is_some()));
        assert!(Decoder::new(&bytes[..bytes.len() - 1]).unwrap().any(|change| change.is_none()));
        assert!(Decoder::new(&[9]).is_none());
    }
}
