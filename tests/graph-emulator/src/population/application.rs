//! Applications that are registered, and how they prove who they are.

use ring::digest;
use serde::{Deserialize, Serialize};

use super::{Refusals, Scopes};
use crate::guid::Guid;

/// A registered application.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) client_id: Guid,
    pub(crate) name: String,
    /// Where it is registered.
    pub(crate) home: Guid,
    pub(crate) audience: Audience,
    /// A native application, which can keep no secret. (7.3)
    pub(crate) public: bool,
    pub(crate) secrets: Vec<Secret>,
    /// Public keys for client assertions: SubjectPublicKeyInfo of RSA or P-256 keys, in base64.
    pub(crate) keys: Vec<String>,
    pub(crate) redirects: Vec<Redirect>,
    /// Permissions in the registration, for whoever is signed in: what `.default` asks for.
    pub(crate) scopes: Scopes,
    /// Permissions in the registration, for the application itself.
    pub(crate) roles: Scopes,
    /// Declared the capability `cp1`, so that it can be sent claims challenges. (7.7)
    pub(crate) continuous_access: bool,
    pub(crate) disabled: bool,
    pub(crate) refusals: Refusals,
}

/// Whose accounts an application takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Audience {
    /// Of its own directory.
    Directory,
    /// Of all directories of work or school.
    Work,
    /// Of all directories, and personal ones.
    All,
    /// Personal accounts only.
    Consumers,
}

/// A client secret, as it is kept: never in the clear.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    sha256: String,
    pub(crate) expires_ms: i64,
}

impl Secret {
    pub(crate) fn new(secret: &str, expires_ms: i64) -> Self {
        Self { sha256: sha256(secret), expires_ms }
    }

    pub(crate) fn is(&self, secret: &str) -> bool {
        self.sha256 == sha256(secret)
    }
}

fn sha256(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An address that codes may be sent to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Redirect {
    pub(crate) uri: String,
    pub(crate) kind: RedirectKind,
}

/// What kind of client an address belongs to; it decides how codes are redeemed. (7.3)
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RedirectKind {
    Web,
    Spa,
    Native,
}
