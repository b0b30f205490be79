//! A walk of a drive's folders: every page of children, breadth first, a few
//! requests in flight, in a fixed order.
//!
//! It stands in wherever the drive offers no feed, and serves those who want only a little.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use crate::entries::{Enters, Entry, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::{Graph, GraphUrl, ItemPage};
use crate::item::Item;
use crate::path::{join, leaf};
use crate::ports::LocalFuture;
use crate::reach::{self, Root};
use crate::sender::Deadline;

/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// Folders deeper than the service allows paths mean a loop.
const DEEPEST: usize = 400;

/// A folder being listed, or waiting to be.
struct Folder {
    path: String,
    drive: Rc<str>,
    id: Option<String>,
    /// The item itself is wanted, not what is in it.
    alone: bool,
    /// Where the walk began: that it is missing is an error.
    start: bool,
    /// Hashes of the next links followed, since loops have been seen.
    seen: HashSet<u64>,
}

impl Folder {
    fn first(path: &str, drive: &str, id: Option<String>, alone: bool) -> Self {
        let (path, drive, seen) = (path.to_owned(), Rc::from(drive), HashSet::new());
        Self { path, drive, id, alone, start: true, seen }
    }
}

type PageFuture = LocalFuture<'static, (Folder, Result<ItemPage>)>;

/// The walk; `next_page` until `None`.
pub(crate) struct Walk {
    graph: Rc<Graph>,
    deadline: Deadline,
    recursive: bool,
    enters: Enters,
    /// The drive whose shortcut led here, if one did.
    through: Option<Rc<str>>,
    /// Sentences about what in there cannot be listed.
    pub(crate) unlisted: Vec<String>,
    waiting: VecDeque<Folder>,
    in_flight: FuturesOrdered<PageFuture>,
}

impl Walk {
    /// From the roots.
    pub(crate) fn of_roots(
        graph: Rc<Graph>,
        roots: &[Root],
        wanted: &Wanted<'_>,
        deadline: Deadline,
    ) -> Self {
        let only = matches!(roots, [root] if root.name.is_empty());
        let first = |root: &Root| Folder::first(&root.name, &root.drive, root.item.clone(), !only);
        Self::new(graph, roots.iter().map(first).collect(), wanted, deadline)
    }

    /// From a folder; the drive's root without an id.
    pub(crate) fn of_folder(
        graph: Rc<Graph>,
        drive: &str,
        id: Option<String>,
        wanted: &Wanted<'_>,
        deadline: Deadline,
    ) -> Self {
        let first = Folder::first(wanted.folder, drive, id, false);
        Self::new(graph, [first].into(), wanted, deadline)
    }

    fn new(
        graph: Rc<Graph>,
        waiting: VecDeque<Folder>,
        wanted: &Wanted<'_>,
        deadline: Deadline,
    ) -> Self {
        Self {
            graph,
            deadline,
            recursive: wanted.recursive,
            enters: Rc::clone(&wanted.enters),
            through: None,
            unlisted: Vec::new(),
            waiting,
            in_flight: FuturesOrdered::new(),
        }
    }

    /// Of what a shortcut of a drive leads to.
    pub(crate) fn through(self, drive: Option<Rc<str>>) -> Self {
        Self { through: drive, ..self }
    }

    /// The entries of one page; possibly none.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<Entry>>> {
        while self.in_flight.len() < IN_FLIGHT
            && let Some(folder) = self.waiting.pop_front()
        {
            let (cloud, id) = (self.graph.cloud, folder.id.as_deref());
            let url = match (folder.alone, id) {
                (true, Some(id)) => GraphUrl::item(cloud, &folder.drive, id)?,
                _ => GraphUrl::children(cloud, &folder.drive, id)?,
            };
            self.in_flight.push_back(self.page(folder, url));
        }
        let Some((folder, children)) = self.in_flight.next().await else {
            return Ok(None);
        };
        match children {
            // Deleted between its parent's page and its own, or since it was picked.
            Err(error) if error.kind == ErrorKind::NotFound && (!folder.start || folder.alone) => {
                if folder.start && self.through.is_some() {
                    self.unlisted.push(reach::gone(&folder.path));
                }
                Ok(Some(Vec::new()))
            }
            // The rest of it may be readable; but what was asked for by its path has to be.
            Err(error)
                if error.kind == ErrorKind::PermissionDenied
                    && self.through.is_some()
                    && (!folder.start || folder.alone) =>
            {
                self.unlisted.push(reach::unreadable(&folder.path));
                Ok(Some(Vec::new()))
            }
            children => self.take_in(folder, children?).map(Some),
        }
    }

    fn page(&self, folder: Folder, url: GraphUrl) -> PageFuture {
        let (graph, deadline) = (Rc::clone(&self.graph), self.deadline);
        Box::pin(async move {
            let children = match folder.alone {
                true => graph.json(&url, deadline).await.map(ItemPage::of),
                false => graph.json(&url, deadline).await,
            };
            (folder, children)
        })
    }

    fn take_in(&mut self, mut folder: Folder, children: ItemPage) -> Result<Vec<Entry>> {
        let next = children.next(self.graph.cloud)?;
        let entries: Vec<Entry> = children
            .value
            .into_iter()
            .map(|item| {
                let mut item = Item::from(item);
                let path = match folder.alone {
                    // A shortcut has its own name, and an only file may have been renamed.
                    true => folder.path.clone(),
                    false => join(&folder.path, &item.name),
                };
                if folder.alone {
                    item.name = leaf(&path).to_owned();
                }
                let (drive, through) = (Rc::clone(&folder.drive), self.through.clone());
                Entry { path, drive, through, item }
            })
            .collect();
        if self.recursive && folder.path.matches('/').count() < DEEPEST {
            let enters = |entry: &&Entry| (self.enters)(&entry.path);
            let folders = entries.iter().filter(|entry| entry.item.kind.holds_items());
            let folders = folders.filter(enters);
            self.waiting.extend(folders.map(|entry| Folder {
                path: entry.path.clone(),
                drive: Rc::clone(&entry.drive),
                id: Some(entry.item.id.clone()),
                alone: false,
                start: false,
                seen: HashSet::new(),
            }));
        }
        if let Some(link) = next {
            let url = link.into_url();
            let mut hasher = DefaultHasher::new();
            url.as_url().path_and_query().hash(&mut hasher);
            if !folder.seen.insert(hasher.finish()) {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("OneDrive lists the folder `/{}` in a loop.", folder.path),
                )
                .hint("Try again later."));
            }
            self.in_flight.push_front(self.page(folder, url));
        }
        Ok(entries)
    }
}
