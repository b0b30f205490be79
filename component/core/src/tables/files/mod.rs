//! The system table `files`: one row per file of the drive; folders and deleted items on request.
//!
//! `content` is NULL unless the read option `content` is `fetch`; a field's
//! metadata tells the host so, which passes the option when a statement names
//! the column. Content is fetched only for rows that pass the filters, and details are read only
//! of rows that pass what can be told without them. The column `owner` is asked for in the same way,
//! where the drive's feed leaves it out; see [`crate::owners`].

mod column;
mod reader;
mod row;

use std::rc::Rc;

use arrow_schema::SchemaRef;
use serde::{Deserialize, Serialize};

pub(crate) use self::column::schema;
use self::column::{Column, Stage};
pub(crate) use self::reader::FilesReader;
use self::row::Row;
use crate::connection::Connection;
use crate::contract::{ColumnFilterSupport, Scan, ScanPlan, Split, Support};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::filter::Filter;
use crate::ipc::schema_message;
use crate::split::Work;
use crate::tables::positions;
use crate::tables::union::not_comparable;

/// The table's name.
pub(crate) const NAME: &str = "files";
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
