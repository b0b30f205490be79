//! The footer: the schema as it is written, and where the column chunks are.

use super::thrift::{Broken, Compact, Field, Kind};

type Result<T> = std::result::Result<T, Broken>;

/// Elements, row groups and column chunks of a footer; more would fill the memory.
const MOST: usize = 500_000;

/// What a footer tells, as far as reading needs it. Nothing in it is checked against anything yet.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) elements: Vec<Element>,
    pub(super) groups: Vec<Group>,
    pub(super) encrypted: bool,
}

/// A node of the schema, which is a tree written flat: its children follow it.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) physical: Option<i32>,
    pub(super) length: Option<i32>,
    pub(super) repetition: Option<i32>,
    pub(super) children: usize,
    pub(super) meaning: Meaning,
}

/// What values stand for, or how a group is to be read. The newer annotation is preferred to the
/// older one (`ConvertedType`), which says the same with fewer kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Meaning {
    #[default]
    Nothing,
    Text,
    Map,
    List,
    Decimal {
        precision: i32,
        scale: i32,
    },
    Date,
    Time(Unit),
    Timestamp {
        unit: Unit,
        utc: bool,
    },
    Integer {
        bits: i8,
        signed: bool,
    },
    Null,
    Uuid,
    Float16,
    Interval,
}

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milli,
    Micro,
    Nano,
}

#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) chunks: Vec<ChunkMetadata>,
    pub(super) rows: i64,
}

/// A column chunk.
#[derive(Debug, Default, Clone)]
pub(super) struct ChunkMetadata {
    /// Whether it is kept in another file.
    pub(super) elsewhere: bool,
    pub(super) encrypted: bool,
    pub(super) codec: i32,
    pub(super) values: i64,
    pub(super) compressed: i64,
    pub(super) uncompressed: i64,
    pub(super) data: i64,
    pub(super) dictionary: Option<i64>,
}

impl Metadata {
    pub(super) fn read(footer: &[u8]) -> Result<Self> {
        let (mut found, mut left) = (Self::default(), MOST);
        Compact::new(footer).fields(|input, field| {
            match (field.id, field.kind) {
                (2, Kind::List) => {
                    found.elements = list(input, &mut left, |i, _| Element::read(i))?
                }
                (4, Kind::List) => found.groups = list(input, &mut left, Group::read)?,
                // `encryption_algorithm`, which a file has whose footer can be read by all.
                (8, Kind::Struct) => {
                    found.encrypted = true;
                    return Ok(false);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }
}

/// A list of structures, of which `left` more may come.
fn list<T>(
    input: &mut Compact<'_>,
    left: &mut usize,
    mut read: impl FnMut(&mut Compact<'_>, &mut usize) -> Result<T>,
) -> Result<Vec<T>> {
    let (kind, count) = input.list()?;
    if kind != Kind::Struct && count > 0 {
        return Err(Broken::Wrong("a list is not of structures"));
    }
    // Grown as it is read: the count is not to be believed.
    let mut items = Vec::new();
    for _ in 0..count {
        *left = left.checked_sub(1).ok_or(Broken::Wrong("there are more entries than are read"))?;
        items.push(read(input, left)?);
    }
    Ok(items)
}

impl Element {
    fn read(input: &mut Compact<'_>) -> Result<Self> {
        let mut found = Self::default();
        let (mut converted, mut precision, mut scale) = (None, 0, 0);
        let mut logical = None;
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1, Kind::Integer) => found.physical = Some(input.i32()?),
                (2, Kind::Integer) => found.length = Some(input.i32()?),
                (3, Kind::Integer) => found.repetition = Some(input.i32()?),
                (4, Kind::Binary) => {
                    found.name = String::from_utf8_lossy(input.binary()?).into_owned();
                }
                (5, Kind::Integer) => {
                    found.children = usize::try_from(input.i32()?)
                        .map_err(|_| Broken::Wrong("a count of children is negative"))?;
                }
                (6, Kind::Integer) => converted = Some(input.i32()?),
                (7, Kind::Integer) => scale = input.i32()?,
                (8, Kind::Integer) => precision = input.i32()?,
                (10, Kind::Struct) => logical = Meaning::logical(input)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let older = || converted.map(|code| Meaning::converted(code, precision, scale));
        found.meaning = logical.or_else(older).unwrap_or_default();
        Ok(found)
    }
}

impl Meaning {
    /// The union `LogicalType`: one field, whose number tells which it is. None for one that is
    /// not known.
    fn logical(input: &mut Compact<'_>) -> Result<Option<Self>> {
        let mut found = None;
        input.fields(|input, Field { id, kind }| {
            if kind != Kind::Struct {
                return Ok(false);
            }
            found = match id {
                1 | 4 | 12 => Some(Self::Text),
                2 => Some(Self::Map),
                3 => Some(Self::List),
                5 => return Self::decimal(input, &mut found),
                6 => Some(Self::Date),
                7 | 8 => return Self::time(input, id == 8, &mut found),
                10 => return Self::integer(input, &mut found),
                11 => Some(Self::Null),
                14 => Some(Self::Uuid),
                15 => Some(Self::Float16),
                _ => None,
            };
            Ok(false)
        })?;
        Ok(found)
    }

    fn decimal(input: &mut Compact<'_>, found: &mut Option<Self>) -> Result<bool> {
        let (mut scale, mut precision) = (0, 0);
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1, Kind::Integer) => scale = input.i32()?,
                (2, Kind::Integer) => precision = input.i32()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        *found = Some(Self::Decimal { precision, scale });
        Ok(true)
    }

    fn time(input: &mut Compact<'_>, stamp: bool, found: &mut Option<Self>) -> Result<bool> {
        let (mut utc, mut unit) = (false, None);
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1, Kind::True) => utc = true,
                (2, Kind::Struct) => {
                    input.fields(|_, field| {
                        unit = match field.id {
                            1 => Some(Unit::Milli),
                            2 => Some(Unit::Micro),
                            3 => Some(Unit::Nano),
                            _ => None,
                        };
                        Ok(false)
                    })?;
                    return Ok(true);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        *found = unit.map(|unit| match stamp {
            true => Self::Timestamp { unit, utc },
            false => Self::Time(unit),
        });
        Ok(true)
    }

    fn integer(input: &mut Compact<'_>, found: &mut Option<Self>) -> Result<bool> {
        let (mut bits, mut signed) = (0, false);
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1, Kind::Byte) => bits = input.i8()?,
                (2, Kind::True) => {
                    signed = true;
                    return Ok(true);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        *found = Some(Self::Integer { bits, signed });
        Ok(true)
    }

    /// The enumeration `ConvertedType`.
    fn converted(code: i32, precision: i32, scale: i32) -> Self {
        let integer = |bits, signed| Self::Integer { bits, signed };
        // The older annotation says nothing of zones; its instants are in UTC.
        let stamp = |unit| Self::Timestamp { unit, utc: true };
        match code {
            0 | 4 | 19 => Self::Text,
            1 | 2 => Self::Map,
            3 => Self::List,
            5 => Self::Decimal { precision, scale },
            6 => Self::Date,
            7 => Self::Time(Unit::Milli),
            8 => Self::Time(Unit::Micro),
            9 => stamp(Unit::Milli),
            10 => stamp(Unit::Micro),
            11 => integer(8, false),
            12 => integer(16, false),
            13 => integer(32, false),
            14 => integer(64, false),
            15 => integer(8, true),
            16 => integer(16, true),
            17 => integer(32, true),
            18 => integer(64, true),
            21 => Self::Interval,
            _ => Self::Nothing,
        }
    }
}

impl Group {
    /// Whether any of its columns is.
    pub(super) fn is_encrypted(&self) -> bool {
        self.chunks.iter().any(|chunk| chunk.encrypted)
    }

    fn read(input: &mut Compact<'_>, left: &mut usize) -> Result<Self> {
        let mut found = Self::default();
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1, Kind::List) => {
                    found.chunks = list(input, left, |input, _| ChunkMetadata::read(input))?;
                }
                (3, Kind::Integer) => found.rows = input.i64()?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }
}

impl ChunkMetadata {
    fn read(input: &mut Compact<'_>) -> Result<Self> {
        let mut found = None;
        let (mut elsewhere, mut encrypted) = (false, false);
        input.fields(|input, field| {
            match (field.id, field.kind) {
                (1, Kind::Binary) => elsewhere = !input.binary()?.is_empty(),
                (3, Kind::Struct) => found = Some(Self::read_inner(input)?),
                // `crypto_metadata`, `encrypted_column_metadata`.
                (8, Kind::Struct) | (9, Kind::Binary) => {
                    encrypted = true;
                    return Ok(false);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        match found {
            Some(found) => Ok(Self { elsewhere, encrypted, ..found }),
            None if encrypted => Ok(Self { encrypted, ..Self::default() }),
            None => Err(Broken::Wrong("a column chunk has no description")),
        }
    }

    fn read_inner(input: &mut Compact<'_>) -> Result<Self> {
        let mut found = Self::default();
        input.fields(|input, field| {
            if field.kind != Kind::Integer {
                return Ok(false);
            }
            match field.id {
                4 => found.codec = input.i32()?,
                5 => found.values = input.i64()?,
                6 => found.uncompressed = input.i64()?,
                7 => found.compressed = input.i64()?,
                9 => found.data = input.i64()?,
                11 => found.dictionary = Some(input.i64()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(found)
    }
}
