//! The runtime: what all connectors and databases share, and the statements about databases.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::cache::Cache;
use crate::clock::Clock;
use crate::connector::Connector;
use crate::database::{self, Database};
use crate::egress::{Clients, EgressHook, Policy, TenantClient};
use crate::engine;
use crate::error::RuntimeError;
use crate::installation;
use crate::instance::{Host, Instance, Place};
use crate::keyvalue::{Buckets, Installation};
use crate::limits::Limits;
use crate::linked::Linked;
use crate::options::{Approval, CreateMode, RuntimeOptions};
use crate::params::Params;
use crate::store::{Bucket, BucketLimits, Commit, Label, Registered, Store};
use crate::tenant::{DatabaseName, TenantId};

/// Runs connectors and keeps the databases made with them. Clones share everything.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) shared: Arc<Shared>,
    connectors: Arc<RwLock<BTreeMap<String, Connector>>>,
    /// Whether what is created through this handle is created by an administrator.
    administrator: bool,
}

/// What `create_database` did.
#[derive(Debug, Clone)]
pub enum Created {
    /// The database was made.
    Created(Database),
    /// It was there already ([`CreateMode::IfNotExists`]).
    Existed(Database),
}

/// What is done with a connection before it gets its name.
pub type Preparing<'p, E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send + 'p>>;

/// A row of the list of databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseEntry {
    /// The database's name as it was written.
    pub name: String,
    /// The engine's name.
    pub engine: String,
    /// When it was created.
    pub created_at: SystemTime,
}

/// What instances are made from.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<Host>,
    pub(crate) cache: Cache,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Store,
    clients: Clients,
    permits: Arc<Semaphore>,
}

impl Shared {
    /// An instance with its share of network and store, once there is room for it.
    pub(crate) async fn instance(
        &self,
        component: &Linked,
        tenant: &TenantId,
        policy: Arc<Policy>,
        buckets: Buckets,
    ) -> Result<Instance, RuntimeError> {
        let client = self.clients.of(tenant);
        let place = self.place(&client).await?;
        let egress = EgressHook::new(client, policy, &self.limits);
        let host = Host::new(&self.limits, Arc::clone(&self.clock), egress, buckets);
        Instance::new(&self.engine, component, host, Arc::clone(&self.limits), place).await
    }

    /// What an instance finds under its labels.
    pub(crate) async fn buckets(
        &self,
        tenant: &TenantId,
        engine: &str,
        connection: Bucket,
        administrator: bool,
    ) -> Result<Buckets, RuntimeError> {
        Ok(Buckets {
            connection: Some(connection),
            pause: Some(self.store.shared_bucket(tenant, engine, Label::Pause).await?),
            installation: Installation {
                buckets: installation::buckets(&self.store, tenant, engine).await?,
                administrator,
            },
        })
    }

    /// Waits for a place: first in the tenant's share, then in the engine's pool.
    async fn place(&self, client: &TenantClient) -> Result<Place, RuntimeError> {
        let Limits { instances, tenant_instances, instance_wait: waited, .. } = *self.limits;
        let busy = |instances| RuntimeError::Busy { instances, waited };
        let end = tokio::time::Instant::now() + waited;
        let wait = async |semaphore: &Arc<Semaphore>, size| {
            let waiting = Arc::clone(semaphore).acquire_owned();
            let permit = tokio::time::timeout_at(end, waiting).await;
            permit.map_err(|_| busy(size))?.map_err(|_| busy(size))
        };
        let _tenant = wait(&client.instances, tenant_instances).await?;
        Ok(Place { _tenant, _pool: wait(&self.permits, instances).await? })
    }
}

impl Runtime {
    /// Sets up engine, client and store. The state directory is made if it is not there.
    ///
    /// # Errors
    /// [`RuntimeError::Store`] if the state directory or its master key cannot be used,
    /// [`RuntimeError::Setup`] if anything else is missing.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let RuntimeOptions { state_dir, limits, endpoint_map, extra_ca, clock } = options;
        let engine = engine::engine(&limits)?;
        let permits = usize::try_from(limits.instances).unwrap_or(Semaphore::MAX_PERMITS);
        let shared = Shared {
            linker: engine::linker(&engine)?,
            engine,
            clients: Clients::new(&limits, endpoint_map, &extra_ca)?,
            store: Store::open(&state_dir, BucketLimits::from(&limits))?,
            cache: Cache::open(&state_dir)?,
            permits: Arc::new(Semaphore::new(permits)),
            limits: Arc::new(limits),
            clock,
        };
        Ok(Self { shared: Arc::new(shared), connectors: Arc::default(), administrator: false })
    }

    /// The same runtime for an administrator: connectors see that a database was created by one,
    /// and may let it do what they let nobody else.
    pub fn as_administrator(&self) -> Self {
        Self { administrator: true, ..self.clone() }
    }

    /// Loads a component: checks its imports and exports, compiles it or takes it from the cache,
    /// asks it what it is, and offers it under its engine name. Loading the same bytes again
    /// replaces the approval.
    ///
    /// # Errors
    /// [`RuntimeError::NotAComponent`], [`RuntimeError::ImportRefused`],
    /// [`RuntimeError::ExportMissing`], [`RuntimeError::PinMismatch`],
    /// [`RuntimeError::ProfileNotApproved`], [`RuntimeError::EngineTaken`], or what went wrong in
    /// the guest while it described itself.
    pub async fn load(&self, wasm: &[u8], approval: Approval) -> Result<Connector, RuntimeError> {
        let connector = Connector::load(&self.shared, wasm, &approval).await?;
        let engine = connector.engine().to_ascii_lowercase();
        let mut connectors = self.connectors.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(present) = connectors.get(&engine)
            && present.inspection().sha256 != connector.inspection().sha256
        {
            return Err(RuntimeError::EngineTaken { engine });
        }
        connectors.insert(engine, connector.clone());
        Ok(connector)
    }

    /// The loaded connectors by engine name.
    pub fn connectors(&self) -> Vec<Connector> {
        let connectors = self.connectors.read().unwrap_or_else(PoisonError::into_inner);
        connectors.values().cloned().collect()
    }

    /// Connects with the parameters (a JSON object) and keeps the connection under a name. A
    /// create that fails leaves nothing behind; with [`CreateMode::Replace`] it leaves the old
    /// database as it was.
    ///
    /// # Errors
    /// [`RuntimeError::DatabaseExists`], [`RuntimeError::NoSuchEngine`],
    /// [`RuntimeError::InvalidParams`], [`RuntimeError::ProfileNotApproved`], or what the
    /// connector reports.
    pub async fn create_database(
        &self,
        tenant: &TenantId,
        name: &str,
        engine: &str,
        params: &str,
        mode: CreateMode,
    ) -> Result<Created, RuntimeError> {
        let nothing = |_| -> Preparing<'_, RuntimeError> { Box::pin(async { Ok(()) }) };
        self.create_database_with(tenant, name, engine, params, mode, nothing).await
    }

    /// As [`Self::create_database`]; what is to be prepared with the connection is done before it
    /// gets its name. Where that fails, the create has failed.
    ///
    /// # Errors
    /// As [`Self::create_database`], or what the preparation gives.
    pub async fn create_database_with<'p, E: From<RuntimeError>>(
        &self,
        tenant: &TenantId,
        name: &str,
        engine: &str,
        params: &str,
        mode: CreateMode,
        prepare: impl FnOnce(Database) -> Preparing<'p, E> + Send,
    ) -> Result<Created, E> {
        let name = DatabaseName::new(name)?;
        if mode != CreateMode::Replace
            && let Some(present) =
                self.shared.store.database(tenant, &name).await.map_err(RuntimeError::from)?
        {
            return Ok(self.present(tenant, present, mode)?);
        }
        let connector = self.connector(engine)?;
        let params = Params::new(params)?;
        let installed = self.shared.installed(tenant, connector.engine()).await?;
        let picked = params.profile(connector.policies())?;
        let profile = match (picked, &installed) {
            (None, Some(installed)) => installed.profile(connector.policies())?,
            (picked, _) => picked,
        };
        let profile = profile.flatten();
        let policy = connector.policies().pick(profile.as_deref())?;

        let store = &self.shared.store;
        let lease = self.shared.limits.instance_wait + self.shared.limits.call_wall * 2;
        let begun = store.begin(tenant, connector.engine(), lease).await;
        let bucket = begun.map_err(RuntimeError::from)?;
        let engine = connector.engine();
        let buckets =
            self.shared.buckets(tenant, engine, bucket.clone(), self.administrator).await?;
        let connecting = database::connect(
            &self.shared,
            &connector,
            tenant,
            Arc::clone(&policy),
            buckets,
            params,
        );
        let connected = connecting.await;
        let row = Registered {
            name: name.written.clone(),
            engine: connector.engine().to_owned(),
            profile,
            bucket: bucket.id(),
            created_at: self.shared.clock.now().await,
            administrator: self.administrator,
        };
        let prepared = match connected {
            Ok(()) => {
                let (shared, connector) = (Arc::clone(&self.shared), connector.clone());
                let nameless =
                    Database::nameless(shared, connector, tenant.clone(), row.clone(), policy);
                prepare(nameless).await
            }
            Err(error) => Err(error.into()),
        };
        if let Err(error) = prepared {
            store.discard(bucket.id()).await.map_err(RuntimeError::from)?;
            return Err(error);
        }
        let committed = store.commit(tenant, &name, row.clone(), mode == CreateMode::Replace).await;
        match committed.map_err(RuntimeError::from)? {
            Commit::Done => Ok(Created::Created(self.open(tenant, connector, row))),
            Commit::NameTaken(present) => {
                store.discard(bucket.id()).await.map_err(RuntimeError::from)?;
                Ok(self.present(tenant, present, mode)?)
            }
        }
    }

    /// The database of that name, whatever the case of its letters.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchEngine`] if its connector is not loaded.
    pub async fn database(
        &self,
        tenant: &TenantId,
        name: &str,
    ) -> Result<Option<Database>, RuntimeError> {
        // A name that cannot be given is the name of nothing.
        let Ok(name) = DatabaseName::new(name) else { return Ok(None) };
        let Some(row) = self.shared.store.database(tenant, &name).await? else { return Ok(None) };
        let connector = self.connector(&row.engine)?;
        Ok(Some(self.open(tenant, connector, row)))
    }

    /// A tenant's databases by name, whether or not their connectors are loaded.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn databases(&self, tenant: &TenantId) -> Result<Vec<DatabaseEntry>, RuntimeError> {
        let rows = self.shared.store.databases(tenant).await?;
        Ok(rows
            .into_iter()
            .map(|Registered { name, engine, created_at, .. }| DatabaseEntry {
                name,
                engine,
                created_at,
            })
            .collect())
    }

    /// Deletes a database with everything that its connection kept; false if there was none.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn drop_database(&self, tenant: &TenantId, name: &str) -> Result<bool, RuntimeError> {
        let Ok(name) = DatabaseName::new(name) else { return Ok(false) };
        Ok(self.shared.store.drop_database(tenant, &name).await?)
    }

    pub(crate) fn connector(&self, engine: &str) -> Result<Connector, RuntimeError> {
        let connectors = self.connectors.read().unwrap_or_else(PoisonError::into_inner);
        connectors.get(&engine.to_ascii_lowercase()).cloned().ok_or_else(|| {
            RuntimeError::NoSuchEngine {
                engine: engine.to_owned(),
                available: connectors.values().map(|c| c.engine().to_owned()).collect(),
            }
        })
    }

    fn present(
        &self,
        tenant: &TenantId,
        row: Registered,
        mode: CreateMode,
    ) -> Result<Created, RuntimeError> {
        if mode == CreateMode::IfNotExists {
            let connector = self.connector(&row.engine)?;
            Ok(Created::Existed(self.open(tenant, connector, row)))
        } else {
            Err(RuntimeError::DatabaseExists { name: row.name })
        }
    }

    fn open(&self, tenant: &TenantId, connector: Connector, row: Registered) -> Database {
        Database::new(Arc::clone(&self.shared), connector, tenant.clone(), row)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("connectors", &self.connectors()).finish_non_exhaustive()
    }
}
