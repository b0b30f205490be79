//! Texts: what their escapes stand for, and values as text.

use std::borrow::Cow;

use super::token::is_space;

/// A text between its quotes, as it is written. Its escapes are known to be sound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a [u8],
    pub(super) escaped: bool,
}

/// An escape stands for half a character: no UTF-8 can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoneSurrogate;

impl<'a> Text<'a> {
    /// What it says.
    pub(super) fn bytes(&self) -> Result<Cow<'a, [u8]>, LoneSurrogate> {
        if !self.escaped {
            return Ok(Cow::Borrowed(self.raw));
        }
        let mut out = Vec::with_capacity(self.raw.len());
        unescape(self.raw, &mut out).map(|()| Cow::Owned(out))
    }

    /// The same, of a key: whatever is not UTF-8 is replaced.
    pub(super) fn lossy(&self) -> String {
        let bytes = self.bytes().unwrap_or(Cow::Borrowed(self.raw));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Appends what a text with escapes says.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), LoneSurrogate> {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (kind, after) = rest[at + 1..].split_first().ok_or(LoneSurrogate)?;
        rest = after;
        let plain = match kind {
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (character, after) = character(rest)?;
                rest = after;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => *other,
        };
        out.push(plain);
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The character of one or two `\u` escapes, the first of which stands before `rest`.
fn character(rest: &[u8]) -> Result<(char, &[u8]), LoneSurrogate> {
    let (first, rest) = unit(rest).ok_or(LoneSurrogate)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, rest));
    }
    let (second, rest) = rest.strip_prefix(b"\\u").and_then(unit).ok_or(LoneSurrogate)?;
    let pair = (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(&second);
    let code = 0x1_0000 + ((first & 0x3FF) << 10) + (second & 0x3FF);
    char::from_u32(code).filter(|_| pair).map(|character| (character, rest)).ok_or(LoneSurrogate)
}

/// Four hexadecimal digits, and what follows.
fn unit(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let value = digits
        .iter()
        .try_fold(0, |sum, digit| char::from(*digit).to_digit(16).map(|digit| sum * 16 + digit))?;
    Some((value, rest))
}

/// Appends an object or array without the spaces between its tokens.
pub(super) fn compact(raw: &[u8], out: &mut Vec<u8>) {
    let (mut quoted, mut escaped) = (false, false);
    for byte in raw {
        if quoted || !is_space(*byte) {
            out.push(*byte);
        }
        if escaped {
            escaped = false;
        } else if *byte == b'"' {
            quoted = !quoted;
        } else {
            escaped = *byte == b'\\';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LoneSurrogate, Text, compact};

    fn text(raw: &str) -> Result<String, LoneSurrogate> {
        let text = Text { raw: raw.as_bytes(), escaped: true };
        text.bytes().map(|bytes| String::from_utf8(bytes.into_owned()).unwrap())
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(text(r#"a\"b\\c\/d\n\t\u00e9\ud83d\uDE00!"#).unwrap(), "a\"b\\c/d\n\té😀!");
        assert_eq!(text("plain").unwrap(), "plain");
    }

    #[test]
    fn half_a_character_is_none() {
        for raw in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\n", r"\ud83d\ud83d"] {
            assert_eq!(text(raw), Err(LoneSurrogate), "{raw}");
        }
    }

    #[test]
    fn spaces_go_between_tokens_and_stay_in_texts() {
        let mut out = Vec::new();
        compact(b"[ 1,\n { \"a b\" : \" \\\" x \\\\\" } ]", &mut out);
        assert_eq!(out, br#"[1,{"a b":" \" x \\"}]"#);
    }
}
