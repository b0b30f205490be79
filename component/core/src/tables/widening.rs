//! Types that hold the values of two others, and values brought into them. Numbers become wider
//! numbers, and all else becomes text; structures stay what they are.
//!
//! Only what is needed here: a crate that casts anything to anything would be more than half of the
//! component.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array as _, ArrayRef, Decimal128Array, Float64Array, Int64Array, LargeStringArray, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{DataType, TimeUnit};

/// Digits of every 64-bit number.
const DIGITS: u8 = 20;

/// A type that holds the values of both; `None` for structures that differ.
pub(super) fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Float32, Float64, Int64, LargeUtf8, Null, Timestamp, UInt64, Utf8};
    if a == b {
        return Some(a.clone());
    }
    let floats = |t: &DataType| matches!(t, Float32 | Float64);
    let small = |t: &DataType| t.is_integer() && *t != UInt64;
    Some(match (a, b) {
        (Null, other) | (other, Null) => other.clone(),
        (a, b) if small(a) && small(b) => Int64,
        (a, b) if a.is_integer() && b.is_integer() => DataType::Decimal128(DIGITS, 0),
        (a, b) if (a.is_integer() || floats(a)) && (b.is_integer() || floats(b)) => Float64,
        (DataType::Date32, Timestamp(_, zone)) | (Timestamp(_, zone), DataType::Date32) => {
            Timestamp(TimeUnit::Microsecond, zone.clone())
        }
        (Timestamp(_, a), Timestamp(_, b)) if a == b => Timestamp(TimeUnit::Microsecond, a.clone()),
        (a, b) if !is_told(a) || !is_told(b) => return None,
        (LargeUtf8, _) | (_, LargeUtf8) => LargeUtf8,
        _ => Utf8,
    })
}

/// Whether values can be told as text.
fn is_told(data_type: &DataType) -> bool {
    use DataType::{
        Boolean, Date32, Decimal128, Float32, Float64, LargeUtf8, Time32, Time64, Timestamp, Utf8,
    };
    data_type.is_integer()
        || matches!(
            data_type,
            Boolean
                | Time32(_)
                | Time64(_)
                | Date32
                | Decimal128(..)
                | Float32
                | Float64
                | LargeUtf8
                | Timestamp(..)
                | Utf8
        )
}

/// Values in a type that [`wider`] gave; `None` if it did not.
pub(super) fn widen(array: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    Some(match (array.data_type(), to) {
        _ if array.logical_null_count() == array.len() => new_null_array(to, array.len()),
        (_, DataType::Int64) => Arc::new(Int64Array::from_iter(integers(array)?)),
        (_, DataType::Float64) => Arc::new(Float64Array::from_iter(floats(array)?)),
        (from, DataType::Decimal128(DIGITS, 0)) if from.is_integer() => {
            let decimals: Decimal128Array = match from {
                DataType::UInt64 => numbers::<UInt64Type, _>(array, i128::from).collect(),
                _ => integers(array)?.map(|number| number.map(i128::from)).collect(),
            };
            Arc::new(decimals.with_precision_and_scale(DIGITS, 0).ok()?)
        }
        (_, DataType::Timestamp(TimeUnit::Microsecond, zone)) => {
            let times = TimestampMicrosecondArray::from_iter(microseconds(array)?);
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        (_, DataType::Utf8) => Arc::new(StringArray::from_iter(texts(array)?)),
        (_, DataType::LargeUtf8) => Arc::new(LargeStringArray::from_iter(texts(array)?)),
        _ => return None,
    })
}

type Values<'a, T> = Box<dyn Iterator<Item = Option<T>> + 'a>;

fn numbers<T: ArrowPrimitiveType, U>(
    array: &ArrayRef,
    widened: impl Fn(T::Native) -> U,
) -> impl Iterator<Item = Option<U>> {
    array.as_primitive::<T>().iter().map(move |value| value.map(&widened))
}

fn integers(array: &ArrayRef) -> Option<Values<'_, i64>> {
    Some(match array.data_type() {
        DataType::Int8 => Box::new(numbers::<Int8Type, _>(array, i64::from)),
        DataType::Int16 => Box::new(numbers::<Int16Type, _>(array, i64::from)),
        DataType::Int32 => Box::new(numbers::<Int32Type, _>(array, i64::from)),
        DataType::Int64 => Box::new(numbers::<Int64Type, _>(array, |value| value)),
        DataType::UInt8 => Box::new(numbers::<UInt8Type, _>(array, i64::from)),
        DataType::UInt16 => Box::new(numbers::<UInt16Type, _>(array, i64::from)),
        DataType::UInt32 => Box::new(numbers::<UInt32Type, _>(array, i64::from)),
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "as everywhere where whole numbers meet others")]
fn floats(array: &ArrayRef) -> Option<Values<'_, f64>> {
    Some(match array.data_type() {
        DataType::Float32 => Box::new(numbers::<Float32Type, _>(array, f64::from)),
        DataType::Float64 => Box::new(numbers::<Float64Type, _>(array, |value| value)),
        DataType::UInt64 => Box::new(numbers::<UInt64Type, _>(array, |value| value as f64)),
        _ => Box::new(integers(array)?.map(|value| value.map(|value| value as f64))),
    })
}

fn microseconds(array: &ArrayRef) -> Option<Values<'_, i64>> {
    const DAY: i64 = 86_400_000_000;
    let times = |by: i64| move |value: i64| value.saturating_mul(by);
    Some(match array.data_type() {
        DataType::Date32 => {
            Box::new(numbers::<Date32Type, _>(array, |days| i64::from(days).saturating_mul(DAY)))
        }
        DataType::Time32(_) => Box::new(numbers::<Time32MillisecondType, _>(array, |value| {
            i64::from(value).saturating_mul(1_000)
        })),
        DataType::Time64(TimeUnit::Nanosecond) => {
            Box::new(numbers::<Time64NanosecondType, _>(array, |value| value.div_euclid(1_000)))
        }
        DataType::Time64(_) => Box::new(numbers::<Time64MicrosecondType, _>(array, times(1))),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => {
                Box::new(numbers::<TimestampSecondType, _>(array, times(1_000_000)))
            }
            TimeUnit::Millisecond => {
                Box::new(numbers::<TimestampMillisecondType, _>(array, times(1_000)))
            }
            TimeUnit::Microsecond => {
                Box::new(numbers::<TimestampMicrosecondType, _>(array, times(1)))
            }
            TimeUnit::Nanosecond => {
                Box::new(numbers::<TimestampNanosecondType, _>(array, |value| {
                    value.div_euclid(1_000)
                }))
            }
        },
        _ => return None,
    })
}

fn texts(array: &ArrayRef) -> Option<Values<'_, String>> {
    fn told<T: ToString>(value: Option<T>) -> Option<String> {
        value.map(|value| value.to_string())
    }
    Some(match array.data_type() {
        DataType::Utf8 => Box::new(array.as_string::<i32>().iter().map(told)),
        DataType::LargeUtf8 => Box::new(array.as_string::<i64>().iter().map(told)),
        DataType::Boolean => Box::new(array.as_boolean().iter().map(told)),
        DataType::UInt64 => Box::new(numbers::<UInt64Type, _>(array, |value| value.to_string())),
        DataType::Float32 => Box::new(numbers::<Float32Type, _>(array, |value| value.to_string())),
        DataType::Float64 => Box::new(numbers::<Float64Type, _>(array, |value| value.to_string())),
        DataType::Decimal128(..) => {
            let decimals = array.as_primitive::<Decimal128Type>();
            let told = |at| decimals.is_valid(at).then(|| decimals.value_as_string(at));
            Box::new((0..decimals.len()).map(told))
        }
        DataType::Date32 => {
            let told = |us: Option<i64>| Some(time(us?)?.format("%Y-%m-%d").to_string());
            Box::new(microseconds(array)?.map(told))
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let told = |us: Option<i64>| Some(time(us?)?.format("%H:%M:%S%.f").to_string());
            Box::new(microseconds(array)?.map(told))
        }
        DataType::Timestamp(_, zone) => {
            let form =
                if zone.is_some() { "%Y-%m-%dT%H:%M:%S%.fZ" } else { "%Y-%m-%dT%H:%M:%S%.f" };
            let told = move |us: Option<i64>| Some(time(us?)?.format(form).to_string());
            Box::new(microseconds(array)?.map(told))
        }
        _ => Box::new(integers(array)?.map(told)),
    })
}

fn time(us: i64) -> Option<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp_micros(us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, Date32Array, Float32Array, Int8Array, Int32Array, NullArray,
        Time32MillisecondArray, Time64MicrosecondArray, TimestampNanosecondArray,
        TimestampSecondArray, UInt32Array, UInt64Array,
    };

    #[test]
    fn the_wider_type_stands_and_text_for_all_else() {
        use DataType::{Boolean, Date32, Float64, Int32, Int64, UInt64, Utf8};
        let list = DataType::new_list(Int64, true);
        for (a, b, expected) in [
            (Int64, Int64, Some(Int64)),
            (Int32, Int64, Some(Int64)),
            (Int64, Float64, Some(Float64)),
            (UInt64, Int64, Some(DataType::Decimal128(20, 0))),
            (Int64, Utf8, Some(Utf8)),
            (Boolean, Int64, Some(Utf8)),
            (Date32, Utf8, Some(Utf8)),
            (DataType::Null, Date32, Some(Date32)),
            (list.clone(), list.clone(), Some(list.clone())),
            (list, Int64, None),
        ] {
            assert_eq!(wider(&a, &b), expected, "{a} {b}");
            assert_eq!(wider(&b, &a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_time_of_day_is_told_as_text_beside_text() {
        let time: ArrayRef = Arc::new(Time64MicrosecondArray::from(vec![86_399_500_000]));
        assert_eq!(wider(time.data_type(), &DataType::Utf8), Some(DataType::Utf8));
        let told = widen(&time, &DataType::Utf8).unwrap();
        assert_eq!(told.as_string::<i32>().value(0), "23:59:59.500");
    }

    #[test]
    fn values_stay_what_they_are_in_the_wider_type() {
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(-7), None])),
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])),
            Arc::new(Float64Array::from(vec![Some(2.5), None])),
            Arc::new(BooleanArray::from(vec![Some(true), None])),
            Arc::new(Date32Array::from(vec![Some(19_723), None])),
            Arc::new(NullArray::new(2)),
        ];
        let text = |array: &ArrayRef| {
            let text = widen(array, &DataType::Utf8).unwrap();
            let text = text.as_string::<i32>();
            assert!(text.is_null(1));
            (text.is_valid(0)).then(|| text.value(0).to_owned())
        };
        let told: Vec<_> = arrays.iter().map(text).collect();
        let expected =
            ["-7", "18446744073709551615", "2.5", "true", "2024-01-01"].map(str::to_owned);
        assert_eq!(told[..5], expected.map(Some));
        assert_eq!(told[5], None);
        let decimal = widen(&arrays[1], &DataType::Decimal128(20, 0)).unwrap();
        assert_eq!(decimal.as_primitive::<Decimal128Type>().value(0), i128::from(u64::MAX));
        let time = widen(&arrays[4], &DataType::Timestamp(TimeUnit::Microsecond, None)).unwrap();
        assert_eq!(time.as_primitive::<TimestampMicrosecondType>().value(0), 1_704_067_200_000_000);
    }

    /// Whatever `wider` says of two types, both can be brought into it.
    #[test]
    fn every_wider_type_is_reached() {
        let arrays: [ArrayRef; 16] = [
            Arc::new(NullArray::new(1)),
            Arc::new(BooleanArray::from(vec![true])),
            Arc::new(Int8Array::from(vec![1])),
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(UInt32Array::from(vec![1])),
            Arc::new(UInt64Array::from(vec![1])),
            Arc::new(Float32Array::from(vec![1.5])),
            Arc::new(Float64Array::from(vec![1.5])),
            Arc::new(StringArray::from(vec!["x"])),
            Arc::new(LargeStringArray::from(vec!["x"])),
            Arc::new(Date32Array::from(vec![1])),
            Arc::new(Decimal128Array::from(vec![1]).with_precision_and_scale(10, 2).unwrap()),
            Arc::new(Time32MillisecondArray::from(vec![1])),
            Arc::new(Time64MicrosecondArray::from(vec![1])),
            Arc::new(TimestampSecondArray::from(vec![1])),
            Arc::new(TimestampNanosecondArray::from(vec![1]).with_timezone("UTC")),
        ];
        for (a, b) in arrays.iter().flat_map(|a| arrays.iter().map(move |b| (a, b))) {
            let Some(to) = wider(a.data_type(), b.data_type()) else { continue };
            for from in [a, b].into_iter().filter(|from| *from.data_type() != to) {
                let widened = widen(from, &to).unwrap();
                assert_eq!(widened.data_type(), &to, "{a:?} {b:?}");
                assert_eq!(widened.null_count(), from.logical_null_count(), "{a:?} {b:?}");
            }
        }
    }
}
