//! Permissions of Microsoft Graph.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The permissions of Graph that the emulator knows.
pub(crate) const KNOWN: [&str; 21] = [
    "Directory.Read.All",
    "Files.Read",
    "Files.Read.All",
    "Files.Read.Selected",
    "Files.ReadWrite",
    "Files.ReadWrite.All",
    "Files.ReadWrite.AppFolder",
    "Files.ReadWrite.Selected",
    "Files.SelectedOperations.Selected",
    "Group.Read.All",
    "Mail.Read",
    "Notes.Read",
    "Sites.FullControl.All",
    "Sites.Manage.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.Selected",
    "User.Read",
    "User.Read.All",
    "User.ReadBasic.All",
    "User.ReadWrite",
];

/// A set of permissions of Graph, by their short names.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scopes(BTreeSet<String>);

impl Scopes {
    pub(crate) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }

    /// Whether any of `names` is among them.
    pub(crate) fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|&name| self.0.contains(name))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn is_subset(&self, of: &Self) -> bool {
        self.0.is_subset(&of.0)
    }

    pub(crate) fn extend(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Space separated, as the `scp` claim has them.
    pub(crate) fn joined(&self) -> String {
        self.iter().collect::<Vec<_>>().join(" ")
    }
}
