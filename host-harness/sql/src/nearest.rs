//! The known name that a misspelt one was probably meant to be.

/// The known name nearest to `name`, if one is near enough to be worth proposing: about one slip
/// for each three characters.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 200;
    let wanted: Vec<char> = name.to_lowercase().chars().take(LONGEST).collect();
    let allowed = wanted.len().div_ceil(3).min(4);
    known
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().take(LONGEST).collect();
            (distance(&wanted, &letters), candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of insertions, deletions and replacements between two words (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_proposed_only_when_it_is_near() {
        let known = ["one_drive_datasource", "files", "weather"];
        assert_eq!(nearest("one_drive_datasorce", known), Some("one_drive_datasource"));
        assert_eq!(nearest("Flies", known), Some("files"));
        assert_eq!(nearest("zulu", known), None);
        assert_eq!(nearest("", known), None);
    }
}
