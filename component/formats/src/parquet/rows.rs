//! The rows of one row group, as batches of a bounded size.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, SchemaRef};
use bytes::Bytes;

use super::arrays::Assembly;
use super::chunk::{Appetite, Chunk};
use super::codec::{Codec, SharedZstd};
use super::column::{ColumnReader, Filled};
use super::corrupt;
use super::file::{ParquetFile, distinct};
use super::schema::Columns;
use crate::{BatchSize, FormatError};

/// Bytes on their way or waiting to be decoded, of all columns together, about.
const AHEAD: u64 = 24 << 20;
/// And of one column.
const WINDOWS: std::ops::RangeInclusive<u64> = 32 << 10..=8 << 20;
/// Bytes of all columns in memory, on their way into rows; hosts give a connector 256 MiB.
const MEMORY: usize = 160 << 20;
/// The first bytes of a column of which a few rows are wanted.
const SIP: u64 = 64 << 10;
/// Bytes between two ranges that are cheaper to fetch than to ask around.
const GAP: u64 = 64 << 10;
/// Ranges are not put together to more than this.
const LONGEST: u64 = 8 << 20;

/// Reads one row group.
///
/// A caller alternates: [`wants`](Self::wants) says which bytes to fetch, [`give`](Self::give)
/// takes them in any order, [`next`](Self::next) makes a batch of them as soon as it can. Ranges
/// are wanted ahead of the decoder, so a caller that fetches them meanwhile never waits for long.
pub struct RowGroupReader {
    columns: Arc<Columns>,
    schema: SchemaRef,
    /// The columns to read, each once, and which of them each column of a batch is.
    read: Vec<usize>,
    order: Vec<usize>,
    readers: Vec<ColumnReader>,
    rows_left: u64,
    /// Whether rows after the last wanted one are left unread.
    limited: bool,
    /// Rows to decode at once, and the bytes that each column may hold meanwhile.
    rows: usize,
    budget: usize,
    batch: BatchSize,
    /// Batches that are decoded and cut, but not yet given.
    ready: VecDeque<RecordBatch>,
    nulled: BTreeMap<String, u64>,
}

/// What reading on comes to.
#[derive(Debug)]
pub enum Step {
    /// The next rows.
    Batch(RecordBatch),
    /// Bytes that were wanted have to be given first.
    NeedsBytes,
    /// There are no more rows.
    Done,
}

impl RowGroupReader {
    /// A reader of these columns of a row group, in the order of `projection`; of the first `limit`
    /// rows if there is one.
    ///
    /// # Errors
    ///
    /// A column or row group that is not there, or a codec that is not read.
    pub fn new(
        file: &ParquetFile,
        group: usize,
        projection: Option<&[usize]>,
        limit: Option<u64>,
        batch: BatchSize,
    ) -> Result<Self, FormatError> {
        let rows = file.row_groups().get(group).map_or(0, |group| group.rows);
        let limit = limit.filter(|limit| *limit < rows);
        let projection = file.projected(projection)?;
        let read = distinct(&projection);
        let chunks = file.chunks(&read, group)?;
        let columns = file.columns.clone();
        let appetite = match limit {
            Some(_) => Appetite::Sip(SIP),
            None => {
                let share = AHEAD / chunks.len().max(1) as u64;
                Appetite::Window(share.clamp(*WINDOWS.start(), *WINDOWS.end()))
            }
        };
        let bytes = chunks.iter().fold(0, |sum: u64, (_, c)| sum.saturating_add(c.uncompressed));
        let widths = chunks.iter().map(|(leaf, _)| columns.leaves[*leaf].physical.room() as u64);
        let each = (bytes / rows.max(1)).max(widths.sum()).max(1);
        let zstd = SharedZstd::default();
        let readers = chunks.into_iter().map(|(leaf, chunk)| {
            let bytes = Chunk::new(chunk.range.clone(), appetite);
            let shape = &columns.leaves[leaf];
            let codec = Codec::new(chunk.codec, &zstd)?;
            Ok(ColumnReader::new(leaf, shape, codec, chunk.values, bytes, file.largest_page))
        });
        let readers = readers.collect::<Result<Vec<_>, FormatError>>()?;
        let order = projection.iter().map(|column| read.partition_point(|other| other < column));
        let schema = columns.schema.project(&projection).map_err(unbuilt)?;
        Ok(Self {
            schema: Arc::new(schema),
            order: order.collect(),
            read,
            budget: (4 * batch.bytes / readers.len().max(1))
                .clamp(4 << 10, batch.bytes.max(4 << 10)),
            readers,
            rows_left: limit.unwrap_or(rows),
            limited: limit.is_some(),
            rows: rows_at_once(each, batch),
            batch,
            ready: VecDeque::new(),
            nulled: BTreeMap::new(),
            columns,
        })
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Values that became NULL because they cannot be what their column is, by its name.
    pub fn nulled(&self) -> impl Iterator<Item = (&str, u64)> {
        self.nulled.iter().map(|(column, count)| (column.as_str(), *count))
    }

    /// The ranges to fetch now, ascending and apart; each is named once.
    pub fn wants(&mut self) -> Vec<Range<u64>> {
        if self.rows_left == 0 {
            return Vec::new();
        }
        let wants = self.readers.iter_mut().filter_map(|reader| reader.chunk().want());
        coalesced(wants.collect())
    }

    /// Whether all that will be wanted was named.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.rows_left == 0 || self.readers.iter().all(ColumnReader::is_asked)
    }

    /// Takes the bytes of a range, or some of them.
    pub fn give(&mut self, offset: u64, bytes: &Bytes) {
        for reader in &mut self.readers {
            reader.chunk().give(offset, bytes);
        }
    }

    /// Reads on.
    ///
    /// # Errors
    ///
    /// What is damaged, or larger than may be held. There is nothing to read after an error.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot ask for bytes")]
    pub fn next(&mut self) -> Result<Step, FormatError> {
        let step = self.step();
        if step.is_err() {
            self.rows_left = 0;
            self.ready.clear();
            self.readers.clear();
        }
        step
    }

    fn step(&mut self) -> Result<Step, FormatError> {
        if let Some(batch) = self.ready.pop_front() {
            return Ok(Step::Batch(batch));
        }
        if self.rows_left == 0 {
            let more = !self.limited && self.readers.iter().any(ColumnReader::has_more);
            return if more {
                Err(corrupt("a row group has more rows than it says"))
            } else {
                Ok(Step::Done)
            };
        }
        let wanted = usize::try_from(self.rows_left).unwrap_or(usize::MAX).min(self.rows);
        if self.readers.is_empty() {
            self.rows_left -= wanted as u64;
            return self.count(wanted).map(Step::Batch);
        }
        let Some(rows) = self.fill(wanted)? else { return Ok(Step::NeedsBytes) };
        self.rows_left -= rows as u64;
        let columns = self.take(rows)?;
        let columns = self.order.iter().map(|place| columns[*place].clone()).collect();
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        self.cut(batch.map_err(|error| corrupt(error.to_string()))?);
        self.step()
    }

    /// Reads ahead in all columns; how many rows all of them have, or nothing if bytes are missing.
    fn fill(&mut self, wanted: usize) -> Result<Option<usize>, FormatError> {
        let (mut rows, mut missing) = (wanted, false);
        let mut memory: usize = self.readers.iter().map(ColumnReader::memory).sum();
        for reader in &mut self.readers {
            let shape = &self.columns.leaves[reader.leaf()];
            let before = reader.memory();
            let room = MEMORY.saturating_sub(memory);
            let filled = reader.fill(shape, wanted, self.budget, room);
            let filled = filled.map_err(|error| in_column(&self.columns, reader.leaf(), error))?;
            memory = (memory + reader.memory()).saturating_sub(before);
            missing |= filled == Filled::Missing;
            rows = rows.min(reader.rows(shape));
        }
        match (missing, rows) {
            (true, _) => Ok(None),
            (false, 0) => Err(corrupt("a row group has fewer rows than it says")),
            (false, rows) => Ok(Some(rows)),
        }
    }

    /// The next rows of each column that is read.
    fn take(&mut self, rows: usize) -> Result<Vec<ArrayRef>, FormatError> {
        let mut readers = self.readers.iter_mut();
        let mut columns = Vec::with_capacity(self.read.len());
        for column in &self.read {
            let node = &self.columns.nodes[*column];
            let read = readers.by_ref().take(node.leaves());
            let read = read.map(|reader| reader.take(&self.columns.leaves[reader.leaf()], rows));
            let mut assembly =
                Assembly::new(&self.columns.leaves, node.first_leaf(), read.collect());
            let array = assembly.column(node);
            columns.push(array.map_err(|e| in_column(&self.columns, node.first_leaf(), e))?);
            if assembly.nulled > 0 {
                let name = self.columns.schema.field(*column).name();
                *self.nulled.entry(name.clone()).or_default() += assembly.nulled;
            }
        }
        Ok(columns)
    }

    /// A batch without columns.
    fn count(&self, rows: usize) -> Result<RecordBatch, FormatError> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.schema.clone(), Vec::new(), &options)
            .map_err(unbuilt)
    }

    /// Cuts a batch where it is too large.
    fn cut(&mut self, batch: RecordBatch) {
        let mut uncut = vec![batch];
        while let Some(batch) = uncut.pop() {
            let (rows, bytes) = (batch.num_rows(), size(&batch));
            if bytes <= self.batch.bytes || rows <= 1 {
                self.ready.push_back(batch);
                continue;
            }
            // In as many pieces as its size asks for; where rows are uneven, these again.
            let step = rows.div_ceil(bytes.div_ceil(self.batch.bytes.max(1))).clamp(1, rows - 1);
            let starts = (0..rows).step_by(step).rev();
            uncut.extend(starts.map(|start| batch.slice(start, step.min(rows - start))));
        }
    }
}

fn unbuilt(error: ArrowError) -> FormatError {
    FormatError::Batch(error.to_string())
}

/// Says in which column something is damaged.
fn in_column(columns: &Columns, leaf: usize, error: FormatError) -> FormatError {
    let FormatError::Corrupt { reason } = error else { return error };
    let place = columns.nodes.partition_point(|node| node.first_leaf() <= leaf).saturating_sub(1);
    corrupt(format!("in column `{}`, {reason}", columns.schema.field(place).name()))
}

/// How many rows of about so many bytes to decode at once. The sizes in the footer are those of
/// encoded values, which may be smaller than the values: what comes out too large is cut afterwards.
fn rows_at_once(each: u64, batch: BatchSize) -> usize {
    let fitting = usize::try_from(batch.bytes as u64 / each).unwrap_or(usize::MAX);
    fitting.clamp(1, batch.rows.max(1))
}

/// The bytes of a batch as they are sent.
fn size(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| array_size(column)).sum()
}

/// The bytes of an array. Arrow counts all elements of a list's array, however few a slice has.
fn array_size(array: &dyn Array) -> usize {
    if let Some(list) = array.as_list_opt::<i32>() {
        let (first, last) = (list.value_offsets()[0], list.value_offsets()[list.len()]);
        let elements = list.values().slice(first as usize, (last - first) as usize);
        return 4 * list.len() + array_size(&elements);
    }
    if let Some(structure) = array.as_struct_opt() {
        return structure.columns().iter().map(|column| array_size(column)).sum();
    }
    let data = array.to_data();
    data.get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size())
}

/// Ranges put together where the gap between them is small.
fn coalesced(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut runs: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match runs.last_mut() {
            Some(run)
                if range.start < run.end.saturating_add(GAP)
                    && range.end.max(run.end) - run.start <= LONGEST =>
            {
                run.end = run.end.max(range.end);
            }
            _ => runs.push(range),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::{GAP, LONGEST, coalesced};

    #[test]
    fn small_gaps_are_fetched_and_large_ones_are_not() {
        let near = coalesced(vec![10 + GAP - 1..GAP + 20, 0..10, 5..5]);
        assert_eq!((near.len(), near[0].clone()), (1, 0..GAP + 20));
        assert_eq!(coalesced(vec![0..10, 10 + GAP..GAP + 20]), [0..10, 10 + GAP..GAP + 20]);
        assert_eq!(coalesced(vec![0..9, 9..LONGEST + 1]), [0..9, 9..LONGEST + 1]);
    }
}
