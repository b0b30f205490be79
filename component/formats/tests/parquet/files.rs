//! Rows of files by pyarrow, Polars and DuckDB, against the formulas of `make_formats.py`.

use std::fmt::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int8Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use tabular_formats::BatchSize;

use crate::{bytes, names, open, read, read_as, read_group};

/// Row `i` has NULL in all columns but `id` where this holds.
fn is_null(i: i64) -> bool {
    i % 7 == 3
}

/// Checks a text column by its formula.
fn check_text(batch: &RecordBatch, column: &str, first: i64, text: impl Fn(i64) -> String) {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    for (row, found) in array.iter().enumerate() {
        let i = first + row as i64;
        assert_eq!(found.map(str::to_owned), (!is_null(i)).then(|| text(i)), "{column} {i}");
    }
}

/// Checks a column of numbers by its formula.
macro_rules! check_numbers {
    ($batch:expr, $column:literal, $type:ty, $formula:expr) => {
        let array = $batch.column_by_name($column).unwrap().as_primitive::<$type>();
        for (i, found) in (0_i64..).zip(array) {
            let expected = (!is_null(i)).then(|| $formula(i));
            assert_eq!(found, expected, "{} {i}", $column);
        }
    };
}

/// 2024-01-01 in days, and its noon in seconds, since 1970.
const DAY: i64 = 19_723;
const NOON: i64 = DAY * 86_400 + 43_200;

#[test]
fn each_codec_of_pyarrow_gives_the_same_rows() {
    for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd", "v2_pages", "page_index"] {
        let name = format!("pyarrow_{codec}");
        let [batch] = &read(&bytes(&name)).unwrap()[..] else { panic!("{name} is one batch") };
        assert_eq!((batch.num_rows(), batch.num_columns()), (40, 11), "{name}");
        let ids = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
        assert!(ids.values().iter().copied().eq(0..40), "{name}");
        check_numbers!(batch, "small", Int8Type, |i| i8::try_from(i - 20).unwrap());
        check_numbers!(batch, "price", Float64Type, |i| i as f64 / 4.0);
        check_numbers!(batch, "day", Date32Type, |i| i32::try_from(DAY + i).unwrap());
        check_numbers!(batch, "at", TimestampMicrosecondType, |i| (NOON + i) * 1_000_000);
        check_numbers!(batch, "zoned", TimestampMillisecondType, |i| (NOON + i) * 1_000);
        check_numbers!(batch, "amount", Decimal128Type, |i| i128::from(i * 100 + 5));
        check_text(batch, "name", 0, |i| format!("name {i}"));
        check_text(batch, "kind", 0, |i| "abc"[i as usize % 3..][..1].to_owned());
        let ok = batch.column_by_name("ok").unwrap().as_boolean();
        assert!((0..40).zip(ok).all(|(i, ok)| ok == (!is_null(i)).then_some(i % 2 == 0)));
        let raw = batch.column_by_name("raw").unwrap().as_binary::<i32>();
        assert_eq!((raw.value(5), raw.is_null(10)), (&[5, 255][..], true));
    }
}

#[test]
fn each_codec_of_polars_and_duckdb_gives_the_same_rows() {
    let mut seen = 0;
    for name in names() {
        let simple = name.starts_with("polars_") || name.starts_with("duckdb_");
        if !simple || name.ends_with("_nested") {
            continue;
        }
        seen += 1;
        let batches = read(&bytes(&name)).unwrap();
        let [batch] = &batches[..] else { panic!("{name} is one batch") };
        assert_eq!(batch.num_rows(), 40, "{name}");
        check_text(batch, "name", 0, |i| format!("name {i}"));
        check_text(batch, "kind", 0, |i| "abc"[i as usize % 3..][..1].to_owned());
        check_numbers!(batch, "at", TimestampMicrosecondType, |i| (NOON + i) * 1_000_000);
    }
    assert!(seen >= 14, "{seen} files");
}

#[test]
fn types_are_those_that_an_engine_expects() {
    let schema = open(&bytes("pyarrow_zstd")).unwrap().schema();
    let kind = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
    assert_eq!(kind("kind"), DataType::Utf8, "no dictionary");
    assert_eq!(kind("zoned"), DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())));
    assert_eq!(kind("amount"), DataType::Decimal128(9, 2));
    let rare = bytes("pyarrow_rare");
    let file = open(&rare).unwrap();
    let types: Vec<_> =
        file.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
    assert_eq!(
        types[..8],
        [
            "Decimal256(50, 3)",
            "Utf8",
            "Utf8",
            "Int64",
            "Float16",
            "Null",
            "Time64(µs)",
            "FixedSizeBinary(3)",
        ]
    );
    let [batch] = &read(&rare).unwrap()[..] else { panic!("one batch") };
    assert_eq!(batch.column(2).as_string::<i32>().value(2), "a text longer than a view");
    assert_eq!(batch.schema(), file.schema());
}

#[test]
fn int96_are_timestamps_in_nanoseconds() {
    let [batch] = &read(&bytes("pyarrow_int96")).unwrap()[..] else { panic!("one batch") };
    check_numbers!(batch, "at", TimestampNanosecondType, |i| (NOON + i) * 1_000_000_000);
}

#[test]
fn other_encodings_give_the_same_rows() {
    let [batch] = &read(&bytes("pyarrow_deltas")).unwrap()[..] else { panic!("one batch") };
    check_numbers!(batch, "price", Float64Type, |i| i as f64 / 4.0);
    check_text(batch, "name", 0, |i| format!("name {i}"));
    let [batch] = &read(&bytes("pyarrow_plain")).unwrap()[..] else { panic!("one batch") };
    check_text(batch, "kind", 0, |i| "abc"[i as usize % 3..][..1].to_owned());
}

#[test]
fn nested_columns_are_kept() {
    let mut tags = Vec::new();
    for name in ["pyarrow_nested", "pyarrow_nested_v2", "polars_nested"] {
        let [batch] = &read(&bytes(name)).unwrap()[..] else { panic!("{name} is one batch") };
        let lists = batch.column_by_name("tags").unwrap().as_list::<i32>();
        assert_eq!((lists.value(2).len(), lists.is_null(4), lists.value(3).len()), (2, true, 0));
        let place = batch.column_by_name("place").unwrap().as_struct();
        let x = place.column_by_name("at").unwrap().as_struct().column_by_name("x").unwrap();
        assert!(x.as_primitive::<Int64Type>().values().iter().copied().eq(0..20), "{name}");
        tags.push(lists.values().as_string::<i32>().clone());
    }
    assert!(tags.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_map_is_a_list_of_keys_and_values() {
    let [batch] = &read(&bytes("pyarrow_nested")).unwrap()[..] else { panic!("one batch") };
    let maps = batch.column_by_name("map").unwrap().as_list::<i32>();
    assert_eq!((maps.value(3).len(), maps.value(2).len()), (0, 2));
    let entries = maps.value(2);
    let keys = entries.as_struct().column_by_name("key").unwrap().as_string::<i32>().clone();
    assert!(keys.iter().eq([Some("k0"), Some("k1")]));
    assert_eq!(entries.as_struct().column(1).as_primitive::<Int32Type>().values(), &[0, 1]);
}

#[test]
fn an_empty_table_has_columns_and_no_rows() {
    let bytes = bytes("pyarrow_empty");
    let file = open(&bytes).unwrap();
    assert_eq!((file.rows(), file.schema().fields().len()), (0, 11));
    assert!(read(&bytes).unwrap().is_empty());
}

#[test]
fn row_groups_are_read_each_on_its_own() {
    let bytes = bytes("pyarrow_groups");
    let file = open(&bytes).unwrap();
    let rows: Vec<_> = file.row_groups().iter().map(|group| group.rows).collect();
    assert_eq!((rows, file.rows()), (vec![15, 15, 10], 40));
    let last = read_group(&file, &bytes, 2, Some(&[1]), BatchSize::default()).unwrap();
    check_text(&last[0], "name", 30, |i| format!("name {i}"));
    assert!(file.bytes(None, 3).is_err());
}

#[test]
fn columns_come_in_the_order_in_which_they_are_asked_for() {
    let bytes = bytes("pyarrow_snappy");
    let file = open(&bytes).unwrap();
    let batches = read_group(&file, &bytes, 0, Some(&[5, 0]), BatchSize::default()).unwrap();
    let mut found = String::new();
    for field in batches[0].schema().fields() {
        write!(found, "{} ", field.name()).unwrap();
    }
    assert_eq!(found, "kind id ");
    let none = read_group(&file, &bytes, 0, Some(&[]), BatchSize::default()).unwrap();
    assert_eq!((none[0].num_rows(), none[0].num_columns()), (40, 0));
    assert!(file.bytes(Some(&[11]), 0).is_err());
}

#[test]
fn rows_do_not_depend_on_the_size_of_batches() {
    for name in names() {
        let bytes = bytes(&name);
        let whole = read(&bytes).unwrap();
        for size in [BatchSize { rows: 3, bytes: 1 << 20 }, BatchSize { rows: 8192, bytes: 300 }] {
            let cut = read_as(&bytes, size).unwrap();
            assert!(cut.iter().all(|batch| batch.num_rows() <= size.rows), "{name}");
            let mut at = 0;
            let (mut group, mut start) = (whole.iter(), 0);
            let mut present = group.next();
            for batch in &cut {
                if present.is_some_and(|batch| batch.num_rows() == at - start) {
                    start = at;
                    present = group.next();
                }
                let expected = present.unwrap().slice(at - start, batch.num_rows());
                assert_eq!(*batch, expected, "{name} from row {at} on");
                at += batch.num_rows();
            }
            assert_eq!(at, whole.iter().map(RecordBatch::num_rows).sum::<usize>(), "{name}");
        }
    }
}
