//! Starting and stopping an emulator inside a process.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::profile::Profile;
use crate::ready::{Ready, ReadyFile};
use crate::state::{StateDir, StateError};
use crate::tls::{self, CertificateAuthority};
use crate::world::World;
use crate::{control, hosts};

/// Changes of items reach the disk at most this late; their identifiers survive a crash anyway.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// What the account's drive is filled with.
#[derive(Clone, Debug)]
pub enum Seed {
    /// A folder on disk; changes made to it are seen at once.
    Folder(PathBuf),
    /// So many generated items, of which each file has so many rows.
    Synthetic {
        /// Files and folders, at most [`MAX_ITEMS`](crate::MAX_ITEMS).
        items: u64,
        /// Rows of each file, 64 bytes each, at most [`MAX_ROWS`](crate::MAX_ROWS).
        rows: u64,
    },
    /// Nothing: clients fill it.
    Nothing,
}

/// What an emulator serves, and where.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the account's drive is filled with.
    pub seed: Seed,
    /// Makes identifiers and every other choice the same in each run; without one they differ.
    pub random_seed: Option<String>,
    /// The kind of account that the ready file tells of.
    pub profile: Profile,
    /// Where to accept TLS and CONNECT; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where to offer the control API: a loopback address; port 0 picks a free one.
    pub control: SocketAddr,
    /// The directory that keeps the CA, the account, tokens and identifiers.
    pub state: PathBuf,
    /// Where to write the [`Ready`] file, if anywhere.
    pub ready_file: Option<PathBuf>,
}

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The state directory or the ready file cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The drive's folder cannot be read.
    #[error("cannot read the drive folder {}: {source}", path.display())]
    Drive {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Whoever reaches the control API holds the account: it is for this machine only.
    #[error("the control address {0} is not a loopback address: use 127.0.0.1")]
    ControlNotLoopback(SocketAddr),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Starts emulators.
pub struct Emulator;

impl Emulator {
    /// Starts one; when this returns, it accepts connections. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When a folder, file or address cannot be used; nothing keeps running then.
    pub async fn start(config: Config) -> Result<Running, StartError> {
        if !config.control.ip().is_loopback() {
            return Err(StartError::ControlNotLoopback(config.control));
        }
        let state = StateDir::open(&config.state)?;
        let authority = Arc::new(CertificateAuthority::open(&state)?);
        let ca = state.path().join(tls::CA_FILE);
        let random_seed = config.random_seed.as_deref();
        let world = Arc::new(World::open(state, config.profile, &config.seed, random_seed)?);
        let listener = bind(config.listen).await?;
        let control_listener = bind(config.control).await?;
        let address = |listener: &TcpListener, asked| {
            listener.local_addr().map_err(|source| StartError::Listen { address: asked, source })
        };
        let listen = address(&listener, config.listen)?;
        let control = address(&control_listener, config.control)?;

        let ready = ready(&world, listen, control, ca)?;
        world.save()?;
        let acceptor = tls::acceptor(Arc::clone(&authority))?;
        let ready_file =
            config.ready_file.map(|path| ReadyFile::write(&path, &ready)).transpose()?;
        let tasks = vec![
            tokio::spawn(tls::serve(listener, acceptor, Arc::clone(&world))),
            tokio::spawn(control::serve(control_listener, Arc::clone(&world))),
            tokio::spawn(keep_saving(Arc::clone(&world))),
        ];
        Ok(Running { ready, ca_pem: authority.pem().to_owned(), world, tasks, _file: ready_file })
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn ready(
    world: &World,
    listen: SocketAddr,
    control: SocketAddr,
    ca: PathBuf,
) -> Result<Ready, StateError> {
    let primary = &world.primary;
    let missing = || StateError::Damaged {
        path: ca.with_file_name("state.json"),
        reason: "its account is missing".to_owned(),
    };
    let tokens = world.mint(primary.user, primary.client_id).ok_or_else(missing)?;
    let user = world.primary_user().ok_or_else(missing)?;
    Ok(Ready {
        listen,
        control,
        hosts: hosts::patterns(),
        ca,
        tenant_id: user.directory.to_string(),
        client_id: primary.client_id.to_string(),
        client_secret: world.primary_secret(),
        account_id: user.id,
        drive_id: primary.drive.clone(),
        access_token: tokens.access_token,
        refresh_token: tokens.refresh_token.unwrap_or_default(),
        expires_at: tokens.expires_at,
    })
}

async fn keep_saving(world: Arc<World>) {
    loop {
        tokio::time::sleep(SAVE_EVERY).await;
        let world = Arc::clone(&world);
        // A full disk now may have room again in a second; the last attempt is made by `stop`.
        let _ = tokio::task::spawn_blocking(move || world.save_items()).await;
    }
}

/// A running emulator. Dropping it stops it too, but without a last word about the items.
pub struct Running {
    ready: Ready,
    ca_pem: String,
    world: Arc<World>,
    tasks: Vec<JoinHandle<()>>,
    _file: Option<ReadyFile>,
}

impl Running {
    /// How to reach it and who to be there.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The CA certificate to trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Files and folders on disk that are not in the drive: OneDrive forbids their names, or they
    /// differ from another only in case.
    pub fn left_out(&self) -> Vec<PathBuf> {
        self.world.drives.all().iter().flat_map(|drive| drive.left_out()).collect()
    }

    /// Ends all connections, writes the state and removes the ready file.
    ///
    /// # Errors
    ///
    /// When the state cannot be written.
    pub async fn stop(mut self) -> Result<(), StateError> {
        for task in self.tasks.drain(..) {
            task.abort();
            // Ended by the abort, as it should.
            let _ = task.await;
        }
        let world = Arc::clone(&self.world);
        let saved = tokio::task::spawn_blocking(move || {
            world.save()?;
            world.save_items()
        });
        saved.await.unwrap_or(Ok(()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
