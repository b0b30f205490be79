//! Sites and groups, as far as one needs them to find their drives. (8)

use serde_json::{Value, json};

use super::Call;
use super::address::{Resource, SiteAddress};
use super::errors::GraphError;
use super::reply::{Answer, Object, object};
use super::select;
use crate::clock;
use crate::population::{Group, Population, Site};
use crate::world::World;

/// The site that an address means, in the caller's directory.
pub(super) fn find<'a>(
    population: &'a Population,
    call: &Call,
    address: &SiteAddress,
) -> Result<&'a Site, GraphError> {
    let is = |site: &&Site| {
        site.directory == call.grant.directory
            && match address {
                SiteAddress::Root => site.path.is_empty(),
                // A GUID alone is understood too; so is a host alone, for its root site.
                SiteAddress::Id(id) => {
                    site.graph_id().eq_ignore_ascii_case(id)
                        || site.id.to_string().eq_ignore_ascii_case(id)
                        || (site.path.is_empty() && site.host.eq_ignore_ascii_case(id))
                }
                SiteAddress::Path { host, path } => {
                    site.host.eq_ignore_ascii_case(host) && site.path.eq_ignore_ascii_case(path)
                }
            }
    };
    let found = population.sites.iter().find(is);
    found.ok_or_else(|| GraphError::item_not_found(false))
}

pub(super) fn answer(world: &World, call: &Call) -> Result<Answer, GraphError> {
    let population = world.population();
    match &call.resource {
        Resource::Site(address) => {
            let site = describe_site(call, find(&population, call, address)?);
            Ok(entity(call, site, "sites"))
        }
        Resource::Sites => {
            let text = call.query.search.clone().unwrap_or_default().to_lowercase();
            let fits = |site: &&Site| {
                site.directory == call.grant.directory
                    && (text == "*" || site.name.to_lowercase().contains(&text))
            };
            let sites = population.sites.iter().filter(fits);
            let sites: Vec<Value> =
                sites.map(|site| Value::Object(describe_site(call, site))).collect();
            Ok(super::rows(&sites, call.context("sites")))
        }
        Resource::Group(id) => {
            let group = population.groups.iter().find(|group| {
                group.directory == call.grant.directory
                    && group.id.to_string().eq_ignore_ascii_case(id)
            });
            let group = group.ok_or_else(|| GraphError::resource_not_found(id))?;
            Ok(entity(call, describe_group(call, group), "groups"))
        }
        _ => {
            let groups = population.groups.iter();
            let groups = groups.filter(|group| group.directory == call.grant.directory);
            let groups: Vec<Value> =
                groups.map(|group| Value::Object(describe_group(call, group))).collect();
            Ok(super::rows(&groups, call.context("groups")))
        }
    }
}

fn entity(call: &Call, mut body: Object, set: &str) -> Answer {
    if let Some(context) = call.context(&format!("{set}/$entity")) {
        body.insert("@odata.context".to_owned(), json!(context));
    }
    Answer::found(&body)
}

fn describe_site(call: &Call, site: &Site) -> Object {
    let mut body = object(json!({
        "createdDateTime": clock::iso(site.created_ms),
        "description": "",
        "id": site.graph_id(),
        "lastModifiedDateTime": clock::iso(site.created_ms),
        "name": site.path.rsplit('/').next().unwrap_or_default(),
        "webUrl": site.web_url(),
        "displayName": site.name,
        "siteCollection": { "hostname": site.host },
    }));
    if site.path.is_empty() {
        body.insert("root".to_owned(), json!({}));
    }
    select::apply(&call.query, &mut body);
    body
}

fn describe_group(call: &Call, group: &Group) -> Object {
    let mut body = object(json!({
        "id": group.id,
        "displayName": group.name,
        "mail": group.mail,
        "mailEnabled": true,
        "mailNickname": group.name,
        "groupTypes": ["Unified"],
        "securityEnabled": false,
        "visibility": "Private",
    }));
    select::apply(&call.query, &mut body);
    body
}
