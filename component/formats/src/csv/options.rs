//! What a user can set about delimited text, and how it is read from names and texts.

use super::dialect::{Escape, Newline};
use super::types::ColumnType;
use crate::options::Value;
use crate::{FormatError, OptionDoc, ValueType};

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// Found out from the rows.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is a row like the others.
    No,
}

/// What the encoding is taken to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, and an error where the bytes look like something else.
    #[default]
    Auto,
    /// UTF-8, whatever the bytes look like: text that is not UTF-8 is NULL and counted.
    Utf8,
}

/// How to read a file of delimited text. What is absent is inferred.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvOptions {
    /// Between two fields; any ASCII character except line ends. `Some(None)` reads each line as
    /// one column.
    pub delimiter: Option<Option<u8>>,
    /// Around fields; `Some(None)` reads quotes as text.
    pub quote: Option<Option<u8>>,
    /// How a quote is written inside quotes.
    pub escape: Option<Escape>,
    /// What ends a line.
    pub newline: Option<Newline>,
    /// What begins a comment line; `Some(None)` says that nothing does.
    pub comment: Option<Option<u8>>,
    /// Whether the first row names the columns.
    pub header: Header,
    /// Lines to skip at the beginning, instead of those that look like a preamble.
    pub skip: Option<usize>,
    /// All columns are text.
    pub all_varchar: bool,
    /// Types by column name, for columns whose type is not to be inferred.
    pub types: Vec<(String, ColumnType)>,
    /// Texts that stand for NULL. The empty text stands for it in typed columns in any case; in
    /// text columns only if it is listed, and an empty text in quotes never does.
    pub null_values: Vec<String>,
    /// An error instead of NULL, padding or dropping where something does not fit.
    pub strict: bool,
    /// How many rows of the sample the types are inferred from.
    pub sample_rows: usize,
    /// A record larger than this is an error: it bounds memory.
    pub max_record_bytes: usize,
    /// The encoding.
    pub encoding: Encoding,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            quote: None,
            escape: None,
            newline: None,
            comment: None,
            header: Header::Auto,
            skip: None,
            all_varchar: false,
            types: Vec::new(),
            null_values: vec![String::new()],
            strict: false,
            sample_rows: 20_480,
            max_record_bytes: 16 * 1024 * 1024,
            encoding: Encoding::Auto,
        }
    }
}

/// The tokens that pandas and MindsDB read as missing.
const PANDAS_NULLS: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Larger records than this would not fit the positions of the scanner and Arrow's offsets.
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
            "delimiter",
            Text,
            Some("auto"),
            &[],
            "The character between two fields, `tab`, or \
            `auto` to infer it: comma, semicolon, tab or bar; empty where each line is one column.",
        ),
        doc(
            "quote",
            Text,
            Some("auto"),
            &[],
            "The character around fields that hold delimiters; \
            empty to read quotes as text.",
        ),
        doc(
            "escape",
            Text,
            Some("auto"),
            &["auto", "doubled", "backslash"],
            "How a quote is \
            written inside quotes.",
        ),
        doc(
            "newline",
            Text,
            Some("auto"),
            &["auto", "lf", "cr"],
            "What ends a line: a line feed, \
            with or without a carriage return before it, or a carriage return alone.",
        ),
        doc(
            "comment",
            Text,
            Some("auto"),
            &[],
            "Lines that begin with this character are \
            skipped; empty for none. `auto` takes # where it clearly begins comments.",
        ),
        doc(
            "header",
            Text,
            Some("auto"),
            &["auto", "yes", "no"],
            "Whether the first row names \
            the columns.",
        ),
        doc(
            "skip",
            Integer,
            None,
            &[],
            "Lines to skip at the beginning. When absent, lines that \
            clearly stand above the table are skipped.",
        ),
        doc("all_varchar", Boolean, Some("false"), &["true", "false"], "Every column is text."),
        doc(
            "types",
            Json,
            None,
            &[],
            "Types by column, as in {\"zip\": \"varchar\"}: boolean, \
            bigint, double, date, time, timestamp, timestamptz, varchar.",
        ),
        doc(
            "null_values",
            TextList,
            Some("[\"\"]"),
            &[],
            "Texts that stand for NULL, as a JSON \
            array or separated by commas; `pandas` for NA, N/A, null, None, nan and the others \
            that pandas takes.",
        ),
        doc(
            "strict",
            Boolean,
            Some("false"),
            &["true", "false"],
            "A value or row that does not \
            fit is an error with its line, instead of NULL and a count.",
        ),
        doc(
            "sample_rows",
            Integer,
            Some("20480"),
            &[],
            "How many of the first rows the types \
            are inferred from, as far as the sniffed bytes reach.",
        ),
        doc(
            "max_record_bytes",
            Integer,
            Some("16777216"),
            &[],
            "The largest record that is \
            read; at most 1 GiB.",
        ),
        doc(
            "encoding",
            Text,
            Some("auto"),
            &["auto", "utf-8"],
            "With `utf-8`, bytes that look \
            like another encoding are read all the same, and text that is not UTF-8 is NULL.",
        ),
    ];
    DOCS
}

impl CsvOptions {
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
            "delimiter" => self.delimiter = value.unless_auto(Value::delimiter)?,
            "quote" => self.quote = value.unless_auto(Value::mark)?,
            "comment" => self.comment = value.unless_auto(Value::mark)?,
            "escape" => {
                self.escape =
                    value.choice(&[None, Some(Escape::Doubled), Some(Escape::Backslash)])?;
            }
            "newline" => {
                self.newline = value.choice(&[None, Some(Newline::Lf), Some(Newline::Cr)])?;
            }
            "header" => self.header = value.choice(&[Header::Auto, Header::Yes, Header::No])?,
            "skip" => self.skip = Some(value.integer()?),
            "all_varchar" => self.all_varchar = value.choice(&[true, false])?,
            "types" => self.types = value.types()?,
            "null_values" => self.null_values = value.null_values()?,
            "strict" => self.strict = value.choice(&[true, false])?,
            "sample_rows" => self.sample_rows = value.integer()?.max(1),
            "max_record_bytes" => {
                self.max_record_bytes = value.integer()?.clamp(1, LARGEST_RECORD);
            }
            "encoding" => self.encoding = value.choice(&[Encoding::Auto, Encoding::Utf8])?,
            _ => unreachable!("every documented option is matched"),
        }
        Ok(())
    }
}

impl Value<'_> {
    fn unless_auto<T>(
        self,
        read: impl Fn(Self) -> Result<T, FormatError>,
    ) -> Result<Option<T>, FormatError> {
        if self.text.eq_ignore_ascii_case("auto") { Ok(None) } else { read(self).map(Some) }
    }

    fn delimiter(self) -> Result<Option<u8>, FormatError> {
        match self.text {
            "\\t" => Ok(Some(b'\t')),
            tab if tab.eq_ignore_ascii_case("tab") => Ok(Some(b'\t')),
            _ => self.mark(),
        }
    }

    /// A character, or none if the text is empty.
    fn mark(self) -> Result<Option<u8>, FormatError> {
        if self.text.is_empty() { Ok(None) } else { self.character().map(Some) }
    }

    fn character(self) -> Result<u8, FormatError> {
        match *self.text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(byte),
            _ => Err(self.refused("one ASCII character that does not end a line")),
        }
    }

    fn null_values(self) -> Result<Vec<String>, FormatError> {
        if self.text.eq_ignore_ascii_case("pandas") {
            return Ok(PANDAS_NULLS.map(str::to_owned).to_vec());
        }
        if self.text.trim_start().starts_with('[') {
            return serde_json::from_str(self.text)
                .map_err(|_| self.refused("a JSON array of texts, or texts separated by commas"));
        }
        Ok(self.text.split(',').map(|token| token.trim().to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{CsvOptions, Encoding, Escape, Header, Newline, option_docs};
    use crate::FormatError;
    use crate::csv::ColumnType;

    fn options(pairs: &[(&str, &str)]) -> Result<CsvOptions, FormatError> {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        CsvOptions::from_pairs(&pairs)
    }

    #[test]
    fn no_options_are_the_defaults() {
        assert_eq!(options(&[]), Ok(CsvOptions::default()));
        for doc in option_docs().iter().filter(|doc| doc.default.is_some()) {
            let default = doc.default.unwrap();
            assert_eq!(options(&[(doc.name, default)]), Ok(CsvOptions::default()), "{}", doc.name);
        }
    }

    #[test]
    fn every_option_can_be_set() {
        let expected = CsvOptions {
            delimiter: Some(Some(b'\t')),
            quote: Some(None),
            escape: Some(Escape::Backslash),
            newline: Some(Newline::Cr),
            comment: Some(Some(b'%')),
            header: Header::No,
            skip: Some(2),
            all_varchar: true,
            types: vec![("zip".into(), ColumnType::Varchar)],
            null_values: vec!["NA".into(), String::new()],
            strict: true,
            sample_rows: 5,
            max_record_bytes: 1000,
            encoding: Encoding::Utf8,
        };
        let set = options(&[
            ("DELIMITER", "tab"),
            ("quote", ""),
            ("escape", "backslash"),
            ("newline", "cr"),
            ("comment", "%"),
            ("header", "no"),
            ("skip", "2"),
            ("all_varchar", "true"),
            ("types", r#"{"zip": "TEXT"}"#),
            ("null_values", "NA,"),
            ("strict", "TRUE"),
            ("sample_rows", "5"),
            ("max_record_bytes", "1000"),
            ("encoding", "UTF-8"),
        ]);
        assert_eq!(set, Ok(expected));
    }

    #[test]
    fn null_tokens_come_as_json_as_a_list_or_as_a_known_set() {
        assert_eq!(options(&[("null_values", r#"["a,b"]"#)]).unwrap().null_values, ["a,b"]);
        assert_eq!(options(&[("null_values", "pandas")]).unwrap().null_values.len(), 19);
    }

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let error = options(&[("delimeter", ";")]).unwrap_err();
        assert_eq!(error.to_string(), "There is no option `delimeter`.");
        assert_eq!(error.hint().as_deref(), Some("Did you mean `delimiter`?"));
    }

    #[test]
    fn a_value_that_an_option_does_not_take_is_refused_with_what_it_takes() {
        for (name, value, sentence) in [
            ("header", "maybe", "Option `header` cannot be `maybe`: it takes auto, yes, no."),
            ("skip", "-1", "Option `skip` cannot be `-1`: it takes a whole number."),
            (
                "delimiter",
                "::",
                "Option `delimiter` cannot be `::`: it takes one ASCII character that does not \
                 end a line.",
            ),
        ] {
            assert_eq!(options(&[(name, value)]).unwrap_err().to_string(), sentence);
        }
        assert!(options(&[("types", r#"{"a": "blob"}"#)]).is_err());
        assert!(options(&[("quote", "\n")]).is_err());
        assert!(options(&[("delimiter", "é")]).is_err());
    }
}
