//! What was asked of the emulator: one entry a request, bounded, never holding a secret or a body.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::{AUTHORIZATION, RANGE, USER_AGENT};
use http::request::Parts;
use serde::{Serialize, Serializer};

/// Older entries make room for newer ones.
const MAX_ENTRIES: usize = 100_000;
/// Longer paths, queries and headers are cut.
const MAX_TEXT: usize = 2_048;
/// Query parameters whose values are credentials.
const SECRET_PARAMETERS: [&str; 7] =
    ["tempauth", "access_token", "refresh_token", "client_secret", "code", "assertion", "id_token"];

/// Bytes counted while they move, shared with the entry that reports them.
pub(crate) type ByteCounter = Arc<AtomicU64>;

/// One answered request, as `GET /journal` shows it.
#[derive(Serialize)]
pub(crate) struct Entry {
    seq: u64,
    at_ms: i64,
    method: String,
    host: String,
    path: String,
    query: Option<String>,
    status: u16,
    #[serde(serialize_with = "count")]
    request_bytes: ByteCounter,
    #[serde(serialize_with = "count")]
    response_bytes: ByteCounter,
    authorization: Authorization,
    range: Option<String>,
    user_agent: Option<String>,
    resource_units: u8,
}

fn count<S: Serializer>(counter: &ByteCounter, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(counter.load(Ordering::Relaxed))
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
    refused_connections: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Entry>,
    dropped: u64,
}

/// What `GET /journal` answers.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    requests: Vec<&'a Entry>,
    /// Entries that made room for newer ones since the journal was last emptied.
    dropped: u64,
    /// Connections that ended before HTTP began: a name that is not served, a refused CONNECT, no
    /// TLS.
    refused_connections: u64,
}

impl Journal {
    /// Notes a request's arrival; nothing shows until it is answered.
    pub(crate) fn arrive(&self, at_ms: i64, host: &str, head: &Parts) -> Entry {
        Entry {
            seq: self.arrived.fetch_add(1, Ordering::Relaxed) + 1,
            at_ms,
            method: head.method.to_string(),
            host: cut(host),
            path: cut(head.uri.path()),
            query: head.uri.query().map(|query| cut(&without_secrets(query))),
            status: 0,
            request_bytes: ByteCounter::default(),
            response_bytes: ByteCounter::default(),
            authorization: authorization(&head.headers),
            range: header(&head.headers, RANGE),
            user_agent: header(&head.headers, USER_AGENT),
            resource_units: 0,
        }
    }

    /// Keeps the entry of a request whose answer is about to be sent.
    pub(crate) fn answer(&self, entry: Entry, status: u16, resource_units: u8) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.entries.len() == MAX_ENTRIES {
            kept.entries.pop_front();
            kept.dropped += 1;
        }
        kept.entries.push_back(Entry { status, resource_units, ..entry });
    }

    pub(crate) fn refuse_connection(&self) {
        self.refused_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that is kept, as JSON.
    pub(crate) fn report(&self) -> serde_json::Result<Vec<u8>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut requests: Vec<&Entry> = kept.entries.iter().collect();
        requests.sort_unstable_by_key(|entry| entry.seq);
        serde_json::to_vec(&Report {
            requests,
            dropped: kept.dropped,
            refused_connections: self.refused_connections.load(Ordering::Relaxed),
        })
    }

    /// Forgets everything; the numbering goes on.
    pub(crate) fn clear(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept::default();
        self.refused_connections.store(0, Ordering::Relaxed);
    }
}

impl Entry {
    pub(crate) fn request_bytes(&self) -> ByteCounter {
        Arc::clone(&self.request_bytes)
    }

    pub(crate) fn response_bytes(&self) -> ByteCounter {
        Arc::clone(&self.response_bytes)
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

fn header(headers: &HeaderMap, name: http::HeaderName) -> Option<String> {
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
    use super::*;

    fn entry(journal: &Journal, uri: &str) -> Entry {
        let head = http::Request::get(uri).body(()).unwrap().into_parts().0;
        journal.arrive(0, "graph.microsoft.com", &head)
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
            journal.answer(entry(&journal, "/"), 200, 0);
        }
        let report: serde_json::Value = serde_json::from_slice(&journal.report().unwrap()).unwrap();
        assert_eq!(report["dropped"], 2);
        assert_eq!(report["requests"].as_array().unwrap().len(), MAX_ENTRIES);
        assert_eq!(report["requests"][0]["seq"], 3);
    }

    #[test]
    fn entries_are_shown_in_the_order_of_arrival() {
        let journal = Journal::default();
        let (first, second) = (entry(&journal, "/a"), entry(&journal, "/b"));
        journal.answer(second, 200, 0);
        journal.answer(first, 200, 0);
        let report: serde_json::Value = serde_json::from_slice(&journal.report().unwrap()).unwrap();
        assert_eq!(report["requests"][0]["path"], "/a");
    }
}
