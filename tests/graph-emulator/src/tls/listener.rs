//! The listener: each connection is TLS, or CONNECT and then TLS, and carries HTTP/1.1.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{CertificateAuthority, connect};
use crate::faults::{Line, Watched};
use crate::network::Stream;
use crate::service;
use crate::world::World;

/// A client has this long to say what it wants, and again to shake hands.
const OPENING_TIME: Duration = Duration::from_secs(10);
/// A kept-alive connection may be idle for this long.
const IDLE_TIME: Duration = Duration::from_secs(120);
const MAX_CONNECTIONS: usize = 4_096;
const MAX_REQUEST_HEAD: usize = 64 * 1024;
/// Ciphertext waiting for the socket: several records go out in one system call.
const TLS_BUFFER: usize = 512 * 1024;
/// The first byte of every TLS handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;

/// TLS 1.2 and 1.3 with certificates from `authority`, offering HTTP/1.1.
pub(crate) fn acceptor(authority: Arc<CertificateAuthority>) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(authority);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts connections until the task is aborted, which also ends the connections.
pub(crate) async fn serve(listener: TcpListener, tls: TlsAcceptor, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, tls.clone(), Arc::clone(&world)));
                }
                // Out of file descriptors, most likely: wait for connections to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(tcp: TcpStream, tls: TlsAcceptor, world: Arc<World>) {
    // Delayed small writes would show up as latency that the real service does not have.
    let _ = tcp.set_nodelay(true);
    let (accepted, shape) = (Instant::now(), world.network.shape());
    let Some(tcp) = open(tcp).await else { return world.journal.refuse_connection() };
    let line = Arc::new(Line::default());
    // Carriers end with this connection, also when its task is aborted.
    let mut carriers = JoinSet::new();
    let stream = match shape {
        None => Stream::plain(tcp, Arc::clone(&line)),
        Some(shape) => {
            let (stream, carrier) = Stream::shaped(tcp, Arc::clone(&line), shape, accepted);
            carriers.spawn(carrier);
            stream
        }
    };
    let time = OPENING_TIME + shape.map(|shape| shape.opening_time()).unwrap_or_default();
    match shake_hands(stream, &tls, time).await {
        Some(stream) => {
            world.journal.open_connection();
            serve_http(stream, line, world).await;
        }
        None => world.journal.refuse_connection(),
    }
    // What was written last is still on its way.
    let _ = timeout(IDLE_TIME, carriers.join_next()).await;
}

/// Answers CONNECT if the client begins with it. None if nothing is to follow.
async fn open(mut tcp: TcpStream) -> Option<TcpStream> {
    let mut first = [0];
    timeout(OPENING_TIME, tcp.peek(&mut first)).await.ok()?.ok().filter(|&read| read == 1)?;
    if first[0] == HANDSHAKE_RECORD {
        return Some(tcp);
    }
    let opened = timeout(OPENING_TIME, connect::open_tunnel(&mut tcp)).await.ok()?.ok()?;
    opened.then_some(tcp)
}

async fn shake_hands(
    stream: Stream,
    tls: &TlsAcceptor,
    time: Duration,
) -> Option<TlsStream<Stream>> {
    let handshake = tls.accept_with(stream, |session| session.set_buffer_limit(Some(TLS_BUFFER)));
    timeout(time, handshake).await.ok()?.ok()
}

async fn serve_http(stream: TlsStream<Stream>, line: Arc<Line>, world: Arc<World>) {
    let server_name: Arc<str> =
        stream.get_ref().1.server_name().unwrap_or_default().to_ascii_lowercase().into();
    let stream = Watched::new(stream, Arc::clone(&line));
    let answer = service_fn(move |request| {
        let (world, line) = (Arc::clone(&world), Arc::clone(&line));
        let server_name = Arc::clone(&server_name);
        async move { service::answer(&world, &server_name, &line, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME)
        .max_header_size(MAX_REQUEST_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    // A client that goes away in the middle is no concern of the emulator's.
    let _ = connection.await;
}
