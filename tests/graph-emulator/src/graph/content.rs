//! `/content`: where the bytes of a file are. (2)

use super::Call;
use super::errors::GraphError;
use super::item::Found;
use super::reply::Answer;
use crate::preconditions;
use crate::variants::ContentAnswer;
use crate::world::World;

/// Extensions that can be converted to PDF. (2)
const TO_PDF: [&str; 19] = [
    "csv", "doc", "docx", "odp", "ods", "odt", "pot", "potm", "potx", "pps", "ppsx", "ppsxm",
    "ppt", "pptm", "pptx", "rtf", "xls", "xlsx", "md",
];

pub(super) fn answer(world: &World, call: &Call, found: &Found) -> Result<Answer, GraphError> {
    let (drive, item) = (&found.drive, &found.item);
    if !item.is_file() {
        // Some 4xx; which one is not known. (2)
        return Err(GraphError::invalid_request("Only files have content"));
    }
    if item.marks().malware.is_some() {
        return Err(GraphError::malware());
    }
    if let Some(format) = &call.query.format {
        let extension = item.name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if format != "pdf" || !TO_PDF.contains(&extension.as_str()) {
            return Err(GraphError::not_acceptable());
        }
        return Err(GraphError::not_emulated("the conversion of content"));
    }
    let e_tag = drive.ids().e_tag(item);
    if preconditions::none_match(&call.headers, &[&e_tag, &drive.ids().c_tag(item)]) {
        return Ok(Answer::NotModified { e_tag });
    }
    let (answer, lifetime_ms) = {
        let variants = world.variants();
        (variants.content, variants.link_lifetime_ms)
    };
    Ok(match answer {
        ContentAnswer::Redirect => {
            let links = world.links.of(drive, &call.caller(), (call.now_ms, lifetime_ms));
            let url = links.issue(item.guid);
            Answer::Elsewhere { url: Some(url) }
        }
        ContentAnswer::Nowhere => Answer::Elsewhere { url: None },
        ContentAnswer::Direct => {
            let opened = drive.open_file(item.guid);
            let (item, content) =
                opened.ok_or_else(|| GraphError::item_not_found(drive.is_personal()))?;
            // Graph does not honour ranges. (2)
            Answer::Bytes(crate::download::whole(drive, &item, content))
        }
    })
}
