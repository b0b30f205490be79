//! The control API: plain HTTP/1.1 and JSON, for tests on the same machine.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /clock` | | `{"now_ms":N}` |
//! | `POST /clock` | one of `{"advance_ms":N}`, `{"at_least_ms":T}`, `{"set_ms":T}` | `{"now_ms":N}` |
//! | `GET /journal?since=SEQ&host=NAME` | | `{"requests":[…],"dropped":0,"refused_connections":0}` |
//! | `GET /counters` | | totals since the journal was emptied |
//! | `DELETE /journal` | | `{}` |
//! | `GET`, `POST /faults` | a rule | the rules; `{"id":N}` |
//! | `DELETE /faults`, `/faults/{id}` | | `{}` |
//! | `GET`, `POST /variants` | switches to change | all switches |
//! | `GET`, `POST /network` | `{"latency_ms","bandwidth_bytes_per_second"}` | the shape of connections |
//! | `GET`, `POST /throttle` | `{"factor","tier"}` or `null` | the limits |
//! | `POST /tokens` | `{"user"?,"client_id"?}` | `{"access_token","refresh_token","expires_at"}` |
//! | `POST /tokens/revoke` | `{"user"?,"access"?}` | `{}` |
//! | `POST /tokens/expire-access` | | `{}` |
//! | `POST /device-codes/{code}` | `{"user"}` or `{"decline":true}` | `{}` |
//! | `POST /authorize` | `{"url","email"}` | `{"location"}`: where the person is sent who signs in and accepts |
//! | `POST /links/expire`, `/delta/expire` | | `{}` |
//! | `GET /population` | | directories, people, groups, sites, applications, consents |
//! | `POST /directories`, `/users`, `/applications`, `/consents`, `/groups`, `/sites` | see `population` | what was made |
//! | `POST /users/{name}`, `/applications/{client_id}` | what to change | the whole |
//! | `DELETE /consents` | | `{}` |
//! | `GET /drives`, `POST /drives` | see `drives` | the drives |
//! | `POST /drives/{drive}/edit` | one step or several, see `drives` | the items |
//! | `GET`, `PUT /state` | | everything but contents |
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
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::hosts;
use crate::world::World;

mod drives;
mod people;
mod service;
mod tokens;

pub(crate) use drives::change_file;

const MAX_BODY: usize = 256 * 1024 * 1024;
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
type Answered = Result<Vec<u8>, Refused>;

fn reply(answered: Answered) -> Response<Full<Bytes>> {
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

async fn answer(world: &Arc<World>, request: Request<Incoming>) -> Answered {
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

/// One request, taken apart.
struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    query: &'a str,
    body: &'a [u8],
}

fn route(world: &World, head: &Parts, body: &[u8]) -> Answered {
    let (path, query) = (head.uri.path(), head.uri.query().unwrap_or_default());
    let asked = Asked { method: &head.method, path, query, body };
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<&str> = decoded.trim_matches('/').split('/').collect();
    match segments[..] {
        ["clock"] => service::clock(world, &asked),
        ["journal"] => service::journal(world, &asked),
        ["counters"] => service::counters(world, &asked),
        ["faults", ref rest @ ..] => service::faults(world, &asked, rest),
        ["variants"] => service::variants(world, &asked),
        ["network"] => service::network(world, &asked),
        ["throttle"] => service::throttle(world, &asked),
        ["links", "expire"] => asked.post(|| {
            world.links.expire_all();
            done()
        }),
        ["delta", "expire"] => asked.post(|| {
            world.kill_delta_tokens();
            saved(world, json!({}))
        }),
        ["tokens", ref rest @ ..] => tokens::answer(world, &asked, rest),
        ["authorize"] => tokens::authorize(world, &asked),
        ["device-codes", code] => tokens::device_code(world, &asked, code),
        [
            "population" | "directories" | "users" | "applications" | "consents" | "groups"
            | "sites",
            ref rest @ ..,
        ] => people::answer(world, &asked, segments[0], rest),
        ["drives", ref rest @ ..] => drives::answer(world, &asked, rest),
        ["state"] => service::state(world, &asked),
        _ => Err((StatusCode::NOT_FOUND, format!("there is no {path} here"))),
    }
}

impl Asked<'_> {
    fn post(&self, act: impl FnOnce() -> Answered) -> Answered {
        if self.method == Method::POST { act() } else { Err(self.wrong_method()) }
    }

    fn wrong_method(&self) -> Refused {
        let sentence = format!("{} does not take {}", self.path, self.method);
        (StatusCode::METHOD_NOT_ALLOWED, sentence)
    }

    /// The body; an empty one is as good as an empty object.
    fn read<T: DeserializeOwned>(&self) -> Result<T, Refused> {
        let body = if self.body.is_empty() { b"{}" } else { self.body };
        serde_json::from_slice(body).map_err(unusable)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// Saves the world and answers.
fn saved(world: &World, answer: Value) -> Answered {
    world.save().map_err(internal)?;
    Ok(answer.to_string().into_bytes())
}

fn done() -> Answered {
    Ok(b"{}".to_vec())
}

fn unusable(error: impl std::error::Error) -> Refused {
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn refused(sentence: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, sentence.into())
}

fn missing(what: &str) -> Refused {
    (StatusCode::NOT_FOUND, format!("there is no {what}"))
}

fn internal(error: impl std::error::Error) -> Refused {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
