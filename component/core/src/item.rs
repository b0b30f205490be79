//! An item of a drive as a listing tells of it, whichever way it was listed.

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
    /// Something in another drive, put here by reference.
    Shortcut,
    /// Anything else that can be neither listed nor read.
    Other,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Root,
        Self::Folder,
        Self::File,
        Self::Malware,
        Self::Package,
        Self::Other,
        Self::Shortcut,
    ];

    pub(crate) fn number(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).map_or(u8::MAX, |at| at as u8)
    }

    pub(crate) fn of_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Whether other items may be in it.
    pub(crate) fn holds_items(self) -> bool {
        matches!(self, Self::Root | Self::Folder)
    }

    /// A file with bytes, as opposed to folders, packages and shortcuts.
    pub(crate) fn is_file(self) -> bool {
        matches!(self, Self::File | Self::Malware)
    }

    /// As the column `type` of `files` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root | Self::Folder => "folder",
            Self::File | Self::Malware => "file",
            Self::Package => "package",
            Self::Shortcut => "shortcut",
            Self::Other => "other",
        }
    }

    fn of(item: &DriveItem) -> Self {
        match () {
            () if item.is_root() => Self::Root,
            () if item.target().is_some() => Self::Shortcut,
            () if item.is_package() => Self::Package,
            () if item.is_folder() => Self::Folder,
            () if item.is_malware() => Self::Malware,
            () if item.is_file() => Self::File,
            () => Self::Other,
        }
    }
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// The folder it is in; none for the root.
    pub(crate) parent: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<TimestampMs>,
    /// Of a shortcut.
    pub(crate) target: Option<Target>,
    pub(crate) details: Details,
}

/// What a shortcut leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) drive: String,
    pub(crate) item: String,
}

/// What few queries ask for. Any part may be missing; a feed leaves some out on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) created: Option<TimestampMs>,
    /// Changes with the content.
    pub(crate) c_tag: Option<String>,
    /// Changes with content and metadata.
    pub(crate) e_tag: Option<String>,
    pub(crate) mime_type: Option<String>,
    /// The quickXorHash in base64, which both kinds of accounts have.
    pub(crate) hash: Option<String>,
    /// Who created it: the address, else the name. Empty where it is known that nobody is told, as
    /// of what an application made.
    pub(crate) owner: Option<String>,
    pub(crate) web_url: Option<String>,
    pub(crate) shared: bool,
}

impl From<DriveItem> for Item {
    fn from(item: DriveItem) -> Self {
        let kind = Kind::of(&item);
        Self {
            kind,
            parent: item.parent_id().map(str::to_owned).filter(|_| kind != Kind::Root),
            size: item.size(),
            modified: item.modified(),
            target: item.target().filter(|_| kind == Kind::Shortcut),
            details: Details {
                created: item.created(),
                mime_type: item.mime_type().map(str::to_owned),
                hash: item.quick_xor_hash().map(str::to_owned),
                owner: item.owner().map(str::to_owned),
                shared: item.is_shared(),
                c_tag: item.c_tag,
                e_tag: item.e_tag,
                web_url: item.web_url,
            },
            id: item.id,
            name: item.name,
        }
    }
}
