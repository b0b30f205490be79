//! The token endpoint. (7.3 to 7.5)

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::directory::Authority;
use super::errors::{Refusal, Trace};
use super::scope::Asked;
use super::tokens::{self, Grant, Refresh};
use super::{form, reply};
use crate::body::Reply;
use crate::profile::Profile;
use crate::world::World;

/// A form that is complete; its values are not checked yet.
struct RefreshRequest {
    client_id: String,
    client_secret: Option<String>,
    refresh_token: String,
    scope: Option<String>,
    client_info: bool,
}

/// Answers one token request: the form first, then tenant, application, secret, grant, scope. (7.5)
pub(super) fn exchange(
    world: &World,
    authority: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Reply, Refusal> {
    let request = RefreshRequest::parse(form(body)?, headers)?;
    let authority = world.directory.authority(authority)?;
    authenticate_client(world, &request)?;
    let trace = Trace::new(world.clock.now_ms(), headers);
    let grant = redeem(world, authority, &request.refresh_token, trace.now_ms)?;
    let directory = &world.directory;
    let asked = Asked::parse(
        request.scope.as_deref(),
        &grant.scopes,
        &directory.application.consented,
        directory.profile,
    )?;
    let minted = world.tokens.mint(directory, &world.signer, &asked.scopes, trace.now_ms);
    // A client may throw away its old refresh token now: the new one must outlive this process.
    world.save().map_err(|_| Refusal::Unavailable)?;
    let mut answer = json!({
        "token_type": "Bearer",
        "scope": asked.echo,
        "expires_in": minted.lifetime_seconds,
        "ext_expires_in": minted.lifetime_seconds,
        "access_token": minted.access_token,
        "refresh_token": minted.refresh_token,
    });
    if asked.open_id {
        answer["id_token"] = json!(tokens::id_token(directory, &world.signer, trace.now_ms));
    }
    if request.client_info {
        let info = json!({ "uid": directory.account.object_id, "utid": directory.tenant_id });
        answer["client_info"] = json!(URL_SAFE_NO_PAD.encode(info.to_string()));
    }
    Ok(reply::json(StatusCode::OK, &answer, &trace))
}

impl RefreshRequest {
    fn parse(mut form: HashMap<String, String>, headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut take = |name: &str| form.remove(name).filter(|value| !value.is_empty());
        let grant_type = take("grant_type").ok_or(Refusal::MissingParameter("grant_type"))?;
        let basic = basic_credentials(headers);
        let (basic_id, basic_secret) = basic.unzip();
        let client_id =
            take("client_id").or(basic_id).ok_or(Refusal::MissingParameter("client_id"))?;
        if grant_type != "refresh_token" {
            return Err(Refusal::UnsupportedGrant(grant_type));
        }
        let refresh_token =
            take("refresh_token").ok_or(Refusal::MissingParameter("refresh_token"))?;
        if !tokens::is_refresh_token(&refresh_token) {
            return Err(Refusal::MalformedGrant);
        }
        Ok(Self {
            client_id,
            client_secret: take("client_secret").or(basic_secret),
            refresh_token,
            scope: take("scope"),
            client_info: take("client_info").as_deref() == Some("1"),
        })
    }
}

/// Identifier and secret of HTTP Basic, both form-encoded (RFC 6749, 2.3.1).
fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|it| it.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

fn authenticate_client(world: &World, request: &RefreshRequest) -> Result<(), Refusal> {
    let application = &world.directory.application;
    let id = application.client_id.to_string();
    if !request.client_id.eq_ignore_ascii_case(&id) {
        return Err(Refusal::UnknownApplication(request.client_id.clone()));
    }
    let Some(secret) = &request.client_secret else { return Err(Refusal::SecretMissing) };
    if *secret != application.client_secret {
        return Err(Refusal::SecretWrong(id));
    }
    Ok(())
}

fn redeem(world: &World, authority: Authority, token: &str, now_ms: i64) -> Result<Grant, Refusal> {
    match (world.directory.profile, authority) {
        (Profile::Business, Authority::Consumers) => return Err(Refusal::PersonalGrantInvalid),
        (Profile::Personal, Authority::Organizations) => return Err(Refusal::OtherDirectory),
        _ => {}
    }
    let refused = match world.tokens.refresh(token, now_ms) {
        Refresh::Valid(grant) => return Ok(grant),
        Refresh::Inactive { issued_ms } => Refusal::GrantInactive { issued_ms },
        Refresh::Revoked { issued_ms, revoked_ms } => {
            Refusal::GrantRevoked { issued_ms: Some(issued_ms), valid_from_ms: revoked_ms }
        }
        Refresh::Unknown => Refusal::GrantRevoked { issued_ms: None, valid_from_ms: now_ms },
    };
    Err(match world.directory.profile {
        Profile::Business => refused,
        Profile::Personal => Refusal::PersonalGrantInvalid,
    })
}
