//! Where records begin and end in a stream that may be cut anywhere: what stands between them, and
//! how far one reaches whose beginning came before.

use super::token::is_space;

/// Finds the end of a value byte by byte, by its brackets and quotes alone. Whether all is sound
/// within is seen when the value is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Framer {
    depth: u64,
    quoted: bool,
    escaped: bool,
    /// A number or word, which ends before a space, a comma or a bracket.
    bare: bool,
    begun: bool,
}

impl Framer {
    /// Within so many open brackets.
    pub(super) fn inside(depth: u64) -> Self {
        Self { depth, begun: true, ..Self::default() }
    }

    /// Where in the next bytes the value ends, if it does.
    pub(super) fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.quoted && !self.escaped {
                let found = memchr::memchr2(b'"', b'\\', &bytes[at..])?;
                at += found;
            }
            let byte = bytes[at];
            if !self.begun {
                self.begun = true;
                self.bare = !matches!(byte, b'{' | b'[' | b'"');
            } else if self.bare && (is_space(byte) || matches!(byte, b',' | b']')) {
                return Some(at);
            }
            at += 1;
            if self.step(byte) {
                return Some(at);
            }
        }
        None
    }

    /// Takes one byte; whether it ends the value.
    fn step(&mut self, byte: u8) -> bool {
        if self.quoted {
            let closes = byte == b'"' && !self.escaped;
            self.escaped = byte == b'\\' && !self.escaped;
            self.quoted = !closes;
            return closes && self.depth == 0;
        }
        match byte {
            b'"' => self.quoted = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if !self.bare => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

/// Where a stream of records stands between two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Records follow one another; spaces or nothing part them.
    Sequence,
    /// In an array of which no record has come.
    First,
    /// In an array after a comma.
    Next,
    /// In an array after a record.
    After,
    /// Behind the array, in the objects around it.
    Tail(Framer),
    /// Behind everything.
    End,
}

/// How a stretch between records ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// The bytes were used up.
    Open,
    /// A record begins.
    Record,
    /// What stands there may not.
    Broken(&'static str),
}

impl Place {
    /// Passes what stands between records: how many bytes, and what is there. `within` is the
    /// number of objects around the array.
    #[inline]
    pub(super) fn pass(&mut self, bytes: &[u8], within: u64) -> (usize, Gap) {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if let Self::Tail(framer) = self {
                match framer.end(&bytes[at..]) {
                    Some(end) => (*self, at) = (Self::End, at + end),
                    None => return (bytes.len(), Gap::Open),
                }
                continue;
            }
            if !is_space(byte) {
                *self = match (*self, byte) {
                    (Self::Sequence | Self::Next, _) => return (at, Gap::Record),
                    (Self::First | Self::After, b']') if within > 0 => {
                        Self::Tail(Framer::inside(within))
                    }
                    (Self::First | Self::After, b']') => Self::End,
                    (Self::First, _) => return (at, Gap::Record),
                    (Self::After, b',') => Self::Next,
                    (Self::After, _) => {
                        return (at, Gap::Broken("a comma or ] should follow the record"));
                    }
                    _ => return (at, Gap::Broken("text follows the end of the array")),
                };
            }
            at += 1;
        }
        (at, Gap::Open)
    }

    /// Where the stream stands after a record.
    pub(super) fn after_record(self) -> Self {
        if self == Self::Sequence { self } else { Self::After }
    }

    /// Why the stream may not end here, if it may not.
    pub(super) fn unfinished(self) -> Option<&'static str> {
        match self {
            Self::Sequence | Self::End => None,
            Self::First | Self::Next | Self::After => Some("the file ends within the array"),
            Self::Tail(_) => Some("the file ends within the object around the array"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Framer, Gap, Place};

    #[test]
    fn a_value_ends_at_the_same_place_however_it_is_cut() {
        let texts = [r#"{"a":"}\"\\","b":[{}]}"#, r#""a\\\" ]""#, "[[],[1]]", "-12.5", "null"];
        for text in texts {
            let whole = format!("{text} ,");
            for cut in 0..=text.len() {
                let mut framer = Framer::default();
                let (head, tail) = whole.as_bytes().split_at(cut);
                let end = framer.end(head).or_else(|| framer.end(tail).map(|end| cut + end));
                assert_eq!(end, Some(text.len()), "{text} cut at {cut}");
            }
        }
    }

    #[test]
    fn between_records_stand_commas_or_spaces() {
        let mut place = Place::First;
        assert_eq!(place.pass(b" \n{", 0), (2, Gap::Record));
        place = place.after_record();
        assert_eq!(place.pass(b" ,", 0), (2, Gap::Open));
        assert_eq!(place.pass(b"{", 0), (0, Gap::Record));
        place = place.after_record();
        assert!(matches!(place.pass(b"{", 0), (0, Gap::Broken(_))));
        assert_eq!(place.pass(b"]\n", 0), (2, Gap::Open));
        assert_eq!((place, place.unfinished()), (Place::End, None));
        assert!(matches!(place.pass(b" x", 0), (1, Gap::Broken(_))));
    }

    #[test]
    fn the_objects_around_an_array_are_passed() {
        let mut place = Place::After;
        assert_eq!(place.pass(b"],\"b\":[{\"c\":\"}", 1), (14, Gap::Open));
        assert!(place.unfinished().is_some());
        assert_eq!(place.pass(b"\"}]} \n", 1), (6, Gap::Open));
        assert_eq!(place, Place::End);
    }
}
