//! A walk of a drive's folders: every page of children, breadth first, a few
//! requests in flight, in a fixed order.
//!
//! It stands in wherever the drive offers nothing better.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use crate::error::{Error, ErrorKind, Result};
use crate::graph::{DriveItem, Graph, GraphUrl, ItemPage};
use crate::ports::LocalFuture;
use crate::sender::Deadline;

/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// Folders deeper than the service allows paths mean a loop.
const DEEPEST: usize = 400;

/// An item and its full path.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) item: DriveItem,
}

/// A folder being listed, or waiting to be.
struct Folder {
    path: String,
    id: Option<String>,
    /// Where the walk began: that it is missing is an error.
    start: bool,
    /// Hashes of the next links followed, since loops have been seen.
    seen: HashSet<u64>,
}

type PageFuture = LocalFuture<'static, (Folder, Result<ItemPage>)>;

/// The walk; `next_page` until `None`.
pub(crate) struct Walk {
    graph: Rc<Graph>,
    drive: String,
    deadline: Deadline,
    recursive: bool,
    waiting: std::collections::VecDeque<Folder>,
    in_flight: FuturesOrdered<PageFuture>,
}

impl Walk {
    /// From the root, or from the folder of a path.
    pub(crate) async fn start(
        graph: Rc<Graph>,
        drive: &str,
        folder: &str,
        recursive: bool,
        deadline: Deadline,
    ) -> Result<Self> {
        let id = if folder.is_empty() {
            None
        } else {
            let url = GraphUrl::item_by_path(graph.cloud, drive, folder)?;
            let item: DriveItem = graph.json(&url, deadline).await?;
            Some(item.id)
        };
        let root = Folder { path: folder.to_owned(), id, start: true, seen: HashSet::new() };
        Ok(Self {
            graph,
            drive: drive.to_owned(),
            deadline,
            recursive,
            waiting: [root].into(),
            in_flight: FuturesOrdered::new(),
        })
    }

    /// The entries of one page; possibly none.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<Entry>>> {
        while self.in_flight.len() < IN_FLIGHT
            && let Some(folder) = self.waiting.pop_front()
        {
            let url = GraphUrl::children(self.graph.cloud, &self.drive, folder.id.as_deref())?;
            self.in_flight.push_back(self.page(folder, url));
        }
        let Some((folder, children)) = self.in_flight.next().await else {
            return Ok(None);
        };
        match children {
            // Deleted between its parent's page and its own.
            Err(error) if error.kind == ErrorKind::NotFound && !folder.start => {
                Ok(Some(Vec::new()))
            }
            children => self.take_in(folder, children?).map(Some),
        }
    }

    fn page(&self, folder: Folder, url: GraphUrl) -> PageFuture {
        let (graph, deadline) = (Rc::clone(&self.graph), self.deadline);
        Box::pin(async move {
            let children = graph.json(&url, deadline).await;
            (folder, children)
        })
    }

    fn take_in(&mut self, mut folder: Folder, children: ItemPage) -> Result<Vec<Entry>> {
        let next = children.next(self.graph.cloud)?;
        let entries: Vec<Entry> = children
            .value
            .into_iter()
            .map(|item| Entry { path: join(&folder.path, &item.name), item })
            .collect();
        if self.recursive && folder.path.matches('/').count() < DEEPEST {
            let folders = entries.iter().filter(|e| e.item.is_folder() && !e.item.is_package());
            self.waiting.extend(folders.map(|entry| Folder {
                path: entry.path.clone(),
                id: Some(entry.item.id.clone()),
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

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
