//! `/children`: the items of a folder, in pages. (1.4)

use http::StatusCode;
use serde::Serialize;

use super::address::{Anchor, ItemAddress};
use super::errors::GraphError;
use super::filter::Filter;
use super::item::Found;
use super::links::{Position, next_page};
use super::reply::Answer;
use super::row::{Row, Rows};
use super::{Call, item, select};
use crate::drive::{Drive, Item, Listing, Order, fold};
use crate::faults::PageTrick;
use crate::preconditions;
use crate::world::World;

/// Expanded children do not page. (1.3)
const EXPANDED: usize = 200;

/// A page of rows.
#[derive(Serialize)]
pub(super) struct RowsPage {
    #[serde(rename = "@odata.context", skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
    #[serde(rename = "@odata.count", skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<usize>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    pub(super) next_link: Option<String>,
    #[serde(rename = "@odata.deltaLink", skip_serializing_if = "Option::is_none")]
    pub(super) delta_link: Option<String>,
    pub(super) value: Vec<Row>,
}

pub(super) fn answer(
    world: &World,
    call: &Call,
    found: &Found,
    address: &ItemAddress,
) -> Result<Answer, GraphError> {
    let Found { drive, item: folder, context } = found;
    select::check_item(&call.query, drive.is_personal())?;
    item::check_expand(call)?;
    let position = call.query.skip_token.as_deref().map(Position::read).transpose()?;
    let e_tag = drive.ids().e_tag(folder);
    if position.is_none() && preconditions::none_match(&call.headers, &[&e_tag]) {
        return Ok(Answer::NotModified { e_tag });
    }
    let position = position.unwrap_or_default();
    let (page, total) = page(world, call, drive, folder, &position)?;
    let mut rows = Rows::new(world, drive, &call.query, call.at());
    let place = match &address.anchor {
        Anchor::Root if address.path.is_empty() => "root".to_owned(),
        _ => format!("items('{}')", drive.ids().item(folder.guid, folder.ordinal)),
    };
    let selected = call.query.selected();
    let body = RowsPage {
        context: call.context(&format!("{context}/{place}/children{selected}")),
        // Recorded on personal accounts. (1.4)
        count: drive.is_personal().then_some(total),
        next_link: page.next,
        delta_link: None,
        value: page.items.iter().map(|item| rows.row(item)).collect(),
    };
    Ok(Answer::with_tag(StatusCode::OK, &body, None))
}

/// The rows of a page and the link to the next.
struct Listed {
    items: Vec<Item>,
    next: Option<String>,
}

fn page(
    world: &World,
    call: &Call,
    drive: &Drive,
    folder: &Item,
    position: &Position,
) -> Result<(Listed, usize), GraphError> {
    let (size, empty, loops) = {
        let variants = world.variants();
        let size = call.query.page_size(variants.page_size, variants.page_limit);
        let trick = call.trick;
        let empty = variants.empty_pages || trick == Some(PageTrick::Empty);
        (size, empty, variants.next_link_loops || trick == Some(PageTrick::Loop))
    };
    let (order, descending) = call.query.order(drive.is_personal())?;
    let listing = Listing { order, descending, with_shortcuts: call.with_shortcuts(world) };
    let by_name = (order, descending) == (Order::Name, false);
    // Of a file there are no children to speak of; the exact answer is not known.
    let not_a_folder = || GraphError::invalid_request("Only folders have children");
    if !folder.is_folder() {
        return Err(not_a_folder());
    }
    if empty && !position.emptied {
        let again = Position { emptied: true, ..position.clone() };
        let next = Some(next_page(call, &again.write()));
        return Ok((Listed { items: Vec::new(), next }, 0));
    }
    let filter = call.query.filter.as_deref();
    let filter = filter.map(|text| Filter::parse(text, drive.is_personal())).transpose()?;
    let (after, limit) = match filter {
        Some(_) => (("", 0), usize::MAX - 1),
        None => ((position.name.as_str(), position.served), size),
    };
    let page = drive.children(folder.guid, listing, after, limit).ok_or_else(not_a_folder)?;
    let (mut items, mut more, mut total) = (page.items, page.more, page.total);
    if let Some(filter) = filter {
        items.retain(|item| filter.picks(item));
        total = items.len();
        let served = if by_name && !position.name.is_empty() {
            let last = fold(&position.name);
            items.partition_point(|item| fold(&item.name) <= last)
        } else {
            position.served.min(total)
        };
        items.drain(..served);
        more = items.len() > size;
        items.truncate(size);
    }
    let next = items.last().filter(|_| more).map(|last| Position {
        name: if by_name { last.name.to_string() } else { String::new() },
        served: position.served + items.len(),
        emptied: false,
    });
    let next = if loops && next.is_some() { Some(position.clone()) } else { next };
    let next = next.map(|next| next_page(call, &next.write()));
    Ok((Listed { items, next }, total))
}

/// Children as part of their folder. (1.3)
pub(super) fn expanded(world: &World, call: &Call, drive: &Drive, folder: &Item) -> Vec<Row> {
    let with_shortcuts = call.with_shortcuts(world);
    let listing = Listing { order: Order::Name, descending: false, with_shortcuts };
    let page = drive.children(folder.guid, listing, ("", 0), EXPANDED);
    let everything = super::query::Query::default();
    let mut rows = Rows::new(world, drive, &everything, call.at());
    page.into_iter().flat_map(|page| page.items).map(|item| rows.row(&item)).collect()
}
