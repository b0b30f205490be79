//! Randomness: from the operating system, or from a seed, so that two runs can be alike.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::guid::Guid;

/// A source of bytes that nobody can predict who does not know its key. No `Debug`.
pub(crate) struct Random {
    key: hmac::Key,
    kept: [u8; 32],
    drawn: AtomicU64,
}

/// Where a source stands, to go on after a restart.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RandomState {
    key: [u8; 32],
    drawn: u64,
}

impl Random {
    /// The same bytes for the same seed; without one, other bytes each time.
    pub(crate) fn new(seed: Option<&str>) -> Self {
        let key = match seed {
            Some(seed) => {
                let digest = ring::digest::digest(&ring::digest::SHA256, seed.as_bytes());
                let mut key = [0; 32];
                key.copy_from_slice(digest.as_ref());
                key
            }
            None => {
                let mut key = [0; 32];
                SystemRandom::new()
                    .fill(&mut key)
                    .expect("every supported system has a random source");
                key
            }
        };
        Self::resume(&RandomState { key, drawn: 0 })
    }

    pub(crate) fn resume(state: &RandomState) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &state.key),
            kept: state.key,
            drawn: AtomicU64::new(state.drawn),
        }
    }

    pub(crate) fn state(&self) -> RandomState {
        RandomState { key: self.kept, drawn: self.drawn.load(Ordering::Relaxed) }
    }

    /// A key for one purpose, the same in every run over one state.
    pub(crate) fn key_for(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(
            hmac::sign(&self.key, format!("key for {purpose}").as_bytes()).as_ref(),
        );
        key
    }

    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        for block in bytes.chunks_mut(32) {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            let drawn = hmac::sign(&self.key, &number.to_le_bytes());
            block.copy_from_slice(&drawn.as_ref()[..block.len()]);
        }
        bytes
    }

    pub(crate) fn guid(&self) -> Guid {
        Guid::from_digest(&self.bytes::<16>())
    }

    /// A number from `0` to `below - 1`; for choices where a slight bias does not matter.
    pub(crate) fn below(&self, below: u64) -> u64 {
        u64::from_le_bytes(self.bytes()) % below.max(1)
    }

    /// `N` characters drawn from `alphabet`.
    pub(crate) fn text<const N: usize>(&self, alphabet: &[u8]) -> String {
        let letter = |byte: u8| char::from(alphabet[usize::from(byte) % alphabet.len()]);
        self.bytes::<N>().into_iter().map(letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_bytes_again_and_none_gives_others() {
        let (a, b, other) = (Random::new(Some("7")), Random::new(Some("7")), Random::new(None));
        assert_eq!(a.bytes::<40>(), b.bytes::<40>());
        assert_ne!(a.bytes::<40>(), other.bytes::<40>());
        assert_eq!(a.key_for("links"), b.key_for("links"));
    }

    #[test]
    fn a_resumed_source_does_not_repeat_itself() {
        let first = Random::new(Some("7"));
        let before = first.bytes::<32>();
        let resumed = Random::resume(&first.state());
        assert_ne!(before, resumed.bytes::<32>());
    }
}
