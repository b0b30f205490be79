//! The pooled HTTPS client of a tenant. Tenants share neither connections nor TLS sessions.

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::WasiBody;

use super::address::is_public;
use super::endpoint_map::EndpointMap;
use super::failure::ConnectFailure;
use crate::error::RuntimeError;
use crate::limits::Limits;
use crate::tenant::TenantId;

/// How long an unused connection is kept; shorter than what common servers do.
const IDLE: Duration = Duration::from_secs(60);

/// Unused connections to one host.
const IDLE_PER_HOST: usize = 16;

/// TLS sessions remembered for resumption.
const TLS_SESSIONS: usize = 64;

/// The clients of all tenants, made when first needed.
pub(crate) struct Clients {
    tls: ClientConfig,
    dialer: Dialer,
    requests: usize,
    instances: u32,
    tenants: Mutex<HashMap<TenantId, Arc<TenantClient>>>,
}

/// A tenant's client and its shares of requests and instances.
pub(crate) struct TenantClient {
    pub(super) http: Client<HttpsConnector<Dialer>, WasiBody>,
    pub(super) requests: Arc<Semaphore>,
    pub(crate) instances: Arc<Semaphore>,
}

impl Clients {
    /// Trusts the public authorities and those of the PEM files.
    pub(crate) fn new(
        limits: &Limits,
        endpoints: EndpointMap,
        extra_ca: &[Vec<u8>],
    ) -> Result<Self, RuntimeError> {
        let setup = |reason: String| RuntimeError::Setup { reason };
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for pem in extra_ca {
            for certificate in certificates(pem).map_err(setup)? {
                roots.add(certificate).map_err(|error| {
                    setup(format!("a trusted certificate is not usable: {error}"))
                })?;
            }
        }
        let tls =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| setup(format!("TLS: {error}")))?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let dialer = Dialer { endpoints: Arc::new(endpoints), timeout: limits.connect_timeout };
        let Limits { requests, tenant_instances: instances, .. } = *limits;
        Ok(Self { tls, dialer, requests, instances, tenants: Mutex::default() })
    }

    /// The client of a tenant.
    pub(crate) fn of(&self, tenant: &TenantId) -> Arc<TenantClient> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let client = tenants.entry(tenant.clone()).or_insert_with(|| Arc::new(self.make()));
        Arc::clone(client)
    }

    fn make(&self) -> TenantClient {
        let mut tls = self.tls.clone();
        tls.resumption = Resumption::in_memory_sessions(TLS_SESSIONS);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(self.dialer.clone());
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .build(connector);
        let share = |size: usize| Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS)));
        let instances = usize::try_from(self.instances).unwrap_or(usize::MAX);
        TenantClient { http, requests: share(self.requests), instances: share(instances) }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("a file of trusted certificates is not PEM: {error}"))?;
    if found.is_empty() {
        return Err("a file of trusted certificates holds no certificate in PEM".to_owned());
    }
    Ok(found)
}

/// Opens TCP connections: mapped names where the map says, all others where DNS says, as far as
/// that is public.
#[derive(Clone)]
pub(crate) struct Dialer {
    endpoints: Arc<EndpointMap>,
    timeout: Duration,
}

impl tower_service::Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move {
            let host = uri.host().ok_or(ConnectFailure::NoAddress)?;
            let dialing = async { dial(&dialer.addresses(host).await?).await };
            tokio::time::timeout(dialer.timeout, dialing)
                .await
                .map_err(|_| ConnectFailure::Timeout)?
                .map(TokioIo::new)
        })
    }
}

impl Dialer {
    async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, ConnectFailure> {
        if let Some(mapped) = self.endpoints.lookup(host) {
            return Ok(vec![mapped]);
        }
        let resolved: Vec<_> = tokio::net::lookup_host((host, 443))
            .await
            .map_err(|_| ConnectFailure::NoAddress)?
            .collect();
        if resolved.is_empty() {
            return Err(ConnectFailure::NoAddress);
        }
        let public: Vec<_> =
            resolved.into_iter().filter(|address| is_public(address.ip())).collect();
        if public.is_empty() { Err(ConnectFailure::NotPublic) } else { Ok(public) }
    }
}

/// Tries addresses in turn; one that does not answer soon makes way for the next.
async fn dial(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectFailure> {
    const PATIENCE: Duration = Duration::from_secs(3);
    let mut failure = ConnectFailure::NoAddress;
    for (position, address) in addresses.iter().enumerate() {
        let connecting = TcpStream::connect(address);
        let last = position + 1 == addresses.len();
        let outcome = if last {
            connecting.await
        } else {
            match tokio::time::timeout(PATIENCE, connecting).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    failure = ConnectFailure::Timeout;
                    continue;
                }
            }
        };
        match outcome {
            Ok(stream) => {
                // A request is written at once; waiting to fill packets only delays it.
                stream.set_nodelay(true).map_err(ConnectFailure::Io)?;
                return Ok(stream);
            }
            Err(error) => failure = ConnectFailure::Io(error),
        }
    }
    Err(failure)
}
