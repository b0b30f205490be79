//! What a user can set about Parquet.

use crate::options::Value;
use crate::{FormatError, OptionDoc, ValueType};

/// How to read a Parquet file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ParquetOptions {
    /// The most bytes that one page may have, which is held in memory.
    pub max_page_bytes: u64,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self { max_page_bytes: 64 * 1024 * 1024 }
    }
}

/// Larger pages than this would not fit Arrow's offsets.
const LARGEST_PAGE: usize = 1 << 30;

/// The options by name, for users.
#[must_use]
pub fn option_docs() -> &'static [OptionDoc] {
    const DOCS: &[OptionDoc] = &[OptionDoc {
        name: "max_page_bytes",
        value_type: ValueType::Integer,
        default: Some("67108864"),
        choices: &[],
        doc: "The largest page of a column that is read, before and after decompression; at most \
              1 GiB.",
    }];
    DOCS
}

impl ParquetOptions {
    /// The options from names and texts.
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, FormatError> {
        let mut options = Self::default();
        for (name, text) in pairs {
            let value = Value::of(option_docs(), name, text)?;
            match value.integer()? {
                bytes @ 1..=LARGEST_PAGE => options.max_page_bytes = bytes as u64,
                _ => return Err(value.refused("a number of bytes, at most 1073741824")),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::ParquetOptions;

    #[test]
    fn a_slip_in_a_name_or_value_is_answered() {
        let from =
            |name: &str, value: &str| ParquetOptions::from_pairs(&[(name.into(), value.into())]);
        assert_eq!(from("max_page_bytes", "7").unwrap().max_page_bytes, 7);
        let slip = from("max_pages_bytes", "7").unwrap_err();
        assert_eq!(slip.hint().unwrap(), "Did you mean `max_page_bytes`?");
        assert!(from("max_page_bytes", "many").unwrap_err().to_string().contains("`many`"));
        assert!(from("max_page_bytes", "9999999999").is_err());
    }
}
