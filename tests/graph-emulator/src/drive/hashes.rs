//! Hashes of file contents, computed once per state of a file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;

use super::quick_xor_hash::QuickXorHash;
use super::{Item, Kind};
use crate::guid::Guid;
use crate::profile::Profile;

const CHUNK: usize = 1024 * 1024;

/// The hashes that a profile publishes. (1.9, 2)
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
    profile: Profile,
    slots: Mutex<HashMap<Guid, Slot>>,
}

impl HashCache {
    pub(super) fn new(profile: Profile) -> Self {
        Self { profile, slots: Mutex::default() }
    }

    /// The hashes of a file, or `None` if there are none: a folder, an empty file on business, a
    /// file that cannot be read.
    pub(super) fn of(&self, item: &Item) -> Option<Arc<Hashes>> {
        let Kind::File { disk } = &item.kind else { return None };
        if item.size == 0 && self.profile == Profile::Business {
            return None;
        }
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(item.guid).or_default())
        };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some((version, hashes)) if *version == item.c_version => Some(Arc::clone(hashes)),
            _ => {
                let hashes = Arc::new(compute(disk, self.profile).ok()?);
                *slot = Some((item.c_version, Arc::clone(&hashes)));
                Some(hashes)
            }
        }
    }
}

fn compute(path: &Path, profile: Profile) -> io::Result<Hashes> {
    let mut quick_xor = QuickXorHash::new();
    let mut sha = (profile == Profile::Personal).then(|| {
        let sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        (sha1, digest::Context::new(&digest::SHA256))
    });
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        quick_xor.update(&chunk[..read]);
        if let Some((sha1, sha256)) = &mut sha {
            sha1.update(&chunk[..read]);
            sha256.update(&chunk[..read]);
        }
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
        let hashes = compute(&path, Profile::Personal).unwrap();
        let sha = hashes.sha.unwrap();
        assert_eq!(hashes.quick_xor.len(), 28);
        assert_eq!(sha.sha1, "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert!(sha.sha256.starts_with("BA7816BF8F01CFEA414140DE5DAE2223"));
    }
}
