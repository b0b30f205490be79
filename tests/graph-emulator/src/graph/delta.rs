//! Delta: what changed in a drive since a token. (3)

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::children::RowsPage;
use super::errors::GraphError;
use super::item::Found;
use super::reply::Answer;
use super::row::{File, FileHashes, Row, Rows};
use super::{Call, select};
use crate::drive::{Changes, DriveIds, Item, Position, Wanted};
use crate::faults::PageTrick;
use crate::variants::{DeltaLinks, DeltaOrder, Resync, Tombstones, Variants};
use crate::world::World;
use token::Token;

mod token;

/// How far back a time may be that is given for a token: about 60 days. (3.2)
const TIMESTAMP_REACH_MS: i64 = 60 * 24 * 3_600 * 1_000;

pub(super) fn answer(
    world: &World,
    call: &Call,
    found: &Found,
    function_token: Option<&str>,
) -> Result<Answer, GraphError> {
    let Found { drive, item: folder, .. } = found;
    let variants = world.variants().clone();
    if !folder.is_folder() {
        return Err(GraphError::invalid_request("Only folders have changes"));
    }
    if !folder.is_root() && !drive.is_personal() && !variants.folder_delta {
        return Err(GraphError::delta_needs_root());
    }
    select::check_item(&call.query, drive.is_personal())?;
    if call.query.filter.is_some() {
        return Err(GraphError::invalid_request("The query option $filter is not supported here"));
    }
    let asked = function_token.or(call.query.token.as_deref()).or(call.query.skip_token.as_deref());
    let start = Start { world, call, found, variants: &variants };
    let (position, starts) = match asked {
        None => (start.beginning(), true),
        Some("latest") => return Ok(start.latest()),
        Some(text) => start.position(text)?,
    };
    let wanted = Wanted {
        scope: folder.ordinal,
        limit: call.query.page_size(variants.page_size, variants.delta_page_limit),
        with_parents: !excludes_parents(call),
    };
    let (empty, loops) = (
        variants.empty_pages || call.trick == Some(PageTrick::Empty),
        variants.next_link_loops || call.trick == Some(PageTrick::Loop),
    );
    if empty && !asked.is_some_and(token::is_emptied) {
        return Ok(start.page(Vec::new(), &Link::Next(position, true)));
    }
    let mut changes = drive.changes(position, starts, wanted);
    if !call.with_shortcuts(world) {
        changes.items.retain(|item| !item.is_shortcut());
    }
    let rows = start.rows(&changes);
    let link = match (changes.is_last, loops) {
        (false, true) => Link::Next(position, false),
        (false, false) => Link::Next(changes.next, false),
        (true, _) => Link::Delta(changes.next),
    };
    Ok(start.page(rows, &link))
}

/// `deltaExcludeParent: true`: changed items without the folders above them. (3.1)
fn excludes_parents(call: &Call) -> bool {
    call.headers
        .get("deltaexcludeparent")
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("true")))
}

/// Where a page leads.
enum Link {
    /// To the next page; the flag says that it was given empty already.
    Next(Position, bool),
    Delta(Position),
}

/// What every step of an answer needs.
struct Start<'a> {
    world: &'a World,
    call: &'a Call,
    found: &'a Found,
    variants: &'a Variants,
}

impl Start<'_> {
    fn beginning(&self) -> Position {
        Position::All { start: self.found.drive.latest(), next: 0, since_ms: None }
    }

    /// Nothing but a link for later. (3.1)
    fn latest(&self) -> Answer {
        self.page(Vec::new(), &Link::Delta(Position::Since(self.found.drive.latest())))
    }

    /// What a token stands for, and whether an enumeration starts with it.
    fn position(&self, text: &str) -> Result<(Position, bool), GraphError> {
        let drive = &self.found.drive;
        if let Some(token) = Token::read(text, drive.ids()) {
            let age = self.call.now_ms - token.issued_ms;
            let old = self.variants.delta_lifetime_ms.is_some_and(|lifetime| age >= lifetime);
            if old || token.generation < self.world.delta_generation() {
                return Err(self.resync());
            }
            if !token.is_within(drive.latest()) {
                return Err(GraphError::malformed_token());
            }
            return Ok((token.position, matches!(token.position, Position::Since(_))));
        }
        // A time in place of a token; only drives of work take one. (3.1)
        let time = percent_decode_str(text).decode_utf8_lossy();
        let time = chrono::DateTime::parse_from_rfc3339(&time).ok();
        match time.map(|time| time.timestamp_millis()) {
            Some(_) if drive.is_personal() => Err(GraphError::malformed_token()),
            None => Err(GraphError::malformed_token()),
            Some(time_ms) if self.call.now_ms - time_ms > TIMESTAMP_REACH_MS => Err(self.resync()),
            Some(time_ms) => {
                let start = drive.latest();
                Ok((Position::All { start, next: 0, since_ms: Some(time_ms) }, true))
            }
        }
    }

    /// 410, with a link to a new enumeration. (3.3)
    fn resync(&self) -> GraphError {
        let (code, inner) = match self.variants.resync {
            Resync::Recorded => ("resyncRequired", None),
            Resync::ApplyDifferences => ("resyncChangesApplyDifferences", None),
            Resync::UploadDifferences => ("resyncChangesUploadDifferences", None),
            Resync::Inner => ("resyncRequired", Some("resyncApplyDifferences")),
        };
        GraphError::resync(code, inner, self.link(self.beginning(), false))
    }

    fn rows(&self, changes: &Changes) -> Vec<Row> {
        let Found { drive, .. } = self.found;
        let mut rows = Rows::new(self.world, drive, &self.call.query, self.call.at());
        rows.with_paths = self.variants.delta_paths;
        let mut made: Vec<Row> =
            changes.items.iter().map(|item| self.row(&mut rows, item)).collect();
        match self.variants.delta_order {
            DeltaOrder::ParentsFirst => {}
            DeltaOrder::Reversed => made.reverse(),
            DeltaOrder::Shuffled => {
                for last in (1..made.len()).rev() {
                    made.swap(last, self.world.random.below(last as u64 + 1) as usize);
                }
            }
        }
        if self.variants.delta_duplicates
            && let Some(first) = changes.items.first()
        {
            made.push(self.row(&mut rows, first));
        }
        made
    }

    fn row(&self, rows: &mut Rows<'_>, item: &Item) -> Row {
        let drive = &self.found.drive;
        let mut row = if item.deleted {
            self.tombstone(rows, item)
        } else {
            let mut row = rows.row(item);
            if !drive.is_personal() {
                // Release notes: delta of work drives lacks these. (3.2)
                row.created_by = None;
                row.last_modified_by = None;
                row.c_tag = row.c_tag.filter(|_| item.is_file() && self.variants.delta_c_tags);
            }
            row
        };
        row.kind = self.call.metadata.then_some("#microsoft.graph.driveItem");
        let scans = self.call.prefers("deltashowsharingchanges")
            && self.call.grant.may(&["Sites.FullControl.All"]);
        row.shared_changed = (scans && item.marks().shared.is_some()).then_some("True");
        row
    }

    /// What is told of a deleted item. (1.9, 3.2)
    fn tombstone(&self, rows: &mut Rows<'_>, item: &Item) -> Row {
        let drive = &self.found.drive;
        let (personal, ids) = (drive.is_personal(), drive.ids());
        let observed = self.variants.tombstones != Tombstones::Documented;
        let mut row = Row {
            id: Some(ids.item(item.guid, item.ordinal)),
            parent_reference: Some(rows.parent_reference(item)),
            deleted: Some(self.deleted_facet(personal)),
            ..Row::default()
        };
        if item.is_folder() {
            row.folder = Some(json!({ "childCount": 0 }));
        }
        if personal {
            row.name = Some(item.name.to_string());
            row.file = item.is_file().then_some(File { mime_type: None, hashes: None });
            row.size = observed.then_some(item.size as i64).filter(|_| item.is_file());
            return row;
        }
        row.size = Some(0);
        if observed {
            row.c_tag = Some(format!("\"c:{{{}}},-1\"", item.guid.upper()));
        }
        row.file = item.is_file().then(|| {
            let quick_xor_hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
            let hashes = FileHashes { quick_xor_hash, sha1_hash: None, sha256_hash: None };
            File { mime_type: None, hashes: Some(hashes) }
        });
        row
    }

    fn deleted_facet(&self, is_personal: bool) -> Value {
        match self.variants.tombstones {
            Tombstones::Bare => json!({}),
            Tombstones::SoftDeleted => json!({ "state": "softDeleted" }),
            _ if is_personal => json!({}),
            _ => json!({ "state": "deleted" }),
        }
    }

    fn page(&self, value: Vec<Row>, link: &Link) -> Answer {
        let (next_link, delta_link) = match *link {
            Link::Next(position, emptied) => (Some(self.link(position, emptied)), None),
            Link::Delta(position) => (None, Some(self.link(position, false))),
        };
        let context = self.call.context("Collection(driveItem)");
        let body = RowsPage { context, count: None, next_link, delta_link, value };
        Answer::with_tag(StatusCode::OK, &body, None)
    }

    /// A link in one of the three spellings, with the options of the request. (3.1)
    fn link(&self, position: Position, emptied: bool) -> String {
        let drive = &self.found.drive;
        let generation = self.world.delta_generation();
        let token = Token { position, issued_ms: self.call.now_ms, generation };
        let token = token.write(drive.ids(), emptied);
        let place = if self.found.item.is_root() {
            "root".to_owned()
        } else {
            format!("items/{}", drive.ids().item(self.found.item.guid, self.found.item.ordinal))
        };
        let start = format!("{}/drives/{}/{place}", self.call.base(), drive.id());
        let options = self.call.query.repeated();
        let options = options.trim_end_matches('&');
        let and = if options.is_empty() { "" } else { "&" };
        match self.variants.delta_links {
            DeltaLinks::Query => format!("{start}/delta?{options}{and}token={token}"),
            DeltaLinks::Qualified => {
                format!("{start}/microsoft.graph.delta?{options}{and}token={token}")
            }
            DeltaLinks::Function => {
                let question = if options.is_empty() { "" } else { "?" };
                format!("{start}/delta(token='{token}'){question}{options}")
            }
        }
    }
}

impl Token {
    /// Whether the drive has come so far at all.
    fn is_within(&self, latest: u64) -> bool {
        match self.position {
            Position::All { start, .. } => start <= latest,
            Position::Since(number) => number <= latest,
        }
    }
}

/// The time of a token as SharePoint counts: 100 ns since year 1.
fn ticks(ms: i64) -> i64 {
    const EPOCH_TICKS: i64 = 621_355_968_000_000_000;
    ms.saturating_mul(10_000).saturating_add(EPOCH_TICKS)
}

/// Which list a token is of.
fn list_of(ids: &DriveIds) -> String {
    match ids {
        DriveIds::Business { list, .. } => list.to_string(),
        DriveIds::Personal { .. } => ids.drive(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_from_year_one() {
        assert_eq!(ticks(0), 621_355_968_000_000_000);
    }
}
