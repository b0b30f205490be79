//! Columns from the records of a sample: which keys there are, and what their values allow.

use std::collections::HashMap;

use super::Column;
use super::token::{Cursor, Stop, Value};
use crate::FormatError;
use crate::column_names::{self, MOST_COLUMNS};
use crate::csv::ColumnType;
use crate::dates;

/// The kinds of value seen under one key, as bits.
#[derive(Debug, Clone, Copy, Default)]
struct Evidence(u16);

impl Evidence {
    const BOOLEAN: u16 = 1;
    const INTEGER: u16 = 1 << 1;
    /// A number with a point or exponent, or too large for an integer.
    const DOUBLE: u16 = 1 << 2;
    /// A number that a double would not hold exactly.
    const INEXACT: u16 = 1 << 3;
    /// A number that neither an integer nor a double holds exactly.
    const HUGE: u16 = 1 << 4;
    const DATE: u16 = 1 << 5;
    const LOCAL: u16 = 1 << 6;
    const ZONED: u16 = 1 << 7;
    const TEXT: u16 = 1 << 8;
    const NESTED: u16 = 1 << 9;

    fn add(&mut self, value: &Value<'_>, dates: bool) {
        self.0 |= match value {
            Value::Null => 0,
            Value::Boolean(_) => Self::BOOLEAN,
            Value::Nested { .. } => Self::NESTED,
            Value::Number(number) if number.is_whole() => {
                match (number.integer(), number.is_exact()) {
                    (Some(_), true) => Self::INTEGER,
                    (Some(_), false) => Self::INTEGER | Self::INEXACT,
                    (None, true) => Self::DOUBLE,
                    (None, false) => Self::HUGE,
                }
            }
            Value::Number(number) if number.double().is_some() => Self::DOUBLE,
            Value::Number(_) => Self::HUGE,
            Value::Text(text) if dates && !text.escaped => match dates::timestamp(text.raw) {
                Some((_, true)) => Self::ZONED,
                Some((_, false)) if text.raw.len() == 10 => Self::DATE,
                Some((_, false)) => Self::LOCAL,
                None => Self::TEXT,
            },
            Value::Text(_) => Self::TEXT,
        };
    }

    /// The most specific type that takes every value; text where there were none or several kinds.
    fn column_type(self) -> ColumnType {
        const BOOLEAN: u16 = Evidence::BOOLEAN;
        const INTEGER: u16 = Evidence::INTEGER;
        const INEXACT_INTEGER: u16 = Evidence::INTEGER | Evidence::INEXACT;
        const DOUBLE: u16 = Evidence::DOUBLE;
        const WIDENED: u16 = Evidence::INTEGER | Evidence::DOUBLE;
        const DATE: u16 = Evidence::DATE;
        const LOCAL: u16 = Evidence::LOCAL;
        const MIDNIGHT: u16 = Evidence::LOCAL | Evidence::DATE;
        const ZONED: u16 = Evidence::ZONED;
        match self.0 {
            BOOLEAN => ColumnType::Boolean,
            INTEGER | INEXACT_INTEGER => ColumnType::BigInt,
            DOUBLE | WIDENED => ColumnType::Double,
            DATE => ColumnType::Date,
            LOCAL | MIDNIGHT => ColumnType::Timestamp,
            ZONED => ColumnType::TimestampTz,
            _ => ColumnType::Varchar,
        }
    }
}

/// Keys and values of the records taken so far.
#[derive(Debug)]
pub(super) struct Sample {
    keys: Vec<(String, Evidence)>,
    positions: HashMap<String, usize>,
    dates: bool,
    /// Whether further keys are columns.
    open: bool,
    pub(super) records: u64,
}

impl Sample {
    /// A sample of all keys, or of the chosen ones.
    pub(super) fn new(chosen: Option<&[String]>, dates: bool) -> Self {
        let mut sample =
            Self { keys: Vec::new(), positions: HashMap::new(), dates, open: true, records: 0 };
        for key in chosen.unwrap_or_default() {
            sample.position(key.clone());
        }
        sample.open = chosen.is_none();
        sample
    }

    /// Takes the record at the cursor; one that is no object counts, but has no keys.
    pub(super) fn add(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        if cursor.peek()? == b'{' {
            members(cursor, |key, value| {
                if let Some(at) = self.position(key) {
                    self.keys[at].1.add(&value, self.dates);
                }
            })?;
        } else {
            cursor.value()?;
        }
        self.records += 1;
        Ok(())
    }

    fn position(&mut self, key: String) -> Option<usize> {
        if let Some(known) = self.positions.get(&key) {
            return Some(*known);
        }
        // One more than may be is enough to know that there are too many.
        if !self.open || self.keys.len() > MOST_COLUMNS {
            return None;
        }
        let position = self.keys.len();
        self.positions.insert(key.clone(), position);
        self.keys.push((key, Evidence::default()));
        Some(position)
    }

    /// The columns, with the types that were declared.
    pub(super) fn columns(
        self,
        declared: &[(String, ColumnType)],
    ) -> Result<Vec<Column>, FormatError> {
        let count = self.keys.len();
        if count > MOST_COLUMNS {
            return Err(FormatError::TooManyColumns { columns: count, limit: MOST_COLUMNS });
        }
        let keys = self.keys.iter().enumerate();
        let mut names: Vec<String> = keys
            .map(
                |(position, (key, _))| {
                    if key.is_empty() { format!("column{position}") } else { key.clone() }
                },
            )
            .collect();
        column_names::make_unique(&mut names);
        let mut columns: Vec<Column> = self
            .keys
            .into_iter()
            .zip(names)
            .map(|((key, evidence), name)| Column {
                key: (key != name).then_some(key),
                name,
                column_type: evidence.column_type(),
                declared: false,
                empty: evidence.0 == 0,
            })
            .collect();
        for (name, column_type) in declared {
            let names = columns.iter().map(|column| column.name.as_str());
            let position = column_names::position(names, name).ok_or_else(|| {
                FormatError::NoSuchColumn { column: name.clone(), columns: count }
            })?;
            let column = &mut columns[position];
            (column.column_type, column.declared, column.empty) = (*column_type, true, false);
        }
        Ok(columns)
    }
}

/// Passes the object at the cursor, and shows its members.
pub(super) fn members<'a>(
    cursor: &mut Cursor<'a>,
    mut show: impl FnMut(String, Value<'a>),
) -> Result<(), Stop> {
    cursor.pass();
    if cursor.token()? == b'}' {
        cursor.pass();
        return Ok(());
    }
    loop {
        let key = cursor.key()?.lossy();
        let value = cursor.value()?;
        show(key, value);
        match cursor.token()? {
            b',' => cursor.pass(),
            b'}' => {
                cursor.pass();
                return Ok(());
            }
            _ => return cursor.broken("a comma or } should follow the value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sample;
    use crate::csv::ColumnType;
    use crate::json::token::Cursor;

    fn inferred(values: &[&str]) -> ColumnType {
        let mut sample = Sample::new(None, true);
        for value in values {
            let record = format!("{{\"a\":{value}}}");
            sample.add(&mut Cursor::new(record.as_bytes())).unwrap();
        }
        sample.columns(&[]).unwrap()[0].column_type
    }

    #[test]
    fn the_most_specific_type_that_takes_all_values_is_taken() {
        use ColumnType::{BigInt, Boolean, Date, Double, Timestamp, TimestampTz, Varchar};
        for (values, expected) in [
            (&["true", "null"][..], Boolean),
            (&["1", "-9223372036854775808"], BigInt),
            (&["1", "2.5"], Double),
            (&["1", "1e3"], Double),
            (&["18446744073709551616"], Double),
            (&["9007199254740993", "0.5"], Varchar),
            (&["12345678901234567890123"], Varchar),
            (&["1e400"], Varchar),
            (&["\"2024-02-29\""], Date),
            (&["\"2024-02-29\"", "\"2024-02-29T10:00:00\""], Timestamp),
            (&["\"2024-02-29T10:00:00Z\""], TimestampTz),
            (&["\"2024-02-29T10:00:00Z\"", "\"2024-02-29\""], Varchar),
            (&["\"2024-02-29\"", "\"soon\""], Varchar),
            (&["1", "\"1\""], Varchar),
            (&["true", "1"], Varchar),
            (&["[1]", "{}"], Varchar),
            (&["null"], Varchar),
        ] {
            assert_eq!(inferred(values), expected, "{values:?}");
        }
    }
}
