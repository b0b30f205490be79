//! The connector's four ports on the native target: hyper, the system's
//! clock and randomness, a map.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use onedrive_core::ports::{
    Body, Bucket, Clock, Http, LocalFuture, Ports, Random, Request, Response, Store, StoreError,
    TimestampMs, TransportError,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::Failure;

/// Ports that reach every host at one address.
pub(crate) fn ports(address: SocketAddr, ca: &[u8]) -> Result<Rc<Ports>, Failure> {
    Ok(Rc::new(Ports {
        http: Box::new(NativeHttp { client: client(address, ca)? }),
        clock: Box::new(SystemClock),
        random: Box::new(SystemRandom),
        store: Box::new(MapStore::default()),
    }))
}

type HttpsClient = Client<HttpsConnector<HttpConnector<Fixed>>, Full<Bytes>>;

struct NativeHttp {
    client: HttpsClient,
}

fn client(address: SocketAddr, ca: &[u8]) -> Result<HttpsClient, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca) {
        roots.add(certificate?)?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new_with_resolver(Fixed(address));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_only()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Resolves every name to one address.
#[derive(Clone)]
struct Fixed(SocketAddr);

impl tower_service::Service<Name> for Fixed {
    type Response = std::iter::Once<SocketAddr>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        std::future::ready(Ok(std::iter::once(self.0)))
    }
}

impl Http for NativeHttp {
    fn send(&self, request: Request) -> LocalFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let broken =
                |error: &dyn std::fmt::Display| TransportError::Connection(error.to_string());
            let uri = format!("https://{}{}", request.url.host(), request.url.path_and_query());
            let mut built = http::Request::builder()
                .method(request.method)
                .uri(uri)
                .body(Full::new(request.body))
                .map_err(|error| TransportError::Invalid(error.to_string()))?;
            *built.headers_mut() = request.headers;
            let answer = self.client.request(built).await.map_err(|error| broken(&error))?;
            let (head, body) = answer.into_parts();
            let body = Box::new(NativeBody(body));
            Ok(Response { status: head.status, headers: head.headers, body })
        })
    }
}

struct NativeBody(Incoming);

impl Body for NativeBody {
    fn chunk(&mut self) -> LocalFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async move {
            loop {
                match self.0.frame().await {
                    None => return Ok(None),
                    Some(Err(error)) => return Err(TransportError::Connection(error.to_string())),
                    Some(Ok(frame)) => {
                        if let Ok(data) = frame.into_data() {
                            return Ok(Some(data));
                        }
                    }
                }
            }
        })
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> TimestampMs {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        TimestampMs::try_from(since.as_millis()).unwrap_or(TimestampMs::MAX)
    }

    fn sleep(&self, duration: Duration) -> LocalFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        let random = ring::rand::SystemRandom::new();
        ring::rand::SecureRandom::fill(&random, buffer).expect("the system has randomness");
    }
}

#[derive(Default)]
struct MapStore(RefCell<HashMap<(Bucket, String), Vec<u8>>>);

impl Store for MapStore {
    fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.borrow().get(&(bucket, key.to_owned())).cloned())
    }

    fn set(&self, bucket: Bucket, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.0.borrow_mut().insert((bucket, key.to_owned()), value.to_vec());
        Ok(())
    }

    fn delete(&self, bucket: Bucket, key: &str) -> Result<(), StoreError> {
        self.0.borrow_mut().remove(&(bucket, key.to_owned()));
        Ok(())
    }

    fn compare_and_swap(
        &self,
        bucket: Bucket,
        key: &str,
        expected: Option<&[u8]>,
        value: &[u8],
    ) -> Result<bool, StoreError> {
        let same = self.get(bucket, key)?.as_deref() == expected;
        if same {
            self.set(bucket, key, value)?;
        }
        Ok(same)
    }
}
