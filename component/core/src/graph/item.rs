//! The parts of Graph's JSON that are read. Unknown properties are ignored,
//! and nothing but `id` is taken for granted.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::cloud::Cloud;
use crate::error::Result;
use crate::graph::{DeltaLink, NextLink, PreauthenticatedUrl};
use crate::item::Target;
use crate::path::join;
use crate::ports::TimestampMs;

/// An item of a drive.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DriveItem {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: String,
    size: Option<i64>,
    pub(crate) c_tag: Option<String>,
    pub(crate) e_tag: Option<String>,
    pub(crate) web_url: Option<String>,
    created_date_time: Option<String>,
    last_modified_date_time: Option<String>,
    created_by: Option<CreatedBy>,
    file: Option<FileFacet>,
    folder: Option<IgnoredAny>,
    package: Option<IgnoredAny>,
    malware: Option<IgnoredAny>,
    root: Option<IgnoredAny>,
    deleted: Option<IgnoredAny>,
    shared: Option<IgnoredAny>,
    parent_reference: Option<ParentReference>,
    remote_item: Option<RemoteItem>,
    #[serde(rename = "@microsoft.graph.downloadUrl")]
    download_url: Option<String>,
}

/// The folder that an item is in; any part may be missing.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ParentReference {
    id: Option<String>,
    path: Option<String>,
    #[serde(default, deserialize_with = "drive_ids")]
    drive_id: Option<String>,
    drive_type: Option<String>,
}

/// Where a shortcut leads; the stub of a locked vault leads nowhere.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemoteItem {
    id: Option<String>,
    folder: Option<IgnoredAny>,
    parent_reference: Option<ParentReference>,
}

/// What is told of a file's bytes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileFacet {
    mime_type: Option<String>,
    hashes: Option<Hashes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hashes {
    quick_xor_hash: Option<String>,
}

/// Who made an item; an application may have, on behalf of nobody.
#[derive(Deserialize)]
struct CreatedBy {
    user: Option<Person>,
}

impl DriveItem {
    /// Names from the root down to the item, joined by `/`, where the answer
    /// tells the folder: `/drive/root:/a%20b` or `/drives/…/root:/a%20b`.
    pub(crate) fn path_in_drive(&self) -> Option<String> {
        let parent = self.parent_reference.as_ref()?.path.as_deref()?;
        let (_, folder) = parent.split_once("/root:")?;
        let folder = crate::url::decode(folder.trim_start_matches('/'))?;
        Some(join(&folder, &self.name))
    }

    /// The folder that the item is in, by its id.
    pub(crate) fn parent_id(&self) -> Option<&str> {
        self.parent_reference.as_ref()?.id.as_deref()
    }

    /// The drive's own root.
    pub(crate) fn is_root(&self) -> bool {
        self.root.is_some()
    }

    /// A tombstone.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.is_some()
    }

    /// The drive that the item is in, where the answer tells.
    pub(crate) fn drive_id(&self) -> Option<&str> {
        self.parent_reference.as_ref()?.drive_id.as_deref()
    }

    /// What a shortcut leads to; it is read in the drive that it is in.
    pub(crate) fn target(&self) -> Option<Target> {
        let remote = self.remote_item.as_ref()?;
        let drive = remote.parent_reference.as_ref()?.drive_id.clone()?;
        Some(Target { drive, item: remote.id.clone()? })
    }

    /// Whether a shortcut leads to a folder.
    pub(crate) fn leads_to_folder(&self) -> bool {
        self.remote_item.as_ref().is_some_and(|remote| remote.folder.is_some())
    }

    /// That drive's type.
    pub(crate) fn drive_type(&self) -> Option<String> {
        self.parent_reference.as_ref()?.drive_type.clone()
    }

    /// A file with bytes, as opposed to folders, packages and stubs.
    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some() && self.package.is_none()
    }

    /// A folder whose children can be listed.
    pub(crate) fn is_folder(&self) -> bool {
        self.folder.is_some()
    }

    /// A OneNote notebook or the like: neither file nor folder.
    pub(crate) fn is_package(&self) -> bool {
        self.package.is_some()
    }

    /// Flagged by the service's scanner; the download is refused.
    pub(crate) fn is_malware(&self) -> bool {
        self.malware.is_some()
    }

    /// The size as the metadata tells it; what is delivered may differ.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size.and_then(|size| u64::try_from(size).ok())
    }

    /// When the content or metadata last changed.
    pub(crate) fn modified(&self) -> Option<TimestampMs> {
        time(self.last_modified_date_time.as_deref()?)
    }

    pub(crate) fn created(&self) -> Option<TimestampMs> {
        time(self.created_date_time.as_deref()?)
    }

    pub(crate) fn mime_type(&self) -> Option<&str> {
        self.file.as_ref()?.mime_type.as_deref()
    }

    /// In base64.
    pub(crate) fn quick_xor_hash(&self) -> Option<&str> {
        self.file.as_ref()?.hashes.as_ref()?.quick_xor_hash.as_deref()
    }

    /// The address of who created it, else the name; empty where an application did, `None` where
    /// the answer leaves it out.
    pub(crate) fn owner(&self) -> Option<&str> {
        let user = self.created_by.as_ref()?.user.as_ref();
        let named = user.and_then(|user| user.email.as_deref().or(user.display_name.as_deref()));
        Some(named.unwrap_or_default())
    }

    /// Whether it was shared with anybody.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The link to the bytes, when the answer brought one that may be used.
    pub(crate) fn download_link(&self, cloud: &Cloud) -> Option<PreauthenticatedUrl> {
        PreauthenticatedUrl::parse(self.download_url.as_deref()?, cloud).ok()
    }
}

fn time(text: &str) -> Option<TimestampMs> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

/// One page of items.
#[derive(Deserialize)]
pub(crate) struct ItemPage {
    #[serde(default)]
    pub(crate) value: Vec<DriveItem>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    delta_link: Option<String>,
}

impl ItemPage {
    /// A page that holds one item.
    pub(crate) fn of(item: DriveItem) -> Self {
        Self { value: vec![item], next_link: None, delta_link: None }
    }

    /// The link to what will have changed, on a feed's last page.
    pub(crate) fn delta(&self, cloud: &Cloud) -> Result<Option<DeltaLink>> {
        self.delta_link.as_deref().map(|link| DeltaLink::parse(link, cloud)).transpose()
    }

    /// The link to the next page, if there is one.
    pub(crate) fn next(&self, cloud: &Cloud) -> Result<Option<NextLink>> {
        self.next_link.as_deref().map(|link| NextLink::parse(link, cloud)).transpose()
    }
}

/// A drive's id as it is compared and kept: the service writes those of personal drives in either
/// case, and may leave out leading zeros, differently from one answer to the next. Source: seen in
/// public sync clients.
pub(crate) fn canonical_drive(id: &str) -> String {
    let personal = id.len() <= 16 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if personal { format!("{:0>16}", id.to_ascii_lowercase()) } else { id.to_owned() }
}

fn drive_id<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<String, D::Error> {
    String::deserialize(from).map(|id| canonical_drive(&id))
}

fn drive_ids<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<String>, D::Error> {
    Option::<String>::deserialize(from).map(|id| id.as_deref().map(canonical_drive))
}

/// A drive and whose it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Drive {
    #[serde(deserialize_with = "drive_id")]
    pub(crate) id: String,
    pub(crate) drive_type: Option<String>,
    pub(crate) owner: Option<Owner>,
    pub(crate) quota: Option<Quota>,
}

/// The owner of a drive; any part may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Owner {
    pub(crate) user: Option<Person>,
}

/// A person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) id: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) email: Option<String>,
}

/// How full a drive is.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Quota {
    pub(crate) used: Option<u64>,
    pub(crate) total: Option<u64>,
    /// normal, nearing, critical or exceeded.
    pub(crate) state: Option<String>,
}

/// The account as `/me` tells of it, which needs User.Read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Me {
    pub(crate) id: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) mail: Option<String>,
    pub(crate) user_principal_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_drive_id_is_the_same_in_either_case_and_without_its_zeros() {
        let told = |id: &str| {
            let answer = serde_json::json!({ "id": "1", "parentReference": { "driveId": id } });
            let item: DriveItem = serde_json::from_value(answer).unwrap();
            item.drive_id().unwrap().to_owned()
        };
        for same in ["00AA0AA000A000A0", "00aa0aa000a000a0", "aa0aa000a000a0"] {
            assert_eq!(told(same), "00aa0aa000a000a0");
        }
        assert_ne!(told("b!AbC"), told("b!abc"));
    }
}
