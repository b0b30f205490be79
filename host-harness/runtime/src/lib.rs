//! Runs datasource connectors: WebAssembly components that make a remote service readable as
//! tables, and that can do nothing but what the host hands them.
//!
//! A [`Runtime`] holds one engine, one state directory and one HTTP client for each tenant.
//! [`Runtime::load`] takes a component in: its imports are compared with what the contract's world
//! offers, it is compiled once for the machine, and it says what it is ([`Description`]).
//! [`Runtime::create_database`] connects and keeps the connection in a sealed bucket under a name;
//! from then on any process on the same state directory opens it as a [`Database`], lists it, and
//! reads a [`Table`]: [`Table::plan`] cuts a scan into splits, [`Table::open`] makes a [`Reader`],
//! a stream of record batches.
//!
//! The host distrusts the guest. Its memory, time, handles and requests are limited ([`Limits`]);
//! it reaches the hosts of the egress profile that the operator approved ([`Approval`]) and no
//! others; what it returns is checked for size and shape before anybody sees it. A guest that
//! traps or runs out of something costs its instance and gives a [`RuntimeError`].
//!
//! How the parts fit: `inspect`, `cache` and `linked` feed `connector`; `engine` offers the imports, of which
//! `clock`, `random` and `keyvalue` are ours and `wasi:http` ends in `egress`; `instance` is the
//! only place that calls into a guest; `contract` is what goes in and what may come out; `store`
//! keeps what outlives a process. `sign_in` and `sign_ins` are how people sign in, `installation`
//! what an administrator sets up for many, `health` what was found when connections were looked at.
//!
//! ```no_run
//! use datasource_runtime::{Approval, CreateMode, Created, Runtime, RuntimeOptions, Scan, TenantId};
//! use futures_util::TryStreamExt as _;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new(RuntimeOptions::new("state".into()))?;
//! let connector =
//!     runtime.load(&std::fs::read("connector.wasm")?, Approval::none().profile("global")).await?;
//!
//! let tenant = TenantId::default();
//! let params = r#"{"access_token": "…"}"#;
//! let created = runtime
//!     .create_database(&tenant, "drive", connector.engine(), params, CreateMode::New)
//!     .await?;
//! let (Created::Created(database) | Created::Existed(database)) = created;
//!
//! let table = database.read_table("folder/file.csv", &[]).await?;
//! let plan = table.plan(Scan { limit: Some(10), ..Scan::default() }).await?;
//! for split in &plan.splits {
//!     let mut rows = table.open(plan.schema.clone(), split, None).await?;
//!     while let Some(batch) = rows.try_next().await? {
//!         println!("{} rows", batch.num_rows());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod bindings;
mod cache;
mod clock;
mod connector;
mod contract;
mod database;
mod egress;
mod engine;
mod error;
mod health;
mod inspect;
mod installation;
mod instance;
mod keyvalue;
mod limits;
mod linked;
mod options;
mod params;
mod random;
mod reader;
mod runtime;
mod sign_in;
mod sign_ins;
mod store;
mod sync;
mod table;
mod tenant;

pub use clock::{Clock, SystemClock};
pub use connector::Connector;
pub use contract::{
    Actor, Change, ChangeKind, ChangePage, ColumnFilterSupport, ColumnStatistics, ConnectionInfo,
    ConnectionState, ConnectorError, Count, Description, EgressProfile, EgressRule, ErrorKind,
    Finding, FindingState, Identity, ListRequest, ListScope, Literal, Operator, Parameter,
    PendingSignIn, Precision, Predicate, Progress, ReadOption, Scan, ScanMetrics, ScanPlan,
    SignInAnswer, SignInMethod, SignInOutcome, Split, Statistics, Support, TableInfo, TableKind,
    ValueType,
};
pub use database::{Database, Listing};
pub use egress::EndpointMap;
pub use error::{RuntimeError, StoreError};
pub use health::Health;
pub use inspect::{Inspection, inspect};
pub use limits::Limits;
pub use options::{Approval, CreateMode, RuntimeOptions};
pub use reader::Reader;
pub use runtime::{Created, DatabaseEntry, Preparing, Runtime};
pub use sign_ins::{Settled, SignIns};
pub use sync::{Changes, EVERYTHING};
pub use table::Table;
pub use tenant::TenantId;

/// Bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
