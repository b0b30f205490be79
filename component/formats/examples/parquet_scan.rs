//! Reads a local Parquet file by ranges and prints how fast it went.
//!
//! `cargo run --release -p tabular-formats --example parquet_scan -- FILE [COLUMNS, as 0,3]`

use std::error::Error;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use bytes::Bytes;
use tabular_formats::BatchSize;
use tabular_formats::parquet::{Opened, ParquetFile, ParquetOptions, RowGroupReader, Step};

fn fetch(file: &File, range: &Range<u64>) -> Result<Bytes, Box<dyn Error>> {
    let mut bytes = vec![0; usize::try_from(range.end - range.start)?];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

fn open(file: &File, size: u64) -> Result<ParquetFile, Box<dyn Error>> {
    let mut from = size.saturating_sub(64 * 1024);
    loop {
        let tail = fetch(file, &(from..size))?;
        match ParquetFile::open(size, &tail, &ParquetOptions::default())? {
            Opened::File(file) => return Ok(file),
            Opened::NeedsFrom(offset) => from = offset,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let file = File::open(given.next().ok_or("name a file")?)?;
    let columns: Option<Vec<usize>> =
        given.next().map(|list| list.split(',').map(str::parse).collect()).transpose()?;
    let size = file.metadata()?.len();
    let started = Instant::now();
    let parquet = open(&file, size)?;
    let (mut rows, mut fetched, mut batches) = (0, 0, 0);
    for group in 0..parquet.row_groups().len() {
        let size = BatchSize::default();
        let mut reader = RowGroupReader::new(&parquet, group, columns.as_deref(), None, size)?;
        loop {
            for range in reader.wants() {
                fetched += range.end - range.start;
                reader.give(range.start, &fetch(&file, &range)?);
            }
            match reader.next()? {
                Step::Batch(batch) => {
                    rows += batch.num_rows();
                    batches += 1;
                }
                Step::NeedsBytes => {}
                Step::Done => break,
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let speed = fetched as f64 / 1e6 / seconds;
    println!("{rows} rows, {batches} batches, {fetched} bytes in {seconds:.3} s: {speed:.0} MB/s");
    Ok(())
}
