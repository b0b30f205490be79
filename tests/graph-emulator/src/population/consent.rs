//! What was consented to. (7.2, 7.5)

use serde::{Deserialize, Serialize};

use super::Scopes;
use crate::guid::Guid;

/// What an application may do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Consent {
    pub(crate) client_id: Guid,
    pub(crate) principal: Principal,
    /// For whoever is signed in.
    pub(crate) scopes: Scopes,
    /// By itself; only an administrator allows that, for a directory.
    pub(crate) roles: Scopes,
}

/// Whom a consent is for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Principal {
    /// One person, who gave it.
    User(Guid),
    /// Everybody of a directory; an administrator gave it.
    Directory(Guid),
}
