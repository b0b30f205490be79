//! Names that mean several files: `*` in a segment, `**` for any folders, a trailing `/` for all
//! files of a folder. Letters compare without regard to case, as OneDrive's names do.

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    /// As it was written, without a leading slash.
    pub(crate) text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// Any folders, or none.
    Folders,
    /// One name, in lower case; between its parts there may be anything.
    Name(Vec<String>),
}

impl Glob {
    /// A pattern, if the name is one.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if !name.contains('*') && !name.ends_with('/') {
            return None;
        }
        let whole = if name.ends_with('/') { format!("{name}*") } else { name.to_owned() };
        let segment = |text: &str| match text {
            "**" => Segment::Folders,
            text => Segment::Name(text.to_lowercase().split('*').map(str::to_owned).collect()),
        };
        let segments = whole.split('/').map(segment).collect();
        Some(Self { text: name.to_owned(), segments })
    }

    /// The folder that all matches are in, as it was written.
    pub(crate) fn folder(&self) -> &str {
        let end = self.text.find('*').unwrap_or(self.text.len());
        self.text[..end].rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Whether matches may be deeper than in that folder.
    pub(crate) fn is_deep(&self) -> bool {
        let literal = self.folder().split('/').filter(|name| !name.is_empty()).count();
        self.segments.len() > literal + 1 || self.segments.contains(&Segment::Folders)
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        takes(&self.segments, path)
    }

    /// Whether something in a folder of that path may match.
    pub(crate) fn reaches_into(&self, folder: &str) -> bool {
        let any_folders = self.segments.last() == Some(&Segment::Folders);
        let most = self.segments.len() + usize::from(any_folders);
        (1..most).any(|count| takes(&self.segments[..count], folder))
    }
}

/// Whether segments match a path from its first name to its last.
fn takes(segments: &[Segment], path: &str) -> bool {
    let path = path.to_lowercase();
    let names: Vec<&str> = path.split('/').collect();
    // Which of the first names the segments so far can have taken.
    let mut taken = vec![false; names.len() + 1];
    taken[0] = true;
    for segment in segments {
        let mut next = vec![false; names.len() + 1];
        for at in (0..=names.len()).filter(|at| taken[*at]) {
            match segment {
                Segment::Folders => next[at..].fill(true),
                Segment::Name(parts) => {
                    if names.get(at).is_some_and(|name| is_like(name, parts)) {
                        next[at + 1] = true;
                    }
                }
            }
        }
        taken = next;
    }
    taken[names.len()]
}

/// Whether a name has the parts in their order, the first at its start and the last at its end.
fn is_like(name: &str, parts: &[String]) -> bool {
    let [first, middle @ .., last] = parts else { return parts.iter().all(|part| part == name) };
    let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
        rest = after;
    }
    rest.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, matches) in [
            ("reports/2026-*.csv", "reports/2026-01.csv", true),
            ("reports/2026-*.csv", "Reports/2026-01.CSV", true),
            ("reports/2026-*.csv", "reports/2025-01.csv", false),
            ("reports/2026-*.csv", "reports/sub/2026-01.csv", false),
            ("*.csv", "a.csv", true),
            ("*.csv", "a/b.csv", false),
            ("**/*.csv", "b.csv", true),
            ("**/*.csv", "a/b/c.csv", true),
            ("a/**/*.csv", "a/b.csv", true),
            ("a/**/c/*.csv", "a/x/y/c/d.csv", true),
            ("a/**/c/*.csv", "b/c/d.csv", false),
            ("a/*/c.csv", "a/b/c.csv", true),
            ("a/*/c.csv", "a/c.csv", false),
            ("reports/", "reports/a.csv", true),
            ("reports/", "reports/sub/a.csv", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("a**", "abc", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().matches(path), matches, "{pattern} {path}");
        }
        assert_eq!(Glob::parse("reports/a.csv"), None);
    }

    #[test]
    fn the_folder_is_what_comes_before_the_first_star() {
        for (pattern, folder, deep) in [
            ("reports/2026-*.csv", "reports", false),
            ("*.csv", "", false),
            ("a/b/", "a/b", false),
            ("a/b*/c.csv", "a", true),
            ("**/*.csv", "", true),
            ("a/**", "a", true),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            assert_eq!((glob.folder(), glob.is_deep()), (folder, deep), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_reaches_into_the_folders_on_its_way() {
        for (pattern, folder, reaches) in [
            ("*.csv", "Team", false),
            ("*/x.csv", "Team", true),
            ("*/x.csv", "Team/sub", false),
            ("**/*.csv", "Team/sub", true),
            ("2026-*/**", "Team", false),
            ("2026-*/**", "2026-01/a", true),
            ("team/", "Team", true),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            assert_eq!(glob.reaches_into(folder), reaches, "{pattern} {folder}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_reaches_into_the_folder_of_what_it_matches(
            pattern in "[ab*/]{1,8}", folder in "[ab]{1,2}(/[ab]{1,2})?", name in "[ab]{1,2}"
        ) {
            if let Some(glob) = Glob::parse(&pattern) && glob.matches(&format!("{folder}/{name}")) {
                prop_assert!(glob.reaches_into(&folder));
            }
        }

        #[test]
        fn no_pattern_makes_it_panic(pattern in "[a/*]{0,20}", path in "[a/]{0,20}") {
            if let Some(glob) = Glob::parse(&pattern) {
                let _ = (glob.matches(&path), glob.folder(), glob.is_deep());
            }
        }

        #[test]
        fn a_star_stands_for_any_part_of_a_name(a in "[a-c]{0,5}", b in "[a-c]{0,5}", c in "[a-c]{0,5}") {
            let glob = Glob::parse(&format!("{a}*{c}")).unwrap();
            let name = format!("{a}{b}{c}");
            prop_assert!(glob.matches(&name));
        }
    }
}
