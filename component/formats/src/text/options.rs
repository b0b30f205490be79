//! What a user can set about text, and how it is read from names and texts.

use crate::options::Value;
use crate::{FormatError, OptionDoc, ValueType};

/// How to read a file of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextOptions {
    /// Whether the text is cut into chunks; else it is one row.
    pub chunks: bool,
    /// Characters of a chunk at most.
    pub chunk_size: usize,
    /// Characters at the end of a chunk that may come again in the next one, at most half of it.
    pub chunk_overlap: usize,
    /// An error where bytes are not UTF-8, instead of a replacement and a count.
    pub strict: bool,
    /// A text larger than this is an error where it is one row: it bounds memory.
    pub max_record_bytes: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            chunks: true,
            chunk_size: 500,
            chunk_overlap: 250,
            strict: false,
            max_record_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Larger chunks than this are better read as a whole.
const LARGEST_CHUNK: usize = 1 << 20;
/// Larger texts than this would not fit Arrow's offsets.
const LARGEST_TEXT: usize = 1 << 30;

/// The options by name, for users.
#[must_use]
pub fn option_docs() -> &'static [OptionDoc] {
    const fn doc(
        name: &'static str,
        value_type: ValueType,
        default: &'static str,
        choices: &'static [&'static str],
        doc: &'static str,
    ) -> OptionDoc {
        OptionDoc { name, value_type, default: Some(default), choices, doc }
    }
    use ValueType::{Boolean, Integer};
    const TRUTH: &[&str] = &["true", "false"];
    const DOCS: &[OptionDoc] = &[
        doc("chunks", Boolean, "true", TRUTH, "Cuts the text into chunks; `false` for one row."),
        doc("chunk_size", Integer, "500", &[], "Characters of a chunk at most."),
        doc(
            "chunk_overlap",
            Integer,
            "250",
            &[],
            "Characters at the end of a chunk that may come again at the beginning of the next, at \
            most half of the chunk.",
        ),
        doc(
            "strict",
            Boolean,
            "false",
            TRUTH,
            "Bytes that are not UTF-8 are an error with their line, instead of a replacement \
            character and a count.",
        ),
        doc(
            "max_record_bytes",
            Integer,
            "16777216",
            &[],
            "The largest text that is read as one row; at most 1 GiB.",
        ),
    ];
    DOCS
}

impl TextOptions {
    /// Reads options by name. Of two of the same name the last holds.
    ///
    /// # Errors
    ///
    /// An unknown name, with the known one that comes nearest; a value that the option does not
    /// take.
    pub fn from_pairs(pairs: &[(String, String)]) -> Result<Self, FormatError> {
        let mut options = Self::default();
        for (name, value) in pairs {
            options.set(name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, text: &str) -> Result<(), FormatError> {
        let value = Value::of(option_docs(), name, text)?;
        match value.option.name {
            "chunks" => self.chunks = value.choice(&[true, false])?,
            "chunk_size" => self.chunk_size = value.integer()?.clamp(1, LARGEST_CHUNK),
            "chunk_overlap" => self.chunk_overlap = value.integer()?,
            "strict" => self.strict = value.choice(&[true, false])?,
            "max_record_bytes" => self.max_record_bytes = value.integer()?.clamp(1, LARGEST_TEXT),
            _ => unreachable!("every documented option is matched"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TextOptions, option_docs};
    use crate::FormatError;

    fn options(pairs: &[(&str, &str)]) -> Result<TextOptions, FormatError> {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        TextOptions::from_pairs(&pairs)
    }

    #[test]
    fn no_options_are_the_defaults() {
        assert_eq!(options(&[]), Ok(TextOptions::default()));
        for doc in option_docs() {
            let default = doc.default.unwrap();
            assert_eq!(options(&[(doc.name, default)]), Ok(TextOptions::default()), "{}", doc.name);
        }
    }

    #[test]
    fn every_option_can_be_set() {
        let expected = TextOptions {
            chunks: false,
            chunk_size: 100,
            chunk_overlap: 0,
            strict: true,
            max_record_bytes: 1000,
        };
        let set = options(&[
            ("CHUNKS", "False"),
            ("chunk_size", "100"),
            ("chunk_overlap", "0"),
            ("strict", "true"),
            ("max_record_bytes", "1000"),
        ]);
        assert_eq!(set, Ok(expected));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let error = options(&[("chunksize", "5")]).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("Did you mean `chunk_size`?"));
        let error = options(&[("chunk_size", "many")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Option `chunk_size` cannot be `many`: it takes a whole number."
        );
    }
}
