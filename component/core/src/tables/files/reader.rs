//! Reading the rows of `files`: listing, filtering as soon as each value is known, asking for owners
//! and fetching content of the rows that are left.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema, SchemaRef};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;

use super::FilesScan;
use super::column::Stage;
use super::row::{Row, array};
use crate::contract::ScanMetrics;
use crate::download::Download;
use crate::entries::{Entries, Entry, Lister, Wanted, anywhere};
use crate::error::{Error, ErrorKind, Result};
use crate::graph::Graph;
use crate::item::{Item, Kind};
use crate::owners;
use crate::ports::{LocalFuture, TimestampMs};
use crate::sender::Deadline;

/// Rows of a batch without content.
const BATCH_ROWS: usize = 1024;
/// A batch with content is closed at so many bytes.
const BATCH_BYTES: usize = 768 << 10;
/// Downloads in flight.
const DOWNLOADS: usize = 4;
/// Rows whose details are read at once, since they are spread over the segments.
const DETAILED: usize = 50_000;
/// Rows whose owners are asked for at once.
const OWNED: usize = 2_000;
/// How long one call asks for owners; hosts end it after some minutes.
const ASKED_MS: i64 = 500_000;
/// Sentences kept about single files.
const WARNINGS: usize = 20;

/// Reads the rows of `files`.
pub(crate) struct FilesReader {
    lister: Lister,
    scan: FilesScan,
    deadline: Deadline,
    entries: Option<Entries>,
    listed: bool,
    /// The drive that is being listed has come to its end; others may come.
    drive_listed: bool,
    /// Rows with details, whose owners may not be known yet.
    undecided: VecDeque<Row>,
    waiting: VecDeque<Row>,
    fetching: FuturesOrdered<LocalFuture<'static, Result<Row>>>,
    /// Rows that may still be begun before the limit is reached.
    left: u64,
    /// When the host asked for the batch that is being made.
    called_at: TimestampMs,
    schema: SchemaRef,
    rows: u64,
    warnings: Vec<String>,
}

impl FilesReader {
    pub(crate) fn new(lister: Lister, scan: FilesScan, deadline: Deadline) -> Self {
        let fields: Vec<Field> = scan.columns.iter().map(|column| column.field()).collect();
        let schema = Arc::new(Schema::new(fields));
        Self {
            left: scan.limit.unwrap_or(u64::MAX),
            called_at: 0,
            schema,
            lister,
            scan,
            deadline,
            entries: None,
            listed: false,
            drive_listed: false,
            undecided: VecDeque::new(),
            waiting: VecDeque::new(),
            fetching: FuturesOrdered::new(),
            rows: 0,
            warnings: Vec::new(),
        }
    }

    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        self.deadline.check(self.now())?;
        let rows = self.next_rows().await?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.rows += rows.len() as u64;
        self.batch(&rows).map(Some)
    }

    /// The rows of one batch; none at the end.
    async fn next_rows(&mut self) -> Result<Vec<Row>> {
        self.called_at = self.now();
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            self.begin_fetches();
            if let Some(row) = self.fetching.next().await {
                let mut row = row?;
                self.warn(row.warning.take());
                bytes += row.entry.path.len() + row.content.as_ref().map_or(0, Vec::len);
                rows.push(row);
            } else if self.listed || self.left == 0 || !rows.is_empty() {
                break;
            } else {
                self.list_on().await?;
            }
        }
        Ok(rows)
    }

    /// Keeps a few rows under way; without content they are ready at once.
    fn begin_fetches(&mut self) {
        let most = if self.scan.max_content.is_some() { DOWNLOADS } else { BATCH_ROWS };
        while self.left > 0
            && self.fetching.len() < most
            && let Some(row) = self.waiting.pop_front()
        {
            self.left -= 1;
            let fetched = self.scan.max_content.filter(|_| row.deleted_at.is_none());
            self.fetching.push_back(match fetched.filter(|_| row.entry.item.kind.is_file()) {
                None => Box::pin(async move { Ok(row) }),
                Some(limit) => {
                    let (graph, deadline) = (Rc::clone(&self.lister.graph), self.deadline);
                    Box::pin(async move { fetch(graph, row, limit, deadline).await })
                }
            });
        }
    }

    /// Lists as far as it takes for some rows to pass, or to the end.
    async fn list_on(&mut self) -> Result<()> {
        if !self.undecided.is_empty() {
            return self.decide().await;
        }
        let mut entries = match self.entries.take() {
            Some(entries) => entries,
            None => {
                // Filters may pass over most of the drive before a limit is reached.
                let few = self.scan.limit.is_some() && self.scan.filters.is_empty();
                let wanted = Wanted { folder: "", recursive: true, few, enters: anywhere() };
                self.lister.entries(&wanted, self.deadline).await?
            }
        };
        // Not before it is known that more rows are wanted.
        if std::mem::take(&mut self.drive_listed) && !entries.next_drive().await? {
            self.listed = true;
            return Ok(());
        }
        let needs_details = self.scan.needs_details();
        let enough = match (entries.lacks_details(), needs_details) {
            // Where details decide which rows there are, many have to be looked at.
            (true, true) if !self.scan.filters_from(Stage::Details) => {
                DETAILED.min(usize::try_from(self.left).unwrap_or(usize::MAX))
            }
            (true, true) => DETAILED,
            _ => 1,
        };
        let (mut rows, mut ended): (Vec<Row>, bool) = (Vec::new(), false);
        while rows.len() < enough {
            let Some(page) = entries.next_page().await? else {
                ended = true;
                break;
            };
            let shown = page.into_iter().filter(|entry| self.shows(entry.item.kind));
            let shown = shown.map(|entry| Row::new(entry, None));
            rows.extend(shown.filter(|row| self.scan.passes(row, Stage::Listed)));
        }
        if needs_details {
            entries.complete(rows.iter_mut().map(|row| &mut row.entry.item))?;
            // Where the drive was read anew meanwhile, an item may have become another.
            let stages = [Stage::Listed, Stage::Details];
            rows.retain(|row| stages.iter().all(|stage| self.scan.passes(row, *stage)));
        }
        self.undecided = rows.into();
        if ended && self.scan.deleted {
            self.list_deleted(&entries)?;
        }
        self.warn(entries.warnings.drain(..));
        self.drive_listed = ended;
        self.entries = Some(entries);
        Ok(())
    }

    fn now(&self) -> TimestampMs {
        self.lister.graph.sender.ports().clock.now()
    }

    /// Lets those of the next rows pass that do, once it is known who created them.
    async fn decide(&mut self) -> Result<()> {
        let asks = self.scan.owners && self.entries.as_ref().is_some_and(Entries::lacks_details);
        let rest = self.undecided.split_off(self.decided_at_once(asks));
        let mut rows = std::mem::replace(&mut self.undecided, rest);
        if asks {
            self.ask_for_owners(&mut rows).await?;
        }
        rows.retain(|row| self.scan.passes(row, Stage::Owner));
        // Nothing waits when more is listed.
        self.waiting = rows;
        Ok(())
    }

    /// Rows to be asked for together: not more than are wanted, but all of a folder.
    fn decided_at_once(&self, asks: bool) -> usize {
        let rows = &self.undecided;
        if !asks {
            return rows.len();
        }
        let folder = |row: &Row| row.entry.item.parent.clone();
        let last = rows.get(OWNED - 1).map(folder);
        let beyond = rows.iter().skip(OWNED).take_while(|row| last == Some(folder(row))).count();
        let together = rows.len().min(OWNED) + beyond;
        match self.scan.filters_from(Stage::Owner) {
            true => together,
            false => together.min(usize::try_from(self.left).unwrap_or(usize::MAX)),
        }
    }

    async fn ask_for_owners(&mut self, rows: &mut VecDeque<Row>) -> Result<()> {
        let Some(drive) = rows.front().map(|row| Rc::clone(&row.entry.drive)) else {
            return Ok(());
        };
        let longest = self.called_at.saturating_add(ASKED_MS);
        let until = Deadline(Some(self.deadline.0.map_or(longest, |end| end.min(longest))));
        let items = rows.iter_mut().map(|row| &mut row.entry.item);
        let mut items: Vec<&mut Item> = items.filter(|item| item.details.owner.is_none()).collect();
        let asked = owners::fill(&self.lister.graph, &drive, &mut items, until).await;
        let found = items.iter().map(|item| &**item).filter(|item| item.details.owner.is_some());
        if let Some(entries) = &mut self.entries {
            entries.supplement(&found.collect::<Vec<_>>());
        }
        asked.map_err(|error| match error.kind {
            ErrorKind::DeadlineExceeded => asks_for_too_long(),
            _ => error,
        })
    }

    fn warn(&mut self, warnings: impl IntoIterator<Item = String>) {
        for warning in warnings {
            if self.warnings.len() < WARNINGS && !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    fn shows(&self, kind: Kind) -> bool {
        let folder = kind.holds_items() || matches!(kind, Kind::Package | Kind::Shortcut);
        kind.is_file() || (folder && self.scan.folders)
    }

    fn list_deleted(&mut self, entries: &Entries) -> Result<()> {
        let Some(deleted) = entries.deleted()? else {
            let warning = match entries.shortcut() {
                None => {
                    "What was deleted is known only where the whole drive is followed.".to_owned()
                }
                Some(path) => format!(
                    "What was deleted in `{path}` is known only where its drive is followed, too."
                ),
            };
            self.warn([warning]);
            return Ok(());
        };
        for (entry, seen_at) in deleted {
            let row = Row::new(entry, Some(seen_at));
            let shown = self.shows(row.entry.item.kind);
            let stages = [Stage::Listed, Stage::Details, Stage::Owner];
            if shown && stages.iter().all(|stage| self.scan.passes(&row, *stage)) {
                self.waiting.push_back(row);
            }
        }
        Ok(())
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch> {
        let columns = self.scan.columns.iter().map(|column| array(rows, *column));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        let sent = self.lister.graph.sender.counters().metrics();
        ScanMetrics { rows: self.rows, warnings: self.warnings.clone(), ..sent }
    }
}

fn asks_for_too_long() -> Error {
    let message = "Who created the files takes longer to ask for than a statement may.";
    Error::new(ErrorKind::DeadlineExceeded, message)
        .hint("Run the statement again: it goes on from there. Or leave `owner` out.")
}

/// Fills a row's content. A file that cannot be had gets NULL and a warning;
/// what concerns the whole connection stays an error.
async fn fetch(graph: Rc<Graph>, mut row: Row, limit: u64, deadline: Deadline) -> Result<Row> {
    let Entry { path, item, .. } = &row.entry;
    let size = item.size.unwrap_or(0);
    if item.kind == Kind::Malware {
        row.warning = Some(format!("`{path}` is flagged as malware; its content was not fetched."));
        return Ok(row);
    }
    if size > limit {
        row.warning = Some(format!(
            "`{path}` has {size} bytes, more than max_content_bytes; its content was not fetched."
        ));
        return Ok(row);
    }
    let file = row.entry.file();
    let download = Download::new(graph, file, None, deadline, false);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    match download.read_head(wanted).await {
        Ok(head) if head.bytes.len() as u64 <= limit => row.content = Some(head.bytes.into()),
        Ok(_) => {
            row.warning = Some(format!("`{path}` is larger than max_content_bytes."));
        }
        Err(error) if matches!(error.kind, ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
            row.warning = Some(format!("The content of `{path}` cannot be had: {error}"));
        }
        Err(error) => return Err(error),
    }
    Ok(row)
}
