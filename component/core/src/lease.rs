//! A lease: one at a time over all instances and processes that share the store, be it a refresh
//! of the tokens or a sync of a drive.
//!
//! A record `{holder, until}` taken by compare-and-swap *before* the request.
//! A lease past its time is taken over, so a killed holder stops nobody for
//! long; its late answer is still welcome, as old refresh tokens stay valid.
//! A holder that the service tells to wait extends its lease by that wait.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::sender::{Deadline, LONGEST_RETRY_AFTER, millis};

/// Longer than one request with its tries usually takes.
const LENGTH_MS: i64 = 30_000;
/// A lease that seems to last longer was taken before the clock went back.
const LONGEST_MS: i64 = 2 * LENGTH_MS + LONGEST_RETRY_AFTER.as_millis() as i64;

#[derive(Serialize, Deserialize)]
struct Held {
    holder: String,
    until: TimestampMs,
}

/// A lease in hand; given back when dropped.
pub(crate) struct Lease {
    ports: Rc<Ports>,
    key: String,
    holder: String,
    until: TimestampMs,
    bytes: Vec<u8>,
}

impl Lease {
    /// Takes the lease, or `None` if another holds it.
    pub(crate) fn take(ports: &Rc<Ports>, key: &str) -> Result<Option<Self>> {
        let present = ports.store.get(Bucket::Connection, key)?;
        let now = ports.clock.now();
        let held = present.as_deref().and_then(|b| serde_json::from_slice::<Held>(b).ok());
        if held.is_some_and(|held| held.until > now && held.until <= now + LONGEST_MS) {
            return Ok(None);
        }
        let mut id = [0; 16];
        ports.random.fill(&mut id);
        let (holder, until) = (hex(&id), now + LENGTH_MS);
        let bytes = encode(&Held { holder: holder.clone(), until });
        let ours =
            ports.store.compare_and_swap(Bucket::Connection, key, present.as_deref(), &bytes)?;
        let (ports, key) = (Rc::clone(ports), key.to_owned());
        Ok(ours.then(|| Self { ports, key, holder, until, bytes }))
    }

    /// The deadline within which the lease is ours.
    pub(crate) fn deadline(&self, deadline: Deadline) -> Deadline {
        Deadline(Some(deadline.0.map_or(self.until, |end| end.min(self.until))))
    }

    /// Keeps the lease over a wait and one more request; false if another has
    /// taken it over meanwhile.
    pub(crate) fn extend(&mut self, wait: Duration) -> Result<bool> {
        let until = self.ports.clock.now().saturating_add(millis(wait)).saturating_add(LENGTH_MS);
        let bytes = encode(&Held { holder: self.holder.clone(), until });
        let store = &self.ports.store;
        let ours =
            store.compare_and_swap(Bucket::Connection, &self.key, Some(&self.bytes), &bytes)?;
        if ours {
            (self.until, self.bytes) = (until, bytes);
        }
        Ok(ours)
    }
}

impl Lease {
    /// Keeps the lease for work that goes on; false if another has taken it over meanwhile.
    pub(crate) fn keep(&mut self) -> Result<bool> {
        if self.until.saturating_sub(self.ports.clock.now()) > LENGTH_MS / 2 {
            return Ok(true);
        }
        self.extend(Duration::ZERO)
    }
}

impl Drop for Lease {
    /// Gives it back, if it is still ours: also when a request is abandoned.
    fn drop(&mut self) {
        let free = encode(&Held { holder: String::new(), until: 0 });
        // A failure only means that others wait until the lease has run out.
        let _ = self.ports.store.compare_and_swap(
            Bucket::Connection,
            &self.key,
            Some(&self.bytes),
            &free,
        );
    }
}

fn encode(held: &Held) -> Vec<u8> {
    serde_json::to_vec(held).expect("a text and a number are always JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
