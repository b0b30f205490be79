//! What can be wrong with a file or with the way it is to be read.

/// Why a file could not be read; one variant for each decision that a caller can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The file has no bytes, or nothing but blank and comment lines.
    #[error("The file is empty.")]
    Empty,

    /// Text in an encoding that is not read yet.
    #[error("The file is not UTF-8 text; it looks like {guess}.")]
    UnsupportedEncoding {
        /// The likely encoding, by its usual name.
        guess: &'static str,
    },

    /// Not text at all.
    #[error("The file is not text; it looks like {looks_like}.")]
    NotText {
        /// What the bytes look like, with an article.
        looks_like: &'static str,
    },

    /// The sample ends before the first record does: sniff again with more bytes.
    #[error("The first record is longer than the {bytes} bytes that were looked at.")]
    SampleTooSmall {
        /// The size of the sample.
        bytes: usize,
    },

    /// In strict mode: the first thing that could not be taken as it stands.
    #[error("Line {line}{}: {reason}.", in_column(.column.as_deref()))]
    Malformed {
        /// The line on which the record begins, counted from 1.
        line: u64,
        /// The column's name, where it is about one cell.
        column: Option<String>,
        /// What is wrong, without a full stop.
        reason: String,
    },

    /// One record is larger than may be held in memory.
    #[error("The record that begins on line {line} is longer than {limit} bytes.")]
    TooLarge {
        /// The line on which the record begins, counted from 1.
        line: u64,
        /// The limit in force (`max_record_bytes`).
        limit: usize,
    },

    /// There is no option of this name.
    #[error("There is no option `{name}`.")]
    InvalidOption {
        /// The name as given.
        name: String,
        /// The known name that comes nearest, if one is near.
        nearest: Option<&'static str>,
    },

    /// An option's value cannot be understood.
    #[error("Option `{name}` cannot be `{value}`: it takes {expected}.")]
    InvalidOptionValue {
        /// The option.
        name: &'static str,
        /// The value as given, shortened.
        value: String,
        /// What the option takes.
        expected: String,
    },

    /// A column was asked for that the file does not have.
    #[error("There is no column {column}: the file has {columns}.")]
    NoSuchColumn {
        /// The name, or the position counted from 0, that was asked for.
        column: String,
        /// How many columns there are.
        columns: usize,
    },

    /// The first record has more fields than a table may have columns.
    #[error("The table has {columns} columns; at most {limit} are read.")]
    TooManyColumns {
        /// How many there are.
        columns: usize,
        /// How many there may be.
        limit: usize,
    },

    /// Sound JSON that holds no rows.
    #[error("The JSON is no table: {what}.")]
    NotTable {
        /// What it is instead, as a clause.
        what: String,
        /// What would work, as a sentence.
        hint: String,
    },

    /// Text that is not JSON, or JSON that breaks off.
    #[error("The JSON is broken in the record that begins on line {line}: {reason}.")]
    InvalidJson {
        /// The line on which the record begins, counted from 1.
        line: u64,
        /// What is wrong, as a clause.
        reason: String,
    },

    /// Not a Parquet file.
    #[error("The file is not Parquet: {reason}.")]
    NotParquet {
        /// What tells, as a clause.
        reason: &'static str,
    },

    /// A binary file that is cut off, changed, or at odds with itself.
    #[error("The Parquet file is damaged: {reason}.")]
    Corrupt {
        /// What is wrong, as a clause.
        reason: String,
    },

    /// The footer, or columns, can only be read with a key.
    #[error("The Parquet file is encrypted.")]
    Encrypted,

    /// Something that the format allows and this crate does not read.
    #[error("The Parquet file uses something that is not read: {what}.")]
    Unsupported {
        /// What it is.
        what: String,
    },

    /// A part of a binary file is larger than may be held in memory.
    #[error("{what} has {bytes} bytes; at most {limit} are read at once.")]
    TooMuch {
        /// The part, with an article and a capital letter.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The limit in force.
        limit: u64,
    },

    /// Arrow refused what was built: a fault of this crate.
    #[error("A record batch could not be built: {0}.")]
    Batch(String),
}

impl FormatError {
    /// What may help, as one sentence.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Empty => "A table needs at least one row, or a line of column names.".into(),
            Self::UnsupportedEncoding { .. } => {
                "Save the file as UTF-8; a CSV file is read all the same with encoding = 'utf-8', \
                 and NULL for every text that is not UTF-8."
                    .into()
            }
            Self::NotText { .. } => {
                "Its name may have the wrong extension; it has to be read as what it is.".into()
            }
            Self::SampleTooSmall { .. } => {
                "In a CSV file a quote that is never closed makes one record of the rest; the \
                 option quote = '' reads quotes as text."
                    .into()
            }
            Self::Malformed { .. } => {
                "With strict = false what does not fit is left out and counted.".into()
            }
            Self::TooLarge { .. } => {
                "The option max_record_bytes allows more; in a CSV file a quote may be open from \
                 that line on: see the options quote and escape."
                    .into()
            }
            Self::InvalidOption { nearest: Some(nearest), .. } => {
                format!("Did you mean `{nearest}`?")
            }
            Self::InvalidOption { .. } | Self::InvalidOptionValue { .. } => {
                "The options and their values are listed with the connector's description.".into()
            }
            Self::NoSuchColumn { .. } => "DESCRIBE shows the columns of the table.".into(),
            Self::TooManyColumns { .. } => {
                "In a CSV file the delimiter may not be the one inferred: see the option delimiter."
                    .into()
            }
            Self::NotTable { hint, .. } => hint.clone(),
            Self::InvalidJson { .. } => {
                "A table in JSON is an array of objects, or one object after another.".into()
            }
            Self::NotParquet { .. } => {
                "Its name may have the wrong extension, or the upload was cut off.".into()
            }
            Self::Corrupt { .. } => {
                "Upload the file again, or write it anew from its source.".into()
            }
            Self::Encrypted => {
                "Keys cannot be given: write the file anew without encryption.".into()
            }
            Self::Unsupported { .. } => {
                "Write the file anew with another program or with its default settings.".into()
            }
            Self::TooMuch { what: "A page", .. } => {
                "The option max_page_bytes allows more, or write the file anew with smaller pages."
                    .into()
            }
            Self::TooMuch { .. } => {
                "Name fewer columns, or write the file anew with smaller pages and rows.".into()
            }
            Self::Batch(_) => return None,
        };
        Some(hint)
    }
}

fn in_column(column: Option<&str>) -> String {
    column.map(|name| format!(", column `{name}`")).unwrap_or_default()
}

/// A value for people: at most 40 characters, what cannot be printed escaped.
pub(crate) fn shortened(value: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(&value[..value.len().min(4 * MOST)]);
    let mut shown = String::new();
    for letter in text.chars().take(MOST) {
        match letter {
            '"' | '\'' => shown.push(letter),
            other => shown.extend(other.escape_debug()),
        }
    }
    if text.chars().count() > MOST || value.len() > 4 * MOST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{FormatError, shortened};

    #[test]
    fn values_are_shown_on_one_line_and_short() {
        assert_eq!(shortened(b"a\nb \"c\""), "a\\nb \"c\"");
        assert_eq!(shortened("é".repeat(500).as_bytes()).chars().count(), 41);
    }

    #[test]
    fn an_error_is_one_sentence_that_says_where() {
        let error = FormatError::Malformed {
            line: 7,
            column: Some("price".into()),
            reason: "`n/a` is not of type Float64".into(),
        };
        assert_eq!(error.to_string(), "Line 7, column `price`: `n/a` is not of type Float64.");
        assert!(error.hint().is_some());
    }
}
