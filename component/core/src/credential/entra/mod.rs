//! Microsoft Entra ID's token endpoint: trading a grant for tokens.
//!
//! Source: the identity platform's OAuth 2.0 pages; bodies as recorded in public issues.

mod claims;
mod device;
mod refusal;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::claims::{application_name_of, expiry_of, object_id_of, scopes_of};
pub(crate) use self::device::device_code;
pub(crate) use self::refusal::{Traded, error_of, refusal_of, waits_longer};
use super::App;
use crate::error::{Error, ErrorKind, Result};
use crate::params::{GrantType, Settings};
use crate::secret::Secret;
use crate::sender::{Deadline, Sender, Template};
use crate::url::{HttpsUrl, encode_segment};

/// Answers are a few kB; tokens up to some 10 kB.
const ANSWER_LIMIT: usize = 256 << 10;

/// What is traded for tokens.
pub(crate) enum Grant<'a> {
    Refresh { token: &'a Secret, given_by: GrantType },
    Code { code: &'a Secret, redirect_uri: &'a str, verifier: Option<&'a Secret> },
    Device { code: &'a Secret },
    Application,
}

impl Grant<'_> {
    fn traded(&self) -> Traded {
        match self {
            Self::Refresh { given_by, .. } => Traded::RefreshToken(*given_by),
            Self::Code { .. } | Self::Device { .. } => Traded::SignIn,
            Self::Application => Traded::Application,
        }
    }

    /// The fields of the form beside those that every request has.
    fn fields(&self, settings: &Settings) -> Vec<(&'static str, String)> {
        let scope = ("scope", settings.asked_scopes());
        match self {
            Self::Refresh { token, .. } => vec![
                ("grant_type", "refresh_token".to_owned()),
                ("refresh_token", token.expose().to_owned()),
                scope,
            ],
            Self::Code { code, redirect_uri, verifier } => {
                let mut fields = vec![
                    ("grant_type", "authorization_code".to_owned()),
                    ("code", code.expose().to_owned()),
                    ("redirect_uri", (*redirect_uri).to_owned()),
                    scope,
                ];
                if let Some(verifier) = verifier {
                    fields.push(("code_verifier", verifier.expose().to_owned()));
                }
                fields
            }
            Self::Device { code } => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code".to_owned()),
                ("device_code", code.expose().to_owned()),
            ],
            Self::Application => vec![
                ("grant_type", "client_credentials".to_owned()),
                ("scope", format!("https://{}/.default", settings.cloud().graph_host)),
            ],
        }
    }
}

/// What the token endpoint gave.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) lifetime_ms: i64,
    pub(crate) scopes: Vec<String>,
}

/// Trades a grant for tokens.
pub(crate) async fn trade(
    sender: &Sender,
    app: &App,
    settings: &Settings,
    grant: &Grant<'_>,
    deadline: Deadline,
) -> Result<Granted> {
    let form = fields(app, grant.fields(settings))?;
    let (status, body) = post(sender, app, "token", form, deadline).await?;
    let host = app.cloud.login_host;
    match status {
        StatusCode::OK => success(&body, host),
        _ => Err(refusal::refused(&body, host, grant.traded())).map_err(|error| app.blame(error)),
    }
}

/// The error that a redirect brought instead of a code.
pub(crate) fn redirect_error(error: &str, description: &str) -> Error {
    refusal::explain(refusal::Failure::of_redirect(error, description), Traded::SignIn)
}

fn fields(
    app: &App,
    mut fields: Vec<(&'static str, String)>,
) -> Result<Vec<(&'static str, String)>> {
    fields.push(("client_id", app.id()?.to_owned()));
    if let Some(secret) = &app.client_secret {
        fields.push(("client_secret", secret.expose().to_owned()));
    }
    Ok(fields)
}

/// Posts a form to an endpoint of the application's directory.
async fn post(
    sender: &Sender,
    app: &App,
    endpoint: &str,
    fields: Vec<(&'static str, String)>,
    deadline: Deadline,
) -> Result<(StatusCode, Vec<u8>)> {
    let host = app.cloud.login_host;
    let path = format!("/{}/oauth2/v2.0/{endpoint}", encode_segment(&app.directory));
    let url = HttpsUrl::from_parts(host, path)
        .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    let body = Bytes::from(form(&fields));
    let template = Template { method: Method::POST, url, headers, body };
    let mut response = sender.send(&template, deadline).await?;
    let body = sender.read_body(&mut response, ANSWER_LIMIT).await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, format!("{host} broke off its answer."))
            .hint("Try again.")
    })?;
    Ok((response.status, body))
}

/// Fields as a form or a query.
pub(crate) fn form(fields: &[(&'static str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| format!("{name}={}", encode_segment(value));
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    refresh_token: Option<Secret>,
    expires_in: Value,
    scope: Option<String>,
}

fn success(body: &[u8], host: &str) -> Result<Granted> {
    let answer: Success = serde_json::from_slice(body).map_err(|_| {
        Error::new(ErrorKind::Unavailable, format!("{host} gave an answer without a token."))
            .hint("Try again; if it stays, see whether a proxy answers in Microsoft's place.")
    })?;
    let named: Vec<String> =
        answer.scope.iter().flat_map(|s| s.split_ascii_whitespace()).map(short_scope).collect();
    let scopes = if named.is_empty() { scopes_of(&answer.access_token) } else { named };
    Ok(Granted {
        lifetime_ms: number(&answer.expires_in).unwrap_or(3600).clamp(0, 60 * 60 * 24 * 30) * 1000,
        scopes,
        access: answer.access_token,
        refresh: answer.refresh_token,
    })
}

/// MSAL tolerates numbers as text, so such answers exist.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `https://graph.microsoft.com/Files.Read` and `Files.Read` are one scope.
pub(crate) fn short_scope(scope: &str) -> String {
    scope.rsplit('/').next().unwrap_or(scope).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_in_as_text_and_a_missing_refresh_token_are_accepted() {
        let granted = success(br#"{"access_token":"a","expires_in":"3599"}"#, "h").unwrap();
        assert_eq!(granted.lifetime_ms, 3_599_000);
        assert!(granted.refresh.is_none());
    }

    #[test]
    fn scopes_are_named_without_their_resource() {
        let body = br#"{"access_token":"a","expires_in":1,
            "scope":"https://graph.microsoft.com/Files.Read User.Read openid"}"#;
        assert_eq!(success(body, "h").unwrap().scopes, ["Files.Read", "User.Read", "openid"]);
    }

    #[test]
    fn a_secret_is_encoded_in_the_form() {
        assert_eq!(
            form(&[("client_secret", "a+b/c=~.".to_owned())]),
            "client_secret=a%2Bb%2Fc%3D~."
        );
    }
}
