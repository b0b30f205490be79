//! Tokens: minting, keeping (as hashes), checking, revoking.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Directory, Scopes, Signer};
use crate::profile::Profile;
use crate::random;

/// Inactivity after which a refresh token dies: 90 days. (7.4)
const INACTIVITY_MS: i64 = 90 * 24 * 3_600 * 1_000;
/// The oldest tokens make room for newer ones.
const MAX_TOKENS: usize = 10_000;
/// Random bytes in an opaque token: they come out between 1 and 2 kB long. (7.4)
const OPAQUE_BYTES: usize = 900;
/// Characters of personal refresh tokens; some must be encoded in a form.
const PERSONAL_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*!$";

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Access,
    Refresh,
}

/// What is kept of a token: never the token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SavedToken {
    /// SHA-256 in base64.
    sha256: String,
    kind: Kind,
    issued_ms: i64,
    /// Of an access token: when it expires. Of a refresh token: when it was last used.
    time_ms: i64,
    /// When it was revoked, if it was.
    revoked_ms: Option<i64>,
    scopes: Scopes,
}

/// What a valid token stands for.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) scopes: Scopes,
}

/// What an access token turns out to be.
pub(crate) enum Access {
    Valid(Grant),
    Expired,
    Revoked,
    Unknown,
}

/// What a refresh token turns out to be.
pub(super) enum Refresh {
    Valid(Grant),
    Inactive { issued_ms: i64 },
    Revoked { issued_ms: i64, revoked_ms: i64 },
    Unknown,
}

/// Freshly minted tokens. No `Debug`.
#[derive(Clone, Serialize)]
pub(crate) struct TokenSet {
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Unix seconds by the emulator's clock.
    pub(crate) expires_at: i64,
    #[serde(skip)]
    pub(crate) lifetime_seconds: i64,
}

/// Every token that was issued.
pub(crate) struct TokenStore(Mutex<HashMap<String, SavedToken>>);

impl TokenStore {
    pub(crate) fn new(saved: Vec<SavedToken>) -> Self {
        Self(Mutex::new(saved.into_iter().map(|token| (token.sha256.clone(), token)).collect()))
    }

    pub(crate) fn saved(&self) -> Vec<SavedToken> {
        self.tokens().values().cloned().collect()
    }

    /// Issues an access token and a refresh token.
    pub(crate) fn mint(
        &self,
        directory: &Directory,
        signer: &Signer,
        scopes: &Scopes,
        now_ms: i64,
    ) -> TokenSet {
        let lifetime_seconds = match directory.profile {
            // Work tokens live 60 to 90 minutes, at random. (7.3)
            Profile::Business => 3_600 + random::below(1_800) as i64,
            Profile::Personal => 3_600,
        };
        let expires_at = now_ms / 1_000 + lifetime_seconds;
        let (access_token, refresh_token) = match directory.profile {
            Profile::Business => {
                let claims = claims(directory, scopes, now_ms / 1_000, expires_at);
                (signer.sign(&claims), format!("1.A{}", opaque(&URL_SAFE_NO_PAD)))
            }
            Profile::Personal => {
                let secret = random::text(OPAQUE_BYTES, PERSONAL_ALPHABET);
                (format!("EwB{}", opaque(&STANDARD)), format!("M.C5EM_BAY.0.U.-{secret}"))
            }
        };
        self.keep(&access_token, Kind::Access, now_ms, expires_at * 1_000, scopes);
        self.keep(&refresh_token, Kind::Refresh, now_ms, now_ms, scopes);
        TokenSet { access_token, refresh_token, expires_at, lifetime_seconds }
    }

    fn keep(&self, token: &str, kind: Kind, issued_ms: i64, time_ms: i64, scopes: &Scopes) {
        let mut tokens = self.tokens();
        if tokens.len() >= MAX_TOKENS {
            let oldest = tokens.values().min_by_key(|token| token.issued_ms);
            if let Some(oldest) = oldest.map(|token| token.sha256.clone()) {
                tokens.remove(&oldest);
            }
        }
        let (sha256, scopes) = (hash(token), scopes.clone());
        let key = sha256.clone();
        let saved = SavedToken { sha256, kind, issued_ms, time_ms, revoked_ms: None, scopes };
        tokens.insert(key, saved);
    }

    /// Checks an access token.
    pub(crate) fn access(&self, token: &str, now_ms: i64) -> Access {
        match self.tokens().get(&hash(token)).filter(|token| token.kind == Kind::Access) {
            None => Access::Unknown,
            Some(token) if token.revoked_ms.is_some() => Access::Revoked,
            Some(token) if now_ms >= token.time_ms => Access::Expired,
            Some(token) => Access::Valid(Grant { scopes: token.scopes.clone() }),
        }
    }

    /// Checks a refresh token, which counts as using it. It stays valid. (7.4)
    pub(super) fn refresh(&self, token: &str, now_ms: i64) -> Refresh {
        let mut tokens = self.tokens();
        let known = tokens.get_mut(&hash(token)).filter(|token| token.kind == Kind::Refresh);
        let Some(token) = known else { return Refresh::Unknown };
        if let Some(revoked_ms) = token.revoked_ms {
            return Refresh::Revoked { issued_ms: token.issued_ms, revoked_ms };
        }
        if now_ms >= token.time_ms + INACTIVITY_MS {
            return Refresh::Inactive { issued_ms: token.issued_ms };
        }
        token.time_ms = token.time_ms.max(now_ms);
        Refresh::Valid(Grant { scopes: token.scopes.clone() })
    }

    /// Revokes every token that was issued so far.
    pub(crate) fn revoke_all(&self, now_ms: i64) {
        for token in self.tokens().values_mut() {
            token.revoked_ms.get_or_insert(now_ms);
        }
    }

    /// Makes every access token that was issued so far an expired one.
    pub(crate) fn expire_access(&self) {
        let mut tokens = self.tokens();
        let access = tokens.values_mut().filter(|token| token.kind == Kind::Access);
        access.for_each(|token| token.time_ms = i64::MIN);
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, SavedToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether text has the shape of a refresh token of either kind of account. (7.4)
pub(super) fn is_refresh_token(text: &str) -> bool {
    let work = ["0.A", "1.A"].iter().any(|prefix| text.starts_with(prefix));
    let personal = text.starts_with("M.C5");
    (work || personal)
        && text.len() >= 100
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-*!$".contains(&b))
}

/// An ID token for the account. (7.6)
pub(super) fn id_token(directory: &Directory, signer: &Signer, now_ms: i64) -> String {
    let now = now_ms / 1_000;
    let account = &directory.account;
    signer.sign(&json!({
        "ver": "2.0",
        "iss": format!("https://login.microsoftonline.com/{}/v2.0", directory.tenant_id),
        "aud": directory.application.client_id,
        "sub": subject(directory),
        "iat": now, "nbf": now, "exp": now + 3_600,
        "name": account.display_name(),
        "preferred_username": account.email,
        "email": account.email,
        "oid": account.object_id,
        "tid": directory.tenant_id,
    }))
}

/// The claims of a work account's access token for Graph. (7.6)
fn claims(directory: &Directory, scopes: &Scopes, now: i64, expires_at: i64) -> serde_json::Value {
    let account = &directory.account;
    json!({
        "aud": "https://graph.microsoft.com",
        "iss": format!("https://sts.windows.net/{}/", directory.tenant_id),
        "iat": now, "nbf": now, "exp": expires_at,
        "acct": 0,
        "acr": "1",
        "app_displayname": directory.application.display_name,
        "appid": directory.application.client_id,
        "appidacr": "1",
        "family_name": account.surname,
        "given_name": account.given_name,
        "idtyp": "user",
        "name": account.display_name(),
        "oid": account.object_id,
        "scp": scopes.joined(),
        "sub": subject(directory),
        "tid": directory.tenant_id,
        "unique_name": account.email,
        "upn": account.email,
        "uti": URL_SAFE_NO_PAD.encode(random::bytes::<16>()),
        "ver": "1.0",
    })
}

/// The account's identifier for this application alone.
fn subject(directory: &Directory) -> String {
    let pair = format!("{}/{}", directory.application.client_id, directory.account.object_id);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, pair.as_bytes()))
}

fn opaque(encoding: &impl Engine) -> String {
    encoding.encode(random::bytes::<OPAQUE_BYTES>())
}

fn hash(token: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}
