//! Microsoft Entra ID's token endpoint: the refresh, and what its refusals
//! mean.
//!
//! Source: the identity platform's OAuth 2.0 pages and its list of AADSTS
//! codes; bodies as recorded in public issues.

use base64::Engine as _;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::{Refusal, Tokens};
use crate::error::{Actor, Error, ErrorKind, Result};
use crate::params::Settings;
use crate::ports::TimestampMs;
use crate::secret::Secret;
use crate::sender::{Deadline, Sender, Template};
use crate::url::{HttpsUrl, encode_segment};

/// Answers are a few kB; tokens up to some 10 kB.
const ANSWER_LIMIT: usize = 256 << 10;
/// Marks an error that no retry mends, in its details.
const FINAL: &str = "final";
const SIGN_IN_AGAIN: &str = "Sign in again and run ALTER DATABASE … SET PARAMETERS = \
     {\"access_token\": \"…\", \"refresh_token\": \"…\"}.";

/// What a refresh brought.
#[derive(Debug, Clone)]
pub(super) struct Refreshed {
    pub(super) access: Secret,
    pub(super) refresh: Option<Secret>,
    pub(super) lifetime_ms: i64,
    pub(super) scopes: Vec<String>,
}

/// Trades the refresh token for new tokens.
pub(super) async fn refresh(
    sender: &Sender,
    settings: &Settings,
    tokens: &Tokens,
    deadline: Deadline,
) -> Result<Refreshed> {
    let Some(refresh_token) = &tokens.refresh else {
        return Err(Error::new(
            ErrorKind::AuthRequired,
            "The access token has expired, and there is no refresh token to renew it with.",
        )
        .hint(SIGN_IN_AGAIN));
    };
    let Some(client_id) = &settings.client_id else {
        return Err(Error::new(
            ErrorKind::InvalidParams,
            "The access token has to be renewed, but the parameter `client_id` is missing.",
        )
        .hint("Run ALTER DATABASE … SET PARAMETERS = {\"client_id\": \"…\", \"client_secret\": \"…\"}."));
    };
    let template = request(settings, client_id, refresh_token)?;
    let host = settings.cloud().login_host;
    let mut response = sender.send(&template, deadline).await?;
    let body = sender
        .read_body(&mut response, ANSWER_LIMIT)
        .await
        .map_err(|_| Error::new(ErrorKind::Unavailable, format!("{host} broke off its answer.")))?;
    if response.status == StatusCode::OK { success(&body, host) } else { Err(refused(&body, host)) }
}

fn request(settings: &Settings, client_id: &str, refresh_token: &Secret) -> Result<Template> {
    let mut form = format!(
        "client_id={}&grant_type=refresh_token&refresh_token={}&scope={}",
        encode_segment(client_id),
        encode_segment(refresh_token.expose()),
        encode_segment(&settings.refresh_scope())
    );
    if let Some(secret) = &settings.client_secret {
        form.push_str("&client_secret=");
        form.push_str(&encode_segment(secret.expose()));
    }
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let path = format!("/{}/oauth2/v2.0/token", encode_segment(settings.directory()));
    let url = HttpsUrl::from_parts(settings.cloud().login_host, path)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    Ok(Template { method: Method::POST, url, headers, body: Bytes::from(form) })
}

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    refresh_token: Option<Secret>,
    expires_in: Value,
    scope: Option<String>,
}

fn success(body: &[u8], host: &str) -> Result<Refreshed> {
    let answer: Success = serde_json::from_slice(body).map_err(|_| {
        Error::new(ErrorKind::Unavailable, format!("{host} gave an answer without a token."))
    })?;
    // MSAL tolerates the number as text, so such answers exist.
    let seconds = match &answer.expires_in {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Ok(Refreshed {
        lifetime_ms: seconds.unwrap_or(3600).clamp(0, 60 * 60 * 24 * 30) * 1000,
        scopes: answer.scope.iter().flat_map(|s| s.split(' ')).map(short_scope).collect(),
        access: answer.access_token,
        refresh: answer.refresh_token,
    })
}

/// `https://graph.microsoft.com/Files.Read` and `Files.Read` are one scope.
fn short_scope(scope: &str) -> String {
    scope.rsplit('/').next().unwrap_or(scope).to_owned()
}

#[derive(Deserialize, Default)]
struct Failure {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
    suberror: Option<String>,
    claims: Option<String>,
    trace_id: Option<String>,
}

/// The error behind a refusal. `error` and `suberror` decide; the AADSTS
/// number refines the words.
fn refused(body: &[u8], host: &str) -> Error {
    let Ok(mut failure) = serde_json::from_slice::<Failure>(body) else {
        return Error::new(
            ErrorKind::Unavailable,
            format!("{host} gave an answer that is no JSON."),
        );
    };
    // A server's text, of which a message shows no more than a code's length.
    failure.error = failure.error.chars().take(60).collect();
    let code =
        failure.error_codes.first().copied().or_else(|| number_in(&failure.error_description));
    let shown = code.map_or_else(|| failure.error.clone(), |code| format!("AADSTS{code}"));
    let mut error = match failure.error.as_str() {
        "temporarily_unavailable" | "server_error" => Error::new(
            ErrorKind::Unavailable,
            format!("Microsoft's sign-in service does not work at present ({shown})."),
        ),
        "invalid_client" | "unauthorized_client" => application(&shown, code).detail(FINAL, "true"),
        "invalid_grant" | "interaction_required" | "consent_required" | "login_required" => {
            grant(&shown, code, failure.suberror.as_deref()).detail(FINAL, "true")
        }
        _ => Error::new(
            ErrorKind::InvalidParams,
            format!(
                "Microsoft's sign-in service refused the request ({shown}: {}).",
                failure.error
            ),
        )
        .hint(request_hint(code)),
    };
    if let Some(claims) = failure.claims {
        error = error.detail("claims", claims);
    }
    error.request_id = failure.trace_id;
    error.detail("code", shown)
}

/// The application's own credential is at fault.
fn application(shown: &str, code: Option<u64>) -> Error {
    let (what, hint) = match code {
        Some(7_000_215) => (
            "the client secret is wrong",
            "Give the secret's value, not its id: ALTER DATABASE … SET PARAMETERS = {\"client_secret\": \"…\"}.",
        ),
        Some(7_000_222) => (
            "the client secret has expired",
            "Make a new client secret in the app registration and run ALTER DATABASE … SET PARAMETERS = {\"client_secret\": \"…\"}.",
        ),
        Some(7_000_218) => (
            "the application needs a client secret",
            "Run ALTER DATABASE … SET PARAMETERS = {\"client_secret\": \"…\"}.",
        ),
        Some(700_025) => (
            "a public client must not send a secret",
            "Run ALTER DATABASE … SET PARAMETERS = {\"client_secret\": null}.",
        ),
        Some(700_016) => (
            "the directory does not know the application",
            "Check `client_id` and `tenant_id` against the app registration.",
        ),
        _ => ("the application was refused", "Check `client_id` and `client_secret`."),
    };
    Error::new(
        ErrorKind::AuthRequired,
        format!("OneDrive refused the application ({shown}, {what})."),
    )
    .actor(Actor::Caller)
    .hint(hint)
}

/// The person's grant is at fault.
fn grant(shown: &str, code: Option<u64>, suberror: Option<&str>) -> Error {
    let what = match code {
        Some(700_082) => "expired by inactivity",
        Some(700_084) => "its 24 hours are over",
        Some(50_173) => "revoked, or the password was changed",
        Some(70_008) => "expired",
        Some(70_000) => "invalid or revoked",
        Some(70_043) => "ended by the directory's sign-in frequency",
        Some(9_002_313) => "malformed",
        Some(50_057) => "the account is disabled",
        Some(50_055) => "the password has expired",
        Some(50_053) => "the account is locked",
        Some(50_076 | 50_079 | 50_078 | 50_074) => "a second factor is asked for",
        Some(53_003) => "blocked by Conditional Access",
        Some(65_001) => "consent is missing",
        _ => "refused",
    };
    let message = format!("OneDrive refused the refresh token ({shown}, {what}).");
    let error = Error::new(ErrorKind::AuthRequired, message);
    match (code, suberror) {
        (Some(65_001), _) | (_, Some("consent_required")) => error
            .actor(Actor::DirectoryAdministrator)
            .hint("Have an administrator of the directory consent to Files.Read for the application, then sign in again."),
        (Some(53_003), _) => error
            .actor(Actor::DirectoryAdministrator)
            .hint("Have an administrator of the directory allow this sign-in, then sign in again."),
        _ => error.hint(SIGN_IN_AGAIN),
    }
}

fn request_hint(code: Option<u64>) -> &'static str {
    match code {
        Some(90_002 | 900_023 | 900_021) => "Check `tenant_id`: no such directory is known.",
        Some(50_194) => {
            "The application belongs to one directory: give its `tenant_id` instead of common."
        }
        Some(70_011 | 28_002 | 28_003) => "Check `scopes`: they are not valid together.",
        _ => "Check the connection's parameters.",
    }
}

fn number_in(description: &str) -> Option<u64> {
    let digits: String = description
        .split("AADSTS")
        .nth(1)?
        .chars()
        .take_while(char::is_ascii_digit)
        .take(12)
        .collect();
    digits.parse().ok()
}

/// What is to be remembered of a final refusal.
pub(super) fn refusal_of(error: &Error) -> Option<Refusal> {
    let detail = |name: &str| error.details.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    detail(FINAL).map(|_| Refusal {
        message: error.message.clone(),
        hint: error.hint.clone().unwrap_or_default(),
        code: detail("code"),
        claims: detail("claims"),
        actor: error.actor,
    })
}

/// The remembered refusal as an error.
pub(super) fn error_of(refusal: &Refusal) -> Error {
    let mut error =
        Error::new(ErrorKind::AuthRequired, refusal.message.clone()).actor(refusal.actor);
    if !refusal.hint.is_empty() {
        error = error.hint(refusal.hint.clone());
    }
    for (name, value) in [("code", &refusal.code), ("claims", &refusal.claims)] {
        if let Some(value) = value {
            error = error.detail(name, value.clone());
        }
    }
    error
}

/// The payload of a work account's token. Personal tokens are opaque.
fn claims(token: &Secret) -> Option<Value> {
    let mut parts = token.expose().split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// When a token says it expires.
pub(super) fn expiry_of(token: &Secret) -> Option<TimestampMs> {
    claims(token)?["exp"].as_i64()?.checked_mul(1000)
}

/// The scopes that a token names.
pub(super) fn scopes_of(token: &Secret) -> Vec<String> {
    let claims = claims(token);
    let scp = claims.as_ref().and_then(|c| c["scp"].as_str()).unwrap_or_default();
    scp.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u64, error: &str) -> Error {
        let body = format!(
            r#"{{"error":"{error}","error_description":"AADSTS{code}: text","error_codes":[{code}]}}"#
        );
        refused(body.as_bytes(), "login.example")
    }

    #[test]
    fn a_refusal_says_who_must_act_and_how() {
        let inactive = error(700_082, "invalid_grant");
        assert_eq!(
            inactive.message,
            "OneDrive refused the refresh token (AADSTS700082, expired by inactivity)."
        );
        assert_eq!(inactive.actor, Actor::AccountOwner);
        assert!(inactive.hint.unwrap().contains("ALTER DATABASE"));

        let secret = error(7_000_222, "invalid_client");
        assert!(secret.message.contains("the client secret has expired"));
        assert_eq!(secret.actor, Actor::Caller);

        assert_eq!(error(65_001, "invalid_grant").actor, Actor::DirectoryAdministrator);
    }

    #[test]
    fn only_final_refusals_are_remembered() {
        assert!(refusal_of(&error(50_173, "invalid_grant")).is_some());
        assert!(refusal_of(&error(90_033, "temporarily_unavailable")).is_none());
        assert!(refusal_of(&refused(b"<html>", "h")).is_none());
    }

    #[test]
    fn a_remembered_refusal_reads_as_at_first() {
        for (code, kind) in
            [(50_173, "invalid_grant"), (65_001, "invalid_grant"), (7_000_222, "invalid_client")]
        {
            let first = error(code, kind);
            let again = error_of(&refusal_of(&first).unwrap());
            assert_eq!(again.actor, first.actor, "{code}");
            assert_eq!((again.message, again.hint), (first.message, first.hint), "{code}");
        }
    }

    #[test]
    fn expiry_and_scopes_are_read_from_a_work_token_and_not_from_an_opaque_one() {
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(r#"{"exp":1735689600,"scp":"Files.Read User.Read"}"#);
        let work = Secret::new(format!("e30.{payload}.sig"));
        assert_eq!(expiry_of(&work), Some(1_735_689_600_000));
        assert_eq!(scopes_of(&work), ["Files.Read", "User.Read"]);
        assert_eq!(expiry_of(&Secret::new("EwBopaque")), None);
    }

    #[test]
    fn expires_in_as_text_and_a_missing_refresh_token_are_accepted() {
        let refreshed = success(br#"{"access_token":"a","expires_in":"3599"}"#, "h").unwrap();
        assert_eq!(refreshed.lifetime_ms, 3_599_000);
        assert!(refreshed.refresh.is_none());
    }
}
