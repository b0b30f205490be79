//! The names of columns: SQL does not tell `a` from `A`, so no two are the same in lower case.

use std::collections::HashMap;

/// More columns than this are no table, but a wrong delimiter, an object used as a map, or a hostile
/// file; each costs memory in every batch, and hosts refuse schemas of more than 10,000 fields.
pub(crate) const MOST_COLUMNS: usize = 8_192;

/// Puts `_1`, `_2` after the names that an earlier column has, in any case.
pub(crate) fn make_unique(names: &mut [String]) {
    // Each name taken, in lower case, and the next number to try for it.
    let mut taken: HashMap<String, usize> = HashMap::new();
    for name in names {
        let lower = name.to_lowercase();
        let Some(mut next) = taken.get(&lower).copied() else {
            taken.insert(lower, 1);
            continue;
        };
        while taken.contains_key(&format!("{lower}_{next}")) {
            next += 1;
        }
        taken.insert(format!("{lower}_{next}"), 1);
        taken.insert(lower, next + 1);
        *name = format!("{name}_{next}");
    }
}

/// The place of a column that a user names, in any case.
pub(crate) fn position<'a>(mut names: impl Iterator<Item = &'a str>, name: &str) -> Option<usize> {
    let lower = name.to_lowercase();
    names.position(|candidate| candidate.to_lowercase() == lower)
}

#[cfg(test)]
mod tests {
    use super::make_unique;

    fn unique(names: &[&str]) -> Vec<String> {
        let mut names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        make_unique(&mut names);
        names
    }

    #[test]
    fn names_differ_also_in_lower_case() {
        assert_eq!(unique(&["a", "A", "a"]), ["a", "A_1", "a_2"]);
        assert_eq!(unique(&["a", "a_1", "a"]), ["a", "a_1", "a_2"]);
        assert_eq!(unique(&["a", "a", "a_1"]), ["a", "a_1", "a_1_1"]);
        assert_eq!(unique(&["Column1", "column1"]), ["Column1", "column1_1"]);
    }

    #[test]
    fn a_hundred_thousand_equal_names_take_no_quadratic_time() {
        assert_eq!(unique(&vec!["a"; 100_000])[99_999], "a_99999");
    }
}
