//! Query options. (1.2 to 1.5, 3.1)

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::errors::GraphError;
use super::segment::literal;
use crate::drive::Order;

/// What may stay literal in an option's value.
const OPTION: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'@').remove(b'_').remove(b'-');

/// The options of a request that the emulator acts on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Query {
    /// The selected properties, in the order asked for.
    pub(super) select: Option<Vec<String>>,
    /// Related things to be sent along, in the order asked for.
    pub(super) expand: Vec<String>,
    top: Option<usize>,
    pub(super) skip_token: Option<String>,
    /// The property and whether it descends, as text.
    order_by: Option<String>,
    pub(super) filter: Option<String>,
    /// Of delta, in the form of a parameter.
    pub(super) token: Option<String>,
    /// A conversion of the content.
    pub(super) format: Option<String>,
    pub(super) include_deleted: bool,
    pub(super) search: Option<String>,
    pub(super) conflict: Option<String>,
    pub(super) allow_external: bool,
    /// Values that the path refers to by names that begin with `@`. (1.1, China)
    aliases: Vec<(String, String)>,
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
                let names = list(&value);
                self.select = (!names.is_empty()).then_some(names);
            }
            "expand" => self.expand = list(&value),
            "top" => {
                let top = value.parse().ok().filter(|&top| top > 0);
                self.top = Some(top.ok_or_else(|| invalid("top", &value))?);
            }
            "skiptoken" | "skipToken" => self.skip_token = Some(value),
            "orderby" => self.order_by = Some(value).filter(|value| !value.trim().is_empty()),
            "filter" => self.filter = Some(value),
            "token" => self.token = Some(value),
            "format" => self.format = Some(value),
            "search" => self.search = Some(value),
            "includeDeletedItems" => self.include_deleted = value.eq_ignore_ascii_case("true"),
            "allowexternal" => self.allow_external = value.eq_ignore_ascii_case("true"),
            "@microsoft.graph.conflictBehavior" => self.conflict = Some(value),
            alias if alias.starts_with('@') => self.aliases.push((alias.to_owned(), value)),
            "count" => {}
            "skip" => {
                let message = "The query option $skip is not supported here";
                return Err(GraphError::invalid_request(message));
            }
            _ if name.starts_with('$') => return Err(invalid_name(name)),
            // Options without a dollar that the service does not know are ignored.
            _ => {}
        }
        Ok(())
    }

    /// Puts the values of aliases where a path refers to them: `children('@a1')?@a1='…'`. (1.1)
    pub(super) fn fill_in(&self, path: &mut [String]) -> Result<(), GraphError> {
        for name in path {
            if let Some((_, value)) = self.aliases.iter().find(|(alias, _)| alias == name) {
                *name = literal(value, "")?;
            }
        }
        Ok(())
    }

    /// How many rows a page has, where `default` is usual and no page has more than `limit`.
    pub(super) fn page_size(&self, default: usize, limit: usize) -> usize {
        self.top.unwrap_or(default).min(limit).max(1)
    }

    /// Whether a property is part of the answer.
    pub(super) fn selects(&self, name: &str) -> bool {
        self.select.as_ref().is_none_or(|names| names.iter().any(|n| n == name || n == "*"))
    }

    pub(super) fn expands(&self, name: &str) -> bool {
        let is = |expanded: &String| expanded.split('(').next().unwrap_or_default() == name;
        self.expand.iter().any(is)
    }

    /// `(a,b)` for a context, or nothing.
    pub(super) fn selected(&self) -> String {
        self.select.as_ref().map_or_else(String::new, |names| format!("({})", names.join(",")))
    }

    /// The order of a list: personal drives have three, others only names. (1.4)
    pub(super) fn order(&self, is_personal: bool) -> Result<(Order, bool), GraphError> {
        let Some(text) = &self.order_by else { return Ok((Order::Name, false)) };
        let mut words = text.split_whitespace();
        let order = match words.next() {
            Some("name") => Order::Name,
            Some("url" | "webUrl") if !is_personal => Order::Name,
            Some("size") if is_personal => Order::Size,
            Some("lastModifiedDateTime") if is_personal => Order::Modified,
            _ => return Err(invalid("orderby", text)),
        };
        match (words.next().map(str::to_ascii_lowercase).as_deref(), words.next()) {
            (None | Some("asc"), None) => Ok((order, false)),
            (Some("desc"), None) => Ok((order, true)),
            _ => Err(invalid("orderby", text)),
        }
    }

    /// The options that a link repeats, as recorded: with a literal `$` and the comma as `%2c`.
    /// (1.4)
    pub(super) fn repeated(&self) -> String {
        let mut text = String::new();
        let listed = |names: &[String]| {
            let encoded = names.iter().map(|name| utf8_percent_encode(name, OPTION).to_string());
            encoded.collect::<Vec<_>>().join("%2c")
        };
        if let Some(names) = &self.select {
            text += &format!("$select={}&", listed(names));
        }
        if !self.expand.is_empty() {
            text += &format!("$expand={}&", listed(&self.expand));
        }
        if let Some(top) = self.top {
            text += &format!("$top={top}&");
        }
        for (name, value) in [("orderby", &self.order_by), ("filter", &self.filter)] {
            if let Some(value) = value {
                text += &format!("${name}={}&", utf8_percent_encode(value, OPTION));
            }
        }
        text
    }
}

fn list(value: &str) -> Vec<String> {
    let names = value.split(',').map(|name| name.trim().to_owned());
    names.filter(|name| !name.is_empty()).collect()
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
    fn a_page_has_the_usual_size_unless_asked_otherwise() {
        assert_eq!(Query::default().page_size(200, 1_000), 200);
        let asked = Query::parse(Some("$top=999")).unwrap();
        assert_eq!((asked.page_size(200, 1_000), asked.page_size(200, 500)), (999, 500));
    }

    /// Section 1.4.
    #[test]
    fn a_personal_drive_has_three_orders_and_others_only_names() {
        let by = |text: &str| Query::parse(Some(&format!("$orderby={text}"))).unwrap();
        assert_eq!(by("size desc").order(true).unwrap(), (Order::Size, true));
        assert_eq!(by("name").order(false).unwrap(), (Order::Name, false));
        assert!(by("size").order(false).is_err());
        assert!(by("name sideways").order(true).is_err());
        assert!(by("createdDateTime").order(true).is_err());
    }

    #[test]
    fn options_that_are_wrong_or_not_known_are_refused_rather_than_ignored() {
        for query in ["$top=0", "$top=x", "$skip=5", "$nonsense=1"] {
            assert!(Query::parse(Some(query)).is_err(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn any_query_is_understood_or_refused(query in ".*") {
            let _ = Query::parse(Some(&query)).map(|query| query.order(true));
        }

        #[test]
        fn what_a_link_repeats_reads_back_the_same(
            names in proptest::collection::vec("[a-zA-Z@. ü]{0,5}[a-z]", 1..4), top in 1usize..999,
        ) {
            let query = Query::parse(Some(&format!("$top={top}&$orderby=name desc"))).unwrap();
            let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
            let query = Query { select: Some(names.clone()), expand: names, ..query };
            prop_assert_eq!(Query::parse(Some(&query.repeated())).unwrap(), query);
        }
    }
}
