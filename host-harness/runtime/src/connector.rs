//! A loaded component: checked, compiled, described, ready to be instantiated.

use std::fmt;
use std::sync::Arc;

use crate::contract::{Checker, Description};
use crate::egress::{Policies, Policy};
use crate::error::RuntimeError;
use crate::hex;
use crate::inspect::{EXPORT, Inspection, inspect};
use crate::keyvalue::Buckets;
use crate::linked::Linked;
use crate::options::Approval;
use crate::runtime::Shared;
use crate::tenant::TenantId;

/// A loaded connector.
#[derive(Clone)]
pub struct Connector(Arc<Loaded>);

struct Loaded {
    inspection: Inspection,
    description: Arc<Description>,
    policies: Policies,
    component: Linked,
}

impl Connector {
    /// What it says about itself.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// The engine name that databases are created with.
    pub fn engine(&self) -> &str {
        &self.0.description.engine
    }

    /// What was found in its bytes.
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }

    pub(crate) fn policies(&self) -> &Policies {
        &self.0.policies
    }

    pub(crate) fn component(&self) -> &Linked {
        &self.0.component
    }

    /// Checks, compiles and describes a component.
    pub(crate) async fn load(
        shared: &Arc<Shared>,
        wasm: &[u8],
        approval: &Approval,
    ) -> Result<Self, RuntimeError> {
        let inspection = admit(wasm, approval)?;
        let component = {
            let (shared, wasm, sha256) = (Arc::clone(shared), wasm.to_vec(), inspection.sha256);
            let compiling = move || shared.cache.load(&shared.engine, &wasm, &sha256);
            tokio::task::spawn_blocking(compiling).await.map_err(|error| {
                RuntimeError::Setup { reason: format!("compiling was abandoned: {error}") }
            })??
        };
        let component = Linked::new(&shared.linker, &component)?;
        let description = describe(shared, &component).await?;
        let policies = Policies::new(&description, approval)?;
        let description = Arc::new(description);
        Ok(Self(Arc::new(Loaded { inspection, description, policies, component })))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("engine", &self.engine())
            .field("sha256", &hex(&self.0.inspection.sha256))
            .finish_non_exhaustive()
    }
}

/// The checks that need only the bytes.
fn admit(wasm: &[u8], approval: &Approval) -> Result<Inspection, RuntimeError> {
    let inspection = inspect(wasm)?;
    if let Some(expected) = approval.sha256
        && expected != inspection.sha256
    {
        return Err(RuntimeError::PinMismatch {
            expected: hex(&expected),
            actual: hex(&inspection.sha256),
        });
    }
    if let Some(import) = inspection.refused.first() {
        return Err(RuntimeError::ImportRefused { import: import.clone() });
    }
    if !inspection.is_connector() {
        return Err(RuntimeError::ExportMissing { export: EXPORT.to_owned() });
    }
    Ok(inspection)
}

async fn describe(shared: &Shared, component: &Linked) -> Result<Description, RuntimeError> {
    const CALL: &str = "describe";
    let policy = Arc::new(Policy::deny_all());
    let instance =
        shared.instance(component, &TenantId::default(), policy, Buckets::default()).await?;
    let (_, description) = instance
        .call(CALL, |guest, store| Box::pin(async move { guest.call_describe(store).await }))
        .await?;
    Checker::new(CALL).description(description)
}
