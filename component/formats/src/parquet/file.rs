//! An opened file: its schema, its row groups, and where their column chunks are.

use std::ops::Range;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::corrupt;
use super::footer::{self, Tail};
use super::metadata::{self, ChunkMetadata, Metadata};
use super::options::ParquetOptions;
use super::schema::Columns;
use super::thrift::Broken;
use crate::FormatError;

/// What opening a file comes to.
#[derive(Debug)]
pub enum Opened {
    /// The file.
    File(ParquetFile),
    /// The footer begins at this offset, before the bytes that were given: give the bytes from
    /// there to the end.
    NeedsFrom(u64),
}

/// A row group, as the footer describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Its rows.
    pub rows: u64,
    /// The compressed bytes of all its column chunks.
    pub bytes: u64,
}

/// A Parquet file of which the footer is known. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ParquetFile {
    pub(super) columns: Arc<Columns>,
    pub(super) largest_page: u64,
    chunks: Arc<[Vec<Chunk>]>,
    row_groups: Arc<[RowGroup]>,
    footer: Range<u64>,
}

/// A column chunk of which the numbers make sense.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) range: Range<u64>,
    pub(super) codec: i32,
    pub(super) values: u64,
    pub(super) uncompressed: u64,
}

impl ParquetFile {
    /// Opens a file of `size` bytes from its last bytes. 64 KiB are nearly always enough; too few
    /// are answered with [`Opened::NeedsFrom`].
    ///
    /// # Errors
    ///
    /// What is no Parquet, encrypted, damaged, or has what is not read.
    pub fn open(size: u64, tail: &[u8], options: &ParquetOptions) -> Result<Opened, FormatError> {
        let (bytes, footer) = match footer::locate(size, tail)? {
            Tail::Footer(bytes, range) => (bytes, range),
            Tail::NeedsFrom(offset) => return Ok(Opened::NeedsFrom(offset)),
        };
        let metadata = Metadata::read(bytes).map_err(|broken| match broken {
            Broken::Short => corrupt("its footer breaks off or holds a count that is too large"),
            Broken::Wrong(what) => corrupt(format!("in its footer, {what}")),
        })?;
        if metadata.encrypted || metadata.groups.iter().any(metadata::Group::is_encrypted) {
            return Err(FormatError::Encrypted);
        }
        let columns = Arc::new(Columns::new(&metadata.elements)?);
        let (chunks, row_groups) = check(&metadata, columns.leaves.len(), footer.start)?;
        let largest_page = options.max_page_bytes;
        Ok(Opened::File(Self { columns, largest_page, chunks, row_groups, footer }))
    }

    /// The columns, without dictionaries and views: a text is `Utf8`, whatever wrote it.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.columns.schema.clone()
    }

    /// The rows of the file.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.row_groups.iter().map(|group| group.rows).sum()
    }

    /// The row groups, in their order.
    #[must_use]
    pub fn row_groups(&self) -> &[RowGroup] {
        &self.row_groups
    }

    /// Where footer and trailer are: another instance opens the file from exactly these bytes.
    #[must_use]
    pub fn footer(&self) -> Range<u64> {
        self.footer.clone()
    }

    /// The compressed bytes of these columns of a row group; of all where none are named.
    ///
    /// # Errors
    ///
    /// A column or row group that is not there.
    pub fn bytes(&self, projection: Option<&[usize]>, group: usize) -> Result<u64, FormatError> {
        let columns = distinct(&self.projected(projection)?);
        let chunks = self.chunks(&columns, group)?;
        Ok(chunks.iter().map(|(_, chunk)| chunk.range.end - chunk.range.start).sum())
    }

    /// The columns asked for, each checked; all of them where nothing is said.
    pub(super) fn projected(
        &self,
        projection: Option<&[usize]>,
    ) -> Result<Vec<usize>, FormatError> {
        let columns = self.columns.nodes.len();
        let Some(projection) = projection else { return Ok((0..columns).collect()) };
        match projection.iter().find(|column| **column >= columns) {
            Some(column) => Err(FormatError::NoSuchColumn { column: column.to_string(), columns }),
            None => Ok(projection.to_vec()),
        }
    }

    /// The leaves of these columns, which ascend, and their chunks.
    pub(super) fn chunks(
        &self,
        columns: &[usize],
        group: usize,
    ) -> Result<Vec<(usize, &Chunk)>, FormatError> {
        let groups = self.chunks.len();
        let chunks = self.chunks.get(group).ok_or_else(|| {
            corrupt(format!("it has {groups} row groups and none of number {group}"))
        })?;
        let leaves = columns.iter().flat_map(|column| {
            let node = &self.columns.nodes[*column];
            node.first_leaf()..node.first_leaf() + node.leaves()
        });
        Ok(leaves.map(|leaf| (leaf, &chunks[leaf])).collect())
    }
}

/// Columns in their order, each once.
pub(super) fn distinct(columns: &[usize]) -> Vec<usize> {
    let mut columns = columns.to_vec();
    columns.sort_unstable();
    columns.dedup();
    columns
}

type Checked = (Arc<[Vec<Chunk>]>, Arc<[RowGroup]>);

/// Checks every count and offset of the row groups.
fn check(metadata: &Metadata, leaves: usize, end: u64) -> Result<Checked, FormatError> {
    let mut total = 0_u64;
    let (mut chunks, mut groups) = (Vec::new(), Vec::new());
    for group in &metadata.groups {
        if group.chunks.len() != leaves {
            return Err(corrupt("a row group has not as many columns as the schema"));
        }
        let checked = group.chunks.iter().map(|chunk| Chunk::new(chunk, end));
        let checked = checked.collect::<Result<Vec<_>, _>>()?;
        let bytes = checked.iter().map(|chunk| chunk.range.end - chunk.range.start).sum();
        let rows = count(group.rows, "a row group has a negative number of rows")?;
        total = total.checked_add(rows).ok_or_else(|| corrupt("it has too many rows"))?;
        groups.push(RowGroup { rows, bytes });
        chunks.push(checked);
    }
    // Rows are counted in 64 bits with a sign wherever they go from here.
    i64::try_from(total).map_err(|_| corrupt("it has too many rows"))?;
    Ok((chunks.into(), groups.into()))
}

impl Chunk {
    /// A chunk, which has to be before `end`.
    fn new(chunk: &ChunkMetadata, end: u64) -> Result<Self, FormatError> {
        if chunk.elsewhere {
            let what = "columns kept in other files".into();
            return Err(FormatError::Unsupported { what });
        }
        // Some writers put 0 where there is no dictionary.
        let start = match chunk.dictionary {
            Some(dictionary) if dictionary > 0 && dictionary < chunk.data => dictionary,
            _ => chunk.data,
        };
        let outside = "a column chunk lies outside the file";
        let values = count(chunk.values, "a column chunk has a negative number of values")?;
        let uncompressed = u64::try_from(chunk.uncompressed).unwrap_or(0);
        let (start, length) = (count(start, outside)?, count(chunk.compressed, outside)?);
        match start.checked_add(length) {
            Some(stop) if stop <= end => {
                Ok(Self { range: start..stop, codec: chunk.codec, values, uncompressed })
            }
            _ => Err(corrupt(outside)),
        }
    }
}

/// A number that the file has with a sign although it counts something.
fn count(number: i64, otherwise: &'static str) -> Result<u64, FormatError> {
    u64::try_from(number).map_err(|_| corrupt(otherwise))
}
