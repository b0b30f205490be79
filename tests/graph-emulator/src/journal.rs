//! What was asked of the emulator: one entry a request, bounded, and totals that are kept when
//! entries are dropped. Neither ever holds a secret or a body.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use http::header::{
    AUTHORIZATION, CONTENT_RANGE, HeaderName, IF_NONE_MATCH, RANGE, RETRY_AFTER, USER_AGENT,
};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::body::Reply;
use crate::faults::answers::CLIENT_REQUEST_ID;
use crate::hosts;
use crate::service::{ResourceUnits, Who};
use crate::throttle::WasThrottled;

/// Older entries make room for newer ones.
const MAX_ENTRIES: usize = 100_000;
/// Longer paths, queries and headers are cut.
const MAX_TEXT: usize = 2_048;
/// Query parameters whose values are credentials.
const SECRET_PARAMETERS: [&str; 7] =
    ["tempauth", "access_token", "refresh_token", "client_secret", "code", "assertion", "id_token"];
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Under this name totals count hosts that are not served, so that there is an end to names.
const OTHER_HOSTS: &str = "other";

/// One answered request, as `GET /journal` shows it.
#[derive(Serialize)]
pub(crate) struct Entry {
    seq: u64,
    at_ms: i64,
    #[serde(serialize_with = "method")]
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    /// 0 if the connection was dropped instead.
    status: u16,
    #[serde(flatten)]
    moved: Shared,
    authorization: Authorization,
    range: Option<String>,
    user_agent: Option<String>,
    resource_units: u8,
    /// Whose token it was: an address, or `app`.
    who: Option<String>,
    /// The application's client ID.
    application: Option<String>,
    if_none_match: Option<String>,
    prefer: Option<String>,
    client_request_id: Option<String>,
    /// Of the answer.
    retry_after: Option<String>,
    /// Of the answer.
    content_range: Option<String>,
    /// The number of the rule that struck.
    fault: Option<u64>,
}

/// What is still counted when the entry is already kept.
#[derive(Clone)]
struct Shared(Arc<Moved>);

struct Moved {
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    duration_ms: AtomicU64,
    start: Instant,
    totals: Arc<Bytes>,
}

/// Bytes of all requests since the journal was last emptied.
#[derive(Default)]
struct Bytes {
    request: AtomicU64,
    response: AtomicU64,
}

fn method<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(method.as_str())
}

impl Serialize for Shared {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown {
            request_bytes: u64,
            response_bytes: u64,
            duration_ms: u64,
        }
        let shown = Shown {
            request_bytes: self.0.request_bytes.load(Ordering::Relaxed),
            response_bytes: self.0.response_bytes.load(Ordering::Relaxed),
            duration_ms: self.0.duration_ms.load(Ordering::Relaxed),
        };
        shown.serialize(serializer)
    }
}

/// Counts the bytes of one body while they move.
pub(crate) struct Tally {
    moved: Arc<Moved>,
    way: Way,
}

enum Way {
    Request,
    Response,
}

impl Tally {
    pub(crate) fn add(&self, bytes: u64) {
        let (own, total) = match self.way {
            Way::Request => (&self.moved.request_bytes, &self.moved.totals.request),
            Way::Response => (&self.moved.response_bytes, &self.moved.totals.response),
        };
        own.fetch_add(bytes, Ordering::Relaxed);
        total.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Tally {
    /// An answer's body is dropped when it was handed on, or when the connection ends.
    fn drop(&mut self) {
        if let Way::Response = self.way {
            self.moved.note_duration();
        }
    }
}

impl Moved {
    fn note_duration(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.duration_ms.store(ms, Ordering::Relaxed);
    }
}

/// Which credential a request carried; never the credential itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Authorization {
    None,
    Bearer,
    Other,
}

/// The journal, in the order of arrival.
#[derive(Default)]
pub(crate) struct Journal {
    arrived: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Entry>,
    dropped: u64,
    totals: Totals,
}

#[derive(Default)]
struct Totals {
    connections: u64,
    refused_connections: u64,
    by_host: BTreeMap<String, u64>,
    by_status: BTreeMap<u16, u64>,
    bytes: Arc<Bytes>,
    resource_units: u64,
    faults: u64,
    throttled: u64,
}

/// What `GET /journal` answers.
#[derive(Serialize)]
struct Report<'a> {
    requests: Vec<&'a Entry>,
    /// Entries that made room for newer ones since the journal was last emptied.
    dropped: u64,
    /// Connections that ended before HTTP began: a name that is not served, a refused CONNECT, no
    /// TLS.
    refused_connections: u64,
}

/// Which entries are wanted: all, or those after a number, or those of a host.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) since: Option<u64>,
    pub(crate) host: Option<String>,
}

impl Filter {
    fn wants(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.seq > since)
            && self.host.as_ref().is_none_or(|host| host.eq_ignore_ascii_case(&entry.host))
    }
}

impl Journal {
    /// Notes a request's arrival; nothing shows until it is answered.
    pub(crate) fn arrive(&self, at_ms: i64, host: &str, head: &Parts) -> Entry {
        let moved = Moved {
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            duration_ms: AtomicU64::new(0),
            start: Instant::now(),
            totals: Arc::clone(&self.kept().totals.bytes),
        };
        let asked = |name: HeaderName| header(&head.headers, name);
        Entry {
            seq: self.arrived.fetch_add(1, Ordering::Relaxed) + 1,
            at_ms,
            method: head.method.clone(),
            host: cut(host),
            path: cut(head.uri.path()),
            query: head.uri.query().map(|query| cut(&without_secrets(query))),
            status: 0,
            moved: Shared(Arc::new(moved)),
            authorization: authorization(&head.headers),
            range: asked(RANGE),
            user_agent: asked(USER_AGENT),
            resource_units: 0,
            who: None,
            application: None,
            if_none_match: asked(IF_NONE_MATCH),
            prefer: asked(PREFER),
            client_request_id: asked(CLIENT_REQUEST_ID),
            retry_after: None,
            content_range: None,
            fault: None,
        }
    }

    /// Keeps the entry of a request whose answer is about to be sent; without an answer, of one
    /// whose connection is dropped.
    pub(crate) fn answer(&self, mut entry: Entry, reply: Option<&mut Reply>, fault: Option<u64>) {
        let mut was_throttled = false;
        if let Some(reply) = reply {
            entry.status = reply.status().as_u16();
            entry.retry_after = header(reply.headers(), RETRY_AFTER);
            entry.content_range = header(reply.headers(), CONTENT_RANGE);
            let extensions = reply.extensions_mut();
            was_throttled = extensions.get::<WasThrottled>().is_some();
            entry.resource_units = extensions.get().map_or(0, |&ResourceUnits(units)| units);
            if let Some(Who { name, application }) = extensions.remove() {
                (entry.who, entry.application) = (Some(name), application);
            }
        }
        entry.fault = fault;
        entry.moved.0.note_duration();
        let mut kept = self.kept();
        kept.totals.count(&entry, was_throttled);
        if kept.entries.len() == MAX_ENTRIES {
            kept.entries.pop_front();
            kept.dropped += 1;
        }
        kept.entries.push_back(entry);
    }

    pub(crate) fn open_connection(&self) {
        self.kept().totals.connections += 1;
    }

    pub(crate) fn refuse_connection(&self) {
        self.kept().totals.refused_connections += 1;
    }

    /// Everything that is kept and wanted, as JSON.
    pub(crate) fn report(&self, filter: &Filter) -> serde_json::Result<Vec<u8>> {
        let kept = self.kept();
        let mut requests: Vec<&Entry> =
            kept.entries.iter().filter(|entry| filter.wants(entry)).collect();
        requests.sort_unstable_by_key(|entry| entry.seq);
        serde_json::to_vec(&Report {
            requests,
            dropped: kept.dropped,
            refused_connections: kept.totals.refused_connections,
        })
    }

    /// Totals since the journal was last emptied, as `GET /counters` shows them.
    pub(crate) fn counters(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&self.kept().totals.shown())
    }

    /// Forgets everything, totals too; the numbering goes on.
    pub(crate) fn clear(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) fn request_tally(&self) -> Tally {
        Tally { moved: Arc::clone(&self.moved.0), way: Way::Request }
    }

    pub(crate) fn response_tally(&self) -> Tally {
        Tally { moved: Arc::clone(&self.moved.0), way: Way::Response }
    }
}

impl Totals {
    fn count(&mut self, entry: &Entry, was_throttled: bool) {
        let host = hosts::service(&entry.host).map_or(OTHER_HOSTS, |_| entry.host.as_str());
        match self.by_host.get_mut(host) {
            Some(count) => *count += 1,
            None => {
                self.by_host.insert(host.to_owned(), 1);
            }
        }
        *self.by_status.entry(entry.status).or_default() += 1;
        self.resource_units += u64::from(entry.resource_units);
        self.faults += u64::from(entry.fault.is_some());
        self.throttled += u64::from(was_throttled);
    }

    fn shown(&self) -> Value {
        let mut by_class: BTreeMap<String, u64> = BTreeMap::new();
        for (status, count) in &self.by_status {
            let class = match status / 100 {
                0 => "dropped".to_owned(),
                hundreds => format!("{hundreds}xx"),
            };
            *by_class.entry(class).or_default() += count;
        }
        json!({
            "requests": self.by_status.values().sum::<u64>(),
            "by_host": self.by_host,
            "by_class": by_class,
            "by_status": self.by_status,
            "request_bytes": self.bytes.request.load(Ordering::Relaxed),
            "response_bytes": self.bytes.response.load(Ordering::Relaxed),
            "resource_units": self.resource_units,
            "faults": self.faults,
            "throttled": self.throttled,
            "connections": self.connections,
            "refused_connections": self.refused_connections,
        })
    }
}

fn authorization(headers: &HeaderMap) -> Authorization {
    match headers.get(AUTHORIZATION) {
        None => Authorization::None,
        Some(value) => {
            let scheme = value.as_bytes().split(|&byte| byte == b' ').next().unwrap_or_default();
            if scheme.eq_ignore_ascii_case(b"bearer") {
                Authorization::Bearer
            } else {
                Authorization::Other
            }
        }
    }
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name).map(|value| cut(&String::from_utf8_lossy(value.as_bytes())))
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

/// The query with the values of secret parameters replaced by `***`, however they are encoded.
fn without_secrets(query: &str) -> String {
    let masked = query.split('&').map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let plain = percent_encoding::percent_decode_str(name).decode_utf8_lossy().to_lowercase();
        if SECRET_PARAMETERS.contains(&plain.as_str()) {
            format!("{name}=***")
        } else {
            pair.to_owned()
        }
    });
    masked.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;
    use crate::body::Body;

    fn entry(journal: &Journal, uri: &str) -> Entry {
        let head = http::Request::get(uri).body(()).unwrap().into_parts().0;
        journal.arrive(0, "graph.microsoft.com", &head)
    }

    fn keep(journal: &Journal, entry: Entry, status: u16) {
        let mut reply = Response::builder().status(status).body(Body::empty()).unwrap();
        journal.answer(entry, Some(&mut reply), None);
    }

    fn report(journal: &Journal) -> Value {
        filtered(journal, &Filter::default())
    }

    fn filtered(journal: &Journal, filter: &Filter) -> Value {
        serde_json::from_slice(&journal.report(filter).unwrap()).unwrap()
    }

    fn counters(journal: &Journal) -> Value {
        serde_json::from_slice(&journal.counters().unwrap()).unwrap()
    }

    #[test]
    fn values_of_secret_parameters_are_masked_however_they_are_spelt() {
        assert_eq!(
            without_secrets("UniqueId=1&tempauth=v1.x&Temp%61uth=v2&a"),
            "UniqueId=1&tempauth=***&Temp%61uth=***&a"
        );
    }

    #[test]
    fn the_journal_is_bounded_and_says_when_it_dropped_entries() {
        let journal = Journal::default();
        for _ in 0..MAX_ENTRIES + 2 {
            keep(&journal, entry(&journal, "/"), 200);
        }
        let report = report(&journal);
        assert_eq!(report["dropped"], 2);
        assert_eq!(report["requests"].as_array().unwrap().len(), MAX_ENTRIES);
        assert_eq!(report["requests"][0]["seq"], 3);
        assert_eq!(counters(&journal)["requests"], MAX_ENTRIES + 2);
    }

    #[test]
    fn entries_are_shown_in_the_order_of_arrival() {
        let journal = Journal::default();
        let (first, second) = (entry(&journal, "/a"), entry(&journal, "/b"));
        keep(&journal, second, 200);
        keep(&journal, first, 200);
        assert_eq!(report(&journal)["requests"][0]["path"], "/a");
    }

    #[test]
    fn entries_are_filtered_by_number_and_host() {
        let journal = Journal::default();
        for path in ["/a", "/b", "/c"] {
            keep(&journal, entry(&journal, path), 200);
        }
        let host = Some("Graph.microsoft.com".to_owned());
        let after = filtered(&journal, &Filter { since: Some(2), host });
        assert_eq!(after["requests"].as_array().unwrap().len(), 1);
        assert_eq!(after["requests"][0]["path"], "/c");
        let nowhere = Filter { since: None, host: Some("x".to_owned()) };
        assert_eq!(filtered(&journal, &nowhere)["requests"], json!([]));
    }

    #[test]
    fn totals_count_what_moves_after_the_answer_and_are_forgotten_with_the_journal() {
        let journal = Journal::default();
        let entry = entry(&journal, "/a");
        let (sent, received) = (entry.response_tally(), entry.request_tally());
        keep(&journal, entry, 429);
        sent.add(5);
        received.add(3);
        let told = counters(&journal);
        assert_eq!((&told["response_bytes"], &told["request_bytes"]), (&json!(5), &json!(3)));
        assert_eq!(told["by_class"], json!({"4xx": 1}));
        assert_eq!(told["by_status"], json!({"429": 1}));
        assert_eq!(told["by_host"], json!({"graph.microsoft.com": 1}));
        journal.clear();
        sent.add(5);
        assert_eq!(counters(&journal)["response_bytes"], 0);
    }

    #[test]
    fn a_dropped_connection_is_an_entry_without_a_status() {
        let journal = Journal::default();
        journal.answer(entry(&journal, "/a"), None, Some(7));
        let request = report(&journal)["requests"][0].clone();
        assert_eq!((&request["status"], &request["fault"]), (&json!(0), &json!(7)));
        assert_eq!(counters(&journal)["by_class"], json!({"dropped": 1}));
    }
}
