//! `/children`: the items of a folder, in pages. (1.4)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::address::{Anchor, DriveAddress, ItemAddress};
use super::errors::GraphError;
use super::reply::{Answer, Object};
use super::{Call, item, select};
use crate::drive::Item;
use crate::preconditions;
use crate::profile::Profile;
use crate::world::World;

pub(super) fn answer(
    world: &World,
    call: &Call,
    drive: &DriveAddress,
    address: &ItemAddress,
    folder: &Item,
) -> Result<Answer, GraphError> {
    select::check_item(&call.query, world.profile)?;
    let position = call.query.skip_token.as_deref().map(Position::read).transpose()?;
    if position.is_none() && preconditions::none_match(&call.headers, &[&folder.e_tag()]) {
        return Ok(Answer::NotModified { e_tag: folder.e_tag() });
    }
    let (after, served) = position.map_or((None, 0), |at| (Some(at.name), at.served));
    // Of a file there are no children to speak of; the exact answer is not known.
    let page = world
        .drive
        .children(folder.guid, after.as_deref(), call.query.page_size())
        .ok_or_else(|| GraphError::invalid_request("Only folders have children"))?;

    let mut body = Object::new();
    let place = match &address.anchor {
        Anchor::Root if address.path.is_empty() => "root".to_owned(),
        _ => format!("items('{}')", world.drive.ids.item(folder.guid)),
    };
    let drive = item::drive_context(world, drive);
    let context = format!("{drive}/{place}/children{}", call.query.selected());
    body.insert("@odata.context".to_owned(), json!(context));
    // Recorded on personal accounts. (1.4)
    if world.profile == Profile::Personal {
        body.insert("@odata.count".to_owned(), json!(page.total));
    }
    if let Some(name) = page.next {
        let next = Position { name, served: served + page.items.len() };
        body.insert("@odata.nextLink".to_owned(), json!(next_link(call, &next)));
    }
    let rows = page.items.iter();
    let rows = rows.map(|row| item::describe(world, row, &call.query, call.now_ms));
    body.insert("value".to_owned(), Value::Array(rows.map(Value::Object).collect()));
    Ok(Answer::Found { body, e_tag: None })
}

/// Absolute, on Graph's host and without a port. (1.4)
fn next_link(call: &Call, next: &Position) -> String {
    let options = call.query.repeated();
    format!("https://graph.microsoft.com{}?{options}$skiptoken={}", call.path, next.write())
}

/// How far a listing got: opaque to clients, in the form that was recorded. (1.4)
#[derive(Clone, PartialEq, Eq, Debug)]
struct Position {
    /// The last name that was served.
    name: String,
    served: usize,
}

impl Position {
    fn write(&self) -> String {
        let name = utf8_percent_encode(&self.name, NON_ALPHANUMERIC);
        let served = self.served;
        let text = format!("Paged=TRUE&p_SortBehavior=1&p_FileLeafRef={name}&p_ID={served}");
        URL_SAFE_NO_PAD.encode(text)
    }

    fn read(token: &str) -> Result<Self, GraphError> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let rest = text.strip_prefix("Paged=TRUE&p_SortBehavior=1&p_FileLeafRef=")?;
            let (name, served) = rest.split_once("&p_ID=")?;
            let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
            Some(Self { name, served: served.parse().ok()? })
        };
        read().ok_or_else(|| GraphError::invalid_request("The skip token is malformed"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_reads_back_the_same(name in ".*", served in 0usize..1_000_000) {
            let position = Position { name, served };
            prop_assert_eq!(Position::read(&position.write()).unwrap(), position);
        }

        #[test]
        fn any_token_is_understood_or_refused(token in ".*") {
            let _ = Position::read(&token);
        }
    }
}
