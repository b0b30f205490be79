//! Levels and values as Arrow arrays.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, Time32MillisecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array as _, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, NullArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::{
    ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer, i256,
};
use arrow_schema::ArrowError;

use super::column::{Levels, Read};
use super::corrupt;
use super::metadata::Unit;
use super::schema::{Kind, Leaf, ListLevels, Node};
use super::values::Values;
use crate::FormatError;

/// Puts one column together from what was read of its leaves.
pub(super) struct Assembly<'a> {
    shapes: &'a [Leaf],
    /// Of the leaves from this one on.
    first: usize,
    reads: Vec<Read>,
    /// Values that became NULL because they cannot be what they should.
    pub(super) nulled: u64,
}

/// Where a node's slots are: levels of at least this definition, and at most this repetition.
#[derive(Clone, Copy)]
struct Around {
    defined: u8,
    depth: u8,
}

impl<'a> Assembly<'a> {
    pub(super) fn new(shapes: &'a [Leaf], first: usize, reads: Vec<Read>) -> Self {
        Self { shapes, first, reads, nulled: 0 }
    }

    /// The column.
    pub(super) fn column(&mut self, node: &Node) -> Result<ArrayRef, FormatError> {
        self.array(node, Around { defined: 0, depth: 0 })
    }

    fn array(&mut self, node: &Node, around: Around) -> Result<ArrayRef, FormatError> {
        match node {
            Node::Leaf { leaf } => self.leaf(*leaf, around),
            Node::Struct { fields, children, defined } => {
                let (length, nulls) = self.validity(node.first_leaf(), around, *defined);
                let children = children.iter().map(|child| self.array(child, around));
                let children = children.collect::<Result<_, _>>()?;
                let array =
                    StructArray::try_new_with_length(fields.clone(), children, nulls, length);
                Ok(Arc::new(array.map_err(mismatch)?))
            }
            Node::List { field, element, levels } => {
                let (offsets, nulls) = self.lists(node.first_leaf(), around, *levels);
                let values = self.array(element, within(*levels))?;
                let array = ListArray::try_new(field.clone(), offsets, values, nulls);
                Ok(Arc::new(array.map_err(mismatch)?))
            }
        }
    }

    /// How many slots a node has, and which of them are NULL.
    fn validity(&self, leaf: usize, around: Around, defined: u8) -> (usize, Option<NullBuffer>) {
        let Read { levels: Levels { definitions, repetitions }, values } =
            &self.reads[leaf - self.first];
        if self.shapes[leaf].defined == 0 {
            return (values.len(), None);
        }
        if repetitions.is_empty() || around.defined == 0 && self.shapes[leaf].elements.is_empty() {
            let valid = |index: usize| definitions[index] >= defined;
            let valid = BooleanBuffer::collect_bool(definitions.len(), valid);
            return (definitions.len(), nulls(valid));
        }
        let slots = definitions.iter().zip(repetitions);
        let slots = slots.filter(|(d, r)| **d >= around.defined && **r <= around.depth);
        let valid: BooleanBuffer = slots.map(|(definition, _)| *definition >= defined).collect();
        (valid.len(), nulls(valid))
    }

    /// Where the elements of each list are.
    fn lists(
        &self,
        leaf: usize,
        around: Around,
        list: ListLevels,
    ) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let Levels { definitions, repetitions } = &self.reads[leaf - self.first].levels;
        let (mut offsets, mut valid, mut elements) = (Vec::new(), Vec::new(), 0);
        for (&definition, &repetition) in definitions.iter().zip(repetitions) {
            if repetition <= around.depth && definition >= around.defined {
                offsets.push(elements);
                valid.push(definition >= list.defined);
            }
            elements += i32::from(repetition <= list.depth && definition >= list.element);
        }
        offsets.push(elements);
        (OffsetBuffer::new(offsets.into()), nulls(valid.into()))
    }

    fn leaf(&mut self, leaf: usize, around: Around) -> Result<ArrayRef, FormatError> {
        let shape = &self.shapes[leaf];
        let (length, nulls) = self.validity(leaf, around, shape.defined);
        let values = std::mem::replace(
            &mut self.reads[leaf - self.first].values,
            Values::Booleans(Vec::new()),
        );
        let slots = Slots { length, nulls };
        let (array, nulled) = slots.array(shape.kind, values)?;
        self.nulled += nulled;
        Ok(array)
    }
}

fn within(list: ListLevels) -> Around {
    Around { defined: list.element, depth: list.depth }
}

/// Nothing where nothing is NULL.
fn nulls(valid: BooleanBuffer) -> Option<NullBuffer> {
    Some(NullBuffer::new(valid)).filter(|nulls| nulls.null_count() > 0)
}

/// What Arrow says of columns that do not fit each other.
fn mismatch(error: ArrowError) -> FormatError {
    corrupt(format!("its nested columns do not fit each other ({error})"))
}

/// The slots of a leaf, of which those that are not NULL have a value each.
struct Slots {
    length: usize,
    nulls: Option<NullBuffer>,
}

/// A value that cannot be what its column is.
const UNFIT: &str = "a value is outside its type";

impl Slots {
    /// The array, and how many values became NULL.
    fn array(self, kind: Kind, values: Values) -> Result<(ArrayRef, u64), FormatError> {
        if kind == Kind::Null {
            return Ok((Arc::new(NullArray::new(self.length)), 0));
        }
        let present = self.length - self.nulls.as_ref().map_or(0, NullBuffer::null_count);
        if values.len() != present {
            return Err(corrupt("a column has not as many values as it says"));
        }
        match (kind, values) {
            (Kind::Text, Values::Bytes { ends, bytes }) => self.text(ends, bytes),
            (Kind::JulianTimestamp, Values::Fixed { bytes, .. }) => self.julian(&bytes),
            (kind, values) => Ok((self.plain(kind, values)?, 0)),
        }
    }

    fn plain(self, kind: Kind, values: Values) -> Result<ArrayRef, FormatError> {
        match values {
            Values::Booleans(values) => {
                let values = self.spread(values);
                let values = BooleanBuffer::collect_bool(self.length, |index| values[index]);
                Ok(Arc::new(BooleanArray::new(values, self.nulls)))
            }
            Values::Four(values) => self.four(kind, values),
            Values::Eight(values) => self.eight(kind, values),
            Values::Fixed { width, bytes } => self.fixed(kind, width, bytes),
            Values::Bytes { ends, bytes } => match kind {
                Kind::Decimal(precision, _) => {
                    let texts = ends.windows(2).map(|w| &bytes[w[0] as usize..w[1] as usize]);
                    self.decimals(kind, precision, texts)
                }
                _ => self.binary(ends, bytes),
            },
        }
    }

    fn four(self, kind: Kind, values: Vec<u32>) -> Result<ArrayRef, FormatError> {
        match kind {
            Kind::Int8 => self.narrow::<Int8Type, _>(kind, values, |v| (v as i32).try_into().ok()),
            Kind::Int16 => {
                self.narrow::<Int16Type, _>(kind, values, |v| (v as i32).try_into().ok())
            }
            Kind::UInt8 => self.narrow::<UInt8Type, _>(kind, values, |v| v.try_into().ok()),
            Kind::UInt16 => self.narrow::<UInt16Type, _>(kind, values, |v| v.try_into().ok()),
            Kind::Decimal(..=38, _) => {
                self.narrow::<Decimal128Type, _>(kind, values, |v| Some((v as i32).into()))
            }
            Kind::Decimal(..) => self.narrow::<Decimal256Type, _>(kind, values, |v| {
                Some(i256::from_i128((v as i32).into()))
            }),
            Kind::UInt32 => self.same::<UInt32Type, _>(kind, values),
            Kind::Float32 => self.same::<Float32Type, _>(kind, values),
            Kind::Date => self.same::<Date32Type, _>(kind, values),
            Kind::Time(_) => self.same::<Time32MillisecondType, _>(kind, values),
            _ => self.same::<Int32Type, _>(kind, values),
        }
    }

    fn eight(self, kind: Kind, values: Vec<u64>) -> Result<ArrayRef, FormatError> {
        match kind {
            Kind::Decimal(..=38, _) => {
                self.narrow::<Decimal128Type, _>(kind, values, |v| Some((v as i64).into()))
            }
            Kind::Decimal(..) => self.narrow::<Decimal256Type, _>(kind, values, |v| {
                Some(i256::from_i128((v as i64).into()))
            }),
            Kind::UInt64 => self.same::<UInt64Type, _>(kind, values),
            Kind::Float64 => self.same::<Float64Type, _>(kind, values),
            Kind::Time(Unit::Nano) => self.same::<Time64NanosecondType, _>(kind, values),
            Kind::Time(_) => self.same::<Time64MicrosecondType, _>(kind, values),
            Kind::Timestamp { unit: Unit::Milli, .. } => {
                self.same::<TimestampMillisecondType, _>(kind, values)
            }
            Kind::Timestamp { unit: Unit::Micro, .. } => {
                self.same::<TimestampMicrosecondType, _>(kind, values)
            }
            Kind::Timestamp { unit: Unit::Nano, .. } => {
                self.same::<TimestampNanosecondType, _>(kind, values)
            }
            _ => self.same::<Int64Type, _>(kind, values),
        }
    }

    fn fixed(self, kind: Kind, width: usize, bytes: Vec<u8>) -> Result<ArrayRef, FormatError> {
        match kind {
            Kind::Decimal(precision, _) => self.decimals(kind, precision, bytes.chunks(width)),
            Kind::Float16 => {
                let halves = bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
                self.same::<Float16Type, _>(kind, halves.collect())
            }
            Kind::Uuid => Ok(Arc::new(self.uuids(&bytes))),
            Kind::Interval => {
                let values = bytes.chunks(width).map(interval).collect();
                self.narrow::<IntervalMonthDayNanoType, _>(kind, values, |value| value)
            }
            _ => {
                let bytes = self.spread_bytes(width, bytes);
                let width = i32::try_from(width).map_err(|_| corrupt(UNFIT))?;
                let array = FixedSizeBinaryArray::try_new(width, bytes.into(), self.nulls);
                Ok(Arc::new(array.map_err(unbuilt)?))
            }
        }
    }

    /// Numbers whose bits are those of the Arrow type.
    fn same<T: ArrowPrimitiveType, V: ArrowNativeType>(
        self,
        kind: Kind,
        values: Vec<V>,
    ) -> Result<ArrayRef, FormatError> {
        let buffer = Buffer::from_vec(self.spread(values));
        let values = ScalarBuffer::<T::Native>::new(buffer, 0, self.length);
        primitive::<T>(kind, values, self.nulls)
    }

    /// Numbers each of which has to be made of another.
    fn narrow<T: ArrowPrimitiveType, V: Copy>(
        self,
        kind: Kind,
        values: Vec<V>,
        make: impl Fn(V) -> Option<T::Native>,
    ) -> Result<ArrayRef, FormatError> {
        let made: Option<Vec<_>> = values.into_iter().map(make).collect();
        let made = self.spread(made.ok_or_else(|| corrupt(UNFIT))?);
        primitive::<T>(kind, made.into(), self.nulls)
    }

    fn decimals<'b>(
        self,
        kind: Kind,
        precision: u8,
        texts: impl Iterator<Item = &'b [u8]>,
    ) -> Result<ArrayRef, FormatError> {
        if precision <= 38 {
            let values = texts.map(|text| signed::<16>(text).map(i128::from_be_bytes)).collect();
            self.narrow::<Decimal128Type, _>(kind, values, |value| value)
        } else {
            let values = texts.map(|text| signed::<32>(text).map(i256::from_be_bytes)).collect();
            self.narrow::<Decimal256Type, _>(kind, values, |value| value)
        }
    }

    fn binary(self, ends: Vec<i32>, bytes: Vec<u8>) -> Result<ArrayRef, FormatError> {
        let array = BinaryArray::try_new(self.offsets(ends), bytes.into(), self.nulls);
        Ok(Arc::new(array.map_err(unbuilt)?))
    }

    /// Texts; those that are not UTF-8 become NULL.
    fn text(self, ends: Vec<i32>, bytes: Vec<u8>) -> Result<(ArrayRef, u64), FormatError> {
        let offsets = self.offsets(ends);
        let bytes = Buffer::from_vec(bytes);
        match StringArray::try_new(offsets.clone(), bytes.clone(), self.nulls.clone()) {
            Ok(array) => Ok((Arc::new(array), 0)),
            Err(_) => {
                let raw = BinaryArray::try_new(offsets, bytes, self.nulls).map_err(unbuilt)?;
                let mut array = StringBuilder::new();
                for value in &raw {
                    array.append_option(value.and_then(|value| std::str::from_utf8(value).ok()));
                }
                let array = array.finish();
                let nulled = array.null_count() - raw.null_count();
                Ok((Arc::new(array), nulled as u64))
            }
        }
    }

    /// Instants of the older kind; those that nanoseconds cannot tell become NULL.
    fn julian(self, bytes: &[u8]) -> Result<(ArrayRef, u64), FormatError> {
        let instants = bytes.chunks(12).map(julian).collect();
        let instants = self.spread::<Option<i64>>(instants);
        let array = instants.into_iter().collect::<PrimitiveArray<TimestampNanosecondType>>();
        let nulled = array.null_count() - self.nulls.as_ref().map_or(0, NullBuffer::null_count);
        Ok((Arc::new(array), nulled as u64))
    }

    fn uuids(&self, bytes: &[u8]) -> StringArray {
        let mut values = bytes.chunks_exact(16);
        let mut array = StringBuilder::with_capacity(self.length, self.length * 36);
        for index in 0..self.length {
            let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(index));
            array.append_option(if is_null { None } else { values.next().map(uuid) });
        }
        array.finish()
    }

    /// Puts values where they belong, with something in between that nobody reads.
    fn spread<T: Copy + Default>(&self, values: Vec<T>) -> Vec<T> {
        let Some(nulls) = &self.nulls else { return values };
        let mut spread = vec![T::default(); self.length];
        let mut from = 0;
        for (start, end) in nulls.valid_slices() {
            let count = end - start;
            spread[start..end].copy_from_slice(&values[from..from + count]);
            from += count;
        }
        spread
    }

    fn spread_bytes(&self, width: usize, values: Vec<u8>) -> Vec<u8> {
        let Some(nulls) = &self.nulls else { return values };
        let mut spread = vec![0; self.length * width];
        let mut from = 0;
        for (start, end) in nulls.valid_slices() {
            let bytes = (end - start) * width;
            spread[start * width..end * width].copy_from_slice(&values[from..from + bytes]);
            from += bytes;
        }
        spread
    }

    /// The same for texts, of which only the ends have to be put in their places.
    fn offsets(&self, ends: Vec<i32>) -> OffsetBuffer<i32> {
        let Some(nulls) = &self.nulls else { return OffsetBuffer::new(ends.into()) };
        let mut spread = Vec::with_capacity(self.length + 1);
        let mut from = 0;
        spread.push(0);
        for (start, end) in nulls.valid_slices() {
            spread.resize(start + 1, ends[from]);
            spread.extend_from_slice(&ends[from + 1..=from + end - start]);
            from += end - start;
        }
        spread.resize(self.length + 1, ends[from]);
        OffsetBuffer::new(spread.into())
    }
}

fn primitive<T: ArrowPrimitiveType>(
    kind: Kind,
    values: ScalarBuffer<T::Native>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, FormatError> {
    let array = PrimitiveArray::<T>::try_new(values, nulls).map_err(unbuilt)?;
    Ok(Arc::new(array.with_data_type(kind.data_type())))
}

fn unbuilt(error: ArrowError) -> FormatError {
    FormatError::Batch(error.to_string())
}

/// A whole number with the highest byte first, of as few bytes as its writer liked.
fn signed<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let fill = if text.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut number = [fill; N];
    let (spare, kept) = text.split_at(text.len().saturating_sub(N));
    number[N - kept.len()..].copy_from_slice(kept);
    let same_sign = spare.is_empty() || (number[0] & 0x80 != 0) == (fill != 0);
    (spare.iter().all(|byte| *byte == fill) && same_sign).then_some(number)
}

fn interval(bytes: &[u8]) -> Option<IntervalMonthDayNano> {
    let number = |at: usize| {
        let number = bytes.get(at..).and_then(|rest| rest.first_chunk());
        number.map(|number| u32::from_le_bytes(*number))
    };
    let (months, days) = (i32::try_from(number(0)?).ok()?, i32::try_from(number(4)?).ok()?);
    Some(IntervalMonthDayNano::new(months, days, i64::from(number(8)?) * 1_000_000))
}

/// Nanoseconds since 1970.
fn julian(bytes: &[u8]) -> Option<i64> {
    /// The Julian day of 1970-01-01.
    const EPOCH: i64 = 2_440_588;
    const DAY: i64 = 86_400_000_000_000;
    let (nanos, rest) = bytes.split_first_chunk::<8>()?;
    let day = i64::from(u32::from_le_bytes(*rest.first_chunk()?)) - EPOCH;
    day.checked_mul(DAY)?.checked_add(i64::from_le_bytes(*nanos))
}

fn uuid(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // A text takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{julian, signed, uuid};

    #[test]
    fn numbers_of_any_length_keep_their_sign() {
        let number = |text: &[u8]| signed::<16>(text).map(i128::from_be_bytes);
        assert_eq!((number(&[]), number(&[0xff]), number(&[1, 0])), (Some(0), Some(-1), Some(256)));
        assert_eq!(number(&[&[0xff; 4][..], &[0x80; 16]].concat()), number(&[0x80; 16]));
        assert_eq!(number(&[&[0; 4][..], &[0x80; 16]].concat()), None, "too large");
        assert_eq!(number(&[1; 17]), None, "too large");
    }

    #[test]
    fn julian_days_are_counted_from_1970() {
        let instant =
            |nanos: i64, day: u32| julian(&[&nanos.to_le_bytes()[..], &day.to_le_bytes()].concat());
        assert_eq!(instant(7, 2_440_588), Some(7));
        assert_eq!(instant(0, 2_440_587), Some(-86_400_000_000_000));
        assert_eq!(instant(0, 5_373_484), None, "the year 9999");
    }

    #[test]
    fn a_uuid_is_written_as_people_know_it() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(uuid(&bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
