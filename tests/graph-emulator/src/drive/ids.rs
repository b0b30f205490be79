//! Identifiers of drives and items in the shape of each profile. (1.8)

use serde::{Deserialize, Serialize};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::Item;
use crate::guid::Guid;
use crate::random::Random;

/// The GUID of the root of every drive that SharePoint keeps. (1.8)
pub(crate) const ROOT: Guid = Guid::from_u128(0xea8c_c6be_ffdb_43d7_976f_bc7d_a445_c639);

/// The number of the first item in legacy personal identifiers.
const FIRST_ORDINAL: u64 = 100;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a drive's identifiers are made from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DriveIds {
    /// A document library of a site.
    Business { site: Guid, web: Guid, list: Guid, prefix: [u8; 4] },
    /// The drive of a Microsoft account: its number, and whether it was not moved to SharePoint yet,
    /// which shows in everything. (1.8)
    Personal { cid: u64, legacy: bool },
}

impl DriveIds {
    /// A library of a new site.
    pub(crate) fn library(random: &Random) -> Self {
        Self::Business {
            site: random.guid(),
            web: random.guid(),
            list: random.guid(),
            prefix: random.bytes(),
        }
    }

    pub(crate) fn is_personal(&self) -> bool {
        matches!(self, Self::Personal { .. })
    }

    /// The drive's identifier as the service writes it.
    pub(crate) fn drive(&self) -> String {
        match self {
            Self::Business { site, web, list, .. } => {
                let guids = [site, web, list].map(|guid| guid.little_endian());
                format!("b!{}", URL_SAFE_NO_PAD.encode(guids.concat()))
            }
            Self::Personal { cid, .. } => format!("{cid:016X}"),
        }
    }

    /// Whether a client that writes `id` means this drive. Personal identifiers come in any case
    /// and may lack leading zeros.
    pub(crate) fn is_drive(&self, id: &str) -> bool {
        match self {
            Self::Business { .. } => id == self.drive(),
            Self::Personal { .. } => {
                id.len() <= 16 && format!("{id:0>16}").eq_ignore_ascii_case(&self.drive())
            }
        }
    }

    /// An item's identifier.
    pub(crate) fn item(&self, guid: Guid, ordinal: u32) -> String {
        match self {
            Self::Business { prefix, .. } => {
                let mut bytes = [0; 20];
                bytes[..4].copy_from_slice(prefix);
                bytes[4..].copy_from_slice(&guid.little_endian());
                format!("01{}", base32(&bytes))
            }
            Self::Personal { cid, legacy: false } => format!("{cid:016X}!s{}", guid.simple()),
            Self::Personal { cid, legacy: true } => {
                format!("{cid:016X}!{}", u64::from(ordinal) + FIRST_ORDINAL)
            }
        }
    }

    /// The item that an identifier names. Identifiers are case-sensitive. (1.2)
    pub(crate) fn named(&self, id: &str) -> Option<Named> {
        let named = match self {
            Self::Business { .. } => {
                let bytes: [u8; 20] = base32_decode(id.strip_prefix("01")?)?.try_into().ok()?;
                Named::Guid(Guid::from_little_endian(bytes[4..].try_into().ok()?))
            }
            Self::Personal { legacy: false, .. } => {
                Named::Guid(Guid::from_simple(id.split_once("!s")?.1)?)
            }
            Self::Personal { legacy: true, .. } => {
                let number: u64 = id.split_once('!')?.1.parse().ok()?;
                Named::Ordinal(number.checked_sub(FIRST_ORDINAL)?.try_into().ok()?)
            }
        };
        let again = match named {
            Named::Guid(guid) => self.item(guid, 0),
            Named::Ordinal(ordinal) => self.item(ROOT, ordinal),
        };
        (again == id).then_some(named)
    }

    /// `"{GUID},n"`, with its quotes; legacy personal `a` and base64. (1.8)
    pub(crate) fn e_tag(&self, item: &Item) -> String {
        match self {
            Self::Personal { legacy: true, .. } => {
                let id = self.item(item.guid, item.ordinal);
                format!("a{}", STANDARD.encode(format!("{id}.{}", item.e_version)))
            }
            _ => format!("\"{{{}}},{}\"", item.guid.upper(), item.e_version),
        }
    }

    /// `"c:{GUID},m"`, with its quotes; legacy personal `a` and base64. (1.8)
    pub(crate) fn c_tag(&self, item: &Item) -> String {
        match self {
            Self::Personal { legacy: true, .. } => {
                let id = self.item(item.guid, item.ordinal);
                let (letter, version) = if item.is_folder() { ('t', 0) } else { ('c', 257) };
                let tag = format!("{letter}:{id}.{}", version + item.c_version);
                format!("a{}", STANDARD.encode(tag))
            }
            _ => format!("\"c:{{{}}},{}\"", item.guid.upper(), item.c_version),
        }
    }
}

/// What an identifier stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named {
    Guid(Guid),
    Ordinal(u32),
}

/// RFC 4648, upper case, without padding.
fn base32(bytes: &[u8]) -> String {
    bytes
        .chunks(5)
        .flat_map(|chunk| {
            let mut wide = [0; 8];
            wide[3..3 + chunk.len()].copy_from_slice(chunk);
            let bits = u64::from_be_bytes(wide);
            let digits = (chunk.len() * 8).div_ceil(5);
            (0..digits).map(move |digit| BASE32[(bits >> (35 - 5 * digit) & 31) as usize] as char)
        })
        .collect()
}

fn base32_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.bytes() {
        bits = bits << 5 | BASE32.iter().position(|&known| known == digit)? as u32;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn business() -> DriveIds {
        let prefix = [0x6a, 0x86, 0xcf, 0x9d];
        DriveIds::Business { site: Guid::NIL, web: Guid::NIL, list: Guid::NIL, prefix }
    }

    /// Section 1.8: the recipe agrees with a published identifier and its eTag.
    #[test]
    fn a_business_item_id_is_the_drive_prefix_and_the_guid_of_the_etag() {
        let guid: Guid = "86eb4c8e-d20d-46b9-ad41-23b8868dda8a".parse().unwrap();
        assert_eq!(business().item(guid, 0), "01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK");
        assert_eq!(business().named("01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK"), Some(Named::Guid(guid)));
    }

    /// Section 1.8. Its constant begins with `5`, but that digit holds two bits of the prefix: only
    /// the 25 after it are the same in every drive.
    #[test]
    fn the_root_of_every_business_drive_ends_alike() {
        for (last, digit) in [(0x9c, 'F'), (0x9d, 'N'), (0x9e, 'V'), (0x9f, '5')] {
            let prefix = [0x6a, 0x86, 0xcf, last];
            let ids =
                DriveIds::Business { site: Guid::NIL, web: Guid::NIL, list: Guid::NIL, prefix };
            assert!(ids.item(ROOT, 0).ends_with(&format!("{digit}6Y2GOVW7725BZO354PWSELRRZ")));
        }
    }

    /// Section 1.8.
    #[test]
    fn a_personal_item_id_is_the_account_and_the_guid() {
        let ids = DriveIds::Personal { cid: 0xA0AA_0A00_0A00_0A0A, legacy: false };
        assert_eq!(ids.item(ROOT, 0), "A0AA0A000A000A0A!sea8cc6beffdb43d7976fbc7da445c639");
        assert_eq!(ids.named("a0aa0a000a000a0a!sea8cc6beffdb43d7976fbc7da445c639"), None);
    }

    /// Section 1.8: `A0AA0A000A000A0A!114`, and tags in base64.
    #[test]
    fn a_legacy_personal_item_id_is_the_account_and_a_number() {
        let ids = DriveIds::Personal { cid: 0xA0AA_0A00_0A00_0A0A, legacy: true };
        assert_eq!(ids.item(ROOT, 14), "A0AA0A000A000A0A!114");
        assert_eq!(ids.named("A0AA0A000A000A0A!99"), None);
    }

    /// Section 1.8: casing varies and a leading zero may be dropped.
    #[test]
    fn a_personal_drive_id_is_recognised_in_any_case_and_without_its_leading_zero() {
        let ids = DriveIds::Personal { cid: 0x00AA_0A00_0A00_0A0A, legacy: false };
        for id in ["00AA0A000A000A0A", "00aa0a000a000a0a", "0aa0a000a000a0a"] {
            assert!(ids.is_drive(id), "{id}");
        }
        assert!(!ids.is_drive("1aa0a000a000a0a"));
        assert!(!ids.is_drive(""));
    }

    proptest! {
        #[test]
        fn any_text_is_an_id_or_none_and_every_id_is_read_back(
            text in ".*", bytes in any::<u128>(), cid in any::<u64>(), ordinal in any::<u32>(),
        ) {
            let guid = Guid::from_u128(bytes);
            for ids in [business(), DriveIds::Personal { cid, legacy: false }] {
                prop_assert_eq!(ids.named(&ids.item(guid, 0)), Some(Named::Guid(guid)));
                let _ = (ids.named(&text), ids.is_drive(&text));
            }
            let ids = DriveIds::Personal { cid, legacy: true };
            prop_assert_eq!(ids.named(&ids.item(guid, ordinal)), Some(Named::Ordinal(ordinal)));
            let _ = (ids.named(&text), ids.is_drive(&text));
        }
    }
}
