//! Simple writes: small uploads, folders, renames, moves, deletions. (9)

use bytes::Bytes;
use http::header::IF_MATCH;
use http::{Method, StatusCode};
use serde_json::Value;

use super::address::{DriveAddress, ItemAddress, View};
use super::errors::GraphError;
use super::item::{self, Found};
use super::reply::Answer;
use super::row::Rows;
use super::upload::Received;
use super::{Call, upload_session};
use crate::drive::{Conflict, Drive, Item, Update};
use crate::guid::Guid;
use crate::world::World;

pub(super) fn answer(
    world: &World,
    call: &Call,
    drive: &DriveAddress,
    address: &ItemAddress,
    received: Received,
) -> Result<Answer, GraphError> {
    match (&call.method, &address.view, received) {
        (&Method::PUT, View::Content, Received::File(content)) => {
            put(world, call, drive, address, content)
        }
        (&Method::POST, View::Children, Received::Json(json)) => {
            let found = item::find(world, call, drive, address)?;
            create_folder(world, call, &found, &json)
        }
        (&Method::POST, View::UploadSession, Received::Json(json)) => {
            let (parent, names) = parent_of(world, call, drive, address)?;
            upload_session::create(world, call, &parent, &names, &json)
        }
        (&Method::PATCH, View::Metadata, Received::Json(json)) => {
            let found = item::find(world, call, drive, address)?;
            update(world, call, &found, &json)
        }
        (&Method::DELETE, View::Metadata, _) => {
            let found = item::find(world, call, drive, address)?;
            check_match(call, &found.drive, &found.item)?;
            let is_personal = found.drive.is_personal();
            let removed = found.drive.remove(found.item.guid);
            removed.map_err(|error| GraphError::edit(error, is_personal))?;
            Ok(Answer::Done)
        }
        (&Method::POST, View::Permissions | View::Versions | View::Thumbnails, _) => {
            Err(GraphError::not_emulated("writes of this kind"))
        }
        _ => Err(GraphError::method_not_allowed()),
    }
}

/// The folder or file that an address starts from, and the names that may not exist yet.
fn parent_of(
    world: &World,
    call: &Call,
    drive: &DriveAddress,
    address: &ItemAddress,
) -> Result<(Found, Vec<String>), GraphError> {
    let start = ItemAddress { path: Vec::new(), ..address.clone() };
    Ok((item::find(world, call, drive, &start)?, address.path.clone()))
}

fn put(
    world: &World,
    call: &Call,
    drive: &DriveAddress,
    address: &ItemAddress,
    (size, source): (u64, crate::drive::Source),
) -> Result<Answer, GraphError> {
    let (parent, names) = parent_of(world, call, drive, address)?;
    let drive = &parent.drive;
    if let Some(there) = drive.resolve(parent.item.guid, &names) {
        check_match(call, drive, &there)?;
    }
    check_quota(&parent, size)?;
    let conflict = conflict(call.query.conflict.as_deref(), Conflict::Replace)?;
    let put = drive.put_file(parent.item.guid, &names, (size, source), conflict);
    let (item, is_new) = put.map_err(|error| GraphError::edit(error, drive.is_personal()))?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(describe(world, call, &parent, &item, status))
}

pub(super) fn check_quota(found: &Found, size: u64) -> Result<(), GraphError> {
    let used = found.drive.root().size;
    if used.saturating_add(size) > found.drive.info.total {
        return Err(GraphError::quota_reached());
    }
    Ok(())
}

fn create_folder(
    world: &World,
    call: &Call,
    parent: &Found,
    json: &Bytes,
) -> Result<Answer, GraphError> {
    let body = object(json)?;
    let name = text(&body, "name").ok_or_else(|| missing("name"))?;
    if !body["folder"].is_object() {
        return Err(GraphError::invalid_request("Only folders can be created here"));
    }
    let asked = text(&body, "@microsoft.graph.conflictBehavior");
    let conflict = conflict(asked.or(call.query.conflict.as_deref()), Conflict::Fail)?;
    let drive = &parent.drive;
    let made = drive.create_folder(parent.item.guid, name, conflict);
    let item = made.map_err(|error| GraphError::edit(error, drive.is_personal()))?;
    Ok(describe(world, call, parent, &item, StatusCode::CREATED))
}

fn update(world: &World, call: &Call, found: &Found, json: &Bytes) -> Result<Answer, GraphError> {
    let body = object(json)?;
    let drive = &found.drive;
    check_match(call, drive, &found.item)?;
    let reference = &body["parentReference"];
    if let Some(id) = reference["driveId"].as_str()
        && !drive.ids().is_drive(id)
    {
        return Err(GraphError::invalid_request("Items cannot be moved to another drive"));
    }
    let update = Update {
        parent: new_parent(found, reference)?,
        name: text(&body, "name").map(str::to_owned),
        description: text(&body, "description").map(str::to_owned),
        client_modified_ms: body["fileSystemInfo"]["lastModifiedDateTime"]
            .as_str()
            .map(|time| {
                chrono::DateTime::parse_from_rfc3339(time)
                    .map(|time| time.timestamp_millis())
                    .map_err(|_| GraphError::invalid_request("The time is not valid"))
            })
            .transpose()?,
    };
    let asked = text(&body, "@microsoft.graph.conflictBehavior");
    let conflict = conflict(asked.or(call.query.conflict.as_deref()), Conflict::Fail)?;
    let updated = drive.update(found.item.guid, update, conflict);
    let item = updated.map_err(|error| GraphError::edit(error, drive.is_personal()))?;
    Ok(describe(world, call, found, &item, StatusCode::OK))
}

/// The folder to move to: by identifier, or by path. `root` is no identifier here. (1.1)
fn new_parent(found: &Found, reference: &Value) -> Result<Option<Guid>, GraphError> {
    let drive = &found.drive;
    let not_found = || GraphError::item_not_found(drive.is_personal());
    if let Some(id) = reference["id"].as_str() {
        return drive.named(id).map(|item| Some(item.guid)).ok_or_else(not_found);
    }
    let Some(path) = reference["path"].as_str() else { return Ok(None) };
    let (_, path) = path.split_once("root:").ok_or_else(not_found)?;
    let names: Result<Vec<String>, _> =
        path.split('/').filter(|name| !name.is_empty()).map(super::segment::decode).collect();
    let folder = drive.resolve(crate::drive::ROOT, &names?).ok_or_else(not_found)?;
    Ok(Some(folder.guid))
}

/// `if-match` with a tag that is no longer the item's: 412. (2, 9)
pub(super) fn check_match(call: &Call, drive: &Drive, item: &Item) -> Result<(), GraphError> {
    let Some(wanted) = call.headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) else {
        return Ok(());
    };
    let (e_tag, c_tag) = (drive.ids().e_tag(item), drive.ids().c_tag(item));
    let fits = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag == e_tag || tag == c_tag
    };
    if fits(wanted) { Ok(()) } else { Err(GraphError::precondition_failed()) }
}

pub(super) fn conflict(asked: Option<&str>, default: Conflict) -> Result<Conflict, GraphError> {
    match asked.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(default),
        Some("fail") => Ok(Conflict::Fail),
        Some("replace") => Ok(Conflict::Replace),
        Some("rename") => Ok(Conflict::Rename),
        Some(_) => Err(GraphError::invalid_request("The conflict behavior is not valid")),
    }
}

/// The item after the change.
pub(super) fn describe(
    world: &World,
    call: &Call,
    found: &Found,
    item: &Item,
    status: StatusCode,
) -> Answer {
    let drive = &found.drive;
    let mut rows = Rows::new(world, drive, &call.query, call.at());
    let mut row = rows.row(item);
    row.context = call.context(&format!("{}/items/$entity", found.context));
    Answer::with_tag(status, &row, Some(drive.ids().e_tag(item)))
}

pub(super) fn object(json: &Bytes) -> Result<Value, GraphError> {
    let value: Option<Value> = serde_json::from_slice(json).ok();
    value.filter(Value::is_object).ok_or_else(|| {
        GraphError::bad_request("Unable to read JSON request payload. Please ensure that the \
                                 Content-Type header is set and the payload is of valid JSON format.")
    })
}

pub(super) fn text<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    body[name].as_str()
}

fn missing(name: &str) -> GraphError {
    GraphError::invalid_request(format!("The property '{name}' is missing"))
}
