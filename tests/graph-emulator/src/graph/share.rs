//! Sharing: items by their URL, and what others shared with the signed-in person. (1.1, 8)

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::address::{Anchor, ItemAddress};
use super::errors::GraphError;
use super::item::Found;
use super::reply::{Answer, object};
use super::row::{Row, library_url, remote_item, web_url};
use super::{Call, authorize};
use crate::drive::{Drive, DriveKind, Item, ROOT};
use crate::world::World;

/// The sharedDriveItem of a sharing URL.
pub(super) fn answer(world: &World, call: &Call, token: &str) -> Result<Answer, GraphError> {
    let (drive, item) = resolve(world, token)?;
    let found = Found { context: format!("drives('{}')", drive.id()), drive, item };
    authorize::permit_item(world, call, &found)?;
    let mut body = object(json!({
        "id": token,
        "name": &*found.item.name,
        "owner": super::row::owner(world, &found.drive),
    }));
    if let Some(context) = call.context("shares/$entity") {
        body.insert("@odata.context".to_owned(), json!(context));
    }
    Ok(Answer::found(&body))
}

/// What a sharing URL leads to, and from there a path.
pub(super) fn find(
    world: &World,
    call: &Call,
    token: &str,
    address: &ItemAddress,
) -> Result<Found, GraphError> {
    let (drive, item) = resolve(world, token)?;
    let not_found = || GraphError::item_not_found(drive.is_personal());
    let item = match (&address.anchor, address.path.as_slice()) {
        (Anchor::Root, []) => item,
        (_, names) => drive.resolve(item.guid, names).ok_or_else(not_found)?,
    };
    let found = Found { context: format!("drives('{}')", drive.id()), drive, item };
    authorize::permit_item(world, call, &found)?;
    Ok(found)
}

/// `u!` and unpadded base64url of a URL. (1.1)
fn resolve(world: &World, token: &str) -> Result<(Arc<Drive>, Item), GraphError> {
    let invalid = || GraphError::invalid_request("The sharing token is invalid");
    let encoded = token.strip_prefix("u!").ok_or_else(invalid)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).or_else(|_| URL_SAFE.decode(encoded));
    let whole = String::from_utf8(bytes.map_err(|_| invalid())?).map_err(|_| invalid())?;
    let url = whole.split('?').next().unwrap_or_default();
    let not_found = || GraphError::item_not_found(false);
    for drive in world.drives.all() {
        match drive.info.kind {
            DriveKind::Personal => {
                let Some((_, id)) = whole.split_once("&id=") else { continue };
                if let Some(item) = drive.named(id.split('&').next().unwrap_or_default())
                    && whole == web_url(world, &drive, &item)
                {
                    return Ok((drive, item));
                }
            }
            _ => {
                let base = library_url(&drive);
                let Some(rest) = url.strip_prefix(base.as_str()) else { continue };
                if !rest.is_empty() && !rest.starts_with('/') {
                    continue;
                }
                let names: Vec<String> = rest
                    .split('/')
                    .filter(|name| !name.is_empty())
                    .map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned())
                    .collect();
                let item = drive.resolve(ROOT, &names).ok_or_else(not_found)?;
                return Ok((drive, item));
            }
        }
    }
    Err(not_found())
}

/// `/me/drive/sharedWithMe`: degraded rows with a remoteItem. (8)
pub(super) fn with_me(world: &World, call: &Call) -> Result<Answer, GraphError> {
    Ok(super::rows(&rows(world, call, |_| true), call.context("Collection(driveItem)")))
}

/// What is shared with the caller in the same directory, or anywhere if external is allowed.
pub(super) fn rows(world: &World, call: &Call, wanted: impl Fn(&Item) -> bool) -> Vec<Row> {
    let Some(email) = call
        .grant
        .user
        .and_then(|user| world.population().user(user).map(|user| user.email.clone()))
    else {
        return Vec::new();
    };
    let case = world.variants().drive_ids;
    let mut rows = Vec::new();
    for drive in world.drives.all() {
        let inside = authorize::directory_of(world, &drive) == Some(call.grant.directory);
        if !inside && !call.query.allow_external {
            continue;
        }
        let shared = drive.all(|item| {
            wanted(item) && item.marks().shared_with.iter().any(|w| w.eq_ignore_ascii_case(&email))
        });
        rows.extend(shared.iter().map(|item| Row {
            id: Some(drive.ids().item(item.guid, item.ordinal)),
            name: Some(item.name.to_string()),
            web_url: Some(web_url(world, &drive, item)),
            remote_item: Some(remote_item(world, &drive, item, case)),
            ..Row::default()
        }));
    }
    rows
}
