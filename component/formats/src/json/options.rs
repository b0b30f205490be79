//! What a user can set about JSON, and how it is read from names and texts.

use crate::csv::ColumnType;
use crate::options::Value;
use crate::{FormatError, OptionDoc, ValueType};

/// How to read a file of JSON. What is absent is inferred.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonOptions {
    /// The keys that lead from the document's object to the array of records; empty where the
    /// document itself is the records.
    pub path: Vec<String>,
    /// The keys that become columns, in this order; all that the sample has where it is absent.
    pub columns: Option<Vec<String>>,
    /// Types by column name, for columns whose type is not to be inferred.
    pub types: Vec<(String, ColumnType)>,
    /// Whether texts that are dates in all of the sample become dates.
    pub dates: bool,
    /// An error instead of NULL or dropping where something does not fit.
    pub strict: bool,
    /// How many records of the sample the columns are inferred from.
    pub sample_rows: usize,
    /// A record larger than this is an error: it bounds memory.
    pub max_record_bytes: usize,
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self {
            path: Vec::new(),
            columns: None,
            types: Vec::new(),
            dates: true,
            strict: false,
            sample_rows: 20_480,
            max_record_bytes: 16 * 1024 * 1024,
        }
    }
}

/// Larger records than this would not fit Arrow's offsets.
const LARGEST_RECORD: usize = 1 << 30;

/// The options by name, for users.
#[must_use]
pub fn option_docs() -> &'static [OptionDoc] {
    const fn doc(
        name: &'static str,
        value_type: ValueType,
        default: Option<&'static str>,
        choices: &'static [&'static str],
        doc: &'static str,
    ) -> OptionDoc {
        OptionDoc { name, value_type, default, choices, doc }
    }
    use ValueType::{Boolean, Integer, Json, Text, TextList};
    const DOCS: &[OptionDoc] = &[
        doc(
            "path",
            Text,
            Some(""),
            &[],
            "Where the array of records is in the document: its key, or keys parted by dots, as \
            in `features` or `response.items`; empty where the document is the records.",
        ),
        doc(
            "columns",
            TextList,
            None,
            &[],
            "The keys that become columns, in this order, as a JSON array or separated by commas. \
            When absent, all keys of the sample.",
        ),
        doc(
            "types",
            Json,
            None,
            &[],
            "Types by column, as in {\"zip\": \"varchar\"}: boolean, bigint, double, date, time, \
            timestamp, timestamptz, varchar.",
        ),
        doc(
            "dates",
            Boolean,
            Some("true"),
            &["true", "false"],
            "Texts that are all dates or times in the form of ISO 8601 become dates or timestamps.",
        ),
        doc(
            "strict",
            Boolean,
            Some("false"),
            &["true", "false"],
            "A value or record that does not fit is an error with its line, instead of NULL and a \
            count.",
        ),
        doc(
            "sample_rows",
            Integer,
            Some("20480"),
            &[],
            "How many of the first records the columns are inferred from, as far as the sniffed \
            bytes reach.",
        ),
        doc(
            "max_record_bytes",
            Integer,
            Some("16777216"),
            &[],
            "The largest record that is read; at most 1 GiB.",
        ),
    ];
    DOCS
}

impl JsonOptions {
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
            "path" => self.path = value.path()?,
            "columns" => self.columns = Some(value.list()?),
            "types" => self.types = value.types()?,
            "dates" => self.dates = value.choice(&[true, false])?,
            "strict" => self.strict = value.choice(&[true, false])?,
            "sample_rows" => self.sample_rows = value.integer()?.max(1),
            "max_record_bytes" => {
                self.max_record_bytes = value.integer()?.clamp(1, LARGEST_RECORD);
            }
            _ => unreachable!("every documented option is matched"),
        }
        Ok(())
    }
}

impl Value<'_> {
    fn path(self) -> Result<Vec<String>, FormatError> {
        let path: Vec<_> = self.text.split('.').map(str::to_owned).collect();
        match path.iter().any(String::is_empty) {
            true if self.text.is_empty() => Ok(Vec::new()),
            true => Err(self.refused("keys parted by dots")),
            false => Ok(path),
        }
    }

    fn list(self) -> Result<Vec<String>, FormatError> {
        let expected = "a JSON array of keys, or keys separated by commas, each once";
        let list: Vec<String> = if self.text.trim_start().starts_with('[') {
            serde_json::from_str(self.text).map_err(|_| self.refused(expected))?
        } else {
            self.text.split(',').map(|key| key.trim().to_owned()).collect()
        };
        let mut sorted: Vec<_> = list.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < list.len() || list.is_empty() {
            return Err(self.refused(expected));
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonOptions, option_docs};
    use crate::FormatError;
    use crate::csv::ColumnType;

    fn options(pairs: &[(&str, &str)]) -> Result<JsonOptions, FormatError> {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        JsonOptions::from_pairs(&pairs)
    }

    #[test]
    fn no_options_are_the_defaults() {
        assert_eq!(options(&[]), Ok(JsonOptions::default()));
        for doc in option_docs().iter().filter(|doc| doc.default.is_some()) {
            let default = doc.default.unwrap();
            assert_eq!(options(&[(doc.name, default)]), Ok(JsonOptions::default()), "{}", doc.name);
        }
    }

    #[test]
    fn every_option_can_be_set() {
        let expected = JsonOptions {
            path: vec!["a".into(), "b".into()],
            columns: Some(vec!["x".into(), "y".into()]),
            types: vec![("zip".into(), ColumnType::Varchar)],
            dates: false,
            strict: true,
            sample_rows: 5,
            max_record_bytes: 1000,
        };
        let set = options(&[
            ("PATH", "a.b"),
            ("columns", "x, y"),
            ("types", r#"{"zip": "TEXT"}"#),
            ("dates", "False"),
            ("strict", "TRUE"),
            ("sample_rows", "5"),
            ("max_record_bytes", "1000"),
        ]);
        assert_eq!(set, Ok(expected));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_can() {
        let error = options(&[("pth", "a")]).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("Did you mean `path`?"));
        for (name, value) in [("path", "a..b"), ("columns", "a,a"), ("columns", "[1]")] {
            assert!(options(&[(name, value)]).is_err(), "{name} {value}");
        }
    }
}
