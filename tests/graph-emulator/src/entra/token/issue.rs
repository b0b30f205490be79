//! The answer with the tokens. (7.3)

use http::StatusCode;
use serde_json::{Value, json};

use super::Request;
use crate::body::Reply;
use crate::entra::errors::Refusal;
use crate::entra::scope::Asked;
use crate::entra::tokens::Grant;
use crate::entra::{id_token, reply};
use crate::population::User;
use crate::variants::ScopeEcho;

/// Lifetimes above this come with a hint to refresh earlier. (7.3)
const LONG_S: i64 = 2 * 3_600;

/// What tokens are issued for.
pub(super) struct Issue<'a> {
    pub(super) grant: Grant,
    /// Nobody, if the application acts for itself.
    pub(super) user: Option<&'a User>,
    pub(super) asked: &'a Asked,
    pub(super) nonce: Option<&'a str>,
    /// The refresh token that was used.
    pub(super) used: Option<&'a str>,
}

/// Issues tokens, which are on disk before anybody sees them. Blocks.
pub(super) fn answer(request: &Request<'_>, issue: Issue<'_>) -> Result<Reply, Refusal> {
    let world = request.world;
    let variants = world.variants().clone();
    let Issue { mut grant, user, asked, nonce, used } = issue;
    if let Some(user) = user
        && variants.scope_echo == ScopeEcho::Widened
    {
        grant.scopes = request.consented(user);
    }
    let echo = user.and_then(|_| {
        asked.echo(variants.scope_echo, &grant.scopes, grant.is_personal(), grant.cloud)
    });
    let minted = world.tokens.mint_again(world, grant, used);
    let minted = minted.ok_or_else(|| Refusal::new(50_034))?;
    let seconds = |seconds: i64| {
        if variants.expires_in_as_text { json!(seconds.to_string()) } else { json!(seconds) }
    };
    let lifetime = minted.lifetime_seconds;
    let mut answer = json!({
        "token_type": "Bearer",
        "expires_in": seconds(lifetime),
        "ext_expires_in": seconds(lifetime),
        "access_token": minted.access_token,
    });
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            answer[name] = value;
        }
    };
    add("refresh_in", (lifetime > LONG_S).then(|| seconds(lifetime / 2)));
    add("scope", echo.map(Value::from));
    add("refresh_token", minted.refresh_token.map(Value::from));
    if let Some(user) = user {
        if asked.open_id {
            let token = signed_id_token(request, user, nonce, asked.email);
            add("id_token", Some(token.ok_or_else(Refusal::unavailable)?.into()));
        }
        let info = request.form.says("client_info", "1").then(|| id_token::client_info(user));
        add("client_info", info.map(Value::from));
    }
    // A client may throw away its old refresh token now: the new one must outlive this process.
    world.save().map_err(|_| Refusal::unavailable())?;
    Ok(reply::json(StatusCode::OK, &answer, request.trace))
}

fn signed_id_token(
    request: &Request<'_>,
    user: &User,
    nonce: Option<&str>,
    email: bool,
) -> Option<String> {
    let random = &request.world.random;
    let client_id = request.client.application.client_id;
    let (instance, now_ms) = (request.client.instance, request.trace.now_ms);
    let claims = id_token::claims(random, instance, user, client_id, now_ms, nonce, email);
    request.world.signer.sign(&claims, random)
}
