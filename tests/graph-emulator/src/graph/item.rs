//! Items: finding them, and the JSON of each profile. (1.3, 1.7 to 1.9)

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::address::{Anchor, DriveAddress, ItemAddress};
use super::errors::GraphError;
use super::query::Query;
use super::reply::{Answer, Object, object};
use super::{BASE, Call, drive, select};
use crate::clock;
use crate::drive::{DriveIds, Hashes, Item, Kind, ROOT, media_type};
use crate::entra::SHAREPOINT_HOST;
use crate::preconditions;
use crate::profile::Profile;
use crate::world::World;

/// What stays literal in a segment of a path; spaces, `#`, `%`, `?` and non-ASCII do not. (1.2)
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The item that an address means.
pub(super) fn find(
    world: &World,
    address: &DriveAddress,
    item: &ItemAddress,
) -> Result<Item, GraphError> {
    drive::check(world, address)?;
    let not_found = || GraphError::item_not_found(world.profile);
    let from = match &item.anchor {
        Anchor::Root => ROOT,
        Anchor::Id(id) => world.drive.ids.guid(id).ok_or_else(not_found)?,
    };
    world.drive.resolve(from, &item.path).ok_or_else(not_found)
}

pub(super) fn answer(
    world: &World,
    call: &Call,
    drive: &DriveAddress,
    address: &ItemAddress,
    item: &Item,
) -> Result<Answer, GraphError> {
    select::check_item(&call.query, world.profile)?;
    let e_tag = item.e_tag();
    if preconditions::none_match(&call.headers, &[&e_tag, &item.c_tag()]) {
        return Ok(Answer::NotModified { e_tag });
    }
    let mut body = describe(world, item, &call.query, call.now_ms);
    let context = context(world, drive, address, &call.query);
    body.insert("@odata.context".to_owned(), json!(context));
    Ok(Answer::Found { body, e_tag: Some(e_tag) })
}

/// The forms that were recorded. (1.7)
fn context(world: &World, drive: &DriveAddress, address: &ItemAddress, query: &Query) -> String {
    let place = match address.anchor {
        Anchor::Root if address.path.is_empty() => "root",
        _ => "items",
    };
    format!("{}/{place}{}/$entity", drive_context(world, drive), query.selected())
}

/// `…/$metadata#users('…')/drive` or `…/$metadata#drives('…')`.
pub(super) fn drive_context(world: &World, drive: &DriveAddress) -> String {
    match drive {
        DriveAddress::Mine => {
            let user = utf8_percent_encode(&world.directory.account.email, FORM);
            format!("{BASE}/$metadata#users('{user}')/drive")
        }
        DriveAddress::Id(_) => format!("{BASE}/$metadata#drives('{}')", world.drive.ids.drive()),
    }
}

/// In contexts `@` is encoded too.
const FORM: &AsciiSet = &SEGMENT.add(b'@');

/// An item's JSON, as far as it is selected.
pub(super) fn describe(world: &World, item: &Item, query: &Query, now_ms: i64) -> Object {
    let ids = &world.drive.ids;
    let (created, modified) = (clock::iso(item.created_ms), clock::iso(item.modified_ms));
    let is_root = item.guid == ROOT;
    let by = json!({ "user": person(world) });
    let mut object = object(json!({
        "id": ids.item(item.guid),
        "name": if is_root { "root" } else { item.name() },
        "size": item.size,
        "createdDateTime": created,
        "lastModifiedDateTime": modified,
        "webUrl": web_url(world, item),
        "createdBy": by,
        "lastModifiedBy": by,
        "parentReference": parent_reference(world, item),
        "fileSystemInfo": { "createdDateTime": created, "lastModifiedDateTime": modified },
    }));
    let mut set = |name: &str, value: Value| object.insert(name.to_owned(), value);
    let personal = world.profile == Profile::Personal;
    if !is_root || personal {
        set("eTag", json!(item.e_tag()));
    }
    // Business folders have no cTag. (1.8)
    if personal || !item.is_folder() {
        set("cTag", json!(item.c_tag()));
    }
    if personal {
        set("@odata.etag", json!(item.e_tag()));
    }
    if is_root {
        set("root", json!({}));
    }
    match item.kind {
        Kind::Folder { child_count } => {
            set("folder", folder(child_count, world.profile));
        }
        Kind::File { .. } => {
            if query.selects("file") {
                set("file", file(item, world.drive.hashes(item).as_deref()));
            }
            if select::wants_download_url(query) {
                set(select::DOWNLOAD_URL, json!(world.links.issue(item.guid, now_ms)));
            }
        }
    }
    select::apply(query, &mut object);
    object
}

/// The account as an identity.
pub(super) fn person(world: &World) -> Value {
    let account = &world.directory.account;
    json!({ "id": account.id, "email": account.email, "displayName": account.display_name() })
}

fn folder(child_count: usize, profile: Profile) -> Value {
    let mut folder = json!({ "childCount": child_count });
    if profile == Profile::Personal {
        folder["view"] =
            json!({ "sortBy": "name", "sortOrder": "ascending", "viewType": "thumbnails" });
    }
    folder
}

fn file(item: &Item, hashes: Option<&Hashes>) -> Value {
    let mut file = json!({ "mimeType": media_type::of(item.name()) });
    if let Some(hashes) = hashes {
        let mut values = json!({ "quickXorHash": hashes.quick_xor });
        if let Some(sha) = &hashes.sha {
            values["sha1Hash"] = json!(sha.sha1);
            values["sha256Hash"] = json!(sha.sha256);
        }
        file["hashes"] = values;
    }
    file
}

fn parent_reference(world: &World, item: &Item) -> Value {
    let ids = &world.drive.ids;
    let mut reference = json!({ "driveType": world.profile.drive_type(), "driveId": ids.drive() });
    if let DriveIds::Business { site, .. } = ids {
        reference["siteId"] = json!(site);
    }
    // The root's parent has neither id nor path: by that clients recognise it. (1.9)
    let Some((_, above)) = item.path.split_last() else { return reference };
    reference["id"] = json!(ids.item(item.parent));
    if let Some(name) = above.last() {
        reference["name"] = json!(name);
    }
    let root = match world.profile {
        Profile::Business => format!("/drives/{}/root:", ids.drive()),
        Profile::Personal => "/drive/root:".to_owned(),
    };
    reference["path"] = json!(format!("{root}{}", encoded(above)));
    reference
}

/// Where a person finds the item in a browser.
pub(super) fn web_url(world: &World, item: &Item) -> String {
    match world.profile {
        Profile::Business => {
            let site = world.directory.account.site_name();
            let path = encoded(&item.path);
            format!("https://{SHAREPOINT_HOST}/personal/{site}/Documents{path}")
        }
        Profile::Personal => {
            let id = world.drive.ids.item(item.guid);
            format!("https://onedrive.live.com?cid={}&id={id}", world.directory.account.id)
        }
    }
}

/// `/a/b`, each name encoded.
fn encoded(names: &[String]) -> String {
    names.iter().map(|name| format!("/{}", utf8_percent_encode(name, SEGMENT))).collect()
}
