//! Names in a drive: which are possible, and which are the same.

/// Reserved names of devices and of the service itself, in lower case. (1.2)
const RESERVED: [&str; 6] = ["con", "prn", "aux", "nul", ".lock", "desktop.ini"];
const MAX_LENGTH: usize = 255;

/// The form in which two names that differ only in case are equal. (1.2)
pub(crate) fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// Whether a file or folder can have this name. (1.2)
pub(super) fn is_possible(name: &str) -> bool {
    let folded = fold(name);
    let device = folded
        .strip_prefix("com")
        .or_else(|| folded.strip_prefix("lpt"))
        .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()));
    !name.is_empty()
        && name.chars().count() <= MAX_LENGTH
        && !name.contains(['"', '*', ':', '<', '>', '?', '/', '\\', '|'])
        && !name.chars().any(char::is_control)
        && !name.starts_with([' ', '~'])
        && !name.ends_with([' ', '.'])
        && !RESERVED.contains(&folded.as_str())
        && !device
        && !folded.contains("_vti_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_and_odd_names_are_possible() {
        for name in ["a.csv", "sales #1 100% +'&.csv", "ü 日本", ".hidden", "common", "[x]{y}!"]
        {
            assert!(is_possible(name), "{name}");
        }
    }

    #[test]
    fn names_that_onedrive_forbids_are_impossible() {
        for name in
            ["", "a:b", "a|b", " a", "a ", "a.", "~a", "~$a", "CON", "lpt1", "x_VTI_y", ".lock"]
        {
            assert!(!is_possible(name), "{name}");
        }
    }
}
