//! An emulator of Microsoft Graph (OneDrive) and Microsoft Entra ID that runs on one machine and
//! needs no network.
//!
//! A folder on disk becomes the drive of one account, business or personal. Clients reach the
//! emulator under Microsoft's own host names: one TLS listener presents a certificate for whatever
//! Microsoft name is asked for, issued by a CA of its own, so a client needs only a name map (or
//! an HTTP proxy) and one more trusted root. What a strict server refuses, it refuses; what it was
//! asked, it can tell afterwards.
//!
//! ```text
//!            TLS listener (or CONNECT, then TLS)            control port (loopback)
//!                       |                                            |
//!   service: host name -> journal, faults                            |
//!        |              |                |                           |
//!      entra          graph           download  ----- world ----- control
//!   (tokens)    (drives, items)   (bytes, Range)   clock, journal, faults,
//!                       \              /           tokens, drive, state
//!                        drive (a folder on disk)
//! ```
//!
//! - `tls` issues certificates and accepts connections; `service` sends each request to the part
//!   that owns its host name and keeps the journal.
//! - `entra` is the token endpoint, `graph` the API, `download` the hosts behind pre-authenticated
//!   URLs, `drive` the folder seen as items with identifiers, tags and hashes.
//! - `control` is the door for tests: the clock, the journal, tokens and faults.
//! - `world` holds what they share and keeps it in the state directory, so that a restart continues.
//!
//! Where documented and recorded behaviour differ, recorded behaviour wins. The crate shares no
//! type with any client: a wrong belief held by both would never be noticed.
//!
//! ```no_run
//! use graph_emulator::{Config, Emulator, Profile, Seed};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start(Config {
//!     seed: Seed::Folder("my-files".into()),
//!     random_seed: None,
//!     profile: Profile::Business,
//!     listen: "127.0.0.1:0".parse()?,
//!     control: "127.0.0.1:0".parse()?,
//!     state: "emulator-state".into(),
//!     ready_file: None,
//! })
//! .await?;
//! println!("resolve graph.microsoft.com to {}", emulator.ready().listen);
//! emulator.stop().await?;
//! # Ok(())
//! # }
//! ```

pub use drive::{MAX_ITEMS, MAX_ROWS};
pub use emulator::{Config, Emulator, Running, Seed, StartError};
pub use profile::Profile;
pub use ready::Ready;
pub use state::StateError;

mod body;
mod clock;
mod cloud;
mod control;
mod download;
mod drive;
mod emulator;
mod entra;
mod faults;
mod graph;
mod guid;
mod hosts;
mod journal;
mod network;
mod population;
mod preconditions;
mod profile;
mod random;
mod ready;
mod service;
mod state;
mod throttle;
mod tls;
mod variants;
mod world;
