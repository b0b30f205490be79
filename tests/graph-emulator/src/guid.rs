//! GUIDs in the spellings that Microsoft's services mix: lower case, upper case, little-endian.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A 128-bit identifier, kept in the order in which it is written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Guid([u8; 16]);

/// Text that is no GUID.
#[derive(Debug, thiserror::Error)]
#[error("not a GUID: expected 32 hexadecimal digits in groups of 8-4-4-4-12")]
pub(crate) struct NotAGuid;

impl Guid {
    pub(crate) const NIL: Self = Self([0; 16]);

    pub(crate) const fn from_u128(value: u128) -> Self {
        Self(value.to_be_bytes())
    }

    /// A GUID of the random kind (version 4) made from the first 16 bytes of a digest.
    pub(crate) fn from_digest(digest: &[u8]) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The in-memory layout of Windows: the first three groups little-endian.
    pub(crate) fn little_endian(self) -> [u8; 16] {
        let mut bytes = self.0;
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        bytes
    }

    pub(crate) fn from_little_endian(mut bytes: [u8; 16]) -> Self {
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        Self(bytes)
    }

    /// Upper case with hyphens, as tags write it.
    pub(crate) fn upper(self) -> String {
        self.to_string().to_ascii_uppercase()
    }

    /// Lower case without hyphens.
    pub(crate) fn simple(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    /// Reads the form of [`simple`](Self::simple), exactly.
    pub(crate) fn from_simple(text: &str) -> Option<Self> {
        let value = u128::from_str_radix(text, 16).ok()?;
        let guid = Self::from_u128(value);
        (guid.simple() == text).then_some(guid)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.simple();
        write!(
            f,
            "{}-{}-{}-{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..]
        )
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let groups: Vec<&str> = text.split('-').collect();
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        let hexadecimal = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if lengths != [8, 4, 4, 4, 12] || !hexadecimal {
            return Err(NotAGuid);
        }
        u128::from_str_radix(&groups.concat(), 16).map(Self::from_u128).map_err(|_| NotAGuid)
    }
}

impl From<Guid> for String {
    fn from(guid: Guid) -> Self {
        guid.to_string()
    }
}

impl TryFrom<String> for Guid {
    type Error = NotAGuid;

    fn try_from(text: String) -> Result<Self, NotAGuid> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_in_either_case_and_written_in_lower_case() {
        let guid: Guid = "EA8CC6BE-FFDB-43D7-976F-BC7DA445C639".parse().unwrap();
        assert_eq!(guid.to_string(), "ea8cc6be-ffdb-43d7-976f-bc7da445c639");
        assert_eq!(guid.upper(), "EA8CC6BE-FFDB-43D7-976F-BC7DA445C639");
        assert_eq!(Guid::from_simple("ea8cc6beffdb43d7976fbc7da445c639"), Some(guid));
    }

    #[test]
    fn text_of_another_shape_is_no_guid() {
        for text in ["", "+a8cc6be-ffdb-43d7-976f-bc7da445c639", "ea8cc6beffdb43d7976fbc7da445c639"]
        {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
        assert_eq!(Guid::from_simple("+a8cc6beffdb43d7976fbc7da445c639"), None);
    }
}
