//! Parquet files as other programs write them, the ranges that are asked for, and damage.

#![expect(clippy::unwrap_used, reason = "helpers of tests, where a failure is the answer")]

mod damage;
mod files;
mod ranges;
mod round_trip;

use std::path::Path;

use arrow_array::RecordBatch;
use bytes::Bytes;
use tabular_formats::parquet::{Opened, ParquetFile, ParquetOptions, RowGroupReader, Step};
use tabular_formats::{BatchSize, FormatError};

/// The bytes of a test file.
fn bytes(name: &str) -> Vec<u8> {
    let directory =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/data/parquet");
    std::fs::read(directory.join(format!("{name}.parquet"))).unwrap()
}

/// The names of all test files.
fn names() -> Vec<String> {
    let directory =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("tests/data/parquet");
    let files = std::fs::read_dir(directory).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".parquet").map(str::to_owned)).collect();
    names.sort();
    assert!(names.len() > 30, "{names:?}");
    names
}

/// Opens a file from all its bytes.
fn open(bytes: &[u8]) -> Result<ParquetFile, FormatError> {
    match ParquetFile::open(bytes.len() as u64, bytes, &ParquetOptions::default())? {
        Opened::File(file) => Ok(file),
        Opened::NeedsFrom(offset) => panic!("all bytes are there, and {offset} is asked for"),
    }
}

/// Fetches what is wanted and reads a row group from it.
fn read_group(
    file: &ParquetFile,
    bytes: &[u8],
    group: usize,
    projection: Option<&[usize]>,
    batch: BatchSize,
) -> Result<Vec<RecordBatch>, FormatError> {
    let reader = RowGroupReader::new(file, group, projection, None, batch)?;
    read_all(reader, bytes).map(|(batches, _)| batches)
}

/// All that a reader gives, and the bytes that it wanted.
fn read_all(
    mut reader: RowGroupReader,
    bytes: &[u8],
) -> Result<(Vec<RecordBatch>, u64), FormatError> {
    let (mut batches, mut fetched) = (Vec::new(), 0);
    loop {
        match reader.next()? {
            Step::Batch(batch) => batches.push(batch),
            Step::Done => return Ok((batches, fetched)),
            Step::NeedsBytes => {
                let wants = reader.wants();
                assert!(!wants.is_empty(), "it needs bytes and wants none");
                for range in wants {
                    fetched += range.end - range.start;
                    let (start, end) = (range.start as usize, range.end as usize);
                    reader.give(range.start, &Bytes::copy_from_slice(&bytes[start..end]));
                }
            }
        }
    }
}

/// All batches of a file.
fn read_as(bytes: &[u8], batch: BatchSize) -> Result<Vec<RecordBatch>, FormatError> {
    let file = open(bytes)?;
    let mut batches = Vec::new();
    for group in 0..file.row_groups().len() {
        batches.extend(read_group(&file, bytes, group, None, batch)?);
    }
    Ok(batches)
}

fn read(bytes: &[u8]) -> Result<Vec<RecordBatch>, FormatError> {
    read_as(bytes, BatchSize::default())
}

/// A reproducible sequence that looks random (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
