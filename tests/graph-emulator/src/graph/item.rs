//! Items: finding them, and one of them as an answer. (1.1, 1.3)

use std::sync::Arc;

use http::StatusCode;
use percent_encoding::utf8_percent_encode;
use serde_json::json;

use super::address::{Anchor, DriveAddress, ItemAddress, View};
use super::errors::GraphError;
use super::reply::Answer;
use super::row::{CONTEXT, Rows};
use super::{Call, authorize, children, drive, select};
use crate::drive::{Drive, Item, ROOT};
use crate::preconditions;
use crate::world::World;

/// Names of special folders; drives of work have the first three. (1.1)
const SPECIAL: [&str; 6] = ["approot", "documents", "photos", "cameraroll", "desktop", "music"];

/// An item and the drive it is in.
pub(super) struct Found {
    pub(super) drive: Arc<Drive>,
    pub(super) item: Item,
    /// How its drive is named in contexts.
    pub(super) context: String,
}

/// The item that an address means, if the caller may do this to it.
pub(super) fn find(
    world: &World,
    call: &Call,
    address: &DriveAddress,
    item: &ItemAddress,
) -> Result<Found, GraphError> {
    let drive = drive::find(world, call, address)?;
    let not_found = || GraphError::item_not_found(drive.is_personal());
    let start = match &item.anchor {
        Anchor::Root => drive.root(),
        Anchor::Special(name) => special(&drive, name)?,
        Anchor::Id(id) => match drive.named(id) {
            Some(item) => item,
            None if call.query.include_deleted && drive.is_personal() => {
                drive.named_or_deleted(id).ok_or_else(not_found)?
            }
            None => return Err(not_found()),
        },
    };
    let item = match item.path.as_slice() {
        [] => start,
        names => drive.resolve(start.guid, names).ok_or_else(not_found)?,
    };
    let context = drive_context(world, call, address, &drive);
    let found = Found { drive, item, context };
    authorize::permit_item(world, call, &found)?;
    Ok(found)
}

/// A well-known folder; the one of the application is made when first asked for.
fn special(drive: &Drive, name: &str) -> Result<Item, GraphError> {
    let known = if drive.is_personal() { &SPECIAL[..] } else { &SPECIAL[..3] };
    let name = name.to_ascii_lowercase();
    if !known.contains(&name.as_str()) {
        return Err(GraphError::invalid_request("The special folder identifier isn't valid"));
    }
    let not_found = || GraphError::item_not_found(drive.is_personal());
    match drive.special(&name) {
        Some(item) => Ok(item),
        None if name == "approot" => {
            let names = ["Apps".to_owned(), "Drive reader".to_owned()];
            drive.make_folders(ROOT, &names).map_err(|_| not_found())
        }
        None => Err(not_found()),
    }
}

/// `users('…')/drive` or `drives('…')`: the beginning of contexts. (1.7)
pub(super) fn drive_context(
    world: &World,
    call: &Call,
    address: &DriveAddress,
    drive: &Drive,
) -> String {
    let population = world.population();
    let user = match address {
        DriveAddress::Mine => call.grant.user.and_then(|user| population.user(user)),
        DriveAddress::User(name) => population.user_named(name),
        _ => None,
    };
    match user {
        Some(user) => format!("users('{}')/drive", utf8_percent_encode(&user.email, CONTEXT)),
        None => format!("drives('{}')", drive.id()),
    }
}

pub(super) fn answer(
    world: &World,
    call: &Call,
    found: &Found,
    address: &ItemAddress,
) -> Result<Answer, GraphError> {
    let Found { drive, item, context } = found;
    select::check_item(&call.query, drive.is_personal())?;
    check_expand(call)?;
    let e_tag = drive.ids().e_tag(item);
    if preconditions::none_match(&call.headers, &[&e_tag, &drive.ids().c_tag(item)]) {
        return Ok(Answer::NotModified { e_tag });
    }
    let place = match address.anchor {
        Anchor::Root if address.path.is_empty() => "root",
        _ => "items",
    };
    let mut rows = Rows::new(world, drive, &call.query, call.at());
    let mut row = rows.row(item);
    row.context = call.context(&format!("{context}/{place}{}/$entity", call.query.selected()));
    if call.query.expands("children") && item.is_folder() {
        row.children = Some(children::expanded(world, call, drive, item));
    }
    Ok(Answer::with_tag(StatusCode::OK, &row, Some(e_tag)))
}

/// What can be expanded; the costly ones are empty here. (1.3)
pub(super) fn check_expand(call: &Call) -> Result<(), GraphError> {
    let known = ["children", "thumbnails", "permissions", "versions", "listItem", "tags"];
    for expanded in &call.query.expand {
        let name = expanded.split('(').next().unwrap_or_default();
        if !known.contains(&name) {
            let name = super::segment::brief(name);
            let message = format!("Could not find a property named '{name}' to expand.");
            return Err(GraphError::invalid_request(message));
        }
    }
    Ok(())
}

/// Lists that belong to an item.
pub(super) fn related(
    world: &World,
    call: &Call,
    found: &Found,
    view: &View,
) -> Result<Answer, GraphError> {
    let (drive, item) = (&found.drive, &found.item);
    let id = drive.ids().item(item.guid, item.ordinal);
    let context = |name: &str| call.context(&format!("{}/items('{id}')/{name}", found.context));
    let by = Rows::new(world, drive, &call.query, call.at()).owner();
    Ok(match view {
        View::Versions => {
            if !item.is_file() {
                return Err(GraphError::invalid_request("Only files have versions"));
            }
            let version = json!({
                "id": format!("{}.0", item.c_version),
                "lastModifiedBy": by,
                "lastModifiedDateTime": crate::clock::iso(item.modified_ms),
                "size": item.size,
            });
            super::rows(&[version], context("versions"))
        }
        View::Permissions => {
            let owner = json!({ "id": "1", "roles": ["owner"], "grantedTo": by });
            let guests = item.marks().shared_with.iter().zip(2..).map(|(email, number)| {
                json!({
                    "id": number.to_string(),
                    "roles": ["read"],
                    "grantedTo": { "user": { "email": email } },
                })
            });
            let all: Vec<_> = std::iter::once(owner).chain(guests).collect();
            super::rows(&all, context("permissions"))
        }
        _ => super::rows(&[] as &[serde_json::Value], context("thumbnails")),
    })
}
