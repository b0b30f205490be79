//! The text of one field: quotes taken off and escapes resolved.

use super::dialect::{Dialect, Escape};
use super::scanner::{MISSING, Row};

/// The raw fields of one row.
pub(super) fn fields<'a>(
    bytes: &'a [u8],
    stops: &'a [u32],
    row: Row,
) -> impl Iterator<Item = &'a [u8]> {
    let first = row.first as usize;
    let stops = &stops[first..first + row.fields.max(1) as usize];
    let mut start = row.start as usize;
    stops.iter().filter(|stop| **stop != MISSING).map(move |stop| {
        let field = &bytes[start..*stop as usize];
        start = *stop as usize + 1;
        field
    })
}

/// The text of a raw field, and whether it was quoted. `scratch` holds the text where it does not
/// stand in the field as it is.
#[inline]
pub(super) fn text<'a>(
    field: &'a [u8],
    dialect: &Dialect,
    scratch: &'a mut Vec<u8>,
) -> (&'a [u8], bool) {
    match dialect.quote {
        Some(quote) => match opened(field, quote) {
            Some(inner) => (unquoted(inner, quote, dialect.escape, scratch), true),
            None => (field, false),
        },
        None => (field, false),
    }
}

/// What follows the opening quote, before which spaces do not count.
#[inline]
fn opened(field: &[u8], quote: u8) -> Option<&[u8]> {
    match field {
        [first, inner @ ..] if *first == quote => Some(inner),
        [b' ', ..] => {
            let spaces = field.iter().position(|byte| *byte != b' ')?;
            field[spaces..].strip_prefix(&[quote])
        }
        _ => None,
    }
}

/// Resolves what follows an opening quote. Text after the closing quote stays, unless it is space.
fn unquoted<'a>(inner: &'a [u8], quote: u8, escape: Escape, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if let [plain @ .., last] = inner
        && *last == quote
    {
        let special = match escape {
            Escape::Doubled => memchr::memchr(quote, plain),
            Escape::Backslash => memchr::memchr2(quote, b'\\', plain),
        };
        if special.is_none() {
            return plain;
        }
    }
    scratch.clear();
    let mut rest = inner.iter().enumerate();
    while let Some((at, &byte)) = rest.next() {
        if byte == quote {
            if inner.get(at + 1) != Some(&quote) {
                let tail = &inner[at + 1..];
                if !tail.iter().all(|byte| matches!(byte, b' ' | b'\r')) {
                    scratch.extend_from_slice(tail);
                }
                break;
            }
            rest.next();
            scratch.push(byte);
        } else if byte == b'\\' && escape == Escape::Backslash {
            scratch.extend(rest.next().map(|(_, escaped)| *escaped));
        } else {
            scratch.push(byte);
        }
    }
    scratch
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::csv::dialect::{Dialect, Escape, Newline};

    fn value(field: &str, escape: Escape) -> (String, bool) {
        let dialect = Dialect {
            delimiter: Some(b','),
            quote: Some(b'"'),
            escape,
            newline: Newline::Lf,
            comment: None,
        };
        let mut scratch = Vec::new();
        let (text, quoted) = text(field.as_bytes(), &dialect, &mut scratch);
        (String::from_utf8(text.to_vec()).unwrap(), quoted)
    }

    fn doubled(field: &str) -> String {
        value(field, Escape::Doubled).0
    }

    #[test]
    fn quotes_come_off_and_doubled_ones_become_one() {
        assert_eq!(value("a", Escape::Doubled), ("a".into(), false));
        assert_eq!(value("\"a\"", Escape::Doubled), ("a".into(), true));
        assert_eq!(value("\"\"", Escape::Doubled), (String::new(), true));
        assert_eq!(doubled("\"a \"\"b\"\" c\""), "a \"b\" c");
        assert_eq!(doubled("\"\"\"\""), "\"");
    }

    #[test]
    fn spaces_around_quotes_do_not_count_and_spaces_elsewhere_do() {
        assert_eq!(doubled("  \"a \" "), "a ");
        assert_eq!(doubled("  a "), "  a ");
    }

    #[test]
    fn nothing_of_a_badly_quoted_field_is_lost() {
        assert_eq!(doubled("\"a\"b"), "ab");
        assert_eq!(doubled("\"a"), "a");
        assert_eq!(doubled("5\" pipe"), "5\" pipe");
    }

    #[test]
    fn a_backslash_escapes_where_the_dialect_says_so() {
        assert_eq!(value(r#""a \"b\" \\""#, Escape::Backslash).0, r#"a "b" \"#);
        assert_eq!(doubled(r#""C:\""#), r"C:\");
    }
}
