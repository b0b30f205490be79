//! Microsoft Entra ID: what the login hosts answer. (7)

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

pub(crate) use directory::{Directory, SHAREPOINT_HOST};
pub(crate) use jwt::{Signer, SigningKey};
pub(crate) use scope::Scopes;
pub(crate) use tokens::{Access, Grant, SavedToken, TokenSet, TokenStore};

use crate::body::{Counted, Reply, plain};
use crate::world::World;
use errors::{Refusal, Trace};

mod directory;
mod discovery;
mod errors;
mod jwt;
mod reply;
mod scope;
mod token;
mod tokens;

/// A token request is a form; refresh tokens and assertions are a few kilobytes.
const MAX_FORM: usize = 64 * 1024;

/// Answers a request to a login host.
pub(crate) async fn answer(world: &Arc<World>, head: &Parts, body: Counted<Incoming>) -> Reply {
    let trace = Trace::new(world.clock.now_ms(), &head.headers);
    let segments: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    match segments[..] {
        [authority, "oauth2", "v2.0", "token"] => {
            let answered = token_request(world, authority, head, body).await;
            answered.unwrap_or_else(|refusal| refusal.into_reply(&trace))
        }
        [authority, "v2.0", ".well-known", "openid-configuration"] => {
            read_only(head, &trace, discovery::configuration(&world.directory, authority))
        }
        [authority, "discovery", "v2.0", "keys"] => {
            let keys = world.directory.authority(authority).map(|_| discovery::keys(&world.signer));
            read_only(head, &trace, keys)
        }
        ["common", "discovery", "instance"] => read_only(head, &trace, Ok(discovery::instance())),
        _ => plain(StatusCode::NOT_FOUND, "404 - not found\n"),
    }
}

async fn token_request(
    world: &Arc<World>,
    authority: &str,
    head: &Parts,
    body: Counted<Incoming>,
) -> Result<Reply, Refusal> {
    if head.method != Method::POST {
        return Err(Refusal::OnlyPost);
    }
    let form = match Limited::new(body, MAX_FORM).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Err(Refusal::MalformedRequest),
    };
    let (world, authority) = (Arc::clone(world), authority.to_owned());
    let headers = head.headers.clone();
    // Tokens are on disk before anybody sees them, which blocks.
    tokio::task::spawn_blocking(move || token::exchange(&world, &authority, &headers, &form))
        .await
        .unwrap_or(Err(Refusal::Unavailable))
}

fn read_only(head: &Parts, trace: &Trace, document: Result<serde_json::Value, Refusal>) -> Reply {
    if head.method != Method::GET && head.method != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "405 - method not allowed\n");
    }
    match document {
        Ok(document) => reply::json(StatusCode::OK, &document, trace),
        Err(refusal) => refusal.into_metadata_reply(trace),
    }
}

/// The body of a form: one value a name, since a name given twice is malformed. (7.5, 9002313)
fn form(body: &Bytes) -> Result<std::collections::HashMap<String, String>, Refusal> {
    let mut fields = std::collections::HashMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        if fields.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(Refusal::MalformedRequest);
        }
    }
    Ok(fields)
}
