//! What happens to every request on the TLS side: journal, host check, faults, the owner's answer.

use std::io;
use std::sync::Arc;

use http::header::{DATE, HOST};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::body::{self, Body, Counted, Reply, plain};
use crate::faults::{Fault, Line};
use crate::hosts::{self, Service};
use crate::throttle::{Caller, Meter, RateLimit};
use crate::world::World;
use crate::{clock, download, entra, graph};

/// What a request costs by the service's own accounting; carried in a reply's extensions.
#[derive(Clone, Copy)]
pub(crate) struct ResourceUnits(pub(crate) u8);

/// Whose request it was, for the journal; carried in a reply's extensions.
#[derive(Clone)]
pub(crate) struct Who {
    /// An address such as `ann@contoso.com`, or `app`.
    pub(crate) name: String,
    /// A client ID.
    pub(crate) application: Option<String>,
}

/// Answers one request of a connection that was opened for `server_name`. An error drops the
/// connection.
pub(crate) async fn answer(
    world: &Arc<World>,
    server_name: &str,
    line: &Arc<Line>,
    request: Request<Incoming>,
) -> io::Result<Response<Counted<Body>>> {
    let now_ms = world.clock.now_ms();
    let (head, body) = request.into_parts();
    let host = host(&head);
    let entry = world.journal.arrive(now_ms, host.as_deref().unwrap_or(server_name), &head);
    let body = Counted::new(body, entry.request_tally());

    let service = host.as_deref().filter(|host| *host == server_name).and_then(hosts::service);
    let fault = service.and_then(|_| world.faults.take(server_name, &head));
    let id = fault.as_ref().map(Fault::id);
    if fault.as_ref().is_some_and(Fault::resets) {
        line.reset();
        world.journal.answer(entry, None, id);
        return Err(io::ErrorKind::ConnectionReset.into());
    }

    let mut reply = match (host, service) {
        (None, _) => plain(StatusCode::BAD_REQUEST, "Bad Request - Invalid Hostname\n"),
        (Some(_), None) => misdirected(),
        (Some(host), Some(service)) => {
            let asked = Asked { service, host, head, body, now_ms };
            respond(world, line, fault, asked).await
        }
    };
    if let Ok(date) = HeaderValue::from_str(&clock::http(now_ms)) {
        reply.headers_mut().insert(DATE, date);
    }
    if !world.variants().rate_limit_headers {
        RateLimit::hide(reply.headers_mut());
    }
    let tally = entry.response_tally();
    let caller = reply.extensions_mut().remove::<Caller>();
    world.journal.answer(entry, Some(&mut reply), id);
    let meter = caller.map(|caller| Meter::new(Arc::clone(world), caller));
    Ok(reply.map(|body| Counted::new(body, tally).metered(meter)))
}

fn misdirected() -> Reply {
    let text = "this connection was opened for another host name\n";
    plain(StatusCode::MISDIRECTED_REQUEST, text)
}

/// A request to a host that is served.
struct Asked {
    service: Service,
    host: String,
    head: Parts,
    body: Counted<Incoming>,
    now_ms: i64,
}

/// The owner's answer, or what a fault makes of it.
async fn respond(
    world: &Arc<World>,
    line: &Arc<Line>,
    fault: Option<Fault>,
    mut asked: Asked,
) -> Reply {
    let Some(fault) = fault else {
        return own(world, &asked.host, asked.service, &asked.head, asked.body).await;
    };
    if let Some(reply) = fault.instead(world, asked.service, &asked.head, asked.now_ms) {
        return reply;
    }
    fault.before(world, &mut asked.head).await;
    let Asked { service, host, head, body, .. } = asked;
    let reply = own(world, &host, service, &head, body).await;
    fault.after(world, &head, line, reply).await
}

async fn own(
    world: &Arc<World>,
    host: &str,
    service: Service,
    head: &Parts,
    body: Counted<Incoming>,
) -> Reply {
    match service {
        Service::Graph => {
            let reply = graph::answer(world, host, head, body).await;
            body::compressed(reply, &head.headers).await
        }
        Service::Login => entra::answer(world, host, head, body).await,
        Service::Download if graph::is_upload(head.uri.path()) => {
            graph::answer_upload(world, head, body).await
        }
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
