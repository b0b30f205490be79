//! Which databases there are, and the life of their buckets: made before connecting, tied to a name
//! once connected, deleted with their key when that fails or the database is dropped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};

use super::bucket::Bucket;
use super::seal::{Context, KEY_LEN, SecretKey, random};
use super::sqlite::blocking;
use super::{BucketId, Label, Store};
use crate::error::StoreError;
use crate::tenant::{DatabaseName, TenantId};

/// A database as it stands in the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) name: String,
    pub(crate) engine: String,
    /// The egress profile that the parameters picked; `None` means the connector's first.
    pub(crate) profile: Option<String>,
    pub(crate) bucket: BucketId,
    pub(crate) created_at: SystemTime,
    /// Whether an administrator created it.
    pub(crate) administrator: bool,
}

/// What came of giving a connected bucket its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Commit {
    Done,
    /// Another database has the name; the bucket is still nameless.
    NameTaken(Registered),
}

impl Store {
    /// Makes a bucket for a connection that is yet to be made. If nothing comes of it within the
    /// lease, whoever opens the state directory next deletes it.
    pub(crate) async fn begin(
        &self,
        tenant: &TenantId,
        engine: &str,
        lease: Duration,
    ) -> Result<Bucket, StoreError> {
        let lease_until = unix_ms(SystemTime::now() + lease);
        let (store, tenant, engine) = (self.clone(), tenant.clone(), engine.to_owned());
        blocking(move || {
            store.sqlite.transaction(|transaction| {
                remove_abandoned(transaction)?;
                store.make_bucket(
                    transaction,
                    &tenant,
                    &engine,
                    Label::Connection,
                    Some(lease_until),
                )
            })
        })
        .await
    }

    /// Ties a connected bucket to a name. With `replace` a database of that name is deleted in the
    /// same step, else it stays and the bucket remains nameless.
    pub(crate) async fn commit(
        &self,
        tenant: &TenantId,
        name: &DatabaseName,
        row: Registered,
        replace: bool,
    ) -> Result<Commit, StoreError> {
        let (store, tenant, name) = (self.clone(), tenant.clone(), name.clone());
        blocking(move || {
            let commit = store.sqlite.transaction(|transaction| {
                if let Some(present) = select(transaction, &tenant, &name.folded)? {
                    if !replace {
                        return Ok(Commit::NameTaken(present));
                    }
                    delete(transaction, &tenant, &name.folded, &present.bucket)?;
                }
                let leased = transaction
                    .execute("UPDATE bucket SET lease_until = NULL WHERE id = ?1", [&row.bucket])?;
                if leased == 0 {
                    return Err(StoreError::Gone);
                }
                transaction.execute(
                    "INSERT INTO database
                     (tenant, folded, name, engine, profile, bucket, created_ms, administrator)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    (
                        tenant.as_str(),
                        &name.folded,
                        &name.written,
                        &row.engine,
                        &row.profile,
                        &row.bucket,
                        unix_ms(row.created_at),
                        row.administrator,
                    ),
                )?;
                Ok(Commit::Done)
            })?;
            if replace {
                store.sqlite.flush_log()?;
            }
            Ok(commit)
        })
        .await
    }

    /// Deletes a bucket that never got a name.
    pub(crate) async fn discard(&self, bucket: BucketId) -> Result<(), StoreError> {
        let store = self.clone();
        blocking(move || {
            store.sqlite.transaction(|transaction| {
                transaction.execute(
                    "DELETE FROM bucket WHERE id = ?1 AND lease_until IS NOT NULL",
                    [&bucket],
                )?;
                Ok(())
            })?;
            store.sqlite.flush_log()
        })
        .await
    }

    /// The database of that name.
    pub(crate) async fn database(
        &self,
        tenant: &TenantId,
        name: &DatabaseName,
    ) -> Result<Option<Registered>, StoreError> {
        let (store, tenant, name) = (self.clone(), tenant.clone(), name.clone());
        blocking(move || store.sqlite.read(|connection| select(connection, &tenant, &name.folded)))
            .await
    }

    /// A tenant's databases by name.
    pub(crate) async fn databases(&self, tenant: &TenantId) -> Result<Vec<Registered>, StoreError> {
        let (store, tenant) = (self.clone(), tenant.clone());
        blocking(move || {
            store.sqlite.read(|connection| {
                connection
                    .prepare_cached(
                        "SELECT name, engine, profile, bucket, created_ms, administrator FROM database
                         WHERE tenant = ?1 ORDER BY folded",
                    )?
                    .query_map([tenant.as_str()], registered)?
                    .map(|row| Ok(row?))
                    .collect()
            })
        })
        .await
    }

    /// Deletes a database, its bucket and its key; false if there was none.
    pub(crate) async fn drop_database(
        &self,
        tenant: &TenantId,
        name: &DatabaseName,
    ) -> Result<bool, StoreError> {
        let (store, tenant, name) = (self.clone(), tenant.clone(), name.clone());
        blocking(move || {
            let dropped = store.sqlite.transaction(|transaction| {
                let Some(present) = select(transaction, &tenant, &name.folded)? else {
                    return Ok(false);
                };
                delete(transaction, &tenant, &name.folded, &present.bucket)?;
                Ok(true)
            })?;
            store.sqlite.flush_log()?;
            Ok(dropped)
        })
        .await
    }

    /// Remembers the egress profile that changed parameters picked.
    pub(crate) async fn set_profile(
        &self,
        bucket: BucketId,
        profile: Option<String>,
    ) -> Result<(), StoreError> {
        let store = self.clone();
        blocking(move || {
            store.sqlite.transaction(|transaction| {
                transaction.execute(
                    "UPDATE database SET profile = ?2 WHERE bucket = ?1",
                    (&bucket, &profile),
                )?;
                Ok(())
            })
        })
        .await
    }

    /// A connection's bucket, and its database's present profile; none where it has no name yet.
    pub(crate) async fn connection_bucket(
        &self,
        tenant: &TenantId,
        id: BucketId,
    ) -> Result<(Bucket, Option<String>), StoreError> {
        let (store, tenant) = (self.clone(), tenant.clone());
        blocking(move || {
            let row = store.sqlite.read(|connection| {
                Ok(connection
                    .prepare_cached(
                        "SELECT sealed_key, profile FROM bucket
                         LEFT JOIN database ON database.bucket = bucket.id
                         WHERE bucket.id = ?1 AND bucket.tenant = ?2 AND label = 'connection'",
                    )?
                    .query_row((&id, tenant.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?)
            })?;
            let (sealed_key, profile): (Vec<u8>, Option<String>) = row.ok_or(StoreError::Gone)?;
            Ok((store.open_bucket(&tenant, id, Label::Connection, &sealed_key)?, profile))
        })
        .await
    }

    /// The bucket that all connections of a tenant to one engine share under a label.
    pub(crate) async fn shared_bucket(
        &self,
        tenant: &TenantId,
        engine: &str,
        label: Label,
    ) -> Result<Bucket, StoreError> {
        if let Some(found) = self.find_shared_bucket(tenant, engine, label).await? {
            return Ok(found);
        }
        let (store, tenant, engine) = (self.clone(), tenant.clone(), engine.to_owned());
        blocking(move || {
            store.sqlite.transaction(|transaction| {
                match find(transaction, &tenant, &engine, label)? {
                    Some((id, sealed_key)) => store.open_bucket(&tenant, id, label, &sealed_key),
                    None => store.make_bucket(transaction, &tenant, &engine, label, None),
                }
            })
        })
        .await
    }

    /// The same bucket, if there is one already.
    pub(crate) async fn find_shared_bucket(
        &self,
        tenant: &TenantId,
        engine: &str,
        label: Label,
    ) -> Result<Option<Bucket>, StoreError> {
        let (store, tenant, engine) = (self.clone(), tenant.clone(), engine.to_owned());
        blocking(move || {
            let found =
                store.sqlite.read(|connection| find(connection, &tenant, &engine, label))?;
            found
                .map(|(id, sealed_key)| store.open_bucket(&tenant, id, label, &sealed_key))
                .transpose()
        })
        .await
    }

    fn make_bucket(
        &self,
        transaction: &Transaction<'_>,
        tenant: &TenantId,
        engine: &str,
        label: Label,
        lease_until: Option<i64>,
    ) -> Result<Bucket, StoreError> {
        let (id, key) = (random::<16>(), SecretKey::draw());
        let sealed_key =
            self.keys.tenant(tenant).seal(&key_context(tenant, &id, label), key.as_bytes());
        transaction.execute(
            "INSERT INTO bucket (id, tenant, engine, label, sealed_key, lease_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (&id, tenant.as_str(), engine, label.as_str(), &sealed_key, lease_until),
        )?;
        Ok(Bucket::new(self.sqlite.clone(), id, label, key.sealer(), self.limits))
    }

    fn open_bucket(
        &self,
        tenant: &TenantId,
        id: BucketId,
        label: Label,
        sealed_key: &[u8],
    ) -> Result<Bucket, StoreError> {
        let bytes = self.keys.tenant(tenant).open(&key_context(tenant, &id, label), sealed_key)?;
        let key: [u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| StoreError::Damaged)?;
        let sealer = SecretKey::new(key).sealer();
        Ok(Bucket::new(self.sqlite.clone(), id, label, sealer, self.limits))
    }
}

/// A shared bucket's id and its sealed key.
fn find(
    connection: &Connection,
    tenant: &TenantId,
    engine: &str,
    label: Label,
) -> Result<Option<(BucketId, Vec<u8>)>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT id, sealed_key FROM bucket WHERE tenant = ?1 AND engine = ?2 AND label = ?3",
        )?
        .query_row((tenant.as_str(), engine, label.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// Deletes buckets whose creator did not finish within its lease.
pub(super) fn remove_abandoned(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    transaction
        .execute("DELETE FROM bucket WHERE lease_until < ?1", [unix_ms(SystemTime::now())])?;
    Ok(())
}

fn key_context(tenant: &TenantId, id: &BucketId, label: Label) -> Context {
    Context::new("bucket-key")
        .part(tenant.as_str().as_bytes())
        .part(id)
        .part(label.as_str().as_bytes())
}

fn select(
    connection: &Connection,
    tenant: &TenantId,
    folded: &str,
) -> Result<Option<Registered>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT name, engine, profile, bucket, created_ms, administrator FROM database
             WHERE tenant = ?1 AND folded = ?2",
        )?
        .query_row((tenant.as_str(), folded), registered)
        .optional()?)
}

fn delete(
    transaction: &Transaction<'_>,
    tenant: &TenantId,
    folded: &str,
    bucket: &BucketId,
) -> Result<(), StoreError> {
    transaction.execute(
        "DELETE FROM database WHERE tenant = ?1 AND folded = ?2",
        (tenant.as_str(), folded),
    )?;
    transaction.execute("DELETE FROM bucket WHERE id = ?1", [bucket])?;
    Ok(())
}

fn registered(row: &Row<'_>) -> Result<Registered, rusqlite::Error> {
    let created_ms: i64 = row.get(4)?;
    Ok(Registered {
        name: row.get(0)?,
        engine: row.get(1)?,
        profile: row.get(2)?,
        bucket: row.get(3)?,
        created_at: UNIX_EPOCH + Duration::from_millis(u64::try_from(created_ms).unwrap_or(0)),
        administrator: row.get(5)?,
    })
}

fn unix_ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
