//! What the refusals of Entra ID mean: one sentence, who must act, and a hint.
//!
//! `error` and `suberror` decide, as Microsoft advises; the AADSTS number refines the words.
//! Source: the identity platform's list of codes; bodies as recorded in public issues.

use serde::Deserialize;

use crate::credential::Refusal;
use crate::error::{Actor, Error, ErrorKind};
use crate::params::GrantType;

/// Marks an error that no retry mends, in its details.
const FINAL: &str = "final";

/// Tells that a device code waits, in its details.
const WAITING: &str = "waiting";
const PENDING: &str = "authorization_pending";
const SLOW_DOWN: &str = "slow_down";

/// Whether the person behind a device code is not done yet, and asked to be left alone longer.
pub(crate) fn waits_longer(error: &Error) -> Option<bool> {
    let waiting = error.details.iter().find(|(name, _)| name == WAITING)?;
    Some(waiting.1 == SLOW_DOWN)
}

/// What was being traded for tokens, in words for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traded {
    RefreshToken(GrantType),
    SignIn,
    Application,
}

impl Traded {
    fn noun(self) -> &'static str {
        match self {
            Self::RefreshToken(_) => "refresh token",
            Self::SignIn => "sign-in",
            Self::Application => "application's own sign-in",
        }
    }

    /// How to get a new grant.
    pub(crate) fn again(self) -> &'static str {
        match self {
            Self::RefreshToken(GrantType::AuthorizationCode) => {
                "Sign in again: ALTER DATABASE … SET PARAMETERS = {\"grant_type\": \
                 \"authorization_code\"} gives the link."
            }
            Self::RefreshToken(GrantType::DeviceCode) => {
                "Sign in again: ALTER DATABASE … SET PARAMETERS = {\"grant_type\": \
                 \"device_code\"} gives the code."
            }
            Self::RefreshToken(_) => {
                "Sign in again and run ALTER DATABASE … SET PARAMETERS = {\"access_token\": \
                 \"…\", \"refresh_token\": \"…\"}."
            }
            Self::SignIn => "Begin the sign-in again.",
            Self::Application => "Check the application's permissions and its directory.",
        }
    }
}

/// The body of a refusal.
#[derive(Deserialize, Default)]
pub(super) struct Failure {
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

impl Failure {
    /// What a redirect brought instead of a code.
    pub(super) fn of_redirect(error: &str, description: &str) -> Self {
        Self {
            error: error.to_owned(),
            error_description: description.to_owned(),
            ..Self::default()
        }
    }
}

/// The error behind a refused request.
pub(super) fn refused(body: &[u8], host: &str, traded: Traded) -> Error {
    match serde_json::from_slice::<Failure>(body) {
        Ok(failure) if !failure.error.is_empty() => explain(failure, traded),
        _ => Error::new(
            ErrorKind::Unavailable,
            format!("{host} gave an answer that is no JSON of Entra ID."),
        )
        .hint("Try again; if it stays, see whether a proxy answers in Microsoft's place."),
    }
}

/// The error behind a refusal.
pub(super) fn explain(mut failure: Failure, traded: Traded) -> Error {
    // A server's text, of which a message shows no more than a code's length.
    failure.error = failure.error.chars().filter(|c| !c.is_control()).take(60).collect();
    let code =
        failure.error_codes.first().copied().or_else(|| number_in(&failure.error_description));
    let shown = code.map_or_else(|| failure.error.clone(), |code| format!("AADSTS{code}"));
    let mut error = match failure.error.as_str() {
        "temporarily_unavailable" | "server_error" => Error::new(
            ErrorKind::Unavailable,
            format!("Microsoft's sign-in service does not work at present ({shown})."),
        )
        .hint("Nothing is wrong with the connection: try again in a few minutes."),
        PENDING | SLOW_DOWN => {
            Error::new(ErrorKind::Unavailable, "The person has not finished signing in yet.")
                .detail(WAITING, failure.error.clone())
        }
        "invalid_client" | "unauthorized_client" => application(&shown, code).detail(FINAL, "true"),
        "invalid_grant"
        | "interaction_required"
        | "consent_required"
        | "login_required"
        | "access_denied"
        | "authorization_declined"
        | "expired_token"
        | "code_expired"
        | "bad_verification_code" => {
            grant(&shown, code, failure.suberror.as_deref(), &failure.error, traded)
                .detail(FINAL, "true")
        }
        _ => request(&shown, code, &failure.error).detail(FINAL, "true"),
    };
    if let Some(claims) = failure.claims {
        error = error.detail("claims", claims.chars().take(4000).collect::<String>());
    }
    error.request_id =
        failure.trace_id.map(|id| id.chars().filter(|c| !c.is_control()).take(80).collect());
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
        Some(700_027) => (
            "the certificate of its assertion is not known",
            "Give a client secret: ALTER DATABASE … SET PARAMETERS = {\"client_secret\": \"…\"}.",
        ),
        Some(700_016 | 70_001) => (
            "the directory does not know the application, or it is disabled",
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

/// What the number says of a person's grant.
fn reason(code: Option<u64>, error: &str) -> &'static str {
    match code {
        Some(700_082) => "expired by inactivity",
        Some(700_084) => "its 24 hours are over",
        Some(50_173) => "revoked, or the password was changed",
        Some(70_008) => "expired",
        Some(70_000) => "invalid or revoked",
        Some(70_043) => "ended by the directory's sign-in frequency",
        Some(9_002_313) => "malformed",
        Some(54_005) => "the code was used before",
        Some(501_481 | 50_148) => "the code belongs to another sign-in",
        Some(700_005) => "the code belongs to another directory",
        Some(50_057) => "the account is disabled",
        Some(50_055) => "the password has expired",
        Some(50_053) => "the account is locked",
        Some(50_126) => "wrong name or password",
        Some(50_020 | 50_034) => "the account is not known in this directory",
        Some(50_076 | 50_079 | 50_078 | 50_074) => "a second factor is asked for",
        Some(53_003) => "blocked by Conditional Access",
        Some(53_000 | 53_001 | 530_003) => "the device is not accepted by Conditional Access",
        Some(65_001) => "consent is missing",
        Some(90_094 | 90_093) => "an administrator has to consent",
        Some(65_004) => "the person declined",
        _ if error == "access_denied" || error == "authorization_declined" => "the person declined",
        _ if error.contains("expired") => "the code was not typed in time",
        _ => "refused",
    }
}

/// The person's grant is at fault.
fn grant(
    shown: &str,
    code: Option<u64>,
    suberror: Option<&str>,
    error: &str,
    traded: Traded,
) -> Error {
    let message =
        format!("OneDrive refused the {} ({shown}, {}).", traded.noun(), reason(code, error));
    let again = traded.again();
    let error = Error::new(ErrorKind::AuthRequired, message);
    match (code, suberror) {
        (Some(65_001 | 90_094 | 90_093), _) | (_, Some("consent_required")) => error
            .actor(Actor::DirectoryAdministrator)
            .hint(format!("Have an administrator of the directory consent to Files.Read for the application. {again}")),
        (Some(53_003 | 53_000 | 53_001 | 530_003), _) => error
            .actor(Actor::DirectoryAdministrator)
            .hint(format!("Have an administrator of the directory allow this sign-in. {again}")),
        (Some(50_053 | 50_057), _) => error
            .actor(Actor::DirectoryAdministrator)
            .hint(format!("Have an administrator of the directory enable the account. {again}")),
        (Some(50_020 | 50_034), _) => error
            .actor(Actor::Caller)
            .hint("Check `tenant_id`: give the account's own directory, or common."),
        _ if traded == Traded::Application => error.actor(Actor::DirectoryAdministrator).hint(again),
        _ => error.hint(again),
    }
}

/// The request itself is at fault: a parameter is wrong.
fn request(shown: &str, code: Option<u64>, error: &str) -> Error {
    let (what, hint) = match code {
        Some(90_002 | 900_023 | 900_021) => {
            ("no such directory is known", "Check `tenant_id`, and `cloud` where it is not global.")
        }
        Some(50_194) => {
            ("the application belongs to one directory", "Give its `tenant_id` instead of common.")
        }
        Some(9_001_023) => (
            "this way of signing in needs one directory",
            "Give `tenant_id` instead of common or consumers.",
        ),
        Some(70_011 | 28_002 | 28_003) => {
            ("the scopes are not valid together", "Check `scopes`: .default goes with no other.")
        }
        Some(500_011 | 50_001) => (
            "the directory does not know the resource",
            "Check `cloud` and `scopes`: the scopes belong to another service.",
        ),
        Some(70_003) => ("the grant type is not offered", "Check `grant_type`."),
        Some(700_051 | 700_054) => (
            "the application does not allow authorization codes",
            "Allow it in the app registration, under Authentication.",
        ),
        Some(900_144) => ("a parameter is missing", "Check `client_id`, `scopes` and the tokens."),
        Some(50_011) => (
            "the redirect URI is not registered",
            "Add it to the app registration, under Authentication.",
        ),
        _ => ("", "Check the connection's parameters."),
    };
    let what = if what.is_empty() { error } else { what };
    Error::new(
        ErrorKind::InvalidParams,
        format!("Microsoft's sign-in service refused the request ({shown}, {what})."),
    )
    .hint(hint)
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
pub(crate) fn refusal_of(error: &Error) -> Option<Refusal> {
    let detail = |name: &str| error.details.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    detail(FINAL).map(|_| Refusal {
        message: error.message.clone(),
        hint: error.hint.clone().unwrap_or_default(),
        code: detail("code"),
        claims: detail("claims"),
        actor: error.actor,
        app: String::new(),
    })
}

/// The remembered refusal as an error.
pub(crate) fn error_of(refusal: &Refusal) -> Error {
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

#[cfg(test)]
mod tests {
    use super::*;

    const INJECTED: Traded = Traded::RefreshToken(GrantType::RefreshToken);

    fn error(code: u64, error: &str) -> Error {
        let body = format!(
            r#"{{"error":"{error}","error_description":"AADSTS{code}: text","error_codes":[{code}]}}"#
        );
        refused(body.as_bytes(), "login.example", INJECTED)
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

    /// Every row of the facts' table: kind, actor, and a word of the message.
    #[test]
    fn every_known_number_gives_a_sentence_an_actor_and_a_hint() {
        use Actor::{AccountOwner, Caller, DirectoryAdministrator, Nobody};
        let rows: &[(u64, &str, Actor, &str)] = &[
            (70_000, "invalid_grant", AccountOwner, "invalid or revoked"),
            (70_008, "invalid_grant", AccountOwner, "expired"),
            (700_082, "invalid_grant", AccountOwner, "inactivity"),
            (700_084, "invalid_grant", AccountOwner, "24 hours"),
            (70_043, "invalid_grant", AccountOwner, "sign-in frequency"),
            (50_173, "invalid_grant", AccountOwner, "revoked"),
            (54_005, "invalid_grant", AccountOwner, "used before"),
            (501_481, "invalid_grant", AccountOwner, "another sign-in"),
            (50_148, "invalid_grant", AccountOwner, "another sign-in"),
            (65_001, "invalid_grant", DirectoryAdministrator, "consent"),
            (65_004, "access_denied", AccountOwner, "declined"),
            (50_076, "invalid_grant", AccountOwner, "second factor"),
            (50_079, "interaction_required", AccountOwner, "second factor"),
            (50_078, "invalid_grant", AccountOwner, "second factor"),
            (50_074, "interaction_required", AccountOwner, "second factor"),
            (53_003, "invalid_grant", DirectoryAdministrator, "Conditional Access"),
            (53_000, "interaction_required", DirectoryAdministrator, "device"),
            (53_001, "invalid_grant", DirectoryAdministrator, "device"),
            (530_003, "invalid_grant", DirectoryAdministrator, "device"),
            (7_000_215, "invalid_client", Caller, "secret is wrong"),
            (7_000_222, "invalid_client", Caller, "secret has expired"),
            (7_000_218, "invalid_client", Caller, "needs a client secret"),
            (700_025, "invalid_client", Caller, "must not send a secret"),
            (700_027, "invalid_client", Caller, "certificate"),
            (700_016, "unauthorized_client", Caller, "does not know the application"),
            (70_001, "unauthorized_client", Caller, "disabled"),
            (70_002, "invalid_client", Caller, "the application was refused"),
            (700_051, "unsupported_response_type", Caller, "authorization codes"),
            (700_054, "unsupported_response_type", Caller, "authorization codes"),
            (90_002, "invalid_request", Caller, "no such directory"),
            (900_023, "invalid_request", Caller, "no such directory"),
            (900_021, "invalid_request", Caller, "no such directory"),
            (9_002_313, "invalid_grant", AccountOwner, "malformed"),
            (900_144, "invalid_request", Caller, "a parameter is missing"),
            (70_011, "invalid_scope", Caller, "scopes"),
            (28_002, "invalid_scope", Caller, "scopes"),
            (28_003, "invalid_request", Caller, "scopes"),
            (500_011, "invalid_resource", Caller, "resource"),
            (50_001, "invalid_resource", Caller, "resource"),
            (50_194, "invalid_request", Caller, "belongs to one directory"),
            (9_001_023, "invalid_request", Caller, "needs one directory"),
            (50_020, "invalid_grant", Caller, "not known in this directory"),
            (50_034, "invalid_grant", Caller, "not known in this directory"),
            (50_053, "invalid_grant", DirectoryAdministrator, "locked"),
            (50_055, "invalid_grant", AccountOwner, "password has expired"),
            (50_057, "invalid_grant", DirectoryAdministrator, "disabled"),
            (50_126, "invalid_grant", AccountOwner, "password"),
            (700_005, "invalid_grant", AccountOwner, "another directory"),
            (90_094, "consent_required", DirectoryAdministrator, "administrator"),
            (90_093, "consent_required", DirectoryAdministrator, "administrator"),
            (70_003, "unsupported_grant_type", Caller, "grant type"),
            (50_196, "temporarily_unavailable", Nobody, "at present"),
            (90_033, "temporarily_unavailable", Nobody, "at present"),
            (90_006, "temporarily_unavailable", Nobody, "at present"),
            (90_015, "temporarily_unavailable", Nobody, "at present"),
            (90_055, "temporarily_unavailable", Nobody, "at present"),
        ];
        for (code, kind, actor, word) in rows {
            let error = error(*code, kind);
            assert_eq!(error.actor, *actor, "{code}");
            assert!(error.message.contains(word), "{code}: {}", error.message);
            assert!(error.message.contains(&format!("AADSTS{code}")), "{}", error.message);
            assert!(error.message.ends_with('.') && error.hint.is_some(), "{code}");
        }
    }

    #[test]
    fn only_final_refusals_are_remembered() {
        assert!(refusal_of(&error(50_173, "invalid_grant")).is_some());
        assert!(refusal_of(&error(70_011, "invalid_scope")).is_some());
        assert!(refusal_of(&error(90_033, "temporarily_unavailable")).is_none());
        assert!(refusal_of(&refused(b"<html>", "h", INJECTED)).is_none());
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
    fn claims_of_a_challenge_are_carried_in_the_error() {
        let body = br#"{"error":"invalid_grant","error_codes":[50076],"suberror":"basic_action",
            "claims":"{\"access_token\":{\"acrs\":{\"values\":[\"c1\"]}}}"}"#;
        let error = refused(body, "h", INJECTED);
        let claims = error.details.iter().find(|(name, _)| name == "claims").unwrap();
        assert!(claims.1.contains("acrs"));
    }
}
