//! What a rule does to a request that it strikes.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, RANGE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use serde::Deserialize;
use tokio::sync::watch;

use super::answers::{CLIENT_REQUEST_ID, Form, Refusal};
use super::line::Line;
use super::tamper::{Pause, Tampered};
use crate::body::{Body, Reply};
use crate::clock;
use crate::guid::Guid;
use crate::hosts::Service;
use crate::world::World;

/// What happens to a request.
pub(super) enum Effect {
    /// This answer instead of the real one.
    Answer(Answer),
    /// The connection is dropped before a byte.
    Reset,
    /// The connection is closed after so many bytes of the body.
    Truncate { after: u64 },
    /// `Content-Length` is wrong by so much.
    ContentLength { add: i64 },
    /// The answer begins late.
    FirstByte(Duration),
    /// The body stops for a while, or until the rule is removed.
    Stall { after: u64, time: Option<Duration> },
    /// The body trickles.
    Slow { bytes_per_second: u64 },
    /// The whole file instead of a part.
    IgnoreRange,
    /// The file changes before the answer, or while it is sent.
    ChangeFile { after: Option<u64> },
    /// Every download link issued so far dies before the answer, or while it is sent.
    ExpireLinks { after: Option<u64> },
    /// A page of a listing is odd.
    Page(PageTrick),
}

/// An answer given instead of the real one.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: RetryAfter,
    pub(super) body: Form,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// How `Retry-After` is written. (4)
pub(super) enum RetryAfter {
    Verbatim(HeaderValue),
    Integer(f64),
    Fractional(f64),
    Date(f64),
    Missing,
}

/// An oddity of pages that Graph makes; in the extensions of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PageTrick {
    /// No rows, and a next link to the rows that would have been here.
    Empty,
    /// The next link leads to this page again. (11.11)
    Loop,
}

/// A rule that struck a request.
pub(crate) struct Fault {
    pub(super) id: u64,
    pub(super) effect: Arc<Effect>,
    /// Closed when the rule is removed.
    pub(super) removed: watch::Receiver<()>,
}

impl Fault {
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Whether the connection is to be dropped before a byte.
    pub(crate) fn resets(&self) -> bool {
        matches!(*self.effect, Effect::Reset)
    }

    /// The answer that is given instead of the real one, if one is.
    pub(crate) fn instead(
        &self,
        world: &World,
        service: Service,
        head: &Parts,
        now_ms: i64,
    ) -> Option<Reply> {
        let Effect::Answer(answer) = &*self.effect else { return None };
        let asked = head.headers.get(CLIENT_REQUEST_ID);
        let refusal = Refusal::new(world, service, asked, now_ms);
        let mut reply = refusal.reply(answer.status, &answer.body);
        let headers = reply.headers_mut();
        if let Some(value) = answer.retry_after.value(now_ms) {
            headers.insert(RETRY_AFTER, value);
        }
        for (name, value) in &answer.headers {
            headers.insert(name, value.clone());
        }
        Some(reply)
    }

    /// What happens before the real answer is made.
    pub(crate) async fn before(&self, world: &Arc<World>, head: &mut Parts) {
        match *self.effect {
            Effect::IgnoreRange => {
                head.headers.remove(RANGE);
            }
            Effect::ChangeFile { after: None } => change_file(Arc::clone(world), file(head)).await,
            Effect::ExpireLinks { after: None } => expire_links(world),
            Effect::Page(trick) => {
                head.extensions.insert(trick);
            }
            _ => {}
        }
    }

    /// What happens to the real answer.
    pub(crate) async fn after(
        &self,
        world: &Arc<World>,
        head: &Parts,
        line: &Arc<Line>,
        reply: Reply,
    ) -> Reply {
        let removed = self.removed.clone();
        if let Effect::FirstByte(delay) = *self.effect {
            wait(Some(delay), removed).await;
            return reply;
        }
        if !has_body(&head.method, reply.status()) {
            return reply;
        }
        let line = Arc::clone(line);
        match *self.effect {
            Effect::Truncate { after } => cut(reply, after, line),
            Effect::ContentLength { add } => misstate(reply, add, line),
            Effect::Stall { after, time } => pause(reply, after, async move {
                wait(time, removed).await;
                Ok(())
            }),
            Effect::Slow { bytes_per_second } => {
                reply.map(|body| Body::Tampered(Box::new(Tampered::slow(body, bytes_per_second))))
            }
            Effect::ChangeFile { after: Some(after) } => {
                let (world, file) = (Arc::clone(world), file(head));
                pause(reply, after, async move {
                    change_file(world, file).await;
                    Ok(())
                })
            }
            Effect::ExpireLinks { after: Some(after) } => {
                let world = Arc::clone(world);
                pause(reply, after, async move {
                    expire_links(&world);
                    Ok(())
                })
            }
            _ => reply,
        }
    }
}

impl RetryAfter {
    fn value(&self, now_ms: i64) -> Option<HeaderValue> {
        let text = match *self {
            Self::Verbatim(ref value) => return Some(value.clone()),
            Self::Missing => return None,
            Self::Integer(seconds) => format!("{:.0}", seconds.ceil()),
            Self::Fractional(seconds) => format!("{seconds:.3}"),
            Self::Date(seconds) => clock::http(now_ms.saturating_add((seconds * 1e3) as i64)),
        };
        HeaderValue::from_str(&text).ok()
    }
}

/// Whether an answer to such a request, with such a status, has a body that could be bent.
fn has_body(method: &Method, status: StatusCode) -> bool {
    *method != Method::HEAD
        && !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

fn pause<F>(reply: Reply, after: u64, then: F) -> Reply
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    reply.map(|body| Body::Tampered(Box::new(Tampered::paused(body, Pause::new(after, then)))))
}

fn cut(reply: Reply, after: u64, line: Arc<Line>) -> Reply {
    pause(reply, after, broken_off(line))
}

/// Fails once everything before has gone out, which closes the connection.
async fn broken_off(line: Arc<Line>) -> std::io::Result<()> {
    line.flushed().await;
    Err(std::io::Error::other("a fault ends the body here"))
}

/// Announces another length than the body has. Of a longer one the rest never comes: the connection
/// is closed. Of a shorter one no more is sent than was announced.
fn misstate(mut reply: Reply, add: i64, line: Arc<Line>) -> Reply {
    let Some(length) = reply.body().size_hint().exact() else { return reply };
    let announced = length.saturating_add_signed(add);
    reply.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(announced));
    let pause = Pause::new(length, broken_off(line));
    reply.map(|body| Body::Tampered(Box::new(Tampered::misstated(body, announced, pause))))
}

/// Waits for a time in real time, or without end; no longer than until the rule is removed.
async fn wait(time: Option<Duration>, mut removed: watch::Receiver<()>) {
    let lifted = async { while removed.changed().await.is_ok() {} };
    match time {
        Some(time) => {
            let _ = tokio::time::timeout(time, lifted).await;
        }
        None => lifted.await,
    }
}

/// The file that a download URL is for.
fn file(head: &Parts) -> Option<Guid> {
    let pairs = head.uri.query()?.split('&');
    let mut values = pairs.filter_map(|pair| pair.split_once('='));
    let (_, id) = values.find(|(name, _)| name.eq_ignore_ascii_case("UniqueId"))?;
    id.parse().ok()
}

/// Gives a file other content. One that is not there any more cannot change.
async fn change_file(world: Arc<World>, file: Option<Guid>) {
    let Some(file) = file else { return };
    let _ = tokio::task::spawn_blocking(move || crate::control::change_file(&world, file)).await;
}

fn expire_links(world: &World) {
    world.links.expire_all();
}
