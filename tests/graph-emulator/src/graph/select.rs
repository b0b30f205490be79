//! `$select`: which properties of an answer remain. (1.3, 1.4)

use super::errors::GraphError;
use super::query::Query;
use super::reply::Object;

/// The two spellings that ask for the download URL. (1.3)
const DOWNLOAD_URL: &str = "@microsoft.graph.downloadUrl";
const DOWNLOAD_URL_AS_PROPERTY: &str = "content.downloadUrl";

/// The properties of a driveItem (v1.0). (1.7)
const ITEM: [&str; 46] = [
    "analytics",
    "audio",
    "bundle",
    "cTag",
    "children",
    "content",
    "createdBy",
    "createdByUser",
    "createdDateTime",
    "deleted",
    "description",
    "eTag",
    "file",
    "fileSystemInfo",
    "folder",
    "id",
    "image",
    "lastModifiedBy",
    "lastModifiedByUser",
    "lastModifiedDateTime",
    "listItem",
    "location",
    "malware",
    "name",
    "package",
    "parentReference",
    "pendingOperations",
    "permissions",
    "photo",
    "publication",
    "remoteItem",
    "retentionLabel",
    "root",
    "searchResult",
    "shared",
    "sharepointIds",
    "size",
    "specialFolder",
    "subscriptions",
    "thumbnails",
    "versions",
    "video",
    "webDavUrl",
    "webUrl",
    "workbook",
    "*",
];

/// Whether the download URL is part of an item's answer: always, unless others are selected. (1.3)
pub(super) fn wants_download_url(query: &Query) -> bool {
    query.select.as_ref().is_none_or(|names| {
        names.iter().any(|name| name == DOWNLOAD_URL || name == DOWNLOAD_URL_AS_PROPERTY)
    })
}

/// Refuses names that a driveItem does not have; personal drives ignore them. (11, 16)
pub(super) fn check_item(query: &Query, is_personal: bool) -> Result<(), GraphError> {
    let known = |name: &String| {
        ITEM.contains(&name.as_str()) || name.starts_with('@') || name == DOWNLOAD_URL_AS_PROPERTY
    };
    let unknown = query.select.iter().flatten().find(|name| !known(name));
    match unknown {
        Some(name) if !is_personal => Err(GraphError::invalid_request(format!(
            "Could not find a property named '{}' on type 'microsoft.graph.driveItem'.",
            &name[..name.floor_char_boundary(100)]
        ))),
        _ => Ok(()),
    }
}

/// Leaves the selected properties and the annotations, whose presence was decided before.
pub(super) fn apply(query: &Query, object: &mut Object) {
    object.retain(|name, _| name.starts_with('@') || query.selects(name));
}
