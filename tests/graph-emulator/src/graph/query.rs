//! Query options. (1.2 to 1.4)

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::errors::GraphError;

/// Larger pages are cut to this. (1.4: 999 and 1000 were accepted)
const MAX_TOP: usize = 1_000;
const DEFAULT_TOP: usize = 200;
/// What may stay literal in an option's value.
const OPTION: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'@').remove(b'_').remove(b'-');

/// The options of a request that the emulator acts on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Query {
    /// The selected properties, in the order asked for.
    pub(super) select: Option<Vec<String>>,
    top: Option<usize>,
    pub(super) skip_token: Option<String>,
    /// A conversion of the content.
    pub(super) format: Option<String>,
}

impl Query {
    /// Reads a query as it stands in the request. The `$` before a name is optional; names are
    /// case-sensitive. (1.2)
    pub(super) fn parse(query: Option<&str>) -> Result<Self, GraphError> {
        let mut read = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            read.option(&name, value)?;
        }
        Ok(read)
    }

    fn option(&mut self, name: &str, value: String) -> Result<(), GraphError> {
        match name.strip_prefix('$').unwrap_or(name) {
            "select" => {
                let names = value.split(',').map(|name| name.trim().to_owned());
                let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
                self.select = (!names.is_empty()).then_some(names);
            }
            "top" => {
                let top = value.parse().ok().filter(|&top| top > 0);
                self.top = Some(top.ok_or_else(|| invalid("top", &value))?);
            }
            "skiptoken" | "skipToken" => self.skip_token = Some(value),
            "format" => self.format = Some(value),
            // The order that lists have anyway.
            "orderby" if matches!(value.trim(), "name" | "name asc") => {}
            known @ ("orderby" | "expand" | "search" | "count") => {
                return Err(GraphError::not_emulated(&format!("${known}={value}")));
            }
            refused @ ("filter" | "skip") => {
                let message = format!("The query option ${refused} is not supported here");
                return Err(GraphError::invalid_request(message));
            }
            _ if name.starts_with('$') => return Err(invalid_name(name)),
            // Options without a dollar that the service does not know are ignored.
            _ => {}
        }
        Ok(())
    }

    /// How many rows a page has.
    pub(super) fn page_size(&self) -> usize {
        self.top.unwrap_or(DEFAULT_TOP).min(MAX_TOP)
    }

    /// Whether a property is part of the answer.
    pub(super) fn selects(&self, name: &str) -> bool {
        self.select.as_ref().is_none_or(|names| names.iter().any(|n| n == name || n == "*"))
    }

    /// `(a,b)` for a context, or nothing.
    pub(super) fn selected(&self) -> String {
        self.select.as_ref().map_or_else(String::new, |names| format!("({})", names.join(",")))
    }

    /// The options that a next link repeats, as recorded: with a literal `$`
    /// and the comma as `%2c`. (1.4)
    pub(super) fn repeated(&self) -> String {
        let mut text = String::new();
        if let Some(names) = &self.select {
            let encoded = names.iter().map(|name| utf8_percent_encode(name, OPTION).to_string());
            text += &format!("$select={}&", encoded.collect::<Vec<_>>().join("%2c"));
        }
        if let Some(top) = self.top {
            text += &format!("$top={top}&");
        }
        text
    }
}

fn invalid(name: &str, value: &str) -> GraphError {
    let value = &value[..value.floor_char_boundary(100)];
    GraphError::invalid_request(format!("Invalid value '{value}' for the query option ${name}"))
}

fn invalid_name(name: &str) -> GraphError {
    let name = &name[..name.floor_char_boundary(100)];
    GraphError::bad_request(format!("The query parameter '{name}' is not supported."))
}

fn decode(text: &str) -> Result<String, GraphError> {
    let text = text.replace('+', " ");
    match percent_decode_str(&text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(GraphError::bad_request("The query is not valid UTF-8.")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Section 1.2: the dollar is optional.
    #[test]
    fn options_are_read_with_and_without_their_dollar() {
        let dollar = Query::parse(Some("$select=id%2cname&$top=2&$skiptoken=abc")).unwrap();
        let plain = Query::parse(Some("select=id,%20name&top=2&skipToken=abc")).unwrap();
        assert_eq!(dollar, plain);
        assert_eq!(dollar.repeated(), "$select=id%2cname&$top=2&");
    }

    /// Section 1.4.
    #[test]
    fn a_page_has_200_rows_unless_asked_otherwise() {
        assert_eq!(Query::default().page_size(), 200);
        assert_eq!(Query::parse(Some("$top=999")).unwrap().page_size(), 999);
    }

    #[test]
    fn options_that_are_wrong_or_not_supported_are_refused_rather_than_ignored() {
        for query in ["$top=0", "$top=x", "$filter=name eq 'a'", "$expand=children", "$nonsense=1"]
        {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_understood_or_refused(query in ".*") {
            let _ = Query::parse(Some(&query));
        }

        #[test]
        fn what_a_next_link_repeats_reads_back_the_same(
            names in proptest::collection::vec("[a-zA-Z@. ü]{0,5}[a-z]", 1..4), top in 1usize..999,
        ) {
            let query = Query::parse(Some(&format!("$top={top}"))).unwrap();
            let names = names.iter().map(|name| name.trim().to_owned()).collect();
            let query = Query { select: Some(names), ..query };
            prop_assert_eq!(Query::parse(Some(&query.repeated())).unwrap(), query);
        }
    }
}
