//! The interface `sync`: keeping the catalogue current step by step, and telling what changed.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Ended, Scope, ended, no_folder};
use crate::connection::Connection;
use crate::contract::{ChangePage, Progress};
use crate::entries::Lister;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{DriveItem, GraphUrl};
use crate::path::join;
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::reach::Root;
use crate::sender::{Counters, Deadline, millis};

/// The scope that is everything the connection reads.
pub(crate) const ROOT: &str = "root";
/// Folders whose state is remembered.
const SCOPES: usize = 100;
const KEY: &str = "sync-scopes";
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
    pub async fn refresh(&self, scope: &str, budget: Duration) -> Result<Progress> {
        let lister = self.lister()?;
        if lister.root().is_none() {
            return Ok(Progress::nothing_to_follow());
        }
        let asked = folder_of(scope)?;
        let until = self.ports().clock.now().saturating_add(millis(budget));
        let asked = Asked::of(&lister, asked, None, Deadline(Some(until))).await?;
        asked.catalogue.refresh(budget).await
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
        let lister = self.lister_counted(Rc::clone(counters))?;
        let asked = folder_of(scope)?;
        let Asked { catalogue, scope, prefix, named } =
            Asked::of(&lister, asked, cursor, deadline).await?;
        let mut reading = self.reading.take();
        let mut page = catalogue.changes(scope, cursor, &mut reading, deadline).await?;
        self.reading.replace(reading);
        for change in &mut page.changes {
            for path in [&mut change.path, &mut change.previous_path] {
                *path = path.take().map(|path| join(&prefix, &path));
            }
        }
        if let Some(folder) = asked {
            remember(self.ports(), folder, &named, &page);
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

/// What is asked for, and where its changes are told.
struct Asked {
    catalogue: Catalogue,
    scope: Scope,
    /// What the paths told begin with.
    prefix: String,
    /// The drive in which the scope has its id.
    named: String,
}

impl Asked {
    /// A folder is followed with the drive it is in, and a shortcut to one with the drive it leads
    /// to.
    async fn of(
        lister: &Lister,
        asked: Option<&str>,
        cursor: Option<&str>,
        deadline: Deadline,
    ) -> Result<Self> {
        let root = lister.root().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "Changes of picked items cannot be followed.")
                .hint("Connect to the whole drive or to a folder of it.")
        })?;
        let (catalogue, named) = (lister.catalogue(root), root.drive.clone());
        if let Some(id) = asked.filter(|_| lister.follow)
            && !cursor.is_some_and(|cursor| catalogue.gave(cursor))
        {
            let url = GraphUrl::item(lister.graph.cloud, &root.drive, id)?;
            let item = match lister.graph.json::<DriveItem>(&url, deadline).await {
                Ok(item) => Some(item),
                Err(error) if error.kind == ErrorKind::NotFound || is_no_id(&error) => None,
                Err(error) => return Err(error),
            };
            if let Some(item) = item
                && let Some(target) = item.target()
            {
                if !item.leads_to_folder() {
                    return Err(no_folder());
                }
                let root = root.as_it_is_now(&lister.graph).await?;
                let path = item.path_in_drive().and_then(|path| root.table_name(&path));
                let prefix = match (path, &root.item) {
                    (Some(path), _) => path,
                    (None, None) => item.name.clone(),
                    // Of a folder only what is in it may be told.
                    (None, Some(_)) => return Err(no_folder()),
                };
                let catalogue = lister.catalogue(&Root::of_shortcut(prefix.clone(), &target));
                let folder = Some(target.item);
                let scope = Scope { base: folder.clone(), folder };
                return Ok(Self { catalogue, scope, prefix, named });
            }
        }
        let base = root.item.clone();
        let scope = Scope { folder: asked.map(str::to_owned).or_else(|| base.clone()), base };
        Ok(Self { catalogue, scope, prefix: String::new(), named })
    }
}

/// What is no identifier at all is answered 400.
fn is_no_id(error: &Error) -> bool {
    error.details.contains(&("code".to_owned(), "invalidRequest".to_owned()))
}

fn folder_of(scope: &str) -> Result<Option<&str>> {
    match scope {
        ROOT => Ok(None),
        id if !id.is_empty() && id.len() <= 512 => Ok(Some(id)),
        _ => Err(Error::new(ErrorKind::InvalidParams, "The scope is neither `root` nor an id.")),
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
