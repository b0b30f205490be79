//! The listener: each connection is TLS, or CONNECT and then TLS, and carries HTTP/1.1.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{CertificateAuthority, connect};
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

async fn connection(stream: TcpStream, tls: TlsAcceptor, world: Arc<World>) {
    // Delayed small writes would show up as latency that the real service does not have.
    let _ = stream.set_nodelay(true);
    match shake_hands(stream, &tls).await {
        Some(stream) => serve_http(stream, world).await,
        None => world.journal.refuse_connection(),
    }
}

async fn shake_hands(mut stream: TcpStream, tls: &TlsAcceptor) -> Option<TlsStream<TcpStream>> {
    let mut first = [0];
    timeout(OPENING_TIME, stream.peek(&mut first)).await.ok()?.ok().filter(|&read| read == 1)?;
    if first[0] != HANDSHAKE_RECORD {
        let opened = timeout(OPENING_TIME, connect::open_tunnel(&mut stream)).await.ok()?.ok()?;
        if !opened {
            return None;
        }
    }
    let handshake = tls.accept_with(stream, |session| session.set_buffer_limit(Some(TLS_BUFFER)));
    timeout(OPENING_TIME, handshake).await.ok()?.ok()
}

async fn serve_http(stream: TlsStream<TcpStream>, world: Arc<World>) {
    let server_name: Arc<str> =
        stream.get_ref().1.server_name().unwrap_or_default().to_ascii_lowercase().into();
    let answer = service_fn(move |request| {
        let (world, server_name) = (Arc::clone(&world), Arc::clone(&server_name));
        async move { Ok::<_, Infallible>(service::answer(&world, &server_name, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME)
        .max_header_size(MAX_REQUEST_HEAD)
        .serve_connection(TokioIo::new(stream), answer);
    // A client that goes away in the middle is no concern of the emulator's.
    let _ = connection.await;
}
