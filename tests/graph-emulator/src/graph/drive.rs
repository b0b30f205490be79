//! Drives themselves. (8)

use std::sync::Arc;

use serde_json::{Value, json};

use super::address::DriveAddress;
use super::errors::GraphError;
use super::item::{Found, drive_context};
use super::reply::{Answer, Object, object};
use super::row::{library_url, owner, web_url};
use super::{Call, authorize, select};
use crate::clock;
use crate::drive::{Drive, DriveKind, Item, Owner};
use crate::world::World;

/// The drive that an address means.
pub(super) fn find(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Arc<Drive>, GraphError> {
    if let DriveAddress::Id(id) = address {
        return world.drives.by_id(id).ok_or_else(GraphError::bad_drive_id);
    }
    let owner = authorize::owner(world, call, address)?.ok_or_else(GraphError::no_drive)?;
    if let Owner::User(object_id) = owner {
        provision(world, call, object_id)?;
    }
    world.drives.of(owner).ok_or_else(GraphError::no_drive)
}

/// The first delegated request for one's own drive makes it; others find none. (8)
fn provision(world: &World, call: &Call, object_id: crate::guid::Guid) -> Result<(), GraphError> {
    let missing = world.population().user(object_id).is_some_and(|user| user.unprovisioned);
    if !missing {
        return Ok(());
    }
    if call.grant.user != Some(object_id) {
        return Err(GraphError::no_drive());
    }
    let mut population = world.population_mut();
    for user in population.users.iter_mut().filter(|user| user.object_id == object_id) {
        user.unprovisioned = false;
    }
    Ok(())
}

/// A drive and its root, if the caller may look into it.
pub(super) fn root(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Found, GraphError> {
    let drive = find(world, call, address)?;
    let context = drive_context(world, call, address, &drive);
    let found = Found { item: drive.root(), drive, context };
    authorize::permit_item(world, call, &found)?;
    Ok(found)
}

pub(super) fn answer(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Answer, GraphError> {
    let Found { drive, item: root, .. } = root(world, call, address)?;
    let mut body = describe(world, &drive, &root);
    select::apply(&call.query, &mut body);
    if let Some(context) = call.context(&format!("drives{}/$entity", call.query.selected())) {
        body.insert("@odata.context".to_owned(), json!(context));
    }
    if call.query.expands("root") {
        let mut rows = super::row::Rows::new(world, &drive, &call.query, call.at());
        body.insert("root".to_owned(), json!(rows.row(&root)));
    }
    Ok(Answer::found(&body))
}

/// `/me/drives` and the like.
pub(super) fn list(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Answer, GraphError> {
    let first = root(world, call, address)?;
    let drives = world.drives.all_of(first.drive.info.owner);
    let mut value = Vec::with_capacity(drives.len());
    for drive in drives {
        let mut body = describe(world, &drive, &drive.root());
        // Lists tell no quota unless it is selected; personal ones do. (8, recorded)
        if !drive.is_personal() && call.query.select.is_none() {
            body.remove("quota");
        }
        select::apply(&call.query, &mut body);
        value.push(Value::Object(body));
    }
    Ok(super::rows(&value, call.context("drives")))
}

fn describe(world: &World, drive: &Drive, root: &Item) -> Object {
    let by = owner(world, drive);
    let info = &drive.info;
    let web_url = match info.kind {
        DriveKind::Personal => web_url(world, drive, root),
        _ => library_url(drive),
    };
    object(json!({
        "createdDateTime": clock::iso(info.created_ms),
        "description": "",
        "id": drive.id(),
        "lastModifiedDateTime": clock::iso(root.modified_ms),
        "name": info.name,
        "webUrl": web_url,
        "driveType": info.kind.as_str(),
        "createdBy": { "user": { "displayName": "System Account" } },
        "lastModifiedBy": by,
        "owner": by,
        "quota": quota(root.size, info.total, drive.is_personal()),
    }))
}

fn quota(used: u64, total: u64, is_personal: bool) -> Value {
    let remaining = total.saturating_sub(used);
    let state = match remaining {
        0 => "exceeded",
        left if left < total / 100 => "critical",
        left if left < total / 10 => "nearing",
        _ => "normal",
    };
    let mut quota = json!({
        "deleted": 0, "remaining": remaining, "state": state, "total": total, "used": used,
    });
    if is_personal {
        quota["storagePlanInformation"] = json!({ "upgradeAvailable": true });
    }
    quota
}
