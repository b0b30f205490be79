//! The refresh lease: one refresh at a time over all instances and processes
//! that share the store.
//!
//! A record `{holder, until}` taken by compare-and-swap *before* the request.
//! A lease past its time is taken over, so a killed holder stops nobody for
//! long; its late answer is still welcome, as old refresh tokens stay valid.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::ports::{Bucket, Ports, TimestampMs};

const KEY: &str = "refresh-lease";
/// Longer than one request with its tries usually takes.
const LENGTH_MS: i64 = 30_000;

#[derive(Serialize, Deserialize)]
struct Held {
    holder: String,
    until: TimestampMs,
}

/// A lease in hand; given back when dropped.
pub(super) struct Lease {
    ports: Rc<Ports>,
    bytes: Vec<u8>,
}

impl Lease {
    /// Takes the lease, or `None` if another holds it.
    pub(super) fn take(ports: &Rc<Ports>) -> Result<Option<Self>> {
        let present = ports.store.get(Bucket::Connection, KEY)?;
        let now = ports.clock.now();
        let held = present.as_deref().and_then(|b| serde_json::from_slice::<Held>(b).ok());
        if held.is_some_and(|held| held.until > now && held.until <= now + 2 * LENGTH_MS) {
            return Ok(None);
        }
        let mut id = [0; 16];
        ports.random.fill(&mut id);
        let bytes = encode(&Held { holder: hex(&id), until: now + LENGTH_MS });
        let ours =
            ports.store.compare_and_swap(Bucket::Connection, KEY, present.as_deref(), &bytes)?;
        Ok(ours.then(|| Self { ports: Rc::clone(ports), bytes }))
    }
}

impl Drop for Lease {
    /// Gives it back, if it is still ours: also when a request is abandoned.
    fn drop(&mut self) {
        let free = encode(&Held { holder: String::new(), until: 0 });
        // A failure only means that others wait until the lease has run out.
        let _ =
            self.ports.store.compare_and_swap(Bucket::Connection, KEY, Some(&self.bytes), &free);
    }
}

fn encode(held: &Held) -> Vec<u8> {
    serde_json::to_vec(held).expect("a text and a number are always JSON")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
