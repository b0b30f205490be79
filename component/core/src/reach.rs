//! What a connection reads: one drive, a folder of it, or single items that somebody picked.
//!
//! Settled when the connection is made, and kept as [`Root`]s. Where there are several, each has
//! a name, which is the first part of the names of the tables in it. A shortcut is a further root,
//! found when it is met; shortcuts in there are not followed, so that none leads in a circle.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::error::{Actor, Error, ErrorKind, Result};
use crate::graph::{Drive, DriveItem, Graph, GraphUrl};
use crate::params::{SelectedItem, Settings, Target, invalid};
use crate::path::join;
use crate::sender::Deadline;

/// Where a part of the tables lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Root {
    /// What the names of its tables begin with; empty for the only root.
    pub(crate) name: String,
    pub(crate) drive: String,
    /// The folder or file; `None` is the drive's own root.
    pub(crate) item: Option<String>,
    pub(crate) folder: bool,
    /// Its path in the drive, where that is known; what a search finds is compared with it.
    pub(crate) path: Option<String>,
}

impl Root {
    fn of_drive(drive: &str) -> Self {
        let (name, drive) = (String::new(), drive.to_owned());
        Self { name, drive, item: None, folder: true, path: Some(String::new()) }
    }

    fn of_item(name: String, drive: &str, item: &DriveItem) -> Self {
        let (drive, path) = (drive.to_owned(), item.path_in_drive());
        Self { name, drive, item: Some(item.id.clone()), folder: item.is_folder(), path }
    }

    /// What a shortcut leads to, named by the shortcut's path.
    pub(crate) fn of_shortcut(name: String, to: &crate::item::Target) -> Self {
        let (drive, item) = (to.drive.clone(), Some(to.item.clone()));
        Self { name, drive, item, folder: true, path: None }
    }

    /// Where an item in here is to be asked for, by what is left of its name.
    pub(crate) async fn item_url(&self, graph: &Rc<Graph>, rest: &str) -> Result<GraphUrl> {
        let cloud = graph.cloud;
        match &self.item {
            Some(item) if rest.is_empty() => GraphUrl::item(cloud, &self.drive, item),
            // By the path that the folder has now: it may have been renamed since.
            Some(_) if !cloud.relative_paths => {
                let path = self.as_it_is_now(graph).await?.path.unwrap_or_default();
                GraphUrl::item_under(cloud, &self.drive, None, &format!("{path}/{rest}"))
            }
            item => GraphUrl::item_under(cloud, &self.drive, item.as_deref(), rest),
        }
    }

    /// With the path that its folder has now.
    pub(crate) async fn as_it_is_now(&self, graph: &Rc<Graph>) -> Result<Self> {
        let Some(item) = &self.item else { return Ok(self.clone()) };
        let url = GraphUrl::item(graph.cloud, &self.drive, item)?;
        let found: DriveItem = graph.json(&url, Deadline::default()).await?;
        Ok(Self { path: found.path_in_drive(), ..self.clone() })
    }

    /// The name of a table from where it is in the drive, if it is in here.
    pub(crate) fn table_name(&self, path_in_drive: &str) -> Option<String> {
        let rest = under_any_case(path_in_drive, self.path.as_deref()?)?;
        Some(join(&self.name, rest))
    }
}

/// The root that a table's name leads into, and what is left of the name there.
pub(crate) fn locate<'a>(roots: &'a [Root], path: &'a str) -> Option<(&'a Root, &'a str)> {
    roots.iter().find_map(|root| Some((root, under_any_case(path, &root.name)?)))
}

/// The shortcut that a path in a root goes through, as a root of its own, and what is left of the
/// path there. The service does not resolve such paths. Source: what rclone and others met.
async fn across<'a>(
    graph: &Rc<Graph>,
    root: &Root,
    path: &'a str,
    deadline: Deadline,
) -> Result<Option<(Root, &'a str)>> {
    let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
    // Where the folder next to the end is found, no shortcut is on the way.
    let Some((last, above)) = ends.split_last() else { return Ok(None) };
    for end in std::iter::once(last).chain(above) {
        let (folder, rest) = (&path[..*end], &path[end + 1..]);
        let url = root.item_url(graph, folder).await?;
        match graph.json::<DriveItem>(&url, deadline).await {
            Ok(item) => match item.target() {
                Some(target) => {
                    let name = join(&root.name, folder);
                    return Ok(Some((Root::of_shortcut(name, &target), rest)));
                }
                None if end == last => return Ok(None),
                None => {}
            },
            Err(error) if error.kind == ErrorKind::NotFound && end == last => {}
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// What is left of a path under a folder, whatever the case of its letters.
fn under_any_case<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    // Lower case may be longer or shorter than the text, so whole segments are compared.
    let depth = folder.split('/').count();
    let mut rest = path;
    let mut folders = folder.split('/');
    for _ in 0..depth {
        let (segment, after) = rest.split_once('/').unwrap_or((rest, ""));
        if segment.is_empty() || segment.to_lowercase() != folders.next()?.to_lowercase() {
            return None;
        }
        rest = after;
    }
    Some(rest)
}

/// Finds out which drive the settings mean, and what of it is read.
pub(crate) async fn resolve(
    graph: &Rc<Graph>,
    settings: &Settings,
    own: Option<&Drive>,
) -> Result<(Drive, Vec<Root>)> {
    if let Some(items) = settings.specific() {
        let roots = picked(graph, items).await?;
        // Nobody has to be able to read a drive of which single items were picked.
        let first = roots.first().map(|root| Drive { id: root.drive.clone(), ..Drive::default() });
        let drive = match settings.target() {
            Target::Own => own.cloned().or(first).ok_or_else(no_drive)?,
            _ => target(graph, settings, own).await?.0,
        };
        return Ok((drive, roots));
    }
    let (drive, root) = target(graph, settings, own).await?;
    match settings.folder_path.as_deref() {
        None | Some("") => Ok((drive, vec![root])),
        Some(path) => {
            let root = folder(graph, &root, path, settings.follows_shortcuts()).await?;
            Ok((drive, vec![root]))
        }
    }
}

async fn target(
    graph: &Rc<Graph>,
    settings: &Settings,
    own: Option<&Drive>,
) -> Result<(Drive, Root)> {
    let cloud = graph.cloud;
    let url = match settings.target() {
        Target::Own => {
            let own = own.cloned().ok_or_else(no_drive)?;
            let root = Root::of_drive(&own.id);
            return Ok((own, root));
        }
        Target::Share(link) => return shared(graph, link.expose()).await,
        Target::Drive(id) => GraphUrl::drive(cloud, id)?,
        Target::User(id) => GraphUrl::user_drive(cloud, id)?,
        Target::Group(id) => GraphUrl::group_drive(cloud, id)?,
        Target::Site(site) => GraphUrl::site_drive(cloud, site)?,
    };
    let found = graph.json::<Drive>(&url, Deadline::default()).await;
    let drive = found.map_err(|error| unreachable(settings, error))?;
    let root = Root::of_drive(&drive.id);
    Ok((drive, root))
}

fn no_drive() -> Error {
    Error::new(ErrorKind::NotFound, "The account has no OneDrive yet.")
        .actor(Actor::AccountOwner)
        .hint("Open OneDrive once in a browser, so that it is set up.")
}

/// Names the parameter that leads nowhere.
fn unreachable(settings: &Settings, error: Error) -> Error {
    let parameter = match settings.target() {
        Target::Own => return error,
        Target::Drive(_) => "drive_id",
        Target::User(_) => "user_id",
        Target::Group(_) => "group_id",
        Target::Site(_) => "site_id",
        Target::Share(_) => "share_link",
    };
    let kind = if is_no_id(&error) { ErrorKind::NotFound } else { error.kind };
    let (message, hint) = match kind {
        ErrorKind::NotFound => (
            format!("The parameter `{parameter}` leads to no drive that this account can see."),
            "Check it, and whether the account has access in a browser.",
        ),
        ErrorKind::PermissionDenied => (
            format!("The account may not read what the parameter `{parameter}` names."),
            "Its owner has to share it with the account, or an administrator has to grant the \
             application Files.Read.All.",
        ),
        _ => return error,
    };
    Error { kind, actor: Actor::Caller, message, hint: Some(hint.to_owned()), ..error }
}

/// What is no identifier at all is answered 400.
pub(crate) fn is_no_id(error: &Error) -> bool {
    error.details.contains(&("code".to_owned(), "invalidRequest".to_owned()))
}

async fn shared(graph: &Rc<Graph>, link: &str) -> Result<(Drive, Root)> {
    let url = GraphUrl::shared_item(graph.cloud, link)?;
    let item: DriveItem =
        graph.json(&url, Deadline::default()).await.map_err(|error| match error.kind {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => Error::new(
                error.kind,
                "The parameter `share_link` leads to nothing that this account can see.",
            )
            .hint("Ask for a new link, or for access; the link may have been withdrawn."),
            _ => error,
        })?;
    let drive = item.drive_id().ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "Microsoft Graph does not tell the shared item's drive.")
    })?;
    let name = if item.is_folder() { String::new() } else { item.name.clone() };
    let root = Root::of_item(name, drive, &item);
    Ok((Drive { id: drive.to_owned(), drive_type: item.drive_type(), ..Drive::default() }, root))
}

async fn folder(graph: &Rc<Graph>, root: &Root, path: &str, follow: bool) -> Result<Root> {
    let missing = || {
        invalid("The parameter `folder_path` names no folder of the drive.").hint(
            "Check its spelling: the full path from the drive's root, such as Documents/Reports.",
        )
    };
    match item_at(graph, root, path, follow, Deadline::default()).await {
        Ok(Located { root, item, .. }) if item.is_folder() => {
            Ok(Root::of_item(String::new(), &root.drive, &item))
        }
        Ok(_) => Err(missing()),
        Err(error) if error.kind == ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(error),
    }
}

/// An item, and the root that it is in.
pub(crate) struct Located {
    pub(crate) root: Root,
    pub(crate) item: DriveItem,
    /// The root is what a shortcut leads to.
    pub(crate) crossed: bool,
}

impl Located {
    /// The drive whose shortcut led there, if one did.
    pub(crate) fn through<'a>(&self, from: &'a Root) -> Option<&'a str> {
        Some(from.drive.as_str()).filter(|_| self.crossed)
    }
}

/// The item at a path in a root, which may go through a shortcut.
pub(crate) async fn item_at(
    graph: &Rc<Graph>,
    root: &Root,
    path: &str,
    follow: bool,
    deadline: Deadline,
) -> Result<Located> {
    let url = root.item_url(graph, path).await?;
    let found = graph.json::<DriveItem>(&url, deadline).await;
    let (root, rest) = match found {
        Ok(item) => match item.target().filter(|_| follow && !path.is_empty()) {
            None => return Ok(Located { root: root.clone(), item, crossed: false }),
            Some(target) => (Root::of_shortcut(join(&root.name, path), &target), ""),
        },
        Err(error) if error.kind == ErrorKind::NotFound && follow => {
            match across(graph, root, path, deadline).await? {
                None => return Err(error),
                Some(elsewhere) => elsewhere,
            }
        }
        Err(error) => return Err(error),
    };
    let url = root.item_url(graph, rest).await?;
    let item = graph.json::<DriveItem>(&url, deadline).await.map_err(|error| match error.kind {
        ErrorKind::PermissionDenied => no_access(&join(&root.name, rest), error),
        _ => error,
    })?;
    Ok(Located { root, item, crossed: true })
}

fn no_access(path: &str, error: Error) -> Error {
    let hint = "Its owner has to share it with the account, and the application needs \
                Files.Read.All (`enable_files_read_all`); `follow_shortcuts` = false leaves \
                shortcuts out.";
    Error { message: unreadable(path), hint: Some(hint.to_owned()), ..error }
}

/// Of something behind a shortcut.
pub(crate) fn unreadable(path: &str) -> String {
    format!("`{path}` is in another drive, by a shortcut, and this connection may not read it.")
}

/// An error of what a shortcut leads to, unless it is one of the whole connection.
pub(crate) fn unlistable(path: &str, error: Error) -> Error {
    let whole = [ErrorKind::AuthRequired, ErrorKind::Throttled, ErrorKind::DeadlineExceeded];
    if whole.contains(&error.kind) {
        return error;
    }
    let message =
        format!("What the shortcut `{path}` leads to cannot be listed. {}", error.message);
    let hint = error.hint.as_deref().unwrap_or("Try again later.");
    let hint = format!("{hint} `follow_shortcuts` = false leaves shortcuts out.");
    Error { message, hint: Some(hint), ..error }
}

/// Of something that a shortcut led to.
pub(crate) fn gone(path: &str) -> String {
    format!("`{path}` is a shortcut to something that is not there any more.")
}

async fn picked(graph: &Rc<Graph>, items: &[SelectedItem]) -> Result<Vec<Root>> {
    let mut roots: Vec<Root> = Vec::new();
    for SelectedItem { drive, item } in items {
        let url = GraphUrl::item(graph.cloud, drive, item)?;
        let found: DriveItem =
            graph.json(&url, Deadline::default()).await.map_err(|error| match error.kind {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => Error::new(
                    error.kind,
                    format!("The item {item} of `selected_items` cannot be read."),
                )
                .hint("Pick it again, or take it out of the list."),
                _ => error,
            })?;
        let same = |root: &Root| root.name.to_lowercase() == found.name.to_lowercase();
        // Two of one name are told apart by the id.
        let name = match roots.iter().any(same) {
            true => format!("{}/{}", found.id, found.name),
            false => found.name.clone(),
        };
        roots.push(Root::of_item(name, drive, &found));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(name: &str, path: &str) -> Root {
        Root {
            name: name.into(),
            drive: "d".into(),
            item: Some("i".into()),
            folder: true,
            path: Some(path.into()),
        }
    }

    #[test]
    fn the_only_root_takes_every_name_and_named_ones_take_their_own() {
        assert_eq!(locate(&[root("", "")], "a/b.csv").unwrap().1, "a/b.csv");
        let named = [root("q3.csv", "x/q3.csv"), root("Reports", "Reports")];
        assert_eq!(locate(&named, "Q3.CSV").unwrap().1, "");
        assert_eq!(locate(&named, "reports/a/b.csv").unwrap().1, "a/b.csv");
        assert!(locate(&named, "reportsa/b.csv").is_none());
        assert!(locate(&named, "other.csv").is_none());
    }

    #[test]
    fn what_a_search_finds_outside_a_root_has_no_name_there() {
        let base = root("", "Documents/Reports");
        assert_eq!(base.table_name("documents/reports/a.csv").as_deref(), Some("a.csv"));
        assert_eq!(base.table_name("Documents/a.csv"), None);
        assert_eq!(base.table_name("Documents/Reports2/a.csv"), None);
        let named = root("Reports", "Documents/Reports");
        assert_eq!(named.table_name("Documents/Reports/a.csv").as_deref(), Some("Reports/a.csv"));
    }
}
