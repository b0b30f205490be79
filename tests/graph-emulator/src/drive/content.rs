//! Where the bytes of a file are, and reading them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::generated::Generated;
use crate::random::Random;

/// Where the bytes of a file are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// In the folder that seeded the drive, below it, in this state.
    Disk { path: PathBuf, stamp: Stamp },
    /// Uploaded: a file of the state directory.
    Blob(String),
    /// Computed when read.
    Generated(Generated),
}

/// By this a change of a file on disk is recognised.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(super) size: u64,
    pub(super) modified_ns: i64,
}

/// Opened content.
pub(crate) enum Content {
    File(File),
    Generated(Generated),
}

impl Content {
    /// Fills `buffer` from `position` on; the content must be that long.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_exact_at(buffer, position),
            Self::Generated(generated) => {
                generated.fill(buffer, position);
                Ok(())
            }
        }
    }
}

/// The directory of uploaded contents.
#[derive(Clone)]
pub(crate) struct Blobs(PathBuf);

impl Blobs {
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("blobs");
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The name of a blob that does not exist yet.
    pub(crate) fn fresh(&self, random: &Random) -> String {
        random.guid().simple()
    }

    /// Keeps bytes; returns the blob's name.
    pub(crate) fn keep(&self, random: &Random, bytes: &[u8]) -> io::Result<String> {
        let name = self.fresh(random);
        std::fs::write(self.path(&name), bytes)?;
        Ok(name)
    }
}
