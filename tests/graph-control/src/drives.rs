//! Changes of drives.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::http::segment;
use crate::{Control, Result};

/// One change of a drive; paths are from its root.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Step {
    /// Writes a file, making the folders on the way; what stands there is replaced.
    Write {
        /// Where.
        path: String,
        /// The content, in base64.
        base64: String,
    },
    /// Makes a CSV file of so many rows of 64 bytes, computed when it is read.
    #[serde(rename = "write")]
    Generate {
        /// Where.
        path: String,
        /// How many rows.
        rows: u64,
    },
    /// Makes a folder, and those on the way.
    Folder {
        /// Where.
        path: String,
    },
    /// Moves or renames.
    Move {
        /// From here.
        path: String,
        /// To there.
        to: String,
    },
    /// Deletes, with everything in it.
    Delete {
        /// What.
        path: String,
    },
    /// Gives a file other bytes of the same length.
    Change {
        /// Which.
        path: String,
    },
    /// Makes an item unusual.
    Mark {
        /// Which.
        path: String,
        /// How.
        marks: Marks,
    },
    /// Puts a shortcut to an item of another drive.
    Shortcut {
        /// Where.
        path: String,
        /// The other drive.
        drive: String,
        /// The path there.
        target: String,
    },
    /// Puts the stub of a locked vault.
    Vault {
        /// Where.
        path: String,
    },
}

impl Step {
    /// Writes a file.
    pub fn write(path: &str, content: impl AsRef<[u8]>) -> Self {
        Self::Write { path: path.to_owned(), base64: STANDARD.encode(content) }
    }

    /// Deletes an item.
    pub fn delete(path: &str) -> Self {
        Self::Delete { path: path.to_owned() }
    }

    /// Moves an item.
    pub fn rename(path: &str, to: &str) -> Self {
        Self::Move { path: path.to_owned(), to: to.to_owned() }
    }
}

/// What is unusual about an item; the default is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Marks {
    /// The description of malware in it.
    pub malware: Option<String>,
    /// The type of package that a folder is shown as, such as `oneNote`.
    pub package: Option<String>,
    /// The name of a special folder.
    pub special: Option<String>,
    /// The scope of sharing, such as `users`.
    pub shared: Option<String>,
    /// Addresses of people with whom it is shared.
    pub shared_with: Vec<String>,
    /// A size that is told instead of the true one.
    pub told_size: Option<i64>,
    /// Whether hashes are left out.
    pub without_hashes: bool,
    /// Whether writes are refused with 423.
    pub locked: bool,
}

/// An item after a change.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct EditedItem {
    /// Its identifier.
    pub id: String,
    /// Its path from the drive's root.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its eTag, with quotes.
    #[serde(rename = "eTag")]
    pub e_tag: String,
    /// Its cTag, with quotes.
    #[serde(rename = "cTag")]
    pub c_tag: String,
}

#[derive(Deserialize)]
struct Edited {
    items: Vec<EditedItem>,
}

impl Control {
    /// Changes a drive step by step. It is named by its identifier, by `primary`, by the address of
    /// its owner, by its group's name or its site's path.
    ///
    /// # Errors
    /// See [`crate::ControlError`]; the steps before the refused one were done.
    pub fn edit(&self, drive: &str, steps: &[Step]) -> Result<Vec<EditedItem>> {
        let path = format!("/drives/{}/edit", segment(drive));
        self.post::<Edited>(&path, &steps).map(|edited| edited.items)
    }
}
