//! How a format's options are described to users, and how a slip in a name is answered.

use std::fmt;

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

/// The known name nearest to `name`, if at most a third of its letters differ.
pub(crate) fn nearest(
    name: &str,
    known: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
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
