//! Identifiers made of several parts, which cannot run into each other.

use sha2::{Digest as _, Sha256};

/// SHA-256 over a domain tag and length-prefixed parts, in hex.
pub(crate) fn digest(domain: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_run_into_each_other() {
        assert_ne!(digest("d", &["ab", "c"]), digest("d", &["a", "bc"]));
        assert_ne!(digest("d", &["a", ""]), digest("d", &["a"]));
    }
}
