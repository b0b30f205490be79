//! `If-None-Match` (RFC 9110, section 13.1.2), for tags that themselves hold commas and braces.

use http::HeaderMap;
use http::header::IF_NONE_MATCH;

/// Whether the request asks not to be sent something whose current tags are `tags` (each with its
/// quotes, which belong to the value).
pub(crate) fn none_match(headers: &HeaderMap, tags: &[&str]) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.trim() == "*" || listed(value).any(|tag| tags.contains(&tag)))
}

/// The quoted tags of a list, weak or strong.
fn listed(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let length = rest[start + 1..].find('"')? + 2;
        let tag = &rest[start..start + length];
        rest = &rest[start + length..];
        Some(tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"{86EB4C8E-D20D-46B9-AD41-23B8868DDA8A},3\"";

    fn matches(value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, value.parse().unwrap());
        none_match(&headers, &[TAG])
    }

    #[test]
    fn a_tag_is_found_alone_in_a_list_and_marked_weak() {
        assert!(matches(TAG));
        assert!(matches(&format!("\"x\", W/{TAG} ,\"y\"")));
        assert!(matches("*"));
    }

    #[test]
    fn other_tags_and_broken_lists_do_not_match() {
        for value in ["", "\"", "\"{86EB4C8E-D20D-46B9-AD41-23B8868DDA8A},4\"", "{86EB4C8E}"] {
            assert!(!matches(value), "{value}");
        }
    }
}
