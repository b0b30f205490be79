//! Paths in a drive: names from a folder down, joined by `/`; the folder itself is the empty path.

/// A path in a folder, seen from where the folder is.
pub(crate) fn join(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        ("", path) | (path, "") => path.to_owned(),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}

/// What is left of a path in a folder, if it is in there; letter by letter.
pub(crate) fn under<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// The name at the end of a path.
pub(crate) fn leaf(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_folder_is_no_prefix_of_another_ones_name() {
        assert_eq!(under("a/b", "a"), Some("b"));
        assert_eq!(under("a", "a"), Some(""));
        assert_eq!(under("ab/c", "a"), None);
        assert_eq!(under("a/b", ""), Some("a/b"));
    }

    proptest! {
        #[test]
        fn what_was_joined_is_under_the_folder(
            folder in "([a-c]{1,3}(/[a-c]{1,3}){0,2})?", rest in "([a-c]{1,3}(/[a-c]{1,3}){0,2})?"
        ) {
            let joined = join(&folder, &rest);
            prop_assert_eq!(under(&joined, &folder), Some(rest.as_str()));
        }
    }
}
