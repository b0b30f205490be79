//! Opening a file by its name: finding the item, looking at its first bytes,
//! and saying clearly what is in the way.

mod several;

use std::rc::Rc;

use tabular_formats::FormatError;
use tabular_formats::parquet::ParquetOptions;

pub(crate) use self::several::open_all;
use crate::cache::{self, Known};
use crate::connection::{Connection, Kept};
use crate::download::{Download, FIRST_RANGE, FileRef, Head};
use crate::entries::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::file_type::{FileType, StreamType};
use crate::graph::{DriveItem, Graph, GraphUrl, ItemPage, PreauthenticatedUrl};
use crate::path::leaf;
use crate::reach::{self, Root};
use crate::sender::Deadline;
use crate::table_name::extension;
use crate::tables::Kind;
use crate::tables::parquet::{ParquetTable, Tail, open_tail};
use crate::tables::stream::{StreamFormat, StreamOptions, StreamTable, format_error};

/// How much of a file is looked at when the first range ends in the middle of
/// the first records.
const LARGER_SAMPLE: usize = 4 << 20;
/// Files of one bare name that are looked at.
const SAME_NAME: usize = 20;
/// Pages of a search that are followed; the names of so many files hold no one file's name.
const SEARCH_PAGES: usize = 20;

/// Opens a file as a table.
pub(crate) async fn open(
    connection: &Rc<Connection>,
    path: &str,
    options: &[(String, String)],
) -> Result<Kind> {
    let kind = FileType::of(path).ok_or_else(|| unsupported_format(path))?;
    let record = connection.records.load()?;
    let graph = connection.graph(&record, Rc::default());
    let follow = record.settings.follows_shortcuts();
    let found = find(&graph, &record.verified()?.roots, path, follow).await?;
    if let Some(item) = &found.item {
        readable(&found.path, item)?;
    }
    match kind {
        FileType::Stream(kind) => {
            stream(connection, &graph, found, kind, options).await.map(Box::new).map(Kind::Stream)
        }
        FileType::Parquet => {
            parquet(connection, &graph, found, options).await.map(Box::new).map(Kind::Parquet)
        }
    }
}

/// A file of the drive.
struct Found {
    /// As it was asked for, if it was; a listing brings no links.
    item: Option<DriveItem>,
    /// As the drive stores it, as far as that is known.
    path: String,
    file: FileRef,
}

impl Found {
    fn new(drive: &str, path: String, item: DriveItem) -> Self {
        let (c_tag, e_tag) = (item.c_tag.clone(), item.e_tag.clone());
        let file = FileRef::new(drive, &item.id, path.clone(), item.size(), c_tag, e_tag);
        Self { item: Some(item), path, file }
    }

    fn listed(entry: Entry) -> Self {
        let file = entry.file();
        Self { item: None, path: entry.path, file }
    }
}

/// By the full path; a bare name that is not at the root serves if it is
/// unique.
async fn find(graph: &Rc<Graph>, roots: &[Root], path: &str, follow: bool) -> Result<Found> {
    let Some((root, rest)) = reach::locate(roots, path) else {
        let error = Error::new(ErrorKind::NotFound, "");
        return match path.contains('/') {
            true => Err(missing(path, &error)),
            false => by_bare_name(graph, roots, path, &error).await,
        };
    };
    match reach::item_at(graph, root, rest, follow, Deadline::default()).await {
        Ok(at) if rest.is_empty() => Ok(Found::new(&root.drive, root.name.clone(), at.item)),
        Ok(at) => {
            let itself = at.crossed && at.root.name == path;
            // A shortcut to a file has a name of its own.
            let path = if itself { path.to_owned() } else { stored_path(path, &at.item) };
            let through = at.through(root).map(str::to_owned);
            let mut found = Found::new(&at.root.drive, path, at.item);
            found.file.through = through;
            Ok(found)
        }
        Err(error) if error.kind != ErrorKind::NotFound || has_no_drive(&error) => Err(error),
        Err(error) if path.contains('/') => Err(missing(path, &error)),
        Err(error) => by_bare_name(graph, roots, path, &error).await,
    }
}

/// The service's search finds the files of a name without listing the drive.
/// Its rows are reduced, so each candidate is asked for again by its id.
async fn by_bare_name(
    graph: &Rc<Graph>,
    roots: &[Root],
    name: &str,
    error: &Error,
) -> Result<Found> {
    let mut found = Vec::new();
    for root in roots.iter().filter(|root| root.folder) {
        let Some(same) = search(graph, root, name).await? else { continue };
        let root = match same.is_empty() {
            true => continue,
            false => &root.as_it_is_now(graph).await?,
        };
        for row in same.iter().take(SAME_NAME) {
            let url = GraphUrl::item(graph.cloud, &root.drive, &row.id)?;
            let item: DriveItem = match graph.json(&url, Deadline::default()).await {
                Ok(item) => item,
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let path = item.path_in_drive().unwrap_or_else(|| item.name.clone());
            if let Some(path) = root.table_name(&path).filter(|_| item.is_file()) {
                found.push(Found::new(&root.drive, path, item));
            }
        }
    }
    match found.len() {
        0 => Err(missing(name, error)),
        1 => found.pop().ok_or_else(|| missing(name, error)),
        _ => Err(ambiguous(name, found.into_iter().map(|found| found.path).collect())),
    }
}

/// The rows of a search that have just this name; `None` where search is not offered or does not
/// come to an end.
async fn search(graph: &Rc<Graph>, root: &Root, name: &str) -> Result<Option<Vec<DriveItem>>> {
    let mut url = GraphUrl::search(graph.cloud, &root.drive, root.item.as_deref(), name)?;
    let mut same = Vec::new();
    for _ in 0..SEARCH_PAGES {
        let page: ItemPage = match graph.json(&url, Deadline::default()).await {
            Ok(page) => page,
            Err(error) if passes(error.kind) => return Err(error),
            Err(_) => return Ok(None),
        };
        let next = page.next(graph.cloud)?;
        let rows = page.value.into_iter();
        same.extend(rows.filter(|row| row.name.to_lowercase() == name.to_lowercase()));
        match next {
            Some(next) => url = next.into_url(),
            None => return Ok(Some(same)),
        }
    }
    Ok(None)
}

/// Whether an error says nothing about the file: another time it may be found.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Throttled
            | ErrorKind::Unavailable
            | ErrorKind::DeadlineExceeded
            | ErrorKind::AuthRequired
    )
}

fn ambiguous(name: &str, mut paths: Vec<String>) -> Error {
    paths.sort_unstable();
    let shown = paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    Error::new(ErrorKind::Ambiguous, format!("Several files are named `{name}`."))
        .hint(format!("Write the full path of one of them: {shown}."))
        .candidates(paths)
}

async fn stream(
    connection: &Rc<Connection>,
    graph: &Rc<Graph>,
    found: Found,
    kind: StreamType,
    options: &[(String, String)],
) -> Result<StreamTable> {
    let (opened, head) = look(connection, graph, found, kind, options).await?;
    if let Some(head) = head {
        if opened.cached.is_none() {
            cache::keep(connection.ports(), opened.kept(options, &head));
        }
        connection.kept.replace(Some(Kept::Head(head)));
    }
    Ok(opened.table(connection))
}

/// A file of which is known how it is read.
struct Looked {
    /// As it was asked for.
    asked: FileRef,
    known: Known,
    /// Under which it was kept, if this version was looked at before.
    cached: Option<String>,
}

impl Looked {
    /// What is to be kept of it.
    fn kept(&self, options: &[(String, String)], head: &Head) -> Vec<cache::Finding> {
        let bytes = Some(&head.bytes[..]).filter(|bytes| bytes.len() as u64 >= head.file.size);
        cache::of_format(&self.asked, options, &self.known, bytes)
    }

    fn table(self, connection: &Rc<Connection>) -> StreamTable {
        let Known { file, format } = self.known;
        StreamTable { connection: Rc::clone(connection), file, format, cached: self.cached }
    }
}

/// Finds out how a file is read: from what was found out before of the same version, else from its
/// first bytes, which are handed back.
async fn look(
    connection: &Rc<Connection>,
    graph: &Rc<Graph>,
    found: Found,
    kind: StreamType,
    options: &[(String, String)],
) -> Result<(Looked, Option<Head>)> {
    let asked = found.file.clone();
    let wrong = |error: FormatError| format_error(&found.path, &error);
    let parsed = StreamOptions::parse(kind, options).map_err(wrong)?;
    let link = found.item.as_ref().and_then(|item| item.download_link(graph.cloud));
    if let Some(key) = cache::format_key(&asked, options)
        && let Some(known) = cache::format(connection.ports(), &key)?
    {
        let file = known.file.found_at(&found.file);
        let head = link.map(|link| Head::linked(&file, link));
        let known = Known { file, format: known.format };
        return Ok((Looked { asked, known, cached: Some(key) }, head));
    }
    let (format, head) = sniff(graph, found.file, link, &parsed).await?;
    let known = Known { file: head.file.clone(), format };
    Ok((Looked { asked, known, cached: None }, Some(head)))
}

async fn parquet(
    connection: &Rc<Connection>,
    graph: &Rc<Graph>,
    found: Found,
    options: &[(String, String)],
) -> Result<ParquetTable> {
    let (table, tail, kept) = look_at_parquet(connection, graph, found, options).await?;
    cache::keep(connection.ports(), kept.into_iter().collect());
    connection.kept.replace(Some(Kept::Tail(tail)));
    Ok(table)
}

/// The table, the end of the file, and what of it is to be kept.
async fn look_at_parquet(
    connection: &Rc<Connection>,
    graph: &Rc<Graph>,
    found: Found,
    options: &[(String, String)],
) -> Result<(ParquetTable, Tail, Option<cache::Finding>)> {
    let options =
        ParquetOptions::from_pairs(options).map_err(|error| format_error(&found.path, &error))?;
    let link = found.item.as_ref().and_then(|item| item.download_link(graph.cloud));
    let asked = found.file.clone();
    if let Some(footer) = cache::footer(connection.ports(), &asked)?
        && let Ok(tail) = Tail::of_footer(footer, link.clone(), &options)
    {
        return Ok((ParquetTable::new(Rc::clone(connection), &tail, options, true), tail, None));
    }
    let tail = open_tail(graph, found.file, link, &options).await?;
    let kept = cache::of_footer(&asked, &tail.footer());
    Ok((ParquetTable::new(Rc::clone(connection), &tail, options, false), tail, kept))
}

/// Looks at the first range, or at more where the first records are longer.
async fn sniff(
    graph: &Rc<Graph>,
    file: FileRef,
    link: Option<PreauthenticatedUrl>,
    options: &StreamOptions,
) -> Result<(StreamFormat, Head)> {
    let path = file.path.clone();
    let mut wanted = usize::try_from(FIRST_RANGE).unwrap_or(usize::MAX);
    loop {
        let graph = Rc::clone(graph);
        let download = Download::new(graph, file.clone(), link.clone(), Deadline::default(), false);
        let head = download.read_head(wanted).await?;
        let complete = head.bytes.len() as u64 >= head.file.size;
        match StreamFormat::sniff(leaf(&path), &head.bytes, complete, options) {
            Ok(format) => return Ok((format, head)),
            Err(FormatError::SampleTooSmall { .. }) if wanted < LARGER_SAMPLE => {
                wanted = LARGER_SAMPLE;
            }
            Err(error) => return Err(format_error(&path, &error)),
        }
    }
}

fn unsupported_format(path: &str) -> Error {
    let extension = extension(path);
    let message = if extension.is_empty() {
        format!("`{path}` has no extension, so its format is not known.")
    } else {
        format!("Files of type .{extension} cannot be read as a table by this version.")
    };
    Error::new(ErrorKind::UnsupportedFormat, message).hint(
        "CSV, TSV, JSON, Parquet and text files can be read; the table `files` lists every file.",
    )
}

/// An account without a drive, as opposed to a drive without the file.
fn has_no_drive(error: &Error) -> bool {
    error.message.contains("no OneDrive yet")
}

fn missing(path: &str, error: &Error) -> Error {
    let mut missing =
        Error::new(ErrorKind::NotFound, format!("There is no file `{path}` on the drive.")).hint(
            "Names are full paths from the drive's root; SELECT path FROM ….files lists them.",
        );
    missing.request_id.clone_from(&error.request_id);
    missing
}

fn readable(path: &str, item: &DriveItem) -> Result<()> {
    let refuse = |message: String| Err(Error::new(ErrorKind::UnsupportedFormat, message));
    if item.is_package() {
        return refuse(format!("`{path}` is a package such as a notebook, not a file."));
    }
    if item.is_folder() {
        let files = "SELECT path FROM ….files lists the files in it.";
        return refuse(format!("`{path}` is a folder, not a file.")).map_err(|e| e.hint(files));
    }
    if !item.is_file() {
        return refuse(format!("`{path}` is not a file of this drive."));
    }
    if item.is_malware() {
        return Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("`{path}` is flagged as malware, and OneDrive refuses its download."),
        ));
    }
    Ok(())
}

/// The path as asked for, with the last segment as the drive stores it.
fn stored_path(path: &str, item: &DriveItem) -> String {
    match path.rsplit_once('/') {
        _ if item.name.is_empty() => path.to_owned(),
        Some((folder, _)) => format!("{folder}/{}", item.name),
        None => item.name.clone(),
    }
}
