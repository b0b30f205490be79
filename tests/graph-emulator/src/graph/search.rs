//! Search by name, and what changed last. (1.5, 8)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;

use super::address::DriveAddress;
use super::children::RowsPage;
use super::errors::GraphError;
use super::item::Found;
use super::links::next_page;
use super::reply::Answer;
use super::row::{Row, Rows};
use super::{Call, drive, select, share};
use crate::drive::{Drive, Item};
use crate::world::World;

/// How many items `/recent` tells of.
const RECENT: usize = 20;

/// Items below a folder whose names hold the text.
pub(super) fn answer(
    world: &World,
    call: &Call,
    found: &Found,
    text: &str,
) -> Result<Answer, GraphError> {
    list(world, call, &found.drive, &found.item, text, false)
}

/// The same over the whole drive and what others shared.
pub(super) fn drive(
    world: &World,
    call: &Call,
    address: &DriveAddress,
    text: &str,
) -> Result<Answer, GraphError> {
    let found = drive::root(world, call, address)?;
    list(world, call, &found.drive, &found.item, text, true)
}

fn list(
    world: &World,
    call: &Call,
    drive: &Drive,
    folder: &Item,
    text: &str,
    with_shared: bool,
) -> Result<Answer, GraphError> {
    select::check_item(&call.query, drive.is_personal())?;
    let (default, limit) = {
        let variants = world.variants();
        (variants.page_size, variants.page_limit)
    };
    let size = call.query.page_size(default, limit);
    let skip = call.query.skip_token.as_deref().map(position).transpose()?.unwrap_or(0);
    let mut found = drive.search(folder.guid, text, skip, size + 1);
    let more = found.len() > size;
    found.truncate(size);
    let mut rows = Rows::new(world, drive, &call.query, call.at());
    let mut value: Vec<Row> =
        found.iter().map(|item| reduced(rows.row(item), drive.is_personal())).collect();
    if with_shared && skip == 0 {
        value.extend(share::rows(world, call, |item| {
            item.name.to_lowercase().contains(&text.to_lowercase())
        }));
    }
    let next_link = more.then(|| next_page(call, &written(skip + size)));
    let context = call.context("Collection(driveItem)");
    let body = RowsPage { context, count: None, next_link, delta_link: None, value };
    Ok(Answer::with_tag(StatusCode::OK, &body, None))
}

/// Rows of a search lack much. (1.5)
fn reduced(mut row: Row, is_personal: bool) -> Row {
    row.search_result = Some(json!({}));
    if is_personal {
        row.odata_e_tag = None;
        row.e_tag = None;
        row.c_tag = None;
    } else {
        row.created_by = None;
        row.last_modified_by = None;
        row.parent_reference = None;
    }
    row
}

/// The files of a drive that changed last.
pub(super) fn recent(
    world: &World,
    call: &Call,
    address: &DriveAddress,
) -> Result<Answer, GraphError> {
    let found = drive::root(world, call, address)?;
    let mut files = found.drive.all(Item::is_file);
    files.sort_by_key(|file| std::cmp::Reverse(file.modified_ms));
    files.truncate(RECENT);
    let mut rows = Rows::new(world, &found.drive, &call.query, call.at());
    let value: Vec<Row> = files.iter().map(|file| rows.row(file)).collect();
    Ok(super::rows(&value, call.context("Collection(driveItem)")))
}

/// `Mg` is `2` in base64. (1.5)
fn written(position: usize) -> String {
    URL_SAFE_NO_PAD.encode(position.to_string())
}

fn position(token: &str) -> Result<usize, GraphError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| GraphError::invalid_request("The skip token is malformed"))
}
