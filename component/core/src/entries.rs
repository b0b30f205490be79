//! The files and folders of a connection, page by page: from the drive's catalogue where that
//! serves, else by walking its folders.

use std::rc::Rc;
use std::time::Duration;

use crate::catalogue::{self, Catalogue, TreeWalk};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::item::Item;
use crate::ports::TimestampMs;
use crate::reach::Root;
use crate::record::Verified;
use crate::sender::Deadline;
use crate::walk::Walk;

/// An item and its full path.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) drive: Rc<str>,
    pub(crate) item: Item,
}

/// Which entries, and how many of them will be asked for.
pub(crate) struct Wanted<'a> {
    /// A folder by its path; empty for everything.
    pub(crate) folder: &'a str,
    pub(crate) recursive: bool,
    /// Only some of the first are needed.
    pub(crate) few: bool,
}

/// What listing needs of a connection.
#[derive(Clone)]
pub(crate) struct Lister {
    pub(crate) graph: Rc<Graph>,
    pub(crate) verified: Rc<Verified>,
    /// How old a listing may be.
    pub(crate) max_age: Duration,
}

impl Lister {
    /// The one folder that is read, where it is not picked items.
    pub(crate) fn root(&self) -> Option<&Root> {
        match self.verified.roots.as_slice() {
            [root] if root.name.is_empty() => Some(root),
            _ => None,
        }
    }

    pub(crate) fn catalogue(&self, root: &Root) -> Catalogue {
        Catalogue {
            graph: Rc::clone(&self.graph),
            drive: Rc::from(root.drive.as_str()),
            person: Rc::from(self.verified.identity.person.as_str()),
            max_age: self.max_age,
        }
    }

    pub(crate) async fn entries(&self, wanted: &Wanted<'_>, deadline: Deadline) -> Result<Entries> {
        if let Some(root) = self.root()
            && let Some(listed) = self.listed(root, wanted, deadline).await?
        {
            return Ok(Entries::Catalogue(Box::new(listed)));
        }
        let (roots, recursive) = (&self.verified.roots, wanted.recursive);
        Walk::start(Rc::clone(&self.graph), roots, wanted.folder, recursive, deadline)
            .await
            .map(Entries::Walk)
    }

    async fn listed(
        &self,
        root: &Root,
        wanted: &Wanted<'_>,
        deadline: Deadline,
    ) -> Result<Option<Listed>> {
        let catalogue = self.catalogue(root);
        // One folder is walked at less cost than a drive is enumerated.
        let enumerate = wanted.recursive && wanted.folder.is_empty() && !wanted.few;
        let Some(state) = catalogue.list(enumerate, deadline).await? else { return Ok(None) };
        // A folder that is not there any more is for the walk to tell of.
        let walk = state.tree.walk_in(root.item.as_deref(), wanted.folder, wanted.recursive);
        let Some(walk) = walk else { return Ok(None) };
        Ok(Some(Listed { catalogue, base: root.item.clone(), state, walk }))
    }
}

/// Entries under way.
pub(crate) enum Entries {
    Walk(Walk),
    Catalogue(Box<Listed>),
}

/// A catalogue being listed.
pub(crate) struct Listed {
    catalogue: Catalogue,
    /// The folder that paths begin in, by id.
    base: Option<String>,
    state: catalogue::Listed,
    walk: TreeWalk,
}

impl Entries {
    /// The entries of one page or folder; possibly none. Details are not there yet.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<Entry>>> {
        match self {
            Self::Walk(walk) => walk.next_page().await,
            Self::Catalogue(listed) => Ok(listed.next_folder()),
        }
    }

    /// What was deleted lately, and when that was seen; nothing where no history is kept.
    pub(crate) fn deleted(&self) -> Result<Vec<(Entry, TimestampMs)>> {
        match self {
            Self::Walk(_) => Ok(Vec::new()),
            Self::Catalogue(listed) => {
                listed.catalogue.deleted(&listed.state, listed.base.as_deref())
            }
        }
    }

    /// Fills in the details of entries that it gave.
    pub(crate) fn complete<'a>(&mut self, items: impl Iterator<Item = &'a mut Item>) -> Result<()> {
        let Self::Catalogue(listed) = self else { return Ok(()) };
        if listed.catalogue.complete(&listed.state, &mut items.collect::<Vec<_>>())? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "The drive was read anew while it was listed.")
            .hint("Run the statement again."))
    }
}

impl Listed {
    fn next_folder(&mut self) -> Option<Vec<Entry>> {
        let folder = self.walk.next_folder(&self.state.tree)?;
        let drive = &self.catalogue.drive;
        let entry = |(path, item)| Entry { path, drive: Rc::clone(drive), item };
        Some(folder.into_iter().map(entry).collect())
    }
}
