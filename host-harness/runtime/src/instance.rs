//! One instance of a component: what the host keeps for it, and calls into it that are bounded in
//! processor time and real time. An instance that failed is gone.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, Trap, UpdateDeadline};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::exports::platform::datasource::datasource::Guest;
use crate::bindings::{GuestPre, platform};
use crate::cache::first_line;
use crate::clock::Clock;
use crate::egress::EgressHook;
use crate::engine::ticks;
use crate::error::RuntimeError;
use crate::keyvalue::Buckets;
use crate::limits::{Limits, Meter, OutOfTime};

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
    guest: crate::bindings::Guest,
    limits: Arc<Limits>,
    _place: Place,
}

impl Instance {
    /// Makes an instance in its place.
    pub(crate) async fn new(
        engine: &Engine,
        component: &GuestPre<Host>,
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
        let instantiating = component.instantiate_async(&mut store);
        let guest = match tokio::time::timeout(limits.call_wall, instantiating).await {
            Ok(Ok(guest)) => guest,
            Ok(Err(error)) => return Err(explain(CALL, &error, store.data(), &limits)),
            Err(_) => return Err(RuntimeError::Deadline { call: CALL, limit: limits.call_wall }),
        };
        Ok(Self(Box::new(Live { store, guest, limits, _place: place })))
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
        match outcome {
            Ok(Ok(value)) => Ok((self, value)),
            Ok(Err(error)) => Err(explain(call, &error, live.store.data(), &live.limits)),
            Err(_) => Err(RuntimeError::Deadline { call, limit }),
        }
    }

    /// Bytes of linear memory in use; linear memory never shrinks.
    pub(crate) fn memory(&self) -> usize {
        self.0.store.data().meter.memory()
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
