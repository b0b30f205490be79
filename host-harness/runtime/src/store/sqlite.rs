//! The SQLite file: opening it, its tables, and running work on it off the async threads.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use crate::error::StoreError;

/// The database's file in the state directory.
pub(super) const FILE: &str = "state.sqlite";

/// Version of the tables below.
const FORMAT: i64 = 2;

/// What the first version lacked.
const FROM_1: &str = "ALTER TABLE database ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0;";

/// A `connection` bucket without a database is one being created; `lease_until` says how long it
/// may stay so. `version` counts writes, so that no version of a key ever comes twice.
const TABLES: &str = "
    CREATE TABLE installation (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        salt BLOB NOT NULL,
        proof BLOB NOT NULL
    );
    CREATE TABLE bucket (
        id BLOB PRIMARY KEY,
        tenant TEXT NOT NULL,
        engine TEXT NOT NULL,
        label TEXT NOT NULL,
        sealed_key BLOB NOT NULL,
        lease_until INTEGER,
        version INTEGER NOT NULL DEFAULT 0,
        entries INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0
    );
    CREATE UNIQUE INDEX shared_bucket ON bucket (tenant, engine, label) WHERE label <> 'connection';
    CREATE TABLE entry (
        bucket BLOB NOT NULL REFERENCES bucket (id) ON DELETE CASCADE,
        key TEXT NOT NULL,
        version INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (bucket, key)
    );
    CREATE TABLE database (
        tenant TEXT NOT NULL,
        folded TEXT NOT NULL,
        name TEXT NOT NULL,
        engine TEXT NOT NULL,
        profile TEXT,
        bucket BLOB NOT NULL UNIQUE REFERENCES bucket (id),
        created_ms INTEGER NOT NULL,
        administrator INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, folded)
    );
";

/// How long others are waited for.
const BUSY: Duration = Duration::from_secs(30);
/// How long between two tries of what does not wait by itself.
const AGAIN: Duration = Duration::from_millis(5);

/// Has the file written ahead. SQLite does not wait for others here, since two that both want to
/// change a new file could wait for each other.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY =>
            {
                std::thread::sleep(AGAIN);
            }
            done => return Ok(done?),
        }
    }
}

/// A shared connection to the file. Other processes may have theirs.
#[derive(Clone)]
pub(super) struct Sqlite(Arc<Mutex<Connection>>);

impl Sqlite {
    /// Opens the file, or makes it and its tables.
    pub(super) fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let path = state_dir.join(FILE);
        // SQLite would make the file readable by all; its WAL takes over this file's mode.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io("creating", path)(error)),
        }
        let mut connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY)?;
        write_ahead(&connection)?;
        // A rotated refresh token must survive a power cut; deleted secrets must not survive.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "secure_delete", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match transaction.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? {
            FORMAT => {}
            old @ (0 | 1) => {
                transaction.execute_batch(if old == 0 { TABLES } else { FROM_1 })?;
                transaction.pragma_update(None, "user_version", FORMAT)?;
            }
            found => return Err(StoreError::Format { found, expected: FORMAT }),
        }
        transaction.commit()?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Runs work in one transaction that no other process can come between, on this thread.
    pub(super) fn transaction<R>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        // A panic inside rolled its transaction back, so the connection is usable.
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }

    /// Runs reading work on this thread.
    pub(super) fn read<R>(
        &self,
        work: impl FnOnce(&Connection) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Moves what was deleted out of the write-ahead log, as far as other readers allow.
    pub(super) fn flush_log(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            Ok(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?)
        })
    }
}

/// Runs blocking work on a thread made for it.
pub(super) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, StoreError> + Send + 'static,
) -> Result<R, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // Only a runtime that shuts down cancels blocking work.
        Err(_) => Err(StoreError::Gone),
    }
}
