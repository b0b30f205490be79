//! Opening all files that a pattern matches, as one table: a few at a time, and what is known of a
//! version is not looked at again.

use std::rc::Rc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::{Found, Looked, look, look_at_parquet, unsupported_format};
use crate::cache::{self, Known, Version};
use crate::connection::Connection;
use crate::download::Head;
use crate::entries::{Entry, Lister, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::file_type::FileType;
use crate::glob::Glob;
use crate::graph::Graph;
use crate::item::Kind as ItemKind;
use crate::sender::Deadline;
use crate::tables::Kind;
use crate::tables::parquet::ParquetTable;
use crate::tables::union::{self, Member, UnionTable};

/// Files that one table may be made of.
const MOST_FILES: usize = 2_000;
/// Files that are opened at once.
const OPENED_AT_ONCE: usize = 8;
/// Files whose findings are kept in one write.
const KEPT_AT_ONCE: usize = 100;

/// Opens all files that a pattern matches, as one table.
pub(crate) async fn open_all(
    connection: &Rc<Connection>,
    glob: &Glob,
    options: &[(String, String)],
) -> Result<Kind> {
    let mut options = options.to_vec();
    let filename = take_filename(&mut options)?;
    let lister = connection.lister()?;
    let files = matching(&lister, glob).await?;
    let (full, empty): (Vec<Entry>, Vec<Entry>) =
        files.into_iter().partition(|entry| entry.item.size != Some(0));
    if full.is_empty() {
        return Err(nothing_matches(glob, empty.len()));
    }
    let (empty, mut waiting) = (empty.len(), full.into_iter());
    let mut opening = FuturesOrdered::new();
    let (mut members, mut looked, mut known) = (Vec::new(), Vec::new(), 0_usize);
    loop {
        while opening.len() < OPENED_AT_ONCE
            && let Some(entry) = waiting.next()
        {
            opening.push_back(open_member(connection, &lister.graph, entry, &options));
        }
        let Some(opened) = opening.next().await else { break };
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                keep(connection, &options, &looked);
                return Err(error);
            }
        };
        match opened {
            Opened::Parquet(table) => members.push(Member::Parquet(Box::new(table))),
            Opened::Stream(one, head) => {
                known += usize::from(one.cached.is_some());
                if let Some(head) = head.filter(|_| one.cached.is_none()) {
                    looked.push((one.asked.clone(), one.known.clone(), small(head)));
                }
                if looked.len() >= KEPT_AT_ONCE {
                    keep(connection, &options, &std::mem::take(&mut looked));
                }
                members.push(Member::Stream(Box::new(one.table(connection))));
            }
        }
    }
    keep(connection, &options, &looked);
    let mut note = format!("the formats of {known} are those of the same versions read before");
    if empty > 0 {
        note.push_str(&format!("; {empty} more are empty"));
    }
    UnionTable::new(Rc::clone(connection), glob.text.clone(), members, filename, note)
        .map(Kind::Union)
}

/// The bytes of a file that is small enough to be kept.
fn small(head: Head) -> Option<Bytes> {
    let size = head.file.size;
    Some(head.bytes).filter(|bytes| bytes.len() as u64 >= size && size <= cache::SMALL)
}

/// What opening several files found out.
type LookedAt = (Version, Known, Option<Bytes>);

fn keep(connection: &Connection, options: &[(String, String)], looked: &[LookedAt]) {
    let found: Vec<cache::Found<'_>> = looked
        .iter()
        .map(|(asked, known, bytes)| cache::Found {
            asked,
            options,
            known,
            bytes: bytes.as_deref(),
        })
        .collect();
    cache::keep(connection.ports(), &found);
}

/// One of several files, and what opening it brought.
enum Opened {
    Stream(Box<Looked>, Option<Head>),
    Parquet(ParquetTable),
}

async fn open_member(
    connection: &Rc<Connection>,
    graph: &Rc<Graph>,
    entry: Entry,
    options: &[(String, String)],
) -> Result<Opened> {
    let kind = FileType::of(&entry.path).ok_or_else(|| unsupported_format(&entry.path))?;
    let found = Found::listed(entry);
    match kind {
        FileType::Stream(kind) => look(connection, graph, found, kind, options)
            .await
            .map(|(looked, head)| Opened::Stream(Box::new(looked), head)),
        FileType::Parquet => look_at_parquet(connection, graph, found, options)
            .await
            .map(|(table, _)| Opened::Parquet(table)),
    }
}

/// The files that a pattern matches and that can be read, by path.
async fn matching(lister: &Lister, glob: &Glob) -> Result<Vec<Entry>> {
    let wanted = Wanted { folder: glob.folder(), recursive: glob.is_deep(), few: false };
    let mut entries = lister.entries(&wanted, Deadline::default()).await?;
    let mut files = Vec::new();
    while let Some(page) = entries.next_page().await? {
        files.extend(page.into_iter().filter(|entry| {
            entry.item.kind == ItemKind::File
                && FileType::of(&entry.path).is_some()
                && glob.matches(&entry.path)
        }));
        if files.len() > MOST_FILES {
            let message = format!("`{}` matches more than {MOST_FILES} files.", glob.text);
            let error = Error::new(ErrorKind::TooLarge, message);
            return Err(error.hint("Match fewer of them, and join the tables with UNION ALL."));
        }
    }
    entries.complete(files.iter_mut().map(|entry| &mut entry.item))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn nothing_matches(glob: &Glob, empty: usize) -> Error {
    let message = match empty {
        0 => format!("No file that can be read as a table matches `{}`.", glob.text),
        _ => format!("Every file that matches `{}` is empty.", glob.text),
    };
    Error::new(ErrorKind::NotFound, message).hint(
        "`*` stands for any part of a name, `**` for any folders, a `/` at the end for all files \
         of a folder; SELECT path FROM ….files lists what there is.",
    )
}

/// The read option that is not of a format but of the whole.
fn take_filename(options: &mut Vec<(String, String)>) -> Result<bool> {
    let mut wanted = false;
    let mut wrong = false;
    options.retain(|(name, value)| {
        if !name.eq_ignore_ascii_case(union::FILENAME) {
            return true;
        }
        match value.parse() {
            Ok(truth) => wanted = truth,
            Err(_) => wrong = true,
        }
        false
    });
    if wrong {
        let message = "The read option `filename` has to be `true` or `false`.";
        return Err(Error::new(ErrorKind::InvalidParams, message));
    }
    Ok(wanted)
}
