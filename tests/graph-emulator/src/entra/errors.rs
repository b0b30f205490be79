//! Refusals of the token endpoint: the rows of the AADSTS table and the body they come in. (7.5)

use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::reply;
use crate::body::Reply;
use crate::clock;
use crate::guid::Guid;

/// Text that a client sent is repeated only so far.
const MAX_ECHO: usize = 100;

/// Why a token request is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Another method than POST. (GEN)
    OnlyPost,
    MissingParameter(&'static str),
    MalformedRequest,
    MalformedGrant,
    UnsupportedGrant(String),
    TenantNotFound(String),
    TenantMalformed(String),
    TenantNil,
    UnknownApplication(String),
    SecretMissing,
    SecretWrong(String),
    ScopeInvalid(String),
    /// The scopes of an account that did not consent to them.
    ConsentMissing,
    UnknownResource(String),
    /// The refresh token was revoked, or is not known here; times in milliseconds.
    GrantRevoked {
        issued_ms: Option<i64>,
        valid_from_ms: i64,
    },
    /// Not used for 90 days.
    GrantInactive {
        issued_ms: i64,
    },
    /// The answer of personal accounts to every refresh token that is not valid.
    PersonalGrantInvalid,
    /// The account is of another directory than the URL's.
    OtherDirectory,
    /// The emulator could not keep the tokens it would have issued.
    Unavailable,
}

struct Row {
    code: u32,
    status: StatusCode,
    error: &'static str,
    suberror: Option<&'static str>,
    text: String,
}

impl Refusal {
    fn row(&self) -> Row {
        let row = |code, error, text: String| Row {
            code,
            status: StatusCode::BAD_REQUEST,
            error,
            suberror: None,
            text,
        };
        match self {
            Self::OnlyPost => row(
                900561,
                "invalid_request",
                "The endpoint only accepts POST requests.".to_owned(),
            ),
            Self::MissingParameter(name) => row(
                900144,
                "invalid_request",
                format!("The request body must contain the following parameter: '{name}'."),
            ),
            Self::MalformedRequest => row(
                9002313,
                "invalid_request",
                "Invalid request. Request is malformed or invalid.".to_owned(),
            ),
            Self::MalformedGrant => row(
                9002313,
                "invalid_grant",
                "Invalid request. Request is malformed or invalid.".to_owned(),
            ),
            Self::UnsupportedGrant(grant) => row(
                70003,
                "unsupported_grant_type",
                format!("The app requested an unsupported grant type '{}'.", echo(grant)),
            ),
            Self::TenantNotFound(tenant) => row(
                90002,
                "invalid_request",
                format!("Tenant '{}' not found. Check the tenant ID.", echo(tenant)),
            ),
            Self::TenantMalformed(tenant) => row(
                900023,
                "invalid_request",
                format!(
                    "Specified tenant identifier '{}' is neither a valid DNS name, nor a valid \
                     external domain.",
                    echo(tenant)
                ),
            ),
            Self::TenantNil => row(
                900021,
                "invalid_request",
                "Requested tenant identifier is not valid.".to_owned(),
            ),
            Self::ScopeInvalid(scope) => row(
                70011,
                "invalid_scope",
                format!(
                    "The provided request must include a 'scope' input parameter. The scope '{}' \
                     is not valid.",
                    echo(scope)
                ),
            ),
            Self::UnknownResource(resource) => row(
                500011,
                "invalid_resource",
                format!("The resource principal named {} was not found.", echo(resource)),
            ),
            Self::Unavailable => Row {
                status: StatusCode::SERVICE_UNAVAILABLE,
                ..row(
                    90033,
                    "temporarily_unavailable",
                    "A transient error has occurred.".to_owned(),
                )
            },
            _ => self.identity_row(row),
        }
    }

    /// The rows about applications, consent and grants.
    fn identity_row(&self, row: impl Fn(u32, &'static str, String) -> Row) -> Row {
        let unauthorized = |row: Row| Row { status: StatusCode::UNAUTHORIZED, ..row };
        let bad_token = |row: Row| Row { suberror: Some("bad_token"), ..row };
        match self {
            Self::UnknownApplication(id) => row(
                700016,
                "unauthorized_client",
                format!(
                    "Application with identifier '{}' was not found in the directory.",
                    echo(id)
                ),
            ),
            Self::SecretMissing => unauthorized(row(
                7000218,
                "invalid_client",
                "The request body must contain the following parameter: 'client_assertion' or \
                 'client_secret'."
                    .to_owned(),
            )),
            Self::SecretWrong(app) => unauthorized(row(
                7000215,
                "invalid_client",
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request \
                     is the client secret value, not the client secret ID, for a secret added to \
                     app '{app}'."
                ),
            )),
            Self::ConsentMissing => Row {
                suberror: Some("consent_required"),
                ..row(
                    65001,
                    "invalid_grant",
                    "The user or administrator has not consented to use the application."
                        .to_owned(),
                )
            },
            Self::GrantInactive { issued_ms } => bad_token(row(
                700082,
                "invalid_grant",
                format!(
                    "The refresh token has expired due to inactivity. The token was issued on {} \
                     and was inactive for 90.00:00:00.",
                    clock::iso(*issued_ms)
                ),
            )),
            Self::GrantRevoked { issued_ms, valid_from_ms } => row(
                50173,
                "invalid_grant",
                format!(
                    "The provided grant has expired due to it being revoked, a fresh auth token is \
                     needed. The grant was issued on '{}' and the TokensValidFrom date for this \
                     user is '{}'.",
                    issued_ms.map_or_else(|| "unknown".to_owned(), clock::iso),
                    clock::iso(*valid_from_ms)
                ),
            ),
            Self::OtherDirectory => row(
                50020,
                "invalid_grant",
                "The user account does not exist in this tenant.".to_owned(),
            ),
            _ => row(
                70000,
                "invalid_grant",
                "The provided value for the input parameter 'refresh_token' is not valid."
                    .to_owned(),
            ),
        }
    }

    /// The answer of the token endpoint.
    pub(super) fn into_reply(self, trace: &Trace) -> Reply {
        self.reply_as(self.row(), trace)
    }

    /// The answer of the metadata documents, which call an unknown tenant by another name. (7.1)
    pub(super) fn into_metadata_reply(self, trace: &Trace) -> Reply {
        let row = self.row();
        let error = if row.code == 90002 { "invalid_tenant" } else { row.error };
        self.reply_as(Row { error, ..row }, trace)
    }

    fn reply_as(&self, row: Row, trace: &Trace) -> Reply {
        let timestamp = clock::entra(trace.now_ms);
        let mut body = json!({
            "error": row.error,
            "error_description": format!(
                "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {timestamp}",
                row.code, row.text, trace.trace_id, trace.correlation_id,
            ),
            "error_codes": [row.code],
            "timestamp": timestamp,
            "trace_id": trace.trace_id,
            "correlation_id": trace.correlation_id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", row.code),
        });
        if let Some(suberror) = row.suberror {
            body["suberror"] = json!(suberror);
        }
        reply::json(row.status, &body, trace)
    }
}

fn echo(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ECHO)]
}

/// The identifiers and the time that go with one exchange.
pub(super) struct Trace {
    pub(super) now_ms: i64,
    pub(super) trace_id: Guid,
    /// The client's own, if it sent one. (7.5)
    pub(super) correlation_id: Guid,
}

impl Trace {
    pub(super) fn new(now_ms: i64, headers: &HeaderMap) -> Self {
        let sent = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        let correlation_id = sent.and_then(|id| id.parse().ok()).unwrap_or_else(Guid::random);
        Self { now_ms, trace_id: Guid::random(), correlation_id }
    }
}
