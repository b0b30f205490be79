//! Patterns of host names and paths.

/// Text in which `*` stands for any run of characters, also for none.
pub(super) struct Pattern {
    first: String,
    /// What comes between stars.
    middle: Vec<String>,
    /// What comes after the last star; none if there is no star.
    last: Option<String>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        let mut pieces = text.split('*').map(str::to_owned);
        let first = pieces.next().unwrap_or_default();
        let mut middle: Vec<String> = pieces.collect();
        let last = middle.pop();
        Self { first, middle, last }
    }

    /// Whether the whole of `text` fits. The leftmost place of each piece leaves most room for the
    /// others, so nothing is ever tried twice.
    pub(super) fn fits(&self, text: &str) -> bool {
        let Some(mut rest) = text.strip_prefix(self.first.as_str()) else { return false };
        let Some(last) = &self.last else { return rest.is_empty() };
        for piece in &self.middle {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, fits) in [
            ("/v1.0/me", "/v1.0/me", true),
            ("/v1.0/me", "/v1.0/me/", false),
            ("/v1.0/*/root:/*:/content", "/v1.0/me/drive/root:/a/b.csv:/content", true),
            ("/v1.0/*/root:/*:/content", "/v1.0/me/drive/root:/a/b.csv", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("*.sharepoint.com", "contoso-my.sharepoint.com", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
        }
    }

    /// The definition, without a thought for speed.
    fn fits(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| fits(rest, &text[at..])),
            Some((byte, rest)) => {
                text.split_first().is_some_and(|(t, r)| t == byte && fits(rest, r))
            }
        }
    }

    proptest! {
        #[test]
        fn patterns_do_what_their_definition_says(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            let expected = fits(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Pattern::new(&pattern).fits(&text), expected);
        }
    }
}
