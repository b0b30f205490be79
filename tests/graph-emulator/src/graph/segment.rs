//! One segment of a path: a name, or a call of a function of OData. (1.1, 1.2)

use percent_encoding::percent_decode_str;

use super::errors::GraphError;

/// What a segment is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Segment<'a> {
    Name(&'a str),
    /// `delta`, `delta()`, `delta(token='…')`
    Delta(Option<String>),
    /// `search(q='…')`
    Search(String),
    /// `children('…')`
    Child(String),
}

impl<'a> Segment<'a> {
    /// Reads a segment as it stands in the request; functions may be qualified.
    pub(super) fn parse(segment: &'a str) -> Result<Self, GraphError> {
        let name = segment.strip_prefix("microsoft.graph.").unwrap_or(segment);
        let Some((function, rest)) = name.split_once('(') else {
            return Ok(match name {
                "delta" => Self::Delta(None),
                _ => Self::Name(name),
            });
        };
        let arguments = rest.strip_suffix(')').ok_or_else(GraphError::invalid_api)?;
        let arguments = decode(arguments)?;
        match function {
            "delta" if arguments.is_empty() => Ok(Self::Delta(None)),
            "delta" => literal(&arguments, "token=").map(|token| Self::Delta(Some(token))),
            "search" => literal(&arguments, "q=").map(Self::Search),
            "children" => literal(&arguments, "").map(Self::Child),
            _ => Ok(Self::Name(name)),
        }
    }
}

/// The text of `name='…'`, in which a quote is doubled.
pub(super) fn literal(arguments: &str, name: &str) -> Result<String, GraphError> {
    let quoted = arguments.strip_prefix(name).map(str::trim);
    let inner = quoted.and_then(|text| text.strip_prefix('\'')?.strip_suffix('\''));
    let inner = inner.ok_or_else(GraphError::invalid_api)?;
    if inner.replace("''", "").contains('\'') {
        return Err(GraphError::invalid_api());
    }
    Ok(inner.replace("''", "'"))
}

/// Percent-decodes one segment; `+` stays a plus. (1.2)
pub(super) fn decode(segment: &str) -> Result<String, GraphError> {
    let whole = segment.split('%').skip(1).all(|after| {
        after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
    });
    let decoded = percent_decode_str(segment).decode_utf8();
    match decoded {
        Ok(text) if whole => Ok(text.into_owned()),
        _ => Err(GraphError::invalid_api()),
    }
}

/// As much of a client's text as belongs in an error.
pub(super) fn brief(text: &str) -> &str {
    &text[..text.floor_char_boundary(100)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 1.2: a quote is doubled first and then percent-encoded.
    #[test]
    fn literals_are_read_with_doubled_quotes() {
        let search = Segment::parse("search(q='it''s')").unwrap();
        assert_eq!(search, Segment::Search("it's".into()));
        let search = Segment::parse("search(q='it%27%27s%20%2F')").unwrap();
        assert_eq!(search, Segment::Search("it's /".into()));
        for wrong in ["search(q='it's')", "search(q=x)", "search(q='x'", "search()", "delta('x')"] {
            assert!(Segment::parse(wrong).is_err(), "{wrong}");
        }
    }
}
