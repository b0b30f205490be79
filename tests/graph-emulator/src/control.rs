//! The control API: plain HTTP/1.1 and JSON, for tests on the same machine.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /clock` | | `{"now_ms":N}` |
//! | `POST /clock` | one of `{"advance_ms":N}`, `{"at_least_ms":T}`, `{"set_ms":T}` | `{"now_ms":N}` |
//! | `GET /journal` | | `{"requests":[…],"dropped":0,"refused_connections":0}` |
//! | `DELETE /journal` | | `{}` |
//! | `POST /tokens` | | `{"access_token","refresh_token","expires_at"}` |
//! | `POST /tokens/revoke` | | `{}` |
//! | `POST /tokens/expire-access` | | `{}` |
//! | `POST /faults` | `{"host","path_prefix","status","retry_after"?,"times"}` | `{}` |
//! | `DELETE /faults` | | `{}` |
//!
//! A refusal has a 4xx status and `{"error":"a sentence"}`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::faults::Fault;
use crate::hosts;
use crate::world::World;

const MAX_BODY: usize = 64 * 1024;
const MAX_CONNECTIONS: usize = 64;

/// Serves the control API until the task is aborted.
pub(crate) async fn serve(listener: TcpListener, world: Arc<World>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&world)));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let world = Arc::clone(&world);
        async move { Ok::<_, Infallible>(reply(answer(&world, request).await)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), answer);
    // A client that goes away in the middle is no concern of the emulator's.
    let _ = connection.await;
}

/// A status and a sentence for the person who wrote the request.
type Refused = (StatusCode, String);

fn reply(answered: Result<Vec<u8>, Refused>) -> Response<Full<Bytes>> {
    let (status, body) = match answered {
        Ok(body) => (StatusCode::OK, body),
        Err((status, sentence)) => (status, json!({ "error": sentence }).to_string().into_bytes()),
    };
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}

async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Result<Vec<u8>, Refused> {
    let (head, body) = request.into_parts();
    if !is_local(&head) {
        // A web page in a browser could otherwise reach this port under a name of its own.
        let sentence = "the control API answers to a loopback address as its Host only";
        return Err((StatusCode::FORBIDDEN, sentence.to_owned()));
    }
    let too_large = |_| (StatusCode::PAYLOAD_TOO_LARGE, "the body is too large".to_owned());
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(too_large)?.to_bytes();
    let world = Arc::clone(world);
    let answered = tokio::task::spawn_blocking(move || route(&world, &head, &body)).await;
    answered.unwrap_or_else(|error| Err((StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
}

fn is_local(head: &Parts) -> bool {
    let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| {
        ["127.0.0.1", "localhost", "[::1]"].contains(&hosts::without_port(host).as_str())
    })
}

fn route(world: &World, head: &Parts, body: &[u8]) -> Result<Vec<u8>, Refused> {
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/clock") => Ok(now(world)),
        (&Method::POST, "/clock") => set_clock(world, read(body)?),
        (&Method::GET, "/journal") => world.journal.report().map_err(internal),
        (&Method::DELETE, "/journal") => {
            world.journal.clear();
            done()
        }
        (&Method::POST, "/tokens") => {
            let tokens = world.mint();
            world.save().map_err(internal)?;
            serde_json::to_vec(&tokens).map_err(internal)
        }
        (&Method::POST, "/tokens/revoke") => {
            world.tokens.revoke_all(world.clock.now_ms());
            world.save().map_err(internal)?;
            done()
        }
        (&Method::POST, "/tokens/expire-access") => {
            world.tokens.expire_access();
            world.save().map_err(internal)?;
            done()
        }
        (&Method::POST, "/faults") => {
            world.faults.add(read::<Fault>(body)?).map_err(unusable)?;
            done()
        }
        (&Method::DELETE, "/faults") => {
            world.faults.clear();
            done()
        }
        (
            _,
            "/clock"
            | "/journal"
            | "/tokens"
            | "/tokens/revoke"
            | "/tokens/expire-access"
            | "/faults",
        ) => {
            let sentence = format!("{} does not take {}", head.uri.path(), head.method);
            Err((StatusCode::METHOD_NOT_ALLOWED, sentence))
        }
        _ => Err((StatusCode::NOT_FOUND, format!("there is no {} here", head.uri.path()))),
    }
}

/// A change of the clock: an object with one of these names.
#[derive(Deserialize)]
enum ClockChange {
    #[serde(rename = "advance_ms")]
    Advance(i64),
    #[serde(rename = "at_least_ms")]
    AtLeast(i64),
    #[serde(rename = "set_ms")]
    Set(i64),
}

fn set_clock(world: &World, change: ClockChange) -> Result<Vec<u8>, Refused> {
    let changed = match change {
        ClockChange::Advance(by) => world.clock.advance(by),
        ClockChange::AtLeast(time) => world.clock.at_least(time),
        ClockChange::Set(time) => world.clock.set(time),
    };
    changed.map_err(unusable)?;
    world.save().map_err(internal)?;
    Ok(now(world))
}

fn now(world: &World) -> Vec<u8> {
    json!({ "now_ms": world.clock.now_ms() }).to_string().into_bytes()
}

fn done() -> Result<Vec<u8>, Refused> {
    Ok(b"{}".to_vec())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(unusable)
}

fn unusable(error: impl std::error::Error) -> Refused {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn internal(error: impl std::error::Error) -> Refused {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
