//! The catalogue of a drive: enumerated once, then kept current by its feed, one request at a time.
//!
//! A page of the feed becomes a [`segment`] in the connection's bucket, and the [`manifest`] names
//! it; so whoever is stopped, another goes on at the next page. Whoever wants to list the drive
//! brings it up to date and reads all segments into a [`Tree`]. One instance at a time follows the
//! feed; the others wait for it. A drive without a feed is walked instead.

mod manifest;
mod node;
mod segment;
mod tree;

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use self::manifest::{Building, Manifest, Snapshot, load, swap};
use self::node::Change;
pub(crate) use self::node::Kind;
pub(crate) use self::tree::{Item, Tree, TreeWalk};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Feed, Graph, GraphUrl, ItemPage};
use crate::lease::Lease;
use crate::ports::Bucket;
use crate::sender::Deadline;

/// Bytes of a segment: well below what a value may have.
const SEGMENT: usize = 512 << 10;
/// So many segments, and four times as many as needed, are merged.
const MANY_SEGMENTS: usize = 16;
/// How often those who wait for another's sync look again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a drive without a feed is walked before it is asked again.
const WALKS_MS: i64 = 24 * 3_600_000;
/// Reads of a catalogue that was replaced while it was read.
const READS: usize = 5;

/// A drive, and for whom its catalogue is.
pub(crate) struct Catalogue<'a> {
    pub(crate) graph: &'a Rc<Graph>,
    pub(crate) drive: &'a str,
    pub(crate) person: &'a str,
}

impl Catalogue<'_> {
    /// The drive as it is now; `None` where it has no feed. Without `enumerate` also where nothing
    /// is known of it yet: whoever wants only a few items is served sooner by a walk.
    pub(crate) async fn tree(&self, enumerate: bool, deadline: Deadline) -> Result<Option<Tree>> {
        for _ in 0..READS {
            let Some(current) = self.up_to_date(enumerate, deadline).await? else {
                return Ok(None);
            };
            if let Some(tree) = self.read(&current)? {
                return Ok(Some(tree));
            }
        }
        let message = "The catalogue of the drive is replaced too often.";
        Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."))
    }

    /// Follows the feed to its end, or waits until another instance has.
    async fn up_to_date(&self, enumerate: bool, deadline: Deadline) -> Result<Option<Snapshot>> {
        let ports = self.graph.sender.ports();
        let since = ports.clock.now();
        loop {
            let manifest = load(ports, self.drive, self.person)?.manifest;
            let walks = manifest.walks_until.is_some_and(|until| ports.clock.now() < until);
            if walks || (!enumerate && manifest.current.is_none()) {
                return Ok(None);
            }
            match manifest.current {
                // Somebody came to the end of the feed after we were asked.
                Some(current) if manifest.building.is_none() && current.checked_at >= since => {
                    return Ok(Some(current));
                }
                _ => {}
            }
            match Lease::take(ports, &format!("{}-lease", manifest::key(self.drive)))? {
                Some(lease) => self.follow(lease, deadline).await?,
                None => {
                    deadline.check(ports.clock.now())?;
                    ports.clock.sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Reads the feed page by page, as long as the lease is ours.
    async fn follow(&self, mut lease: Lease, deadline: Deadline) -> Result<()> {
        while self.step(lease.deadline(deadline)).await? && lease.keep()? {}
        Ok(())
    }

    /// Reads one page of the feed and keeps it; whether there are more.
    async fn step(&self, deadline: Deadline) -> Result<bool> {
        let ports = self.graph.sender.ports();
        let loaded = load(ports, self.drive, self.person)?;
        let mut after = loaded.manifest.clone();
        let building = loaded.manifest.begun();
        let cloud = self.graph.cloud;
        let url = match &building.next {
            None => GraphUrl::feed(cloud, self.drive)?,
            Some(next) => GraphUrl::kept(cloud, next)?,
        };
        let first = building.next.is_none();
        let answer = match self.graph.feed(&url, deadline).await {
            // A page that is not found any more is a reason to begin again, not to stop.
            Err(Error { kind: ErrorKind::NotFound, .. }) if !first => Feed::Resync,
            answer => answer?,
        };
        let outcome = match answer {
            Feed::NotOffered if first => {
                after.walks_until = Some(ports.clock.now().saturating_add(WALKS_MS));
                Ok(())
            }
            // What is current serves until the new is whole.
            Feed::NotOffered | Feed::Resync => Self::restart(&mut after, &building),
            Feed::Page(page) => self.take(&mut after, building, page),
        };
        let more = after.building.is_some();
        let ours = swap(ports, self.drive, &loaded, after)?;
        outcome.map(|()| more && ours)
    }

    fn restart(after: &mut Manifest, building: &Building) -> Result<()> {
        after.building = Manifest::restarted(building);
        match after.building {
            Some(_) => Ok(()),
            // The next one who asks begins with a clean slate.
            None => Err(Error::new(
                ErrorKind::Unavailable,
                "OneDrive sends the listing of the drive back to its start again and again.",
            )
            .hint("Try again later.")),
        }
    }

    fn take(&self, after: &mut Manifest, mut building: Building, page: ItemPage) -> Result<()> {
        let (next, delta) = (page.next(self.graph.cloud)?, page.delta(self.graph.cloud)?);
        let ids: Vec<&str> = page.value.iter().map(|item| item.id.as_str()).collect();
        let rows = hash(&ids);
        let changes: Vec<Change> = page.value.iter().map(Change::of).collect();
        // The root is in every answer, whether it changed or not.
        let root = |change: &Change| matches!(change, Change::Put(node) if node.kind == Kind::Root);
        if !(building.incremental && changes.iter().all(root)) {
            building.segments.extend(self.write(changes.into_iter())?);
        }
        match (next, delta) {
            (Some(next), _) => {
                let next = next.into_url().as_url().path_and_query().to_owned();
                // A loop is told by its links, or, where they differ each time, by its rows.
                let rows = Some(rows).filter(|_| !page.value.is_empty());
                for seen in [Some(hash(&next)), rows].into_iter().flatten() {
                    if building.seen.contains(&seen) {
                        return Self::restart(after, &building);
                    }
                    building.seen.push(seen);
                }
                building.next = Some(next);
                after.building = Some(building);
            }
            (None, Some(delta)) => {
                let link = delta.into_url().as_url().path_and_query().to_owned();
                let checked_at = self.graph.sender.ports().clock.now();
                let current = Snapshot { segments: building.segments, link, checked_at };
                after.current = Some(self.compacted(current)?);
                after.building = None;
            }
            (None, None) => {
                let message = "OneDrive's listing of the drive ends without saying where to go on.";
                return Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."));
            }
        }
        Ok(())
    }

    /// Writes changes as segments, and gives their keys.
    fn write(&self, changes: impl Iterator<Item = Change>) -> Result<Vec<String>> {
        let ports = self.graph.sender.ports();
        let (mut keys, mut part, mut size) = (Vec::new(), Vec::new(), 0);
        let mut close = |part: &mut Vec<Change>| -> Result<()> {
            if part.is_empty() {
                return Ok(());
            }
            let mut name = [0; 16];
            ports.random.fill(&mut name);
            let key = format!("segment-{}", URL_SAFE_NO_PAD.encode(name));
            ports.store.set(Bucket::Connection, &key, &segment::encode(part))?;
            part.clear();
            keys.push(key);
            Ok(())
        };
        for change in changes {
            size += change.size();
            part.push(change);
            if size >= SEGMENT {
                close(&mut part)?;
                size = 0;
            }
        }
        close(&mut part)?;
        Ok(keys)
    }

    /// The same state in as few segments as it needs, where it has many more.
    fn compacted(&self, snapshot: Snapshot) -> Result<Snapshot> {
        if snapshot.segments.len() <= MANY_SEGMENTS {
            return Ok(snapshot);
        }
        let Some(tree) = self.read(&snapshot)? else { return Ok(snapshot) };
        let needed = tree.nodes().map(|node| Change::Put(node).size()).sum::<usize>() / SEGMENT + 1;
        if snapshot.segments.len() < needed * 4 {
            return Ok(snapshot);
        }
        let segments = self.write(tree.nodes().map(Change::Put))?;
        Ok(Snapshot { segments, ..snapshot })
    }

    /// The tree of a state; `None` if its segments were replaced meanwhile.
    fn read(&self, snapshot: &Snapshot) -> Result<Option<Tree>> {
        let mut tree = Tree::default();
        for key in &snapshot.segments {
            let store = &self.graph.sender.ports().store;
            let Some(bytes) = store.get(Bucket::Connection, key)? else { return Ok(None) };
            for change in segment::Decoder::new(&bytes).ok_or_else(damaged)? {
                tree.apply(change.ok_or_else(damaged)?);
            }
        }
        Ok(Some(tree))
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn damaged() -> Error {
    Error::new(ErrorKind::Internal, "The catalogue of the drive is damaged.")
        .hint("Create the database again with CREATE OR REPLACE DATABASE.")
}
