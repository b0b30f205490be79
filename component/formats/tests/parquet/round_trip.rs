//! Whatever the `parquet` crate writes is read as it was, in whatever steps.

use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray,
    PrimitiveArray, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields, Schema};
use arrow_select::concat::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::Encoding;
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;
use tabular_formats::BatchSize;

use crate::{Noise, read_as};

/// A type to make a column of.
#[derive(Debug, Clone)]
enum Shape {
    Boolean,
    Integer,
    Long,
    Double,
    Date,
    Instant,
    Decimal,
    Text,
    Binary,
    Fixed,
    List(Box<Self>),
    Struct(Vec<Self>),
}

fn shape() -> impl Strategy<Value = Shape> {
    use Shape::{Binary, Boolean, Date, Decimal, Double, Fixed, Instant, Integer, Long, Text};
    let leaves = [Boolean, Integer, Long, Double, Date, Instant, Decimal, Text, Binary, Fixed];
    let leaf = proptest::sample::select(leaves.to_vec());
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Shape::List(Box::new(inner))),
            proptest::collection::vec(inner, 1..3).prop_map(Shape::Struct),
        ]
    })
}

/// So many values of a shape, and whether some may be NULL.
fn make(shape: &Shape, count: usize, nullable: bool, noise: &mut Noise) -> ArrayRef {
    // A few values come again and again, so that dictionaries and runs are used.
    let variety = 1 + noise.next() % 50;
    let mut numbers = |count: usize| -> Vec<Option<i64>> {
        let nulls = if nullable { noise.next() % 4 } else { 0 };
        let mut number = || {
            let is_null = noise.next() % 4 < nulls;
            (!is_null).then(|| (noise.next() % variety).cast_signed() - 7)
        };
        (0..count).map(|_| number()).collect()
    };
    match shape {
        Shape::Boolean => {
            let values = numbers(count).into_iter().map(|n| n.map(|n| n % 2 == 0));
            Arc::new(BooleanArray::from_iter(values))
        }
        Shape::Integer => primitive::<Int32Type>(numbers(count), |n| n as i32),
        Shape::Long => primitive::<Int64Type>(numbers(count), |n| n << 40),
        Shape::Double => primitive::<Float64Type>(numbers(count), |n| n as f64 / 8.0),
        Shape::Date => primitive::<Date32Type>(numbers(count), |n| n as i32),
        Shape::Instant => primitive::<TimestampMicrosecondType>(numbers(count), |n| n * 1_001),
        Shape::Decimal => {
            let values = numbers(count).into_iter().map(|n| n.map(i128::from));
            let values = PrimitiveArray::<Decimal128Type>::from_iter(values);
            Arc::new(values.with_precision_and_scale(25, 3).unwrap())
        }
        Shape::Text => {
            let text = |n: i64| "é".repeat(n.unsigned_abs() as usize % 9) + &n.to_string();
            let values = numbers(count).into_iter().map(|n| n.map(text));
            Arc::new(StringArray::from_iter(values))
        }
        Shape::Binary => {
            let values = numbers(count).into_iter().map(|n| n.map(|n| n.to_le_bytes()));
            Arc::new(BinaryArray::from_iter(values))
        }
        Shape::Fixed => {
            let values = numbers(count).into_iter().map(|n| n.map(|n| [n as u8; 3]));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, 3).unwrap())
        }
        Shape::List(inner) => {
            let (offsets, nulls, total) = lists(numbers(count));
            let values = make(inner, total, true, noise);
            let field = Arc::new(Field::new("item", values.data_type().clone(), true));
            Arc::new(ListArray::new(field, offsets, values, nulls))
        }
        Shape::Struct(inner) => {
            let nulls: NullBuffer = numbers(count).iter().map(Option::is_some).collect();
            let children: Vec<_> =
                inner.iter().map(|inner| make(inner, count, true, noise)).collect();
            let fields = fields(&children);
            Arc::new(StructArray::new(fields, children, Some(nulls)))
        }
    }
}

fn primitive<T: arrow_array::ArrowPrimitiveType>(
    numbers: Vec<Option<i64>>,
    make: impl Fn(i64) -> T::Native,
) -> ArrayRef {
    let values = numbers.into_iter().map(|number| number.map(&make));
    Arc::new(PrimitiveArray::<T>::from_iter(values))
}

/// Lengths of lists of these numbers, which are NULL, empty, or have up to three elements.
fn lists(numbers: Vec<Option<i64>>) -> (OffsetBuffer<i32>, Option<NullBuffer>, usize) {
    let nulls: NullBuffer = numbers.iter().map(Option::is_some).collect();
    let length =
        |number: Option<i64>| number.map_or(0, |number| number.unsigned_abs() as usize % 4);
    let offsets = OffsetBuffer::<i32>::from_lengths(numbers.into_iter().map(length));
    let total = offsets.last().copied().unwrap_or(0);
    (offsets, Some(nulls), total as usize)
}

fn fields(columns: &[ArrayRef]) -> Fields {
    let field = |(index, column): (usize, &ArrayRef)| {
        Field::new(format!("c{index}"), column.data_type().clone(), true)
    };
    columns.iter().enumerate().map(field).collect()
}

/// Writer settings that lead to other pages and encodings.
fn properties(noise: &mut Noise, batch: &RecordBatch) -> WriterProperties {
    let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0];
    let mut properties = WriterProperties::builder()
        .set_writer_version(version[noise.next() as usize % 2])
        .set_dictionary_enabled(noise.next().is_multiple_of(2))
        .set_data_page_row_count_limit(1 + noise.next() as usize % 100)
        .set_write_batch_size(1 + noise.next() as usize % 20)
        .set_dictionary_page_size_limit(20 + noise.next() as usize % 200)
        .set_max_row_group_row_count(Some(1 + noise.next() as usize % 200));
    for field in batch.schema().fields() {
        let encodings: &[_] = match field.data_type() {
            DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..) => {
                &[Encoding::DELTA_BINARY_PACKED, Encoding::BYTE_STREAM_SPLIT]
            }
            DataType::Float64 | DataType::FixedSizeBinary(_) | DataType::Decimal128(..) => {
                &[Encoding::BYTE_STREAM_SPLIT]
            }
            DataType::Utf8 | DataType::Binary => {
                &[Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY]
            }
            DataType::Boolean => &[Encoding::RLE],
            _ => continue,
        };
        if noise.next().is_multiple_of(2) {
            let encoding = encodings[noise.next() as usize % encodings.len()];
            properties = properties.set_column_encoding(field.name().as_str().into(), encoding);
        }
    }
    properties.build()
}

fn write(batch: &RecordBatch, properties: WriterProperties) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(
        shapes in proptest::collection::vec(shape(), 1..4),
        rows in 1_usize..300,
        seed in 1_u64..,
        batch_rows in 1_usize..100,
        batch_bytes in 50_usize..50_000,
    ) {
        let mut noise = Noise(seed);
        let columns: Vec<_> =
            shapes.iter().map(|shape| make(shape, rows, true, &mut noise)).collect();
        let schema = Arc::new(Schema::new(fields(&columns)));
        let batch = RecordBatch::try_new(schema, columns).unwrap();
        let bytes = write(&batch, properties(&mut noise, &batch));
        let size = BatchSize { rows: batch_rows, bytes: batch_bytes };
        let read = read_as(&bytes, size).unwrap();
        let read = concat_batches(&read[0].schema(), &read).unwrap();
        prop_assert_eq!(&read.schema().fields, &batch.schema().fields);
        prop_assert_eq!(read, batch);
    }
}

#[test]
fn lists_come_in_batches_as_large_as_those_of_other_columns() {
    let rows = 20_000;
    let lists = make(
        &Shape::List(Box::new(Shape::Struct(vec![Shape::Long, Shape::Text]))),
        rows,
        true,
        &mut Noise(7),
    );
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(fields(std::slice::from_ref(&lists)))),
        vec![lists],
    )
    .unwrap();
    let bytes = write(&batch, WriterProperties::default());
    let read = read_as(&bytes, BatchSize { rows: 8192, bytes: 50_000 }).unwrap();
    assert!(read.len() < 40, "{} batches", read.len());
}
