//! The object after PARAMETERS: JSON, and beside it what MindsDB's users write: single quotes,
//! doubled quotes, comments. Keeps where each value stands, so that it can be masked.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Number, Value};

use super::Fault;
use super::lexer::Lexer;
use super::redact::MASK;

/// Objects and arrays may be nested this deep.
const MAX_DEPTH: usize = 16;

/// One parameter of a statement.
#[derive(Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: Value,
    /// Where the value stands in the statement, in bytes.
    pub(crate) span: Range<usize>,
}

/// The parameters of a CREATE or ALTER statement. `Debug` shows their names only.
#[derive(Clone, Default, PartialEq)]
pub struct Parameters {
    entries: Vec<Entry>,
    /// Whether PARAMETERS stands in the statement, be it empty.
    written: bool,
}

impl Parameters {
    /// The names in the order of the statement.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// The JSON object that a connector takes. It holds secrets.
    pub fn to_json(&self) -> String {
        let map: Map<String, Value> =
            self.entries.iter().map(|e| (e.key.clone(), e.value.clone())).collect();
        Value::Object(map).to_string()
    }

    /// The name of a parameter whose value is only the mask of a secret.
    pub(crate) fn masked(&self) -> Option<&str> {
        let mask = MASK.trim_matches('\'');
        let entry = self.entries.iter().find(|entry| entry.value == mask)?;
        Some(&entry.key)
    }

    /// Whether the statement has PARAMETERS at all.
    pub(crate) fn are_written(&self) -> bool {
        self.written
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// Reads the object that starts at a byte offset of the text; returns it and where it ends.
pub(crate) fn parse(text: &str, start: usize) -> Result<(Parameters, usize), Fault> {
    let mut parser = Parser { text, at: start };
    parser.expect('{', "`{` and the parameters as a JSON object")?;
    let entries = parser.entries(1)?;
    Ok((Parameters { entries, written: true }, parser.at))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::at(self.at, message))
    }

    /// The next character that counts.
    fn peek(&mut self) -> Option<char> {
        // The lexer skips comments too; before the first token it has no state to disturb.
        let token = Lexer::from_offset(self.text, self.at).peek();
        self.at = token.map_or(self.text.len(), |token| token.start);
        token.and_then(|token| token.text.chars().next())
    }

    fn expect(&mut self, wanted: char, what: &str) -> Result<(), Fault> {
        match self.peek() {
            Some(c) if c == wanted => {
                self.at += c.len_utf8();
                Ok(())
            }
            Some(_) => self.fault(format!("Expected {what}")),
            None => self.fault(format!("The statement ends where {what} was expected")),
        }
    }

    /// The entries of an object after its `{`, up to and with its `}`.
    fn entries(&mut self, depth: usize) -> Result<Vec<Entry>, Fault> {
        let mut entries: Vec<Entry> = Vec::new();
        if self.peek() == Some('}') {
            self.at += 1;
            return Ok(entries);
        }
        loop {
            let key = match self.peek() {
                Some(quote @ ('"' | '\'')) => {
                    let at = self.at;
                    let key = self.text_value(quote)?;
                    if entries.iter().any(|entry| entry.key == key) {
                        return Err(Fault::at(at, "A parameter is given twice"));
                    }
                    key
                }
                Some('}') => return self.fault("A comma stands before the closing `}`"),
                _ => return self.fault("Expected a parameter's name in quotes"),
            };
            self.expect(':', "`:` after the parameter's name")?;
            self.peek();
            let start = self.at;
            let value = self.value(depth)?;
            entries.push(Entry { key, value, span: start..self.at });
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => {
                    self.at += 1;
                    return Ok(entries);
                }
                _ => return self.fault("Expected `,` or `}` after the parameter's value"),
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return self.fault("The parameters are nested too deeply");
        }
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.text_value(quote).map(Value::String),
            Some('{') => {
                self.at += 1;
                let entries = self.entries(depth + 1)?;
                Ok(Value::Object(entries.into_iter().map(|e| (e.key, e.value)).collect()))
            }
            Some('[') => {
                self.at += 1;
                self.array(depth + 1).map(Value::Array)
            }
            Some(c) if c.is_ascii_alphanumeric() || c == '-' || c == '+' => self.bare_value(),
            _ => self.fault("Expected a value: a text in quotes, a number, true, false or null"),
        }
    }

    /// The values of an array after its `[`, up to and with its `]`.
    fn array(&mut self, depth: usize) -> Result<Vec<Value>, Fault> {
        let mut values = Vec::new();
        if self.peek() == Some(']') {
            self.at += 1;
            return Ok(values);
        }
        loop {
            values.push(self.value(depth)?);
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => {
                    self.at += 1;
                    return Ok(values);
                }
                _ => return self.fault("Expected `,` or `]` in the list"),
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn bare_value(&mut self) -> Result<Value, Fault> {
        let rest = &self.text[self.at..];
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '.' | '+' | '-' | '_');
        let word = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        let value = match word.to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => match serde_json::from_str::<Number>(word) {
                Ok(number) => Value::Number(number),
                Err(_) => {
                    return self
                        .fault("Expected a number, true, false or null; texts stand in quotes");
                }
            },
        };
        self.at += word.len();
        Ok(value)
    }

    /// A quoted text. In double quotes it is JSON's, except that a doubled quote means one; in
    /// single quotes only `\'`, `\\` and the doubled quote are special.
    fn text_value(&mut self, quote: char) -> Result<String, Fault> {
        let start = self.at;
        let mut plain = String::new();
        let mut chars = self.text[start..].char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c == quote {
                if chars.next_if(|(_, next)| *next == quote).is_none() {
                    self.at = start + index + 1;
                    return if quote == '"' { self.unescaped(start, &plain) } else { Ok(plain) };
                }
                plain.push_str(if quote == '"' { "\\\"" } else { "'" });
            } else if c == '\\' && quote == '"' {
                plain.push(c);
                plain.extend(chars.next().map(|(_, escaped)| escaped));
            } else if c == '\\' {
                let escaped = chars.next_if(|(_, next)| matches!(next, '\'' | '\\'));
                plain.push(escaped.map_or('\\', |(_, escaped)| escaped));
            } else {
                plain.push(c);
            }
        }
        self.fault("A text is not closed by its quote")
    }

    /// Resolves JSON's escapes; what stands in the text itself (such as a line break) is allowed.
    fn unescaped(&self, start: usize, escaped: &str) -> Result<String, Fault> {
        let mut json = String::with_capacity(escaped.len() + 2);
        json.push('"');
        for c in escaped.chars() {
            match c {
                '\n' => json.push_str("\\n"),
                '\r' => json.push_str("\\r"),
                '\t' => json.push_str("\\t"),
                c => json.push(c),
            }
        }
        json.push('"');
        serde_json::from_str(&json)
            .map_err(|_| Fault::at(start, "A text in double quotes has an escape unknown to JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn object(text: &str) -> Value {
        let (parameters, end) = parse(text, 0).unwrap();
        assert_eq!(end, text.len());
        serde_json::from_str(&parameters.to_json()).unwrap()
    }

    fn fault(text: &str) -> String {
        parse(text, 0).unwrap_err().message
    }

    #[test]
    fn json_is_read_as_json() {
        assert_eq!(
            object(r#"{"a": "x\"y\u00e9", "b": 1735689600, "c": [true, null, -1.5], "d": {}}"#),
            json!({"a": "x\"y\u{e9}", "b": 1735689600, "c": [true, null, -1.5], "d": {}})
        );
    }

    #[test]
    fn mindsdb_spellings_are_read() {
        assert_eq!(
            object("{ 'a': 'it''s', /* c */ \"b\": \"say \"\"hi\"\"\", -- d\n 'e': 'C:\\x' }"),
            json!({"a": "it's", "b": "say \"hi\"", "e": "C:\\x"})
        );
    }

    #[test]
    fn slips_are_told_without_their_values() {
        for (text, message) in [
            (r#"{"a": sesame}"#, "Expected a number, true, false or null; texts stand in quotes"),
            (
                r#"{"a": <sesame>}"#,
                "Expected a value: a text in quotes, a number, true, false or null",
            ),
            (r#"{sesame: 1}"#, "Expected a parameter's name in quotes"),
            (r#"{"a": "sesame" "b": 1}"#, "Expected `,` or `}` after the parameter's value"),
            (r#"{"a": "sesame",}"#, "A comma stands before the closing `}`"),
            (r#"{"a": "sesame"#, "A text is not closed by its quote"),
            (r#"{"a" "sesame"}"#, "Expected `:` after the parameter's name"),
            (r#"{"a": "ses\qame"}"#, "A text in double quotes has an escape unknown to JSON"),
            (r#"{"a": 1, "a": 2}"#, "A parameter is given twice"),
        ] {
            assert_eq!(fault(text), message);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let text = format!("{{\"a\": {}", "[".repeat(100_000));
        assert_eq!(fault(&text), "The parameters are nested too deeply");
    }

    #[test]
    fn debug_shows_names_only() {
        let (parameters, _) = parse(r#"{"access_token": "sesame"}"#, 0).unwrap();
        assert_eq!(format!("{parameters:?}"), r#"{"access_token"}"#);
    }

    #[test]
    fn spans_cover_the_values() {
        let text = r#"{"a": "x", "b": [1, 2] }"#;
        let (parameters, _) = parse(text, 0).unwrap();
        let values: Vec<_> = parameters.entries().iter().map(|e| &text[e.span.clone()]).collect();
        assert_eq!(values, [r#""x""#, "[1, 2]"]);
    }

    proptest! {
        #[test]
        fn any_json_object_comes_back(entries in proptest::collection::btree_map(".{0,8}", ".{0,12}", 0..5)) {
            let text = serde_json::to_string(&entries).unwrap();
            prop_assert_eq!(object(&text), serde_json::to_value(&entries).unwrap());
        }

        #[test]
        fn single_quoted_texts_come_back(text in "[^\\\\\0]{0,20}") {
            let quoted = format!("{{'a': '{}'}}", text.replace('\'', "''"));
            prop_assert_eq!(object(&quoted), json!({"a": text}));
        }

        #[test]
        fn any_text_is_answered(text in "\\{[a-z0-9{}\\[\\]:,'\"\\\\ \n*/é-]{0,40}") {
            if let Ok((parameters, end)) = parse(&text, 0) {
                prop_assert!(end <= text.len());
                for entry in parameters.entries() {
                    prop_assert!(text.get(entry.span.clone()).is_some());
                }
            }
        }
    }
}
