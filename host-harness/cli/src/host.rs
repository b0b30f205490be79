//! The runtime and a session over it, set up from the command line.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datasource_runtime::{
    Approval, Connector, EndpointMap, Runtime, RuntimeOptions, SignIns, TenantId,
};
use datasource_sql::{Callback, Session, SignInDesk};
use indicatif::{ProgressBar, ProgressStyle};

use crate::callback::Loopback;
use crate::emulator::{Control, ReadyFile};
use crate::errors::CliError;
use crate::options::{HostOptions, Role, Sha256};
use crate::paths::{beside_program, default_state};
use crate::remote_clock::RemoteClock;
use crate::workers::{WorkerSession, Workers};

/// The connector that is used when none is named.
const DEFAULT_COMPONENT: &str = "onedrive-datasource.wasm";

/// A host with a session for its one tenant.
pub(crate) struct Host {
    pub(crate) runtime: Runtime,
    pub(crate) tenant: TenantId,
    pub(crate) session: WorkerSession,
    pub(crate) sign_ins: SignIns,
    pub(crate) callback: Arc<Loopback>,
}

/// Sets up a host and opens a session.
pub(crate) async fn open(options: &HostOptions, workers: Workers) -> Result<Host, CliError> {
    let mut setup = RuntimeOptions::new(state(options)?);
    let mut map = EndpointMap::new();
    if let Some(path) = &options.emulator {
        let ready = ReadyFile::read(path)?;
        let control = Control::new(ready.control);
        // Fails here, with a sentence about the emulator, rather than at the first request.
        control.clock().await?;
        for host in &ready.hosts {
            map = map.with(host, ready.listen)?;
        }
        setup = setup.trust_ca(&read(&ready.ca)?).clock(Arc::new(RemoteClock::new(control)));
    }
    for (host, address) in &options.map {
        map = map.with(host, *address)?;
    }
    for path in &options.ca {
        setup = setup.trust_ca(&read(path)?);
    }
    let runtime = Runtime::new(setup.endpoint_map(map))?;
    let approval = approval(&options.approve, options.pin);
    load(&runtime, &component(options.component.as_deref())?, approval).await?;
    let runtime = match options.role {
        Role::Administrator => runtime.as_administrator(),
        Role::User => runtime,
    };
    let tenant = TenantId::default();
    let callback = Arc::new(Loopback::new(options.callback_port, workers.handle().clone()));
    let desk = SignInDesk::new(Arc::clone(&callback) as Arc<dyn Callback>);
    let sign_ins = desk.sign_ins.clone();
    let session = Session::new(runtime.clone(), tenant.clone())?
        .with_sign_ins(desk)
        .with_environment(|name| std::env::var(name).ok());
    let session = WorkerSession::new(session, workers);
    Ok(Host { runtime, tenant, session, sign_ins, callback })
}

/// Where the host keeps what outlives it.
pub(crate) fn state(options: &HostOptions) -> Result<PathBuf, CliError> {
    options.state.clone().map_or_else(default_state, Ok)
}

/// Loads a component, with a sign of life while it is compiled.
pub(crate) async fn load(
    runtime: &Runtime,
    path: &Path,
    approval: Approval,
) -> Result<Connector, CliError> {
    let bytes = read_component(path)?;
    let progress = spinner(format!("Preparing {}", path.display()));
    let connector = runtime.load(&bytes, approval).await;
    progress.finish_and_clear();
    Ok(connector?)
}

/// The bytes of a component's file.
pub(crate) fn read_component(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(|error| {
        CliError::failed(format!("The component {} cannot be read: {error}.", path.display()))
            .hint("Name the connector's file with --component FILE, or build it first.")
    })
}

/// A spinner on standard error; nothing in a pipe.
pub(crate) fn spinner(message: String) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style).with_message(message);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn component(named: Option<&Path>) -> Result<PathBuf, CliError> {
    match named {
        Some(path) => Ok(path.to_owned()),
        None => beside_program(DEFAULT_COMPONENT),
    }
}

fn approval(profiles: &[String], pin: Option<Sha256>) -> Approval {
    let approved = profiles.iter().fold(Approval::none(), |all, profile| all.profile(profile));
    match pin {
        Some(Sha256(hash)) => approved.pin_sha256(hash),
        None => approved,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(path).map_err(CliError::file("read", path))
}
