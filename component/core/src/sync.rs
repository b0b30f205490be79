//! The interface `sync`: keeping the catalogue current step by step, and telling what changed.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Ended, Reading, Scope, ended, no_folder};
use crate::connection::Connection;
use crate::contract::{ChangePage, Progress, RunState};
use crate::entries::Lister;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{DriveItem, GraphUrl};
use crate::path::join;
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::reach::{Root, is_no_id};
use crate::sender::{Counters, Deadline, millis};

/// The scope that is everything the connection reads of its drive; what shortcuts lead to is told
/// under the shortcuts' ids.
pub(crate) const ROOT: &str = "root";
/// Folders whose state is remembered.
const SCOPES: usize = 100;
const KEY: &str = "sync-scopes";
/// The drives that shortcuts lead to and whose changes were asked for.
const FOLLOWED_KEY: &str = "sync-followed";
const MOST_FOLLOWED: usize = 20;
/// How long one call works on those.
const FOLLOWED_MS: i64 = 30_000;
/// The least time that one of them gets.
const LEAST_SHARE_MS: u64 = 500;
/// Tries of a write that others may overtake.
const TRIES: usize = 10;

/// Where the sync of a scope stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScopeState {
    /// [`ROOT`], or a folder's id.
    pub(crate) scope: String,
    pub(crate) drive: String,
    pub(crate) cursor: String,
    pub(crate) changed_at: TimestampMs,
    pub(crate) succeeded_at: TimestampMs,
    /// How many items the drive holds; of a folder, how many changes were told last.
    pub(crate) items: u64,
}

impl Connection {
    /// Works on a current catalogue for about as long as `budget`; call it again while it works.
    /// With everything, the drives that shortcuts lead to are brought up to date at the end, as far
    /// as they are followed.
    pub async fn refresh(&self, scope: &str, budget: Duration) -> Result<Progress> {
        let lister = self.lister()?;
        let Some(root) = lister.root() else { return Ok(Progress::nothing_to_follow()) };
        let asked = folder_of(scope)?;
        let until = self.ports().clock.now().saturating_add(millis(budget));
        let asked = match asked {
            None => None,
            Some(id) => Asked::shortcut(&lister, root, id, Deadline(Some(until))).await?,
        };
        let catalogue = asked.map_or_else(|| lister.catalogue(root), |asked| asked.catalogue);
        let mut progress = catalogue.refresh(budget).await?;
        if scope == ROOT && progress.state == RunState::Current && lister.follow {
            self.refresh_followed(&lister, budget, &mut progress).await?;
        }
        Ok(progress)
    }

    /// What cannot be had of another drive takes nothing along.
    async fn refresh_followed(
        &self,
        lister: &Lister,
        budget: Duration,
        progress: &mut Progress,
    ) -> Result<()> {
        let clock = &self.ports().clock;
        let until = clock.now().saturating_add(FOLLOWED_MS);
        let drives = followed(self.ports())?.1;
        for (number, drive) in drives.iter().enumerate() {
            let catalogue = lister.catalogue_of(drive);
            // It may have been told of, and never been read to its end.
            if catalogue.summary()?.is_none() {
                continue;
            }
            // Each has its share of what is left of the time.
            let left = until.saturating_sub(clock.now()).max(0);
            if left == 0 {
                progress.errors += 1;
                continue;
            }
            let share = left / i64::try_from(drives.len() - number).unwrap_or(1);
            let until = clock.now().saturating_add(share);
            let step = Duration::from_millis(share.unsigned_abs().max(LEAST_SHARE_MS));
            loop {
                match catalogue.refresh(budget.min(step)).await {
                    Ok(Progress { state: RunState::Working, .. }) if clock.now() < until => {}
                    Ok(other) => {
                        progress.add(&other);
                        // It is not up to date.
                        progress.errors += u64::from(other.state == RunState::Working);
                        break;
                    }
                    Err(error) if error.kind == ErrorKind::AuthRequired => return Err(error),
                    Err(error) => {
                        if error.kind == ErrorKind::NotFound {
                            change_followed(self.ports(), |drives| drives.retain(|d| d != drive));
                        }
                        progress.errors += 1;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// One page of what changed since a cursor; without one, everything as added.
    pub async fn changes(&self, scope: &str, cursor: Option<&str>) -> Result<ChangePage> {
        self.changes_by(scope, cursor, &Rc::default(), Deadline::default()).await
    }

    pub(crate) async fn changes_by(
        &self,
        scope: &str,
        cursor: Option<&str>,
        counters: &Rc<Counters>,
        deadline: Deadline,
    ) -> Result<ChangePage> {
        let record = self.records.load()?;
        let (lister, generation) =
            (self.lister_of(&record, Rc::clone(counters))?, record.generation);
        let folder = folder_of(scope)?;
        let mut paged = match self.paged.take() {
            Some(kept) if kept.goes_on(generation, scope, cursor) => kept,
            _ => Paged::begin(&lister, generation, scope, folder, cursor, deadline).await?,
        };
        let mut page = match paged.page(cursor, deadline).await {
            // A shortcut within the drive has cursors of the drive itself.
            Err(error) if error.kind == ErrorKind::NotFound && paged.asked.unlooked => {
                let (Some(root), Some(id)) = (lister.root(), folder) else { return Err(error) };
                let shortcut = Asked::shortcut(&lister, root, id, deadline).await?;
                paged.asked = shortcut.ok_or(error)?;
                paged.page(cursor, deadline).await?
            }
            page => page?,
        };
        let Asked { prefix, named, .. } = &paged.asked;
        for change in &mut page.changes {
            for path in [&mut change.path, &mut change.previous_path] {
                *path = path.take().map(|path| join(prefix, &path));
            }
        }
        if let Some(folder) = folder {
            remember(self.ports(), folder, named, &page);
        }
        if page.more {
            paged.cursor.clone_from(&page.cursor);
            self.paged.replace(Some(paged));
        }
        Ok(page)
    }

    /// Where the sync of each scope stands, without a request.
    pub(crate) fn scope_states(&self) -> Result<Vec<ScopeState>> {
        let lister = self.lister()?;
        let Some(root) = lister.root() else { return Ok(Vec::new()) };
        let summary = lister.catalogue(root).summary()?;
        let everything = summary.map(|summary| ScopeState {
            scope: ROOT.to_owned(),
            drive: root.drive.clone(),
            cursor: summary.cursor,
            changed_at: summary.changed_at,
            succeeded_at: summary.checked_at,
            items: summary.items,
        });
        let folders = remembered(self.ports())?.1;
        let here = folders.into_iter().filter(|state| state.drive == root.drive);
        Ok(everything.into_iter().chain(here).collect())
    }

    /// The last runs of the sync, the oldest first.
    pub(crate) fn ended_runs(&self) -> Result<Vec<Ended>> {
        ended(self.ports())
    }
}

/// Changes told page by page, kept between two pages.
pub(crate) struct Paged {
    /// Parameters may change between two pages.
    generation: u64,
    scope: String,
    /// Where the last page ended.
    cursor: String,
    asked: Asked,
    reading: Option<Reading>,
}

impl Paged {
    async fn begin(
        lister: &Lister,
        generation: u64,
        scope: &str,
        folder: Option<&str>,
        cursor: Option<&str>,
        deadline: Deadline,
    ) -> Result<Self> {
        let root = lister.root().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "Changes of picked items cannot be followed.")
                .hint("Connect to the whole drive or to a folder of it.")
        })?;
        let mut own = Asked::folder(lister, root, folder);
        // Whoever has a cursor of the drive asked for one of its folders before, nearly always.
        own.unlooked = cursor.is_some_and(|cursor| own.catalogue.gave(cursor));
        let shortcut = match folder.filter(|_| !own.unlooked) {
            None => None,
            Some(id) => Asked::shortcut(lister, root, id, deadline).await?,
        };
        let (scope, cursor, reading) = (scope.to_owned(), String::new(), None);
        Ok(Self { generation, scope, cursor, asked: shortcut.unwrap_or(own), reading })
    }

    fn goes_on(&self, generation: u64, scope: &str, cursor: Option<&str>) -> bool {
        self.generation == generation && self.scope == scope && cursor == Some(&self.cursor)
    }

    async fn page(&mut self, cursor: Option<&str>, deadline: Deadline) -> Result<ChangePage> {
        let Asked { catalogue, scope, .. } = &self.asked;
        catalogue.changes(scope.clone(), cursor, &mut self.reading, deadline).await
    }
}

/// What is asked for, and where its changes are told.
struct Asked {
    catalogue: Catalogue,
    scope: Scope,
    /// What the paths told begin with.
    prefix: String,
    /// The drive in which the scope has its id.
    named: String,
    /// Whether it was not looked up if the id is a shortcut's.
    unlooked: bool,
}

impl Asked {
    /// A folder is followed with the drive it is in.
    fn folder(lister: &Lister, root: &Root, folder: Option<&str>) -> Self {
        let (base, named) = (root.item.clone(), root.drive.clone());
        let scope = Scope { folder: folder.map(str::to_owned).or_else(|| base.clone()), base };
        let (catalogue, prefix) = (lister.catalogue(root), String::new());
        Self { catalogue, scope, prefix, named, unlooked: false }
    }

    /// A shortcut is followed with the drive that it leads to; none if the id is not a shortcut's.
    async fn shortcut(
        lister: &Lister,
        root: &Root,
        id: &str,
        deadline: Deadline,
    ) -> Result<Option<Self>> {
        if !lister.follow {
            return Ok(None);
        }
        let url = GraphUrl::item(lister.graph.cloud, &root.drive, id)?;
        let item = match lister.graph.json::<DriveItem>(&url, deadline).await {
            Ok(item) => item,
            Err(error) if error.kind == ErrorKind::NotFound || is_no_id(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(target) = item.target() else { return Ok(None) };
        if !item.leads_to_folder() {
            return Err(no_folder());
        }
        let here = root.as_it_is_now(&lister.graph).await?;
        let path = item.path_in_drive().and_then(|path| here.table_name(&path));
        let prefix = match (path, &here.item) {
            (Some(path), _) => path,
            (None, None) => item.name.clone(),
            // Of a folder only what is in it may be told.
            (None, Some(_)) => return Err(no_folder()),
        };
        if target.drive != root.drive {
            follow(lister.graph.sender.ports(), &target.drive);
        }
        let catalogue = lister.catalogue_of(&target.drive);
        let (folder, named) = (Some(target.item), root.drive.clone());
        let scope = Scope { base: folder.clone(), folder };
        Ok(Some(Self { catalogue, scope, prefix, named, unlooked: false }))
    }
}

fn folder_of(scope: &str) -> Result<Option<&str>> {
    match scope {
        ROOT => Ok(None),
        id if !id.is_empty() && id.len() <= 512 => Ok(Some(id)),
        _ => Err(Error::new(ErrorKind::InvalidParams, "The scope is neither `root` nor an id.")),
    }
}

/// The drives that are followed beside the connection's own.
fn followed(ports: &Ports) -> Result<(Option<Vec<u8>>, Vec<String>)> {
    let bytes = ports.store.get(Bucket::Connection, FOLLOWED_KEY)?;
    let drives = bytes.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    Ok((bytes, drives.unwrap_or_default()))
}

/// Remembers that a drive is followed.
fn follow(ports: &Ports, drive: &str) {
    change_followed(ports, |drives| {
        if !drives.iter().any(|known| known == drive) {
            drives.push(drive.to_owned());
            drives.drain(..drives.len().saturating_sub(MOST_FOLLOWED));
        }
    });
}

/// That it cannot be written stops nobody.
fn change_followed(ports: &Ports, change: impl Fn(&mut Vec<String>)) {
    for _ in 0..TRIES {
        let Ok((before, known)) = followed(ports) else { return };
        let mut drives = known.clone();
        change(&mut drives);
        if drives == known {
            return;
        }
        let Ok(after) = serde_json::to_vec(&drives) else { return };
        let store = &ports.store;
        match store.compare_and_swap(Bucket::Connection, FOLLOWED_KEY, before.as_deref(), &after) {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
    }
}

fn remembered(ports: &Ports) -> Result<(Option<Vec<u8>>, Vec<ScopeState>)> {
    let bytes = ports.store.get(Bucket::Connection, KEY)?;
    let states = bytes.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    Ok((bytes, states.unwrap_or_default()))
}

/// Remembers where a folder's follower stands. That it cannot be written stops nobody.
fn remember(ports: &Ports, folder: &str, drive: &str, page: &ChangePage) {
    let now = ports.clock.now();
    for _ in 0..TRIES {
        let Ok((before, mut states)) = remembered(ports) else { return };
        let known = states.iter().position(|state| state.scope == folder && state.drive == drive);
        let known = known.map(|at| states.remove(at));
        let unchanged = known.as_ref().filter(|known| known.cursor == page.cursor);
        let changed_at = unchanged.map_or(now, |known| known.changed_at);
        states.push(ScopeState {
            scope: folder.to_owned(),
            drive: drive.to_owned(),
            cursor: page.cursor.clone(),
            changed_at,
            succeeded_at: now,
            items: page.changes.len() as u64,
        });
        states.drain(..states.len().saturating_sub(SCOPES));
        let Ok(after) = serde_json::to_vec(&states) else { return };
        let store = &ports.store;
        match store.compare_and_swap(Bucket::Connection, KEY, before.as_deref(), &after) {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
    }
}
