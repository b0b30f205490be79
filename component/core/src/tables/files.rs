//! The system table `files`: one row per file of the drive.
//!
//! `content` is NULL unless the read option `content` is `fetch`; a field's
//! metadata tells the host so, which passes the option when a statement names
//! the column. Content is fetched only for rows that pass the filters.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::contract::{ColumnFilterSupport, Piece, Scan, ScanMetrics, ScanPlan, Split, Support};
use crate::download::{Download, FileRef, UNKNOWN_SIZE};
use crate::entries::{Entries, Entry, Wanted};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::filter::{TEXT_OPERATORS, TextFilter};
use crate::graph::Graph;
use crate::ipc::{Pieces, schema_message};
use crate::ports::LocalFuture;
use crate::record::Verified;
use crate::sender::{Counters, Deadline};
use crate::split::Work;
use crate::table_name::extension;
use crate::tables::positions;

/// The table's name.
pub(crate) const NAME: &str = "files";
/// Says which read option the host passes when the column is named.
const FETCH_WHEN_NAMED: &str = "platform:fetch-when-named";
const CONTENT: usize = 3;
/// Rows of a batch without content.
const BATCH_ROWS: usize = 1024;
/// A batch with content is closed at so many bytes.
const BATCH_BYTES: usize = 768 << 10;
/// Downloads in flight.
const DOWNLOADS: usize = 4;
/// Sentences kept about single files.
const WARNINGS: usize = 20;
const DEFAULT_MAX_CONTENT: u64 = 16 << 20;
/// What a host takes as one message at least.
const MOST_CONTENT: u64 = 48 << 20;

/// The read options of `files`, for `describe`.
pub(crate) const OPTIONS: [(&str, &str, &str); 2] = [
    ("content", "none", "`fetch` fills the column `content` of `files`; `none` leaves it NULL."),
    (
        "max_content_bytes",
        "16777216",
        "Files larger than this get NULL as `content` and a warning; at most 50331648.",
    ),
];

/// The columns.
pub(crate) fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, false);
    let metadata = HashMap::from([(FETCH_WHEN_NAMED.to_owned(), "content=fetch".to_owned())]);
    let content = Field::new("content", DataType::Binary, true).with_metadata(metadata);
    Arc::new(Schema::new(vec![text("name"), text("path"), text("extension"), content]))
}

/// The table, with its options.
pub(crate) struct FilesTable {
    connection: Rc<Connection>,
    max_content: Option<u64>,
}

impl FilesTable {
    pub(crate) fn new(connection: Rc<Connection>, options: &[(String, String)]) -> Result<Self> {
        let (mut fetch, mut limit) = (false, DEFAULT_MAX_CONTENT);
        for (name, value) in options {
            match (name.as_str(), value.as_str()) {
                ("content", "fetch") => fetch = true,
                ("content", "none") => fetch = false,
                ("content", _) => return Err(wrong("content", "`fetch` or `none`")),
                ("max_content_bytes", value) => {
                    limit = value
                        .parse()
                        .ok()
                        .filter(|limit| *limit <= MOST_CONTENT)
                        .ok_or_else(|| wrong("max_content_bytes", "a number up to 50331648"))?;
                }
                (other, _) => return Err(unknown(other)),
            }
        }
        Ok(Self { connection, max_content: fetch.then_some(limit) })
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        schema()
    }

    pub(crate) fn filter_support(&self) -> Vec<ColumnFilterSupport> {
        let operators: Vec<_> = TEXT_OPERATORS.iter().map(|o| (*o, Support::Exact)).collect();
        (0..3).map(|column| ColumnFilterSupport { column, operators: operators.clone() }).collect()
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let texts = scan.filters.iter().filter(|filter| (filter.column as usize) < CONTENT);
        let filters: Vec<TextFilter> = texts.filter_map(TextFilter::new).collect();
        // A predicate that was not taken over leaves the limit to the host.
        let limit = scan.limit.filter(|_| filters.len() == scan.filters.len());
        let projection = positions(scan.projection.as_deref());
        let columns = projection.clone().unwrap_or_else(|| (0..schema().fields().len()).collect());
        let projected = schema().project(&columns).map_err(|_| {
            Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
        })?;
        let max_content = self.max_content.filter(|_| columns.contains(&CONTENT));
        let mut notes = vec!["lists the drive".to_owned()];
        if let Some(limit) = max_content {
            notes.push(format!("fetches content of up to {limit} bytes a file"));
        }
        let work = Work::Files(FilesScan { columns, filters, limit, max_content });
        let split = Split { token: self.connection.seal(work)?, rows: None, bytes: None };
        Ok(ScanPlan { schema: schema_message(&projected)?, splits: vec![split], notes })
    }
}

fn wrong(option: &str, expected: &str) -> Error {
    Error::new(
        ErrorKind::InvalidParams,
        format!("The read option `{option}` has to be {expected}."),
    )
}

fn unknown(option: &str) -> Error {
    let shown: String = option.chars().take(60).collect();
    let error =
        Error::new(ErrorKind::InvalidParams, format!("`files` has no read option `{shown}`."));
    match nearest(option, OPTIONS.iter().map(|(name, ..)| *name)) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")).candidates([near.to_owned()]),
        None => error.hint("Its read options are `content` and `max_content_bytes`."),
    }
}

/// What a split of `files` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct FilesScan {
    columns: Vec<usize>,
    filters: Vec<TextFilter>,
    limit: Option<u64>,
    /// Present if content is to be fetched.
    max_content: Option<u64>,
}

/// One row; `content` once it was fetched.
struct Row {
    name: String,
    path: String,
    extension: String,
    content: Option<Vec<u8>>,
    warning: Option<String>,
}

impl Row {
    fn text(&self, column: usize) -> &str {
        match column {
            0 => &self.name,
            1 => &self.path,
            _ => &self.extension,
        }
    }
}

/// Reads the rows of `files`.
pub(crate) struct FilesReader {
    graph: Rc<Graph>,
    verified: Verified,
    scan: FilesScan,
    deadline: Deadline,
    walk: Option<Entries>,
    walked: bool,
    waiting: VecDeque<(Row, Entry)>,
    fetching: FuturesOrdered<LocalFuture<'static, Result<Row>>>,
    /// Rows that may still be begun before the limit is reached.
    left: u64,
    pieces: Pieces,
    schema: SchemaRef,
    rows: u64,
    warnings: Vec<String>,
}

impl FilesReader {
    pub(crate) fn new(
        graph: Rc<Graph>,
        verified: Verified,
        scan: FilesScan,
        deadline: Deadline,
    ) -> Result<Self> {
        let schema = schema().project(&scan.columns).map_err(|_| {
            Error::new(ErrorKind::Internal, "A split names a column that does not exist.")
        })?;
        let schema = Arc::new(schema);
        Ok(Self {
            left: scan.limit.unwrap_or(u64::MAX),
            pieces: Pieces::new(&schema)?,
            schema,
            graph,
            verified,
            scan,
            deadline,
            walk: None,
            walked: false,
            waiting: VecDeque::new(),
            fetching: FuturesOrdered::new(),
            rows: 0,
            warnings: Vec::new(),
        })
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some(piece) = self.pieces.pop() {
                return Ok(Some(piece));
            }
            self.deadline.check(self.graph.sender.ports().clock.now())?;
            let rows = self.next_rows().await?;
            if rows.is_empty() {
                return Ok(None);
            }
            self.rows += rows.len() as u64;
            let batch = self.batch(&rows)?;
            self.pieces.push(&batch)?;
        }
    }

    /// The rows of one batch; none at the end.
    async fn next_rows(&mut self) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            self.begin_fetches();
            if let Some(row) = self.fetching.next().await {
                let mut row = row?;
                if let Some(warning) = row.warning.take().filter(|_| self.warnings.len() < WARNINGS)
                {
                    self.warnings.push(warning);
                }
                bytes += row.path.len() + row.content.as_ref().map_or(0, Vec::len);
                rows.push(row);
            } else if self.walked || self.left == 0 || !rows.is_empty() {
                break;
            } else {
                self.walk_on().await?;
            }
        }
        Ok(rows)
    }

    /// Keeps a few rows under way; without content they are ready at once.
    fn begin_fetches(&mut self) {
        let most = if self.scan.max_content.is_some() { DOWNLOADS } else { BATCH_ROWS };
        while self.left > 0
            && self.fetching.len() < most
            && let Some((row, entry)) = self.waiting.pop_front()
        {
            self.left -= 1;
            self.fetching.push_back(match self.scan.max_content {
                None => Box::pin(async move { Ok(row) }),
                Some(limit) => {
                    let (graph, deadline) = (Rc::clone(&self.graph), self.deadline);
                    Box::pin(async move { fetch(graph, row, entry, limit, deadline).await })
                }
            });
        }
    }

    async fn walk_on(&mut self) -> Result<()> {
        let walk = match &mut self.walk {
            Some(walk) => walk,
            None => {
                let graph = Rc::clone(&self.graph);
                // Filters may pass over most of the drive before a limit is reached.
                let few = self.scan.limit.is_some() && self.scan.filters.is_empty();
                let wanted = Wanted { folder: "", recursive: true, few };
                let walk = Entries::start(graph, &self.verified, &wanted, self.deadline).await?;
                self.walk.insert(walk)
            }
        };
        let Some(page) = walk.next_page().await? else {
            self.walked = true;
            return Ok(());
        };
        let filters = &self.scan.filters;
        let rows = page.into_iter().filter(|entry| entry.item.is_file()).map(|entry| {
            let (name, path) = (entry.item.name.clone(), entry.path.clone());
            let extension = extension(&name);
            (Row { name, path, extension, content: None, warning: None }, entry)
        });
        let passes = |row: &Row| filters.iter().all(|f| f.passes(row.text(f.column)));
        self.waiting.extend(rows.filter(|(row, _)| passes(row)));
        Ok(())
    }

    fn batch(&self, rows: &[Row]) -> Result<RecordBatch> {
        let columns = self.scan.columns.iter().map(|column| -> ArrayRef {
            if *column == CONTENT {
                let mut builder = BinaryBuilder::new();
                rows.iter().for_each(|row| builder.append_option(row.content.as_deref()));
                Arc::new(builder.finish())
            } else {
                let mut builder = StringBuilder::new();
                rows.iter().for_each(|row| builder.append_value(row.text(*column)));
                Arc::new(builder.finish())
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns.collect(), &options)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        let counters: &Counters = self.graph.sender.counters();
        ScanMetrics {
            requests: counters.requests.get(),
            bytes: counters.bytes.get(),
            retries: counters.retries.get(),
            throttled: counters.throttled.get(),
            rows: self.rows,
            nulled_cells: 0,
            warnings: self.warnings.clone(),
        }
    }
}

/// Fills a row's content. A file that cannot be had gets NULL and a warning;
/// what concerns the whole connection stays an error.
async fn fetch(
    graph: Rc<Graph>,
    mut row: Row,
    entry: Entry,
    limit: u64,
    deadline: Deadline,
) -> Result<Row> {
    let size = entry.item.size().unwrap_or(0);
    if entry.item.is_malware() {
        row.warning =
            Some(format!("`{}` is flagged as malware; its content was not fetched.", row.path));
        return Ok(row);
    }
    if size > limit {
        row.warning = Some(format!(
            "`{}` has {size} bytes, more than max_content_bytes; its content was not fetched.",
            row.path
        ));
        return Ok(row);
    }
    let file = FileRef {
        drive: entry.drive.to_string(),
        item: entry.item.id.clone(),
        path: row.path.clone(),
        c_tag: entry.item.c_tag.clone(),
        size: entry.item.size().unwrap_or(UNKNOWN_SIZE),
        e_tag: None,
        measured: false,
    };
    let download = Download::new(graph, file, None, deadline, false);
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    match download.read_head(wanted).await {
        Ok(head) if head.bytes.len() as u64 <= limit => row.content = Some(head.bytes.to_vec()),
        Ok(_) => {
            row.warning = Some(format!("`{}` is larger than max_content_bytes.", row.path));
        }
        Err(error) if matches!(error.kind, ErrorKind::PermissionDenied | ErrorKind::NotFound) => {
            row.warning = Some(format!("The content of `{}` cannot be had: {error}", row.path));
        }
        Err(error) => return Err(error),
    }
    Ok(row)
}
