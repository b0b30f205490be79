//! Where the records of a document are: what is found out about its first bytes, and what is no
//! table.

use serde::{Deserialize, Serialize};

use super::infer::members;
use super::token::{Cursor, Stop, Value, is_space};
use crate::FormatError;

/// How the records stand in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// One after another, each usually on its own line; or a single one.
    Sequence,
    /// In an array, which stands within so many objects: none where it is the document.
    Array {
        /// How many objects are around the array.
        within: u16,
    },
}

/// The shape of a document that begins like this, and where what follows its opening bracket
/// begins.
pub(super) fn detect(text: &[u8], path: &[String]) -> Result<(Shape, usize), Problem> {
    let mut cursor = Cursor::new(text);
    let first = cursor.token()?;
    if !path.is_empty() {
        return follow(cursor, path);
    }
    let start = cursor.at();
    match first {
        b'{' => Ok((Shape::Sequence, start)),
        b'[' => {
            cursor.pass();
            let inside = cursor.at();
            let only_objects = "an array of objects is a table, one row each".to_owned();
            match cursor.token()? {
                b'{' => Ok((Shape::Array { within: 0 }, inside)),
                b']' => Err(not("it is an empty array", only_objects)),
                _ => {
                    let what = kind(&cursor.value()?);
                    Err(not(&format!("it is an array that begins with {what}"), only_objects))
                }
            }
        }
        _ => {
            let what = kind(&cursor.value()?);
            Err(not(
                &format!("it is {what} and no object"),
                "An array of objects is a table, and so is one object a line.".to_owned(),
            ))
        }
    }
}

/// Why no shape was found.
pub(super) enum Problem {
    Stop(Stop),
    Not(FormatError),
}

impl From<Stop> for Problem {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

pub(super) fn not(what: &str, hint: String) -> Problem {
    let mut hint = hint;
    if let Some(first) = hint.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if !hint.ends_with('.') {
        hint.push('.');
    }
    Problem::Not(FormatError::NotTable { what: what.to_owned(), hint })
}

fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Boolean(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::Text(_) => "a text",
        Value::Nested { raw: [b'{', ..], .. } => "an object",
        Value::Nested { .. } => "an array",
    }
}

/// Goes along the path to the array of records.
fn follow(mut cursor: Cursor<'_>, path: &[String]) -> Result<(Shape, usize), Problem> {
    for (depth, key) in path.iter().enumerate() {
        if cursor.token()? != b'{' {
            let what = format!("there is no object that could have the key `{key}`");
            return Err(not(&what, "The option path leads through objects to an array".into()));
        }
        find(&mut cursor, key, depth)?;
    }
    let joined = path.join(".");
    if cursor.token()? != b'[' {
        let what = format!("`{joined}` is no array");
        return Err(not(&what, "The option path has to name an array of objects".into()));
    }
    cursor.pass();
    let inside = cursor.at();
    if cursor.token()? != b'{' {
        let what = format!("the array `{joined}` does not begin with an object");
        return Err(not(&what, "The option path has to name an array of objects".into()));
    }
    let within = u16::try_from(path.len()).unwrap_or(u16::MAX);
    Ok((Shape::Array { within }, inside))
}

/// Goes to the value of a key in the object at the cursor.
fn find(cursor: &mut Cursor<'_>, wanted: &str, depth: usize) -> Result<(), Problem> {
    cursor.pass();
    let mut empty = cursor.token()? == b'}';
    while !empty {
        if cursor.key()?.lossy() == wanted {
            return Ok(());
        }
        cursor.value()?;
        match cursor.token()? {
            b',' => cursor.pass(),
            b'}' => empty = true,
            _ => cursor.broken("a comma or } should follow the value")?,
        }
    }
    let place = if depth == 0 { "the document" } else { "the object on the way" };
    let what = format!("{place} has no key `{wanted}`");
    Err(not(&what, "The option path names keys in the case in which they are written".into()))
}

/// The key of the largest array of objects in a document that is one object: what a user is likely
/// to want instead of the one row. The text may end before the document does.
pub(super) fn inner_table(text: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(text);
    cursor.token().ok().filter(|byte| *byte == b'{')?;
    let start = cursor.clone();
    let mut best: Option<(usize, String)> = None;
    let whole = members(&mut cursor, |key, value| {
        if let Value::Nested { raw, .. } = value
            && is_table(raw)
            && best.as_ref().is_none_or(|(size, _)| raw.len() > *size)
        {
            best = Some((raw.len(), key));
        }
    });
    if whole.is_err() {
        // The member that the text ends in is larger than all before it, or the reason to ask.
        best = unended_table(start).map(|key| (0, key)).or(best);
    }
    best.map(|(_, key)| key)
}

/// The key of the array of objects in which the text ends.
fn unended_table(mut cursor: Cursor<'_>) -> Option<String> {
    cursor.pass();
    loop {
        let key = cursor.key().ok()?.lossy();
        let mut value = cursor.clone();
        if cursor.value().is_err() {
            let table = value.peek().ok()? == b'[' && {
                value.pass();
                value.token().ok()? == b'{'
            };
            return table.then_some(key);
        }
        if cursor.token().ok()? != b',' {
            return None;
        }
        cursor.pass();
    }
}

fn is_table(raw: &[u8]) -> bool {
    let inside = raw.strip_prefix(b"[").unwrap_or_default();
    inside.iter().find(|byte| !is_space(**byte)) == Some(&b'{')
}
