//! People, and what stands against their signing in.

use serde::{Deserialize, Serialize};

use crate::guid::Guid;

/// A person.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) directory: Guid,
    pub(crate) object_id: Guid,
    /// As `/me` names the person: the object id, or the number of a personal account. (8)
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) given_name: String,
    pub(crate) surname: String,
    /// The number of a personal account.
    pub(crate) cid: Option<u64>,
    /// Tokens issued before this are revoked. (7.4)
    pub(crate) tokens_valid_from_ms: i64,
    pub(crate) refusals: Refusals,
    /// Presses cancel when asked for consent. (7.2)
    pub(crate) declines: bool,
    /// Has no drive until the first delegated request for it. (8)
    pub(crate) unprovisioned: bool,
}

/// Numbers of the AADSTS table with which a token request is refused, in the order set, until they
/// are taken away. (7.5)
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Refusals(pub(crate) Vec<u32>);

impl User {
    pub(crate) fn display_name(&self) -> String {
        format!("{} {}", self.given_name, self.surname)
    }

    /// The name of the person's site on SharePoint: the address, made fit for a path.
    pub(crate) fn site_name(&self) -> String {
        self.email.replace(['@', '.'], "_")
    }
}
