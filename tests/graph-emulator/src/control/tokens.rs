//! Tokens and sign-ins that a test orders.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Answered, Asked, internal, missing, refused, saved};
use crate::entra;
use crate::guid::Guid;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    user: Option<String>,
    client_id: Option<Guid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoked {
    user: Option<String>,
    /// Whether access tokens die too, and not only refresh tokens.
    access: Option<bool>,
}

pub(super) fn answer(world: &World, asked: &Asked<'_>, rest: &[&str]) -> Answered {
    if asked.method != Method::POST {
        return Err(asked.wrong_method());
    }
    match rest {
        [] => {
            let wanted: Wanted = asked.read()?;
            let user = match wanted.user {
                None => world.primary.user,
                Some(name) => user(world, &name)?,
            };
            let client_id = wanted.client_id.unwrap_or(world.primary.client_id);
            let tokens = world.mint(user, client_id).ok_or_else(|| missing("such application"))?;
            world.save().map_err(internal)?;
            serde_json::to_vec(&tokens).map_err(internal)
        }
        ["revoke"] => {
            let revoked: Revoked = asked.read()?;
            let user = revoked.user.map(|name| user(world, &name)).transpose()?;
            world.tokens.revoke(user, revoked.access.unwrap_or(true), world.clock.now_ms());
            saved(world, json!({}))
        }
        ["expire-access"] => {
            world.tokens.expire_access();
            saved(world, json!({}))
        }
        _ => Err(missing("such thing about tokens")),
    }
}

pub(super) fn user(world: &World, name: &str) -> Result<Guid, super::Refused> {
    let population = world.population();
    let user = population.user_named(name);
    user.map(|user| user.object_id).ok_or_else(|| missing(&format!("user {name}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceAnswer {
    user: Option<String>,
    #[serde(default)]
    decline: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// Of an authorize or an adminconsent endpoint.
    url: String,
    email: String,
}

/// What the person does at whose browser a client opened an address.
pub(super) fn authorize(world: &World, asked: &Asked<'_>) -> Answered {
    asked.post(|| {
        let SignIn { url, email } = asked.read()?;
        let location = entra::sign_in(world, &url, &email).map_err(refused)?;
        Ok(json!({ "location": location }).to_string().into_bytes())
    })
}

/// What the person with the other device does.
pub(super) fn device_code(world: &World, asked: &Asked<'_>, code: &str) -> Answered {
    asked.post(|| {
        let answer: DeviceAnswer = asked.read()?;
        let codes = &world.sign_ins.device_codes;
        let known = match (answer.user, answer.decline) {
            (None, true) => codes.decline(code),
            (Some(name), false) => codes.approve(code, user(world, &name)?),
            _ => return Err(refused("name a user, or decline")),
        };
        if known { super::done() } else { Err(missing("device code of that name")) }
    })
}
