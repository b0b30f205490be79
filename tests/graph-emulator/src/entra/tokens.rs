//! Tokens: minting, keeping (as hashes), checking, revoking. (7.3, 7.4, 7.6)

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::guid::Guid;
use crate::population::{CONSUMERS, Population, Scopes, User};
use crate::random::Random;
use crate::variants::Rotation;
use crate::world::World;

/// Inactivity after which a refresh token dies: 90 days. (7.4)
const INACTIVITY_MS: i64 = 90 * 24 * 3_600 * 1_000;
/// Refresh tokens of single-page applications die after 24 hours, used or not. (7.4)
const SPA_LIFETIME_MS: i64 = 24 * 3_600 * 1_000;
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
    grant: Grant,
}

/// What a token stands for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client_id: Guid,
    /// The directory in which it was granted.
    pub(crate) directory: Guid,
    /// Who signed in; nobody if the application acts for itself.
    pub(crate) user: Option<Guid>,
    /// For whoever signed in.
    pub(crate) scopes: Scopes,
    /// For the application itself.
    pub(crate) roles: Scopes,
    /// Whether a refresh token comes with it: `offline_access` was asked for.
    pub(crate) offline: bool,
    /// Whether it was granted to a single-page application. (7.4)
    pub(crate) spa: bool,
    /// Whether it was granted to a native client, which then needs no secret. (7.3)
    pub(crate) native: bool,
    /// Whose Graph its access tokens are for. States that know only the global cloud do not say.
    #[serde(default)]
    pub(crate) cloud: Cloud,
}

impl Grant {
    /// Of a person to an application.
    pub(crate) fn delegated(user: &User, client_id: Guid, scopes: Scopes, cloud: Cloud) -> Self {
        Self {
            client_id,
            directory: user.directory,
            user: Some(user.object_id),
            scopes,
            roles: Scopes::default(),
            offline: true,
            spa: false,
            native: false,
            cloud,
        }
    }

    /// Of a directory to an application by itself.
    pub(crate) fn app_only(client_id: Guid, directory: Guid, roles: Scopes, cloud: Cloud) -> Self {
        Self {
            client_id,
            directory,
            user: None,
            scopes: Scopes::default(),
            roles,
            offline: false,
            spa: false,
            native: false,
            cloud,
        }
    }

    /// Whether it has one of these permissions, for whoever signed in or for itself.
    pub(crate) fn may(&self, names: &[&str]) -> bool {
        self.scopes.any(names) || self.roles.any(names)
    }

    /// Whether it is of a personal account.
    pub(crate) fn is_personal(&self) -> bool {
        self.directory == CONSUMERS
    }
}

/// What an access token turns out to be.
pub(crate) enum Access {
    Valid(Grant),
    Expired(Grant),
    Revoked(Grant),
    Unknown,
}

/// What a refresh token turns out to be.
pub(super) enum Refresh {
    Valid {
        issued_ms: i64,
        grant: Grant,
    },
    Inactive {
        issued_ms: i64,
        grant: Grant,
    },
    /// The 24 hours of a single-page application are over.
    Over {
        grant: Grant,
    },
    Revoked {
        issued_ms: i64,
        revoked_ms: i64,
        grant: Grant,
    },
    Unknown,
}

/// Freshly minted tokens. No `Debug`.
#[derive(Clone, Serialize)]
pub(crate) struct TokenSet {
    pub(crate) access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
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

    /// Issues an access token and, if the grant is for later too, a refresh token. `None` if there is
    /// no such person or application any more.
    pub(crate) fn mint(&self, world: &World, grant: Grant) -> Option<TokenSet> {
        self.mint_again(world, grant, None)
    }

    /// As [`mint`](Self::mint), for a refresh: what becomes of the refresh token is a variant. (7.4)
    pub(super) fn mint_again(
        &self,
        world: &World,
        grant: Grant,
        used: Option<&str>,
    ) -> Option<TokenSet> {
        let now_ms = world.clock.now_ms();
        let (set_lifetime, rotation) = {
            let variants = world.variants();
            (variants.access_lifetime_s, variants.rotation)
        };
        let personal = grant.is_personal();
        let lifetime_seconds = match set_lifetime {
            Some(lifetime) => lifetime,
            None if personal || grant.user.is_none() => 3_600 - i64::from(!personal),
            // Work tokens live 60 to 90 minutes, at random. (7.3)
            None => 3_600 + world.random.below(1_800) as i64,
        };
        let expires_at = now_ms / 1_000 + lifetime_seconds;
        let access_token = if personal {
            format!("EwB{}", opaque(&world.random, &STANDARD))
        } else {
            let claims =
                claims(&world.population(), &world.random, &grant, now_ms / 1_000, expires_at)?;
            world.signer.access_token(&claims, &world.random)
        };
        let refresh_token = match (grant.offline, used, rotation) {
            (false, ..) | (_, Some(_), Rotation::None) => None,
            (true, Some(same), Rotation::Same) => Some(same.to_owned()),
            _ if personal => {
                let secret = world.random.text::<OPAQUE_BYTES>(PERSONAL_ALPHABET);
                Some(format!("M.C5EM_BAY.0.U.-{secret}"))
            }
            _ => Some(format!("1.A{}", opaque(&world.random, &URL_SAFE_NO_PAD))),
        };
        self.keep(&access_token, Kind::Access, now_ms, expires_at * 1_000, &grant);
        if let Some(refresh_token) = refresh_token.as_deref().filter(|new| Some(*new) != used) {
            // The 24 hours of a single-page application do not start anew. (7.4)
            let first_ms = used.filter(|_| grant.spa).and_then(|used| self.issued_ms(used));
            self.keep(refresh_token, Kind::Refresh, first_ms.unwrap_or(now_ms), now_ms, &grant);
        }
        Some(TokenSet { access_token, refresh_token, expires_at, lifetime_seconds })
    }

    fn issued_ms(&self, token: &str) -> Option<i64> {
        self.tokens().get(&hash(token)).map(|token| token.issued_ms)
    }

    fn keep(&self, token: &str, kind: Kind, issued_ms: i64, time_ms: i64, grant: &Grant) {
        let mut tokens = self.tokens();
        if tokens.len() >= MAX_TOKENS {
            let oldest = tokens.values().min_by_key(|token| token.issued_ms);
            if let Some(oldest) = oldest.map(|token| token.sha256.clone()) {
                tokens.remove(&oldest);
            }
        }
        let (sha256, grant) = (hash(token), grant.clone());
        let key = sha256.clone();
        let saved = SavedToken { sha256, kind, issued_ms, time_ms, revoked_ms: None, grant };
        tokens.insert(key, saved);
    }

    /// Checks an access token.
    pub(crate) fn access(&self, token: &str, now_ms: i64) -> Access {
        match self.tokens().get(&hash(token)).filter(|token| token.kind == Kind::Access) {
            None => Access::Unknown,
            Some(token) if token.revoked_ms.is_some() => Access::Revoked(token.grant.clone()),
            Some(token) if now_ms >= token.time_ms => Access::Expired(token.grant.clone()),
            Some(token) => Access::Valid(token.grant.clone()),
        }
    }

    /// What a refresh token was granted to, whatever became of it.
    pub(super) fn granted(&self, token: &str) -> Option<Grant> {
        let tokens = self.tokens();
        let known = tokens.get(&hash(token)).filter(|token| token.kind == Kind::Refresh);
        known.map(|token| token.grant.clone())
    }

    /// Checks a refresh token, which counts as using it. It stays valid. (7.4)
    pub(super) fn refresh(&self, token: &str, now_ms: i64) -> Refresh {
        let mut tokens = self.tokens();
        let known = tokens.get_mut(&hash(token)).filter(|token| token.kind == Kind::Refresh);
        let Some(token) = known else { return Refresh::Unknown };
        let (issued_ms, grant) = (token.issued_ms, token.grant.clone());
        if let Some(revoked_ms) = token.revoked_ms {
            return Refresh::Revoked { issued_ms, revoked_ms, grant };
        }
        if grant.spa && now_ms >= issued_ms + SPA_LIFETIME_MS {
            return Refresh::Over { grant };
        }
        if now_ms >= token.time_ms + INACTIVITY_MS {
            return Refresh::Inactive { issued_ms, grant };
        }
        token.time_ms = token.time_ms.max(now_ms);
        Refresh::Valid { issued_ms, grant }
    }

    /// Revokes the tokens that were issued so far: everybody's, or one person's. With access tokens
    /// or without: those of clients that do not take claims challenges live on. (7.4)
    pub(crate) fn revoke(&self, user: Option<Guid>, access_too: bool, now_ms: i64) {
        for token in self.tokens().values_mut() {
            let meant = user.is_none() || token.grant.user == user;
            if meant && (access_too || token.kind == Kind::Refresh) {
                token.revoked_ms.get_or_insert(now_ms);
            }
        }
    }

    /// Makes every access token that was issued so far an expired one.
    pub(crate) fn expire_access(&self) {
        let mut tokens = self.tokens();
        let access = tokens.values_mut().filter(|token| token.kind == Kind::Access);
        access.for_each(|token| token.time_ms = i64::MIN);
    }

    pub(crate) fn replace_all(&self, saved: Vec<SavedToken>) {
        *self.tokens() = saved.into_iter().map(|token| (token.sha256.clone(), token)).collect();
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

/// The claims of an access token of a work account, in the shape of version 1. (7.6)
fn claims(
    population: &Population,
    random: &Random,
    grant: &Grant,
    issued: i64,
    expires: i64,
) -> Option<Value> {
    let application = population.application(grant.client_id)?;
    let issuer = format!("{}/{}/", grant.cloud.instance().sts(), grant.directory);
    let mut claims = json!({
        "aud": grant.cloud.graph(),
        "iss": issuer,
        "iat": issued,
        "nbf": issued,
        "exp": expires,
        "acr": "1",
        "aio": URL_SAFE_NO_PAD.encode(random.bytes::<48>()),
        "app_displayname": application.name,
        "appid": application.client_id,
        "appidacr": if application.public { "0" } else { "1" },
        "rh": format!("1.A{}.", URL_SAFE_NO_PAD.encode(random.bytes::<30>())),
        "tid": grant.directory,
        "uti": URL_SAFE_NO_PAD.encode(random.bytes::<16>()),
        "ver": "1.0",
    });
    if !grant.roles.is_empty() {
        claims["roles"] = grant.roles.iter().collect();
    }
    if application.continuous_access {
        claims["xms_cc"] = json!(["CP1"]);
    }
    let more = match grant.user {
        None => json!({
            "idp": issuer,
            "idtyp": "app",
            "oid": service_principal(grant),
            "sub": service_principal(grant),
        }),
        Some(object_id) => {
            let user = population.user(object_id)?;
            json!({
                "amr": ["pwd"],
                "family_name": user.surname,
                "given_name": user.given_name,
                "idtyp": "user",
                "name": user.display_name(),
                "oid": user.object_id,
                "scp": grant.scopes.joined(),
                "sub": subject(grant.client_id, user),
                "unique_name": user.email,
                "upn": user.email,
            })
        }
    };
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
        claims.extend(more);
    }
    Some(claims)
}

/// The object that stands for an application in a directory.
fn service_principal(grant: &Grant) -> Guid {
    let pair = format!("{}/{}", grant.client_id, grant.directory);
    Guid::from_digest(digest::digest(&digest::SHA256, pair.as_bytes()).as_ref())
}

/// A person's identifier for one application alone.
pub(super) fn subject(client_id: Guid, user: &User) -> String {
    let pair = format!("{client_id}/{}", user.object_id);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, pair.as_bytes()))
}

fn opaque(random: &Random, encoding: &impl Engine) -> String {
    encoding.encode(random.bytes::<OPAQUE_BYTES>())
}

pub(super) fn hash(token: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, token.as_bytes()))
}
