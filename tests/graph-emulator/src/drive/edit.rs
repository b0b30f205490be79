//! Changes by requests: the rules of names and conflicts, and what each change does to the tags.

use std::sync::Arc;

use super::content::Source;
use super::item::{Marks, Remote};
use super::names::{fold, is_possible};
use super::tree::{Body, Folder, Index, Seedling, TOP, Tree};

/// What happens when the name is taken. (9)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Conflict {
    Fail,
    Replace,
    Rename,
}

/// Why a change was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum EditError {
    #[error("there is no such item")]
    NotFound,
    #[error("the parent is not a folder")]
    NotAFolder,
    #[error("the name is not possible in OneDrive")]
    BadName,
    #[error("the name is taken")]
    NameTaken,
    #[error("a folder cannot be moved into itself")]
    IntoItself,
    #[error("the root cannot be changed")]
    Root,
    #[error("the item is locked")]
    Locked,
}

/// What a PATCH changes; what is `None` stays.
#[derive(Default)]
pub(crate) struct Update {
    pub(crate) parent: Option<crate::guid::Guid>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) client_modified_ms: Option<i64>,
}

impl Tree {
    /// The name under which a new item can be put into a folder, after what is in its way was dealt
    /// with. Replacing a folder by a folder keeps it: then its index is given too.
    fn make_room(
        &mut self,
        folder: Index,
        name: &str,
        conflict: Conflict,
        for_folder: bool,
    ) -> Result<(String, Option<Index>), EditError> {
        if self.folder(folder).is_none() {
            return Err(EditError::NotAFolder);
        }
        if !is_possible(name) {
            return Err(EditError::BadName);
        }
        let Some(taken) = self.child(folder, name) else { return Ok((name.to_owned(), None)) };
        match conflict {
            Conflict::Fail => Err(EditError::NameTaken),
            Conflict::Rename => Ok((self.free_name(folder, name), None)),
            Conflict::Replace if self.folder(taken).is_some() != for_folder => {
                Err(EditError::NameTaken)
            }
            Conflict::Replace => Ok((name.to_owned(), Some(taken))),
        }
    }

    /// `a 1.csv` for `a.csv`, or the next number that is free.
    fn free_name(&self, folder: Index, name: &str) -> String {
        let (stem, extension) = match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (name, String::new()),
        };
        (1_u32..)
            .map(|number| format!("{stem} {number}{extension}"))
            .find(|name| self.child(folder, name).is_none())
            .unwrap_or_else(|| name.to_owned())
    }

    pub(super) fn create_folder(
        &mut self,
        parent: Index,
        name: &str,
        conflict: Conflict,
    ) -> Result<Index, EditError> {
        match self.make_room(parent, name, conflict, true)? {
            (_, Some(there)) => Ok(there),
            (name, None) => Ok(self.plant_new(parent, name, Body::Folder(Folder::default()))),
        }
    }

    /// The folder at a path below another, made where it is missing. (9)
    pub(super) fn make_folders(
        &mut self,
        from: Index,
        names: &[String],
    ) -> Result<Index, EditError> {
        let mut at = from;
        for name in names {
            at = match self.child(at, name) {
                Some(child) => child,
                None => self.create_folder(at, name, Conflict::Fail)?,
            };
            if self.folder(at).is_none() {
                return Err(EditError::NotAFolder);
            }
        }
        Ok(at)
    }

    /// Uploads a file; true if it is a new one.
    pub(super) fn put_file(
        &mut self,
        parent: Index,
        name: &str,
        (size, source): (u64, Source),
        conflict: Conflict,
    ) -> Result<(Index, bool), EditError> {
        match self.make_room(parent, name, conflict, false)? {
            (_, Some(there)) => self.replace_file(there, size, source).map(|()| (there, false)),
            (name, None) => Ok((self.plant_new(parent, name, Body::File { size, source }), true)),
        }
    }

    pub(super) fn replace_file(
        &mut self,
        index: Index,
        size: u64,
        source: Source,
    ) -> Result<(), EditError> {
        if !matches!(self.node(index).body, Body::File { .. }) {
            return Err(EditError::NotAFolder);
        }
        self.check_lock(index)?;
        let now_ms = self.clock.now_ms();
        self.set_content(index, size, source, now_ms);
        self.node_mut(index).client_modified_ms = None;
        Ok(())
    }

    pub(super) fn put_remote(
        &mut self,
        parent: Index,
        name: &str,
        remote: Remote,
    ) -> Result<Index, EditError> {
        let (name, _) = self.make_room(parent, name, Conflict::Fail, false)?;
        Ok(self.plant_new(parent, name, Body::Remote(Arc::new(remote))))
    }

    fn plant_new(&mut self, parent: Index, name: String, body: Body) -> Index {
        let now_ms = self.clock.now_ms();
        self.insert(parent, Seedling { name, created_ms: now_ms, modified_ms: now_ms, body })
    }

    pub(super) fn update(
        &mut self,
        index: Index,
        update: Update,
        conflict: Conflict,
    ) -> Result<(), EditError> {
        if index == TOP {
            return Err(EditError::Root);
        }
        self.check_lock(index)?;
        let old = self.node(index).name.to_string();
        let parent = match update.parent {
            Some(guid) => self.index(guid).ok_or(EditError::NotFound)?,
            None => self.node(index).parent,
        };
        let name = update.name.as_deref().unwrap_or(&old);
        if self.is_within(parent, index) {
            return Err(EditError::IntoItself);
        }
        let moves = parent != self.node(index).parent || name != old;
        if moves {
            self.rename(index, parent, name, conflict)?;
        }
        let renamed = name != old;
        let now_ms = self.clock.now_ms();
        let node = self.node_mut(index);
        // A rename moves the time of modification, a move alone does not. (3.2)
        if renamed || update.client_modified_ms.is_some() || update.description.is_some() {
            node.modified_ms = now_ms;
        }
        if let Some(description) = update.description {
            let mut marks = node.marks.as_deref().cloned().unwrap_or_default();
            marks.description = Some(description);
            node.marks = Some(Arc::new(marks));
        }
        if update.client_modified_ms.is_some() {
            node.client_modified_ms = update.client_modified_ms;
        }
        node.e_version += 1;
        self.changed(index);
        Ok(())
    }

    fn rename(
        &mut self,
        index: Index,
        parent: Index,
        name: &str,
        conflict: Conflict,
    ) -> Result<(), EditError> {
        // Another case of its own name is not in its own way.
        let own = self.child(parent, name) == Some(index);
        let for_folder = self.folder(index).is_some();
        let name = match own {
            true if is_possible(name) => name.to_owned(),
            true => return Err(EditError::BadName),
            false => match self.make_room(parent, name, conflict, for_folder)? {
                (name, None) => name,
                (_, Some(_)) if for_folder => return Err(EditError::NameTaken),
                (name, Some(there)) => {
                    self.delete(there);
                    name
                }
            },
        };
        self.detach(index);
        self.attach(index, parent, &name);
        Ok(())
    }

    pub(super) fn remove(&mut self, index: Index) -> Result<(), EditError> {
        if index == TOP {
            return Err(EditError::Root);
        }
        self.check_lock(index)?;
        self.delete(index);
        Ok(())
    }

    pub(super) fn set_marks(&mut self, index: Index, marks: Marks) {
        let node = self.node_mut(index);
        node.marks = (marks != Marks::default()).then(|| Arc::new(marks));
        node.e_version += 1;
        self.changed(index);
    }

    fn check_lock(&self, index: Index) -> Result<(), EditError> {
        let locked = self.node(index).marks.as_ref().is_some_and(|marks| marks.locked);
        if locked { Err(EditError::Locked) } else { Ok(()) }
    }

    /// The special folder of a name, if there is one.
    pub(super) fn special(&self, name: &str) -> Option<Index> {
        let folder = self.folder(TOP)?;
        let is = |index: &Index| {
            let marks = self.node(*index).marks.as_ref();
            marks.and_then(|marks| marks.special.as_deref()) == Some(name)
        };
        folder.children.values().copied().find(is).or_else(|| {
            // Unmarked, but with the name that it has in English. (11.15)
            folder.children.get(fold(name).as_str()).copied()
        })
    }
}
