//! A component joined to what the host offers, and where its exports are: those that every
//! connector has, and those that it may leave out.

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre, Linker};

use crate::bindings::optional::exports::platform::datasource::{authorization, diagnostics, sync};
use crate::bindings::{Guest, GuestIndices};
use crate::cache::first_line;
use crate::error::RuntimeError;
use crate::inspect::EXPORT;
use crate::instance::Host;

/// A component that can be instantiated.
#[derive(Clone)]
pub(crate) struct Linked {
    component: InstancePre<Host>,
    guest: GuestIndices,
    sync: Option<sync::GuestIndices>,
    authorization: Option<authorization::GuestIndices>,
    diagnostics: Option<diagnostics::GuestIndices>,
}

impl Linked {
    /// Joins a component to the host's functions.
    pub(crate) fn new(linker: &Linker<Host>, component: &Component) -> Result<Self, RuntimeError> {
        let component = linker.instantiate_pre(component).map_err(|error| {
            RuntimeError::ImportRefused { import: quoted(&format!("{error:#}")) }
        })?;
        let guest = GuestIndices::new(&component).map_err(|error| RuntimeError::ExportMissing {
            export: format!("{EXPORT}: {}", first_line(&error)),
        })?;
        Ok(Self {
            guest,
            sync: sync::GuestIndices::new(&component).ok(),
            authorization: authorization::GuestIndices::new(&component).ok(),
            diagnostics: diagnostics::GuestIndices::new(&component).ok(),
            component,
        })
    }

    pub(crate) async fn instantiate(
        &self,
        store: &mut Store<Host>,
    ) -> wasmtime::Result<(Instance, Guest)> {
        let instance = self.component.instantiate_async(&mut *store).await?;
        let guest = self.guest.load(store, &instance)?;
        Ok((instance, guest))
    }

    pub(crate) fn sync(&self) -> Option<&sync::GuestIndices> {
        self.sync.as_ref()
    }

    pub(crate) fn authorization(&self) -> Option<&authorization::GuestIndices> {
        self.authorization.as_ref()
    }

    pub(crate) fn diagnostics(&self) -> Option<&diagnostics::GuestIndices> {
        self.diagnostics.as_ref()
    }
}

/// The names in an error of the linker, which quotes the interface and then what it lacks.
fn quoted(error: &str) -> String {
    let names: Vec<_> = error.split('`').skip(1).step_by(2).collect();
    if names.is_empty() { error.to_owned() } else { names.join("#") }
}
