//! What outlives a process: the registry of databases and the sealed buckets of their connections,
//! in one state directory that several processes share.

mod bucket;
mod master_key;
mod registry;
mod seal;
mod sqlite;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub(crate) use bucket::{Bucket, BucketLimits, Swapped};
pub(crate) use master_key::{private_dir, require_private};
pub(crate) use registry::{Commit, Registered};
use rusqlite::OptionalExtension as _;
pub(crate) use seal::random;
use seal::{Context, SecretKey};
use sqlite::Sqlite;

use crate::error::StoreError;
use crate::tenant::TenantId;

/// Names a bucket; drawn at random, so it tells nothing and never comes again.
pub(crate) type BucketId = [u8; 16];

/// The names under which a guest finds its buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    /// The connection's own.
    Connection,
    /// What an administrator set up for many connections.
    Installation,
    /// Throttling hints that connections of one application share.
    Pause,
}

impl Label {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Installation => "installation",
            Self::Pause => "pause",
        }
    }
}

/// The open state directory.
#[derive(Clone)]
pub(crate) struct Store {
    sqlite: Sqlite,
    keys: Arc<Keys>,
    limits: BucketLimits,
}

/// The master key and the salt that goes with this state directory.
struct Keys {
    master: SecretKey,
    salt: Vec<u8>,
}

impl Store {
    /// Opens the state directory, or makes it; removes what killed processes left half made.
    pub(crate) fn open(state_dir: &Path, limits: BucketLimits) -> Result<Self, StoreError> {
        private_dir(state_dir)?;
        let sqlite = Sqlite::open(state_dir)?;
        let keys = Keys::open(state_dir, &sqlite)?;
        let store = Self { sqlite, keys: Arc::new(keys), limits };
        store.sqlite.transaction(registry::remove_abandoned)?;
        Ok(store)
    }
}

impl Keys {
    fn open(state_dir: &Path, sqlite: &Sqlite) -> Result<Self, StoreError> {
        let path = master_key::path(state_dir);
        let known = sqlite.read(|connection| Ok(stored_proof(connection)?))?;
        let master = match master_key::read(state_dir)? {
            Some(master) => master,
            None if known.is_some() => return Err(StoreError::MasterKeyMissing { path }),
            None => master_key::create(state_dir)?,
        };
        let (salt, proof) = match known {
            Some(known) => known,
            None => sqlite.transaction(|transaction| {
                let salt = random::<32>().to_vec();
                let proof = prover(&master, &salt).seal(&Context::new("proof"), b"");
                transaction.execute(
                    "INSERT OR IGNORE INTO installation (one, salt, proof) VALUES (1, ?1, ?2)",
                    (&salt, &proof),
                )?;
                stored_proof(transaction)?.ok_or(StoreError::Damaged)
            })?,
        };
        match prover(&master, &salt).open(&Context::new("proof"), &proof) {
            Ok(_) => Ok(Self { master, salt }),
            Err(_) => Err(StoreError::MasterKeyMismatch { path }),
        }
    }

    fn tenant(&self, tenant: &TenantId) -> seal::Sealer {
        let purpose = Context::new("tenant-key").part(tenant.as_str().as_bytes());
        self.master.derive(&self.salt, &purpose).sealer()
    }
}

fn prover(master: &SecretKey, salt: &[u8]) -> seal::Sealer {
    master.derive(salt, &Context::new("proof-key")).sealer()
}

fn stored_proof(
    connection: &rusqlite::Connection,
) -> Result<Option<(Vec<u8>, Vec<u8>)>, rusqlite::Error> {
    connection
        .query_row("SELECT salt, proof FROM installation", (), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}
