//! One instance of a component: what the host keeps for it, and calls into it that are bounded in
//! processor time and real time. An instance that failed is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::error::Elapsed;
use wasmtime::component::{self, ResourceTable};
use wasmtime::{Engine, Store, Trap, UpdateDeadline};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::exports::platform::datasource::datasource::Guest;
use crate::bindings::platform;
use crate::cache::first_line;
use crate::clock::Clock;
use crate::egress::EgressHook;
use crate::engine::ticks;
use crate::error::RuntimeError;
use crate::keyvalue::Buckets;
use crate::limits::{Limits, Meter, OutOfTime};
use crate::linked::Linked;

/// What the host keeps for one instance.
pub(crate) struct Host {
    table: ResourceTable,
    http: WasiHttpCtx,
    egress: EgressHook,
    meter: Meter,
    pub(crate) buckets: Buckets,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Host {
    pub(crate) fn new(
        limits: &Limits,
        clock: Arc<dyn Clock>,
        egress: EgressHook,
        buckets: Buckets,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        Self { table, http: WasiHttpCtx::new(), egress, meter: Meter::new(limits), buckets, clock }
    }

    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl platform::datasource::types::Host for Host {}

impl WasiHttpView for Host {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.egress, table: &mut self.table, ctx: &mut self.http }
    }
}

/// An instance's place in its tenant's share and in the engine's pool, for as long as it lives.
pub(crate) struct Place {
    pub(crate) _tenant: OwnedSemaphorePermit,
    pub(crate) _pool: OwnedSemaphorePermit,
}

/// The future of a call, made by a closure over the store and the guest's exports.
pub(crate) type Calling<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

/// A live instance. Calls consume it and give it back only if the guest is still sound, so that
/// nothing can call into a guest that trapped, ran out of time or was abandoned half-way.
pub(crate) struct Instance(Box<Live>);

struct Live {
    store: Store<Host>,
    instance: component::Instance,
    guest: crate::bindings::Guest,
    limits: Arc<Limits>,
    _place: Place,
}

impl Instance {
    /// Makes an instance in its place.
    pub(crate) async fn new(
        engine: &Engine,
        component: &Linked,
        host: Host,
        limits: Arc<Limits>,
        place: Place,
    ) -> Result<Self, RuntimeError> {
        const CALL: &str = "instantiate";
        let mut store = Store::new(engine, host);
        store.limiter(|host| &mut host.meter);
        store.set_hostcall_fuel(limits.transfer);
        store.epoch_deadline_callback(|mut store| {
            store.data_mut().meter.tick()?;
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
        arm(&mut store, &limits);
        let instantiating = component.instantiate(&mut store);
        let (instance, guest) = match tokio::time::timeout(limits.call_wall, instantiating).await {
            Ok(Ok(made)) => made,
            Ok(Err(error)) => return Err(explain(CALL, &error, store.data(), &limits)),
            Err(_) => return Err(RuntimeError::Deadline { call: CALL, limit: limits.call_wall }),
        };
        Ok(Self(Box::new(Live { store, instance, guest, limits, _place: place })))
    }

    /// Calls a function of the contract.
    pub(crate) async fn call<T>(
        self,
        call: &'static str,
        function: impl for<'a> FnOnce(&'a Guest, &'a mut Store<Host>) -> Calling<'a, T>,
    ) -> Result<(Self, T), RuntimeError> {
        self.call_within(call, None, function).await
    }

    /// Calls a function of the contract with less time than the limits allow.
    pub(crate) async fn call_within<T>(
        mut self,
        call: &'static str,
        time: Option<Duration>,
        function: impl for<'a> FnOnce(&'a Guest, &'a mut Store<Host>) -> Calling<'a, T>,
    ) -> Result<(Self, T), RuntimeError> {
        let live = &mut *self.0;
        arm(&mut live.store, &live.limits);
        let limit = time.map_or(live.limits.call_wall, |time| time.min(live.limits.call_wall));
        let guest = live.guest.platform_datasource_datasource();
        let outcome = tokio::time::timeout(limit, function(guest, &mut live.store)).await;
        let value = ended(call, limit, outcome, live.store.data(), &live.limits)?;
        Ok((self, value))
    }

    /// Calls a function of an interface that the connector may leave out.
    pub(crate) async fn call_optional<G, T>(
        mut self,
        call: &'static str,
        find: impl FnOnce(&mut Store<Host>, &component::Instance) -> wasmtime::Result<G>,
        function: impl for<'a> FnOnce(&'a G, &'a mut Store<Host>) -> Calling<'a, T>,
    ) -> Result<(Self, T), RuntimeError> {
        let live = &mut *self.0;
        let found = find(&mut live.store, &live.instance);
        let guest =
            found.map_err(|error| explain(call, &error, live.store.data(), &live.limits))?;
        arm(&mut live.store, &live.limits);
        let limit = live.limits.call_wall;
        let outcome = tokio::time::timeout(limit, function(&guest, &mut live.store)).await;
        let value = ended(call, limit, outcome, live.store.data(), &live.limits)?;
        Ok((self, value))
    }

    /// Bytes of linear memory in use; linear memory never shrinks.
    pub(crate) fn memory(&self) -> usize {
        self.0.store.data().meter.memory()
    }
}

/// How a call ended.
fn ended<T>(
    call: &'static str,
    limit: Duration,
    outcome: Result<wasmtime::Result<T>, Elapsed>,
    host: &Host,
    limits: &Limits,
) -> Result<T, RuntimeError> {
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(explain(call, &error, host, limits)),
        Err(_) => Err(RuntimeError::Deadline { call, limit }),
    }
}

/// Gives the next call its processor time.
fn arm(store: &mut Store<Host>, limits: &Limits) {
    store.data_mut().meter.start_call(ticks(limits.call_cpu));
    store.set_epoch_deadline(1);
}

fn explain(
    call: &'static str,
    error: &wasmtime::Error,
    host: &Host,
    limits: &Limits,
) -> RuntimeError {
    if error.downcast_ref::<OutOfTime>().is_some() {
        return RuntimeError::CpuLimit { call, budget: limits.call_cpu };
    }
    if host.meter.denied_memory() {
        return RuntimeError::MemoryLimit { call, limit: limits.memory };
    }
    let reason = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => first_line(&wasmtime::format_err!("{}", error.root_cause())),
    };
    RuntimeError::Trap { call, reason }
}
