//! A database: a connection that any instance takes up from the store. Every call below runs in a
//! fresh instance.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow_schema::SchemaRef;
use wasmtime::component::ResourceAny;

use crate::connector::Connector;
use crate::contract::{Checker, ConnectionInfo, Description, ListRequest, TableInfo, list_request};
use crate::egress::Policy;
use crate::error::{RuntimeError, StoreError};
use crate::instance::Instance;
use crate::keyvalue::Buckets;
use crate::linked::Linked;
use crate::params::Params;
use crate::reader::Reader;
use crate::runtime::Shared;
use crate::store::{BucketId, Registered};
use crate::table::Table;
use crate::tenant::TenantId;

/// A database. Clones are the same database; if it is dropped or replaced, calls through them fail
/// with [`RuntimeError::NoSuchDatabase`].
#[derive(Clone)]
pub struct Database(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    connector: Connector,
    tenant: TenantId,
    name: String,
    bucket: BucketId,
    administrator: bool,
    /// In force while the database has no name yet.
    policy: Option<Arc<Policy>>,
}

/// An instance with its connection.
pub(crate) struct Connection {
    pub(crate) instance: Instance,
    pub(crate) handle: ResourceAny,
}

impl Database {
    pub(crate) fn new(
        shared: Arc<Shared>,
        connector: Connector,
        tenant: TenantId,
        row: Registered,
    ) -> Self {
        let Registered { name, bucket, administrator, .. } = row;
        let policy = None;
        Self(Arc::new(Inner { shared, connector, tenant, name, bucket, administrator, policy }))
    }

    /// A connection that is made but has no name yet: it is there for whoever prepares it.
    pub(crate) fn nameless(
        shared: Arc<Shared>,
        connector: Connector,
        tenant: TenantId,
        row: Registered,
        policy: Arc<Policy>,
    ) -> Self {
        let Registered { name, bucket, administrator, .. } = row;
        let policy = Some(policy);
        Self(Arc::new(Inner { shared, connector, tenant, name, bucket, administrator, policy }))
    }

    /// Whether both are the same connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (&self.0.tenant, self.0.bucket) == (&other.0.tenant, other.0.bucket)
    }

    /// The name as it was written when the database was created.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The engine's name.
    pub fn engine(&self) -> &str {
        self.0.connector.engine()
    }

    /// The time by the clock that the connector sees.
    pub(crate) async fn now(&self) -> std::time::SystemTime {
        self.0.shared.clock.now().await
    }

    /// What the connector says about itself.
    pub fn description(&self) -> &Description {
        self.0.connector.description()
    }

    /// What is known of the connection; no network, never a secret.
    ///
    /// # Errors
    /// What the connector reports, or what went wrong in it.
    pub async fn info(&self) -> Result<ConnectionInfo, RuntimeError> {
        const CALL: &str = "connection.info";
        let Connection { instance, handle } = self.resume().await?;
        let (_, reply) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move { guest.connection().call_info(store, handle).await })
            })
            .await?;
        let check = Checker::new(CALL);
        check.connection_info(check.reply(reply)?)
    }

    /// Changes parameters by a JSON object: present keys replace, null removes. All or nothing.
    ///
    /// # Errors
    /// [`RuntimeError::InvalidParams`], [`RuntimeError::ProfileNotApproved`], or what the connector
    /// reports.
    pub async fn alter_params(&self, changes: &str) -> Result<(), RuntimeError> {
        const CALL: &str = "connection.alter-params";
        let changes = Params::new(changes)?;
        let policies = self.0.connector.policies();
        let profile = match changes.profile(policies)? {
            // Back to what holds for those that pick none.
            Some(None) => {
                let Inner { shared, connector, tenant, .. } = &*self.0;
                let installed = shared.installed(tenant, connector.engine()).await?;
                let picked = installed.map(|params| params.profile(policies)).transpose()?;
                Some(picked.flatten().flatten())
            }
            picked => picked,
        };
        let policy = profile.as_ref().map(|picked| policies.pick(picked.as_deref())).transpose()?;
        let Connection { instance, handle } = self.resume_under(policy).await?;
        let (_, reply) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move {
                    guest.connection().call_alter_params(store, handle, changes.text()).await
                })
            })
            .await?;
        Checker::new(CALL).reply(reply)?;
        if let Some(profile) = profile {
            self.0.shared.store.set_profile(self.0.bucket, profile).await?;
        }
        Ok(())
    }

    /// The tables that the connector makes up.
    ///
    /// # Errors
    /// What went wrong in the connector.
    pub async fn system_tables(&self) -> Result<Vec<TableInfo>, RuntimeError> {
        const CALL: &str = "connection.system-tables";
        let Connection { instance, handle } = self.resume().await?;
        let (_, tables) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move { guest.connection().call_system_tables(store, handle).await })
            })
            .await?;
        Checker::new(CALL).tables(tables)
    }

    /// Starts a listing; nothing is asked before its first page is.
    ///
    /// # Errors
    /// What went wrong while the connection was taken up.
    pub async fn list_tables(&self, request: ListRequest) -> Result<Listing, RuntimeError> {
        let connection = self.resume().await?;
        Ok(Listing { request, state: ListingState::At { connection, page: None } })
    }

    /// Opens a table; nothing is read but what its schema needs.
    ///
    /// # Errors
    /// What the connector reports, or what went wrong in it.
    pub async fn read_table(
        &self,
        name: &str,
        options: &[(String, String)],
    ) -> Result<Table, RuntimeError> {
        Table::read(self.clone(), name, options).await
    }

    /// Opens a split that was planned anywhere, in a fresh instance. After the deadline, counted
    /// from now, the reader fails.
    ///
    /// # Errors
    /// What the connector reports, or what went wrong in it.
    pub async fn open_split(
        &self,
        schema: SchemaRef,
        split: &[u8],
        deadline: Option<Duration>,
    ) -> Result<Reader, RuntimeError> {
        let connection = self.resume().await?;
        Reader::open(connection, schema, split, deadline, self.0.shared.limits.message).await
    }

    /// That the connector left an interface out.
    pub(crate) fn lacks(&self, interface: &'static str) -> RuntimeError {
        RuntimeError::NotOffered { engine: self.engine().to_owned(), interface }
    }

    pub(crate) fn component(&self) -> &Linked {
        self.0.connector.component()
    }

    /// Bytes of one Arrow message that a reader takes.
    pub(crate) fn message_limit(&self) -> usize {
        self.0.shared.limits.message
    }

    /// A fresh instance that has taken up the connection.
    pub(crate) async fn resume(&self) -> Result<Connection, RuntimeError> {
        self.resume_under(None).await
    }

    /// With another egress policy than the one in force.
    async fn resume_under(&self, policy: Option<Arc<Policy>>) -> Result<Connection, RuntimeError> {
        const CALL: &str = "connection.resume";
        let Inner { shared, connector, tenant, bucket, administrator, .. } = &*self.0;
        let (bucket, profile) =
            shared.store.connection_bucket(tenant, *bucket).await.map_err(|error| match error {
                StoreError::Gone => RuntimeError::NoSuchDatabase { name: self.0.name.clone() },
                other => other.into(),
            })?;
        let policy = match policy.or_else(|| self.0.policy.clone()) {
            Some(policy) => policy,
            None => connector.policies().pick(profile.as_deref())?,
        };
        let buckets = shared.buckets(tenant, connector.engine(), bucket, *administrator).await?;
        let instance = shared.instance(connector.component(), tenant, policy, buckets).await?;
        let (instance, reply) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move { guest.connection().call_resume(store).await })
            })
            .await?;
        Ok(Connection { instance, handle: Checker::new(CALL).reply(reply)? })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("tenant", &self.0.tenant)
            .field("name", &self.0.name)
            .field("engine", &self.engine())
            .finish_non_exhaustive()
    }
}

/// Makes a new connection, which the guest keeps in its bucket.
pub(crate) async fn connect(
    shared: &Shared,
    connector: &Connector,
    tenant: &TenantId,
    policy: Arc<Policy>,
    buckets: Buckets,
    params: Params,
) -> Result<(), RuntimeError> {
    const CALL: &str = "connection.connect";
    let instance = shared.instance(connector.component(), tenant, policy, buckets).await?;
    let (_, reply) = instance
        .call(CALL, |guest, store| {
            Box::pin(async move { guest.connection().call_connect(store, params.text()).await })
        })
        .await?;
    Checker::new(CALL).reply(reply).map(|_| ())
}

/// A listing under way; it keeps its instance.
pub struct Listing {
    request: ListRequest,
    state: ListingState,
}

enum ListingState {
    At { connection: Connection, page: Option<String> },
    Over,
}

impl Listing {
    /// The next page, which may be empty, or `None` at the end. After an error there is no more.
    ///
    /// # Errors
    /// What the connector reports, or what went wrong in it.
    pub async fn next_page(&mut self) -> Result<Option<Vec<TableInfo>>, RuntimeError> {
        const CALL: &str = "connection.list-tables";
        let state = std::mem::replace(&mut self.state, ListingState::Over);
        let ListingState::At { connection: Connection { instance, handle }, page } = state else {
            return Ok(None);
        };
        let request = list_request(&self.request, page.clone());
        let (instance, reply) = instance
            .call(CALL, |guest, store| {
                Box::pin(async move {
                    guest.connection().call_list_tables(store, handle, &request).await
                })
            })
            .await?;
        let check = Checker::new(CALL);
        let reply = check.reply(reply)?;
        let entries = check.tables(reply.entries)?;
        if let Some(next) = check.page_token(reply.next)? {
            if page.as_ref() == Some(&next) {
                return check.broken("a page names itself as the next one");
            }
            let connection = Connection { instance, handle };
            self.state = ListingState::At { connection, page: Some(next) };
        }
        Ok(Some(entries))
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("request", &self.request).finish_non_exhaustive()
    }
}
