//! Which of several names is meant by one that may be written in another case.

/// What a written name comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pick {
    /// One of the candidates is spelt just so.
    AsWritten,
    /// One spelling differs in case only.
    Other(String),
    /// Several spellings differ in case only, in the order of the candidates.
    Several(Vec<String>),
    /// No candidate is meant.
    None,
}

/// Compares as written first, then without regard to case.
pub(super) fn pick<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Pick {
    let folded = wanted.to_lowercase();
    let mut found: Vec<&str> = Vec::new();
    for candidate in candidates {
        if candidate == wanted {
            return Pick::AsWritten;
        }
        if candidate.to_lowercase() == folded && !found.contains(&candidate) {
            found.push(candidate);
        }
    }
    match found.as_slice() {
        [] => Pick::None,
        [only] => Pick::Other((*only).to_owned()),
        several => Pick::Several(several.iter().map(|name| (*name).to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_spelling_wins_over_all_others() {
        let among = |wanted, names: &[&str]| pick(wanted, names.iter().copied());
        assert_eq!(among("a", &["A", "a"]), Pick::AsWritten);
        assert_eq!(among("a", &["A", "A", "b"]), Pick::Other("A".into()));
        assert_eq!(among("aB", &["AB", "ab"]), Pick::Several(vec!["AB".into(), "ab".into()]));
        assert_eq!(among("c", &["AB", "ab"]), Pick::None);
        assert_eq!(among("ÄRGER", &["Ärger"]), Pick::Other("Ärger".into()));
    }
}
