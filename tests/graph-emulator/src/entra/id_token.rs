//! Who signed in, as the client is told: id_token and client_info. (7.3, 7.6)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::tokens::subject;
use crate::cloud::Instance;
use crate::guid::Guid;
use crate::population::User;
use crate::random::Random;

/// How long an id_token is good for.
const LIFETIME_S: i64 = 3_600;

/// The claims of an id_token in the shape of version 2. (7.6)
pub(super) fn claims(
    random: &Random,
    instance: Instance,
    user: &User,
    client_id: Guid,
    now_ms: i64,
    nonce: Option<&str>,
    email: bool,
) -> Value {
    let now_s = now_ms / 1_000;
    let mut claims = json!({
        "aud": client_id,
        "iss": format!("{}/{}/v2.0", instance.login(), user.directory),
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + LIFETIME_S,
        "name": user.display_name(),
        "oid": user.object_id,
        "preferred_username": user.email,
        "rh": format!("1.A{}.", URL_SAFE_NO_PAD.encode(random.bytes::<30>())),
        "sub": subject(client_id, user),
        "tid": user.directory,
        "uti": URL_SAFE_NO_PAD.encode(random.bytes::<16>()),
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if email {
        claims["email"] = json!(user.email);
    }
    claims
}

/// From what MSAL makes the identifier of an account. (7.8)
pub(super) fn client_info(user: &User) -> String {
    let info = json!({ "uid": user.object_id, "utid": user.directory });
    URL_SAFE_NO_PAD.encode(info.to_string())
}
