//! People and the directory: `/me`, `/users`, `/organization`. (8, 9)

use serde_json::{Value, json};

use super::address::Resource;
use super::errors::GraphError;
use super::reply::{Answer, Object, object};
use super::{Call, select};
use crate::clock;
use crate::population::User;
use crate::world::World;

pub(super) fn answer(world: &World, call: &Call) -> Result<Answer, GraphError> {
    let population = world.population();
    let inside = |user: &&User| user.directory == call.grant.directory;
    let user = match &call.resource {
        Resource::Me => call.grant.user.and_then(|user| population.user(user)),
        Resource::User(name) => population.user_named(name).filter(inside),
        Resource::Users => {
            let users = population.users.iter().filter(inside);
            let users: Vec<Value> = users.map(|user| Value::Object(describe(call, user))).collect();
            return Ok(super::rows(&users, call.context("users")));
        }
        _ => {
            drop(population);
            return organization(world, call);
        }
    };
    let name = match &call.resource {
        Resource::User(name) => name.as_str(),
        _ => "me",
    };
    let user = user.ok_or_else(|| GraphError::resource_not_found(name))?;
    let mut body = describe(call, user);
    if let Some(context) = call.context(&format!("users{}/$entity", call.query.selected())) {
        body.insert("@odata.context".to_owned(), json!(context));
    }
    Ok(Answer::found(&body))
}

fn describe(call: &Call, user: &User) -> Object {
    // Personal accounts often have no mail; their address is the principal name. (8)
    let mail = match user.cid {
        None => json!(user.email),
        Some(_) => Value::Null,
    };
    let mut body = object(json!({
        "businessPhones": [],
        "displayName": user.display_name(),
        "givenName": user.given_name,
        "jobTitle": null,
        "mail": mail,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": user.surname,
        "userPrincipalName": user.email,
        "id": user.id,
    }));
    select::apply(&call.query, &mut body);
    body
}

fn organization(world: &World, call: &Call) -> Result<Answer, GraphError> {
    let population = world.population();
    let directory = population.directory(call.grant.directory);
    let directory = directory.ok_or_else(GraphError::request_denied)?;
    let domains = directory.domains.iter().enumerate().map(|(number, name)| {
        json!({ "name": name, "isDefault": number == 0, "isInitial": number == 1,
            "type": "Managed", "capabilities": "Email, OfficeCommunicationsOnline" })
    });
    let body = json!({
        "id": directory.id,
        "displayName": directory.name,
        "createdDateTime": clock::iso(directory.created_ms),
        "tenantType": "AAD",
        "verifiedDomains": domains.collect::<Vec<_>>(),
    });
    Ok(super::rows(&[body], call.context("organization")))
}

/// `/me/revokeSignInSessions`: work and school accounts only. (9)
pub(super) fn revoke(world: &World, call: &Call) -> Result<Answer, GraphError> {
    if call.method != http::Method::POST {
        return Err(GraphError::method_not_allowed());
    }
    if call.grant.is_personal() {
        return Err(GraphError::request_denied());
    }
    let Some(user) = call.grant.user else { return Err(GraphError::not_delegated()) };
    for known in world.population_mut().users.iter_mut().filter(|u| u.object_id == user) {
        known.tokens_valid_from_ms = call.now_ms;
    }
    world.tokens.revoke(Some(user), false, call.now_ms);
    world.save().map_err(|_| GraphError::general_exception())?;
    let mut body = object(json!({ "value": true }));
    if let Some(context) = call.context("Edm.Boolean") {
        body.insert("@odata.context".to_owned(), json!(context));
    }
    Ok(Answer::found(&body))
}
