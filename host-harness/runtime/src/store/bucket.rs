//! A bucket: sealed values by key, each with a version that changes with every write.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::seal::{Context, Sealer};
use super::sqlite::{Sqlite, blocking};
use super::{BucketId, Label};
use crate::error::StoreError;
use crate::limits::Limits;

/// Bytes of a key.
const KEY_LIMIT: usize = 1_024;

/// How much a bucket may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BucketLimits {
    pub(crate) value: usize,
    pub(crate) values: u64,
    pub(crate) bytes: u64,
}

impl From<&Limits> for BucketLimits {
    fn from(limits: &Limits) -> Self {
        Self { value: limits.value, values: limits.values, bytes: limits.bucket }
    }
}

/// An open bucket.
#[derive(Clone)]
pub(crate) struct Bucket(Arc<Inner>);

struct Inner {
    sqlite: Sqlite,
    id: BucketId,
    label: Label,
    sealer: Sealer,
    limits: BucketLimits,
}

/// A value and its version; version 0 is that of a key without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versioned {
    pub(crate) version: i64,
    pub(crate) value: Option<Vec<u8>>,
}

/// What came of a compare-and-swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swapped {
    Done,
    /// The key's version is no longer the one seen.
    Stale,
}

impl Bucket {
    pub(super) fn new(
        sqlite: Sqlite,
        id: BucketId,
        label: Label,
        sealer: Sealer,
        limits: BucketLimits,
    ) -> Self {
        Self(Arc::new(Inner { sqlite, id, label, sealer, limits }))
    }

    pub(crate) fn id(&self) -> BucketId {
        self.0.id
    }

    /// The value of a key as it is now.
    pub(crate) async fn read(&self, key: String) -> Result<Versioned, StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            inner.check_key(&key)?;
            let row = inner.sqlite.read(|connection| inner.select(connection, &key))?;
            match row {
                None => Ok(Versioned { version: 0, value: None }),
                Some((version, sealed)) => {
                    let plain = inner.sealer.open(&inner.context(&key, version), &sealed)?;
                    Ok(Versioned { version, value: Some(plain.to_vec()) })
                }
            }
        })
        .await
    }

    /// Writes a value whatever was there.
    pub(crate) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.write(&key, value, None).map(|_| ())).await
    }

    /// Writes a value if the key still has the version that was seen.
    pub(crate) async fn swap(
        &self,
        key: String,
        seen: i64,
        value: Vec<u8>,
    ) -> Result<Swapped, StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.write(&key, value, Some(seen))).await
    }

    /// Removes a key; it is fine if there is none.
    pub(crate) async fn delete(&self, key: String) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            inner.check_key(&key)?;
            inner.sqlite.transaction(|transaction| {
                let length: Option<i64> = transaction
                    .query_row(
                        "DELETE FROM entry WHERE bucket = ?1 AND key = ?2 RETURNING length(sealed)",
                        (&inner.id, &key),
                        |row| row.get(0),
                    )
                    .optional()?;
                if let Some(length) = length {
                    inner.count(transaction, -1, -length)?;
                }
                Ok(())
            })
        })
        .await
    }
}

impl Inner {
    /// What a value is sealed for: this place and this version of it, so that neither another
    /// value nor an older one of the same key can stand in for it.
    fn context(&self, key: &str, version: i64) -> Context {
        Context::new("value")
            .part(&self.id)
            .part(self.label.as_str().as_bytes())
            .part(key.as_bytes())
            .part(&version.to_be_bytes())
    }

    fn check_key(&self, key: &str) -> Result<(), StoreError> {
        if key.len() <= KEY_LIMIT {
            Ok(())
        } else {
            Err(StoreError::Full { what: "the bytes of a key", limit: KEY_LIMIT as u64 })
        }
    }

    fn select(
        &self,
        connection: &Connection,
        key: &str,
    ) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        Ok(connection
            .prepare_cached("SELECT version, sealed FROM entry WHERE bucket = ?1 AND key = ?2")?
            .query_row((&self.id, key), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    fn write(&self, key: &str, value: Vec<u8>, seen: Option<i64>) -> Result<Swapped, StoreError> {
        self.check_key(key)?;
        if value.len() > self.limits.value {
            return Err(StoreError::Full {
                what: "the bytes of a value",
                limit: self.limits.value as u64,
            });
        }
        self.sqlite.transaction(|transaction| {
            let present: Option<(i64, i64)> = transaction
                .prepare_cached(
                    "SELECT version, length(sealed) FROM entry WHERE bucket = ?1 AND key = ?2",
                )?
                .query_row((&self.id, key), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let (present_version, present_length) = present.unwrap_or((0, 0));
            if seen.is_some_and(|seen| seen != present_version) {
                return Ok(Swapped::Stale);
            }
            // The version is part of what is sealed, so it is drawn first.
            let version: i64 = transaction
                .prepare_cached(
                    "UPDATE bucket SET version = version + 1 WHERE id = ?1 RETURNING version",
                )?
                .query_row([&self.id], |row| row.get(0))
                .optional()?
                .ok_or(StoreError::Gone)?;
            let sealed = self.sealer.seal(&self.context(key, version), &value);
            let length = i64::try_from(sealed.len()).map_err(|_| StoreError::Damaged)?;
            transaction
                .prepare_cached(
                    "INSERT INTO entry (bucket, key, version, sealed) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (bucket, key) DO UPDATE SET version = ?3, sealed = ?4",
                )?
                .execute((&self.id, key, version, &sealed))?;
            self.count(transaction, i64::from(present.is_none()), length - present_length)?;
            Ok(Swapped::Done)
        })
    }

    /// Keeps the bucket's totals; an error here undoes the whole write.
    fn count(
        &self,
        transaction: &Transaction<'_>,
        entries: i64,
        bytes: i64,
    ) -> Result<(), StoreError> {
        let (total_entries, total_bytes): (i64, i64) = transaction
            .prepare_cached(
                "UPDATE bucket SET entries = entries + ?2, bytes = bytes + ?3 WHERE id = ?1
                 RETURNING entries, bytes",
            )?
            .query_row((&self.id, entries, bytes), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or(StoreError::Gone)?;
        let over = |total: i64, limit: u64| u64::try_from(total).is_ok_and(|total| total > limit);
        if entries > 0 && over(total_entries, self.limits.values) {
            return Err(StoreError::Full {
                what: "the number of values",
                limit: self.limits.values,
            });
        }
        if bytes > 0 && over(total_bytes, self.limits.bytes) {
            return Err(StoreError::Full {
                what: "the size of all values",
                limit: self.limits.bytes,
            });
        }
        Ok(())
    }
}
