//! Which bytes are asked for.

use arrow_array::RecordBatch;
use tabular_formats::parquet::{Opened, ParquetFile, ParquetOptions, RowGroupReader};
use tabular_formats::{BatchSize, FormatError};

use crate::{bytes, open, read_all, read_group};

#[test]
fn opening_asks_for_exactly_the_footer() {
    let bytes = bytes("pyarrow_wide");
    let size = bytes.len() as u64;
    let open_tail = |from: u64| {
        let tail = &bytes[usize::try_from(from).unwrap()..];
        ParquetFile::open(size, tail, &ParquetOptions::default()).unwrap()
    };
    let Opened::NeedsFrom(from) = open_tail(size - 8) else { panic!("the footer is longer") };
    assert!(matches!(open_tail(size - 3), Opened::NeedsFrom(offset) if offset == size - 8));
    let Opened::File(file) = open_tail(from) else { panic!("{from} is where it begins") };
    assert_eq!(file.footer(), from..size);
    assert_eq!(file.rows(), 400);
}

/// Bytes that reading a row group fetches.
fn fetched(projection: &[usize], limit: Option<u64>) -> u64 {
    let bytes = bytes("pyarrow_wide");
    let file = open(&bytes).unwrap();
    let size = BatchSize::default();
    let reader = RowGroupReader::new(&file, 0, Some(projection), limit, size).unwrap();
    let (batches, fetched) = read_all(reader, &bytes).unwrap();
    let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    assert_eq!(rows as u64, limit.unwrap_or(400));
    fetched
}

#[test]
fn two_of_sixteen_columns_ask_only_for_those_chunks() {
    let file = open(&bytes("pyarrow_wide")).unwrap();
    let length = |projection: &[usize]| file.bytes(Some(projection), 0).unwrap();
    let all: u64 = file.row_groups()[0].bytes;
    assert_eq!(length(&[6, 7]), length(&[6]) + length(&[7]));
    assert!(length(&[6, 7]).abs_diff(all / 8) <= 64);
    assert_eq!((fetched(&[6, 7], None), fetched(&[], None)), (length(&[6, 7]), 0));
    // In so small a file the gap between two columns is cheaper to fetch than a second request.
    assert_eq!(fetched(&[0, 15], None), all);
}

#[test]
fn a_limit_gives_the_first_rows() {
    assert!(fetched(&[1], Some(10)) <= open(&bytes("pyarrow_wide")).unwrap().row_groups()[0].bytes);
}

#[test]
fn a_page_that_is_too_large_is_refused_before_it_is_fetched() {
    let bytes = bytes("pyarrow_wide");
    let options = ParquetOptions { max_page_bytes: 1_000 };
    let opened = ParquetFile::open(bytes.len() as u64, &bytes, &options).unwrap();
    let Opened::File(file) = opened else { panic!("all bytes are there") };
    let error = read_group(&file, &bytes, 0, None, BatchSize::default()).unwrap_err();
    assert!(matches!(error, FormatError::TooMuch { limit: 1_000, .. }), "{error}");
    assert!(error.hint().unwrap().contains("max_page_bytes"));
}
