//! The types a column can have, and which of them its cells allow.

use std::fmt;
use std::sync::Arc;

use arrow_schema::{DataType, TimeUnit};
use serde::{Deserialize, Serialize};

use super::parse;
use crate::dates;

/// The type of a column. What an inferred column takes:
///
/// | type | text |
/// |---|---|
/// | boolean | `true`, `false` in any case |
/// | bigint | up to 18 digits, `-`, no leading zeros |
/// | double | decimal, with or without exponent |
/// | date | `2024-02-29` |
/// | time | `23:59:59` and up to six decimals |
/// | timestamp | date, `T` or space, time; no offset |
/// | timestamptz | the same with an offset; the instant is kept, in UTC |
/// | varchar | anything else |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// True or false.
    Boolean,
    /// 64-bit integer.
    BigInt,
    /// 64-bit floating point.
    Double,
    /// Days.
    Date,
    /// Microseconds since midnight.
    Time,
    /// Microseconds, of no known time zone.
    Timestamp,
    /// Microseconds, in UTC.
    TimestampTz,
    /// UTF-8 text.
    Varchar,
}

impl ColumnType {
    /// All types, the more specific ones first: the order in which inference prefers them.
    const ALL: [(Self, &'static str); 8] = [
        (Self::Boolean, "boolean"),
        (Self::BigInt, "bigint"),
        (Self::Double, "double"),
        (Self::Date, "date"),
        (Self::Time, "time"),
        (Self::Timestamp, "timestamp"),
        (Self::TimestampTz, "timestamptz"),
        (Self::Varchar, "varchar"),
    ];

    /// The type of a name as written in SQL, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let canonical = match name.as_str() {
            "bool" => "boolean",
            "int" | "integer" | "int64" => "bigint",
            "float" | "float64" | "double precision" | "real" => "double",
            "timestamp with time zone" => "timestamptz",
            "text" | "string" | "utf8" => "varchar",
            other => other,
        };
        Self::ALL.iter().find(|(_, known)| *known == canonical).map(|(found, _)| *found)
    }

    /// The names that [`from_name`](Self::from_name) prefers, separated by commas.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }

    /// The type whose values are of an Arrow type.
    #[must_use]
    pub fn of_data_type(data_type: &DataType) -> Option<Self> {
        Self::ALL.iter().map(|(of, _)| *of).find(|of| of.data_type() == *data_type)
    }

    /// The Arrow type.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::BigInt => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some(utc())),
            Self::Varchar => DataType::Utf8,
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(known, _)| known == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// The time zone of instants.
pub(super) fn utc() -> Arc<str> {
    Arc::from("UTC")
}

/// The types, beside text, that a text can be a value of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TypeSet(u8);

impl TypeSet {
    /// Text and nothing else.
    pub(super) const TEXT: Self = Self(0);
    const ALL: Self = Self(u8::MAX);

    const fn one(of: ColumnType) -> Self {
        Self(1 << of as u8)
    }

    const fn and(self, of: ColumnType) -> Self {
        Self(self.0 | Self::one(of).0)
    }

    /// Whether the set has this type; every set has text.
    pub(super) fn has(self, of: ColumnType) -> bool {
        of == ColumnType::Varchar || self.0 & Self::one(of).0 != 0
    }

    /// What a cell allows, without spaces around it.
    ///
    /// What would not read back as it was written stays text: numbers with leading zeros or a
    /// leading plus (they may be codes or telephone numbers), and integers of more than 18 digits.
    pub(super) fn of(cell: &[u8]) -> Self {
        use ColumnType::{BigInt, Boolean, Date, Double, Time, Timestamp, TimestampTz};
        let Some(first) = cell.first() else { return Self::TEXT };
        if parse::boolean(cell).is_some() {
            return Self::one(Boolean);
        }
        let digits = cell.strip_prefix(b"-").or(cell.strip_prefix(b"+")).unwrap_or(cell);
        if digits.iter().all(u8::is_ascii_digit) {
            let fits = digits.len() <= 18 && parse::integer(cell).is_some();
            return if fits { Self::one(BigInt).and(Double) } else { Self::TEXT };
        }
        if parse::float(cell).is_some() {
            return Self::one(Double);
        }
        if !first.is_ascii_digit() {
            return Self::TEXT;
        }
        if dates::time(cell).is_some() {
            return Self::one(Time);
        }
        match dates::timestamp(cell) {
            Some((_, true)) => Self::one(TimestampTz),
            Some((_, false)) if cell.len() == 10 => Self::one(Date).and(Timestamp),
            Some((_, false)) => Self::one(Timestamp),
            None => Self::TEXT,
        }
    }
}

/// What the cells of a column have shown so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence {
    allowed: TypeSet,
    cells: usize,
    digits: bool,
}

impl Evidence {
    pub(super) const NONE: Self = Self { allowed: TypeSet::ALL, cells: 0, digits: false };

    /// Takes in a cell that is not NULL.
    pub(super) fn add(&mut self, cell: &[u8]) {
        self.cells += 1;
        if self.allowed != TypeSet::TEXT {
            self.allowed = TypeSet(self.allowed.0 & TypeSet::of(cell.trim_ascii()).0);
            self.digits |= cell.iter().any(u8::is_ascii_digit);
        }
    }

    /// Whether there was no cell.
    pub(super) fn is_empty(self) -> bool {
        self.cells == 0
    }

    /// The most specific type that every cell allows; text where there were none.
    pub(super) fn column_type(self) -> ColumnType {
        let fits = |of: ColumnType| match of {
            _ if self.cells == 0 => false,
            // Nan is a number only beside numbers: it is also a name.
            ColumnType::Double => self.digits && self.allowed.has(of),
            _ => self.allowed.has(of),
        };
        ColumnType::ALL
            .into_iter()
            .map(|(of, _)| of)
            .find(|of| fits(*of))
            .unwrap_or(ColumnType::Varchar)
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnType, Evidence};

    fn inferred(cells: &[&str]) -> ColumnType {
        let mut evidence = Evidence::NONE;
        cells.iter().for_each(|cell| evidence.add(cell.as_bytes()));
        evidence.column_type()
    }

    #[test]
    fn the_most_specific_type_that_all_cells_allow_is_taken() {
        use ColumnType::{BigInt, Boolean, Date, Double, Time, Timestamp, TimestampTz, Varchar};
        for (cells, expected) in [
            (&["true", "FALSE"][..], Boolean),
            (&["1", "-20"], BigInt),
            (&["1", "2.5"], Double),
            (&["1e-3", "nan"], Double),
            (&["2024-02-29"], Date),
            (&["23:59:59.5"], Time),
            (&["2024-02-29 10:00:00", "2024-02-29"], Timestamp),
            (&["2024-02-29T10:00:00Z", "2024-02-29T10:00:00+02:00"], TimestampTz),
            (&["2024-02-29T10:00:00Z", "2024-02-29T10:00:00"], Varchar),
            (&["true", "1"], Varchar),
            (&["13/02/2024"], Varchar),
            (&["yes", "no"], Varchar),
            (&[], Varchar),
        ] {
            assert_eq!(inferred(cells), expected, "{cells:?}");
        }
    }

    #[test]
    fn what_would_not_read_back_as_written_stays_text() {
        for cell in [
            "00123",
            "+4512345678",
            "1234567890123456789",
            "007.5",
            "2024-01-01T00:00:00.123456789",
            "12345678901234567890.5e999",
        ] {
            assert_eq!(inferred(&[cell]), ColumnType::Varchar, "{cell}");
        }
        assert_eq!(inferred(&["nan", "Nan"]), ColumnType::Varchar);
    }

    #[test]
    fn spaces_around_a_value_do_not_make_it_text() {
        assert_eq!(inferred(&[" 1", "2 "]), ColumnType::BigInt);
    }

    #[test]
    fn types_have_the_names_of_sql() {
        assert_eq!(ColumnType::from_name("VARCHAR"), Some(ColumnType::Varchar));
        assert_eq!(ColumnType::from_name("text"), Some(ColumnType::Varchar));
        assert_eq!(ColumnType::from_name("blob"), None);
        assert_eq!(ColumnType::TimestampTz.to_string(), "timestamptz");
    }
}
