//! What can go wrong in the host, by the decision it leaves to the caller.

use std::path::PathBuf;
use std::time::Duration;

use crate::contract::{Actor, ConnectorError};

/// An error of the runtime: one sentence, who can mend it ([`RuntimeError::actor`]) and how
/// ([`RuntimeError::hint`]). No variant holds a parameter's value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The connector reported an error.
    #[error("{0}")]
    Connector(Box<ConnectorError>),

    /// The bytes are no WebAssembly component.
    #[error("This is not a WebAssembly component: {reason}.")]
    NotAComponent {
        /// What the bytes are instead.
        reason: String,
    },

    /// The component wants something that this host does not offer.
    #[error("The component imports `{import}`, which this host does not offer.")]
    ImportRefused {
        /// The import's name, with what is missing in it where that is known.
        import: String,
    },

    /// The component does not export what a connector exports.
    #[error("The component does not export `{export}`, so it is not a connector.")]
    ExportMissing {
        /// The name of the missing export.
        export: String,
    },

    /// The component's hash is not the one that the operator approved.
    #[error("The component's SHA-256 is {actual}, but {expected} was approved.")]
    PinMismatch {
        /// The approved hash in hexadecimal.
        expected: String,
        /// The hash of the bytes given.
        actual: String,
    },

    /// Another component with the same engine name is loaded already.
    #[error("Another component is already loaded as engine `{engine}`.")]
    EngineTaken {
        /// The engine's name.
        engine: String,
    },

    /// An egress profile is unknown to the connector or not approved by the operator.
    #[error("The egress profile `{profile}` is not approved for engine `{engine}`.")]
    ProfileNotApproved {
        /// The engine's name.
        engine: String,
        /// The profile asked for.
        profile: String,
        /// The profiles that are approved.
        approved: Vec<String>,
    },

    /// No component is loaded under that engine name.
    #[error("There is no engine `{engine}`.")]
    NoSuchEngine {
        /// The name asked for.
        engine: String,
        /// The engines there are.
        available: Vec<String>,
    },

    /// The connector leaves out an interface of the contract.
    #[error("The engine `{engine}` does not offer {interface}.")]
    NotOffered {
        /// The engine's name.
        engine: String,
        /// The interface.
        interface: &'static str,
    },

    /// An answer to a sign-in that was not begun here, or that is over.
    #[error(
        "No sign-in waits for this answer: it was answered before, took too long, or was begun elsewhere."
    )]
    NoSuchSignIn,

    /// There is no database of that name.
    #[error("There is no database `{name}`.")]
    NoSuchDatabase {
        /// The name asked for.
        name: String,
    },

    /// A database of that name exists.
    #[error("The database `{name}` exists already.")]
    DatabaseExists {
        /// The name of the present database.
        name: String,
    },

    /// A name of a tenant or a database breaks the rules for names.
    #[error("The {what} name is not valid: {reason}.")]
    InvalidName {
        /// `tenant` or `database`.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// Parameters are not a JSON object.
    #[error("The parameters are not valid: {reason}.")]
    InvalidParams {
        /// What is wrong, without any value.
        reason: String,
    },

    /// A call asks for something that the table does not have.
    #[error("The request is not valid: {reason}.")]
    InvalidRequest {
        /// What is wrong.
        reason: String,
    },

    /// The guest trapped; its instance is gone, the host is unharmed.
    #[error("The connector crashed in `{call}`: {reason}.")]
    Trap {
        /// The function of the contract.
        call: &'static str,
        /// The engine's words.
        reason: String,
    },

    /// The guest wanted more memory than it may have, and crashed for it.
    #[error("The connector needed more than {} MiB of memory in `{call}`.", limit >> 20)]
    MemoryLimit {
        /// The function of the contract.
        call: &'static str,
        /// The limit in bytes.
        limit: usize,
    },

    /// The guest used more processor time than one call may.
    #[error("The connector used more than {} s of processor time in `{call}`.", budget.as_secs_f32())]
    CpuLimit {
        /// The function of the contract.
        call: &'static str,
        /// The limit.
        budget: Duration,
    },

    /// A call took longer than it may, or the caller's deadline passed.
    #[error("The connector did not finish `{call}` within {} s.", limit.as_secs_f32())]
    Deadline {
        /// The function of the contract.
        call: &'static str,
        /// The time it had.
        limit: Duration,
    },

    /// All instances were in use for too long.
    #[error("All {instances} connector instances were busy for {} s.", waited.as_secs_f32())]
    Busy {
        /// The number of instances there may be.
        instances: u32,
        /// How long the call waited.
        waited: Duration,
    },

    /// The guest returned something that the contract does not allow.
    #[error("The connector broke the contract in `{call}`: {what}.")]
    Contract {
        /// The function of the contract.
        call: &'static str,
        /// The rule that was broken.
        what: String,
    },

    /// The store of databases and buckets failed.
    #[error("{0}")]
    Store(#[from] StoreError),

    /// The runtime could not be set up.
    #[error("The runtime cannot start: {reason}.")]
    Setup {
        /// What failed.
        reason: String,
    },
}

/// What can go wrong in the store of databases and buckets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or directory cannot be used.
    #[error("The state directory cannot be used: {action} {} failed: {source}.", path.display())]
    Io {
        /// What was tried, such as `reading`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },

    /// Others than the owner may use a file that must be private.
    #[error("{} may be used by others (mode {mode:04o}).", path.display())]
    NotPrivate {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// The master key's file has the wrong size.
    #[error("{} does not hold a master key.", path.display())]
    MasterKeyMalformed {
        /// The file.
        path: PathBuf,
    },

    /// The database is sealed, but the master key's file is gone.
    #[error("The master key {} is missing, but the state directory holds sealed databases.", path.display())]
    MasterKeyMissing {
        /// The file that should be there.
        path: PathBuf,
    },

    /// The database was sealed with another master key.
    #[error("The master key {} does not fit the databases in the state directory.", path.display())]
    MasterKeyMismatch {
        /// The file.
        path: PathBuf,
    },

    /// A sealed value does not open: the file was changed by something else.
    #[error("A sealed value in the state directory was changed or moved.")]
    Damaged,

    /// The database file was written by another version.
    #[error("The state directory has format {found}, this host reads format {expected}.")]
    Format {
        /// The format found.
        found: i64,
        /// The format that this version writes.
        expected: i64,
    },

    /// The bucket was deleted, for instance by a DROP in another process.
    #[error("The database was dropped meanwhile.")]
    Gone,

    /// A write would exceed a limit of the bucket.
    #[error("store-full: {what} is at most {limit}.")]
    Full {
        /// What is limited.
        what: &'static str,
        /// The limit.
        limit: u64,
    },

    /// SQLite failed.
    #[error("The state database failed: {0}.")]
    Sqlite(#[from] rusqlite::Error),
}

impl RuntimeError {
    /// Who can mend it.
    pub fn actor(&self) -> Actor {
        match self {
            Self::Connector(error) => error.actor,
            Self::NotAComponent { .. }
            | Self::ImportRefused { .. }
            | Self::ExportMissing { .. }
            | Self::PinMismatch { .. }
            | Self::EngineTaken { .. }
            | Self::ProfileNotApproved { .. }
            | Self::Store(_)
            | Self::Setup { .. } => Actor::HostOperator,
            Self::NoSuchEngine { .. }
            | Self::NoSuchDatabase { .. }
            | Self::NoSuchSignIn
            | Self::DatabaseExists { .. }
            | Self::InvalidName { .. }
            | Self::InvalidParams { .. }
            | Self::InvalidRequest { .. } => Actor::Caller,
            Self::Trap { .. }
            | Self::Contract { .. }
            | Self::CpuLimit { .. }
            | Self::NotOffered { .. } => Actor::ConnectorAuthor,
            Self::MemoryLimit { .. } => Actor::HostOperator,
            Self::Deadline { .. } | Self::Busy { .. } => Actor::Nobody,
        }
    }

    /// What that actor should do.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Connector(error) => return error.hint.clone(),
            Self::ProfileNotApproved { approved, .. } if !approved.is_empty() => {
                return Some(format!("Approved profiles are: {}.", approved.join(", ")));
            }
            Self::NoSuchEngine { available, .. } if !available.is_empty() => {
                return Some(format!("Engines are: {}.", available.join(", ")));
            }
            Self::Store(error) => return error.hint(),
            Self::NotAComponent { .. } => {
                "Give the path of a connector's component, such as the `.wasm` file of a release."
            }
            Self::ImportRefused { .. } => {
                "A connector may import wasi:http, wasi:io, wasi:clocks, wasi:random and \
                 wasi:keyvalue only; ask its author for a build without the rest."
            }
            Self::ExportMissing { .. } => {
                "Check that the file is a connector and that it was built for this version of the \
                 contract."
            }
            Self::PinMismatch { .. } => {
                "Take the approved file, or look at what changed and approve the new hash."
            }
            Self::EngineTaken { .. } => "Load one component for each engine.",
            Self::ProfileNotApproved { .. } => "Approve one of the connector's egress profiles.",
            Self::NoSuchEngine { .. } => "Load a component first.",
            Self::NotOffered { .. } => return None,
            Self::NoSuchSignIn => {
                "Begin the sign-in again, and open its link while the program that gave it runs."
            }
            Self::NoSuchDatabase { .. } => "SHOW DATABASES lists the databases there are.",
            Self::DatabaseExists { .. } => {
                "Choose another name, or use IF NOT EXISTS or OR REPLACE."
            }
            Self::InvalidName { .. } | Self::InvalidRequest { .. } => return None,
            Self::InvalidParams { .. } => "Give the parameters as one JSON object.",
            Self::Trap { .. } | Self::Contract { .. } => {
                "Report it to the connector's author with the statement that led to it."
            }
            Self::MemoryLimit { .. } => "Raise the memory limit, or ask for fewer columns or rows.",
            Self::CpuLimit { .. } => "Ask for less data at once, or raise the limit.",
            Self::Deadline { .. } => "Try again; if it stays slow, ask for less data at once.",
            Self::Busy { .. } => "Try again later, or raise the number of instances.",
            Self::Setup { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// A breach of the contract in one of its functions.
    pub(crate) fn contract(call: &'static str, what: impl Into<String>) -> Self {
        Self::Contract { call, what: what.into() }
    }
}

impl From<ConnectorError> for RuntimeError {
    fn from(error: ConnectorError) -> Self {
        Self::Connector(Box::new(error))
    }
}

impl StoreError {
    /// What the host's operator should do.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { .. } => "Check that the path exists and that this user may write there.",
            Self::NotPrivate { path, .. } => {
                return Some(format!("Run `chmod go-rwx {}`.", path.display()));
            }
            Self::MasterKeyMalformed { .. } | Self::MasterKeyMissing { .. } => {
                "Restore the master key from a backup; without it the databases have to be \
                 created again in a new state directory."
            }
            Self::MasterKeyMismatch { .. } => {
                "Put back the master key that belongs to this state directory."
            }
            Self::Damaged => {
                "Restore the state directory from a backup, or create the database again."
            }
            Self::Format { .. } => "Use the version of the host that wrote it.",
            Self::Gone => "Create it again.",
            Self::Full { .. } => "Drop what is not needed, or raise the limit.",
            Self::Sqlite(_) => "Check free space and permissions of the state directory.",
        };
        Some(text.to_owned())
    }

    /// For `map_err` on file operations.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
