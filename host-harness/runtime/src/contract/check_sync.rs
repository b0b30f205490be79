//! What may come out of the interface `sync`.

use super::check::{Checked, Checker};
use super::sync::{Change, ChangeKind, ChangePage, Progress};
use crate::bindings::optional::exports::platform::datasource::sync;

/// Changes of one page.
const CHANGES: usize = 100_000;

impl Checker {
    pub(crate) fn progress(self, progress: sync::Progress) -> Checked<Progress> {
        Ok(Progress {
            current: progress.state == sync::RunState::Current,
            run_id: self.sentence("the id of a run", progress.run_id)?,
            items: progress.items,
            items_expected: progress.items_expected,
            requests: progress.requests,
            added: progress.added,
            modified: progress.modified,
            deleted: progress.deleted,
            errors: progress.errors,
            throttled: progress.throttled,
        })
    }

    pub(crate) fn change_page(self, page: sync::ChangePage) -> Checked<ChangePage> {
        Ok(ChangePage {
            changes: self.list("changes", page.changes, CHANGES, |one| self.change(one))?,
            cursor: self.name("a cursor", page.cursor)?,
            more: page.more,
        })
    }

    fn change(self, change: sync::Change) -> Checked<Change> {
        Ok(Change {
            kind: match change.kind {
                sync::ChangeKind::Added => ChangeKind::Added,
                sync::ChangeKind::Modified => ChangeKind::Modified,
                sync::ChangeKind::Moved => ChangeKind::Moved,
                sync::ChangeKind::Deleted => ChangeKind::Deleted,
            },
            id: self.name("an item's id", change.id)?,
            path: Self::optional(change.path, |path| self.name("a path", path))?,
            previous_path: Self::optional(change.previous_path, |path| self.name("a path", path))?,
            folder: change.folder,
            bytes: change.bytes,
            modified: Self::optional(change.modified, |ms| self.time(ms))?,
            content_version: Self::optional(change.content_version, |version| {
                self.name("a version", version)
            })?,
        })
    }
}
