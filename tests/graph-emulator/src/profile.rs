//! The two kinds of account, whose answers differ in nearly every detail.

use serde::{Deserialize, Serialize};

/// Which kind of account the emulator plays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// A work or school account: a directory of its own, a drive on SharePoint, tokens that are
    /// JWTs.
    Business,
    /// A Microsoft account: the directory of consumers, a migrated personal drive, opaque tokens.
    Personal,
}

impl Profile {
    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Personal => "personal",
        }
    }
}
