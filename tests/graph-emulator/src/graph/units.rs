//! What a request costs in resource units, by the service's own accounting. (4)

use http::Method;

use super::Call;
use super::address::{ItemAddress, Resource, View};

/// The units of a request; `/me` and the like are of the directory, which counts otherwise.
pub(super) fn of(call: &Call) -> u8 {
    match &call.resource {
        Resource::Me
        | Resource::RevokeSignIns
        | Resource::Organization
        | Resource::Users
        | Resource::User(_)
        | Resource::Groups
        | Resource::Group(_) => 0,
        Resource::Site(_) | Resource::Drive(_) | Resource::Share(_) => 1,
        Resource::Sites
        | Resource::Drives(_)
        | Resource::SharedWithMe(_)
        | Resource::Recent(_)
        | Resource::Search { .. } => 2,
        Resource::Item { item, .. } | Resource::Shared { item, .. } => item_units(call, item),
    }
}

fn item_units(call: &Call, item: &ItemAddress) -> u8 {
    if matches!(item.view, View::Permissions) || call.query.expands("permissions") {
        return 5;
    }
    if call.method != Method::GET && call.method != Method::HEAD {
        return 2;
    }
    match &item.view {
        View::Metadata if call.query.expands("children") => 2,
        View::Metadata | View::Content | View::Thumbnails | View::Versions => 1,
        // Cheap with a token, a list without. (4)
        View::Delta(token) => {
            let token = token.as_deref().or(call.query.token.as_deref());
            if token.is_some() || call.query.skip_token.is_some() { 1 } else { 2 }
        }
        View::Children | View::Search(_) | View::UploadSession => 2,
        View::Permissions => 5,
    }
}
