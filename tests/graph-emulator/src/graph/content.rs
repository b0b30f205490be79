//! `/content`: where the bytes of a file are. (2)

use super::Call;
use super::errors::GraphError;
use super::reply::Answer;
use crate::drive::Item;
use crate::preconditions;
use crate::world::World;

pub(super) fn answer(world: &World, call: &Call, item: &Item) -> Result<Answer, GraphError> {
    if item.is_folder() {
        // Some 4xx; which one is not known. (2)
        return Err(GraphError::invalid_request("A folder has no content"));
    }
    if call.query.format.is_some() {
        return Err(GraphError::not_acceptable());
    }
    let e_tag = item.e_tag();
    if preconditions::none_match(&call.headers, &[&e_tag, &item.c_tag()]) {
        return Ok(Answer::NotModified { e_tag });
    }
    Ok(Answer::Elsewhere { url: world.links.issue(item.guid, call.now_ms) })
}
