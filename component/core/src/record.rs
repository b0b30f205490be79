//! The connection's record in the store: settings, tokens and identity in one
//! value, so that every change is atomic.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::contract::ConnectionState;
use crate::credential::Tokens;
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::params::Settings;
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::reach::Root;

const KEY: &str = "connection";
/// Swaps that may be lost to others before giving up.
const SWAP_ATTEMPTS: usize = 50;

/// Everything that is kept of a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Shape of this record.
    pub(crate) version: u32,
    /// Counts changes of parameters; stands in every split.
    pub(crate) generation: u64,
    /// Counts every write, since the store compares by value.
    pub(crate) revision: u64,
    pub(crate) settings: Settings,
    pub(crate) tokens: Tokens,
    /// Somebody has been asked to sign in, and has not yet.
    pub(crate) awaiting: bool,
    /// Absent until the first sign-in was completed.
    pub(crate) verified: Option<Verified>,
    /// Key of the splits' hash, base64.
    pub(crate) split_key: String,
    pub(crate) created_at: TimestampMs,
    pub(crate) updated_at: TimestampMs,
}

impl Record {
    /// Stable for the life of the connection, once somebody has signed in.
    pub(crate) fn connection_id(&self) -> String {
        match &self.verified {
            Some(verified) => verified.identity.connection_id.clone(),
            None => digest("onedrive-datasource waiting connection 1", &[&self.split_key]),
        }
    }

    /// Whether the connection can be used.
    pub(crate) fn state(&self) -> ConnectionState {
        if self.awaiting {
            ConnectionState::PendingAuthorization
        } else if self.tokens.refused.is_some() {
            ConnectionState::AuthRequired
        } else {
            ConnectionState::Ready
        }
    }

    /// Who signed in and what is read; an error until somebody has.
    pub(crate) fn verified(&self) -> Result<&Verified> {
        self.verified.as_ref().ok_or_else(|| {
            let error = Error::new(
                ErrorKind::AuthRequired,
                "The connection waits for somebody to sign in.",
            );
            error.hint(
                "Open the link that CREATE DATABASE gave; ALTER DATABASE … SET PARAMETERS = \
                 {\"grant_type\": \"authorization_code\"} gives a new one.",
            )
        })
    }
}

/// What the service said of a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verified {
    pub(crate) identity: Identity,
    pub(crate) roots: Vec<Root>,
}

/// Whose credential it is, and which drive it opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) connection_id: String,
    /// Tells one person from another: what of the answers cannot be given by a caller.
    pub(crate) person: String,
    pub(crate) drive_id: String,
    pub(crate) drive_type: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) email: Option<String>,
}

/// The version that this code writes and reads.
pub(crate) const VERSION: u32 = 2;

/// Reads and swaps the record.
pub(crate) struct Records {
    ports: Rc<Ports>,
}

impl Records {
    pub(crate) fn new(ports: Rc<Ports>) -> Self {
        Self { ports }
    }

    /// The record as it is now.
    pub(crate) fn load(&self) -> Result<Record> {
        let bytes = self.ports.store.get(Bucket::Connection, KEY)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "This connection is not in the host's store.")
                .hint("Create it again with CREATE DATABASE.")
        })?;
        decode(&bytes)
    }

    /// Writes the first record; refuses to overwrite one.
    pub(crate) fn create(&self, record: &Record) -> Result<()> {
        let bytes = encode(record)?;
        if self.ports.store.compare_and_swap(Bucket::Connection, KEY, None, &bytes)? {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Internal, "The host's bucket already holds a connection."))
        }
    }

    /// Changes the record by swap; the change may run several times.
    pub(crate) fn update(&self, mut change: impl FnMut(&mut Record)) -> Result<Record> {
        self.try_update(|record| {
            change(record);
            Ok(())
        })
    }

    /// As [`Self::update`], with a change that may refuse.
    pub(crate) fn try_update(
        &self,
        mut change: impl FnMut(&mut Record) -> Result<()>,
    ) -> Result<Record> {
        for _ in 0..SWAP_ATTEMPTS {
            let present = self.ports.store.get(Bucket::Connection, KEY)?.unwrap_or_default();
            let mut record = decode(&present)?;
            change(&mut record)?;
            record.revision += 1;
            let bytes = encode(&record)?;
            let store = &self.ports.store;
            if store.compare_and_swap(Bucket::Connection, KEY, Some(&present), &bytes)? {
                return Ok(record);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "The connection's record is changed too often."))
    }
}

fn decode(bytes: &[u8]) -> Result<Record> {
    let record: Option<Record> = serde_json::from_slice(bytes).ok();
    record.filter(|record| record.version == VERSION).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            "The connection in the host's store was not written by this version of the connector.",
        )
        .hint("Create it again with CREATE OR REPLACE DATABASE.")
    })
}

fn encode(record: &Record) -> Result<Vec<u8>> {
    serde_json::to_vec(record).map_err(|_| Error::new(ErrorKind::Internal, "A record is no JSON."))
}
