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
use crate::ports::{Bucket, TimestampMs};
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

/// What came of reading a page.
enum Step {
    More,
    /// The feed's end, or none at all.
    End,
    /// Another instance was faster; what it kept counts.
    Overtaken,
}

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
        for read in 1..=READS {
            let Some(current) = self.up_to_date(enumerate, deadline).await? else {
                return Ok(None);
            };
            if let Some(tree) = self.read(&current)? {
                return Ok(Some(tree));
            }
            // A segment is missing or damaged, and not because the catalogue was just replaced.
            if read == READS - 1 {
                let ports = self.graph.sender.ports();
                let loaded = load(ports, self.drive, self.person)?;
                swap(ports, self.drive, &loaded, Manifest::new(self.person))?;
            }
        }
        let message = "The catalogue of the drive is replaced too often.";
        Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."))
    }

    /// Follows the feed to its end, or waits until another instance has.
    async fn up_to_date(&self, enumerate: bool, deadline: Deadline) -> Result<Option<Snapshot>> {
        let ports = self.graph.sender.ports();
        let since = ports.clock.now();
        let mut ended = false;
        loop {
            let manifest = load(ports, self.drive, self.person)?.manifest;
            let walks = manifest.walks_until.is_some_and(|until| ports.clock.now() < until);
            let enumerates = match (&manifest.building, &manifest.current) {
                (Some(building), _) => !building.incremental,
                (None, current) => current.is_none(),
            };
            if walks || (enumerates && !enumerate) {
                return Ok(None);
            }
            // We came to the end of the feed, or somebody who asked it later than we did.
            let now = ports.clock.now();
            let serves = |current: &Snapshot| ended || (since..=now).contains(&current.checked_at);
            let current = manifest.current.filter(|_| manifest.building.is_none());
            if let Some(current) = current.filter(serves) {
                return Ok(Some(current));
            }
            match Lease::take(ports, &format!("{}-lease", manifest::key(self.drive)))? {
                Some(lease) => ended = self.follow(lease, deadline).await?,
                None => {
                    deadline.check(ports.clock.now())?;
                    ports.clock.sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Reads the feed page by page, as long as the lease is ours; whether its end was reached. The
    /// service may make a page wait for longer than the lease lasts: then another may read it too,
    /// and the swap of the manifest tells whose counts.
    async fn follow(&self, mut lease: Lease, deadline: Deadline) -> Result<bool> {
        loop {
            match self.step(deadline).await? {
                Step::More if lease.keep()? => {}
                Step::More | Step::Overtaken => return Ok(false),
                Step::End => return self.compact().map(|()| true),
            }
        }
    }

    /// Reads one page of the feed and keeps it.
    async fn step(&self, deadline: Deadline) -> Result<Step> {
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
        let asked_at = ports.clock.now();
        let answer = match self.graph.feed(&url, deadline).await {
            // A page that is not found any more is a reason to begin again, not to stop.
            Err(Error { kind: ErrorKind::NotFound, .. }) if !first => Feed::Resync,
            answer => answer?,
        };
        let outcome = match answer {
            Feed::NotOffered if first => {
                (after.current, after.building) = (None, None);
                after.walks_until = Some(ports.clock.now().saturating_add(WALKS_MS));
                Ok(())
            }
            // What is current is kept until the new is whole.
            Feed::NotOffered | Feed::Resync => Self::restart(&mut after, &building),
            Feed::Page(page) => self.take(&mut after, building, &page, asked_at),
        };
        let more = after.building.is_some();
        let ours = swap(ports, self.drive, &loaded, after)?;
        outcome?;
        Ok(match (ours, more) {
            (false, _) => Step::Overtaken,
            (true, true) => Step::More,
            (true, false) => Step::End,
        })
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

    fn take(
        &self,
        after: &mut Manifest,
        mut building: Building,
        page: &ItemPage,
        asked_at: TimestampMs,
    ) -> Result<()> {
        let cloud = self.graph.cloud;
        let kept = |url: GraphUrl| url.as_url().path_and_query().to_owned();
        let next = page.next(cloud)?.map(|link| kept(link.into_url()));
        let delta = page.delta(cloud)?.map(|link| kept(link.into_url()));
        // Whether it can be gone on from here is known before anything is written.
        if let Some(next) = &next {
            // A loop is told by its links, or, where they differ each time, by its rows.
            let ids: Vec<&str> = page.value.iter().map(|item| item.id.as_str()).collect();
            // Pages that hold nothing but the root look alike.
            let rows = (ids.len() > 1).then(|| hash(&ids));
            for seen in [Some(hash(next)), rows].into_iter().flatten() {
                if building.seen.contains(&seen) {
                    return Self::restart(after, &building);
                }
                building.seen.push(seen);
            }
        } else if delta.is_none() {
            let message = "OneDrive's listing of the drive ends without saying where to go on.";
            return Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."));
        }
        let changes: Vec<Change> = page.value.iter().map(Change::of).collect();
        // The root is in every answer, whether it changed or not.
        let root = |change: &Change| matches!(change, Change::Put(node) if node.kind == Kind::Root);
        if !(building.incremental && changes.iter().all(root)) {
            building.segments.extend(self.write(changes.into_iter())?);
        }
        match (next, delta) {
            (None, Some(link)) => {
                let current = Snapshot { segments: building.segments, link, checked_at: asked_at };
                after.current = Some(current);
                after.building = None;
            }
            (next, _) => {
                building.next = next;
                after.building = Some(building);
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

    /// Writes the current state anew in as few segments as it needs, where it has many more.
    fn compact(&self) -> Result<()> {
        let ports = self.graph.sender.ports();
        let loaded = load(ports, self.drive, self.person)?;
        let Some(current) = &loaded.manifest.current else { return Ok(()) };
        if current.segments.len() <= MANY_SEGMENTS || loaded.manifest.building.is_some() {
            return Ok(());
        }
        let Some(tree) = self.read(current)? else { return Ok(()) };
        let needed = tree.nodes().map(|node| Change::Put(node).size()).sum::<usize>() / SEGMENT + 1;
        if current.segments.len() < needed * 4 {
            return Ok(());
        }
        let segments = self.write(tree.nodes().map(Change::Put))?;
        let mut after = loaded.manifest.clone();
        after.current = Some(Snapshot { segments, ..current.clone() });
        swap(ports, self.drive, &loaded, after).map(drop)
    }

    /// The tree of a state; `None` if a segment was replaced meanwhile, or is damaged.
    fn read(&self, snapshot: &Snapshot) -> Result<Option<Tree>> {
        let mut tree = Tree::default();
        for key in &snapshot.segments {
            let store = &self.graph.sender.ports().store;
            let Some(bytes) = store.get(Bucket::Connection, key)? else { return Ok(None) };
            let Some(decoder) = segment::Decoder::new(&bytes) else { return Ok(None) };
            for change in decoder {
                let Some(change) = change else { return Ok(None) };
                tree.apply(change);
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
