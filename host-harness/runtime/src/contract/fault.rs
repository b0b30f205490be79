//! What a connector reports when it cannot do what was asked: the contract's error record, in Rust.

use std::fmt;
use std::time::Duration;

/// What went wrong, by the decision it leaves to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A parameter is missing, unknown, of the wrong type or contradictory.
    InvalidParams,
    /// No valid credential: somebody has to sign in again.
    AuthRequired,
    /// The credential is valid but does not allow this.
    PermissionDenied,
    /// The table, file or remote resource does not exist.
    NotFound,
    /// A short name fits more than one table; `candidates` lists them.
    Ambiguous,
    /// The object exists, but its format cannot be read as a table.
    UnsupportedFormat,
    /// The connector or the service does not offer what was asked.
    Unsupported,
    /// The object claims a format that its bytes break.
    MalformedData,
    /// A limit of the connector, the host or the service was exceeded.
    TooLarge,
    /// The object changed while it was being read.
    ChangedDuringRead,
    /// The split was planned under another state of the connection.
    StaleSplit,
    /// The service asks to slow down.
    Throttled,
    /// The deadline that the caller gave has passed.
    DeadlineExceeded,
    /// The host refused a request by its egress policy.
    EgressDenied,
    /// The host's store refused a write for lack of room.
    StoreFull,
    /// The service or the way to it does not work at present.
    Unavailable,
    /// A defect of the connector.
    Internal,
}

impl ErrorKind {
    /// The kind's name in the contract, such as `not-found`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidParams => "invalid-params",
            Self::AuthRequired => "auth-required",
            Self::PermissionDenied => "permission-denied",
            Self::NotFound => "not-found",
            Self::Ambiguous => "ambiguous",
            Self::UnsupportedFormat => "unsupported-format",
            Self::Unsupported => "unsupported",
            Self::MalformedData => "malformed-data",
            Self::TooLarge => "too-large",
            Self::ChangedDuringRead => "changed-during-read",
            Self::StaleSplit => "stale-split",
            Self::Throttled => "throttled",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::EgressDenied => "egress-denied",
            Self::StoreFull => "store-full",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who can mend an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Whoever wrote the statement or the call.
    Caller,
    /// The person whose account the connection reads.
    AccountOwner,
    /// An administrator of the account's directory.
    DirectoryAdministrator,
    /// Whoever runs the host.
    HostOperator,
    /// Whoever wrote the connector.
    ConnectorAuthor,
    /// Nobody: trying again later is enough.
    Nobody,
}

impl Actor {
    pub(crate) const ALL: [Self; 6] = [
        Self::Caller,
        Self::AccountOwner,
        Self::DirectoryAdministrator,
        Self::HostOperator,
        Self::ConnectorAuthor,
        Self::Nobody,
    ];

    /// The actor's name in the contract, such as `account-owner`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::AccountOwner => "account-owner",
            Self::DirectoryAdministrator => "directory-administrator",
            Self::HostOperator => "host-operator",
            Self::ConnectorAuthor => "connector-author",
            Self::Nobody => "nobody",
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error that the connector reported; its texts are checked for length and control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConnectorError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Who can mend it.
    pub actor: Actor,
    /// One sentence for people: what happened.
    pub message: String,
    /// What the actor should do.
    pub hint: Option<String>,
    /// How long to wait before another try makes sense.
    pub retry_after: Option<Duration>,
    /// The service's own identifier of the failed request.
    pub request_id: Option<String>,
    /// Names among which the caller may choose.
    pub candidates: Vec<String>,
    /// Further facts by name.
    pub details: Vec<(String, String)>,
}
