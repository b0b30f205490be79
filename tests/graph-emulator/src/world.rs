//! Everything that the parts share, and how it survives a restart.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::download::DownloadLinks;
use crate::drive::{
    Blobs, Drive, DriveIds, DriveInfo, DriveKind, Drives, Owner, Records, Synthetic,
};
use crate::emulator::{Seed, StartError};
use crate::entra::{Grant, SavedToken, SignIns, Signer, SigningKey, TokenSet, TokenStore};
use crate::faults::Faults;
use crate::graph::UploadSessions;
use crate::guid::Guid;
use crate::journal::Journal;
use crate::network::Network;
use crate::population::{CONSUMERS, Population, Site, User};
use crate::profile::Profile;
use crate::random::{Random, RandomState};
use crate::state::{StateDir, StateError};
use crate::throttle::Throttle;
use crate::variants::Variants;

/// Population, tokens (as hashes), clock, keys, and what drives there are.
const STATE_FILE: &str = "state.json";
/// Items of drives: a file of its own, since it is large and written seldom.
const ITEMS_FILE: &str = "items.json";
/// One tebibyte.
const TOTAL: u64 = 1 << 40;
/// Characters of client secrets that Entra makes, and those that a client must encode. (7.3)
const SECRET_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.~_-+/=";

/// The emulated world.
pub(crate) struct World {
    pub(crate) clock: Arc<Clock>,
    pub(crate) random: Random,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) throttle: Throttle,
    pub(crate) network: Network,
    pub(crate) signer: Signer,
    pub(crate) tokens: TokenStore,
    pub(crate) drives: Drives,
    pub(crate) blobs: Blobs,
    pub(crate) links: DownloadLinks,
    pub(crate) primary: Primary,
    pub(crate) upload_sessions: UploadSessions,
    pub(crate) sign_ins: SignIns,
    /// Delta tokens of an earlier generation are dead.
    delta_generation: AtomicU64,
    variants: RwLock<Variants>,
    population: RwLock<Population>,
    /// Writes are one at a time, so that an older state never replaces a newer one.
    state: Mutex<StateDir>,
    /// The revisions of drives that are on disk.
    saved_revisions: Mutex<Vec<u64>>,
}

/// The account, application and drive that the ready file tells of.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Primary {
    pub(crate) profile: Profile,
    pub(crate) user: Guid,
    pub(crate) client_id: Guid,
    pub(crate) drive: String,
}

/// A world to be put back later.
#[derive(Serialize, Deserialize)]
struct Exported {
    world: Saved,
    items: HashMap<String, Records>,
}

/// Why a world cannot be put back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("this is no state of an emulator: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("this is the state of another emulator: its account has another drive")]
    OtherWorld,
    #[error("a drive cannot be opened: {0}")]
    Drive(#[from] io::Error),
}

#[derive(Serialize, Deserialize)]
struct Saved {
    clock_offset_ms: i64,
    random: RandomState,
    signing_key: SigningKey,
    primary: Primary,
    variants: Variants,
    population: Population,
    drives: Vec<DriveInfo>,
    delta_generation: u64,
    tokens: Vec<SavedToken>,
}

impl World {
    /// Continues the world of a state directory over the seed, or makes a new one.
    pub(crate) fn open(
        state: StateDir,
        profile: Profile,
        seed: &Seed,
        random_seed: Option<&str>,
    ) -> Result<Self, StartError> {
        let saved = match state.json::<Saved>(STATE_FILE)? {
            Some(saved) if saved.primary.profile != profile => {
                let found = saved.primary.profile.name();
                Err(StateError::OtherProfile { path: state.path().to_owned(), found })?
            }
            Some(saved) => saved,
            None => Saved::fresh(profile, seed, random_seed),
        };
        let signer = Signer::new(&saved.signing_key).ok_or_else(|| {
            state.damaged(STATE_FILE, "the signing key cannot be read".to_owned())
        })?;
        let blobs = Blobs::open(state.path())
            .map_err(|source| StateError::Io { path: state.path().to_owned(), source })?;
        let random = Random::resume(&saved.random);
        let world = Self {
            clock: Arc::new(Clock::new(saved.clock_offset_ms)),
            journal: Journal::default(),
            faults: Faults::new(&random.key_for("faults")),
            throttle: Throttle::default(),
            network: Network::default(),
            signer,
            tokens: TokenStore::new(saved.tokens),
            drives: Drives::default(),
            blobs,
            links: DownloadLinks::new(&random.key_for("download links")),
            random,
            primary: saved.primary,
            upload_sessions: UploadSessions::default(),
            sign_ins: SignIns::default(),
            delta_generation: AtomicU64::new(saved.delta_generation),
            variants: RwLock::new(saved.variants),
            population: RwLock::new(saved.population),
            state: Mutex::new(state),
            saved_revisions: Mutex::default(),
        };
        let mut records: HashMap<String, Records> =
            world.state().json(ITEMS_FILE)?.unwrap_or_default();
        for info in saved.drives {
            let records = records.remove(&info.ids.drive());
            world.open_drive(info, seed, records)?;
        }
        world.save()?;
        world.save_items()?;
        Ok(world)
    }

    fn open_drive(
        &self,
        info: DriveInfo,
        seed: &Seed,
        records: Option<Records>,
    ) -> Result<Arc<Drive>, StartError> {
        let folder = match seed {
            Seed::Folder(folder) if info.ids.drive() == self.primary.drive => Some(folder),
            _ => None,
        };
        let error =
            |source| StartError::Drive { path: folder.cloned().unwrap_or_default(), source };
        let folder = folder.map(|folder| folder.canonicalize()).transpose().map_err(error)?;
        let drive = self.make_drive(info, folder, records).map_err(error)?;
        self.drives.add(Arc::clone(&drive));
        Ok(drive)
    }

    fn make_drive(
        &self,
        info: DriveInfo,
        folder: Option<PathBuf>,
        records: Option<Records>,
    ) -> io::Result<Arc<Drive>> {
        let id_seed = self.random.key_for(&format!("items of {}", info.ids.drive()));
        let (clock, blobs) = (Arc::clone(&self.clock), self.blobs.clone());
        Drive::open(info, folder, clock, blobs, &id_seed, records).map(Arc::new)
    }

    /// Makes a drive.
    pub(crate) fn add_drive(&self, info: DriveInfo) -> Result<Arc<Drive>, StartError> {
        self.open_drive(info, &Seed::Nothing, None)
    }

    pub(crate) fn population(&self) -> RwLockReadGuard<'_, Population> {
        self.population.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn population_mut(&self) -> RwLockWriteGuard<'_, Population> {
        self.population.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn variants(&self) -> RwLockReadGuard<'_, Variants> {
        self.variants.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_variants(&self, variants: Variants) {
        *self.variants.write().unwrap_or_else(PoisonError::into_inner) = variants;
    }

    /// The generation of delta tokens that are issued now.
    pub(crate) fn delta_generation(&self) -> u64 {
        self.delta_generation.load(Ordering::Relaxed)
    }

    /// Kills every delta token issued so far. (3.3)
    pub(crate) fn kill_delta_tokens(&self) {
        self.delta_generation.fetch_add(1, Ordering::Relaxed);
    }

    /// The person of the ready file.
    pub(crate) fn primary_user(&self) -> Option<User> {
        self.population().user(self.primary.user).cloned()
    }

    /// The first application's secret: derived, so that no file holds it.
    pub(crate) fn primary_secret(&self) -> String {
        secret(&self.random)
    }

    /// Mints tokens for a person and an application, with everything that was consented to.
    pub(crate) fn mint(&self, user: Guid, client_id: Guid) -> Option<TokenSet> {
        let grant = {
            let population = self.population();
            let user = population.user(user)?;
            population.application(client_id)?;
            let cloud = population.cloud(user.directory);
            Grant::delegated(user, client_id, population.delegated(client_id, user), cloud)
        };
        self.tokens.mint(self, grant)
    }

    /// Writes everything but the items to disk. Blocks.
    pub(crate) fn save(&self) -> Result<(), StateError> {
        self.state().write_json(STATE_FILE, &self.saved())
    }

    fn saved(&self) -> Saved {
        Saved {
            clock_offset_ms: self.clock.offset_ms(),
            random: self.random.state(),
            signing_key: self.signer.key(),
            primary: self.primary.clone(),
            variants: self.variants().clone(),
            population: self.population().clone(),
            drives: self.drives.all().iter().map(|drive| drive.info.clone()).collect(),
            delta_generation: self.delta_generation(),
            tokens: self.tokens.saved(),
        }
    }

    /// Writes the items to disk if they changed since. Blocks.
    pub(crate) fn save_items(&self) -> Result<(), StateError> {
        let mut saved = self.saved_revisions();
        let drives = self.drives.all();
        let revisions: Vec<u64> = drives.iter().map(|drive| drive.revision()).collect();
        if *saved == revisions {
            return Ok(());
        }
        let records: HashMap<String, Records> =
            drives.iter().map(|drive| (drive.id(), drive.records())).collect();
        self.state().write_json(ITEMS_FILE, &records)?;
        *saved = revisions;
        Ok(())
    }

    /// Everything but the contents of files, as JSON.
    pub(crate) fn export(&self) -> serde_json::Result<Vec<u8>> {
        let items = self.drives.all().iter().map(|drive| (drive.id(), drive.records())).collect();
        serde_json::to_vec(&Exported { world: self.saved(), items })
    }

    /// Puts back what [`export`](Self::export) gave; keys and the source of randomness stay.
    pub(crate) fn import(&self, json: &[u8]) -> Result<(), ImportError> {
        let Exported { world, mut items } = serde_json::from_slice(json)?;
        if world.primary.drive != self.primary.drive {
            return Err(ImportError::OtherWorld);
        }
        let seeds: HashMap<String, Option<PathBuf>> =
            self.drives.all().iter().map(|drive| (drive.id(), drive.seed_folder())).collect();
        let mut drives = Vec::with_capacity(world.drives.len());
        for info in world.drives {
            let id = info.ids.drive();
            let folder = seeds.get(&id).cloned().flatten();
            drives.push(self.make_drive(info, folder, items.remove(&id))?);
        }
        self.clock.set_offset(world.clock_offset_ms);
        self.drives.replace_all(drives);
        self.tokens.replace_all(world.tokens);
        self.set_variants(world.variants);
        *self.population_mut() = world.population;
        self.saved_revisions().clear();
        Ok(())
    }

    fn saved_revisions(&self) -> MutexGuard<'_, Vec<u64>> {
        self.saved_revisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, StateDir> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Saved {
    fn fresh(profile: Profile, seed: &Seed, random_seed: Option<&str>) -> Self {
        let random = Random::new(random_seed);
        let now_ms = Clock::new(0).now_ms();
        let mut population = Population::defaults(&random, &secret(&random), now_ms);
        let mut drives = drives(&random, &population, now_ms);
        for user in population.add_national_clouds(&random, now_ms) {
            drives.extend(user_drive(&random, &population, &user, now_ms));
        }
        let user = population
            .user_named(match profile {
                Profile::Business => "ann@contoso.com",
                Profile::Personal => "ann.example@outlook.com",
            })
            .map_or(Guid::NIL, |user| user.object_id);
        let drive = drives.iter_mut().find(|info| info.owner == Owner::User(user));
        let drive = drive.map(|info| {
            if let Seed::Synthetic { items, rows } = *seed {
                info.seed = Some(Synthetic { items, rows });
            }
            info.ids.drive()
        });
        Self {
            clock_offset_ms: 0,
            random: random.state(),
            signing_key: SigningKey::default(),
            primary: Primary {
                profile,
                user,
                client_id: population.applications[0].client_id,
                drive: drive.unwrap_or_default(),
            },
            variants: Variants::default(),
            population,
            drives,
            delta_generation: 0,
            tokens: Vec::new(),
        }
    }
}

/// A drive for each person and site; a group's is the library of its site.
fn drives(random: &Random, population: &Population, now_ms: i64) -> Vec<DriveInfo> {
    let mut drives = Vec::new();
    for user in &population.users {
        drives.extend(user_drive(random, population, user, now_ms));
    }
    for site in &population.sites {
        drives.push(library(random, population, site, now_ms));
    }
    drives
}

/// The library of a site; of a group's site, the group's.
pub(crate) fn library(
    random: &Random,
    population: &Population,
    site: &Site,
    now_ms: i64,
) -> DriveInfo {
    let group = population.groups.iter().find(|group| {
        group.directory == site.directory && site.path == format!("/sites/{}", group.name)
    });
    DriveInfo {
        ids: DriveIds::Business {
            site: site.id,
            web: site.web,
            list: random.guid(),
            prefix: random.bytes(),
        },
        kind: DriveKind::DocumentLibrary,
        owner: group.map_or(Owner::Site(site.id), |group| Owner::Group(group.id)),
        name: "Documents".to_owned(),
        host: site.host.clone(),
        place: site.path.clone(),
        created_ms: now_ms,
        total: TOTAL,
        seed: None,
    }
}

/// The drive of a person.
pub(crate) fn user_drive(
    random: &Random,
    population: &Population,
    user: &User,
    now_ms: i64,
) -> Option<DriveInfo> {
    let directory = population.directory(user.directory)?;
    let (ids, kind, host, place) = match user.cid {
        Some(cid) if user.directory == CONSUMERS => (
            DriveIds::Personal { cid, legacy: false },
            DriveKind::Personal,
            "my.microsoftpersonalcontent.com".to_owned(),
            format!("/personal/{cid:016x}"),
        ),
        _ => (
            DriveIds::library(random),
            DriveKind::Business,
            directory.my_host(),
            format!("/personal/{}", user.site_name()),
        ),
    };
    Some(DriveInfo {
        ids,
        kind,
        owner: Owner::User(user.object_id),
        name: "OneDrive".to_owned(),
        host,
        place,
        created_ms: now_ms,
        total: TOTAL,
        seed: None,
    })
}

fn secret(random: &Random) -> String {
    let keys = ["client secret 1", "client secret 2"].map(|name| random.key_for(name));
    let letter = |byte: &u8| SECRET_ALPHABET[usize::from(*byte) % SECRET_ALPHABET.len()];
    keys.iter().flatten().take(40).map(|byte| char::from(letter(byte))).collect()
}
