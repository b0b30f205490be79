//! The catalogue of a drive: enumerated once, then kept current by its feed, one request at a time.
//!
//! A page of the feed becomes a [`segment`] in the connection's bucket, and the [`manifest`] names
//! it; so whoever is stopped, another goes on at the next page. At the feed's end the new state is
//! compared with the one before it and takes its place ([`publish`]), what changed is added to the
//! [`history`], and what it took is told in [`runs`]. Whoever wants to list the drive brings it up
//! to date and reads all segments into a [`Tree`]. One instance at a time follows the feed; the
//! others wait for it. A drive without a feed is walked instead.

mod bytes;
mod changes;
mod history;
mod manifest;
mod publish;
mod runs;
mod segment;
mod tree;

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::rc::Rc;
use std::time::Duration;

pub(crate) use self::changes::{Reading, Scope};
use self::manifest::{Building, Loaded, Manifest, Snapshot, load, swap};
use self::publish::publish;
use self::runs::{Counted, Run, Tally, remember};
pub(crate) use self::runs::{Ended, Status, ended};
use self::segment::Change;
pub(crate) use self::tree::{Tree, TreeWalk};
use crate::contract::{Progress, RunState};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Feed, Graph, GraphUrl, ItemPage};
use crate::item::Item;
use crate::lease::Lease;
use crate::ports::{Ports, TimestampMs};
use crate::sender::{Deadline, millis};

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
    End(Box<Outcome>),
    /// Another instance was faster; what it kept counts.
    Overtaken,
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

/// A drive's state in memory.
pub(crate) struct Listed {
    pub(crate) tree: Tree,
    segments: Vec<String>,
}

/// A drive, and for whom its catalogue is.
#[derive(Clone)]
pub(crate) struct Catalogue {
    pub(crate) graph: Rc<Graph>,
    pub(crate) drive: Rc<str>,
    pub(crate) person: Rc<str>,
    /// How old a state may be to be served without asking the service.
    pub(crate) max_age: Duration,
}

impl Catalogue {
    /// The drive as it is now; `None` where it has no feed. Without `enumerate` also where nothing
    /// is known of it yet: whoever wants only a few items is served sooner by a walk.
    pub(crate) async fn list(&self, enumerate: bool, deadline: Deadline) -> Result<Option<Listed>> {
        for read in 1..=READS {
            let Some((current, tree)) = self.up_to_date(enumerate, deadline).await? else {
                return Ok(None);
            };
            let tree = match tree {
                Some(tree) => Some(tree),
                None => publish::read(self.ports(), &current.segments, Some(&current))?
                    .map(|(tree, _)| tree),
            };
            if let Some(tree) = tree {
                return Ok(Some(Listed { tree, segments: current.segments }));
            }
            // A segment is missing or damaged, and not because the catalogue was just replaced.
            if read == READS - 1 {
                let loaded = self.load()?;
                swap(self.ports(), &self.drive, &loaded, Manifest::new(&self.person))?;
            }
        }
        let message = "The catalogue of the drive is replaced too often.";
        Err(Error::new(ErrorKind::Unavailable, message).hint("Try again."))
    }

    /// Fills in what a tree does not keep; false if that cannot be had any more.
    pub(crate) fn complete(&self, listed: &mut Listed, items: &mut [&mut Item]) -> Result<bool> {
        publish::complete(self.ports(), &mut listed.tree, &listed.segments, items)
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
            if self.walks()? {
                return Ok(Progress::nothing_to_follow());
            }
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
        enumerate: bool,
        deadline: Deadline,
    ) -> Result<Option<(Snapshot, Option<Tree>)>> {
        let ports = self.ports();
        let since = ports.clock.now().saturating_sub(millis(self.max_age));
        loop {
            let manifest = self.load()?.manifest;
            let enumerates = manifest.enumerates();
            if self.walks()? || (enumerates && !enumerate) {
                return Ok(None);
            }
            let now = ports.clock.now();
            let recent = |current: &Snapshot| (since..=now).contains(&current.checked_at);
            if let Some(current) = manifest.current.clone().filter(recent) {
                return Ok(Some((current, None)));
            }
            match (self.lease()?, manifest.current) {
                (Some(lease), _) => {
                    let followed = self.follow(lease, deadline, None).await?;
                    if let Followed::Ended(outcome) = followed
                        && let Some(state) = outcome.state
                    {
                        return Ok(Some(state));
                    }
                }
                // Until another has read the whole drive anew, the old state serves.
                (None, Some(current)) if enumerates => return Ok(Some((current, None))),
                (None, _) => {
                    deadline.check(ports.clock.now())?;
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
        let over = |now: TimestampMs| until.is_some_and(|until| now >= until);
        loop {
            match self.step(Deadline(deadline.0.or(until))).await {
                Ok(Step::End(outcome)) => return Ok(Followed::Ended(outcome)),
                Ok(Step::More) if lease.keep()? && !over(clock.now()) => {}
                Ok(Step::More | Step::Overtaken) => return Ok(Followed::Stopped),
                Err(error) if until.is_some() && is_of_time(error.kind) => {
                    let left = until.map_or(0, |until| until.saturating_sub(clock.now())).max(0);
                    clock.sleep(Duration::from_millis(left.unsigned_abs())).await;
                    return Ok(Followed::Stopped);
                }
                Err(error) => {
                    self.give_up()?;
                    return Err(error);
                }
            }
        }
    }

    /// Reads one page of the feed and keeps it.
    async fn step(&self, deadline: Deadline) -> Result<Step> {
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
        if !again {
            // The next one who asks begins with a clean slate.
            after.building = Some(Building { run, ..Building::default() });
        }
        match (swap(self.ports(), &self.drive, loaded, after)?, again) {
            (true, true) => Ok(Step::More),
            (false, true) => Ok(Step::Overtaken),
            (_, false) => Err(Error::new(
                ErrorKind::Unavailable,
                "OneDrive sends the listing of the drive back to its start again and again.",
            )
            .hint("Try again later.")),
        }
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
            let ids: Vec<&str> = page.value.iter().map(|item| item.id.as_str()).collect();
            // Pages that hold nothing but the root look alike.
            let rows = (ids.len() > 1).then(|| hash(&ids));
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
            building.segments.extend(publish::write(ports, &changes)?);
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
        after.building = None;
        if !swap(ports, &self.drive, loaded, after)? {
            return Ok(Step::Overtaken);
        }
        let ended = run.map(|run| self.ended(run, Status::Success, published.tally));
        let state = Some((published.snapshot, published.tree));
        Ok(Step::End(Box::new(Outcome { state, ended })))
    }

    /// The run under way ends here; the next one goes on after what was kept.
    fn give_up(&self) -> Result<()> {
        let loaded = self.load()?;
        let mut after = loaded.manifest.clone();
        let Some(building) = &mut after.building else { return Ok(()) };
        let Some(run) = building.run.take() else { return Ok(()) };
        let status = if run.items > 0 { Status::Partial } else { Status::Failed };
        // Nothing was read yet: the next run begins like this one.
        if building.next.is_none()
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

    fn ended(&self, run: Run, status: Status, tally: Tally) -> Ended {
        let completed_at = self.ports().clock.now();
        let ended = Ended { run, completed_at, status, tally };
        remember(self.ports(), &ended);
        ended
    }

    fn walks(&self) -> Result<bool> {
        let until = self.load()?.manifest.walks_until;
        Ok(until.is_some_and(|until| self.ports().clock.now() < until))
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

/// Whether it was only for want of time.
fn is_of_time(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Throttled | ErrorKind::DeadlineExceeded)
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
