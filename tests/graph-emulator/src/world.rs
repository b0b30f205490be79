//! Everything that the parts share, and how it survives a restart.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::download::DownloadLinks;
use crate::drive::{Drive, DriveIds, Record};
use crate::emulator::StartError;
use crate::entra::{Directory, SavedToken, Signer, SigningKey, TokenSet, TokenStore};
use crate::faults::Faults;
use crate::journal::Journal;
use crate::profile::Profile;
use crate::random;
use crate::state::{StateDir, StateError};

/// Accounts, application, tokens (as hashes), clock and keys.
const STATE_FILE: &str = "state.json";
/// Identifiers and tags of items: a file of its own, since it is large and written seldom.
const ITEMS_FILE: &str = "items.json";

/// The emulated world.
pub(crate) struct World {
    pub(crate) profile: Profile,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) directory: Directory,
    pub(crate) signer: Signer,
    pub(crate) tokens: TokenStore,
    pub(crate) drive: Drive,
    pub(crate) links: DownloadLinks,
    identity: Identity,
    /// Writes are one at a time, so that an older state never replaces a newer one.
    state: Mutex<StateDir>,
    /// The drive's revision that is on disk.
    saved_revision: AtomicU64,
}

/// What is decided once, at the first start.
#[derive(Clone, Serialize, Deserialize)]
struct Identity {
    directory: Directory,
    drive: DriveIds,
    /// From this item identifiers are derived.
    item_seed: [u8; 32],
    /// With this download links are signed.
    link_key: [u8; 32],
    signing_key: SigningKey,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    clock_offset_ms: i64,
    identity: Identity,
    tokens: Vec<SavedToken>,
}

impl World {
    /// Continues the world of a state directory over the drive `folder`, or makes a new one.
    pub(crate) fn open(
        state: StateDir,
        profile: Profile,
        folder: &Path,
    ) -> Result<Self, StartError> {
        let saved = match state.json::<Saved>(STATE_FILE)? {
            Some(saved) if saved.identity.directory.profile != profile => {
                let found = saved.identity.directory.profile.drive_type();
                Err(StateError::OtherProfile { path: state.path().to_owned(), found })?
            }
            Some(saved) => saved,
            None => Saved {
                clock_offset_ms: 0,
                identity: Identity::random(profile),
                tokens: Vec::new(),
            },
        };
        let Saved { clock_offset_ms, mut identity, tokens } = saved;
        identity.directory.application.derive_secret(&identity.link_key);
        let records: Vec<Record> = state.json(ITEMS_FILE)?.unwrap_or_default();
        let drive_error = |source| StartError::Drive { path: folder.to_owned(), source };
        let folder = folder.canonicalize().map_err(drive_error)?;
        let drive =
            Drive::open(folder.clone(), identity.drive.clone(), identity.item_seed, records)
                .map_err(|source| StartError::Drive { path: folder, source })?;
        let signer = Signer::new(&identity.signing_key).ok_or_else(|| {
            state.damaged(STATE_FILE, "the signing key cannot be read".to_owned())
        })?;
        let world = Self {
            profile,
            clock: Clock::new(clock_offset_ms),
            journal: Journal::default(),
            faults: Faults::default(),
            directory: identity.directory.clone(),
            signer,
            tokens: TokenStore::new(tokens),
            drive,
            links: DownloadLinks::new(&identity.link_key, &identity.directory, &identity.drive),
            identity,
            state: Mutex::new(state),
            saved_revision: AtomicU64::new(u64::MAX),
        };
        world.save()?;
        world.save_items()?;
        Ok(world)
    }

    /// Mints tokens for the account, with everything that the application may do.
    pub(crate) fn mint(&self) -> TokenSet {
        let scopes = &self.directory.application.consented;
        self.tokens.mint(&self.directory, &self.signer, scopes, self.clock.now_ms())
    }

    /// Writes everything but the items to disk. Blocks.
    pub(crate) fn save(&self) -> Result<(), StateError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = Saved {
            clock_offset_ms: self.clock.offset_ms(),
            identity: self.identity.clone(),
            tokens: self.tokens.saved(),
        };
        state.write_json(STATE_FILE, &saved)
    }

    /// Writes the items to disk if they changed since. Blocks.
    pub(crate) fn save_items(&self) -> Result<(), StateError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let revision = self.drive.revision();
        if self.saved_revision.load(Ordering::Relaxed) == revision {
            return Ok(());
        }
        state.write_json(ITEMS_FILE, &self.drive.records())?;
        self.saved_revision.store(revision, Ordering::Relaxed);
        Ok(())
    }
}

impl Identity {
    fn random(profile: Profile) -> Self {
        let drive = DriveIds::random(profile);
        let cid = match drive {
            DriveIds::Personal { cid } => Some(cid),
            DriveIds::Business { .. } => None,
        };
        Self {
            directory: Directory::random(profile, cid, Clock::new(0).now_ms()),
            drive,
            item_seed: random::bytes(),
            link_key: random::bytes(),
            signing_key: SigningKey::random(),
        }
    }
}
