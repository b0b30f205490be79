//! The hosts behind pre-authenticated URLs: bytes of files, whole or in ranges. (2)

use std::sync::Arc;

use http::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE,
    CONTENT_TYPE, ETAG, RANGE, SERVER, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) use file_body::FileBody;
pub(crate) use link::{DownloadLinks, LinkMaker};

use crate::body::{Body, Reply, plain};
use crate::drive::{Content, Drive, Item, media_type};
use crate::hosts::Service;
use crate::preconditions;
use crate::world::World;
use link::Opened;
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
    let (refuse_bearer, ignore_range) = {
        let variants = world.variants();
        (variants.refuse_bearer, variants.ignore_range)
    };
    // The URL is the credential; another one beside it is refused. (2)
    if refuse_bearer && head.headers.contains_key(AUTHORIZATION) {
        return unauthorized();
    }
    let query = head.uri.query().unwrap_or_default();
    let place = (host, head.uri.path(), query);
    let now_ms = world.clock.now_ms();
    let Some(opened) = world.links.verify(&world.drives, place, now_ms) else {
        return unauthorized();
    };
    let Opened { drive, file, caller } = opened;
    if let Err(throttled) = world.throttle.admit_download(now_ms, &caller, &head.headers) {
        return throttled.reply(world, Service::Download, now_ms);
    }
    let shared = Arc::clone(&drive);
    let opened = tokio::task::spawn_blocking(move || shared.open_file(file)).await;
    let mut reply = match opened {
        Ok(Some((item, _))) if item.marks().malware.is_some() => infected(),
        Ok(Some((item, content))) => send(head, &drive, &item, content, ignore_range),
        Ok(None) => plain(StatusCode::NOT_FOUND, "404 FILE NOT FOUND"),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "500 INTERNAL SERVER ERROR"),
    };
    // What is sent counts against the caller's allowance.
    reply.extensions_mut().insert(caller);
    reply
}

/// A file with malware in it. (2)
fn infected() -> Reply {
    let mut reply = plain(StatusCode::FORBIDDEN, "403 FORBIDDEN");
    reply.headers_mut().insert("x-virus-infected", HeaderValue::from_static("1"));
    reply
}

fn unauthorized() -> Reply {
    let mut reply = plain(StatusCode::UNAUTHORIZED, "401 UNAUTHORIZED");
    let challenge = "Bearer client_id=\"00000003-0000-0ff1-ce00-000000000000\"";
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    reply
}

fn send(head: &Parts, drive: &Drive, item: &Item, content: Content, ignore_range: bool) -> Reply {
    let (e_tag, size) = (drive.ids().e_tag(item), item.size);
    if preconditions::none_match(&head.headers, &[&e_tag, &drive.ids().c_tag(item)]) {
        let mut reply = Response::new(Body::empty());
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut reply, ETAG, &e_tag);
        return reply;
    }
    let range = head.headers.get(RANGE).and_then(|range| range.to_str().ok());
    let mut reply = match Range::parse(range.filter(|_| !ignore_range), size) {
        Range::Whole => Response::new(Body::File(FileBody::new(content, 0, size))),
        Range::Part { first, last } => {
            let part = FileBody::new(content, first, last - first + 1);
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
    describe(&mut reply, drive, item);
    set(&mut reply, ACCEPT_RANGES, "bytes");
    reply
}

/// A whole file, as Graph itself answers it in a few cases. (2)
pub(crate) fn whole(drive: &Drive, item: &Item, content: Content) -> Reply {
    let mut reply = Response::new(Body::File(FileBody::new(content, 0, item.size)));
    describe(&mut reply, drive, item);
    reply
}

fn describe(reply: &mut Reply, drive: &Drive, item: &Item) {
    let name = utf8_percent_encode(&item.name, FILE_NAME);
    set(reply, CONTENT_TYPE, media_type::of(&item.name));
    set(reply, CONTENT_DISPOSITION, &format!("attachment; filename*=UTF-8''{name}"));
    set(reply, ETAG, &drive.ids().e_tag(item));
    set(reply, CACHE_CONTROL, "private");
    set(reply, SERVER, "Microsoft-IIS/10.0");
}

fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
