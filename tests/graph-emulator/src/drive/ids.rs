//! Identifiers of drives and items in the shape of each profile. (1.8)

use serde::{Deserialize, Serialize};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::guid::Guid;
use crate::profile::Profile;
use crate::random;

/// The GUID of the root of every drive that SharePoint keeps. (1.8)
pub(crate) const ROOT: Guid = Guid::from_u128(0xea8c_c6be_ffdb_43d7_976f_bc7d_a445_c639);

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// What a drive's identifiers are made from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DriveIds {
    /// A document library of a site.
    Business { site: Guid, web: Guid, list: Guid, prefix: [u8; 4] },
    /// The drive of a Microsoft account: its number.
    Personal { cid: u64 },
}

impl DriveIds {
    pub(crate) fn random(profile: Profile) -> Self {
        match profile {
            Profile::Business => Self::Business {
                site: Guid::random(),
                web: Guid::random(),
                list: Guid::random(),
                prefix: random::bytes(),
            },
            // The highest bit set: sixteen digits without a leading zero.
            Profile::Personal => {
                Self::Personal { cid: u64::from_be_bytes(random::bytes()) | 1 << 63 }
            }
        }
    }

    pub(crate) fn profile(&self) -> Profile {
        match self {
            Self::Business { .. } => Profile::Business,
            Self::Personal { .. } => Profile::Personal,
        }
    }

    /// The drive's identifier as the service writes it.
    pub(crate) fn drive(&self) -> String {
        match self {
            Self::Business { site, web, list, .. } => {
                let guids = [site, web, list].map(|guid| guid.little_endian());
                format!("b!{}", URL_SAFE_NO_PAD.encode(guids.concat()))
            }
            Self::Personal { cid } => format!("{cid:016X}"),
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
    pub(crate) fn item(&self, guid: Guid) -> String {
        match self {
            Self::Business { prefix, .. } => {
                let mut bytes = prefix.to_vec();
                bytes.extend(guid.little_endian());
                format!("01{}", base32(&bytes))
            }
            Self::Personal { cid } => format!("{cid:016X}!s{}", guid.simple()),
        }
    }

    /// The item that an identifier names. Identifiers are case-sensitive. (1.2)
    pub(crate) fn guid(&self, id: &str) -> Option<Guid> {
        let guid = match self {
            Self::Business { .. } => {
                let bytes: [u8; 20] = base32_decode(id.strip_prefix("01")?)?.try_into().ok()?;
                Guid::from_little_endian(bytes[4..].try_into().ok()?)
            }
            Self::Personal { .. } => Guid::from_simple(id.split_once("!s")?.1)?,
        };
        (self.item(guid) == id).then_some(guid)
    }
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
        assert_eq!(business().item(guid), "01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK");
        assert_eq!(business().guid("01NKDM7HMOJTVYMDOSXFDK2QJDXCDI3WUK"), Some(guid));
    }

    /// Section 1.8. Its constant begins with `5`, but that digit holds two bits of the prefix: only
    /// the 25 after it are the same in every drive.
    #[test]
    fn the_root_of_every_business_drive_ends_alike() {
        for (last, digit) in [(0x9c, 'F'), (0x9d, 'N'), (0x9e, 'V'), (0x9f, '5')] {
            let prefix = [0x6a, 0x86, 0xcf, last];
            let ids =
                DriveIds::Business { site: Guid::NIL, web: Guid::NIL, list: Guid::NIL, prefix };
            assert!(ids.item(ROOT).ends_with(&format!("{digit}6Y2GOVW7725BZO354PWSELRRZ")));
        }
    }

    /// Section 1.8.
    #[test]
    fn a_personal_item_id_is_the_account_and_the_guid() {
        let ids = DriveIds::Personal { cid: 0xA0AA_0A00_0A00_0A0A };
        assert_eq!(ids.item(ROOT), "A0AA0A000A000A0A!sea8cc6beffdb43d7976fbc7da445c639");
        assert_eq!(ids.guid("a0aa0a000a000a0a!sea8cc6beffdb43d7976fbc7da445c639"), None);
    }

    /// Section 1.8: casing varies and a leading zero may be dropped.
    #[test]
    fn a_personal_drive_id_is_recognised_in_any_case_and_without_its_leading_zero() {
        let ids = DriveIds::Personal { cid: 0x00AA_0A00_0A00_0A0A };
        for id in ["00AA0A000A000A0A", "00aa0a000a000a0a", "0aa0a000a000a0a"] {
            assert!(ids.is_drive(id), "{id}");
        }
        assert!(!ids.is_drive("1aa0a000a000a0a"));
        assert!(!ids.is_drive(""));
    }

    proptest! {
        #[test]
        fn any_text_is_an_id_or_none_and_every_id_is_read_back(
            text in ".*", bytes in any::<u128>(), cid in any::<u64>(),
        ) {
            for ids in [business(), DriveIds::Personal { cid }] {
                let guid = Guid::from_u128(bytes);
                prop_assert_eq!(ids.guid(&ids.item(guid)), Some(guid));
                let _ = (ids.guid(&text), ids.is_drive(&text));
            }
        }
    }
}
