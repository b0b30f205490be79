//! Upload sessions: pieces to a URL that needs no token. (9)

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::Call;
use super::errors::GraphError;
use super::item::Found;
use super::query::Query;
use super::reply::{Answer, Exchange};
use super::row::Rows;
use super::write::{check_match, check_quota, conflict, object, text};
use crate::body::{Counted, Reply};
use crate::clock;
use crate::cloud::Cloud;
use crate::drive::{Conflict, Source};
use crate::guid::Guid;
use crate::throttle::Caller;
use crate::world::World;

/// Pieces are shorter than this. (9)
const MAX_PIECE: usize = 60 * 1024 * 1024;
/// Pieces but the last are multiples of this. (9)
const UNIT: u64 = 327_680;
/// A session lives this long after each piece.
const LIFETIME_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// The sessions under way.
#[derive(Default)]
pub(crate) struct UploadSessions(Mutex<HashMap<String, Session>>);

#[derive(Clone)]
struct Session {
    drive: String,
    parent: Guid,
    names: Vec<String>,
    conflict: Conflict,
    blob: String,
    caller: Caller,
    received: u64,
    total: Option<u64>,
    expires_ms: i64,
}

impl UploadSessions {
    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a path of a download host is that of an upload URL.
pub(crate) fn is_upload(path: &str) -> bool {
    path.starts_with("/_api/v2.0/drives/") && path.ends_with("/uploadSession")
}

/// Opens a session for a file that may not exist yet.
pub(super) fn create(
    world: &World,
    call: &Call,
    parent: &Found,
    names: &[String],
    json: &Bytes,
) -> Result<Answer, GraphError> {
    let body = if json.is_empty() { json!({}) } else { object(json)? };
    let item = &body["item"];
    let asked = text(item, "@microsoft.graph.conflictBehavior");
    let conflict = conflict(asked, Conflict::Replace)?;
    let drive = &parent.drive;
    if let Some(there) = drive.resolve(parent.item.guid, names) {
        check_match(call, drive, &there)?;
        if conflict == Conflict::Fail {
            let taken = crate::drive::EditError::NameTaken;
            return Err(GraphError::edit(taken, drive.is_personal()));
        }
    }
    if let Some(size) = item["fileSize"].as_u64() {
        check_quota(parent, size)?;
    }
    let id = world.random.guid().simple();
    let blob = world.blobs.keep(&world.random, b"").map_err(|_| GraphError::general_exception())?;
    let session = Session {
        drive: drive.id(),
        parent: parent.item.guid,
        names: names.to_vec(),
        conflict,
        blob,
        caller: call.caller(),
        received: 0,
        total: None,
        expires_ms: call.now_ms + LIFETIME_MS,
    };
    let expires = clock::iso(session.expires_ms);
    world.upload_sessions.sessions().insert(id.clone(), session);
    let host = if drive.is_personal() { "api.onedrive.com" } else { drive.info.host.as_str() };
    let url = format!("https://{host}/_api/v2.0/drives/{}/uploadSession?guid={id}", drive.id());
    Ok(Answer::found(&json!({
        "uploadUrl": url, "expirationDateTime": expires, "nextExpectedRanges": ["0-"],
    })))
}

/// Answers a request to an upload URL.
pub(crate) async fn answer(world: &Arc<World>, head: &Parts, body: Counted<Incoming>) -> Reply {
    // An upload URL needs no token: no answer here has the challenge that depends on the cloud.
    let exchange = Exchange::new(world, Cloud::default(), &head.headers);
    let query = head.uri.query().unwrap_or_default();
    let id = query.split('&').find_map(|pair| pair.strip_prefix("guid=")).unwrap_or_default();
    let session = world.upload_sessions.sessions().get(id).cloned();
    let session = session.filter(|session| exchange.now_ms < session.expires_ms);
    let Some(session) = session else { return exchange.error(lost()) };
    let answered = match head.method {
        Method::GET => Ok(Answer::found(&progress(&session))),
        Method::DELETE => {
            world.upload_sessions.sessions().remove(id);
            Ok(Answer::Done)
        }
        Method::PUT => match Limited::new(body, MAX_PIECE).collect().await {
            Ok(piece) => {
                let (world, id, headers) = (Arc::clone(world), id.to_owned(), head.headers.clone());
                let (piece, now_ms) = (piece.to_bytes(), exchange.now_ms);
                let taken = tokio::task::spawn_blocking(move || {
                    take(&world, &id, session, &headers, &piece, now_ms)
                });
                taken.await.unwrap_or_else(|_| Err(GraphError::general_exception()))
            }
            Err(_) => Err(GraphError::too_large()),
        },
        _ => Err(GraphError::method_not_allowed()),
    };
    match answered {
        Ok(answer) => exchange.answer(answer),
        Err(error) => exchange.error(error),
    }
}

fn take(
    world: &World,
    id: &str,
    mut session: Session,
    headers: &HeaderMap,
    piece: &Bytes,
    now_ms: i64,
) -> Result<Answer, GraphError> {
    let range = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let (first, last, total) = range.and_then(content_range).ok_or_else(bad_range)?;
    let length = last - first + 1;
    let is_last = last + 1 == total;
    if length != piece.len() as u64
        || session.total.is_some_and(|known| known != total)
        || (!is_last && !length.is_multiple_of(UNIT))
    {
        return Err(bad_range());
    }
    if first != session.received {
        return Err(fragment_overlap());
    }
    let trouble = |_| GraphError::general_exception();
    let path = world.blobs.path(&session.blob);
    let file = OpenOptions::new().write(true).open(path).map_err(trouble)?;
    file.write_all_at(piece, first).map_err(trouble)?;
    session.received = last + 1;
    session.total = Some(total);
    session.expires_ms = now_ms + LIFETIME_MS;
    if !is_last {
        let body = progress(&session);
        world.upload_sessions.sessions().insert(id.to_owned(), session);
        return Ok(Answer::with_tag(StatusCode::ACCEPTED, &body, None));
    }
    world.upload_sessions.sessions().remove(id);
    finish(world, session, now_ms)
}

fn finish(world: &World, session: Session, now_ms: i64) -> Result<Answer, GraphError> {
    let drive = world.drives.by_id(&session.drive).ok_or_else(lost)?;
    let content = (session.received, Source::Blob(session.blob));
    let put = drive.put_file(session.parent, &session.names, content, session.conflict);
    let (item, is_new) = put.map_err(|error| GraphError::edit(error, drive.is_personal()))?;
    let everything = Query::default();
    let row = Rows::new(world, &drive, &everything, (session.caller, now_ms)).row(&item);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(Answer::with_tag(status, &row, None))
}

fn progress(session: &Session) -> Value {
    json!({
        "expirationDateTime": clock::iso(session.expires_ms),
        "nextExpectedRanges": [format!("{}-", session.received)],
    })
}

/// `bytes 0-327679/1000000`
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total): (u64, u64, u64) =
        (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, last, total))
}

fn bad_range() -> GraphError {
    GraphError {
        status: StatusCode::RANGE_NOT_SATISFIABLE,
        code: "invalidRange",
        ..GraphError::invalid_request("The uploaded fragment does not fit")
    }
}

fn fragment_overlap() -> GraphError {
    GraphError { inner: Some("fragmentOverlap"), ..bad_range() }
}

fn lost() -> GraphError {
    GraphError {
        status: StatusCode::NOT_FOUND,
        inner: Some("uploadSessionNotFound"),
        code: "itemNotFound",
        ..GraphError::invalid_request("The upload session was not found")
    }
}
