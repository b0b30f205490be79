//! The system table `files`: one row per file of the drive; folders and deleted items on request.
//!
//! `content` is NULL unless the read option `content` is `fetch`; a field's
//! metadata tells the host so, which passes the option when a statement names
//! the column. Content is fetched only for rows that pass the filters, and details are read only
//! of rows that pass what can be told without them. The column `owner` is asked for in the same way,
//! where the drive's feed leaves it out; see [`crate::owners`].

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::contract::{ColumnFilterSupport, Scan, ScanMetrics, ScanPlan, Split, Support};
use crate::download::Download;
use crate::entries::{Entries, Entry, Lister, Wanted, anywhere};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::filter::{Filter, Holds, Value};
use crate::graph::Graph;
use crate::ipc::schema_message;
use crate::item::{Item, Kind};
use crate::owners;
use crate::ports::{LocalFuture, TimestampMs};
use crate::sender::Deadline;
use crate::split::Work;
use crate::table_name::extension;
use crate::tables::positions;
use crate::tables::union::not_comparable;

/// The table's name.
pub(crate) const NAME: &str = "files";
/// Says which read option the host passes when the column is named.
const FETCH_WHEN_NAMED: &str = "platform:fetch-when-named";
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
const DEFAULT_MAX_CONTENT: u64 = 16 << 20;
/// What a host takes as one message at least.
const MOST_CONTENT: u64 = 48 << 20;

/// The read options of `files`, for `describe`: name, default, what it does.
pub(crate) const OPTIONS: [(&str, &str, &str); 5] = [
    ("content", "none", "`fetch` fills the column `content` of `files`; `none` leaves it NULL."),
    (
        "max_content_bytes",
        "16777216",
        "Files larger than this get NULL as `content` and a warning; at most 50331648.",
    ),
    (
        "owner",
        "known",
        "`fetch` asks for the `owner` of files where the drive's feed leaves it out; `known` tells \
         only what is known.",
    ),
    (
        "folders",
        "false",
        "`true` lists in `files` also folders, packages, and shortcuts that are not followed.",
    ),
    (
        "deleted",
        "false",
        "`true` lists in `files` also what was deleted lately, as far as the history of changes \
         reaches.",
    ),
];

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Column {
    Name,
    Path,
    Extension,
    Content,
    Id,
    Size,
    Modified,
    Created,
    ETag,
    MimeType,
    Hash,
    Owner,
    WebUrl,
    Shared,
    Type,
    DeletedAt,
}

impl Column {
    /// MindsDB's first, in its order; then ours.
    const ALL: [Self; 16] = [
        Self::Name,
        Self::Path,
        Self::Extension,
        Self::Content,
        Self::Id,
        Self::Size,
        Self::Modified,
        Self::Created,
        Self::ETag,
        Self::MimeType,
        Self::Hash,
        Self::Owner,
        Self::WebUrl,
        Self::Shared,
        Self::Type,
        Self::DeletedAt,
    ];

    fn field(self) -> Field {
        let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let text = |name| Field::new(name, DataType::Utf8, false);
        let optional = |name, data_type| Field::new(name, data_type, true);
        match self {
            Self::Name => text("name"),
            Self::Path => text("path"),
            Self::Extension => text("extension"),
            Self::Content => fetched(optional("content", DataType::Binary), "content=fetch"),
            Self::Id => text("id"),
            Self::Size => optional("size", DataType::Int64),
            Self::Modified => optional("modified", time()),
            Self::Created => optional("created", time()),
            Self::ETag => optional("etag", DataType::Utf8),
            Self::MimeType => optional("mime_type", DataType::Utf8),
            Self::Hash => optional("hash", DataType::Utf8),
            Self::Owner => fetched(optional("owner", DataType::Utf8), "owner=fetch"),
            Self::WebUrl => optional("web_url", DataType::Utf8),
            Self::Shared => optional("shared", DataType::Boolean),
            Self::Type => text("type"),
            Self::DeletedAt => optional("deleted_at", time()),
        }
    }

    /// What its predicates compare; none where they are left to the host.
    fn holds(self) -> Option<Holds> {
        match self.field().data_type() {
            DataType::Utf8 => Some(Holds::Text),
            DataType::Int64 | DataType::Timestamp(..) | DataType::Boolean => Some(Holds::Number),
            _ => None,
        }
    }

    /// When it is known.
    fn stage(self) -> Stage {
        match self {
            // Content is fetched by its version, which is a detail.
            Self::Content
            | Self::Created
            | Self::ETag
            | Self::MimeType
            | Self::Hash
            | Self::WebUrl
            | Self::Shared => Stage::Details,
            Self::Owner => Stage::Owner,
            _ => Stage::Listed,
        }
    }
}

/// When something of a row is known: each costs more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// As soon as it is listed.
    Listed,
    /// Once it was read from where the details are.
    Details,
    /// Once it was asked for, perhaps.
    Owner,
}

/// A column for which the host passes a read option when it is named.
fn fetched(field: Field, option: &str) -> Field {
    field.with_metadata(HashMap::from([(FETCH_WHEN_NAMED.to_owned(), option.to_owned())]))
}

/// The columns.
pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(Column::ALL.map(Column::field).to_vec()))
}

/// The table, with its options.
pub(crate) struct FilesTable {
    connection: Rc<Connection>,
    max_content: Option<u64>,
    owners: bool,
    folders: bool,
    deleted: bool,
}

impl FilesTable {
    pub(crate) fn new(connection: Rc<Connection>, options: &[(String, String)]) -> Result<Self> {
        let (mut fetch, mut limit) = (false, DEFAULT_MAX_CONTENT);
        let mut table =
            Self { connection, max_content: None, owners: false, folders: false, deleted: false };
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
                ("owner", "fetch") => table.owners = true,
                ("owner", "known") => table.owners = false,
                ("owner", _) => return Err(wrong("owner", "`fetch` or `known`")),
                ("folders", value) => table.folders = truth("folders", value)?,
                ("deleted", value) => table.deleted = truth("deleted", value)?,
                (other, _) => return Err(unknown(other)),
            }
        }
        table.max_content = fetch.then_some(limit);
        Ok(table)
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        schema()
    }

    pub(crate) fn filter_support(&self) -> Vec<ColumnFilterSupport> {
        let support = |(at, column): (usize, &Column)| {
            let operators = column.holds()?.operators().map(|o| (o, Support::Exact)).collect();
            Some(ColumnFilterSupport { column: u32::try_from(at).ok()?, operators })
        };
        Column::ALL.iter().enumerate().filter_map(support).collect()
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let filters: Vec<Filter> = scan
            .filters
            .iter()
            .filter_map(|predicate| {
                let column = Column::ALL.get(predicate.column as usize)?;
                let filter = Filter::new(predicate, column.holds()?);
                Some(filter.ok_or_else(|| not_comparable(column.field().name())))
            })
            .collect::<Result<_>>()?;
        // A predicate that was not taken over leaves the limit to the host.
        let limit = scan.limit.filter(|_| filters.len() == scan.filters.len());
        let positions = positions(scan.projection.as_deref());
        let positions = positions.unwrap_or_else(|| (0..Column::ALL.len()).collect());
        let projected = schema().project(&positions).map_err(|_| {
            Error::new(ErrorKind::InvalidParams, "A scan names a column that does not exist.")
        })?;
        let columns: Vec<Column> = positions.iter().map(|at| Column::ALL[*at]).collect();
        let max_content = self.max_content.filter(|_| columns.contains(&Column::Content));
        let mut notes = vec!["lists the drive".to_owned()];
        if let Some(limit) = max_content {
            notes.push(format!("fetches content of up to {limit} bytes a file"));
        }
        let (folders, deleted) = (self.folders, self.deleted);
        let mut scan =
            FilesScan { columns, filters, limit, max_content, owners: false, folders, deleted };
        if self.owners && scan.used().any(|column| column == Column::Owner) {
            scan.owners = true;
            notes.push("asks who created the files, where that is not known".to_owned());
        }
        let work = Work::Files(scan);
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

fn truth(option: &str, value: &str) -> Result<bool> {
    value.parse().map_err(|_| wrong(option, "`true` or `false`"))
}

fn unknown(option: &str) -> Error {
    let shown: String = option.chars().take(60).collect();
    let error =
        Error::new(ErrorKind::InvalidParams, format!("`files` has no read option `{shown}`."));
    let names = OPTIONS.map(|(name, ..)| name);
    match nearest(option, names) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")).candidates([near.to_owned()]),
        None => error.hint(format!("Its read options are {}.", names.join(", "))),
    }
}

/// What a split of `files` holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct FilesScan {
    columns: Vec<Column>,
    filters: Vec<Filter>,
    limit: Option<u64>,
    /// Present if content is to be fetched.
    max_content: Option<u64>,
    /// Whether owners are asked for where they are not known.
    owners: bool,
    folders: bool,
    deleted: bool,
}

impl FilesScan {
    /// Whether a row passes the filters of one stage.
    fn passes(&self, row: &Row, stage: Stage) -> bool {
        self.filters.iter().all(|filter| {
            let column = Column::ALL.get(filter.column).copied();
            column.is_none_or(|column| column.stage() != stage || filter.passes(row.value(column)))
        })
    }

    fn filtered(&self) -> impl Iterator<Item = Column> {
        self.filters.iter().filter_map(|filter| Column::ALL.get(filter.column).copied())
    }

    /// The columns that are told or filtered on.
    fn used(&self) -> impl Iterator<Item = Column> {
        self.columns.iter().copied().chain(self.filtered())
    }

    /// Whether there are filters of a stage, or of a later one.
    fn filters_from(&self, stage: Stage) -> bool {
        self.filtered().any(|column| column.stage() >= stage)
    }

    fn needs_details(&self) -> bool {
        // The column `content` alone is NULL without a fetch.
        self.used().any(|column| match column {
            Column::Content => self.max_content.is_some(),
            column => column.stage() > Stage::Listed,
        })
    }
}

/// One row; `content` once it was fetched.
struct Row {
    entry: Entry,
    extension: String,
    deleted_at: Option<TimestampMs>,
    content: Option<Vec<u8>>,
    warning: Option<String>,
}

impl Row {
    fn new(entry: Entry, deleted_at: Option<TimestampMs>) -> Self {
        let is_file = entry.item.kind.is_file();
        let extension = if is_file { extension(&entry.item.name) } else { String::new() };
        Self { entry, extension, deleted_at, content: None, warning: None }
    }

    fn value(&self, column: Column) -> Value<'_> {
        let Item { id, name, kind, size, modified, details, .. } = &self.entry.item;
        let time = |ms: Option<TimestampMs>| {
            ms.map_or(Value::Null, |ms| Value::Number(ms.saturating_mul(1000)))
        };
        match column {
            Column::Name => Value::Text(name),
            Column::Path => Value::Text(&self.entry.path),
            Column::Extension => Value::Text(&self.extension),
            Column::Content => Value::Null,
            Column::Id => Value::Text(id),
            Column::Size => number(size.and_then(|size| i64::try_from(size).ok())),
            Column::Modified => time(*modified),
            Column::Created => time(details.created),
            Column::ETag => nullable(details.e_tag.as_deref()),
            Column::MimeType => nullable(details.mime_type.as_deref()),
            Column::Hash => nullable(details.hash.as_deref()),
            Column::Owner => nullable(details.owner.as_deref().filter(|owner| !owner.is_empty())),
            Column::WebUrl => nullable(details.web_url.as_deref()),
            // What of a deleted item is not known is not told.
            Column::Shared => number(self.deleted_at.is_none().then(|| details.shared.into())),
            Column::Type => Value::Text(kind.name()),
            Column::DeletedAt => time(self.deleted_at),
        }
    }
}

fn nullable(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

fn number(value: Option<i64>) -> Value<'static> {
    value.map_or(Value::Null, Value::Number)
}

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

fn array(rows: &[Row], column: Column) -> ArrayRef {
    let number = |row: &Row| match row.value(column) {
        Value::Number(number) => Some(number),
        _ => None,
    };
    match column.field().data_type() {
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            rows.iter().for_each(|row| builder.append_option(row.content.as_deref()));
            Arc::new(builder.finish())
        }
        DataType::Int64 => {
            let mut builder = Int64Builder::new();
            rows.iter().for_each(|row| builder.append_option(number(row)));
            Arc::new(builder.finish())
        }
        DataType::Boolean => {
            let mut builder = BooleanBuilder::new();
            rows.iter().for_each(|row| builder.append_option(number(row).map(|truth| truth != 0)));
            Arc::new(builder.finish())
        }
        DataType::Timestamp(..) => {
            let mut builder = TimestampMicrosecondBuilder::new().with_timezone("UTC");
            rows.iter().for_each(|row| builder.append_option(number(row)));
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = StringBuilder::new();
            rows.iter().for_each(|row| match row.value(column) {
                Value::Text(text) => builder.append_value(text),
                _ => builder.append_null(),
            });
            Arc::new(builder.finish())
        }
    }
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
