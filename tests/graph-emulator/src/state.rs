//! The state directory: whole files of JSON, readable by their owner only, replaced in one step.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Another emulator holds the directory; give this one a directory of its own.
    #[error("the state directory {} is in use by another emulator: give this one another --state", path.display())]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// The directory keeps the state of the other profile.
    #[error("the state directory {} belongs to the {found} profile: give this one another --state", path.display())]
    OtherProfile {
        /// The state directory.
        path: PathBuf,
        /// The profile it was made for.
        found: &'static str,
    },
    /// A file in it is not what the emulator wrote.
    #[error("the file {} is damaged ({reason}): remove it to start afresh", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// A directory held by one emulator at a time.
pub(crate) struct StateDir {
    path: PathBuf,
    /// Held for its lock, which the operating system drops with the process.
    _lock: File,
}

impl StateDir {
    /// Creates the directory if need be and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        fs::create_dir_all(path).map_err(|source| io(path, source))?;
        let path = path.canonicalize().map_err(|source| io(path, source))?;
        let lock_path = path.join("lock");
        let lock = private().open(&lock_path).map_err(|source| io(&lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { path }),
            Err(TryLockError::Error(source)) => Err(io(&lock_path, source)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file's text, or `None` if there is none.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, StateError> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io(&path, source)),
        }
    }

    /// A file's JSON, or `None` if there is none.
    pub(crate) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| self.damaged(name, error.to_string()))
    }

    /// Replaces a file's text.
    pub(crate) fn write_text(&self, name: &str, text: &str) -> Result<(), StateError> {
        replace(&self.path.join(name), text.as_bytes())
    }

    /// Replaces a file's JSON.
    pub(crate) fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StateError> {
        let json =
            serde_json::to_vec(value).map_err(|error| self.damaged(name, error.to_string()))?;
        replace(&self.path.join(name), &json)
    }

    pub(crate) fn damaged(&self, name: &str, reason: String) -> StateError {
        StateError::Damaged { path: self.path.join(name), reason }
    }
}

/// Writes a file that only its owner can read, and that no reader ever sees half-written.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StateError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let partial = path.with_file_name(name);
    let write = || {
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = private().create_new(true).open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|source| io(path, source))
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    options.mode(0o600);
    options
}

fn io(path: &Path, source: std::io::Error) -> StateError {
    StateError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_emulators_cannot_share_a_state_directory() {
        let folder = tempfile::tempdir().unwrap();
        let _first = StateDir::open(folder.path()).unwrap();
        assert!(matches!(StateDir::open(folder.path()), Err(StateError::InUse { .. })));
    }

    #[test]
    fn a_damaged_file_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path()).unwrap();
        state.write_text("x.json", "{").unwrap();
        let error = state.json::<Vec<u8>>("x.json").unwrap_err();
        assert!(error.to_string().contains("x.json"), "{error}");
    }

    #[test]
    fn files_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        replace(&path, b"first").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
