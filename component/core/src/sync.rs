//! The interface `sync`: keeping the catalogue current step by step, and telling what changed.

use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalogue::{Catalogue, Ended, Scope, ended};
use crate::connection::Connection;
use crate::contract::{ChangePage, Progress};
use crate::entries::Lister;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::sender::{Counters, Deadline};

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
        let Some(root) = lister.root() else { return Ok(Progress::nothing_to_follow()) };
        // A folder is followed with the drive it is in.
        folder_of(scope)?;
        lister.catalogue(root).refresh(budget).await
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
        let (catalogue, base) = followed(&lister)?;
        let asked = folder_of(scope)?;
        let folder = asked.map(str::to_owned).or_else(|| base.clone());
        let mut reading = self.reading.take();
        let scope = Scope { folder, base };
        let page = catalogue.changes(scope, cursor, &mut reading, deadline).await?;
        self.reading.replace(reading);
        if let Some(folder) = asked {
            remember(self.ports(), folder, &catalogue.drive, &page);
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

/// The catalogue that changes are told from, and the folder that tables are named from.
fn followed(lister: &Lister) -> Result<(Catalogue, Option<String>)> {
    let root = lister.root().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "Changes of picked items cannot be followed.")
            .hint("Connect to the whole drive or to a folder of it.")
    })?;
    Ok((lister.catalogue(root), root.item.clone()))
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
