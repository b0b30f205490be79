//! Keeping a connector's catalogue current, and what changed.

use std::time::SystemTime;

/// What one run of the sync has done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the catalogue is current; otherwise the run goes on.
    pub current: bool,
    /// Identifies the run in the connector's statistics.
    pub run_id: String,
    /// Items looked at.
    pub items: u64,
    /// A guess at the number of items of the whole run.
    pub items_expected: Option<u64>,
    /// Requests sent.
    pub requests: u64,
    /// Items that were not there before.
    pub added: u64,
    /// Items that have other content or another place.
    pub modified: u64,
    /// Items that are gone.
    pub deleted: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Answers that asked to slow down.
    pub throttled: u64,
}

/// How an item changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// It has other content or metadata.
    Modified,
    /// It has another name or is in another folder.
    Moved,
    /// It is gone.
    Deleted,
}

/// One item's change since a cursor: its latest state, not each step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How it changed.
    pub kind: ChangeKind,
    /// The service's identifier, stable over renames.
    pub id: String,
    /// Where it is; where it was, if it is gone.
    pub path: Option<String>,
    /// Where it was, if it was moved.
    pub previous_path: Option<String>,
    /// Whether it holds other items.
    pub folder: bool,
    /// Its size.
    pub bytes: Option<u64>,
    /// When it was changed last.
    pub modified: Option<SystemTime>,
    /// Changes with the content.
    pub content_version: Option<String>,
}

/// Changes, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// One for each item that changed.
    pub changes: Vec<Change>,
    /// What the next call takes.
    pub cursor: String,
    /// Whether the next call returns more without waiting.
    pub more: bool,
}
