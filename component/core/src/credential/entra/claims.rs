//! What can be read in an access token. A work account's is a JWT that only Microsoft verifies;
//! a personal account's is opaque. Nothing here is trusted: it saves a request, or words a message.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::ports::TimestampMs;
use crate::secret::Secret;

fn claims(token: &Secret) -> Option<Value> {
    let mut parts = token.expose().split('.');
    let (_, payload, _, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
        return None;
    };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// When a token says it expires.
pub(crate) fn expiry_of(token: &Secret) -> Option<TimestampMs> {
    claims(token)?["exp"].as_i64()?.checked_mul(1000)
}

/// What a token allows: `scp` of a person's, `roles` of an application's.
pub(crate) fn scopes_of(token: &Secret) -> Vec<String> {
    let Some(claims) = claims(token) else { return Vec::new() };
    let scp = claims["scp"].as_str().unwrap_or_default().split(' ').map(str::to_owned);
    let roles = claims["roles"].as_array().into_iter().flatten().filter_map(Value::as_str);
    scp.chain(roles.map(str::to_owned)).filter(|scope| !scope.is_empty()).collect()
}

/// The object id of the person (or of the application's principal) in the directory.
pub(crate) fn object_id_of(token: &Secret) -> Option<String> {
    claims(token)?["oid"].as_str().map(str::to_owned)
}

/// The application's name, as the directory shows it.
pub(crate) fn application_name_of(token: &Secret) -> Option<String> {
    claims(token)?["app_displayname"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> Secret {
        Secret::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn expiry_and_scopes_are_read_from_a_work_token_and_not_from_an_opaque_one() {
        let work = token(r#"{"exp":1735689600,"scp":"Files.Read User.Read"}"#);
        assert_eq!(expiry_of(&work), Some(1_735_689_600_000));
        assert_eq!(scopes_of(&work), ["Files.Read", "User.Read"]);
        assert_eq!(expiry_of(&Secret::new("EwBopaque")), None);
        assert!(scopes_of(&Secret::new("EwBopaque")).is_empty());
    }

    #[test]
    fn an_applications_roles_are_its_scopes() {
        let app = token(r#"{"roles":["Files.Read.All"],"app_displayname":"Reader"}"#);
        assert_eq!(scopes_of(&app), ["Files.Read.All"]);
        assert_eq!(application_name_of(&app).as_deref(), Some("Reader"));
    }
}
