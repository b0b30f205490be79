//! OneDrive as a datasource, against four ports and without WASI or WIT.
//!
//! A [`Connection`] is made from parameters ([`Connection::connect`]) or taken
//! up from the store ([`Connection::resume`]). It lists tables, opens one by
//! name ([`Connection::read_table`]), plans a scan into splits
//! ([`Table::plan`]), and opens a split as a [`Reader`] of Arrow IPC pieces.
//! All it knows of the world are the four traits of [`ports`], so the same
//! code runs in a component and natively.
//!
//! Inside, data flows one way: `connection` uses `opening` and `tables`, these use `walk`
//! and `download`, these use `graph`, and that uses `sender`, the one place
//! that sends. `credential` gives `graph` its bearer; `record` is what is kept
//! in the store.
//!
//! ```no_run
//! # async fn example(ports: std::rc::Rc<onedrive_core::ports::Ports>) -> onedrive_core::Result<()> {
//! use std::rc::Rc;
//! use onedrive_core::{Connection, contract::Scan};
//!
//! let params = r#"{"access_token": "…", "tenant_id": "common"}"#;
//! let connection = Rc::new(Connection::connect(ports, params).await?);
//! let table = connection.read_table("reports/q3.csv", &[]).await?;
//! let plan = table.plan(&Scan { wished_splits: 1, ..Scan::default() })?;
//! for split in &plan.splits {
//!     let mut reader = connection.open_split(&split.token, None)?;
//!     while let Some(piece) = reader.next().await? {
//!         println!("{} bytes of Arrow IPC", piece.bytes.len());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod cache;
mod catalogue;
mod cloud;
mod connection;
pub mod contract;
mod credential;
pub mod describe;
mod diagnosis;
mod digest;
mod download;
mod entries;
mod error;
mod file_type;
mod filter;
mod glob;
mod graph;
mod ipc;
mod item;
mod lease;
mod listing;
mod opening;
mod owners;
mod params;
mod path;
pub mod ports;
mod reach;
mod record;
mod secret;
mod sender;
mod sign_in;
mod split;
mod sync;
mod table_name;
mod tables;
pub mod url;
mod verification;
mod walk;

pub use crate::cloud::Cloud;
pub use crate::connection::Connection;
pub use crate::error::{Actor, Error, ErrorKind, Result};
pub use crate::tables::{Reader, Table};
