//! `/me`: the signed-in person. (8)

use serde_json::{Value, json};

use super::errors::GraphError;
use super::reply::{Answer, Object, object};
use super::{BASE, Call, select};
use crate::profile::Profile;
use crate::world::World;

pub(super) fn answer(world: &World, call: &Call) -> Result<Answer, GraphError> {
    let mut body = describe(world);
    select::apply(&call.query, &mut body);
    let context = format!("{BASE}/$metadata#users{}/$entity", call.query.selected());
    body.insert("@odata.context".to_owned(), json!(context));
    Ok(Answer::Found { body, e_tag: None })
}

fn describe(world: &World) -> Object {
    let account = &world.directory.account;
    // Personal accounts often have no mail; their address is the principal name. (8)
    let mail = match world.profile {
        Profile::Business => json!(account.email),
        Profile::Personal => Value::Null,
    };
    object(json!({
        "businessPhones": [],
        "displayName": account.display_name(),
        "givenName": account.given_name,
        "jobTitle": null,
        "mail": mail,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": account.surname,
        "userPrincipalName": account.email,
        "id": account.id,
    }))
}
