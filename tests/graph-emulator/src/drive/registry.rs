//! All drives of the world, and finding one.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Drive, Owner};

/// The drives, in the order in which they were made.
#[derive(Default)]
pub(crate) struct Drives(RwLock<Vec<Arc<Drive>>>);

impl Drives {
    pub(crate) fn add(&self, drive: Arc<Drive>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(drive);
    }

    pub(crate) fn replace_all(&self, drives: Vec<Arc<Drive>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = drives;
    }

    pub(crate) fn all(&self) -> Vec<Arc<Drive>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn find(&self, is: impl Fn(&Drive) -> bool) -> Option<Arc<Drive>> {
        let drives = self.0.read().unwrap_or_else(PoisonError::into_inner);
        drives.iter().find(|drive| is(drive)).cloned()
    }

    /// The drive that a client means by `id`.
    pub(crate) fn by_id(&self, id: &str) -> Option<Arc<Drive>> {
        self.find(|drive| drive.ids().is_drive(id))
    }

    /// The first drive of an owner: the one that `/drive` means.
    pub(crate) fn of(&self, owner: Owner) -> Option<Arc<Drive>> {
        self.find(|drive| drive.info.owner == owner)
    }

    pub(crate) fn all_of(&self, owner: Owner) -> Vec<Arc<Drive>> {
        self.all().into_iter().filter(|drive| drive.info.owner == owner).collect()
    }

    /// The drive that lives at a place of a host.
    pub(crate) fn at(&self, host: &str, place: &str) -> Option<Arc<Drive>> {
        self.find(|drive| drive.info.host == host && drive.info.place == place)
    }
}
