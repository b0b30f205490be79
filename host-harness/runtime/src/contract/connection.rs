//! Connections and listings: what is known of them, and how a listing is asked for.

use std::time::SystemTime;

/// Whether a connection can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// It can.
    Ready,
    /// Somebody has yet to complete the sign-in.
    PendingAuthorization,
    /// The credential was refused for good: somebody has to sign in again.
    AuthRequired,
}

/// The verified person or application behind a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The service's own identifier of the account.
    pub id: String,
    /// The name for people.
    pub display_name: Option<String>,
    /// The address of the account.
    pub email: Option<String>,
    /// The directory that the account belongs to.
    pub directory: Option<String>,
}

/// What is known of a connection without asking the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Stable for the life of the connection; not a secret.
    pub connection_id: String,
    /// Whether it can be used.
    pub state: ConnectionState,
    /// Who signed in.
    pub identity: Option<Identity>,
    /// What the tables stand in, such as a drive's identifier.
    pub root_id: Option<String>,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// When the access token in hand expires.
    pub expires_at: Option<SystemTime>,
    /// When the connection was made.
    pub created_at: SystemTime,
    /// When its parameters last changed.
    pub updated_at: SystemTime,
    /// Counts changes of parameters.
    pub generation: u64,
    /// Further facts by name.
    pub properties: Vec<(String, String)>,
}

/// What an entry of a listing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// Can be opened as a table.
    Table,
    /// Contains further entries.
    Folder,
    /// A table that the connector makes up.
    System,
    /// Exists, but cannot be opened as a table.
    Other,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// The name that opens it; for a folder its path.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// The object's size in bytes.
    pub bytes: Option<u64>,
    /// When it last changed.
    pub modified: Option<SystemTime>,
    /// What the table holds, for system tables.
    pub doc: Option<String>,
}

/// Which entries a listing shall hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ListScope {
    /// Tables only.
    #[default]
    Tables,
    /// Folders only.
    Folders,
    /// Everything there is.
    All,
}

/// A request for a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListRequest {
    /// Only entries whose name starts so; a `/` at the end names a folder.
    pub prefix: Option<String>,
    /// Which entries.
    pub scope: ListScope,
    /// With true everything below the prefix, else one level.
    pub recursive: bool,
    /// At most so many entries a page; the connector may return fewer.
    pub limit: Option<u32>,
}
