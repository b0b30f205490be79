//! A walk of a drive's folders: every page of children, breadth first, a few
//! requests in flight, in a fixed order.
//!
//! It stands in wherever the drive offers no feed, and serves those who want only a little.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use crate::entries::{Entry, Wanted};
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

type PageFuture = LocalFuture<'static, (Folder, Result<ItemPage>)>;

/// The walk; `next_page` until `None`.
pub(crate) struct Walk {
    graph: Rc<Graph>,
    deadline: Deadline,
    recursive: bool,
    /// The drive whose shortcut led here, where this is another one.
    through: Option<Rc<str>>,
    /// A shortcut led to the folder that was asked for.
    crossed: bool,
    /// Paths in there that may not be read.
    pub(crate) denied: Vec<String>,
    waiting: std::collections::VecDeque<Folder>,
    in_flight: FuturesOrdered<PageFuture>,
}

impl Walk {
    /// From the roots, or from the folder of a path, which may go through a shortcut.
    pub(crate) async fn start(
        graph: Rc<Graph>,
        roots: &[Root],
        wanted: &Wanted<'_>,
        follow: bool,
        deadline: Deadline,
    ) -> Result<Self> {
        let first = |path: &str, drive: &str, id: Option<String>, alone: bool| Folder {
            path: path.to_owned(),
            drive: Rc::from(drive),
            id,
            alone,
            start: true,
            seen: HashSet::new(),
        };
        let (folder, recursive) = (wanted.folder, wanted.recursive);
        let (mut through, mut crossed) = (None, false);
        let waiting = match (folder, roots) {
            ("", [root]) if root.name.is_empty() => {
                [first("", &root.drive, root.item.clone(), false)].into()
            }
            ("", roots) => {
                let alone = |root: &Root| first(&root.name, &root.drive, root.item.clone(), true);
                roots.iter().map(alone).collect()
            }
            (folder, roots) => {
                let (root, rest) = reach::locate(roots, folder).ok_or_else(|| no_folder(folder))?;
                if rest.is_empty() {
                    [first(folder, &root.drive, root.item.clone(), false)].into()
                } else {
                    let found = reach::item_at(&graph, root, rest, follow, deadline).await;
                    let at = found.map_err(|error| match error.kind {
                        ErrorKind::NotFound => no_folder(folder),
                        _ => error,
                    })?;
                    crossed = at.crossed;
                    through = at.through(root).map(Rc::from);
                    [first(folder, &at.root.drive, Some(at.item.id), false)].into()
                }
            }
        };
        let in_flight = FuturesOrdered::new();
        let denied = Vec::new();
        Ok(Self { graph, deadline, recursive, through, crossed, denied, waiting, in_flight })
    }

    /// Of what a shortcut of a drive leads to.
    pub(crate) fn through(self, drive: Option<Rc<str>>) -> Self {
        Self { through: drive, ..self }
    }

    /// Whether a shortcut led to the folder that was asked for; those in there are not followed.
    pub(crate) fn crossed(&self) -> bool {
        self.crossed
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
                Ok(Some(Vec::new()))
            }
            // The rest of it may be readable; but what was asked for by its path has to be.
            Err(error)
                if error.kind == ErrorKind::PermissionDenied
                    && self.through.is_some()
                    && (!folder.start || folder.alone) =>
            {
                self.denied.push(folder.path);
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
            let folders = entries.iter().filter(|entry| entry.item.kind.holds_items());
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

fn no_folder(folder: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no folder `{folder}` here."))
}
