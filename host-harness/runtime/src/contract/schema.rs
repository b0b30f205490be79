//! From the bytes of an Arrow IPC schema message to a schema. arrow-ipc's own conversion panics on
//! types it does not know, so hostile bytes go through this one.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_ipc::{
    DateUnit, Field as FbField, IntervalUnit as FbIntervalUnit, KeyValue, MessageHeader,
    MetadataVersion, Precision as FbPrecision, TimeUnit as FbTimeUnit, Type, root_as_message,
};
use arrow_schema::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, Fields, IntervalUnit,
    Schema, SchemaRef, TimeUnit,
};

use super::check::NAME;

/// Bytes of one value of a fixed-size binary column; an engine makes values of NULLs too.
const WIDEST_BINARY: i32 = 64 << 10;
/// What an encapsulated message begins with.
pub(super) const CONTINUATION: [u8; 4] = [0xff; 4];
/// Bytes of a whole schema message.
const MESSAGE: usize = 8 << 20;
/// Fields of a schema, nested ones included.
const FIELDS: usize = 10_000;
/// Levels of nesting.
const DEPTH: usize = 16;
/// Bytes of one entry of metadata.
const METADATA: usize = 64 << 10;
/// Entries of the metadata of a schema or field.
const METADATA_ENTRIES: usize = 1_000;
/// Bytes of all metadata together: many fields may point at one text in the message.
const ALL_METADATA: usize = MESSAGE;

/// Why bytes are no schema that may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SchemaViolation {
    #[error("the schema is no Arrow IPC message: {0}")]
    Malformed(String),
    #[error("the schema is larger than {MESSAGE} bytes")]
    TooLarge,
    #[error("the schema has more than {FIELDS} columns")]
    TooManyFields,
    #[error("the schema is nested deeper than {DEPTH} levels")]
    TooDeep,
    #[error("a column's name is missing or longer than {NAME} bytes")]
    Name,
    #[error("the schema's metadata is too large")]
    Metadata,
    #[error("a column has the type {0}, which the contract does not allow")]
    Type(String),
}

type Checked<T> = Result<T, SchemaViolation>;

/// What is left for the rest of a schema.
struct Budget {
    fields: usize,
    metadata: usize,
}

/// Decodes a schema message with or without the framing of a stream.
pub(crate) fn decode(bytes: &[u8]) -> Checked<SchemaRef> {
    if bytes.len() > MESSAGE {
        return Err(SchemaViolation::TooLarge);
    }
    let malformed = |what: &str| SchemaViolation::Malformed(what.to_owned());
    let message = root_as_message(unframed(bytes)?)
        .map_err(|error| SchemaViolation::Malformed(error.to_string()))?;
    if message.header_type() != MessageHeader::Schema || message.version() != MetadataVersion::V5 {
        return Err(malformed("it is not a schema message of version 5"));
    }
    let schema = message.header_as_schema().ok_or_else(|| malformed("it has no header"))?;
    if schema.endianness() != arrow_ipc::Endianness::Little {
        return Err(malformed("it is not little-endian"));
    }
    let mut budget = Budget { fields: FIELDS, metadata: ALL_METADATA };
    let fields = schema
        .fields()
        .into_iter()
        .flatten()
        .map(|field| self::field(field, 1, &mut budget))
        .collect::<Checked<Fields>>()?;
    let metadata = metadata(schema.custom_metadata(), &mut budget)?;
    Ok(Arc::new(Schema::new_with_metadata(fields, metadata)))
}

/// The flatbuffer inside an encapsulated message, or all bytes if they are not encapsulated.
fn unframed(bytes: &[u8]) -> Checked<&[u8]> {
    let Some(rest) = bytes.strip_prefix(&CONTINUATION) else { return Ok(bytes) };
    let malformed = || SchemaViolation::Malformed("it is cut off".to_owned());
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    let length = usize::try_from(i32::from_le_bytes(*length)).map_err(|_| malformed())?;
    rest.get(..length).ok_or_else(malformed)
}

fn field(field: FbField<'_>, depth: usize, budget: &mut Budget) -> Checked<Field> {
    budget.fields = budget.fields.checked_sub(1).ok_or(SchemaViolation::TooManyFields)?;
    if depth > DEPTH {
        return Err(SchemaViolation::TooDeep);
    }
    let name = field.name().filter(|name| name.len() <= NAME).ok_or(SchemaViolation::Name)?;
    if field.dictionary().is_some() {
        return Err(SchemaViolation::Type("dictionary".to_owned()));
    }
    let metadata = metadata(field.custom_metadata(), budget)?;
    let data_type = data_type(field, depth, budget)?;
    Ok(Field::new(name, data_type, field.nullable()).with_metadata(metadata))
}

fn data_type(field: FbField<'_>, depth: usize, budget: &mut Budget) -> Checked<DataType> {
    let unsupported = || SchemaViolation::Type(format!("{:?}", field.type_type()));
    match field.type_type() {
        Type::Null => Some(DataType::Null),
        Type::Bool => Some(DataType::Boolean),
        Type::Binary => Some(DataType::Binary),
        Type::LargeBinary => Some(DataType::LargeBinary),
        Type::BinaryView => Some(DataType::BinaryView),
        Type::Utf8 => Some(DataType::Utf8),
        Type::LargeUtf8 => Some(DataType::LargeUtf8),
        Type::Utf8View => Some(DataType::Utf8View),
        Type::Int => field.type_as_int().and_then(|int| integer(int.bitWidth(), int.is_signed())),
        Type::FloatingPoint => field.type_as_floating_point().and_then(|float| {
            Some(match float.precision() {
                FbPrecision::HALF => DataType::Float16,
                FbPrecision::SINGLE => DataType::Float32,
                FbPrecision::DOUBLE => DataType::Float64,
                _ => return None,
            })
        }),
        Type::FixedSizeBinary => field
            .type_as_fixed_size_binary()
            .filter(|binary| (0..=WIDEST_BINARY).contains(&binary.byteWidth()))
            .map(|binary| DataType::FixedSizeBinary(binary.byteWidth())),
        Type::Decimal => field.type_as_decimal().and_then(|decimal| {
            self::decimal(decimal.bitWidth(), decimal.precision(), decimal.scale())
        }),
        Type::Date | Type::Time | Type::Timestamp | Type::Duration | Type::Interval => {
            temporal(field)
        }
        Type::List => Some(DataType::List(only_child(field, depth, budget)?)),
        Type::LargeList => Some(DataType::LargeList(only_child(field, depth, budget)?)),
        Type::Struct_ => Some(DataType::Struct(children(field, depth, budget)?)),
        _ => None,
    }
    .ok_or_else(unsupported)
}

fn integer(bits: i32, signed: bool) -> Option<DataType> {
    Some(match (bits, signed) {
        (8, true) => DataType::Int8,
        (16, true) => DataType::Int16,
        (32, true) => DataType::Int32,
        (64, true) => DataType::Int64,
        (8, false) => DataType::UInt8,
        (16, false) => DataType::UInt16,
        (32, false) => DataType::UInt32,
        (64, false) => DataType::UInt64,
        _ => return None,
    })
}

fn decimal(bits: i32, precision: i32, scale: i32) -> Option<DataType> {
    let precision = u8::try_from(precision).ok()?;
    let scale = i8::try_from(scale).ok()?;
    let fits =
        |most: u8| (1..=most).contains(&precision) && i16::from(scale) <= i16::from(precision);
    match bits {
        128 if fits(DECIMAL128_MAX_PRECISION) => Some(DataType::Decimal128(precision, scale)),
        256 if fits(DECIMAL256_MAX_PRECISION) => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

fn temporal(field: FbField<'_>) -> Option<DataType> {
    match field.type_type() {
        Type::Date => match field.type_as_date()?.unit() {
            DateUnit::DAY => Some(DataType::Date32),
            DateUnit::MILLISECOND => Some(DataType::Date64),
            _ => None,
        },
        Type::Time => {
            let time = field.type_as_time()?;
            match (time.bitWidth(), unit(time.unit())?) {
                (32, unit @ (TimeUnit::Second | TimeUnit::Millisecond)) => {
                    Some(DataType::Time32(unit))
                }
                (64, unit @ (TimeUnit::Microsecond | TimeUnit::Nanosecond)) => {
                    Some(DataType::Time64(unit))
                }
                _ => None,
            }
        }
        Type::Timestamp => {
            let timestamp = field.type_as_timestamp()?;
            let zone = timestamp.timezone();
            if zone.is_some_and(|zone| zone.len() > 64) {
                return None;
            }
            Some(DataType::Timestamp(unit(timestamp.unit())?, zone.map(Into::into)))
        }
        Type::Duration => Some(DataType::Duration(unit(field.type_as_duration()?.unit())?)),
        Type::Interval => Some(DataType::Interval(match field.type_as_interval()?.unit() {
            FbIntervalUnit::YEAR_MONTH => IntervalUnit::YearMonth,
            FbIntervalUnit::DAY_TIME => IntervalUnit::DayTime,
            FbIntervalUnit::MONTH_DAY_NANO => IntervalUnit::MonthDayNano,
            _ => return None,
        })),
        _ => None,
    }
}

fn unit(unit: FbTimeUnit) -> Option<TimeUnit> {
    Some(match unit {
        FbTimeUnit::SECOND => TimeUnit::Second,
        FbTimeUnit::MILLISECOND => TimeUnit::Millisecond,
        FbTimeUnit::MICROSECOND => TimeUnit::Microsecond,
        FbTimeUnit::NANOSECOND => TimeUnit::Nanosecond,
        _ => return None,
    })
}

fn children(parent: FbField<'_>, depth: usize, budget: &mut Budget) -> Checked<Fields> {
    parent.children().into_iter().flatten().map(|child| field(child, depth + 1, budget)).collect()
}

fn only_child(parent: FbField<'_>, depth: usize, budget: &mut Budget) -> Checked<Arc<Field>> {
    match children(parent, depth, budget)?.as_ref() {
        [child] => Ok(Arc::clone(child)),
        _ => Err(SchemaViolation::Type("list without exactly one child".to_owned())),
    }
}

fn metadata<'a>(
    entries: Option<impl IntoIterator<Item = KeyValue<'a>>>,
    budget: &mut Budget,
) -> Checked<HashMap<String, String>> {
    let mut metadata = HashMap::new();
    for entry in entries.into_iter().flatten() {
        let (key, value) = (entry.key().unwrap_or_default(), entry.value().unwrap_or_default());
        if key.len() > NAME || value.len() > METADATA || metadata.len() >= METADATA_ENTRIES {
            return Err(SchemaViolation::Metadata);
        }
        let bytes = key.len() + value.len();
        budget.metadata = budget.metadata.checked_sub(bytes).ok_or(SchemaViolation::Metadata)?;
        metadata.insert(key.to_owned(), value.to_owned());
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteOptions, StreamWriter};
    use proptest::prelude::*;

    use super::*;

    fn encode(schema: &Schema) -> Vec<u8> {
        let mut tracker = DictionaryTracker::new(false);
        IpcDataGenerator::default()
            .schema_to_bytes_with_dictionary_tracker(
                schema,
                &mut tracker,
                &IpcWriteOptions::default(),
            )
            .ipc_message
    }

    fn framed(schema: &Schema) -> Vec<u8> {
        let mut bytes = Vec::new();
        StreamWriter::try_new(&mut bytes, schema).unwrap();
        bytes
    }

    fn of(data_type: DataType) -> Schema {
        Schema::new(vec![Field::new("c", data_type, true)])
    }

    fn list(inner: DataType) -> DataType {
        DataType::List(Arc::new(Field::new("item", inner, true)))
    }

    #[test]
    fn every_type_of_the_contract_comes_back_as_it_was() {
        let types = [
            DataType::Null,
            DataType::Boolean,
            DataType::Int8,
            DataType::Int64,
            DataType::UInt16,
            DataType::Float16,
            DataType::Float64,
            DataType::Utf8,
            DataType::LargeUtf8,
            DataType::Utf8View,
            DataType::Binary,
            DataType::BinaryView,
            DataType::FixedSizeBinary(16),
            DataType::Date32,
            DataType::Date64,
            DataType::Time32(TimeUnit::Second),
            DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            DataType::Duration(TimeUnit::Millisecond),
            DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Decimal128(38, 10),
            DataType::Decimal256(76, -3),
            list(DataType::Utf8),
            DataType::Struct(vec![Field::new("x", list(DataType::Int32), false)].into()),
        ];
        for data_type in types {
            let schema = of(data_type);
            assert_eq!(*decode(&encode(&schema)).unwrap(), schema);
            assert_eq!(*decode(&framed(&schema)).unwrap(), schema);
        }
    }

    #[test]
    fn metadata_of_schema_and_fields_is_kept() {
        let entry = |key: &str| HashMap::from([(key.to_owned(), "v".to_owned())]);
        let field = Field::new("c", DataType::Utf8, false).with_metadata(entry("f"));
        let schema = Schema::new_with_metadata(vec![field], entry("s"));
        assert_eq!(*decode(&encode(&schema)).unwrap(), schema);
    }

    #[test]
    fn dictionaries_and_types_outside_the_contract_are_refused() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let run_ends = DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            Arc::new(Field::new("values", DataType::Utf8, true)),
        );
        for data_type in [dictionary, run_ends] {
            let error = decode(&encode(&of(data_type))).unwrap_err();
            assert!(matches!(error, SchemaViolation::Type(_)), "{error}");
        }
    }

    #[test]
    fn size_depth_and_names_are_bounded() {
        let wide: Vec<_> =
            (0..=FIELDS).map(|n| Field::new(n.to_string(), DataType::Int8, true)).collect();
        assert_eq!(decode(&encode(&Schema::new(wide))), Err(SchemaViolation::TooManyFields));
        let deep = (0..DEPTH).fold(DataType::Int8, |inner, _| list(inner));
        assert_eq!(decode(&encode(&of(deep))), Err(SchemaViolation::TooDeep));
        let long = Schema::new(vec![Field::new("x".repeat(NAME + 1), DataType::Int8, true)]);
        assert_eq!(decode(&encode(&long)), Err(SchemaViolation::Name));
        assert_eq!(decode(&vec![0; MESSAGE + 1]), Err(SchemaViolation::TooLarge));
    }

    #[test]
    fn metadata_is_bounded_over_all_fields() {
        let large = HashMap::from([("k".to_owned(), "v".repeat(METADATA))]);
        let fields = (0..200).map(|n| Field::new(n.to_string(), DataType::Int8, true));
        let mut budget = Budget { fields: FIELDS, metadata: ALL_METADATA };
        let schema = Schema::new(vec![Field::new("c", DataType::Int8, true).with_metadata(large)]);
        let bytes = encode(&schema);
        let message = root_as_message(&bytes).unwrap().header_as_schema().unwrap();
        let shared = message.fields().unwrap().get(0);
        let outcomes: Vec<_> = fields.map(|_| field(shared, 1, &mut budget)).collect();
        assert!(outcomes[0].is_ok());
        assert_eq!(outcomes.last().unwrap(), &Err(SchemaViolation::Metadata));
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn damaged_schemas_never_panic(at in 0_usize..2_000, byte: u8, cut in 0_usize..2_000) {
            let nested = DataType::Struct(vec![
                Field::new("a", list(DataType::Decimal128(10, 2)), true),
                Field::new("b", DataType::Timestamp(TimeUnit::Second, Some("UTC".into())), true),
            ].into());
            let mut bytes = framed(&of(nested));
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = decode(&bytes);
            bytes.truncate(cut % length);
            let _ = decode(&bytes);
        }
    }
}
