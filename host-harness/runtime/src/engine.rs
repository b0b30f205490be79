//! The wasmtime engine, its clock tick, and the linker with what the contract's world offers and
//! nothing else.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{
    Config, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
    StoreContextMut,
};
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, FutureIncomingResponse, OutgoingRequest, RequestOptions,
};
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::bindings::{platform, wasi};
use crate::egress;
use crate::error::RuntimeError;
use crate::instance::Host;
use crate::limits::Limits;

/// How often guests are interrupted, to yield and to be charged for processor time.
const TICK: Duration = Duration::from_millis(10);

/// A component made by wit-component has a main module, a shim and a fix-up; this leaves room.
const MODULES: u32 = 8;
const TABLES: u32 = 4;

/// The instance that wasmtime-wasi-http defines; guests may import any compatible version.
const HTTP_TYPES: &str = "wasi:http/types@0.2.12";
const HTTP_HANDLER: &str = "wasi:http/outgoing-handler@0.2.12";

/// An engine whose pool holds as many instances as the limits allow.
pub(crate) fn engine(limits: &Limits) -> Result<Engine, RuntimeError> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits.instances)
        .total_core_instances(limits.instances.saturating_mul(MODULES))
        .total_memories(limits.instances)
        .total_tables(limits.instances.saturating_mul(TABLES))
        .total_stacks(limits.instances)
        .max_core_instances_per_component(MODULES)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_memory_size(limits.memory)
        .table_elements(limits.table_elements);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16))
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .concurrency_support(false);
    let engine = Engine::new(&config).map_err(setup)?;
    tick(engine.weak())?;
    Ok(engine)
}

/// Raises the engine's epoch until the engine is gone.
fn tick(engine: EngineWeak) -> Result<(), RuntimeError> {
    let ticking = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    thread::Builder::new()
        .name("datasource-ticks".to_owned())
        .spawn(ticking)
        .map(|_| ())
        .map_err(|error| RuntimeError::Setup { reason: format!("no thread for ticks: {error}") })
}

/// The number of ticks in a processor time.
pub(crate) fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Offers the interfaces of the world `connector`, one by one.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Host>, RuntimeError> {
    let mut linker = Linker::new(engine);
    link(&mut linker).map_err(setup)?;
    Ok(linker)
}

fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    struct Io;
    impl wasmtime::component::HasData for Io {
        type Data<'a> = &'a mut ResourceTable;
    }
    io::error::add_to_linker::<Host, Io>(linker, Host::table)?;
    io::poll::add_to_linker::<Host, Io>(linker, Host::table)?;
    io::streams::add_to_linker::<Host, Io>(linker, Host::table)?;

    let options = http::types::LinkOptions::default();
    http::types::add_to_linker::<Host, WasiHttp>(linker, &options, Host::http)?;
    http::outgoing_handler::add_to_linker::<Host, WasiHttp>(linker, Host::http)?;
    link_http_error_code(linker)?;
    link_handle(linker)?;

    fn host(host: &mut Host) -> &mut Host {
        host
    }
    wasi::clocks::wall_clock::add_to_linker::<Host, HasSelf<Host>>(linker, host)?;
    wasi::clocks::monotonic_clock::add_to_linker::<Host, HasSelf<Host>>(linker, host)?;
    wasi::random::random::add_to_linker::<Host, HasSelf<Host>>(linker, host)?;
    wasi::keyvalue::store::add_to_linker::<Host, HasSelf<Host>>(linker, host)?;
    wasi::keyvalue::atomics::add_to_linker::<Host, HasSelf<Host>>(linker, host)?;
    // Types only; every connector names them in its exports.
    platform::datasource::types::add_to_linker::<Host, HasSelf<Host>>(linker, host)?;
    Ok(())
}

/// wasmtime-wasi-http 48 looks for another type than the one that its body streams fail with, so a
/// guest would never learn that a body was cut off. This finds it.
fn link_http_error_code(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    type Answer = wasmtime::Result<(Option<http::types::ErrorCode>,)>;
    let find =
        |mut store: StoreContextMut<'_, Host>, (error,): (Resource<io::error::Error>,)| -> Answer {
            let error = store.data_mut().table().get(&error)?;
            let found = error.downcast_ref::<wasmtime_wasi_http::Error>().map(egress::error_code);
            Ok((found,))
        };
    linker.allow_shadowing(true);
    linker.instance(HTTP_TYPES)?.func_wrap("http-error-code", find)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// wasmtime-wasi-http 48 keeps the options of every request in the table for good, so that an
/// instance would crash after as many requests as it may have resources. This lets go of them.
fn link_handle(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    type Request = (Resource<OutgoingRequest>, Option<Resource<RequestOptions>>);
    type Answer = wasmtime::Result<(Result<Resource<FutureIncomingResponse>, ErrorCode>,)>;
    let handle = |mut store: StoreContextMut<'_, Host>, (request, options): Request| -> Answer {
        let host = store.data_mut();
        let given = options.as_ref().map(Resource::rep);
        let answer = http::outgoing_handler::Host::handle(&mut host.http(), request, options);
        if let Some(given) = given {
            host.table().delete(Resource::<RequestOptions>::new_own(given))?;
        }
        match answer {
            Ok(answer) => Ok((Ok(answer),)),
            Err(error) => Ok((Err(error.downcast()?),)),
        }
    };
    linker.allow_shadowing(true);
    linker.instance(HTTP_HANDLER)?.func_wrap("handle", handle)?;
    linker.allow_shadowing(false);
    Ok(())
}

fn setup(error: wasmtime::Error) -> RuntimeError {
    RuntimeError::Setup { reason: format!("{error:#}") }
}
