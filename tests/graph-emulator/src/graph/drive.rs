//! Drives themselves. (8)

use serde_json::{Value, json};

use super::address::DriveAddress;
use super::errors::GraphError;
use super::reply::{Answer, object};
use super::{BASE, Call, item, select};
use crate::clock;
use crate::drive::ROOT;
use crate::profile::Profile;
use crate::world::World;

/// One tebibyte.
const TOTAL: u64 = 1 << 40;

pub(super) fn answer(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Answer, GraphError> {
    check(world, address)?;
    let root = world.drive.item(ROOT).ok_or_else(|| GraphError::item_not_found(world.profile))?;
    let person = item::person(world);
    let mut body = object(json!({
        "createdDateTime": clock::iso(world.directory.created_ms),
        "description": "",
        "id": world.drive.ids.drive(),
        "lastModifiedDateTime": clock::iso(root.modified_ms),
        "name": "OneDrive",
        "webUrl": item::web_url(world, &root),
        "driveType": world.profile.drive_type(),
        "createdBy": { "user": { "displayName": "System Account" } },
        "lastModifiedBy": { "user": person },
        "owner": { "user": person },
        "quota": quota(root.size, world.profile),
    }));
    select::apply(&call.query, &mut body);
    let context = format!("{BASE}/$metadata#drives{}/$entity", call.query.selected());
    body.insert("@odata.context".to_owned(), json!(context));
    Ok(Answer::Found { body, e_tag: None })
}

/// Whether the address means the drive that there is. (6.5)
pub(super) fn check(world: &World, address: &DriveAddress) -> Result<(), GraphError> {
    match address {
        DriveAddress::Mine => Ok(()),
        DriveAddress::Id(id) if world.drive.ids.is_drive(id) => Ok(()),
        DriveAddress::Id(_) => Err(GraphError::bad_drive_id()),
    }
}

fn quota(used: u64, profile: Profile) -> Value {
    let remaining = TOTAL.saturating_sub(used);
    let state = match remaining {
        0 => "exceeded",
        left if left < TOTAL / 100 => "critical",
        left if left < TOTAL / 10 => "nearing",
        _ => "normal",
    };
    let mut quota = json!({
        "deleted": 0, "remaining": remaining, "state": state, "total": TOTAL, "used": used,
    });
    if profile == Profile::Personal {
        quota["storagePlanInformation"] = json!({ "upgradeAvailable": true });
    }
    quota
}
