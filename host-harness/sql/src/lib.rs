//! SQL over datasource connections.
//!
//! A [`Session`] takes one statement at a time. Statements about databases (`CREATE DATABASE …
//! PARAMETERS = {…}` and its relatives) are read by our own layer from the raw text, since JSON does
//! not survive a SQL tokenizer; everything else is a query and goes to DataFusion, in which every
//! database is a schema and every file a table:
//!
//! - a script is split into [`statements`], and a statement is shown to people only
//!   [`redacted`];
//! - for a query the tables that it names are opened, its columns are matched to the headers without
//!   regard to case, and a catalog that lives as long as the statement hands them to the planner;
//! - a table weighs filters while DataFusion plans, lets the connector plan the scan, and runs one
//!   partition for each split; dropping the rows drops the readers and their guests.
//!
//! A database that waits for somebody to sign in answers with a row that says where
//! ([`SignInDesk`]). The database `system` is the host's own: `system.health` tells what the
//! background check found.
//!
//! Errors are [`SqlError`]: a sentence, a hint, and who can act. What a connector reports arrives
//! unchanged through all layers of DataFusion.
//!
//! ```no_run
//! use datasource_runtime::{Approval, Runtime, RuntimeOptions, TenantId};
//! use datasource_sql::{Answer, Session};
//! use futures_util::TryStreamExt;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new(RuntimeOptions::new("state".into()))?;
//! runtime.load(&std::fs::read("connector.wasm")?, Approval::none().profile("global")).await?;
//! let session = Session::new(runtime, TenantId::default())?;
//! session.execute(r#"CREATE DATABASE d ENGINE = 'x', PARAMETERS = {"token": "…"}"#).await?;
//! if let Answer::Rows { stream, .. } = session.execute("SELECT * FROM d.`a/b.csv`").await? {
//!     let batches: Vec<_> = stream.try_collect().await?;
//!     println!("{} batches", batches.len());
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod catalog;
mod cooperation;
mod definition;
mod environment;
mod error;
mod explanation;
mod filters;
mod listing;
mod naming;
mod nearest;
mod query;
mod refresh;
mod refusal;
mod scan_exec;
mod scan_log;
mod session;
mod sign_in;
mod spelling;
mod statement;
mod statistics;
mod system;
mod table_provider;

pub use answer::{Answer, RowStream, ScanWatch};
pub use environment::Environment;
pub use error::{SqlError, identifier};
pub use listing::NEVER_CUT;
pub use session::Session;
pub use sign_in::{Callback, SignInDesk, SignInWay};
pub use statement::{
    End, Fault, MASK, Parameters, ScriptStatement, Slip, Statement, Statements, Unclosed,
    clause_after_semicolon, redacted, statements,
};
