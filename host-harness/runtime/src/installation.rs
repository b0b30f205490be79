//! What an administrator installs for many connections: parameters of an application, which
//! connectors read under the label `installation` and callers never see.
//!
//! One for a tenant goes before the one for all tenants.

use crate::connector::Connector;
use crate::contract::Parameter;
use crate::error::{RuntimeError, StoreError};
use crate::params::Params;
use crate::runtime::{Runtime, Shared};
use crate::store::{Bucket, Label, Store};
use crate::tenant::TenantId;

/// The key of the installed parameters, a JSON object.
const APPLICATION: &str = "application";

/// The buckets of a tenant's installation and of the one for all, as far as there are any.
pub(crate) async fn buckets(
    store: &Store,
    tenant: &TenantId,
    engine: &str,
) -> Result<Vec<Bucket>, StoreError> {
    let mut buckets = Vec::new();
    for tenant in [tenant, &TenantId::all()] {
        buckets.extend(store.find_shared_bucket(tenant, engine, Label::Installation).await?);
    }
    Ok(buckets)
}

impl Shared {
    /// The parameters that are installed for a tenant.
    pub(crate) async fn installed(
        &self,
        tenant: &TenantId,
        engine: &str,
    ) -> Result<Option<Params>, RuntimeError> {
        for bucket in buckets(&self.store, tenant, engine).await? {
            if let Some(value) = bucket.read(APPLICATION.to_owned()).await?.value {
                let text = String::from_utf8(value).map_err(|_| StoreError::Damaged)?;
                return Params::new(&text).map(Some);
            }
        }
        Ok(None)
    }
}

impl Runtime {
    /// Installs an application's parameters (a JSON object) for the connections of one tenant, or
    /// of all. They take effect at the next call into any connection.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchEngine`], [`RuntimeError::InvalidParams`] if a name is not one of the
    /// connector's parameters, [`RuntimeError::ProfileNotApproved`].
    pub async fn install(
        &self,
        tenant: Option<&TenantId>,
        engine: &str,
        params: &str,
    ) -> Result<(), RuntimeError> {
        let connector = self.connector(engine)?;
        let params = Params::new(params)?;
        known(&connector, &params)?;
        let profile = params.profile(connector.policies())?.flatten();
        connector.policies().pick(profile.as_deref())?;
        let tenant = tenant.cloned().unwrap_or_else(TenantId::all);
        let store = &self.shared.store;
        let bucket = store.shared_bucket(&tenant, connector.engine(), Label::Installation).await?;
        let text = params.text().as_bytes().to_vec();
        Ok(bucket.set(APPLICATION.to_owned(), text).await?)
    }

    /// Takes an installation back; false if there was none.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchEngine`], [`RuntimeError::Store`].
    pub async fn uninstall(
        &self,
        tenant: Option<&TenantId>,
        engine: &str,
    ) -> Result<bool, RuntimeError> {
        let connector = self.connector(engine)?;
        let tenant = tenant.cloned().unwrap_or_else(TenantId::all);
        let store = &self.shared.store;
        let found = store.find_shared_bucket(&tenant, connector.engine(), Label::Installation);
        let Some(bucket) = found.await? else { return Ok(false) };
        let present = bucket.read(APPLICATION.to_owned()).await?.value.is_some();
        bucket.delete(APPLICATION.to_owned()).await?;
        Ok(present)
    }

    /// What is installed for a tenant, or for all: names, and those values that are not secret.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchEngine`], [`RuntimeError::Store`].
    pub async fn installation(
        &self,
        tenant: Option<&TenantId>,
        engine: &str,
    ) -> Result<Option<Vec<(String, Option<String>)>>, RuntimeError> {
        let connector = self.connector(engine)?;
        let tenant = tenant.cloned().unwrap_or_else(TenantId::all);
        let store = &self.shared.store;
        let found = store.find_shared_bucket(&tenant, connector.engine(), Label::Installation);
        let Some(bucket) = found.await? else { return Ok(None) };
        let Some(value) = bucket.read(APPLICATION.to_owned()).await?.value else { return Ok(None) };
        let text = String::from_utf8(value).map_err(|_| StoreError::Damaged)?;
        let params = Params::new(&text)?;
        let public = |name: &str| parameter(&connector, name).is_some_and(|known| !known.secret);
        let shown = params
            .entries()
            .map(|(name, value)| (name.clone(), public(name).then(|| value.to_string())));
        Ok(Some(shown.collect()))
    }
}

fn parameter<'a>(connector: &'a Connector, name: &str) -> Option<&'a Parameter> {
    connector.description().parameters.iter().find(|parameter| parameter.name == name)
}

fn known(connector: &Connector, params: &Params) -> Result<(), RuntimeError> {
    match params.entries().find(|(name, _)| parameter(connector, name).is_none()) {
        None => Ok(()),
        Some((name, _)) => {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            let reason = format!("`{shown}` is no parameter of {}", connector.engine());
            Err(RuntimeError::InvalidParams { reason })
        }
    }
}
