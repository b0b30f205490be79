//! The files and folders of a connection, page by page: from the drive's catalogue where that
//! serves, else by walking its folders. What shortcuts lead to comes after the drive itself, one
//! after the other.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::catalogue::{self, Catalogue, Enumerate, TreeWalk};
use crate::download::FileRef;
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::item::Item;
use crate::path::{join, leaf};
use crate::ports::TimestampMs;
use crate::reach::{self, Root};
use crate::record::Verified;
use crate::sender::Deadline;
use crate::walk::Walk;

/// Sentences about what could not be listed.
const WARNINGS: usize = 20;

/// An item and its full path.
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) drive: Rc<str>,
    /// The drive of the connection whose shortcut leads to it, if one does.
    pub(crate) through: Option<Rc<str>>,
    pub(crate) item: Item,
}

impl Entry {
    /// It, as a file to be read; its version is a detail.
    pub(crate) fn file(&self) -> FileRef {
        let Item { id, size, details, .. } = &self.item;
        let (c_tag, e_tag) = (details.c_tag.clone(), details.e_tag.clone());
        let mut file = FileRef::new(&self.drive, id, self.path.clone(), *size, c_tag, e_tag);
        file.through = self.through.as_deref().map(str::to_owned);
        file
    }
}

/// Which entries, and how many of them will be asked for.
pub(crate) struct Wanted<'a> {
    /// A folder by its path; empty for everything.
    pub(crate) folder: &'a str,
    pub(crate) recursive: bool,
    /// Only some of the first are needed.
    pub(crate) few: bool,
    /// Which folders can hold any of them, and which shortcuts can lead to any, by path. Only those
    /// are asked for.
    pub(crate) enters: Enters,
}

pub(crate) type Enters = Rc<dyn Fn(&str) -> bool>;

/// All can.
pub(crate) fn anywhere() -> Enters {
    Rc::new(|_| true)
}

/// What listing needs of a connection.
#[derive(Clone)]
pub(crate) struct Lister {
    pub(crate) graph: Rc<Graph>,
    pub(crate) verified: Rc<Verified>,
    /// How old a listing may be.
    pub(crate) max_age: Duration,
    /// Whether shortcuts are listed too; picked items are just those that were picked.
    pub(crate) follow: bool,
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
        self.catalogue_of(&root.drive)
    }

    pub(crate) fn catalogue_of(&self, drive: &str) -> Catalogue {
        Catalogue {
            graph: Rc::clone(&self.graph),
            drive: Rc::from(drive),
            person: Rc::from(self.verified.identity.person.as_str()),
            max_age: self.max_age,
            own: self.verified.roots.iter().any(|root| root.drive == drive),
        }
    }

    pub(crate) async fn entries(&self, wanted: &Wanted<'_>, deadline: Deadline) -> Result<Entries> {
        // One folder is walked at less cost than a drive is enumerated.
        let enumerate = match wanted.recursive && wanted.folder.is_empty() && !wanted.few {
            true => Enumerate::Always,
            false => Enumerate::Never,
        };
        let known = match self.root() {
            Some(root) => self.listed(root, wanted, enumerate, deadline).await?,
            None => None,
        };
        let (source, crossed) = match known {
            Some(listed) => (Source::Catalogue(Box::new(listed)), false),
            None if wanted.folder.is_empty() => {
                let (graph, roots) = (Rc::clone(&self.graph), &self.verified.roots);
                (Source::Walk(Walk::of_roots(graph, roots, wanted, deadline)), false)
            }
            None => self.in_folder(wanted, deadline).await?,
        };
        let as_of = match &source {
            Source::Catalogue(listed) => listed.state.as_of,
            _ => None,
        };
        let elsewhere = Some(wanted.folder).filter(|_| crossed);
        Ok(Entries {
            shortcuts: VecDeque::new(),
            shortcut: None,
            follow: self.follow && !crossed,
            enters: Rc::clone(&wanted.enters),
            lister: self.clone(),
            recursive: wanted.recursive,
            deadline,
            source,
            warnings: as_of.map(|time| being_read_anew(elsewhere, time)).into_iter().collect(),
        })
    }

    /// The folder that is wanted, and whether a shortcut led there; those in there are not followed.
    async fn in_folder(&self, wanted: &Wanted<'_>, deadline: Deadline) -> Result<(Source, bool)> {
        let (path, graph) = (wanted.folder, Rc::clone(&self.graph));
        let (root, rest) =
            reach::locate(&self.verified.roots, path).ok_or_else(|| no_folder(path))?;
        if rest.is_empty() {
            let walk = Walk::of_folder(graph, &root.drive, root.item.clone(), wanted, deadline);
            return Ok((Source::Walk(walk), false));
        }
        let found = reach::item_at(&graph, root, rest, self.follow, deadline).await;
        let at = found.map_err(|error| match error.kind {
            ErrorKind::NotFound => no_folder(path),
            _ => error,
        })?;
        let through = at.through(root).map(Rc::from);
        if at.crossed
            && let Some((catalogue, state)) = self
                .followed(&at.root, deadline)
                .await
                .map_err(|error| reach::unlistable(&at.root.name, error))?
            && let Some(walk) = state.tree.walk_in(Some(&at.item.id), "", wanted.recursive)
        {
            let (base, name, walk) = (Some(at.item.id), path.to_owned(), Some(walk));
            let listed = Listed { catalogue, base, name, through, state, walk, itself: None };
            return Ok((Source::Catalogue(Box::new(listed)), true));
        }
        let walk = Walk::of_folder(graph, &at.root.drive, Some(at.item.id), wanted, deadline);
        Ok((Source::Walk(walk.through(through)), at.crossed))
    }

    /// What a shortcut's drive holds, if it was followed before: it may be large, and foreign. One
    /// that is gone is for the walk to find out.
    async fn followed(
        &self,
        shortcut: &Root,
        deadline: Deadline,
    ) -> Result<Option<(Catalogue, catalogue::Listed)>> {
        let catalogue = self.catalogue(shortcut);
        match catalogue.list(Enumerate::Again, deadline).await {
            Ok(state) => Ok(state.map(|state| (catalogue, state))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn listed(
        &self,
        root: &Root,
        wanted: &Wanted<'_>,
        enumerate: Enumerate,
        deadline: Deadline,
    ) -> Result<Option<Listed>> {
        let catalogue = self.catalogue(root);
        let Some(state) = catalogue.list(enumerate, deadline).await? else { return Ok(None) };
        // A folder that is not there any more is for the walk to tell of.
        let walk = state.tree.walk_in(root.item.as_deref(), wanted.folder, wanted.recursive);
        let Some(walk) = walk else { return Ok(None) };
        let (base, name) = (root.item.clone(), root.name.clone());
        let walk = Some(walk);
        Ok(Some(Listed { catalogue, base, name, through: None, state, walk, itself: None }))
    }
}

/// Entries under way: those of one drive, until [`Entries::next_drive`].
pub(crate) struct Entries {
    lister: Lister,
    recursive: bool,
    deadline: Deadline,
    source: Source,
    follow: bool,
    enters: Enters,
    /// Shortcuts that were met.
    shortcuts: VecDeque<Root>,
    /// The one that is being listed.
    shortcut: Option<Root>,
    pub(crate) warnings: Vec<String>,
}

enum Source {
    Walk(Walk),
    Catalogue(Box<Listed>),
    Ended,
}

/// A catalogue being listed.
struct Listed {
    catalogue: Catalogue,
    /// The folder that paths begin in, by id.
    base: Option<String>,
    /// What paths begin with.
    name: String,
    through: Option<Rc<str>>,
    state: catalogue::Listed,
    /// None of a file, or where only the folder itself is listed.
    walk: Option<TreeWalk>,
    /// The file or folder itself, where it is one of the entries.
    itself: Option<Entry>,
}

impl Entries {
    /// The entries of one page or folder; possibly none. Details are not there yet.
    pub(crate) async fn next_page(&mut self) -> Result<Option<Vec<Entry>>> {
        let mut page = match &mut self.source {
            Source::Walk(walk) => {
                let page = walk.next_page().await;
                let left = WARNINGS.saturating_sub(self.warnings.len());
                self.warnings.extend(walk.unlisted.drain(..).take(left));
                page.map_err(|error| self.of_shortcut(error))?
            }
            Source::Catalogue(listed) => listed.next_folder(),
            Source::Ended => None,
        };
        if let Some(entries) = page.as_mut().filter(|_| self.follow && self.shortcut.is_none()) {
            let shortcuts = entries.extract_if(.., |entry| entry.item.target.is_some());
            let roots = shortcuts.filter(|entry| (self.enters)(&entry.path));
            let roots = roots.filter_map(|Entry { path, item, .. }| {
                Some(Root::of_shortcut(path, item.target.as_ref()?))
            });
            self.shortcuts.extend(roots);
        }
        Ok(page)
    }

    /// Goes on with what the next shortcut leads to, once there are no more pages; false if there
    /// is none.
    pub(crate) async fn next_drive(&mut self) -> Result<bool> {
        let next = self.go_on().await;
        next.map_err(|error| self.of_shortcut(error))
    }

    async fn go_on(&mut self) -> Result<bool> {
        if self.shortcut.is_none() {
            // A drive is asked once what changed, however many shortcuts lead to it; the one that is
            // at hand comes first.
            let at_hand = match &self.source {
                Source::Catalogue(listed) => Some(Rc::clone(&listed.catalogue.drive)),
                _ => None,
            };
            let order = |root: &Root| (at_hand.as_deref() != Some(&root.drive), root.drive.clone());
            self.shortcuts.make_contiguous().sort_by_cached_key(order);
        }
        let Some(shortcut) = self.shortcuts.pop_front() else { return Ok(false) };
        self.shortcut = Some(shortcut.clone());
        let known = match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Catalogue(listed) if *listed.catalogue.drive == *shortcut.drive => {
                Some((listed.catalogue, listed.state))
            }
            before => {
                // One drive in memory at a time.
                drop(before);
                let known = self.lister.followed(&shortcut, self.deadline).await?;
                let as_of = known.as_ref().and_then(|(_, state)| state.as_of);
                let name = Some(shortcut.name.as_str());
                self.warnings.extend(as_of.map(|time| being_read_anew(name, time)));
                known
            }
        };
        let through = self.lister.root().map(|root| Rc::from(root.drive.as_str()));
        let listed = known.and_then(|(catalogue, state)| {
            Listed::behind(&shortcut, catalogue, state, through.clone(), self.recursive)
        });
        self.source = match listed {
            Some(listed) => Source::Catalogue(Box::new(listed)),
            None => {
                let graph = Rc::clone(&self.lister.graph);
                let roots = std::slice::from_ref(&shortcut);
                let wanted = Wanted {
                    folder: "",
                    recursive: self.recursive,
                    few: false,
                    enters: Rc::clone(&self.enters),
                };
                let walk = Walk::of_roots(graph, roots, &wanted, self.deadline);
                Source::Walk(walk.through(through))
            }
        };
        Ok(true)
    }

    /// An error of what a shortcut leads to says so.
    fn of_shortcut(&self, error: Error) -> Error {
        match &self.shortcut {
            Some(shortcut) => reach::unlistable(&shortcut.name, error),
            None => error,
        }
    }

    /// The path of the shortcut that is being listed.
    pub(crate) fn shortcut(&self) -> Option<&str> {
        self.shortcut.as_ref().map(|shortcut| shortcut.name.as_str())
    }

    /// Whether items come without their details.
    pub(crate) fn lacks_details(&self) -> bool {
        matches!(self.source, Source::Catalogue(_))
    }

    /// Keeps what was found out of entries beside what the drive's feed tells; that it cannot be
    /// kept stops nobody.
    pub(crate) fn supplement(&mut self, items: &[&Item]) {
        if let Source::Catalogue(listed) = &mut self.source
            && !items.is_empty()
        {
            let _ = listed.catalogue.supplement(&mut listed.state, items);
        }
    }

    /// What was deleted lately, and when that was seen; `None` where no history is kept.
    pub(crate) fn deleted(&self) -> Result<Option<Vec<(Entry, TimestampMs)>>> {
        let Source::Catalogue(listed) = &self.source else { return Ok(None) };
        let mut deleted = listed.catalogue.deleted(&listed.state, listed.base.as_deref())?;
        for (entry, _) in &mut deleted {
            entry.path = join(&listed.name, &entry.path);
        }
        Ok(Some(deleted))
    }

    /// Fills in the details of entries that it gave since the drive began.
    pub(crate) fn complete<'a>(&mut self, items: impl Iterator<Item = &'a mut Item>) -> Result<()> {
        let Source::Catalogue(listed) = &self.source else { return Ok(()) };
        if listed.catalogue.complete(&listed.state, &mut items.collect::<Vec<_>>())? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, "The drive was read anew while it was listed.")
            .hint("Run the statement again."))
    }
}

impl Listed {
    /// What a shortcut leads to, where it is in a drive's catalogue.
    fn behind(
        shortcut: &Root,
        catalogue: Catalogue,
        state: catalogue::Listed,
        through: Option<Rc<str>>,
        recursive: bool,
    ) -> Option<Self> {
        let (base, name) = (shortcut.item.clone(), shortcut.name.clone());
        let mut item = state.tree.by_id(base.as_deref()?)?;
        item.name = leaf(&name).to_owned();
        let walk = match item.kind.holds_items() && recursive {
            true => Some(state.tree.walk_in(base.as_deref(), "", true)?),
            false => None,
        };
        let mut listed = Self { catalogue, base, name, through, state, walk, itself: None };
        listed.itself = Some(listed.entry(listed.name.clone(), item));
        Some(listed)
    }

    fn next_folder(&mut self) -> Option<Vec<Entry>> {
        if let Some(itself) = self.itself.take() {
            return Some(vec![itself]);
        }
        let folder = self.walk.as_mut()?.next_folder(&self.state.tree)?;
        let entry = |(path, item): (String, Item)| self.entry(join(&self.name, &path), item);
        Some(folder.into_iter().map(entry).collect())
    }

    fn entry(&self, path: String, item: Item) -> Entry {
        Entry { path, drive: Rc::clone(&self.catalogue.drive), through: self.through.clone(), item }
    }
}

fn no_folder(folder: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no folder `{folder}` here."))
}

fn being_read_anew(behind: Option<&str>, as_of: TimestampMs) -> String {
    let time = chrono::DateTime::from_timestamp_millis(as_of).unwrap_or_default();
    let time = time.format("%Y-%m-%d %H:%M:%S UTC");
    match behind {
        None => format!(
            "The drive is being read anew; until that is done it is listed as it was at {time}. \
             REFRESH DATABASE … reads it to the end."
        ),
        Some(path) => format!(
            "The drive behind `{path}` is being read anew, a part with each statement; until that \
             is done it is listed as it was at {time}."
        ),
    }
}
