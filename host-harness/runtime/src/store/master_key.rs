//! The master key: one private file, made on first use.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::seal::{KEY_LEN, SecretKey, random};
use crate::error::StoreError;

/// The key's file in the state directory.
const FILE: &str = "master.key";

/// Makes a directory that only its owner may use, or leaves an existing one as it is.
pub(crate) fn private_dir(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(StoreError::io("creating", path))
}

/// An error if others than the owner may use the file or directory.
pub(crate) fn require_private(path: &Path) -> Result<(), StoreError> {
    let metadata = fs::metadata(path).map_err(StoreError::io("reading", path))?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(StoreError::NotPrivate { path: path.to_owned(), mode })
    }
}

/// Where the key is.
pub(super) fn path(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// Reads the key; `None` if there is none yet.
pub(super) fn read(state_dir: &Path) -> Result<Option<SecretKey>, StoreError> {
    let path = path(state_dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::io("opening", path)(error)),
    };
    require_private(&path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_LEN + 1));
    file.take(KEY_LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(StoreError::io("reading", path.as_path()))?;
    match <[u8; KEY_LEN]>::try_from(bytes.as_slice()) {
        Ok(key) => Ok(Some(SecretKey::new(key))),
        Err(_) => Err(StoreError::MasterKeyMalformed { path }),
    }
}

/// Draws a key and writes it, unless another process was first; returns the one that stands.
pub(super) fn create(state_dir: &Path) -> Result<SecretKey, StoreError> {
    let path = path(state_dir);
    let draft = state_dir.join(format!("{FILE}.{:016x}", u64::from_ne_bytes(random())));
    write_new(&draft, SecretKey::draw().as_bytes())?;
    // A link appears with its whole content or not at all, and never replaces another.
    let linked = fs::hard_link(&draft, &path);
    fs::remove_file(&draft).map_err(StoreError::io("removing", draft))?;
    match linked {
        Ok(()) => sync_dir(state_dir)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StoreError::io("creating", path)(error)),
    }
    read(state_dir)?.ok_or(StoreError::MasterKeyMissing { path })
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .map_err(StoreError::io("writing", path))
}

fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StoreError::io("syncing", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_key_is_drawn_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_none());
        let first = create(dir.path()).unwrap();
        let again = create(dir.path()).unwrap();
        assert_eq!(first.as_bytes(), again.as_bytes());
        assert_eq!(mode(&path(dir.path())), 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        create(dir.path()).unwrap();
        fs::set_permissions(path(dir.path()), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(dir.path()), Err(StoreError::NotPrivate { mode: 0o644, .. })));
    }

    #[test]
    fn a_file_of_another_size_is_no_key() {
        let dir = tempfile::tempdir().unwrap();
        for content in [&b""[..], &[1; 31], &[1; 33]] {
            let _ = fs::remove_file(path(dir.path()));
            write_new(&path(dir.path()), content).unwrap();
            assert!(matches!(read(dir.path()), Err(StoreError::MasterKeyMalformed { .. })));
        }
    }

    #[test]
    fn new_directories_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("a/b");
        private_dir(&made).unwrap();
        assert_eq!(mode(&made), 0o700);
        require_private(&made).unwrap();
    }
}
