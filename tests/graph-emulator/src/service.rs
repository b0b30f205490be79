//! What happens to every request on the TLS side: journal, host check, faults, the owner's answer.

use std::sync::Arc;

use http::header::{DATE, HOST};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::body::{Body, Counted, Reply, plain};
use crate::hosts::{self, Service};
use crate::world::World;
use crate::{clock, download, entra, graph};

/// What a request costs by the service's own accounting; carried in a reply's extensions.
#[derive(Clone, Copy)]
pub(crate) struct ResourceUnits(pub(crate) u8);

/// Answers one request of a connection that was opened for `server_name`.
pub(crate) async fn answer(
    world: &Arc<World>,
    server_name: &str,
    request: Request<Incoming>,
) -> Response<Counted<Body>> {
    let now_ms = world.clock.now_ms();
    let (head, body) = request.into_parts();
    let host = host(&head);
    let entry = world.journal.arrive(now_ms, host.as_deref().unwrap_or(server_name), &head);
    let body = Counted::new(body, entry.request_bytes());

    let mut reply = match host {
        None => plain(StatusCode::BAD_REQUEST, "Bad Request - Invalid Hostname\n"),
        Some(host) => respond(world, server_name, &host, &head, body, now_ms).await,
    };
    if let Ok(date) = HeaderValue::from_str(&clock::http(now_ms)) {
        reply.headers_mut().insert(DATE, date);
    }
    let units = reply.extensions().get().map_or(0, |&ResourceUnits(units)| units);
    let counter = entry.response_bytes();
    world.journal.answer(entry, reply.status().as_u16(), units);
    reply.map(|body| Counted::new(body, counter))
}

async fn respond(
    world: &Arc<World>,
    server_name: &str,
    host: &str,
    head: &Parts,
    body: Counted<Incoming>,
    now_ms: i64,
) -> Reply {
    let Some(service) = hosts::service(host).filter(|_| host == server_name) else {
        let text = "this connection was opened for another host name\n";
        return plain(StatusCode::MISDIRECTED_REQUEST, text);
    };
    if let Some(fault) = world.faults.take(host, head.uri.path()) {
        return fault.reply(service, now_ms);
    }
    match service {
        Service::Graph => graph::answer(world, head).await,
        Service::Login => entra::answer(world, head, body).await,
        Service::Download => download::answer(world, host, head).await,
    }
}

/// The host that the request is for: of an absolute URI, else of the one `Host` header.
fn host(head: &Parts) -> Option<String> {
    let mut named = head.headers.get_all(HOST).iter();
    let header = match (named.next(), named.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    };
    head.uri.host().or(header).map(hosts::without_port)
}
