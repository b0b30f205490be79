//! Randomness from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

/// `N` unpredictable bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("every supported system has a random source");
    bytes
}

/// A number from `0` to `below - 1`; for choices where a slight bias does not matter.
pub(crate) fn below(below: u64) -> u64 {
    u64::from_le_bytes(bytes()) % below.max(1)
}

/// `length` characters drawn from `alphabet`.
pub(crate) fn text(length: usize, alphabet: &[u8]) -> String {
    (0..length).map(|_| char::from(alphabet[below(alphabet.len() as u64) as usize])).collect()
}
