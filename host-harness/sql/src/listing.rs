//! The rows of SHOW and DESCRIBE.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datasource_runtime::{
    Database, DatabaseEntry, ListRequest, ListScope, Listing, TableInfo, TableKind,
};
use futures_util::{StreamExt, stream};

use crate::answer::{Answer, RowStream};
use crate::error::SqlError;
use crate::scan_log::ScanLog;

/// A column with this metadata holds lines of text that make no sense in part: a table that is
/// narrowed to fit a terminal leaves it whole.
pub const NEVER_CUT: &str = "platform:never-cut";

/// A column of whole lines.
pub(crate) fn line(name: &str) -> Field {
    text(name, false).with_metadata([(NEVER_CUT.to_owned(), String::new())].into())
}

/// A column of points in time.
pub(crate) fn time(name: &str) -> Field {
    Field::new(name, timestamp(), false)
}

/// The tables of the host's own database.
pub(crate) fn system_tables(name: &str, doc: &str) -> Result<Answer, SqlError> {
    let schema = columns(vec![text("name", false), text("kind", false), text("description", true)]);
    let one = |text| texts([Some(text)].into_iter());
    whole(schema, vec![one(name), one("system"), one(doc)])
}

/// SHOW DATABASES: name, engine and time of creation.
pub(crate) fn databases(entries: &[DatabaseEntry]) -> Result<Answer, SqlError> {
    let schema = columns(vec![text("name", false), text("engine", false), time("created_at")]);
    whole(
        schema,
        vec![
            texts(entries.iter().map(|entry| Some(entry.name.as_str()))),
            texts(entries.iter().map(|entry| Some(entry.engine.as_str()))),
            timestamps(entries.iter().map(|entry| Some(entry.created_at))),
        ],
    )
}

/// One column of text, a row for each line.
pub(crate) fn lines(column: &str, lines: &[String]) -> Result<Answer, SqlError> {
    let schema = columns(vec![line(column)]);
    whole(schema, vec![texts(lines.iter().map(|line| Some(line.as_str())))])
}

/// DESCRIBE: the columns of a table.
pub(crate) fn table_columns(table: &SchemaRef) -> Result<Answer, SqlError> {
    let schema = columns(vec![
        text("column_name", false),
        text("data_type", false),
        Field::new("is_nullable", DataType::Boolean, false),
    ]);
    let fields = table.fields();
    let types: Vec<String> = fields.iter().map(|field| field.data_type().to_string()).collect();
    whole(
        schema,
        vec![
            texts(fields.iter().map(|field| Some(field.name().as_str()))),
            texts(types.iter().map(|name| Some(name.as_str()))),
            Arc::new(BooleanArray::from_iter(fields.iter().map(|field| Some(field.is_nullable())))),
        ],
    )
}

/// SHOW TABLES FROM: the connector's own tables first, then every file, page by page.
pub(crate) async fn tables(database: &Database) -> Result<Answer, SqlError> {
    let schema = columns(vec![
        text("name", false),
        text("kind", false),
        Field::new("bytes", DataType::Int64, true),
        Field::new("modified", timestamp(), true),
        text("description", true),
    ]);
    let system = database.system_tables().await?;
    let request = ListRequest { scope: ListScope::Tables, recursive: true, ..Default::default() };
    let listing = database.list_tables(request).await?;
    let pages = stream::once(async move { Ok(system) }).chain(pages(listing));
    let columns = Arc::clone(&schema);
    let batches = pages.map(move |page| table_rows(&columns, &page?));
    let stream = RowStream::new(batches, Arc::new(ScanLog::default()));
    Ok(Answer::Rows { schema, stream })
}

fn pages(listing: Listing) -> impl futures_util::Stream<Item = Result<Vec<TableInfo>, SqlError>> {
    stream::try_unfold(listing, |mut listing| async move {
        let page = listing.next_page().await?;
        Ok(page.map(|page| (without_system_tables(page), listing)))
    })
}

/// A connector may list its own tables among the others; they have been shown by then.
fn without_system_tables(mut page: Vec<TableInfo>) -> Vec<TableInfo> {
    page.retain(|table| table.kind != TableKind::System);
    page
}

fn table_rows(schema: &SchemaRef, page: &[TableInfo]) -> Result<RecordBatch, SqlError> {
    let sizes = page.iter().map(|table| table.bytes.and_then(|bytes| i64::try_from(bytes).ok()));
    batch(
        schema,
        vec![
            texts(page.iter().map(|table| Some(table.name.as_str()))),
            texts(page.iter().map(|table| Some(kind(table.kind)))),
            Arc::new(Int64Array::from_iter(sizes)),
            timestamps(page.iter().map(|table| table.modified)),
            texts(page.iter().map(|table| table.doc.as_deref())),
        ],
    )
}

fn kind(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Table => "table",
        TableKind::Folder => "folder",
        TableKind::System => "system",
        TableKind::Other => "other",
    }
}

pub(crate) fn columns(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

pub(crate) fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()))
}

pub(crate) fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

pub(crate) fn timestamps(values: impl Iterator<Item = Option<SystemTime>>) -> ArrayRef {
    let array: TimestampMillisecondArray = values.map(|time| time.and_then(millis)).collect();
    Arc::new(array.with_timezone("+00:00"))
}

fn millis(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).ok(),
        Err(before) => i64::try_from(before.duration().as_millis()).ok().map(|millis| -millis),
    }
}

pub(crate) fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch, SqlError> {
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| internal(&error))
}

pub(crate) fn whole(schema: SchemaRef, columns: Vec<ArrayRef>) -> Result<Answer, SqlError> {
    let rows = batch(&schema, columns)?;
    let batches = stream::once(async move { Ok(rows) });
    let stream = RowStream::new(batches, Arc::new(ScanLog::default()));
    Ok(Answer::Rows { schema, stream })
}

fn internal(error: &ArrowError) -> SqlError {
    SqlError::Internal { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_system_table_is_not_shown_twice() {
        let table = |name: &str, kind| TableInfo {
            name: name.into(),
            kind,
            bytes: None,
            modified: None,
            doc: None,
        };
        let page = vec![table("files", TableKind::System), table("a.csv", TableKind::Table)];
        let names: Vec<_> = without_system_tables(page).into_iter().map(|t| t.name).collect();
        assert_eq!(names, ["a.csv"]);
    }

    #[test]
    fn a_table_is_described_by_its_columns() {
        let Answer::Rows { schema, .. } = table_columns(&columns(vec![text("a", true)])).unwrap()
        else {
            panic!("rows expected")
        };
        assert_eq!(schema.field(0).name(), "column_name");
    }

    #[test]
    fn times_before_and_after_1970_are_kept() {
        assert_eq!(millis(UNIX_EPOCH + Duration::from_millis(1500)), Some(1500));
        assert_eq!(millis(UNIX_EPOCH - Duration::from_millis(1500)), Some(-1500));
    }
}
