//! `$filter` of lists, as far as the service has it: comparisons of a name or a size, and which facet
//! is there. (1.4)

use super::errors::GraphError;
use crate::drive::{Item, fold};

/// A filter that was understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Filter {
    Name(Comparison, String),
    StartsWith(String),
    Size(Comparison, u64),
    /// `file ne null` and the like.
    Has(Facet, bool),
    All(Vec<Filter>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Facet {
    File,
    Folder,
}

impl Filter {
    /// Reads a filter; drives of work only know names. (1.4)
    pub(super) fn parse(text: &str, is_personal: bool) -> Result<Self, GraphError> {
        let refused = || {
            let text = super::segment::brief(text);
            GraphError::invalid_request(format!("The filter '{text}' is not supported"))
        };
        let parts: Option<Vec<Self>> =
            text.split(" and ").map(|part| Self::one(part.trim())).collect();
        let mut parts = parts.ok_or_else(refused)?;
        let name_only =
            parts.iter().all(|part| matches!(part, Self::Name(..) | Self::StartsWith(_)));
        if !is_personal && !name_only {
            return Err(refused());
        }
        match (parts.len(), parts.pop()) {
            (1, Some(only)) => Ok(only),
            (_, Some(last)) => {
                parts.push(last);
                Ok(Self::All(parts))
            }
            (_, None) => Err(refused()),
        }
    }

    fn one(text: &str) -> Option<Self> {
        if let Some(arguments) =
            text.strip_prefix("startswith(").or(text.strip_prefix("startsWith("))
        {
            let (property, value) = arguments.strip_suffix(')')?.split_once(',')?;
            return (property.trim() == "name")
                .then(|| literal(value.trim()))?
                .map(Self::StartsWith);
        }
        let (property, rest) = text.split_once(' ')?;
        let (operator, value) = rest.trim().split_once(' ')?;
        let comparison = match operator.to_ascii_lowercase().as_str() {
            "eq" => Comparison::Equal,
            "ne" => Comparison::NotEqual,
            "lt" => Comparison::Less,
            "le" => Comparison::LessOrEqual,
            "gt" => Comparison::Greater,
            "ge" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        let value = value.trim();
        let is_null = |facet| match (comparison, value) {
            (Comparison::Equal, "null") => Some(Self::Has(facet, false)),
            (Comparison::NotEqual, "null") => Some(Self::Has(facet, true)),
            _ => None,
        };
        match property {
            "name" => literal(value).map(|name| Self::Name(comparison, name)),
            "size" => value.parse().ok().map(|size| Self::Size(comparison, size)),
            "file" => is_null(Facet::File),
            "folder" => is_null(Facet::Folder),
            _ => None,
        }
    }

    pub(super) fn picks(&self, item: &Item) -> bool {
        match self {
            Self::Name(comparison, name) => comparison.holds(&fold(&item.name), &fold(name)),
            Self::StartsWith(start) => fold(&item.name).starts_with(&fold(start)),
            Self::Size(comparison, size) => comparison.holds(&item.size, size),
            Self::Has(Facet::File, wanted) => item.is_file() == *wanted,
            Self::Has(Facet::Folder, wanted) => item.is_folder() == *wanted,
            Self::All(parts) => parts.iter().all(|part| part.picks(item)),
        }
    }
}

impl Comparison {
    fn holds<T: Ord + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// `'…'` with doubled quotes inside.
fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.replace("''", "").contains('\'')).then(|| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Section 1.4.
    #[test]
    fn work_drives_filter_by_name_only() {
        let equal = Filter::Name(Comparison::Equal, "it's".to_owned());
        assert_eq!(Filter::parse("name eq 'it''s'", false).unwrap(), equal);
        assert!(Filter::parse("startswith(name,'a') and name ne 'ab'", false).is_ok());
        assert!(Filter::parse("size gt 5", false).is_err());
        assert!(Filter::parse("folder ne null", true).is_ok());
        for wrong in ["", "name", "name eq x", "name like 'a'", "id eq '1'", "name eq 'a' or 1"] {
            assert!(Filter::parse(wrong, true).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_filter_is_understood_or_refused(text in ".*", personal: bool) {
            let _ = Filter::parse(&text, personal);
        }
    }
}
