//! Records to rows: each member of an object goes to the builder of its column, and what is not
//! wanted is passed over.
//!
//! A record is read where it lies, without knowing whether it ends there. If it does not, its row
//! is undone and comes again when the rest is there.

use std::collections::HashMap;
use std::ops::Range;

use arrow_array::ArrayRef;

use super::JsonFormat;
use super::columns::{Builder, Misfit};
use super::token::{Cursor, Stop, Value, is_space};
use crate::error::shortened;
use crate::{Fault, FormatError};

/// A fault in the record read last.
#[derive(Debug)]
pub(super) enum Finding {
    /// In a column, by position in the file.
    Cell(usize, Fault),
    /// A key that is no column, by place in the record.
    Dropped(Range<usize>),
    /// The record as such.
    Record(Fault),
}

/// The rows of the batch under way.
#[derive(Debug)]
pub(super) struct Table {
    keys: Keys,
    builders: Vec<Builder>,
    /// The position in the file of each builder's column.
    positions: Vec<usize>,
    /// The builder of each column of the batch.
    shown: Vec<usize>,
    rows: usize,
    /// Bytes of text in the row read last.
    row_text: usize,
    /// What was wrong in the record read last.
    pub(super) findings: Vec<Finding>,
}

/// The keys of the file, in the order in which records usually have them.
#[derive(Debug)]
struct Keys {
    /// As they are written, with their quotes.
    written: Vec<Box<[u8]>>,
    positions: HashMap<Box<[u8]>, usize>,
    /// The builder of each column, if it is wanted.
    builders: Vec<Option<usize>>,
    /// Whether other keys are counted.
    counted: bool,
}

impl Keys {
    fn new(format: &JsonFormat, wanted: &[usize]) -> Self {
        let keys = || format.columns.iter().map(|column| column.key());
        let written = |key: &str| serde_json::Value::from(key).to_string().into_bytes().into();
        let mut builders = vec![None; format.columns.len()];
        for (builder, position) in wanted.iter().enumerate() {
            builders[*position] = Some(builder);
        }
        Self {
            written: keys().map(written).collect(),
            positions: keys().enumerate().map(|(at, key)| (key.as_bytes().into(), at)).collect(),
            builders,
            counted: !format.chosen,
        }
    }
}

impl Table {
    pub(super) fn new(format: &JsonFormat, wanted: &[usize]) -> Self {
        let mut positions: Vec<usize> = Vec::new();
        let mut shown = Vec::new();
        for position in wanted {
            let known = positions.iter().position(|known| known == position);
            shown.push(known.unwrap_or(positions.len()));
            if known.is_none() {
                positions.push(*position);
            }
        }
        let of = |position: &usize| &format.columns[*position];
        let builder = |at: &usize| Builder::new(of(at).column_type, of(at).declared);
        Self {
            keys: Keys::new(format, &positions),
            builders: positions.iter().map(builder).collect(),
            positions,
            shown,
            rows: 0,
            row_text: 0,
            findings: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of text in the row read last.
    pub(super) fn row_text(&self) -> usize {
        self.row_text
    }

    /// Reads the record at the beginning of `bytes` into a row; how long it is.
    #[inline]
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<usize, Stop> {
        self.findings.clear();
        self.row_text = 0;
        let mut cursor = Cursor::new(bytes);
        let outcome = match cursor.peek() {
            Ok(b'{') => self.read_object(&mut cursor),
            _ => self.read_other(&mut cursor),
        };
        if let Err(stop) = outcome {
            self.truncate();
            return Err(stop);
        }
        if !cursor.since(0).is_ascii() {
            self.check_texts(cursor.since(0));
        }
        self.rows += 1;
        Ok(cursor.at())
    }

    /// Forgets the row read last.
    pub(super) fn undo(&mut self) {
        self.rows -= 1;
        self.truncate();
    }

    fn truncate(&mut self) {
        let rows = self.rows;
        self.builders.iter_mut().for_each(|builder| builder.truncate(rows));
    }

    #[inline(always)]
    fn read_object(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        cursor.pass();
        let mut filled = 0;
        let mut expected = 0;
        let mut more = cursor.token()? != b'}';
        while more {
            let builder = self.key(cursor, &mut expected)?;
            let start = cursor.at();
            let value = cursor.value()?;
            if let Some(at) = builder {
                let builder = &mut self.builders[at];
                if builder.rows() > self.rows {
                    builder.truncate(self.rows);
                    // What did not fit is not kept, so nothing of it is missed.
                    let position = self.positions[at];
                    self.findings.retain(|finding| match finding {
                        Finding::Cell(of, fault) => *of != position || *fault == Fault::RepeatedKey,
                        _ => true,
                    });
                    let finding = Finding::Cell(position, Fault::RepeatedKey);
                    self.findings.push(finding);
                    filled -= 1;
                }
                let (text, misfit) = builder.push(&value);
                filled += 1;
                self.row_text += text;
                if let Some(misfit) = misfit {
                    self.add_misfit(at, misfit, cursor.since(start));
                }
            }
            match cursor.token()? {
                b',' => {
                    cursor.pass();
                    cursor.token()?;
                }
                b'}' => more = false,
                _ => return cursor.broken("a comma or } should follow the value"),
            }
        }
        cursor.pass();
        if filled < self.builders.len() {
            self.fill();
        }
        Ok(())
    }

    /// The builder of the key at the cursor, if it is wanted. `expected` is the position of the
    /// key that usually stands there.
    #[inline(always)]
    fn key(
        &mut self,
        cursor: &mut Cursor<'_>,
        expected: &mut usize,
    ) -> Result<Option<usize>, Stop> {
        if let Some(written) = self.keys.written.get(*expected)
            && cursor.pass_known(written)
        {
            let builder = self.keys.builders[*expected];
            *expected += 1;
            cursor.colon()?;
            return Ok(builder);
        }
        self.other_key(cursor, expected)
    }

    /// The same, of a key that does not stand where it usually does.
    fn other_key(
        &mut self,
        cursor: &mut Cursor<'_>,
        expected: &mut usize,
    ) -> Result<Option<usize>, Stop> {
        let start = cursor.at() + 1;
        let key = cursor.key()?;
        let position = match std::str::from_utf8(key.raw) {
            Ok(raw) if !key.escaped => self.keys.positions.get(raw.as_bytes()),
            _ => self.keys.positions.get(key.lossy().as_bytes()),
        };
        match position {
            Some(position) => {
                *expected = position + 1;
                Ok(self.keys.builders[*position])
            }
            None => {
                if self.keys.counted {
                    self.findings.push(Finding::Dropped(start..start + key.raw.len()));
                }
                Ok(None)
            }
        }
    }

    /// A record that is no object: a row of NULL.
    #[cold]
    fn read_other(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        let value = cursor.value()?;
        if let Value::Null | Value::Boolean(_) | Value::Number(_) = value {
            let next = cursor.peek()?;
            if !is_space(next) && !matches!(next, b',' | b']') {
                return cursor.broken("text follows the value");
            }
        }
        self.findings.push(Finding::Record(Fault::NotAnObject(shortened(cursor.since(0)))));
        self.fill();
        Ok(())
    }

    /// Puts NULL where the record had no such key.
    fn fill(&mut self) {
        for builder in &mut self.builders {
            if builder.rows() == self.rows {
                builder.push_null();
            }
        }
    }

    #[cold]
    fn add_misfit(&mut self, builder: usize, misfit: Misfit, value: &[u8]) {
        let fault = match misfit {
            Misfit::Type => Fault::NotOfType(shortened(value)),
            Misfit::Text => Fault::NotUtf8,
        };
        self.findings.push(Finding::Cell(self.positions[builder], fault));
    }

    /// Looks for the texts of a record that are not UTF-8, if it is not as a whole.
    #[cold]
    fn check_texts(&mut self, record: &[u8]) {
        if std::str::from_utf8(record).is_ok() {
            return;
        }
        for (builder, position) in self.builders.iter_mut().zip(&self.positions) {
            if builder.drop_broken() {
                self.findings.push(Finding::Cell(*position, Fault::NotUtf8));
            }
        }
    }

    /// The columns of the batch; the table is empty afterwards.
    pub(super) fn take(&mut self) -> Result<Vec<ArrayRef>, FormatError> {
        self.rows = 0;
        let arrays = self.builders.iter_mut().map(Builder::take).collect::<Result<Vec<_>, _>>()?;
        Ok(self.shown.iter().map(|at| ArrayRef::clone(&arrays[*at])).collect())
    }
}
