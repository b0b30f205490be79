//! The catalogue of a drive: enumerated once, then kept current by its feed, one request at a time.
//!
//! A page of the feed goes into [`segments`] in the connection's bucket, and the [`manifest`] names
//! them; so whoever is stopped, another goes on at the next page. At the feed's end the new state is
//! compared with the one before it and takes its place ([`publish`]), what changed is added to the
//! [`history`], and what it took is told in [`runs`]. Whoever wants to list the drive brings it up
//! to date and reads all segments into a [`Tree`]. One instance at a time follows the feed; the
//! others wait for it, or are served the old state where the drive has to be read anew. A drive
//! without a feed is walked instead.

mod bytes;
mod changes;
mod history;
mod manifest;
mod publish;
mod runs;
mod segment;
mod segments;
#[cfg(test)]
mod test_store;
mod tree;

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::rc::Rc;
use std::time::Duration;

pub(crate) use self::changes::{Reading, Scope, no_folder};
use self::manifest::{Building, Loaded, Manifest, Snapshot, Stored, load, swap};
use self::publish::publish;
use self::runs::{Counted, Run, Tally, remember};
pub(crate) use self::runs::{Ended, Status, ended};
use self::segment::Change;
pub(crate) use self::tree::{Tree, TreeWalk};
use crate::contract::{Progress, RunState};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{DriveItem, Feed, Graph, GraphUrl, ItemPage};
use crate::item::Item;
use crate::lease::Lease;
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::sender::{Deadline, millis};

/// How often a page that failed for all its tries is begun again, once others came.
const PATIENCE: u32 = 3;
/// How many steps of a run in a row may fail, and how many may only have to wait.
const MOST_FAILURES: u32 = 8;
const MOST_WAITS: u32 = 900;
/// How long one statement follows a feed. Hosts end a call after some minutes; what was read by
/// then is kept.
const LONGEST_MS: i64 = 500_000;
/// The same, where there is an old state to serve.
const LONGEST_WITH_STATE_MS: i64 = 60_000;
/// The hint of whoever ran out of time.
const GOES_ON: &str =
    "Run REFRESH DATABASE …, which goes on from there to the end, or the statement again.";
/// The same, of another drive, which is not read to its end by that.
const GOES_ON_ELSEWHERE: &str = "Run the statement again: it goes on from there.";
/// How often those who wait for another's sync look again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long a drive without a feed is walked before it is asked again.
const WALKS_MS: i64 = 24 * 3_600_000;
/// Reads of a catalogue that was replaced while it was read.
const READS: usize = 5;
/// Tries of a write that others may overtake.
const TRIES: usize = 5;

/// What came of reading a page.
enum Step {
    More,
    /// The feed has to be read from its start.
    Anew,
    /// The feed's end, or none at all.
    End(Box<Outcome>),
    /// Another instance was faster; what it kept counts.
    Overtaken,
    /// The feed began anew too often; the next one who asks begins with a clean slate.
    InCircles,
}

/// How a run came to its end.
#[derive(Default)]
struct Outcome {
    /// The new state, in memory where it had to be read; none where there is no feed.
    state: Option<(Snapshot, Option<Tree>)>,
    ended: Option<Ended>,
}

/// How far following the feed came.
enum Followed {
    Ended(Box<Outcome>),
    /// The time is over, or the lease.
    Stopped,
}

/// What is known of a drive's state without reading it.
pub(crate) struct Summary {
    /// What `changes` takes to go on from here.
    pub(crate) cursor: String,
    pub(crate) changed_at: TimestampMs,
    pub(crate) checked_at: TimestampMs,
    pub(crate) items: u64,
}

/// When a drive is read whole, where that has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enumerate {
    /// Whoever wants only a few items is served sooner by a walk.
    Never,
    /// If it was before.
    Again,
    Always,
}

/// A drive's state in memory.
pub(crate) struct Listed {
    pub(crate) tree: Tree,
    segments: Vec<Stored>,
    /// When it was so, where that is longer ago than is allowed: a new state is being read.
    pub(crate) as_of: Option<TimestampMs>,
}

/// A drive, and for whom its catalogue is.
#[derive(Clone)]
pub(crate) struct Catalogue {
    pub(crate) graph: Rc<Graph>,
    pub(crate) drive: Rc<str>,
    pub(crate) person: Rc<str>,
    /// How old a state may be to be served without asking the service.
    pub(crate) max_age: Duration,
    /// It is the connection's own drive, not one that a shortcut leads to.
    pub(crate) own: bool,
}

impl Catalogue {
    /// The drive as it is now; `None` where it has no feed, or would have to be read whole though
    /// `enumerate` does not allow it.
    pub(crate) async fn list(
        &self,
        enumerate: Enumerate,
        deadline: Deadline,
    ) -> Result<Option<Listed>> {
        let since = self.oldest();
        for _ in 0..READS {
            let Some((current, tree)) = self.up_to_date(enumerate, deadline).await? else {
                return Ok(None);
            };
            let tree = match tree {
                Some(tree) => Some(tree),
                None => segments::read(self.ports(), &current.segments, Some(&current))?
                    .map(|(tree, _)| tree),
            };
            if let Some(tree) = tree {
                let as_of = Some(current.checked_at).filter(|time| *time < since);
                return Ok(Some(Listed { tree, segments: current.segments, as_of }));
            }
            self.discard_damaged(&current.segments)?;
        }
        Err(replaced_too_often())
    }

    /// From when on a state may be served without asking the service.
    fn oldest(&self) -> TimestampMs {
        self.ports().clock.now().saturating_sub(millis(self.max_age))
    }

    /// Segments that cannot be read were replaced meanwhile, or else they are damaged: then all is
    /// read anew.
    fn discard_damaged(&self, segments: &[Stored]) -> Result<()> {
        let loaded = self.load()?;
        if loaded.manifest.current.as_ref().is_some_and(|current| current.segments == segments) {
            swap(self.ports(), &self.drive, &loaded, Manifest::new(&self.person))?;
        }
        Ok(())
    }

    /// Fills in what a tree does not keep; false if that cannot be had any more. Where the state was
    /// written anew meanwhile, items become what they are now, but for their names.
    pub(crate) fn complete(&self, listed: &Listed, items: &mut [&mut Item]) -> Result<bool> {
        if segments::complete(self.ports(), &listed.tree, &listed.segments, items)? {
            return Ok(true);
        }
        let Some(current) = self.load()?.manifest.current else { return Ok(false) };
        segments::complete_by_id(self.ports(), &current.segments, items)
    }

    /// Keeps what was found out of items beside what the feed tells of them: at the end of the
    /// state, and below what is being read on top of it. Where the state was written anew meanwhile,
    /// it is not kept.
    pub(crate) fn supplement(&self, listed: &mut Listed, items: &[&Item]) -> Result<()> {
        items.iter().for_each(|item| listed.tree.learn(item));
        for _ in 0..TRIES {
            let loaded = self.load()?;
            let Some(after) = self.supplemented(&loaded.manifest, listed, items)? else { break };
            if swap(self.ports(), &self.drive, &loaded, after)? {
                break;
            }
        }
        Ok(())
    }

    /// The manifest with what was found out, if there is anything to be kept.
    fn supplemented(
        &self,
        manifest: &Manifest,
        listed: &Listed,
        items: &[&Item],
    ) -> Result<Option<Manifest>> {
        let mut after = manifest.clone();
        let Some(current) = &mut after.current else { return Ok(None) };
        let before = current.segments.clone();
        let Some(since) = before.strip_prefix(listed.segments.as_slice()) else { return Ok(None) };
        let ids = items.iter().map(|item| item.id.as_str()).collect();
        let Some(changed) = segments::told(self.ports(), since, &ids)? else { return Ok(None) };
        // Whoever listed an item may have given it another name.
        let in_drive = |item: &&Item| {
            let details = item.details.clone();
            let unchanged = Some(&item.id).filter(|id| !changed.contains(*id))?;
            Some(Change::Put(Item { details, ..listed.tree.by_id(unchanged)? }))
        };
        let known: Vec<Change> = items.iter().filter_map(in_drive).collect();
        let mut building = after.building.as_mut().filter(|building| building.incremental);
        let based = |building: &&mut Building| building.segments.starts_with(&before);
        if known.is_empty() || building.as_ref().is_some_and(|building| !based(building)) {
            return Ok(None);
        }
        // Those who read the state go on reading its segments.
        segments::append(self.ports(), &mut current.segments, before.len(), &known)?;
        let added = &mut current.segments[before.len()..];
        added.iter_mut().for_each(|stored| stored.supplement = true);
        if let Some(building) = &mut building {
            building.segments.splice(before.len()..before.len(), added.iter().cloned());
        }
        Ok(Some(after))
    }

    /// What is kept of the drive, without asking the service.
    pub(crate) fn summary(&self) -> Result<Option<Summary>> {
        let manifest = self.load()?.manifest;
        let Some(current) = &manifest.current else { return Ok(None) };
        Ok(Some(Summary {
            cursor: manifest.history.cursor(),
            changed_at: current.changed_at,
            checked_at: current.checked_at,
            items: current.items,
        }))
    }

    /// Works on a current state for about as long as `budget`.
    pub(crate) async fn refresh(&self, budget: Duration) -> Result<Progress> {
        let ports = self.ports();
        let until = ports.clock.now().saturating_add(millis(budget));
        loop {
            if let Some(lease) = self.lease()? {
                return Ok(match self.follow(lease, Deadline::default(), Some(until)).await? {
                    Followed::Ended(outcome) => progress(&outcome),
                    Followed::Stopped => self.under_way()?,
                });
            }
            if ports.clock.now() >= until {
                return self.under_way();
            }
            ports.clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// What the run under way has done so far.
    fn under_way(&self) -> Result<Progress> {
        let manifest = self.load()?.manifest;
        let expected = manifest.current.as_ref().map(|current| current.items);
        let building = manifest.building.unwrap_or_default();
        let run = building.run.as_ref();
        Ok(Progress {
            state: RunState::Working,
            run_id: run.map(|run| run.id.clone()).unwrap_or_default(),
            items: run.map_or(0, |run| run.items),
            items_expected: expected.filter(|_| !building.incremental),
            requests: run.map_or(0, |run| run.requests),
            errors: run.map_or(0, |run| run.errors),
            throttled: run.map_or(0, |run| run.throttled),
            ..Progress::default()
        })
    }

    /// Follows the feed to its end, or waits until another instance has.
    async fn up_to_date(
        &self,
        enumerate: Enumerate,
        deadline: Deadline,
    ) -> Result<Option<(Snapshot, Option<Tree>)>> {
        let ports = self.ports();
        let (since, begun) = (self.oldest(), ports.clock.now());
        loop {
            let manifest = self.load()?.manifest;
            let enumerates = manifest.enumerates();
            let forbidden = match enumerate {
                Enumerate::Never => enumerates,
                Enumerate::Again => enumerates && manifest.current.is_none(),
                Enumerate::Always => false,
            };
            if self.walks(&manifest) || forbidden {
                return Ok(None);
            }
            let now = ports.clock.now();
            let recent = |current: &Snapshot| (since..=now).contains(&current.checked_at);
            if let Some(current) = manifest.current.clone().filter(recent) {
                return Ok(Some((current, None)));
            }
            let longest = match &manifest.current {
                Some(_) if enumerates => LONGEST_WITH_STATE_MS,
                _ => LONGEST_MS,
            };
            // With a state to serve, nobody waits to the last.
            let until = begun.saturating_add(longest);
            let limit = match deadline.0 {
                Some(deadline) if longest == LONGEST_MS => deadline,
                deadline => deadline.map_or(until, |deadline| deadline.min(until)),
            };
            let limit = Deadline(Some(limit));
            match (self.lease()?, manifest.current) {
                (Some(lease), _) => {
                    let followed = match self.follow(lease, limit, None).await {
                        Err(error) if is_too_late(&error) => return self.too_late(error),
                        followed => followed?,
                    };
                    if let Followed::Ended(outcome) = followed
                        && let Some(state) = outcome.state
                    {
                        return Ok(Some(state));
                    }
                }
                // Until another has read the whole drive anew, the old state serves.
                (None, Some(current)) if enumerates => return Ok(Some((current, None))),
                (None, _) => {
                    if let Err(error) = limit.check(ports.clock.now()) {
                        return self.too_late(error);
                    }
                    ports.clock.sleep(LOOK_AGAIN).await;
                }
            }
        }
    }

    /// Reads the feed page by page, as long as the lease is ours, or until a time is over. The
    /// service may make a page wait for longer than the lease lasts: then another may read it too,
    /// and the swap of the manifest tells whose counts.
    async fn follow(
        &self,
        mut lease: Lease,
        deadline: Deadline,
        until: Option<TimestampMs>,
    ) -> Result<Followed> {
        let clock = &self.ports().clock;
        let begun = clock.now();
        // A clock that goes back ends a step too.
        let over = |now: TimestampMs| until.is_some_and(|until| now >= until || now < begun);
        let mut own = String::new();
        // The first page tells whether anybody is there; later ones are worth more patience.
        let mut patience = 0;
        loop {
            match self.step(Deadline(deadline.0.or(until)), &mut own).await {
                Ok(Step::End(outcome)) => return Ok(Followed::Ended(outcome)),
                Ok(Step::More) if deadline.forbids(clock.now()) => {
                    self.give_up(&own)?;
                    deadline.check(clock.now())?;
                }
                Ok(Step::More) if lease.keep()? && !over(clock.now()) => patience = PATIENCE,
                Ok(Step::Anew) if until.is_some() && lease.keep()? && !over(clock.now()) => {}
                // A statement may not want to wait for that.
                Ok(Step::More | Step::Anew | Step::Overtaken) => return Ok(Followed::Stopped),
                Err(error) if until.is_some() && self.may_pass(&own, error.kind)? => {
                    let left = until.map_or(0, |until| until.saturating_sub(clock.now())).max(0);
                    clock.sleep(Duration::from_millis(left.unsigned_abs())).await;
                    return Ok(Followed::Stopped);
                }
                Ok(Step::InCircles) => {
                    self.give_up(&own)?;
                    return Err(in_circles());
                }
                Err(Error { kind: ErrorKind::Unavailable, .. })
                    if patience > 0 && lease.keep()? =>
                {
                    patience -= 1;
                }
                Err(error) => {
                    self.give_up(&own)?;
                    return Err(error);
                }
            }
        }
    }

    /// Reads one page of the feed and keeps it.
    async fn step(&self, deadline: Deadline, own: &mut String) -> Result<Step> {
        let ports = self.ports();
        let loaded = self.load()?;
        let mut building = loaded.manifest.begun();
        let cloud = self.graph.cloud;
        let url = match &building.next {
            None => GraphUrl::feed(cloud, &self.drive)?,
            Some(next) => GraphUrl::kept(cloud, next)?,
        };
        let first = building.next.is_none();
        let asked_at = ports.clock.now();
        let mut run = building.run.take().unwrap_or_else(|| Run::begin(ports));
        let counters = self.graph.sender.counters();
        let counted = Counted::now(counters);
        let answer = self.graph.feed(&url, deadline).await;
        counted.add_to(&mut run, counters);
        run.failures = if answer.is_ok() { 0 } else { run.failures + 1 };
        own.clone_from(&run.id);
        building.run = Some(run);
        let mut after = loaded.manifest.clone();
        match answer {
            // A page that is not found any more is a reason to begin again, not to stop.
            Err(Error { kind: ErrorKind::NotFound, .. }) if !first => {
                self.restart(&loaded, after, building)
            }
            // What is current is kept until the new is whole.
            Ok(Feed::Resync) => self.restart(&loaded, after, building),
            Ok(Feed::NotOffered) if !first => self.restart(&loaded, after, building),
            Ok(Feed::NotOffered) => {
                (after.current, after.building) = (None, None);
                after.walks_until = Some(ports.clock.now().saturating_add(WALKS_MS));
                let ours = swap(ports, &self.drive, &loaded, after)?;
                Ok(if ours { Step::End(Box::default()) } else { Step::Overtaken })
            }
            Ok(Feed::Page(page)) => self.take(&loaded, building, page, asked_at),
            Err(error) => {
                // What it cost is not forgotten.
                after.building = Some(building);
                swap(ports, &self.drive, &loaded, after)?;
                Err(error)
            }
        }
    }

    fn restart(&self, loaded: &Loaded, mut after: Manifest, building: Building) -> Result<Step> {
        let run = building.run.clone();
        after.building = building.restarted();
        let again = after.building.is_some();
        after.building.get_or_insert_with(|| Building { run, ..Building::default() });
        let ours = swap(self.ports(), &self.drive, loaded, after)?;
        Ok(match (again, ours) {
            (false, _) => Step::InCircles,
            (true, true) => Step::Anew,
            (true, false) => Step::Overtaken,
        })
    }

    fn take(
        &self,
        loaded: &Loaded,
        mut building: Building,
        page: ItemPage,
        asked_at: TimestampMs,
    ) -> Result<Step> {
        let (ports, cloud) = (self.ports(), self.graph.cloud);
        let mut after = loaded.manifest.clone();
        let kept = |url: GraphUrl| url.as_url().path_and_query().to_owned();
        let next = page.next(cloud)?.map(|link| kept(link.into_url()));
        let delta = page.delta(cloud)?.map(|link| kept(link.into_url()));
        // Whether it can be gone on from here is known before anything is written.
        if let Some(next) = &next {
            // A loop is told by its links, or, where they differ each time, by its rows.
            let told = |item: &DriveItem| (item.id.clone(), item.e_tag.clone(), item.is_deleted());
            let rows: Vec<_> = page.value.iter().map(told).collect();
            // Pages that hold nothing but the root look alike.
            let rows = (rows.len() > 1).then(|| hash(&rows));
            let hashes = [Some(hash(next)), rows];
            let mut hashes = hashes.into_iter().flatten();
            if hashes.clone().any(|hash| building.seen.contains(&hash)) {
                return self.restart(loaded, after, building);
            }
            building.seen.extend(&mut hashes);
        } else if delta.is_none() {
            let message = "OneDrive's listing of the drive ends without saying where to go on.";
            return Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."));
        }
        if let Some(run) = &mut building.run {
            run.items += page.value.len() as u64;
        }
        let changes: Vec<Change> = page.value.into_iter().filter_map(Change::of).collect();
        if !(building.incremental && changes.iter().all(Change::is_root)) {
            let kept = after.based(&building);
            segments::append(ports, &mut building.segments, kept, &changes)?;
        }
        let link = match (next, delta) {
            (None, Some(link)) => link,
            (next, _) => {
                building.next = next;
                after.building = Some(building);
                let ours = swap(ports, &self.drive, loaded, after)?;
                return Ok(if ours { Step::More } else { Step::Overtaken });
            }
        };
        let run = building.run.clone();
        let written = building.clone();
        let Some(published) = publish(ports, &loaded.manifest, building, link, asked_at)? else {
            // What is kept is damaged.
            after.current = None;
            return self.restart(loaded, after, written);
        };
        after.current = Some(published.snapshot.clone());
        after.history = published.history;
        (after.building, after.walks_until) = (None, None);
        let ours = swap(ports, &self.drive, loaded, after)?;
        // What was read last may have been written anew with all the rest.
        let named = &published.snapshot.segments;
        for stored in written.segments.iter().filter(|stored| ours && !named.contains(stored)) {
            let _ = ports.store.delete(Bucket::Connection, &stored.key);
        }
        if !ours {
            return Ok(Step::Overtaken);
        }
        let ended = run.map(|run| self.ended(run, Status::Success, published.tally));
        let state = Some((published.snapshot, published.tree));
        Ok(Step::End(Box::new(Outcome { state, ended })))
    }

    /// Whether another step may bring what this one did not: it was only for want of time, or the
    /// service may be there again.
    fn may_pass(&self, own: &str, kind: ErrorKind) -> Result<bool> {
        let most = match kind {
            ErrorKind::Throttled | ErrorKind::DeadlineExceeded => MOST_WAITS,
            ErrorKind::Unavailable => MOST_FAILURES,
            _ => return Ok(false),
        };
        let building = self.load()?.manifest.building;
        let run = building.and_then(|building| building.run).filter(|run| run.id == own);
        Ok(run.is_some_and(|run| run.failures < most))
    }

    /// Our run ends here; the next one goes on after what was kept.
    fn give_up(&self, own: &str) -> Result<()> {
        let loaded = self.load()?;
        let mut after = loaded.manifest.clone();
        let Some(building) = &mut after.building else { return Ok(()) };
        let Some(run) = building.run.take_if(|run| run.id == own) else { return Ok(()) };
        let kept = loaded.manifest.building.as_ref().map_or(0, |b| loaded.manifest.based(b));
        let status = if building.segments.len() > kept { Status::Partial } else { Status::Failed };
        // Nothing was read yet: the next run begins like this one. That the feed has to be read from
        // its start is not forgotten.
        if (building.next.is_none() && building.restarts == 0)
            || after.current.as_ref().is_some_and(|current| {
                building.incremental && building.next.as_ref() == Some(&current.link)
            })
        {
            after.building = None;
        }
        if swap(self.ports(), &self.drive, &loaded, after)? {
            let run = Run { errors: run.errors + 1, ..run };
            let _ = self.ended(run, status, Tally::default());
        }
        Ok(())
    }

    /// What is to be had where a statement cannot wait for the feed's end: while the whole drive is
    /// read anew the old state, else an error that says how it goes on.
    fn too_late(&self, error: Error) -> Result<Option<(Snapshot, Option<Tree>)>> {
        let manifest = self.load()?.manifest;
        let (enumerates, building) = (manifest.enumerates(), manifest.building.unwrap_or_default());
        if let Some(current) = manifest.current.filter(|_| enumerates) {
            return Ok(Some((current, None)));
        }
        let read: u64 = building.segments.iter().map(|stored| u64::from(stored.changes)).sum();
        // There is nothing to go on from.
        if !enumerates || read == 0 {
            return Err(error);
        }
        let goes_on = if self.own { GOES_ON } else { GOES_ON_ELSEWHERE };
        if error.kind == ErrorKind::Throttled {
            return Err(error.hint(goes_on));
        }
        let message = format!(
            "The drive is read for the first time, which takes longer than a statement may ({read} \
             items so far)."
        );
        Err(Error { message, ..error }.hint(goes_on))
    }

    fn ended(&self, run: Run, status: Status, tally: Tally) -> Ended {
        let completed_at = self.ports().clock.now();
        let ended = Ended { run, completed_at, status, tally };
        remember(self.ports(), &ended);
        ended
    }

    /// Whether the drive was lately found to have no feed.
    fn walks(&self, manifest: &Manifest) -> bool {
        let now = self.ports().clock.now();
        let lately = now..=now.saturating_add(WALKS_MS);
        manifest.walks_until.is_some_and(|until| lately.contains(&until))
    }

    fn ports(&self) -> &Rc<Ports> {
        self.graph.sender.ports()
    }

    fn load(&self) -> Result<Loaded> {
        load(self.ports(), &self.drive, &self.person)
    }

    fn lease(&self) -> Result<Option<Lease>> {
        Lease::take(self.ports(), &format!("{}-lease", manifest::key(&self.drive)))
    }
}

fn progress(outcome: &Outcome) -> Progress {
    let Some(Ended { run, tally, .. }) = &outcome.ended else {
        return Progress::nothing_to_follow();
    };
    Progress {
        state: RunState::Current,
        run_id: run.id.clone(),
        items: run.items,
        items_expected: Some(run.items),
        requests: run.requests,
        added: tally.added,
        modified: tally.modified,
        deleted: tally.deleted,
        errors: run.errors,
        throttled: run.throttled,
    }
}

fn is_too_late(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::DeadlineExceeded | ErrorKind::Throttled)
}

fn in_circles() -> Error {
    let message = "OneDrive sends the listing of the drive back to its start again and again.";
    Error::new(ErrorKind::Unavailable, message).hint("Try again later.")
}

fn replaced_too_often() -> Error {
    let message = "The catalogue of the drive is replaced too often.";
    Error::new(ErrorKind::Unavailable, message).hint("Try again.")
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
