//! Hashes of file contents, computed once per state of a file.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use super::Item;
use super::content::{Content, Source};
use super::quick_xor_hash::QuickXorHash;
use crate::guid::Guid;

const CHUNK: usize = 1024 * 1024;
/// Generated files up to this size are hashed at every answer: quicker than keeping a million.
const SMALL: u64 = 64 * 1024;

/// The hashes that a drive publishes. (1.9, 2)
pub(crate) struct Hashes {
    /// Base64.
    pub(crate) quick_xor: String,
    /// Upper-case hexadecimal; personal only.
    pub(crate) sha: Option<ShaHashes>,
}

/// The hashes that only personal drives publish.
pub(crate) struct ShaHashes {
    pub(crate) sha1: String,
    pub(crate) sha256: String,
}

/// The state of a file that a hash belongs to.
type Version = u32;
type Slot = Arc<Mutex<Option<(Version, Arc<Hashes>)>>>;

/// One slot a file; its lock makes requests that come together compute once.
pub(super) struct HashCache {
    is_personal: bool,
    slots: Mutex<HashMap<Guid, Slot>>,
}

impl HashCache {
    pub(super) fn new(is_personal: bool) -> Self {
        Self { is_personal, slots: Mutex::default() }
    }

    /// The hashes of a file's content, which `open` opens, or `None` if there are none: an empty
    /// file on business, a file that cannot be read.
    pub(super) fn of(
        &self,
        item: &Item,
        source: &Source,
        open: impl Fn() -> io::Result<Content>,
    ) -> Option<Arc<Hashes>> {
        if item.size == 0 && !self.is_personal {
            return None;
        }
        let compute = || compute(&open().ok()?, item.size, self.is_personal).ok().map(Arc::new);
        if matches!(source, Source::Generated(_)) && item.size <= SMALL {
            return compute();
        }
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(item.guid).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some((version, hashes)) if *version == item.c_version => Some(Arc::clone(hashes)),
            _ => {
                let hashes = compute()?;
                *slot = Some((item.c_version, Arc::clone(&hashes)));
                Some(hashes)
            }
        }
    }
}

fn compute(content: &Content, size: u64, is_personal: bool) -> io::Result<Hashes> {
    let mut quick_xor = QuickXorHash::new();
    let mut sha = is_personal.then(|| {
        let sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        (sha1, digest::Context::new(&digest::SHA256))
    });
    let mut chunk = vec![0; CHUNK.min(size as usize)];
    let mut position = 0;
    while position < size {
        let length = chunk.len().min((size - position) as usize);
        let part = &mut chunk[..length];
        content.read_exact_at(part, position)?;
        quick_xor.update(part);
        if let Some((sha1, sha256)) = &mut sha {
            sha1.update(part);
            sha256.update(part);
        }
        position += length as u64;
    }
    Ok(Hashes {
        quick_xor: STANDARD.encode(quick_xor.finish()),
        sha: sha.map(|(sha1, sha256)| ShaHashes { sha1: hex(sha1), sha256: hex(sha256) }),
    })
}

fn hex(context: digest::Context) -> String {
    context.finish().as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 2: hexadecimal hashes are upper case.
    #[test]
    fn personal_hashes_are_quick_xor_in_base64_and_sha_in_upper_case_hexadecimal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        let content = Content::File(std::fs::File::open(path).unwrap());
        let hashes = compute(&content, 3, true).unwrap();
        let sha = hashes.sha.unwrap();
        assert_eq!(hashes.quick_xor.len(), 28);
        assert_eq!(sha.sha1, "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert!(sha.sha256.starts_with("BA7816BF8F01CFEA414140DE5DAE2223"));
    }
}
