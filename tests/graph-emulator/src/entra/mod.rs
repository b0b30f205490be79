//! Microsoft Entra ID: what the login hosts answer. (7)

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

pub(crate) use browser::sign_in;
pub(crate) use jwt::{Signer, SigningKey};
pub(crate) use sign_ins::SignIns;
pub(crate) use tokens::{Access, Grant, SavedToken, TokenSet, TokenStore};

use crate::body::{Counted, Reply, plain};
use crate::cloud::Instance;
use crate::world::World;
use door::Door;
use errors::Trace;
use form::Form;

mod admin_consent;
mod assertion;
mod authority;
mod authorize;
mod browser;
mod client;
mod device;
mod device_codes;
mod discovery;
mod door;
mod errors;
mod form;
mod id_token;
mod jwt;
mod logout;
mod pages;
mod pkce;
mod realm;
mod redirect;
mod reply;
mod scope;
mod short_address;
mod sign_in;
mod sign_ins;
mod table;
mod token;
mod tokens;

/// Requests are forms; refresh tokens and assertions are a few kilobytes.
const MAX_FORM: usize = 64 * 1024;

/// A request, and what goes with its answer.
struct Exchange<'a> {
    world: &'a World,
    /// Whose host was asked.
    instance: Instance,
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    form: &'a Form,
    body: &'a [u8],
    trace: &'a Trace,
    /// Who signs in and accepts, where a test plays the person at the browser.
    person: Option<&'a str>,
}

/// Answers a request to a login host.
pub(crate) async fn answer(
    world: &Arc<World>,
    host: &str,
    head: &Parts,
    body: Counted<Incoming>,
) -> Reply {
    let Some(instance) = Instance::of_login(host) else {
        return short_address::answer(head.uri.path());
    };
    let body = Limited::new(body, MAX_FORM).collect().await.ok().map(|body| body.to_bytes());
    let world = Arc::clone(world);
    let (method, uri, headers) = (head.method.clone(), head.uri.clone(), head.headers.clone());
    // Tokens and consents are on disk before anybody hears of them, which blocks.
    let answered = tokio::task::spawn_blocking(move || {
        respond(&world, instance, &method, &uri, &headers, body.as_deref())
    });
    let failed = |_| plain(StatusCode::INTERNAL_SERVER_ERROR, "500 - the emulator failed\n");
    answered.await.unwrap_or_else(failed)
}

fn respond(
    world: &World,
    instance: Instance,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> Reply {
    let path = uri.path();
    let Some(door) = Door::find(path) else {
        return plain(StatusCode::NOT_FOUND, "404 - not found\n");
    };
    let trace = Trace::new(world, instance, headers);
    let crosses_origins = door.is_for_programs() && headers.contains_key(header::ORIGIN);
    if crosses_origins && method == Method::OPTIONS {
        let mut reply = plain(StatusCode::OK, "");
        reply::allow_origin(&mut reply);
        return reply;
    }
    if !door.takes(method) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "405 - method not allowed\n");
    }
    let answered = door.read(method, uri, headers, body).and_then(|form| {
        let body = body.unwrap_or_default();
        let (form, trace, person) = (&form, &trace, None);
        door.open(&Exchange { world, instance, method, path, headers, form, body, trace, person })
    });
    let mut reply = answered.unwrap_or_else(|refusal| door.refuse(refusal, &trace));
    if crosses_origins {
        reply::allow_origin(&mut reply);
    }
    reply
}
