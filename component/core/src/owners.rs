//! Who created items, where a feed leaves it out: that of work accounts does. It is asked for only
//! when a statement names the column, of the rows that are left, and then kept in the catalogue.
//!
//! Several items of a folder are asked for together, by the folder's list; a few one by one.

use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::error::{ErrorKind, Result};
use crate::graph::{DriveItem, Graph, GraphUrl, ItemPage};
use crate::item::Item;
use crate::sender::Deadline;

/// So many items of a folder are asked for one by one.
const FEW: usize = 2;
/// Requests in flight.
const IN_FLIGHT: usize = 4;

/// By the id of an item; empty where nobody is told.
type Owners = HashMap<String, String>;

/// A folder and items in it; without it they are asked for one by one.
type Asked<'a> = (Option<&'a str>, HashSet<&'a str>);

/// Fills in who created items of a drive. What is gone meanwhile, or may not be asked for, stays
/// without.
pub(crate) async fn fill(
    graph: &Graph,
    drive: &str,
    items: &mut [&mut Item],
    deadline: Deadline,
) -> Result<()> {
    let mut folders: BTreeMap<Option<&str>, HashSet<&str>> = BTreeMap::new();
    for item in items.iter() {
        folders.entry(item.parent.as_deref()).or_default().insert(&item.id);
    }
    let asked = stream::iter(folders.into_iter().flat_map(apart)).map(async |(folder, ids)| {
        let found = match folder {
            Some(folder) => in_folder(graph, drive, folder, ids, deadline).await,
            None => one_by_one(graph, drive, ids, deadline).await,
        };
        match found {
            Err(error)
                if matches!(error.kind, ErrorKind::NotFound | ErrorKind::PermissionDenied) =>
            {
                Ok(Owners::new())
            }
            found => found,
        }
    });
    let mut owners: Owners = asked.buffer_unordered(IN_FLIGHT).try_concat().await?;
    for item in items {
        item.details.owner = owners.remove(&item.id);
    }
    Ok(())
}

fn apart<'a>((folder, ids): Asked<'a>) -> Vec<Asked<'a>> {
    match folder {
        Some(folder) if ids.len() > FEW => vec![(Some(folder), ids)],
        _ => ids.into_iter().map(|id| (None, [id].into())).collect(),
    }
}

async fn one_by_one(
    graph: &Graph,
    drive: &str,
    ids: HashSet<&str>,
    deadline: Deadline,
) -> Result<Owners> {
    let mut owners = Owners::new();
    for id in ids {
        let url = GraphUrl::creator(graph.cloud, drive, id)?;
        let item: DriveItem = graph.json(&url, deadline).await?;
        owners.insert(id.to_owned(), item.owner().unwrap_or_default().to_owned());
    }
    Ok(owners)
}

/// Page by page, until all are found.
async fn in_folder(
    graph: &Graph,
    drive: &str,
    folder: &str,
    mut ids: HashSet<&str>,
    deadline: Deadline,
) -> Result<Owners> {
    let mut url = GraphUrl::creators_in(graph.cloud, drive, folder)?;
    let (mut owners, mut seen) = (Owners::new(), HashSet::new());
    // A list that runs in a loop tells nothing new.
    while seen.insert(url.as_url().path_and_query().to_owned()) {
        let page: ItemPage = graph.json(&url, deadline).await?;
        let next = page.next(graph.cloud)?;
        for item in page.value {
            if ids.remove(item.id.as_str()) {
                let owner = item.owner().unwrap_or_default().to_owned();
                owners.insert(item.id, owner);
            }
        }
        match next {
            Some(next) if !ids.is_empty() => url = next.into_url(),
            _ => break,
        }
    }
    Ok(owners)
}
