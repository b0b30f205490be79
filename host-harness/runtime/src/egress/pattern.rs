//! Patterns of host names: one name, or every name under a suffix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `graph.example.com` matches that name, `*.example.com` every name under it but not itself.
/// Letters match without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum HostPattern {
    Name(String),
    Under(String),
}

/// The text is neither a host name nor `*.` and a host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host pattern is a name such as `a.example.com`, or `*.` and a name")]
pub(crate) struct NotAPattern;

impl HostPattern {
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => host.eq_ignore_ascii_case(name),
            Self::Under(suffix) => {
                let Some(split) = host.len().checked_sub(suffix.len() + 1) else { return false };
                split > 0
                    && host.as_bytes()[split] == b'.'
                    && host.as_bytes()[split + 1..].eq_ignore_ascii_case(suffix.as_bytes())
            }
        }
    }
}

impl FromStr for HostPattern {
    type Err = NotAPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, under) = match text.strip_prefix("*.") {
            Some(suffix) => (suffix, true),
            None => (text, false),
        };
        // A bare top-level domain under `*.` would allow half the internet.
        if !is_host_name(name) || (under && !name.contains('.')) {
            return Err(NotAPattern);
        }
        let name = name.to_ascii_lowercase();
        Ok(if under { Self::Under(name) } else { Self::Name(name) })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Under(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

/// Whether this is a DNS host name in ASCII, without a trailing dot, that is no IP literal in any
/// spelling that resolvers accept (`127.1`, `0x7f.1`, `2130706433`).
pub(crate) fn is_host_name(text: &str) -> bool {
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Resolvers read a name whose last label is a number as an address.
    let last_is_number = |label: &str| {
        let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    text.len() <= 253
        && text.parse::<IpAddr>().is_err()
        && text.split('.').all(label_ok)
        && !text.rsplit('.').next().is_some_and(last_is_number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_name_matches_itself_only() {
        let name = pattern("graph.example.com");
        assert!(name.matches("graph.example.com"));
        assert!(name.matches("Graph.Example.COM"));
        assert!(!name.matches("a.graph.example.com"));
        assert!(!name.matches("graph.example.com.evil.net"));
        assert!(!name.matches("xgraph.example.com"));
    }

    #[test]
    fn a_suffix_matches_names_under_it_but_not_itself() {
        let under = pattern("*.example.com");
        assert!(under.matches("a.example.com"));
        assert!(under.matches("a.b.EXAMPLE.com"));
        assert!(!under.matches("example.com"));
        assert!(!under.matches(".example.com"));
        assert!(!under.matches("evilexample.com"));
        assert!(!under.matches("a.example.com.evil.net"));
    }

    #[test]
    fn wide_or_malformed_patterns_are_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "*.com",
            "a.*.com",
            "**.example.com",
            "a..b",
            "-a.com",
            "a.com.",
            "a.com:443",
            "user@a.com",
            "a.com/path",
            "127.0.0.1",
            "*.0.0.1",
            "[::1]",
            "é.com",
        ] {
            assert_eq!(bad.parse::<HostPattern>(), Err(NotAPattern), "{bad}");
        }
    }

    #[test]
    fn spellings_of_addresses_are_no_host_names() {
        for bad in ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "::1", "1"] {
            assert!(!is_host_name(bad), "{bad}");
        }
        for good in ["localhost", "1drv.com", "a-b.example.com", "my.microsoftpersonalcontent.com"]
        {
            assert!(is_host_name(good), "{good}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_prints_what_it_read(text in "\\PC{0,40}") {
            if let Ok(pattern) = text.parse::<HostPattern>() {
                prop_assert_eq!(pattern.to_string(), text.to_ascii_lowercase());
            }
        }

        #[test]
        fn a_suffix_never_matches_a_name_that_does_not_end_in_it(
            host in "[a-z.]{1,30}", suffix in "[a-z]{1,5}\\.[a-z]{2,5}",
        ) {
            let under = pattern(&format!("*.{suffix}"));
            prop_assert_eq!(under.matches(&host),
                host.ends_with(&format!(".{suffix}")) && host.len() > suffix.len() + 1);
        }
    }
}
