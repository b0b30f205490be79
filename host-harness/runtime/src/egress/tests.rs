//! The way out, end to end: a hook, its pooled client and a TLS server on this machine.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks as _};

use super::*;
use crate::contract::{Description, EgressProfile, EgressRule};
use crate::limits::Limits;
use crate::options::Approval;
use crate::tenant::TenantId;

type Stream = TlsStream<TcpStream>;
type Answering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A TLS server that answers each connection by a function, and its certificate authority.
struct Server {
    address: SocketAddr,
    ca: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn new(answer: fn(Stream) -> Answering) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::default();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["a.example.com".to_owned()])
            .unwrap()
            .signed_by(&key, &Issuer::new(ca, ca_key))
            .unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(tls) = acceptor.accept(tcp).await {
                        answer(tls).await;
                    }
                });
            }
        });
        Self { address, ca: ca_pem, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn hook(&self, limits: &Limits) -> EgressHook {
        let endpoints = EndpointMap::new().with("a.example.com", self.address).unwrap();
        hook(limits, endpoints, &[self.ca.clone().into_bytes()])
    }
}

fn hook(limits: &Limits, endpoints: EndpointMap, ca: &[Vec<u8>]) -> EgressHook {
    let clients = Clients::new(limits, endpoints, ca).unwrap();
    let rule = |host: &str| EgressRule {
        host: host.to_owned(),
        methods: vec!["GET".to_owned()],
        purpose: String::new(),
    };
    let description = Description {
        engine: "e".to_owned(),
        title: String::new(),
        version: String::new(),
        parameters: Vec::new(),
        read_options: Vec::new(),
        egress_profiles: vec![EgressProfile {
            name: "p".to_owned(),
            rules: vec![rule("a.example.com"), rule("localhost"), rule("x.invalid")],
            doc: String::new(),
        }],
        egress_parameter: None,
    };
    let policies = Policies::new(&description, &Approval::none().profile("p")).unwrap();
    EgressHook::new(clients.of(&TenantId::default()), policies.pick(None).unwrap(), limits)
}

async fn get(
    hook: &mut EgressHook,
    uri: &str,
    options: RequestOptions,
) -> Result<http::Response<WasiBody>, Error> {
    let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::builder().uri(uri).body(body).unwrap();
    let sending = hook.send_request(request, Some(options), Box::new(async { Ok(()) }));
    Ok(Pin::from(sending).await?.0)
}

async fn simple(hook: &mut EgressHook) -> Result<http::Response<WasiBody>, Error> {
    get(hook, "https://a.example.com/x", RequestOptions::default()).await
}

/// Reads a request up to its blank line.
async fn read_head(stream: &mut Stream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

async fn send(stream: &mut Stream, bytes: &[u8]) {
    // The other side may be gone, which is what some tests are about.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
}

/// Answers every request of a connection with 100 small writes of 1000 bytes.
fn small_writes(mut stream: Stream) -> Answering {
    Box::pin(async move {
        while read_head(&mut stream).await {
            send(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
            for n in 0..100 {
                send(&mut stream, &[n; 1_000]).await;
            }
        }
    })
}

#[tokio::test]
async fn a_body_arrives_whole_in_few_frames() {
    let server = Server::new(small_writes).await;
    let mut hook = server.hook(&Limits::default());
    let mut body = simple(&mut hook).await.unwrap().into_body();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (mut frames, mut bytes) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        frames += 1;
        bytes.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(bytes.len(), 100_000);
    assert!(bytes.chunks(1_000).enumerate().all(|(n, chunk)| chunk == [n as u8; 1_000]));
    assert!(frames < 10, "{frames} frames: small ones were not joined");
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::new(small_writes).await;
    let mut hook = server.hook(&Limits::default());
    for _ in 0..3 {
        simple(&mut hook).await.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_an_error() {
    let server = Server::new(|mut stream| {
        Box::pin(async move {
            read_head(&mut stream).await;
            send(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
        })
    })
    .await;
    let body = simple(&mut server.hook(&Limits::default())).await.unwrap().into_body();
    let error = body.collect().await.unwrap_err();
    assert!(matches!(error, Error::HttpResponseIncomplete), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let server = Server::new(|mut stream| {
        Box::pin(async move {
            read_head(&mut stream).await;
            let head = b"HTTP/1.1 302 Found\r\nlocation: https://a.example.com/y\r\ncontent-length: 0\r\n\r\n";
            send(&mut stream, head).await;
        })
    })
    .await;
    let response = simple(&mut server.hook(&Limits::default())).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn denied_requests_never_leave() {
    let server = Server::new(small_writes).await;
    let mut hook = server.hook(&Limits::default());
    for uri in [
        "https://b.example.com/",
        "http://a.example.com/",
        "https://a.example.com:444/",
        "https://127.0.0.1/",
    ] {
        let error = get(&mut hook, uri, RequestOptions::default()).await.unwrap_err();
        assert!(matches!(error, Error::HttpRequestDenied), "{uri}: {error}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_prohibited_unless_it_is_mapped() {
    let mut hook = hook(&Limits::default(), EndpointMap::new(), &[]);
    let error = get(&mut hook, "https://localhost/", RequestOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::DestinationIpProhibited), "{error}");
}

#[tokio::test]
async fn a_server_with_a_foreign_certificate_is_not_trusted() {
    let server = Server::new(small_writes).await;
    let endpoints = EndpointMap::new().with("a.example.com", server.address).unwrap();
    let error = simple(&mut hook(&Limits::default(), endpoints, &[])).await.unwrap_err();
    assert!(matches!(error, Error::TlsCertificateError), "{error}");
}

#[tokio::test]
async fn nobody_listening_is_connection_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoints = EndpointMap::new().with("a.example.com", address).unwrap();
    let error = simple(&mut hook(&Limits::default(), endpoints, &[])).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionRefused), "{error}");
}

#[tokio::test]
async fn each_wait_has_its_time_out() {
    const SHORT: Option<Duration> = Some(Duration::from_millis(150));
    let uri = "https://a.example.com/";

    // Takes the connection but does not speak TLS.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoints = EndpointMap::new().with("a.example.com", mute.local_addr().unwrap()).unwrap();
    let options = RequestOptions { connect_timeout: SHORT, ..RequestOptions::default() };
    let error = get(&mut hook(&Limits::default(), endpoints, &[]), uri, options).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionTimeout), "{error}");

    // Reads the request and says nothing.
    let silent = Server::new(|mut stream| {
        Box::pin(async move {
            read_head(&mut stream).await;
            std::future::pending::<()>().await;
        })
    })
    .await;
    let options = RequestOptions { first_byte_timeout: SHORT, ..RequestOptions::default() };
    let error = get(&mut silent.hook(&Limits::default()), uri, options).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");

    // Stops in the middle of the body.
    let stalling = Server::new(|mut stream| {
        Box::pin(async move {
            read_head(&mut stream).await;
            send(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
            std::future::pending::<()>().await;
        })
    })
    .await;
    let options = RequestOptions { between_bytes_timeout: SHORT, ..RequestOptions::default() };
    let body = get(&mut stalling.hook(&Limits::default()), uri, options).await.unwrap();
    let error = body.into_body().collect().await.unwrap_err();
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error}");
}

/// How much `endless` has written, over all tests that use it one at a time.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static STOPPED: AtomicUsize = AtomicUsize::new(0);

fn endless(mut stream: Stream) -> Answering {
    Box::pin(async move {
        read_head(&mut stream).await;
        send(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await;
        let chunk = vec![0; 64 << 10];
        while stream.write_all(&chunk).await.is_ok() {
            WRITTEN.fetch_add(chunk.len(), Ordering::SeqCst);
        }
        STOPPED.fetch_add(1, Ordering::SeqCst);
    })
}

#[tokio::test]
async fn reading_ahead_is_bounded_and_stops_with_the_body() {
    let server = Server::new(endless).await;
    let limits = Limits { read_ahead: 256 << 10, ..Limits::default() };
    let mut body = simple(&mut server.hook(&limits)).await.unwrap().into_body();

    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = WRITTEN.load(Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    // What the kernel buffers on both sides comes on top.
    assert!(before < 32 << 20, "{before} bytes were read ahead");
    assert!(before >= 256 << 10, "{before} bytes were read ahead");

    let mut read = 0;
    while read < 64 << 20 {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert!(WRITTEN.load(Ordering::SeqCst) > before, "reading goes on");

    drop(body);
    for _ in 0..50 {
        if STOPPED.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server still writes");
}

#[tokio::test]
async fn requests_under_way_are_limited() {
    let server = Server::new(|mut stream| {
        Box::pin(async move {
            read_head(&mut stream).await;
            send(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n").await;
            std::future::pending::<()>().await;
        })
    })
    .await;
    let limits =
        Limits { requests: 1, connect_timeout: Duration::from_millis(300), ..Limits::default() };
    let mut hook = server.hook(&limits);
    let first = simple(&mut hook).await.unwrap();
    let error = simple(&mut hook).await.unwrap_err();
    assert!(matches!(error, Error::ConnectionLimitReached), "{error}");
    drop(first);
    simple(&mut hook).await.unwrap();
}

#[test]
fn what_is_no_certificate_is_not_trusted_silently() {
    for pem in [&b""[..], b"text", b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"]
    {
        let made = Clients::new(&Limits::default(), EndpointMap::new(), &[pem.to_vec()]);
        assert!(made.is_err(), "{pem:?}");
    }
}
