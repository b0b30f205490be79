//! How a format's options are described to users, and how a slip in a name is answered.

use std::fmt;

use crate::FormatError;
use crate::csv::ColumnType;
use crate::error::shortened;

/// The type of an option's value, as it is written in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A JSON array of texts, or texts separated by commas.
    TextList,
    /// A JSON value.
    Json,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::TextList => "text-list",
            Self::Json => "json",
        })
    }
}

/// One option of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionDoc {
    /// Its name.
    pub name: &'static str,
    /// The type of its value.
    pub value_type: ValueType,
    /// The value in force when it is absent, as text.
    pub default: Option<&'static str>,
    /// The values allowed; empty where any is.
    pub choices: &'static [&'static str],
    /// What it is for, one or two sentences.
    pub doc: &'static str,
}

/// The text given for an option. What only one format takes, its own module reads.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) option: &'static OptionDoc,
    pub(crate) text: &'a str,
}

impl<'a> Value<'a> {
    /// The text given for the option of this name, in any case. An unknown name is answered with
    /// the known one that comes nearest.
    pub(crate) fn of(
        docs: &'static [OptionDoc],
        name: &str,
        text: &'a str,
    ) -> Result<Self, FormatError> {
        let lower = name.to_lowercase();
        let Some(option) = docs.iter().find(|doc| doc.name == lower) else {
            let nearest = nearest(name, docs.iter().map(|doc| doc.name));
            return Err(FormatError::InvalidOption { name: shortened(name.as_bytes()), nearest });
        };
        Ok(Self { option, text })
    }

    pub(crate) fn refused(self, expected: impl Into<String>) -> FormatError {
        FormatError::InvalidOptionValue {
            name: self.option.name,
            value: shortened(self.text.as_bytes()),
            expected: expected.into(),
        }
    }

    /// The outcome that stands where the text stands among the option's choices.
    pub(crate) fn choice<T: Copy>(self, outcomes: &[T]) -> Result<T, FormatError> {
        let choices = self.option.choices;
        let text = match self.text.to_ascii_lowercase().as_str() {
            "true" if choices.contains(&"yes") => "yes".to_owned(),
            "false" if choices.contains(&"no") => "no".to_owned(),
            other => other.to_owned(),
        };
        let position = choices.iter().position(|choice| *choice == text);
        let outcome = position.and_then(|at| outcomes.get(at));
        outcome.copied().ok_or_else(|| self.refused(choices.join(", ")))
    }

    pub(crate) fn integer(self) -> Result<usize, FormatError> {
        self.text.trim().parse().map_err(|_| self.refused("a whole number"))
    }

    /// Types by column, from a JSON object.
    pub(crate) fn types(self) -> Result<Vec<(String, ColumnType)>, FormatError> {
        let expected = || {
            let names = ColumnType::names();
            self.refused(format!("a JSON object of column names and types ({names})"))
        };
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(self.text).map_err(|_| expected())?;
        let types = object.into_iter().map(|(column, name)| {
            let column_type = name.as_str().and_then(ColumnType::from_name);
            column_type.map(|of| (column, of)).ok_or_else(expected)
        });
        types.collect()
    }
}

/// The known name nearest to `name`, if at most a third of its letters differ.
fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let name = name.to_lowercase();
    let near = |candidate: &&'static str| edits(&name, candidate);
    let best = known.min_by_key(near)?;
    (near(&best) <= 1 + best.len() / 4).then_some(best)
}

/// Letters to insert, delete or replace to make one text of the other (Levenshtein's distance).
fn edits(from: &str, to: &str) -> usize {
    // A name from a statement may be of any length; what is longer than this is near to nothing.
    const LONGEST: usize = 64;
    if from.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[row.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_finds_none() {
        let known = ["delimiter", "quote", "header"];
        assert_eq!(nearest("delimeter", known.into_iter()), Some("delimiter"));
        assert_eq!(nearest("Header", known.into_iter()), Some("header"));
        assert_eq!(nearest("sheet", known.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known.into_iter()), None);
    }
}
