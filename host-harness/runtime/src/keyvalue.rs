//! `wasi:keyvalue` for guests: the three labels, bound to sealed buckets before the guest runs.

use wasmtime::component::Resource;

use crate::bindings::wasi::keyvalue::{atomics, store};
use crate::error::StoreError;
use crate::instance::Host;
use crate::store::{Bucket, Label, Swapped};

/// What a guest finds under the labels.
#[derive(Clone, Default)]
pub(crate) struct Buckets {
    /// None where there is no connection, as for `describe`.
    pub(crate) connection: Option<Bucket>,
    pub(crate) pause: Option<Bucket>,
    pub(crate) installation: Installation,
}

/// What an administrator set up, read only: the first bucket that has a key tells its value.
#[derive(Clone, Default)]
pub(crate) struct Installation {
    pub(crate) buckets: Vec<Bucket>,
    /// Whether an administrator creates or created the connection.
    pub(crate) administrator: bool,
}

/// Keys that begin so are the host's own: to a guest they do not exist.
const RESERVED: char = '\0';

/// The key of an installation that is there only for what an administrator created.
const ADMINISTRATOR: &str = "administrator";

/// A bucket that a guest has opened.
#[derive(Clone)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct OpenBucket(Binding);

/// What stands behind a label.
#[derive(Clone)]
enum Binding {
    ReadWrite(Bucket),
    ReadOnly(Installation),
}

/// A key and the version that was seen under it. The value is read again when it is asked for:
/// kept here, many handles would hold much of the host's memory.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Seen {
    bucket: OpenBucket,
    key: String,
    version: i64,
}

impl Buckets {
    fn open(&self, label: &str) -> Result<OpenBucket, store::Error> {
        let bound = |bucket: &Option<Bucket>| {
            bucket.clone().map(Binding::ReadWrite).ok_or(store::Error::NoSuchStore)
        };
        let binding = if label == Label::Connection.as_str() {
            bound(&self.connection)?
        } else if label == Label::Pause.as_str() {
            bound(&self.pause)?
        } else if label == Label::Installation.as_str() {
            Binding::ReadOnly(self.installation.clone())
        } else {
            return Err(store::Error::NoSuchStore);
        };
        Ok(OpenBucket(binding))
    }
}

impl Installation {
    async fn read(&self, key: String) -> Result<Option<Vec<u8>>, store::Error> {
        if key == ADMINISTRATOR {
            return Ok(self.administrator.then(|| b"true".to_vec()));
        }
        for bucket in &self.buckets {
            if let Some(value) = bucket.read(key.clone()).await.map_err(told)?.value {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

impl OpenBucket {
    fn writable(&self, key: &str) -> Result<Bucket, store::Error> {
        match &self.0 {
            Binding::ReadWrite(bucket) if !key.starts_with(RESERVED) => Ok(bucket.clone()),
            Binding::ReadWrite(_) | Binding::ReadOnly(_) => Err(store::Error::AccessDenied),
        }
    }

    async fn read(&self, key: String) -> Result<(i64, Option<Vec<u8>>), store::Error> {
        if key.starts_with(RESERVED) {
            return Ok((0, None));
        }
        Ok(match &self.0 {
            Binding::ReadWrite(bucket) => {
                let seen = bucket.read(key).await.map_err(told)?;
                (seen.version, seen.value)
            }
            Binding::ReadOnly(installation) => (0, installation.read(key).await?),
        })
    }

    async fn see(self, key: String) -> Result<Seen, store::Error> {
        let (version, _) = self.read(key.clone()).await?;
        Ok(Seen { bucket: self, key, version })
    }
}

/// What a guest is told; the operator gets the rest in the log.
fn told(error: StoreError) -> store::Error {
    match error {
        StoreError::Gone => store::Error::NoSuchStore,
        // The draft has no case for it; the contract's WIT says how it is told.
        StoreError::Full { .. } => store::Error::Other(format!("full: {error}")),
        other => {
            tracing::error!(error = %other, "the store failed");
            store::Error::Other("the host's store failed".to_owned())
        }
    }
}

impl store::Host for Host {
    async fn open(
        &mut self,
        label: String,
    ) -> wasmtime::Result<Result<Resource<OpenBucket>, store::Error>> {
        Ok(match self.buckets.open(&label) {
            Ok(bucket) => Ok(self.table().push(bucket)?),
            Err(error) => Err(error),
        })
    }
}

impl store::HostBucket for Host {
    async fn get(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, store::Error>> {
        let bucket = self.table().get(&bucket)?.clone();
        Ok(bucket.read(key).await.map(|(_, value)| value))
    }

    async fn set(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        let bucket = self.table().get(&bucket)?.writable(&key);
        Ok(match bucket {
            Ok(bucket) => bucket.set(key, value).await.map_err(told),
            Err(error) => Err(error),
        })
    }

    async fn delete(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
    ) -> wasmtime::Result<Result<(), store::Error>> {
        let bucket = self.table().get(&bucket)?.writable(&key);
        Ok(match bucket {
            Ok(bucket) => bucket.delete(key).await.map_err(told),
            Err(error) => Err(error),
        })
    }

    async fn drop(&mut self, bucket: Resource<OpenBucket>) -> wasmtime::Result<()> {
        self.table().delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for Host {
    async fn swap(
        &mut self,
        cas: Resource<Seen>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), atomics::CasError>> {
        let Seen { bucket, key, version } = self.table().delete(cas)?;
        let swapped = match bucket.writable(&key) {
            Ok(writable) => writable.swap(key.clone(), version, value).await.map_err(told),
            Err(error) => Err(error),
        };
        Ok(match swapped {
            Ok(Swapped::Done) => Ok(()),
            Ok(Swapped::Stale) => match bucket.see(key).await {
                Ok(seen) => Err(atomics::CasError::CasFailed(self.table().push(seen)?)),
                Err(error) => Err(atomics::CasError::StoreError(error)),
            },
            Err(error) => Err(atomics::CasError::StoreError(error)),
        })
    }
}

impl atomics::HostCas for Host {
    async fn new(
        &mut self,
        bucket: Resource<OpenBucket>,
        key: String,
    ) -> wasmtime::Result<Result<Resource<Seen>, store::Error>> {
        let bucket = self.table().get(&bucket)?.clone();
        Ok(match bucket.see(key).await {
            Ok(seen) => Ok(self.table().push(seen)?),
            Err(error) => Err(error),
        })
    }

    async fn current(
        &mut self,
        cas: Resource<Seen>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, store::Error>> {
        let seen = self.table().get(&cas)?;
        let (bucket, key) = (seen.bucket.clone(), seen.key.clone());
        Ok(match bucket.read(key).await {
            Ok((version, value)) => {
                // What is told now is what a swap has to find.
                self.table().get_mut(&cas)?.version = version;
                Ok(value)
            }
            Err(error) => Err(error),
        })
    }

    async fn drop(&mut self, cas: Resource<Seen>) -> wasmtime::Result<()> {
        self.table().delete(cas)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::store::{BucketLimits, Store};
    use crate::tenant::TenantId;
    use std::time::Duration;

    #[tokio::test]
    async fn keys_of_the_host_do_not_exist_for_a_guest() {
        let dir = tempfile::tempdir().unwrap();
        let limits = BucketLimits::from(&Limits::default());
        let store = Store::open(&dir.path().join("state"), limits).unwrap();
        let tenant = TenantId::default();
        let bucket = store.begin(&tenant, "e", Duration::from_secs(60)).await.unwrap();
        bucket.set("\0health".to_owned(), b"seen".to_vec()).await.unwrap();
        let opened = OpenBucket(Binding::ReadWrite(bucket));
        assert_eq!(opened.read("\0health".to_owned()).await.unwrap(), (0, None));
        assert!(matches!(opened.writable("\0health"), Err(store::Error::AccessDenied)));
        assert!(opened.writable("health").is_ok());
    }
}
