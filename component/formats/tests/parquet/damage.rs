//! Files that are cut off, changed, or no Parquet at all: an error or rows, never a panic.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use tabular_formats::parquet::{RowGroupReader, Step};
use tabular_formats::{BatchSize, FormatError};

use crate::{Noise, bytes, names, open, read};

#[test]
fn what_is_no_parquet_is_called_so() {
    assert_eq!(open(b"").unwrap_err(), FormatError::Empty);
    for text in [&b"city;height\nBergen;12\n"[..], b"PAR", b"PAR1PAR1"] {
        let error = open(text).unwrap_err();
        assert!(matches!(error, FormatError::NotParquet { .. }), "{error}");
    }
    let mut encrypted = bytes("pyarrow_none");
    let end = encrypted.len();
    encrypted[end - 4..].copy_from_slice(b"PARE");
    assert_eq!(open(&encrypted).unwrap_err(), FormatError::Encrypted);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["pyarrow_groups", "duckdb_zstd", "polars_snappy"] {
        let bytes = bytes(name);
        for length in 0..bytes.len() {
            let error = open(&bytes[..length]).unwrap_err();
            assert!(error.hint().is_some(), "{name} {length}");
        }
    }
}

#[test]
fn a_changed_byte_gives_rows_or_an_error() {
    let rounds = std::env::var("PARQUET_ROUNDS").map_or(1, |rounds| rounds.parse().unwrap());
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for name in names() {
        let good = bytes(&name);
        for _ in 0..rounds {
            for at in 0..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 1 << (noise.next() % 8);
                try_read(&name, at, &bad);
                bad[at] = noise.next() as u8;
                let other = noise.next() as usize % bad.len();
                bad[other] = [0, 0xff, 0x7f, 0x80][noise.next() as usize % 4];
                try_read(&name, at, &bad);
            }
        }
    }
}

/// Reads, and says which change it was if that panics.
fn try_read(name: &str, at: usize, bad: &[u8]) {
    let outcome = std::panic::catch_unwind(|| read(bad).map(|batches| batches.len()));
    if outcome.is_err() {
        let kept = std::env::temp_dir().join(format!("panic-{name}-{at}.parquet"));
        std::fs::write(&kept, bad).unwrap();
        panic!("{name} changed at {at} panics: kept as {}", kept.display());
    }
}

#[test]
fn a_small_file_that_unfolds_to_much_comes_in_small_batches() {
    // 20,000 times the same text of 100 kB: 2 GB, in a file of a few hundred kB.
    let text = "a".repeat(100_000);
    let texts: StringArray = std::iter::repeat_n(Some(text.as_str()), 2_000).collect();
    let batch = RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap();
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), None).unwrap();
    for _ in 0..10 {
        writer.write(&batch).unwrap();
    }
    writer.close().unwrap();
    assert!(file.len() < 300_000, "{}", file.len());
    let parquet = open(&file).unwrap();
    let mut reader = RowGroupReader::new(&parquet, 0, None, None, BatchSize::default()).unwrap();
    let mut rows = 0;
    while rows < 1_000 {
        for range in reader.wants() {
            let bytes = &file[range.start as usize..range.end as usize];
            reader.give(range.start, &Bytes::copy_from_slice(bytes));
        }
        if let Step::Batch(batch) = reader.next().unwrap() {
            assert!(batch.get_array_memory_size() <= 4 << 20);
            rows += batch.num_rows();
        }
    }
}

#[test]
fn a_footer_of_entries_without_end_is_refused_before_they_fill_the_memory() {
    // Field 2, a list of 3,000,000 structs, each of which is one byte.
    let mut footer = vec![0x29, 0xfc, 0xc0, 0x8d, 0xb7, 0x01];
    footer.resize(footer.len() + 3_000_001, 0);
    let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
    let file = [&b"PAR1"[..], &footer, &length, b"PAR1"].concat();
    let error = open(&file).unwrap_err().to_string();
    assert!(error.contains("more entries than are read"), "{error}");
}
