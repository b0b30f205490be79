//! The hosts behind pre-authenticated URLs: bytes of files, whole or in ranges. (2)

use std::fs::File;
use std::sync::Arc;

use http::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, RANGE, SERVER, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use file_body::FileBody;
pub(crate) use link::DownloadLinks;

use crate::body::{Body, Reply, plain};
use crate::drive::{Item, media_type};
use crate::preconditions;
use crate::world::World;
use range::Range;

mod file_body;
mod link;
mod range;

/// What may stay literal in `filename*` (RFC 5987), or less.
const FILE_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Answers a request to a download host.
pub(crate) async fn answer(world: &Arc<World>, host: &str, head: &Parts) -> Reply {
    if head.method != Method::GET {
        let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "405 METHOD NOT ALLOWED");
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return reply;
    }
    // The URL is the credential; another one beside it is refused. (2)
    if head.headers.contains_key(AUTHORIZATION) {
        return unauthorized();
    }
    let query = head.uri.query().unwrap_or_default();
    let now_ms = world.clock.now_ms();
    let Some(guid) = world.links.verify(host, head.uri.path(), query, now_ms) else {
        return unauthorized();
    };
    let shared = Arc::clone(world);
    let opened = tokio::task::spawn_blocking(move || shared.drive.open_file(guid)).await;
    match opened {
        Ok(Some((item, file))) => send(head, &item, file),
        Ok(None) => plain(StatusCode::NOT_FOUND, "404 FILE NOT FOUND"),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "500 INTERNAL SERVER ERROR"),
    }
}

fn unauthorized() -> Reply {
    let mut reply = plain(StatusCode::UNAUTHORIZED, "401 UNAUTHORIZED");
    let challenge = "Bearer client_id=\"00000003-0000-0ff1-ce00-000000000000\"";
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    reply
}

fn send(head: &Parts, item: &Item, file: File) -> Reply {
    let (e_tag, size) = (item.e_tag(), item.size);
    if preconditions::none_match(&head.headers, &[&e_tag, &item.c_tag()]) {
        let mut reply = Response::new(Body::empty());
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut reply, ETAG, &e_tag);
        return reply;
    }
    let range = head.headers.get(RANGE).and_then(|range| range.to_str().ok());
    let mut reply = match Range::parse(range, size) {
        Range::Whole => Response::new(Body::File(FileBody::new(file, 0, size))),
        Range::Part { first, last } => {
            let part = FileBody::new(file, first, last - first + 1);
            let mut reply = Response::new(Body::File(part));
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(&mut reply, CONTENT_RANGE, &format!("bytes {first}-{last}/{size}"));
            reply
        }
        Range::Beyond => {
            let mut reply = Response::new(Body::empty());
            *reply.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set(&mut reply, CONTENT_RANGE, &format!("bytes */{size}"));
            return reply;
        }
    };
    let name = utf8_percent_encode(item.name(), FILE_NAME);
    set(&mut reply, CONTENT_TYPE, media_type::of(item.name()));
    set(&mut reply, CONTENT_DISPOSITION, &format!("attachment; filename*=UTF-8''{name}"));
    set(&mut reply, ETAG, &e_tag);
    set(&mut reply, ACCEPT_RANGES, "bytes");
    set(&mut reply, CACHE_CONTROL, "private");
    set(&mut reply, SERVER, "Microsoft-IIS/10.0");
    reply
}

fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
