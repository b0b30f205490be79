//! Whole-system tests: the shipped binaries and the shipped component against
//! the emulator, over TLS, as a user would run them.
//!
//! [`Stage`] is one test's world: an emulator with a drive and a state
//! directory of the host. The tests themselves stand in `tests/`, by what they
//! promise: `queries`, `formats`, `parquet`, `statements`, `prompt`, `credentials`, `sign_in`,
//! `application`, `reach`, `connections`, `catalogue`, `doctor`, `mistakes`, `troubleshooting`, `secrets`,
//! `surface`, `demo`; `accounts`, `listed` and `readme` hold the documents to what they say.
//!
//! ```no_run
//! use datasource_e2e::{Profile, Stage};
//!
//! let stage = Stage::new(Profile::Business);
//! stage.create("drive").succeeds();
//! let rows = stage.sql("SELECT name FROM drive.files LIMIT 1").rows();
//! assert_eq!(rows.len(), 1);
//! ```

#![expect(clippy::missing_panics_doc, reason = "a test's world panics where anything is amiss")]
#![expect(clippy::unwrap_used, reason = "a test's world panics where anything is amiss")]

mod sign_in;
mod stage;

pub use graph_emulator_control::{Body, Control, Fault, Marks, Request, Step, UserChanges};
pub use sign_in::{SigningIn, visit};
pub use stage::{Answer, Profile, Stage, dist, real_drive};
