//! The files and folders of a connection, page by page: from the drive's catalogue where that
//! serves, else by walking its folders.

use std::rc::Rc;

use crate::catalogue::{Catalogue, Item, Kind, Tree, TreeWalk};
use crate::error::Result;
use crate::graph::{DriveItem, Graph};
use crate::reach::Root;
use crate::record::Verified;
use crate::sender::Deadline;
use crate::walk::Walk;

/// An item and its full path.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) drive: Rc<str>,
    pub(crate) item: DriveItem,
}

/// Which entries, and how many of them will be asked for.
pub(crate) struct Wanted<'a> {
    /// A folder by its path; empty for everything.
    pub(crate) folder: &'a str,
    pub(crate) recursive: bool,
    /// Only some of the first are needed.
    pub(crate) few: bool,
}

/// Entries under way.
pub(crate) enum Entries {
    Walk(Walk),
    Catalogue(Box<Listed>),
}

/// A catalogue being listed.
pub(crate) struct Listed {
    tree: Tree,
    walk: TreeWalk,
    drive: Rc<str>,
}

impl Entries {
    pub(crate) async fn start(
        graph: Rc<Graph>,
        verified: &Verified,
        wanted: &Wanted<'_>,
        deadline: Deadline,
    ) -> Result<Self> {
        if let ([root], true, "") = (verified.roots.as_slice(), wanted.recursive, wanted.folder)
            && root.name.is_empty()
            && let Some(listed) = listed(&graph, verified, root, wanted, deadline).await?
        {
            return Ok(Self::Catalogue(Box::new(listed)));
        }
        let (roots, recursive) = (&verified.roots, wanted.recursive);
        Walk::start(graph, roots, wanted.folder, recursive, deadline).await.map(Self::Walk)
    }

    /// The entries of one page or folder; possibly none.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<Entry>>> {
        match self {
            Self::Walk(walk) => walk.next_page().await,
            Self::Catalogue(listed) => Ok(listed.next_folder()),
        }
    }
}

async fn listed(
    graph: &Rc<Graph>,
    verified: &Verified,
    root: &Root,
    wanted: &Wanted<'_>,
    deadline: Deadline,
) -> Result<Option<Listed>> {
    let catalogue = Catalogue { graph, drive: &root.drive, person: &verified.identity.person };
    let Some(tree) = catalogue.tree(!wanted.few, deadline).await? else { return Ok(None) };
    // A folder that is not there any more is for the walk to tell of.
    let Some(walk) = tree.walk(root.item.as_deref(), true) else { return Ok(None) };
    Ok(Some(Listed { tree, walk, drive: Rc::from(root.drive.as_str()) }))
}

impl Listed {
    fn next_folder(&mut self) -> Option<Vec<Entry>> {
        let folder = self.walk.next_folder(&self.tree)?;
        let entry = |(path, item): (String, Item<'_>)| Entry {
            path,
            drive: Rc::clone(&self.drive),
            item: drive_item(&item),
        };
        Some(folder.into_iter().map(entry).collect())
    }
}

fn drive_item(item: &Item<'_>) -> DriveItem {
    let known = DriveItem::known(item.id, item.name, item.size, item.modified, item.c_tag);
    match item.kind {
        Kind::File => known.file(false),
        Kind::Malware => known.file(true),
        Kind::Root | Kind::Folder => known.folder(),
        Kind::Package => known.package(),
        Kind::Other => known,
    }
}
