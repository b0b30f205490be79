//! Runs of the sync: what one did, and the last hundred of them.
//!
//! A row is written in a run's last step. That it cannot be written never stops a query.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::sender::Counters;

/// Runs that are remembered.
const KEPT: usize = 100;
/// Tries of a write that others may overtake.
const TRIES: usize = 10;
const KEY: &str = "sync-runs";

/// A run under way; it may go from one instance to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) started_at: TimestampMs,
    /// Rows of the feed.
    pub(crate) items: u64,
    pub(crate) requests: u64,
    /// Requests that failed, but were not throttled.
    pub(crate) errors: u64,
    pub(crate) throttled: u64,
    /// Steps in a row that brought nothing.
    pub(super) failures: u32,
}

impl Run {
    pub(super) fn begin(ports: &Ports) -> Self {
        let mut id = [0; 12];
        ports.random.fill(&mut id);
        let (id, started_at) = (URL_SAFE_NO_PAD.encode(id), ports.clock.now());
        Self { id, started_at, items: 0, requests: 0, errors: 0, throttled: 0, failures: 0 }
    }
}

/// What was counted at some point, to tell what a step added.
pub(super) struct Counted {
    requests: u64,
    retries: u64,
    throttled: u64,
}

impl Counted {
    pub(super) fn now(counters: &Counters) -> Self {
        Self {
            requests: counters.requests.get(),
            retries: counters.retries.get(),
            throttled: counters.throttled.get(),
        }
    }

    /// Adds to a run what was sent since.
    pub(super) fn add_to(&self, run: &mut Run, counters: &Counters) {
        let now = Self::now(counters);
        let throttled = now.throttled - self.throttled;
        run.requests += now.requests - self.requests;
        run.throttled += throttled;
        run.errors += (now.retries - self.retries).saturating_sub(throttled);
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Success,
    /// Nothing came of it.
    Failed,
    /// Some pages were kept, and the next run goes on after them.
    Partial,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Partial => "partial",
        }
    }
}

/// What a run changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) added: u64,
    /// Moved ones are among them.
    pub(crate) modified: u64,
    pub(crate) deleted: u64,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) run: Run,
    pub(crate) completed_at: TimestampMs,
    pub(crate) status: Status,
    pub(crate) tally: Tally,
}

/// The last runs, the oldest first.
pub(crate) fn ended(ports: &Ports) -> Result<Vec<Ended>> {
    let bytes = ports.store.get(Bucket::Connection, KEY)?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// Remembers a run, and forgets the oldest.
pub(super) fn remember(ports: &Ports, ended: &Ended) {
    for _ in 0..TRIES {
        let Ok(before) = ports.store.get(Bucket::Connection, KEY) else { return };
        let known = before.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let mut runs: Vec<Ended> = known.unwrap_or_default();
        runs.push(ended.clone());
        runs.drain(..runs.len().saturating_sub(KEPT));
        let Ok(after) = serde_json::to_vec(&runs) else { return };
        let store = &ports.store;
        match store.compare_and_swap(Bucket::Connection, KEY, before.as_deref(), &after) {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
    }
}
