//! Delta tokens: opaque to clients, in the forms that were seen. (3.1)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{list_of, ticks};
use crate::drive::{DriveIds, Position};

/// What a token stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) position: Position,
    pub(super) issued_ms: i64,
    /// Tokens of an earlier generation are dead.
    pub(super) generation: u64,
}

/// What stands before the mark of a page that was given empty.
const EMPTIED: &str = ".e";

/// Whether the page of this token was given empty already.
pub(super) fn is_emptied(text: &str) -> bool {
    text.ends_with(EMPTIED)
}

impl Token {
    /// For a URL: percent-encoded.
    pub(super) fn write(self, ids: &DriveIds, emptied: bool) -> String {
        let list = list_of(ids);
        let (kind, number, rest) = match self.position {
            Position::All { start, next, since_ms: None } => ("a", start, format!("{next}")),
            Position::All { start, next, since_ms: Some(time_ms) } => {
                ("t", start, format!("{next},{time_ms}"))
            }
            Position::Since(number) => ("s", number, String::new()),
        };
        let (issued, generation) = (ticks(self.issued_ms), self.generation + 1);
        let text = match ids {
            DriveIds::Business { .. } => {
                let inner =
                    format!("3;#4;#{generation};3;{list};{issued};{number};#;{kind};#{rest}");
                STANDARD.encode(inner.replace('#', "%23"))
            }
            DriveIds::Personal { .. } => {
                let inner =
                    format!("L1={issued};ID={list};LR={number};EP={generation};RN={kind};P={rest}");
                format!("a{}", STANDARD.encode(inner))
            }
        };
        let text = if emptied { format!("{text}{EMPTIED}") } else { text };
        utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string()
    }

    /// Reads a token of this drive; `None` if it is none.
    pub(super) fn read(text: &str, ids: &DriveIds) -> Option<Self> {
        let text = percent_decode_str(text).decode_utf8().ok()?;
        // A plus that came through a query as a space.
        let text = text.replace(' ', "+");
        let text = text.strip_suffix(EMPTIED).unwrap_or(&text);
        let (list, issued, number, kind, rest, generation) = match ids {
            DriveIds::Business { .. } => {
                let inner = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
                let inner = inner.replace("%23", "#");
                let parts: Vec<&str> = inner.split(';').collect();
                let ["3", "#4", generation, "3", list, issued, number, "#", kind, rest] = parts[..]
                else {
                    return None;
                };
                let (rest, generation) = (rest.strip_prefix('#')?, generation.strip_prefix('#')?);
                let owned = |text: &str| text.to_owned();
                (
                    owned(list),
                    owned(issued),
                    owned(number),
                    owned(kind),
                    owned(rest),
                    owned(generation),
                )
            }
            DriveIds::Personal { .. } => {
                let inner = STANDARD.decode(text.strip_prefix('a')?).ok()?;
                let inner = String::from_utf8(inner).ok()?;
                let value = |name: &str| {
                    let mut parts = inner.split(';');
                    parts.find_map(|part| part.strip_prefix(name)).map(str::to_owned)
                };
                (
                    value("ID=")?,
                    value("L1=")?,
                    value("LR=")?,
                    value("RN=")?,
                    value("P=")?,
                    value("EP=")?,
                )
            }
        };
        if list != list_of(ids) {
            return None;
        }
        let number = number.parse().ok()?;
        let position = match kind.as_str() {
            "a" => Position::All { start: number, next: rest.parse().ok()?, since_ms: None },
            "t" => {
                let (next, time_ms) = rest.split_once(',')?;
                let (next, since_ms) = (next.parse().ok()?, Some(time_ms.parse().ok()?));
                Position::All { start: number, next, since_ms }
            }
            "s" if rest.is_empty() => Position::Since(number),
            _ => return None,
        };
        let issued: i64 = issued.parse().ok()?;
        let generation: u64 = generation.parse().ok()?;
        Some(Self {
            position,
            issued_ms: issued.checked_sub(ticks(0))? / 10_000,
            generation: generation.checked_sub(1)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::guid::Guid;

    fn drives() -> [DriveIds; 2] {
        let guid = Guid::from_u128(7);
        [
            DriveIds::Business { site: guid, web: guid, list: guid, prefix: [1; 4] },
            DriveIds::Personal { cid: 0xA0AA_0A00_0A00_0A0A, legacy: false },
        ]
    }

    fn position() -> impl Strategy<Value = Position> {
        prop_oneof![
            any::<u64>().prop_map(Position::Since),
            (any::<u64>(), any::<u32>(), any::<Option<i64>>())
                .prop_map(|(start, next, since_ms)| Position::All { start, next, since_ms }),
        ]
    }

    #[test]
    fn a_token_of_another_drive_is_none() {
        let [business, personal] = drives();
        let token = Token { position: Position::Since(1), issued_ms: 0, generation: 0 };
        let token = token.write(&business, false);
        assert!(Token::read(&token, &personal).is_none());
        let other = Guid::from_u128(8);
        let other = DriveIds::Business { site: other, web: other, list: other, prefix: [1; 4] };
        assert!(Token::read(&token, &other).is_none());
    }

    proptest! {
        #[test]
        fn a_token_reads_back_the_same(
            position in position(), issued_ms in 0i64..253_402_300_799_999, emptied: bool,
            generation in 0u64..1_000,
        ) {
            for ids in drives() {
                let token = Token { position, issued_ms, generation };
                let text = token.write(&ids, emptied);
                let query = percent_decode_str(&text).decode_utf8().unwrap().replace('+', " ");
                for text in [text.as_str(), query.as_str()] {
                    prop_assert_eq!(Token::read(text, &ids), Some(token));
                }
            }
        }

        #[test]
        fn any_text_is_a_token_or_none(text in ".*") {
            for ids in drives() {
                let _ = Token::read(&text, &ids);
            }
        }
    }
}
