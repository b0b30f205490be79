//! The contract's records as plain types; described one by one in `wit/`.
#![expect(missing_docs, reason = "each is described in wit/datasource.wit")]

use crate::error::Actor;
use crate::ports::TimestampMs;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    Exact,
    Estimate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub value: u64,
    pub precision: Precision,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Boolean(bool),
    Int64(i64),
    Uint64(u64),
    Float64(f64),
    Utf8(String),
    Binary(Vec<u8>),
    Date32(i32),
    Time64Us(i64),
    TimestampUs(i64),
    Decimal(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Eq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Like,
    NotLike,
    Ilike,
    NotIlike,
    InList,
    NotInList,
    IsNull,
    IsNotNull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    Exact,
    Inexact,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFilterSupport {
    pub column: u32,
    pub operators: Vec<(Operator, Support)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Predicate {
    pub column: u32,
    pub operator: Operator,
    pub values: Vec<Literal>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scan {
    pub projection: Option<Vec<u32>>,
    pub filters: Vec<Predicate>,
    pub limit: Option<u64>,
    pub wished_splits: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub token: Vec<u8>,
    pub rows: Option<Count>,
    pub bytes: Option<Count>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPlan {
    pub schema: Vec<u8>,
    pub splits: Vec<Split>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Vec<u8>,
    pub ends_message: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanMetrics {
    pub requests: u64,
    pub bytes: u64,
    pub retries: u64,
    pub throttled: u64,
    pub rows: u64,
    pub nulled_cells: u64,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    pub rows: Option<Count>,
    pub bytes: Option<Count>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    Table,
    Folder,
    System,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    pub name: String,
    pub kind: TableKind,
    pub bytes: Option<u64>,
    pub modified: Option<TimestampMs>,
    pub doc: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListScope {
    Tables,
    Folders,
    All,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ListRequest {
    pub prefix: Option<String>,
    pub scope: ListScope,
    pub recursive: bool,
    pub page: Option<String>,
    pub limit: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TablePage {
    pub entries: Vec<TableInfo>,
    pub next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    Ready,
    PendingAuthorization,
    AuthRequired,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInMethod {
    Code { redirect_uri: String },
    Device,
    AdminConsent { redirect_uri: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSignIn {
    pub id: String,
    pub url: String,
    pub user_code: Option<String>,
    pub expires_at: TimestampMs,
    pub poll_interval_ms: Option<u32>,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInAnswer {
    Redirect(Vec<(String, String)>),
    Poll,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInOutcome {
    Pending(PendingSignIn),
    Done,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunState {
    #[default]
    Working,
    Current,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub state: RunState,
    pub run_id: String,
    pub items: u64,
    pub items_expected: Option<u64>,
    pub requests: u64,
    pub added: u64,
    pub modified: u64,
    pub deleted: u64,
    pub errors: u64,
    pub throttled: u64,
}

impl Progress {
    /// Where each listing asks for everything, nothing is ever behind.
    #[must_use]
    pub fn nothing_to_follow() -> Self {
        Self { state: RunState::Current, ..Self::default() }
    }

    /// Counts in what another run did; which run it was, and its items, stay those of this one.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.added += other.added;
        self.modified += other.modified;
        self.deleted += other.deleted;
        self.errors += other.errors;
        self.throttled += other.throttled;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Modified,
    Moved,
    Deleted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemChange {
    pub kind: ChangeKind,
    pub id: String,
    pub path: Option<String>,
    pub previous_path: Option<String>,
    pub folder: bool,
    pub bytes: Option<u64>,
    pub modified: Option<TimestampMs>,
    pub content_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    pub changes: Vec<ItemChange>,
    pub cursor: String,
    pub more: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingState {
    Ok,
    Warning,
    Failed,
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub check: &'static str,
    pub state: FindingState,
    pub evidence: String,
    pub actor: Option<Actor>,
    pub hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityInfo {
    pub id: String,
    pub display_name: Option<String>,
    pub email: Option<String>,
    pub directory: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    pub connection_id: String,
    pub state: ConnectionState,
    pub identity: Option<IdentityInfo>,
    pub root_id: Option<String>,
    pub scopes: Vec<String>,
    pub expires_at: Option<TimestampMs>,
    pub created_at: TimestampMs,
    pub updated_at: TimestampMs,
    pub generation: u64,
    pub properties: Vec<(String, String)>,
}

/// A number that is so.
#[must_use]
pub fn exact(value: u64) -> Count {
    Count { value, precision: Precision::Exact }
}

/// A number that may be somewhat off.
#[must_use]
pub fn estimate(value: u64) -> Count {
    Count { value, precision: Precision::Estimate }
}
