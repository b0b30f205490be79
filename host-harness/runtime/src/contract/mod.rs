//! The contract's records and enums as plain Rust, and the checks that what a guest returns must
//! pass to become one of them.

mod authorization;
mod check;
mod check_authorization;
mod check_scan;
mod check_sync;
mod connection;
mod description;
mod fault;
mod message;
mod scan;
mod schema;
mod sync;

pub use authorization::{
    Finding, FindingState, PendingSignIn, SignInAnswer, SignInMethod, SignInOutcome,
};
pub(crate) use check::{Checker, list_request};
pub(crate) use check_authorization::{sign_in_answer, sign_in_method};
pub(crate) use check_scan::scan as scan_request;
pub use connection::{
    ConnectionInfo, ConnectionState, Identity, ListRequest, ListScope, TableInfo, TableKind,
};
pub use description::{Description, EgressProfile, EgressRule, Parameter, ReadOption, ValueType};
pub use fault::{Actor, ConnectorError, ErrorKind};
pub(crate) use message::{Assembler, decode as decode_message};
pub use scan::{
    ColumnFilterSupport, ColumnStatistics, Count, Literal, Operator, Precision, Predicate, Scan,
    ScanMetrics, ScanPlan, Split, Statistics, Support,
};
pub use sync::{Change, ChangeKind, ChangePage, Progress};
