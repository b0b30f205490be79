//! Who created items, where a feed leaves it out: that of work accounts does. It is asked for only
//! when a statement names the column, of the rows that are left, and then kept in the catalogue.
//!
//! Several items of a folder are asked for together, by the folder's list; a few one by one.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::stream::{self, StreamExt as _};

use crate::error::{Error, ErrorKind, Result};
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

/// Fills in who created items of a drive; what was found is filled in though an error came.
/// What is gone meanwhile, or may not be asked for, stays without.
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
    let (mut owners, first) = (Owners::new(), folders.into_iter().flat_map(apart).collect());
    let asked = match ask(graph, drive, first, &mut owners, deadline).await {
        Ok(left) => ask(graph, drive, left, &mut owners, deadline).await.map(drop),
        Err(error) => Err(error),
    };
    for item in items {
        item.details.owner = owners.remove(&item.id);
    }
    asked
}

/// Asks a few at a time; what is left of folders has to be asked for one by one. After an error
/// nothing more is begun, but what is on its way goes on to its end.
async fn ask<'a>(
    graph: &Graph,
    drive: &str,
    asked: Vec<Asked<'a>>,
    owners: &mut Owners,
    deadline: Deadline,
) -> Result<Vec<Asked<'a>>> {
    let failed = Cell::new(false);
    let answers = stream::iter(asked).map(async |(folder, mut ids)| {
        let mut found = Owners::new();
        let asked = match folder {
            _ if failed.get() => Ok(()),
            Some(folder) => in_folder(graph, drive, folder, &mut ids, &mut found, deadline).await,
            None => one_by_one(graph, drive, &mut ids, &mut found, deadline).await,
        };
        failed.set(failed.get() || asked.is_err());
        (found, ids, asked)
    });
    let (mut left, mut outcome) = (Vec::new(), Ok(()));
    let mut answers = std::pin::pin!(answers.buffer_unordered(IN_FLIGHT));
    while let Some((found, ids, asked)) = answers.next().await {
        owners.extend(found);
        left.extend(ids.into_iter().map(|id| (None, [id].into())));
        outcome = outcome.and(asked);
    }
    outcome.map(|()| left)
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
    ids: &mut HashSet<&str>,
    owners: &mut Owners,
    deadline: Deadline,
) -> Result<()> {
    for id in ids.drain() {
        let url = GraphUrl::creator(graph.cloud, drive, id)?;
        match graph.json::<DriveItem>(&url, deadline).await {
            Ok(item) => owners.insert(id.to_owned(), told(&item)),
            Err(error) if is_out_of_reach(&error) => None,
            Err(error) => return Err(error),
        };
    }
    Ok(())
}

/// Page by page, until all are found, or it would cost less to ask for each. What is left in `ids`
/// then may have been moved.
async fn in_folder(
    graph: &Graph,
    drive: &str,
    folder: &str,
    ids: &mut HashSet<&str>,
    owners: &mut Owners,
    deadline: Deadline,
) -> Result<()> {
    let mut url = GraphUrl::creators_in(graph.cloud, drive, folder)?;
    for _ in 0..ids.len().div_ceil(FEW) {
        let page: ItemPage = match graph.json(&url, deadline).await {
            Ok(page) => page,
            Err(error) if is_out_of_reach(&error) => {
                ids.clear();
                break;
            }
            Err(error) => return Err(error),
        };
        let next = page.next(graph.cloud)?;
        for item in page.value {
            if ids.remove(item.id.as_str()) {
                let owner = told(&item);
                owners.insert(item.id, owner);
            }
        }
        match next {
            Some(next) if !ids.is_empty() => url = next.into_url(),
            _ => break,
        }
    }
    Ok(())
}

fn told(item: &DriveItem) -> String {
    item.owner().unwrap_or_default().to_owned()
}

fn is_out_of_reach(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::NotFound | ErrorKind::PermissionDenied)
}
