//! One item of a drive as the catalogue keeps it, and what a feed says of it.

use crate::graph::DriveItem;
use crate::ports::TimestampMs;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Root,
    Folder,
    File,
    /// A file that the service's scanner flagged.
    Malware,
    /// A notebook or the like.
    Package,
    /// A shortcut, or anything else that can be neither listed nor read.
    Other,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Root, Self::Folder, Self::File, Self::Malware, Self::Package, Self::Other];

    pub(super) fn number(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).map_or(u8::MAX, |at| at as u8)
    }

    pub(super) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether other items may be in it.
    pub(super) fn holds_items(self) -> bool {
        matches!(self, Self::Root | Self::Folder)
    }
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: String,
    /// The folder it is in; none for the root.
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<TimestampMs>,
    pub(crate) c_tag: Option<String>,
}

/// What a feed says of an item: its latest state, never a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Put(Node),
    Gone(String),
}

impl Change {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Gone(id) => id.len() + 2,
            Self::Put(node) => {
                let texts = [&node.parent, &node.c_tag].into_iter().flatten().map(String::len);
                node.id.len() + node.name.len() + texts.sum::<usize>() + 16
            }
        }
    }

    /// What a row of the feed means.
    pub(crate) fn of(item: &DriveItem) -> Self {
        if item.is_deleted() {
            return Self::Gone(item.id.clone());
        }
        let kind = match () {
            () if item.is_root() => Kind::Root,
            () if item.is_package() => Kind::Package,
            () if item.is_folder() => Kind::Folder,
            () if item.is_malware() => Kind::Malware,
            () if item.is_file() => Kind::File,
            () => Kind::Other,
        };
        Self::Put(Node {
            id: item.id.clone(),
            parent: item.parent_id().map(str::to_owned).filter(|_| kind != Kind::Root),
            name: item.name.clone(),
            kind,
            size: item.size(),
            modified: item.modified(),
            c_tag: item.c_tag.clone(),
        })
    }
}
