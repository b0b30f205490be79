//! Directories, people, groups, sites, applications and consents that a test makes or changes.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::tokens::user;
use super::{Answered, Asked, Refused, missing, refused, saved};
use crate::cloud::Cloud;
use crate::drive::DriveIds;
use crate::guid::Guid;
use crate::population::{
    Application, Audience, CONSUMERS, Consent, Directory, DirectoryKind, Group, Principal,
    Redirect, Refusals, Scopes, Secret, Site, User,
};
use crate::world::{World, library, user_drive};

/// A client secret lives two years unless told otherwise.
const SECRET_LIFETIME_MS: i64 = 2 * 365 * 24 * 3_600 * 1_000;

pub(super) fn answer(world: &World, asked: &Asked<'_>, kind: &str, rest: &[&str]) -> Answered {
    match (asked.method, kind, rest) {
        (&Method::GET, "population", []) => Ok(json!(*world.population()).to_string().into_bytes()),
        (&Method::POST, "directories", []) => add_directory(world, asked.read()?),
        (&Method::POST, "users", []) => add_user(world, asked.read()?),
        (&Method::POST, "users", [name]) => change_user(world, name, asked.read()?),
        (&Method::POST, "groups", []) => add_group(world, asked.read()?),
        (&Method::POST, "sites", []) => add_site(world, asked.read()?),
        (&Method::POST, "applications", []) => add_application(world, asked.read()?),
        (&Method::POST, "applications", [id]) => change_application(world, id, asked.read()?),
        (&Method::POST, "consents", []) => add_consent(world, asked.read()?),
        (&Method::DELETE, "consents", []) => {
            world.population_mut().consents.clear();
            saved(world, json!({}))
        }
        _ => Err(asked.wrong_method()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDirectory {
    name: String,
    /// The first is the default.
    domains: Vec<String>,
    sharepoint: String,
    /// The global one unless told otherwise.
    #[serde(default)]
    cloud: Cloud,
}

fn add_directory(world: &World, new: NewDirectory) -> Answered {
    let directory = Directory {
        id: world.random.guid(),
        kind: DirectoryKind::Work,
        cloud: new.cloud,
        name: new.name,
        domains: new.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
        sharepoint: new.sharepoint,
        created_ms: world.clock.now_ms(),
    };
    let answer = json!(directory);
    world.population_mut().directories.push(directory);
    saved(world, answer)
}

/// A directory by identifier, domain, or `consumers`.
fn directory(world: &World, name: &str) -> Result<Guid, Refused> {
    if name == "consumers" {
        return Ok(CONSUMERS);
    }
    let population = world.population();
    let is = |directory: &&Directory| {
        directory.id.to_string() == name || directory.domains.iter().any(|domain| domain == name)
    };
    let found = population.directories.iter().find(is);
    found.map(|found| found.id).ok_or_else(|| missing(&format!("directory {name}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    directory: String,
    email: String,
    given_name: String,
    surname: String,
    /// Whether the drive is made at the first request for it only.
    #[serde(default)]
    unprovisioned: bool,
    /// Whether the personal drive was not moved to SharePoint yet: other identifiers and tags.
    #[serde(default)]
    legacy: bool,
}

fn add_user(world: &World, new: NewUser) -> Answered {
    let directory = directory(world, &new.directory)?;
    if world.population().user_named(&new.email).is_some() {
        return Err(refused(format!("there is a user {} already", new.email)));
    }
    let mut user = User::new(&world.random, directory, &new.email, &new.given_name, &new.surname);
    user.unprovisioned = new.unprovisioned;
    let drive = {
        let mut population = world.population_mut();
        population.users.push(user.clone());
        user_drive(&world.random, &population, &user, world.clock.now_ms())
    };
    let drive = match drive {
        Some(mut info) => {
            if let DriveIds::Personal { legacy, .. } = &mut info.ids {
                *legacy = new.legacy;
            }
            Some(world.add_drive(info).map_err(super::internal)?.id())
        }
        None => None,
    };
    let mut answer = json!(user);
    answer["drive_id"] = json!(drive);
    saved(world, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserChanges {
    /// Numbers of the AADSTS table; an empty list takes them away.
    refusals: Option<Vec<u32>>,
    declines: Option<bool>,
    unprovisioned: Option<bool>,
    tokens_valid_from_ms: Option<i64>,
}

fn change_user(world: &World, name: &str, changes: UserChanges) -> Answered {
    let object_id = user(world, name)?;
    let answer = {
        let mut population = world.population_mut();
        let users = population.users.iter_mut();
        let mut users = users.filter(|user| user.object_id == object_id);
        let user = users.next().ok_or_else(|| missing(&format!("user {name}")))?;
        user.refusals = changes.refusals.map_or(user.refusals.clone(), Refusals);
        user.declines = changes.declines.unwrap_or(user.declines);
        user.unprovisioned = changes.unprovisioned.unwrap_or(user.unprovisioned);
        user.tokens_valid_from_ms =
            changes.tokens_valid_from_ms.unwrap_or(user.tokens_valid_from_ms);
        json!(user)
    };
    saved(world, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    directory: String,
    name: String,
}

/// A group comes with a site, whose library is its drive.
fn add_group(world: &World, new: NewGroup) -> Answered {
    let directory = directory(world, &new.directory)?;
    let domain = world
        .population()
        .directory(directory)
        .and_then(|directory| directory.domains.first().cloned())
        .unwrap_or_default();
    let group = Group {
        id: world.random.guid(),
        directory,
        mail: format!("{}@{domain}", new.name.to_lowercase()),
        name: new.name.clone(),
    };
    let mut answer = json!(group);
    world.population_mut().groups.push(group);
    answer["site"] = make_site(world, directory, &format!("/sites/{}", new.name), &new.name)?;
    saved(world, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSite {
    directory: String,
    /// `/sites/team`
    path: String,
    name: String,
}

fn add_site(world: &World, new: NewSite) -> Answered {
    let directory = directory(world, &new.directory)?;
    let answer = make_site(world, directory, &new.path, &new.name)?;
    saved(world, answer)
}

fn make_site(world: &World, directory: Guid, path: &str, name: &str) -> Result<Value, Refused> {
    let now_ms = world.clock.now_ms();
    let (site, info) = {
        let mut population = world.population_mut();
        let host = population.directory(directory).map(Directory::sites_host);
        let site = Site {
            id: world.random.guid(),
            web: world.random.guid(),
            directory,
            host: host.ok_or_else(|| missing("such directory"))?,
            path: path.to_owned(),
            name: name.to_owned(),
            created_ms: now_ms,
        };
        population.sites.push(site.clone());
        let info = library(&world.random, &population, &site, now_ms);
        (site, info)
    };
    let drive = world.add_drive(info).map_err(super::internal)?;
    Ok(json!({ "id": site.graph_id(), "drive_id": drive.id(), "web_url": site.web_url() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApplication {
    /// Made if absent.
    client_id: Option<Guid>,
    name: String,
    /// Where it is registered; the first directory unless told otherwise.
    directory: Option<String>,
    audience: Option<Audience>,
    #[serde(default)]
    public: bool,
    /// Never told again.
    secret: Option<String>,
    secret_expires_ms: Option<i64>,
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    redirects: Vec<Redirect>,
    #[serde(default)]
    scopes: Scopes,
    #[serde(default)]
    roles: Scopes,
    #[serde(default)]
    continuous_access: bool,
}

fn add_application(world: &World, new: NewApplication) -> Answered {
    let home = match &new.directory {
        Some(name) => directory(world, name)?,
        None => world.population().directories.first().map_or(Guid::NIL, |first| first.id),
    };
    let expires_ms = new.secret_expires_ms.unwrap_or(world.clock.now_ms() + SECRET_LIFETIME_MS);
    let application = Application {
        client_id: new.client_id.unwrap_or_else(|| world.random.guid()),
        name: new.name,
        home,
        audience: new.audience.unwrap_or(Audience::All),
        public: new.public,
        secrets: new.secret.iter().map(|secret| Secret::new(secret, expires_ms)).collect(),
        keys: new.keys,
        redirects: new.redirects,
        scopes: new.scopes,
        roles: new.roles,
        continuous_access: new.continuous_access,
        disabled: false,
        refusals: Refusals::default(),
    };
    let answer = json!(application);
    {
        let mut population = world.population_mut();
        population.applications.retain(|known| known.client_id != application.client_id);
        population.applications.push(application);
    }
    saved(world, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationChanges {
    audience: Option<Audience>,
    /// One more secret.
    secret: Option<String>,
    /// When all its secrets expire.
    secret_expires_ms: Option<i64>,
    redirects: Option<Vec<Redirect>>,
    continuous_access: Option<bool>,
    disabled: Option<bool>,
    refusals: Option<Vec<u32>>,
}

fn change_application(world: &World, id: &str, changes: ApplicationChanges) -> Answered {
    let id: Guid = match id {
        "primary" => world.primary.client_id,
        id => id.parse().map_err(super::unusable)?,
    };
    let now_ms = world.clock.now_ms();
    let answer = {
        let mut population = world.population_mut();
        let applications = population.applications.iter_mut();
        let mut applications = applications.filter(|application| application.client_id == id);
        let known = applications.next().ok_or_else(|| missing("such application"))?;
        if let Some(secret) = changes.secret {
            known.secrets.push(Secret::new(&secret, now_ms + SECRET_LIFETIME_MS));
        }
        if let Some(expires_ms) = changes.secret_expires_ms {
            known.secrets.iter_mut().for_each(|secret| secret.expires_ms = expires_ms);
        }
        known.audience = changes.audience.unwrap_or(known.audience);
        known.redirects = changes.redirects.unwrap_or_else(|| known.redirects.clone());
        known.continuous_access = changes.continuous_access.unwrap_or(known.continuous_access);
        known.disabled = changes.disabled.unwrap_or(known.disabled);
        known.refusals = changes.refusals.map_or(known.refusals.clone(), Refusals);
        json!(known)
    };
    saved(world, answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewConsent {
    /// The primary application unless told otherwise.
    client_id: Option<Guid>,
    /// One of these: for one person, or for everybody of a directory.
    user: Option<String>,
    directory: Option<String>,
    #[serde(default)]
    scopes: Scopes,
    #[serde(default)]
    roles: Scopes,
}

fn add_consent(world: &World, new: NewConsent) -> Answered {
    let principal = match (&new.user, &new.directory) {
        (Some(name), None) => Principal::User(user(world, name)?),
        (None, Some(name)) => Principal::Directory(directory(world, name)?),
        _ => return Err(refused("name either a user or a directory")),
    };
    let consent = Consent {
        client_id: new.client_id.unwrap_or(world.primary.client_id),
        principal,
        scopes: new.scopes,
        roles: new.roles,
    };
    world.population_mut().consent(consent);
    saved(world, json!({}))
}
