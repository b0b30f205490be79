//! A file's columns as Arrow types, and how levels make nested values of the leaves.
//!
//! Parquet's own types decide. Writers from Arrow's world also keep their schema in the file, with
//! dictionaries, views and the names of time zones; it is left aside, as DuckDB does: instants are
//! in UTC then, and durations are whole numbers.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};

use super::corrupt;
use super::metadata::{Element, Meaning, Unit};
use super::values::Physical;
use crate::FormatError;
use crate::column_names::{self, MOST_COLUMNS};

/// Bytes of a value of a fixed length.
const WIDEST: usize = 64 << 10;
/// Columns within columns; what holds a batch has to follow them all.
const DEEPEST: usize = 16;

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) schema: SchemaRef,
    pub(super) nodes: Vec<Node>,
    pub(super) leaves: Vec<Leaf>,
}

/// A column without columns in it: the file has values of these only.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) physical: Physical,
    pub(super) kind: Kind,
    /// The level of definition of a value that is there.
    pub(super) defined: u8,
    /// For each list around it, from the outermost: the level at which there is an element.
    pub(super) elements: Vec<u8>,
}

/// What the bits of a leaf's values are, where the physical type does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float16,
    Float32,
    Float64,
    Date,
    Time(Unit),
    Timestamp {
        unit: Unit,
        utc: bool,
    },
    /// Nanoseconds of the day, and the day of the Julian calendar.
    JulianTimestamp,
    Interval,
    /// Precision and scale.
    Decimal(u8, i8),
    Text,
    Uuid,
    Binary,
    Fixed(i32),
    Null,
}

/// How a column is put together from its leaves.
#[derive(Debug)]
pub(super) enum Node {
    Leaf { leaf: usize },
    Struct { fields: Fields, children: Vec<Node>, defined: u8 },
    List { field: FieldRef, element: Box<Node>, levels: ListLevels },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ListLevels {
    /// The level of definition of a list that is there, be it empty.
    pub(super) defined: u8,
    /// The level of definition of an element.
    pub(super) element: u8,
    /// The level of repetition of an element that follows another.
    pub(super) depth: u8,
}

impl Node {
    /// The first leaf, which tells the levels of the node.
    pub(super) fn first_leaf(&self) -> usize {
        match self {
            Self::Leaf { leaf } => *leaf,
            Self::Struct { children, .. } => children[0].first_leaf(),
            Self::List { element, .. } => element.first_leaf(),
        }
    }

    /// How many leaves it has, which are next to each other.
    pub(super) fn leaves(&self) -> usize {
        match self {
            Self::Leaf { .. } => 1,
            Self::Struct { children, .. } => children.iter().map(Self::leaves).sum(),
            Self::List { element, .. } => element.leaves(),
        }
    }
}

impl Columns {
    /// The columns of a schema as the footer has it.
    pub(super) fn new(elements: &[Element]) -> Result<Self, FormatError> {
        let Some((root, rest)) = elements.split_first() else {
            return Err(corrupt("its footer has no schema"));
        };
        // Those within columns are counted too.
        if rest.len() > MOST_COLUMNS {
            return Err(FormatError::TooManyColumns { columns: rest.len(), limit: MOST_COLUMNS });
        }
        let mut reading = Reading { rest, leaves: Vec::new() };
        let (mut names, mut fields, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..root.children {
            let (field, node) = reading.node(Around::default())?;
            names.push(field.name().clone());
            fields.push(field);
            nodes.push(node);
        }
        if !reading.rest.is_empty() {
            return Err(corrupt("its schema has columns that belong to nothing"));
        }
        // SQL does not tell `a` from `A`.
        column_names::make_unique(&mut names);
        let named = fields.into_iter().zip(names).map(|(field, name)| field.with_name(name));
        let schema = Arc::new(Schema::new(named.collect::<Vec<_>>()));
        Ok(Self { schema, nodes, leaves: reading.leaves })
    }
}

/// The levels that what is around a node has.
#[derive(Debug, Clone, Default)]
struct Around {
    defined: u8,
    elements: Vec<u8>,
    nesting: usize,
}

impl Around {
    fn go_deeper(&mut self) -> Result<(), FormatError> {
        self.nesting += 1;
        if self.nesting > DEEPEST {
            let what = format!("columns within columns, more than {DEEPEST} deep");
            return Err(FormatError::Unsupported { what });
        }
        Ok(())
    }

    /// Inside a list of which an element is there at this level.
    fn within(&self, element: u8) -> Self {
        let elements = [&self.elements[..], &[element]].concat();
        Self { defined: element, elements, nesting: self.nesting }
    }
}

struct Reading<'a> {
    rest: &'a [Element],
    leaves: Vec<Leaf>,
}

impl<'a> Reading<'a> {
    fn element(&mut self) -> Result<&'a Element, FormatError> {
        let next = self.rest.split_first();
        let (first, rest) = next.ok_or_else(|| corrupt("its schema breaks off"))?;
        self.rest = rest;
        Ok(first)
    }

    /// The next element and all below it.
    fn node(&mut self, mut around: Around) -> Result<(Field, Node), FormatError> {
        let element = self.element()?;
        around.go_deeper()?;
        let repetition = element.repetition.unwrap_or(0);
        match repetition {
            0 => {}
            1 => around.defined += 1,
            // Repeated without being called a list: a list of values that are there.
            2 => {
                let levels = list_levels(&around);
                let (inner, node) = self.value(element, around.within(levels.element))?;
                let item = may_become_null(&inner);
                let list = list(Field::new("item", inner, item), node, levels);
                return Ok((Field::new(&element.name, list.0, false), list.1));
            }
            _ => return Err(corrupt("its schema has an unknown kind of repetition")),
        }
        let (data_type, node) = self.value(element, around)?;
        let nullable = repetition == 1 || may_become_null(&data_type);
        Ok((Field::new(&element.name, data_type, nullable), node))
    }

    /// What is below an element, its own repetition left aside.
    fn value(
        &mut self,
        element: &'a Element,
        around: Around,
    ) -> Result<(DataType, Node), FormatError> {
        if element.children == 0 {
            return self.leaf(element, around);
        }
        let repeated = self.rest.first().filter(|inner| inner.repetition == Some(2));
        match (element.meaning, repeated, element.children) {
            (Meaning::List, Some(inner), 1) => self.list(element, inner, &around),
            (Meaning::Map, Some(inner), 1) if inner.children == 2 => self.map(&around),
            _ => self.group(element, &around),
        }
    }

    fn group(
        &mut self,
        element: &Element,
        around: &Around,
    ) -> Result<(DataType, Node), FormatError> {
        let (mut fields, mut children) = (Vec::new(), Vec::new());
        for _ in 0..element.children {
            let (field, node) = self.node(around.clone())?;
            fields.push(field);
            children.push(node);
        }
        let fields = Fields::from(fields);
        let node = Node::Struct { fields: fields.clone(), children, defined: around.defined };
        Ok((DataType::Struct(fields), node))
    }

    /// A list as the format wants it, a repeated group around the element, or as older writers made
    /// it, where the repeated field is the element.
    fn list(
        &mut self,
        outer: &Element,
        inner: &'a Element,
        around: &Around,
    ) -> Result<(DataType, Node), FormatError> {
        self.element()?;
        let levels = list_levels(around);
        let mut within = around.within(levels.element);
        let wraps = inner.children == 1
            && inner.name != "array"
            && inner.name.strip_suffix("_tuple") != Some(outer.name.as_str())
            && self.rest.first().is_some_and(|element| element.repetition != Some(2));
        let (field, node) = if wraps {
            let (field, node) = self.node(within)?;
            (field.with_name("item"), node)
        } else {
            within.go_deeper()?;
            let (data_type, node) = self.value(inner, within)?;
            let nullable = may_become_null(&data_type);
            (Field::new("item", data_type, nullable), node)
        };
        Ok(list(field, node, levels))
    }

    /// A map is a list of its entries.
    fn map(&mut self, around: &Around) -> Result<(DataType, Node), FormatError> {
        self.element()?;
        let levels = list_levels(around);
        let within = around.within(levels.element);
        let (key, key_node) = self.node(within.clone())?;
        let (value, value_node) = self.node(within)?;
        let fields = Fields::from(vec![key.with_name("key"), value.with_name("value")]);
        let element = Node::Struct {
            fields: fields.clone(),
            children: vec![key_node, value_node],
            defined: levels.element,
        };
        let entries = Field::new("item", DataType::Struct(fields), false);
        Ok(list(entries, element, levels))
    }

    fn leaf(&mut self, element: &Element, around: Around) -> Result<(DataType, Node), FormatError> {
        let leaf = self.leaves.len();
        let (physical, kind) = kind(element)?;
        let Around { defined, elements, .. } = around;
        self.leaves.push(Leaf { physical, kind, defined, elements });
        Ok((kind.data_type(), Node::Leaf { leaf }))
    }
}

/// Whether values may turn out to be NULL although the file says that none is: all of a column that
/// is called null, texts that are not UTF-8, and instants that nanoseconds cannot tell.
fn may_become_null(data_type: &DataType) -> bool {
    let julian = DataType::Timestamp(TimeUnit::Nanosecond, None);
    matches!(data_type, DataType::Null | DataType::Utf8) || *data_type == julian
}

fn list_levels(around: &Around) -> ListLevels {
    let defined = around.defined;
    ListLevels { defined, element: defined + 1, depth: around.elements.len() as u8 + 1 }
}

fn list(field: Field, element: Node, levels: ListLevels) -> (DataType, Node) {
    let field = Arc::new(field);
    (DataType::List(field.clone()), Node::List { field, element: Box::new(element), levels })
}

/// How a leaf's values are stored and what they are.
fn kind(element: &Element) -> Result<(Physical, Kind), FormatError> {
    let width = usize::try_from(element.length.unwrap_or(0)).unwrap_or(0);
    let meaning = element.meaning;
    let physical = match element.physical {
        Some(0) => return Ok((Physical::Boolean, null_or(meaning, Kind::Boolean))),
        Some(1 | 4) => Physical::Four,
        Some(2 | 5) => Physical::Eight,
        Some(3) => return Ok((Physical::Fixed(12), null_or(meaning, Kind::JulianTimestamp))),
        Some(6) => Physical::Bytes,
        Some(7) if width > WIDEST => {
            let what = format!("values of a fixed length of {width} bytes");
            return Err(FormatError::Unsupported { what });
        }
        Some(7) if width > 0 => Physical::Fixed(width),
        Some(7) => return Err(corrupt("its schema has values of no length")),
        Some(_) => return Err(corrupt("its schema has an unknown type")),
        None => return Err(corrupt("its schema has a group without columns")),
    };
    let plain = match element.physical {
        Some(1) => Kind::Int32,
        Some(2) => Kind::Int64,
        Some(4) => Kind::Float32,
        Some(5) => Kind::Float64,
        Some(6) => Kind::Binary,
        _ => Kind::Fixed(i32::try_from(width).unwrap_or(i32::MAX)),
    };
    // A meaning that does not go with the type says nothing.
    let kind = match (meaning, plain) {
        (Meaning::Null, _) => Kind::Null,
        (Meaning::Decimal { precision, scale }, _) if plain.may_be_decimal() => {
            decimal(precision, scale)?
        }
        (Meaning::Text, Kind::Binary) => Kind::Text,
        (Meaning::Uuid, Kind::Fixed(16)) => Kind::Uuid,
        (Meaning::Float16, Kind::Fixed(2)) => Kind::Float16,
        (Meaning::Interval, Kind::Fixed(12)) => Kind::Interval,
        (Meaning::Date, Kind::Int32) => Kind::Date,
        (Meaning::Time(Unit::Milli), Kind::Int32) => Kind::Time(Unit::Milli),
        (Meaning::Time(unit @ (Unit::Micro | Unit::Nano)), Kind::Int64) => Kind::Time(unit),
        (Meaning::Timestamp { unit, utc }, Kind::Int64) => Kind::Timestamp { unit, utc },
        (Meaning::Integer { bits: 8, signed: true }, Kind::Int32) => Kind::Int8,
        (Meaning::Integer { bits: 16, signed: true }, Kind::Int32) => Kind::Int16,
        (Meaning::Integer { bits: 8, signed: false }, Kind::Int32) => Kind::UInt8,
        (Meaning::Integer { bits: 16, signed: false }, Kind::Int32) => Kind::UInt16,
        (Meaning::Integer { bits: 32, signed: false }, Kind::Int32) => Kind::UInt32,
        (Meaning::Integer { bits: 64, signed: false }, Kind::Int64) => Kind::UInt64,
        _ => plain,
    };
    Ok((physical, kind))
}

fn null_or(meaning: Meaning, kind: Kind) -> Kind {
    if meaning == Meaning::Null { Kind::Null } else { kind }
}

fn decimal(precision: i32, scale: i32) -> Result<Kind, FormatError> {
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=76), Ok(scale)) if (0..=precision.cast_signed()).contains(&scale) => {
            Ok(Kind::Decimal(precision, scale))
        }
        _ => {
            let what = format!("decimals of {precision} digits with {scale} behind the point");
            Err(FormatError::Unsupported { what })
        }
    }
}

impl Unit {
    fn arrow(self) -> TimeUnit {
        match self {
            Self::Milli => TimeUnit::Millisecond,
            Self::Micro => TimeUnit::Microsecond,
            Self::Nano => TimeUnit::Nanosecond,
        }
    }
}

impl Kind {
    fn may_be_decimal(self) -> bool {
        matches!(self, Self::Int32 | Self::Int64 | Self::Binary | Self::Fixed(_))
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int8 => DataType::Int8,
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt8 => DataType::UInt8,
            Self::UInt16 => DataType::UInt16,
            Self::UInt32 => DataType::UInt32,
            Self::UInt64 => DataType::UInt64,
            Self::Float16 => DataType::Float16,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Time(Unit::Milli) => DataType::Time32(TimeUnit::Millisecond),
            Self::Time(unit) => DataType::Time64(unit.arrow()),
            Self::Timestamp { unit, utc } => {
                DataType::Timestamp(unit.arrow(), utc.then(|| "UTC".into()))
            }
            Self::JulianTimestamp => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Decimal(precision @ ..=38, scale) => DataType::Decimal128(precision, scale),
            Self::Decimal(precision, scale) => DataType::Decimal256(precision, scale),
            Self::Text | Self::Uuid => DataType::Utf8,
            Self::Binary => DataType::Binary,
            Self::Fixed(width) => DataType::FixedSizeBinary(width),
            Self::Null => DataType::Null,
        }
    }
}
