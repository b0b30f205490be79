//! Who is asking, and whether they may. (6.5, 7.6, 7.7, 8)

use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::json;

use super::Call;
use super::address::{DriveAddress, Resource};
use super::errors::GraphError;
use super::item::Found;
use crate::cloud::Cloud;
use crate::drive::{Drive, Item, Owner, ROOT};
use crate::entra::{Access, Grant};
use crate::guid::Guid;
use crate::population::CONSUMERS;
use crate::service::Who;
use crate::world::World;

const PROFILE: [&str; 5] =
    ["User.Read", "User.ReadWrite", "User.ReadBasic.All", "User.Read.All", "Directory.Read.All"];
const PEOPLE: [&str; 3] = ["User.ReadBasic.All", "User.Read.All", "Directory.Read.All"];
const GROUPS: [&str; 2] = ["Group.Read.All", "Directory.Read.All"];
/// What opens one's own drive.
const OWN_READ: [&str; 8] = [
    "Files.Read",
    "Files.ReadWrite",
    "Files.Read.All",
    "Files.ReadWrite.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.Manage.All",
    "Sites.FullControl.All",
];
/// What opens other drives.
const ALL_READ: [&str; 6] = [
    "Files.Read.All",
    "Files.ReadWrite.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.Manage.All",
    "Sites.FullControl.All",
];
const OWN_WRITE: [&str; 5] = [
    "Files.ReadWrite",
    "Files.ReadWrite.All",
    "Sites.ReadWrite.All",
    "Sites.Manage.All",
    "Sites.FullControl.All",
];
const ALL_WRITE: [&str; 4] =
    ["Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"];

/// The grant behind the one bearer token of a request to the Graph of a cloud.
pub(super) fn bearer(
    world: &World,
    cloud: Cloud,
    headers: &HeaderMap,
) -> Result<Grant, GraphError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let token = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok().and_then(bearer_token),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(unreadable()),
    };
    let Some(token) = token else {
        return Err(GraphError::unauthenticated("Access token is empty."));
    };
    let access = world.tokens.access(token, world.clock.now_ms());
    if let Access::Valid(grant) | Access::Expired(grant) | Access::Revoked(grant) = &access {
        check_audience(world, cloud, grant)?;
    }
    Err(match access {
        Access::Valid(grant) => return Ok(grant),
        Access::Unknown => unreadable(),
        Access::Expired(grant) | Access::Revoked(grant) if grant.is_personal() => {
            GraphError::unauthenticated(
                "CompactToken validation failed with reason code: 80049228.",
            )
        }
        Access::Expired(_) => {
            GraphError::unauthenticated("Lifetime validation failed, the token is expired.")
        }
        Access::Revoked(grant) => {
            let now = world.clock.now_ms() / 1_000;
            let nbf = json!({ "essential": true, "value": now.to_string() });
            let claims = json!({ "access_token": { "nbf": nbf } }).to_string();
            let takes = world
                .population()
                .application(grant.client_id)
                .is_some_and(|application| application.continuous_access);
            let challenge = GraphError::challenge(claims);
            if takes { challenge } else { GraphError { claims: None, ..challenge } }
        }
    })
}

/// A token opens the Graph of the cloud that it is for, and only if its directory is there too.
fn check_audience(world: &World, cloud: Cloud, grant: &Grant) -> Result<(), GraphError> {
    let is_there = grant.cloud == cloud && world.population().cloud(grant.directory) == cloud;
    match is_there {
        true => Ok(()),
        // Nobody there can read a token of a personal account.
        false if grant.is_personal() => Err(unreadable()),
        false => {
            Err(GraphError::unauthenticated("Access token validation failure. Invalid audience."))
        }
    }
}

fn unreadable() -> GraphError {
    GraphError::unauthenticated("CompactToken parsing failed with error code: 80049217")
}

fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The caller, for the journal.
pub(super) fn who(world: &World, grant: &Grant) -> Who {
    let population = world.population();
    let user = grant.user.and_then(|user| population.user(user));
    Who {
        name: user.map_or_else(|| "app".to_owned(), |user| user.email.clone()),
        application: Some(grant.client_id.to_string()),
    }
}

/// Whether the grant covers the kind of resource at all; drives are looked at when they are found.
pub(super) fn permit(world: &World, call: &Call) -> Result<(), GraphError> {
    let grant = &call.grant;
    if grant.user.is_none() && grant.roles.is_empty() {
        return Err(GraphError::no_roles());
    }
    let permissions = if grant.user.is_some() { &grant.scopes } else { &grant.roles };
    let allowed = |names: &[&str]| permissions.any(names);
    let ask = |names: &[&str]| {
        if allowed(names) { Ok(()) } else { Err(GraphError::request_denied()) }
    };
    if grant.user.is_none() && call.resource.is_mine() {
        return Err(GraphError::not_delegated());
    }
    match &call.resource {
        Resource::Me | Resource::Organization => ask(&PROFILE),
        Resource::User(name) => {
            let own = world.population().user_named(name).map(|user| user.object_id) == grant.user;
            if own && grant.user.is_some() { ask(&PROFILE) } else { ask(&PEOPLE) }
        }
        Resource::Users => ask(&PEOPLE),
        Resource::RevokeSignIns => ask(&["User.ReadWrite", "User.ReadWrite.All"]),
        Resource::Group(_) | Resource::Groups => ask(&GROUPS),
        Resource::Site(_) | Resource::Sites => {
            if allowed(&ALL_READ) {
                Ok(())
            } else {
                Err(GraphError::access_denied())
            }
        }
        _ if allowed(&OWN_READ) => Ok(()),
        _ => Err(GraphError::access_denied()),
    }
}

/// Whether the caller may do this to an item of a drive.
pub(super) fn permit_item(world: &World, call: &Call, found: &Found) -> Result<(), GraphError> {
    let (drive, grant) = (&found.drive, &call.grant);
    let (own, all): (&[&str], &[&str]) =
        if call.reads() { (&OWN_READ, &ALL_READ) } else { (&OWN_WRITE, &ALL_WRITE) };
    let denied = || Err(GraphError::access_denied());
    let Some(user) = grant.user else {
        // An application by itself reaches the drives of its directory, and no personal ones.
        let inside = directory_of(world, drive) == Some(grant.directory);
        return if inside && grant.roles.any(all) { Ok(()) } else { denied() };
    };
    if drive.info.owner == Owner::User(user) {
        return if grant.scopes.any(own) { Ok(()) } else { denied() };
    }
    let is_personal = grant.directory == CONSUMERS;
    let directory = directory_of(world, drive);
    if directory != Some(grant.directory) {
        return Err(GraphError::item_not_found(is_personal));
    }
    // On personal accounts Files.Read covers what others share too. (8)
    let scopes = if is_personal { own } else { all };
    if !grant.scopes.any(scopes) {
        return denied();
    }
    match drive.info.owner {
        Owner::User(_) if !is_shared_with(world, drive, &found.item, user) => denied(),
        _ => Ok(()),
    }
}

/// The directory that a drive belongs to.
pub(super) fn directory_of(world: &World, drive: &Drive) -> Option<Guid> {
    let population = world.population();
    match drive.info.owner {
        Owner::User(user) => population.user(user).map(|user| user.directory),
        Owner::Group(id) => {
            population.groups.iter().find(|group| group.id == id).map(|group| group.directory)
        }
        Owner::Site(id) => {
            population.sites.iter().find(|site| site.id == id).map(|site| site.directory)
        }
    }
}

/// Whether an item, or a folder above it, is shared with a person.
pub(super) fn is_shared_with(world: &World, drive: &Drive, item: &Item, user: Guid) -> bool {
    let Some(email) = world.population().user(user).map(|user| user.email.clone()) else {
        return false;
    };
    let shared =
        |item: &Item| item.marks().shared_with.iter().any(|with| with.eq_ignore_ascii_case(&email));
    if shared(item) {
        return true;
    }
    let path = item.path();
    let names: Vec<&str> = path.split('/').collect();
    (0..names.len())
        .any(|above| drive.resolve(ROOT, &names[..above]).is_some_and(|folder| shared(&folder)))
}

/// Whose drive an address without an identifier means.
pub(super) fn owner(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Option<Owner>, GraphError> {
    let population = world.population();
    Ok(match address {
        DriveAddress::Mine => {
            Some(Owner::User(call.grant.user.ok_or_else(GraphError::not_delegated)?))
        }
        DriveAddress::User(name) => {
            let user = population.user_named(name);
            let user = user.filter(|user| user.directory == call.grant.directory);
            let user = user.ok_or_else(|| GraphError::resource_not_found(name))?;
            Some(Owner::User(user.object_id))
        }
        DriveAddress::Group(id) => {
            let is = |group: &&crate::population::Group| {
                group.id.to_string().eq_ignore_ascii_case(id)
                    && group.directory == call.grant.directory
            };
            let group = population.groups.iter().find(is);
            Some(Owner::Group(group.ok_or_else(|| GraphError::resource_not_found(id))?.id))
        }
        DriveAddress::Site(address) => {
            let site = super::site::find(&population, call, address)?;
            let group = population.groups.iter().find(|group| {
                group.directory == site.directory && site.path == format!("/sites/{}", group.name)
            });
            Some(group.map_or(Owner::Site(site.id), |group| Owner::Group(group.id)))
        }
        DriveAddress::Id(_) => None,
    })
}
