//! Opening all files that a pattern matches, as one table: a few at a time, and what is known of a
//! version is not looked at again.

use std::rc::Rc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::{Found, look, look_at_parquet, unsupported_format};
use crate::cache;
use crate::connection::Connection;
use crate::entries::{Entry, Lister, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::file_type::FileType;
use crate::glob::Glob;
use crate::graph::Graph;
use crate::item::Kind as ItemKind;
use crate::sender::Deadline;
use crate::tables::Kind;
use crate::tables::union::{self, Member, UnionTable};

/// Files that one table may be made of.
const MOST_FILES: usize = 2_000;
/// Files that are opened at once.
const OPENED_AT_ONCE: usize = 8;
/// Bytes of findings that are kept at once; so many at most wait for it.
const KEPT_AT_ONCE: usize = 1 << 20;

/// Opens all files that a pattern matches, as one table.
pub(crate) async fn open_all(
    connection: &Rc<Connection>,
    glob: &Glob,
    options: &[(String, String)],
) -> Result<Kind> {
    let mut options = options.to_vec();
    let filename = take_filename(&mut options)?;
    let lister = connection.lister()?;
    let (files, unlisted) = matching(&lister, glob).await?;
    let (full, empty): (Vec<Entry>, Vec<Entry>) =
        files.into_iter().partition(|entry| entry.item.size != Some(0));
    if full.is_empty() {
        return Err(nothing_matches(glob, empty.len(), &unlisted));
    }
    let (empty, mut waiting) = (empty.len(), full.into_iter());
    let mut opening = FuturesOrdered::new();
    let (mut members, mut findings, mut known) = (Vec::new(), Vec::new(), 0_usize);
    loop {
        while opening.len() < OPENED_AT_ONCE
            && let Some(entry) = waiting.next()
        {
            opening.push_back(open_member(connection, &lister.graph, entry, &options));
        }
        let Some(opened) = opening.next().await else { break };
        let (member, cached, kept) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                cache::keep(connection.ports(), findings);
                return Err(error);
            }
        };
        known += usize::from(cached);
        members.push(member);
        findings.extend(kept);
        if findings.iter().map(|(_, value)| value.len()).sum::<usize>() >= KEPT_AT_ONCE {
            cache::keep(connection.ports(), std::mem::take(&mut findings));
        }
    }
    cache::keep(connection.ports(), findings);
    let mut note = format!("the formats of {known} are those of the same versions read before");
    if empty > 0 {
        note.push_str(&format!("; {empty} more are empty"));
    }
    let connection = Rc::clone(connection);
    UnionTable::new(connection, glob.text.clone(), members, filename, note, unlisted)
        .map(Kind::Union)
}

/// A file, whether it was known how it is read, and what of it is to be kept.
type Opened = (Member, bool, Vec<cache::Finding>);

async fn open_member(
    connection: &Rc<Connection>,
    graph: &Rc<Graph>,
    entry: Entry,
    options: &[(String, String)],
) -> Result<Opened> {
    let kind = FileType::of(&entry.path).ok_or_else(|| unsupported_format(&entry.path))?;
    let found = Found::listed(entry);
    match kind {
        FileType::Stream(kind) => {
            let (looked, head) = look(connection, graph, found, kind, options).await?;
            let cached = looked.cached.is_some();
            let head = head.filter(|_| !cached);
            let kept = head.map(|head| looked.kept(options, &head)).unwrap_or_default();
            Ok((Member::Stream(Box::new(looked.table(connection))), cached, kept))
        }
        FileType::Parquet => {
            let (table, _, kept) = look_at_parquet(connection, graph, found, options).await?;
            let cached = table.cached;
            Ok((Member::Parquet(Box::new(table)), cached, kept.into_iter().collect()))
        }
    }
}

/// The files that a pattern matches and that can be read, by path; and what could not be listed.
async fn matching(lister: &Lister, glob: &Glob) -> Result<(Vec<Entry>, Vec<String>)> {
    let pattern = glob.clone();
    let enters = Rc::new(move |path: &str| pattern.matches(path) || pattern.reaches_into(path));
    let wanted = Wanted { folder: glob.folder(), recursive: glob.is_deep(), few: false, enters };
    let mut entries = lister.entries(&wanted, Deadline::default()).await?;
    let matches = |entry: &Entry| {
        entry.item.kind == ItemKind::File
            && FileType::of(&entry.path).is_some()
            && glob.matches(&entry.path)
    };
    let mut files: Vec<Entry> = Vec::new();
    loop {
        let first = files.len();
        while let Some(page) = entries.next_page().await? {
            files.extend(page.into_iter().filter(matches));
            if files.len() > MOST_FILES {
                return Err(too_many(glob));
            }
        }
        entries.complete(files[first..].iter_mut().map(|entry| &mut entry.item))?;
        if !entries.next_drive().await? {
            break;
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((files, entries.warnings))
}

fn too_many(glob: &Glob) -> Error {
    let message = format!("`{}` matches more than {MOST_FILES} files.", glob.text);
    Error::new(ErrorKind::TooLarge, message)
        .hint("Match fewer of them, and join the tables with UNION ALL.")
}

fn nothing_matches(glob: &Glob, empty: usize, unlisted: &[String]) -> Error {
    let mut message = match empty {
        0 => format!("No file that can be read as a table matches `{}`.", glob.text),
        _ => format!("Every file that matches `{}` is empty.", glob.text),
    };
    for reason in unlisted {
        message.push_str(&format!(" {reason}"));
    }
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
