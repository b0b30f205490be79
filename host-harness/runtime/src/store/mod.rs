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
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};
pub(crate) use seal::random;
use seal::{Context, Sealer, SecretKey};
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

/// What a state directory knows of its master key: enough to tell whether a key is the one.
struct Proof {
    salt: Vec<u8>,
    sealed: Vec<u8>,
}

impl Keys {
    fn open(state_dir: &Path, sqlite: &Sqlite) -> Result<Self, StoreError> {
        let path = master_key::path(state_dir);
        let known = sqlite.read(Proof::read)?;
        let master = match master_key::read(state_dir)? {
            Some(master) => master,
            None if known.is_some() => return Err(StoreError::MasterKeyMissing { path }),
            None => master_key::create(state_dir)?,
        };
        let proof = match known {
            Some(known) => known,
            None => sqlite.transaction(|transaction| Proof::write(transaction, &master))?,
        };
        match proof.sealer(&master).open(&Context::new("proof"), &proof.sealed) {
            Ok(_) => Ok(Self { master, salt: proof.salt }),
            Err(_) => Err(StoreError::MasterKeyMismatch { path }),
        }
    }

    fn tenant(&self, tenant: &TenantId) -> Sealer {
        let purpose = Context::new("tenant-key").part(tenant.as_str().as_bytes());
        self.master.derive(&self.salt, &purpose).sealer()
    }
}

impl Proof {
    fn read(connection: &Connection) -> Result<Option<Self>, StoreError> {
        let row = |row: &Row<'_>| Ok(Self { salt: row.get(0)?, sealed: row.get(1)? });
        Ok(connection.query_row("SELECT salt, proof FROM installation", (), row).optional()?)
    }

    /// Writes a proof unless another process was first; returns the one that stands.
    fn write(transaction: &Transaction<'_>, master: &SecretKey) -> Result<Self, StoreError> {
        let mut proof = Self { salt: random::<32>().to_vec(), sealed: Vec::new() };
        proof.sealed = proof.sealer(master).seal(&Context::new("proof"), b"");
        transaction.execute(
            "INSERT OR IGNORE INTO installation (one, salt, proof) VALUES (1, ?1, ?2)",
            (&proof.salt, &proof.sealed),
        )?;
        Self::read(transaction)?.ok_or(StoreError::Damaged)
    }

    fn sealer(&self, master: &SecretKey) -> Sealer {
        master.derive(&self.salt, &Context::new("proof-key")).sealer()
    }
}
