//! The error of this crate: what the caller can decide on, who can mend it,
//! and one sentence and a hint for people.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ports::{StoreError, TransportError};

/// What went wrong, by the decision it leaves to the caller. One to one with
/// the contract's `error-kind`, where each is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A parameter or option is wrong.
    InvalidParams,
    /// Somebody has to sign in again.
    AuthRequired,
    /// The credential does not allow this.
    PermissionDenied,
    /// It does not exist.
    NotFound,
    /// The name fits several.
    Ambiguous,
    /// No readable format.
    UnsupportedFormat,
    /// Not offered.
    Unsupported,
    /// Broken bytes.
    MalformedData,
    /// Over a limit.
    TooLarge,
    /// The file changed under the read.
    ChangedDuringRead,
    /// Planned under another state of the connection.
    StaleSplit,
    /// Asked to slow down.
    Throttled,
    /// The caller's deadline passed.
    DeadlineExceeded,
    /// Refused by the host's egress policy.
    EgressDenied,
    /// No room in the host's store.
    StoreFull,
    /// The service does not work at present.
    Unavailable,
    /// A defect of this connector.
    Internal,
}

/// Who can mend an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// Whoever wrote the statement.
    Caller,
    /// The person whose drive it is.
    AccountOwner,
    /// An administrator of the directory.
    DirectoryAdministrator,
    /// Whoever runs the host.
    HostOperator,
    /// Us.
    ConnectorAuthor,
    /// Nobody: later it may work.
    Nobody,
}

/// An error; never holds a token, a secret, or a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What the caller can decide on.
    pub kind: ErrorKind,
    /// Who can mend it.
    pub actor: Actor,
    /// One sentence.
    pub message: String,
    /// What the actor should do.
    pub hint: Option<String>,
    /// When another try makes sense.
    pub retry_after: Option<Duration>,
    /// The service's identifier of the request.
    pub request_id: Option<String>,
    /// Names to choose from.
    pub candidates: Vec<String>,
    /// Further facts by name.
    pub details: Vec<(String, String)>,
}

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind, with the actor who usually mends that kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let actor = match kind {
            ErrorKind::InvalidParams
            | ErrorKind::NotFound
            | ErrorKind::Ambiguous
            | ErrorKind::UnsupportedFormat
            | ErrorKind::Unsupported
            | ErrorKind::MalformedData
            | ErrorKind::TooLarge
            | ErrorKind::DeadlineExceeded => Actor::Caller,
            ErrorKind::AuthRequired | ErrorKind::PermissionDenied => Actor::AccountOwner,
            ErrorKind::EgressDenied | ErrorKind::StoreFull => Actor::HostOperator,
            ErrorKind::ChangedDuringRead
            | ErrorKind::StaleSplit
            | ErrorKind::Throttled
            | ErrorKind::Unavailable => Actor::Nobody,
            ErrorKind::Internal => Actor::ConnectorAuthor,
        };
        Self {
            kind,
            actor,
            message: message.into(),
            hint: None,
            retry_after: None,
            request_id: None,
            candidates: Vec::new(),
            details: Vec::new(),
        }
    }

    /// With what the actor should do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With another actor than the kind's usual one.
    #[must_use]
    pub fn actor(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// With a further fact.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.to_owned(), value.into()));
        self
    }

    /// With names to choose from.
    #[must_use]
    pub fn candidates(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.candidates.extend(names);
        self
    }

    /// A request that got no answer.
    #[must_use]
    pub fn transport(host: &str, error: &TransportError) -> Self {
        match error {
            TransportError::Denied => Self::new(
                ErrorKind::EgressDenied,
                format!("The host does not allow requests to {host}."),
            )
            .hint("The operator has to approve the egress profile that this account needs."),
            TransportError::Certificate => Self::new(
                ErrorKind::Unavailable,
                format!("The certificate of {host} was not accepted."),
            )
            .actor(Actor::HostOperator)
            .hint("Check the clock, and whether a proxy stands between; its CA can be added."),
            TransportError::NameNotFound => {
                Self::new(ErrorKind::Unavailable, format!("The name {host} cannot be resolved."))
                    .actor(Actor::HostOperator)
                    .hint("Check the network and DNS of the machine that the host runs on.")
            }
            TransportError::Invalid(why) => Self::new(
                ErrorKind::Internal,
                format!("A request to {host} cannot be sent: {why}."),
            ),
            TransportError::Connection(_) | TransportError::TimedOut => {
                Self::new(ErrorKind::Unavailable, format!("{host} cannot be reached: {error}."))
                    .hint("Check the network of the machine that the host runs on, and try again.")
            }
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(why) => Self::new(
                ErrorKind::StoreFull,
                format!("The host's store has no room for this connection: {why}."),
            ),
            StoreError::Denied | StoreError::Other(_) => {
                Self::new(ErrorKind::Unavailable, format!("The host's store failed: {error}."))
                    .actor(Actor::HostOperator)
            }
        }
    }
}

/// The known name nearest to a mistyped one, if any is near.
#[must_use]
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(&name.to_lowercase(), candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace) between two texts; long ones are cut.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_neighbour_and_a_strange_one_none() {
        let known = ["access_token", "refresh_token", "tenant_id"];
        assert_eq!(nearest("acess_token", known), Some("access_token"));
        assert_eq!(nearest("tennant_id", known), Some("tenant_id"));
        assert_eq!(nearest("password", known), None);
    }
}
