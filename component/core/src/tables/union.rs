//! Several files as one table: columns are joined by their names, whatever their order; a file that
//! lacks one gives NULL. Where types differ, the wider one stands, and text for all else.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::contract::{
    ColumnFilterSupport, Count, Scan, ScanMetrics, ScanPlan, Statistics, Support, estimate, exact,
};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Filter, Holds, Value};
use crate::ipc::{read_schema_message, schema_message};
use crate::split::{Planned, Work};
use crate::tables::parquet::ParquetTable;
use crate::tables::stream::{StreamTable, projected};
use crate::tables::widening::{widen, wider};
use crate::tables::{Source, positions};

/// The read option that adds the path of each row's file, and the column's name.
pub(crate) const FILENAME: &str = "filename";
/// For `describe`.
pub(crate) const FILENAME_DOC: &str = "`true` adds the column `filename` with the path of each row's file to a table of several files.";
/// Columns that a host takes.
const MOST_COLUMNS: usize = 10_000;
/// Bytes of a split that a host takes, and of all of a plan.
const LARGEST_SPLIT: usize = 60 << 10;
const LARGEST_PLAN: usize = 12 << 20;

/// One of the files.
pub(crate) enum Member {
    Stream(Box<StreamTable>),
    Parquet(Box<ParquetTable>),
}

impl Member {
    fn path(&self) -> &str {
        match self {
            Self::Stream(table) => table.name(),
            Self::Parquet(table) => table.name(),
        }
    }

    fn schema(&self) -> SchemaRef {
        match self {
            Self::Stream(table) => table.schema(),
            Self::Parquet(table) => table.schema(),
        }
    }

    fn is_untyped(&self, column: usize) -> bool {
        matches!(self, Self::Stream(table) if table.format.is_untyped(column))
    }

    /// Has its cells read as the table's types at once, where its format can: a value is not told
    /// in another way then, and one that comes late in a column without any is not left as text.
    fn retype(&mut self, joined: &Joined) {
        let names = self.names();
        let Self::Stream(table) = self else { return };
        let schema = table.schema();
        for (name, column) in names {
            let known = joined.by_name.get(&name).and_then(|at| joined.fields.get(*at));
            let Some(to) = known.map(Field::data_type) else { continue };
            let from = schema.field(column).data_type();
            // A day becomes its midnight only once it was read: no cell of an instant stands for it.
            let day = *from == DataType::Date32 && to.is_temporal();
            if from != to && !day {
                table.format.retype(column, to);
            }
        }
    }

    /// Which column has a name, in lower case; the first of several.
    fn names(&self) -> HashMap<String, usize> {
        let schema = self.schema();
        let names = schema.fields().iter().enumerate().rev();
        names.map(|(at, field)| (field.name().to_lowercase(), at)).collect()
    }

    fn statistics(&self) -> Statistics {
        match self {
            Self::Stream(table) => table.statistics(),
            Self::Parquet(table) => table.statistics(),
        }
    }

    fn planned(
        &self,
        columns: Vec<usize>,
        limit: Option<u64>,
        wished: u32,
    ) -> Result<Vec<Planned>> {
        match self {
            Self::Stream(table) => Ok(vec![table.planned(Some(columns), limit)]),
            Self::Parquet(table) => table.planned(Some(columns), limit, wished),
        }
    }
}

/// The table.
pub(crate) struct UnionTable {
    connection: Rc<Connection>,
    /// As it was asked for.
    name: String,
    members: Vec<Member>,
    schema: SchemaRef,
    /// Which column is the path.
    filename: Option<usize>,
    /// For people: how the files were opened, and what could not be listed.
    note: String,
    unlisted: Vec<String>,
}

impl UnionTable {
    pub(crate) fn new(
        connection: Rc<Connection>,
        name: String,
        mut members: Vec<Member>,
        filename: bool,
        note: String,
        unlisted: Vec<String>,
    ) -> Result<Self> {
        let mut joined = Joined::default();
        for member in &members {
            joined.take(member)?;
        }
        joined.settle();
        members.iter_mut().for_each(|member| member.retype(&joined));
        let mut fields = joined.fields;
        if filename {
            fields.retain(|field| !field.name().eq_ignore_ascii_case(FILENAME));
            fields.push(Field::new(FILENAME, DataType::Utf8, false));
        }
        if fields.len() > MOST_COLUMNS {
            let message = format!("The files of `{name}` have more than {MOST_COLUMNS} columns.");
            let error = Error::new(ErrorKind::TooLarge, message);
            return Err(error.hint("Match fewer files."));
        }
        let filename = filename.then(|| fields.len() - 1);
        let schema = Arc::new(Schema::new(fields));
        Ok(Self { connection, name, members, schema, filename, note, unlisted })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let sum = |of: fn(Statistics) -> Option<Count>| {
            let counts = self.members.iter().map(|member| of(member.statistics()));
            counts.into_iter().try_fold(0_u64, |sum, count| sum.checked_add(count?.value))
        };
        Statistics {
            rows: sum(|statistics| statistics.rows).map(exact),
            bytes: sum(|statistics| statistics.bytes).map(estimate),
        }
    }

    /// Files are left out by their path before anything of them is read.
    pub(crate) fn filter_support(&self) -> Vec<ColumnFilterSupport> {
        let column = self.filename.and_then(|at| u32::try_from(at).ok());
        let operators = || Holds::Text.operators().map(|o| (o, Support::Exact)).collect();
        column
            .map(|column| ColumnFilterSupport { column, operators: operators() })
            .into_iter()
            .collect()
    }

    pub(crate) fn plan(&self, scan: &Scan) -> Result<ScanPlan> {
        let projection = positions(scan.projection.as_deref());
        let schema = projected(&self.schema, projection.as_deref())?;
        let message = schema_message(&schema)?;
        let columns = projection.unwrap_or_else(|| (0..self.schema.fields().len()).collect());
        let of_path = |filter: &&_| self.filename == Some(usize_of(filter));
        let filters: Vec<Filter> = scan
            .filters
            .iter()
            .filter(of_path)
            .filter_map(|filter| Filter::new(filter, Holds::Text))
            .collect();
        // A predicate that was not taken over leaves the limit to the host.
        let limit = scan.limit.filter(|_| filters.len() == scan.filters.len());
        if filters.len() < scan.filters.iter().filter(of_path).count() {
            return Err(not_comparable(FILENAME));
        }
        let read: Vec<&Member> = self
            .members
            .iter()
            .filter(|member| filters.iter().all(|f| f.passes(Value::Text(member.path()))))
            .collect();
        let wished = scan.wished_splits / u32::try_from(read.len().max(1)).unwrap_or(u32::MAX);
        let mut planned = Vec::new();
        for member in &read {
            let (shape, inner) = self.shape(member, &columns, &message);
            for Planned { work, rows, bytes } in member.planned(inner, limit, wished.max(1))? {
                let (work, mut shape) = (Box::new(work), shape.clone());
                if planned.is_empty() {
                    shape.unlisted.clone_from(&self.unlisted);
                }
                planned.push(Planned { work: Work::Member { work, shape }, rows, bytes });
            }
        }
        let notes =
            vec![format!("{} of {} files", read.len(), self.members.len()), self.note.clone()];
        let splits = self.connection.seal_all(planned)?;
        let largest = splits.iter().map(|split| split.token.len()).max().unwrap_or(0);
        let all: usize = splits.iter().map(|split| split.token.len()).sum();
        if largest > LARGEST_SPLIT || all > LARGEST_PLAN {
            let message = format!(
                "A scan of {} columns of {} files is too large to be planned.",
                columns.len(),
                read.len()
            );
            let error = Error::new(ErrorKind::TooLarge, message);
            return Err(error.hint("Name the columns that are needed, or match fewer files."));
        }
        Ok(ScanPlan { schema: message, splits, notes })
    }

    /// What has to be made of a file's columns, and which of them are read.
    fn shape(&self, member: &Member, columns: &[usize], schema: &[u8]) -> (Shape, Vec<usize>) {
        let own: HashMap<String, usize> = member.names();
        let (mut inner, mut placed) = (Vec::new(), HashMap::new());
        let (path, schema) = (member.path().to_owned(), BASE64.encode(schema));
        let mut shape = Shape { path, schema, columns: Vec::new(), unlisted: Vec::new() };
        for at in columns {
            let found = own.get(&self.schema.field(*at).name().to_lowercase()).copied();
            let from = match found {
                _ if self.filename == Some(*at) => From::Path,
                None => From::Nothing,
                Some(found) => {
                    let place = placed.get(&found).copied();
                    From::Column(place.unwrap_or_else(|| {
                        inner.push(found);
                        placed.insert(found, inner.len() - 1);
                        inner.len() - 1
                    }))
                }
            };
            shape.columns.push(from);
        }
        (shape, inner)
    }
}

fn usize_of(filter: &crate::contract::Predicate) -> usize {
    filter.column as usize
}

/// The columns of all files so far, in the order they were first seen.
#[derive(Default)]
struct Joined {
    fields: Vec<Field>,
    by_name: HashMap<String, usize>,
}

impl Joined {
    fn take(&mut self, member: &Member) -> Result<()> {
        for (at, field) in member.schema().fields().iter().enumerate() {
            let data_type = if member.is_untyped(at) { &DataType::Null } else { field.data_type() };
            self.join(field.name(), data_type, member.path())?;
        }
        Ok(())
    }

    /// Columns without a value in any file are text.
    fn settle(&mut self) {
        for field in self.fields.iter_mut().filter(|field| field.data_type().is_null()) {
            field.set_data_type(DataType::Utf8);
        }
    }

    fn join(&mut self, name: &str, data_type: &DataType, path: &str) -> Result<()> {
        let Some(known) = self.by_name.get(&name.to_lowercase()) else {
            self.by_name.insert(name.to_lowercase(), self.fields.len());
            self.fields.push(Field::new(name, data_type.clone(), true));
            return Ok(());
        };
        let known = &mut self.fields[*known];
        let wider = wider(known.data_type(), data_type).ok_or_else(|| {
            let message = format!(
                "The column `{name}` of `{path}` holds {data_type}, and {} in other files.",
                known.data_type()
            );
            Error::new(ErrorKind::UnsupportedFormat, message)
                .hint("Read that file by itself, or fewer files at once.")
        })?;
        known.set_data_type(wider);
        Ok(())
    }
}

/// A predicate that was offered, with a value that cannot be compared.
pub(crate) fn not_comparable(column: &str) -> Error {
    let message = format!("The column `{column}` cannot be compared with a value of that type.");
    Error::new(ErrorKind::InvalidParams, message)
}

/// What is made of the columns of one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shape {
    path: String,
    /// The schema message of what is given, in base64.
    schema: String,
    columns: Vec<From>,
    /// What of the table could not be listed; told by its first split.
    unlisted: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum From {
    /// One of those that are read.
    Column(usize),
    Path,
    Nothing,
}

/// Reads one of the files in the table's shape.
pub(crate) struct ShapedReader {
    source: Source,
    shape: Shape,
    schema: SchemaRef,
}

impl ShapedReader {
    pub(crate) fn new(source: Source, shape: Shape) -> Result<Self> {
        let message = BASE64.decode(&shape.schema).ok();
        let schema = message.and_then(|message| read_schema_message(&message));
        let schema = schema.filter(|schema| schema.fields().len() == shape.columns.len());
        let schema = schema
            .ok_or_else(|| Error::new(ErrorKind::Internal, "A split does not tell its schema."))?;
        Ok(Self { source, shape, schema: Arc::new(schema) })
    }

    pub(crate) async fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = Box::pin(self.source.next_batch()).await? else { return Ok(None) };
        let rows = batch.num_rows();
        let fields = self.schema.fields().iter().zip(&self.shape.columns);
        let columns = fields.map(|(field, from)| -> Result<ArrayRef> {
            Ok(match from {
                From::Path => Arc::new(StringArray::from(vec![self.shape.path.as_str(); rows])),
                From::Nothing => new_null_array(field.data_type(), rows),
                From::Column(at) if batch.column(*at).data_type() == field.data_type() => {
                    Arc::clone(batch.column(*at))
                }
                // A file without rows has no types.
                From::Column(_) if rows == 0 => new_null_array(field.data_type(), 0),
                From::Column(at) => widen(batch.column(*at), field.data_type())
                    .ok_or_else(|| self.unfitting(field))?,
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
            .map(Some)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    fn unfitting(&self, field: &Field) -> Error {
        let message = format!(
            "`{}`: the column `{}` does not fit the type of the other files.",
            self.shape.path,
            field.name()
        );
        Error::new(ErrorKind::UnsupportedFormat, message)
    }

    pub(crate) fn metrics(&self) -> ScanMetrics {
        let mut metrics = self.source.metrics();
        for warning in &mut metrics.warnings {
            *warning = format!("`{}`: {warning}", self.shape.path);
        }
        metrics.warnings.extend(self.shape.unlisted.iter().cloned());
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_joined_by_name_in_the_order_they_are_first_seen() {
        let mut joined = Joined::default();
        for (name, data_type) in
            [("id", DataType::Int64), ("Name", DataType::Utf8), ("ID", DataType::Float64)]
        {
            joined.join(name, &data_type, "a.csv").unwrap();
        }
        let fields = joined.fields;
        let shown: Vec<_> =
            fields.iter().map(|f| format!("{} {}", f.name(), f.data_type())).collect();
        assert_eq!(shown, ["id Float64", "Name Utf8"]);
    }
}
