//! `list-tables`: files and folders, page by page.
//!
//! A page token says how many entries were given. The instance that gave them
//! goes on where it stopped; another one walks again and skips as many.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::connection::Connection;
use crate::contract::{ListRequest, ListScope, TableInfo, TableKind, TablePage};
use crate::entries::{Entries, Entry, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::file_type::FileType;
use crate::sender::Deadline;
use crate::table_name::check_path;

const LARGEST_PAGE: u32 = 1000;

/// A listing under way.
pub(crate) struct Listing {
    request: ListRequest,
    walk: Entries,
    walked: bool,
    waiting: VecDeque<TableInfo>,
    given: u64,
}

impl Connection {
    /// One page of the tables there are.
    pub async fn list_tables(&self, request: ListRequest) -> Result<TablePage> {
        let (skip, request) = resume_point(request)?;
        let kept = self.listing.take().filter(|l| l.given == skip && l.request == request);
        let mut listing = match kept {
            Some(listing) => listing,
            None => self.start(request, skip).await?,
        };
        let limit = listing.request.limit.unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
        let mut entries = Vec::new();
        while entries.len() < limit as usize
            && let Some(entry) = listing.next().await?
        {
            entries.push(entry);
        }
        let more = !listing.waiting.is_empty() || !listing.walked;
        let next = more.then(|| listing.given.to_string());
        if more {
            self.listing.replace(Some(listing));
        }
        Ok(TablePage { entries, next })
    }

    async fn start(&self, request: ListRequest, skip: u64) -> Result<Listing> {
        let lister = self.lister()?;
        let prefix = request.prefix.as_deref().unwrap_or_default();
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            check_path(folder)?;
        }
        let start = prefix.to_lowercase();
        let enters = Rc::new(move |path: &str| {
            let path = format!("{}/", path.to_lowercase());
            path.starts_with(&start) || start.starts_with(&path)
        });
        let wanted = Wanted { folder, recursive: request.recursive, few: false, enters };
        let walk = lister.entries(&wanted, Deadline::default()).await?;
        let mut listing =
            Listing { request, walk, walked: false, waiting: VecDeque::new(), given: 0 };
        while listing.given < skip && listing.next().await?.is_some() {}
        Ok(listing)
    }
}

impl Listing {
    async fn next(&mut self) -> Result<Option<TableInfo>> {
        loop {
            if let Some(entry) = self.waiting.pop_front() {
                self.given += 1;
                return Ok(Some(entry));
            }
            if self.walked {
                return Ok(None);
            }
            match self.walk.next_page().await? {
                Some(page) => {
                    let request = &self.request;
                    self.waiting.extend(page.into_iter().filter_map(|entry| shown(request, entry)));
                }
                None => self.walked = !self.walk.next_drive().await?,
            }
        }
    }
}

fn resume_point(mut request: ListRequest) -> Result<(u64, ListRequest)> {
    request.prefix = request.prefix.map(|prefix| prefix.trim_start_matches('/').to_owned());
    let skip = match request.page.take() {
        None => 0,
        Some(page) => page.parse().map_err(|_| {
            Error::new(
                ErrorKind::InvalidParams,
                "The page token is not one that this listing gave.",
            )
        })?,
    };
    Ok((skip, request))
}

fn shown(request: &ListRequest, entry: Entry) -> Option<TableInfo> {
    let folder = entry.item.kind.holds_items();
    let wanted = match request.scope {
        ListScope::Tables => entry.item.kind.is_file(),
        ListScope::Folders => folder,
        ListScope::All => folder || entry.item.kind.is_file(),
    };
    let prefix = request.prefix.as_deref().unwrap_or_default().to_lowercase();
    let kind = match folder {
        true => TableKind::Folder,
        false if FileType::of(&entry.item.name).is_some() => TableKind::Table,
        false => TableKind::Other,
    };
    (wanted && entry.path.to_lowercase().starts_with(&prefix)).then_some(TableInfo {
        kind,
        bytes: entry.item.size,
        modified: entry.item.modified,
        name: entry.path,
        doc: None,
    })
}
