//! What is kept of a drive's catalogue: which segments make it up, where its feed goes on, and
//! which parts of its history are kept.
//!
//! The manifest is swapped as a whole, so a state is seen only once it is whole.
//! Segments are written before they are named, and deleted once no manifest names them.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::history::History;
use super::runs::Run;
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Bucket, Ports, TimestampMs};

const VERSION: u32 = 5;
/// How often a feed may send us back to its start before that is an error.
const RESTARTS: u32 = 3;

/// All that is known of one drive.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// For whom it was made; nobody else is served from it.
    pub(super) person: String,
    /// Counts writes, since the store compares by value.
    revision: u64,
    /// The drive as it was when the feed last came to its end.
    pub(super) current: Option<Snapshot>,
    /// What is being read of the feed now, on top of the current state or from the start.
    pub(super) building: Option<Building>,
    /// What changed from state to state.
    pub(super) history: History,
    /// The drive was found to have no feed, and is not asked again before.
    pub(super) walks_until: Option<TimestampMs>,
}

/// A segment in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) key: String,
    /// How many changes it holds.
    pub(super) changes: u32,
    /// It tells no change, but what was found out of items as the segments before it tell them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) supplement: bool,
}

/// A whole state of the drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) segments: Vec<Stored>,
    /// Where the feed tells what changed since.
    pub(super) link: String,
    /// When the feed was last at its end.
    pub(super) checked_at: TimestampMs,
    /// When that last brought a change.
    pub(super) changed_at: TimestampMs,
    /// How many items there are, the root not counted.
    pub(super) items: u64,
    /// How many of the feed's rows stand, also those that hang on no folder.
    pub(super) kept: u64,
}

/// A state that is not whole yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Building {
    pub(super) segments: Vec<Stored>,
    /// The page to be read next; none is the feed's first.
    pub(super) next: Option<String>,
    /// Hashes of the links followed, since loops have been seen.
    pub(super) seen: Vec<u64>,
    /// Whether it begins with the current state.
    pub(super) incremental: bool,
    /// How often the feed began anew.
    pub(super) restarts: u32,
    /// The run that reads it, if one does.
    pub(super) run: Option<Run>,
}

impl Manifest {
    pub(super) fn new(person: &str) -> Self {
        Self { version: VERSION, person: person.to_owned(), ..Self::default() }
    }

    /// What is to be read on: where it was left, else what changed since, else everything.
    pub(super) fn begun(&self) -> Building {
        match (&self.building, &self.current) {
            (Some(building), _) => building.clone(),
            (None, Some(current)) => Building {
                segments: current.segments.clone(),
                next: Some(current.link.clone()),
                incremental: true,
                ..Building::default()
            },
            (None, None) => Building::default(),
        }
    }

    /// How many of the segments being built are those of the current state.
    pub(super) fn based(&self, building: &Building) -> usize {
        let current = self.current.as_ref().filter(|_| building.incremental);
        current.map_or(0, |current| current.segments.len())
    }

    /// Whether all of the drive has yet to be read.
    pub(super) fn enumerates(&self) -> bool {
        match (&self.building, &self.current) {
            (Some(building), _) => !building.incremental,
            (None, current) => current.is_none(),
        }
    }

    /// The segments that are named.
    fn named(&self) -> impl Iterator<Item = &String> {
        let current = self.current.iter().flat_map(|snapshot| &snapshot.segments);
        let building = self.building.iter().flat_map(|building| &building.segments);
        current.chain(building).map(|stored| &stored.key).chain(self.history.keys())
    }
}

impl Building {
    /// Back to the feed's start; none if that was tried too often.
    pub(super) fn restarted(self) -> Option<Self> {
        let restarts = self.restarts + 1;
        let anew = Self { restarts, run: self.run, ..Self::default() };
        (restarts <= RESTARTS).then_some(anew)
    }
}

/// A manifest as it was read, for the swap.
pub(super) struct Loaded {
    pub(super) manifest: Manifest,
    bytes: Option<Vec<u8>>,
}

pub(super) fn key(drive: &str) -> String {
    format!("catalogue-{}", &digest("onedrive-datasource catalogue 1", &[drive])[..24])
}

/// The manifest of a drive; an empty one where there is none, or where it was made for another.
pub(super) fn load(ports: &Ports, drive: &str, person: &str) -> Result<Loaded> {
    let bytes = ports.store.get(Bucket::Connection, &key(drive))?;
    let found: Option<Manifest> = bytes.as_deref().and_then(|b| serde_json::from_slice(b).ok());
    let ours = found.filter(|found| found.version == VERSION && found.person == person);
    Ok(Loaded { manifest: ours.unwrap_or_else(|| Manifest::new(person)), bytes })
}

/// Puts a manifest in the place of the one that was read, and deletes the segments that only the
/// loser names; false if another was faster.
pub(super) fn swap(
    ports: &Ports,
    drive: &str,
    before: &Loaded,
    mut after: Manifest,
) -> Result<bool> {
    after.revision = before.manifest.revision + 1;
    let bytes = serde_json::to_vec(&after)
        .map_err(|_| Error::new(ErrorKind::Internal, "A manifest is no JSON."))?;
    let (store, expected) = (&ports.store, before.bytes.as_deref());
    let ours = store.compare_and_swap(Bucket::Connection, &key(drive), expected, &bytes)?;
    let (kept, lost) = if ours { (&after, &before.manifest) } else { (&before.manifest, &after) };
    let kept: HashSet<&String> = kept.named().collect();
    for gone in lost.named().filter(|segment| !kept.contains(segment)) {
        // What stays behind costs room and nothing else.
        let _ = store.delete(Bucket::Connection, gone);
    }
    Ok(ours)
}

/// Writes a segment under a name that no other has.
pub(super) fn write_segment(ports: &Ports, bytes: &[u8]) -> Result<String> {
    let mut name = [0; 16];
    ports.random.fill(&mut name);
    let key = format!("segment-{}", URL_SAFE_NO_PAD.encode(name));
    ports.store.set(Bucket::Connection, &key, bytes)?;
    Ok(key)
}
