//! The folder on disk that seeded a drive: what changes there is seen where it is looked at.
//!
//! A folder is read again when its modification time moved; a file is looked at whenever it is
//! answered. What was moved, replaced or deleted by requests stays so until the file on disk itself
//! changes: the latest change wins.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::content::{Source, Stamp};
use super::names::{fold, is_possible};
use super::tree::{Body, DiskFolder, Entry, Folder, Index, Seedling, TOP, Tree};

/// A folder that changed less than this ago may change again without its time moving.
const SETTLED: Duration = Duration::from_secs(2);

impl Tree {
    /// Brings one item up to date; it is gone afterwards if the disk no longer has it.
    pub(super) fn refresh(&mut self, index: Index) {
        let Some(seed) = self.seed_folder.clone() else { return };
        if self.node(index).deleted {
            return;
        }
        match &self.node(index).body {
            Body::File { source: Source::Disk { path, .. }, .. } => {
                match fs::metadata(seed.join(path)) {
                    Ok(meta) if meta.is_file() => self.observe(index, &meta),
                    _ => self.delete(index),
                }
            }
            Body::Folder(Folder { disk: Some(_), .. }) => self.refresh_folder(&seed, index),
            _ => {}
        }
    }

    /// Brings everything up to date, for answers about the whole drive.
    pub(super) fn refresh_all(&mut self) {
        if self.seed_folder.is_none() {
            return;
        }
        let mut waiting = vec![TOP];
        while let Some(index) = waiting.pop() {
            self.refresh(index);
            if self.node(index).deleted {
                continue;
            }
            waiting.extend(self.folder(index).into_iter().flat_map(|f| f.children.values()));
        }
    }

    /// Names on disk that are not in the drive.
    pub(super) fn left_out(&self) -> Vec<PathBuf> {
        let disks = self.nodes.iter().filter_map(|node| match &node.body {
            Body::Folder(folder) if !node.deleted => folder.disk.as_deref(),
            _ => None,
        });
        disks.flat_map(|disk| disk.left_out.iter().cloned()).collect()
    }

    /// Reads a folder again if it changed since it was last read.
    fn refresh_folder(&mut self, seed: &Path, index: Index) {
        let Some(disk) = self.disk(index) else { return };
        let (place, read_at) = (seed.join(&disk.path), disk.read_at);
        let modified = fs::metadata(&place).and_then(|meta| meta.modified());
        let Ok(modified) = modified else {
            if index != TOP {
                self.delete(index);
            }
            return;
        };
        if read_at == Some(modified) {
            return;
        }
        let Ok(entries) = fs::read_dir(&place) else { return };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        // Of names that differ only in case the first is kept: let it always be the same.
        names.sort_unstable();
        let (mut met, mut left_out) = (HashSet::new(), Vec::new());
        for name in names {
            let path = place.join(&name);
            let Some(name) = name.to_str().filter(|name| is_possible(name)) else {
                left_out.push(path);
                continue;
            };
            let Some(meta) = metadata(&path) else { continue };
            if !met.insert(fold(name)) || !self.meet(seed, index, name, &meta) {
                left_out.push(path);
            }
        }
        self.forget_all_but(index, &met);
        let settled = modified.elapsed().is_ok_and(|age| age > SETTLED);
        if let Some(disk) = self.disk_mut(index) {
            disk.read_at = settled.then_some(modified);
            disk.left_out = left_out;
        }
        self.node_mut(index).modified_ms = milliseconds(modified);
    }

    /// A folder has an entry: known, renamed in case only, replaced by the other kind, or new. False
    /// if something else has its name already.
    fn meet(&mut self, seed: &Path, parent: Index, name: &str, meta: &Metadata) -> bool {
        let now = (!meta.is_dir()).then(|| stamp(meta));
        let known = self.disk(parent).and_then(|disk| disk.entries.get(&fold(name)));
        let known = known.map(|entry| (entry.node, entry.name.clone(), entry.stamp));
        if let Some((node, old_name, seen)) = known {
            let (same_kind, deleted) = (seen.is_some() == now.is_some(), self.node(node).deleted);
            match (same_kind, deleted) {
                (true, false) => self.meet_again(parent, node, &old_name, name, seen, now),
                // Deleted by a request: it comes back only when the disk has something new.
                (true, true) if now.is_none() || seen == now => {}
                (false, false) => self.delete(node),
                _ => {}
            }
            if same_kind && (!deleted || now.is_none() || seen == now) {
                return true;
            }
        }
        if self.child(parent, name).is_some() {
            return false;
        }
        self.plant(seed, parent, name, meta);
        true
    }

    fn meet_again(
        &mut self,
        parent: Index,
        node: Index,
        old_name: &str,
        name: &str,
        seen: Option<Stamp>,
        now: Option<Stamp>,
    ) {
        if old_name != name && *self.node(node).name == *old_name {
            self.detach(node);
            let folder = self.node(node).parent;
            self.attach(node, folder, name);
            self.node_mut(node).e_version += 1;
            self.changed(node);
        }
        if let (Some(path), Some(now)) = (self.disk(parent).map(|d| d.path.join(name)), now)
            && seen != Some(now)
        {
            let source = Source::Disk { path, stamp: now };
            self.set_content(node, now.size, source, now.modified_ms());
        }
        if let Some(disk) = self.disk_mut(parent) {
            let entry = Entry { name: name.to_owned(), node, stamp: now };
            disk.entries.insert(fold(name), entry);
        }
    }

    /// Adds an entry that was not there before.
    fn plant(&mut self, seed: &Path, parent: Index, name: &str, meta: &Metadata) {
        let path = self.disk(parent).map(|disk| disk.path.join(name)).unwrap_or_default();
        let modified = meta.modified().unwrap_or(UNIX_EPOCH);
        let created = meta.created().unwrap_or(modified).min(modified);
        let stamp = (!meta.is_dir()).then(|| stamp(meta));
        let body = match stamp {
            Some(stamp) => Body::File { size: stamp.size, source: Source::Disk { path, stamp } },
            None => {
                let disk = Some(Box::new(DiskFolder { path, ..DiskFolder::default() }));
                Body::Folder(Folder { disk, ..Folder::default() })
            }
        };
        let seedling = Seedling {
            name: name.to_owned(),
            created_ms: milliseconds(created),
            modified_ms: milliseconds(modified),
            body,
        };
        let node = self.insert(parent, seedling);
        if let Some(disk) = self.disk_mut(parent) {
            disk.entries.insert(fold(name), Entry { name: name.to_owned(), node, stamp });
        }
        if stamp.is_none() {
            self.refresh_folder(seed, node);
        }
    }

    /// Takes note of a file's current size and time.
    pub(super) fn observe(&mut self, index: Index, meta: &Metadata) {
        let now = stamp(meta);
        let Body::File { source: Source::Disk { path, stamp }, .. } = &self.node(index).body else {
            return;
        };
        if *stamp == now {
            return;
        }
        let path = path.clone();
        self.set_content(
            index,
            now.size,
            Source::Disk { path: path.clone(), stamp: now },
            now.modified_ms(),
        );
        // The folder it came from must not take this for another change.
        let (above, name) = (path.parent(), path.file_name().and_then(|name| name.to_str()));
        let parent = self.node(index).parent;
        if let (Some(above), Some(name)) = (above, name)
            && let Some(disk) = self.disk_mut(parent).filter(|disk| disk.path == above)
            && let Some(entry) = disk.entries.get_mut(&fold(name))
        {
            entry.stamp = Some(now);
        }
    }

    fn forget_all_but(&mut self, index: Index, met: &HashSet<String>) {
        let Some(disk) = self.disk_mut(index) else { return };
        let gone: Vec<String> =
            disk.entries.keys().filter(|name| !met.contains(*name)).cloned().collect();
        let gone: Vec<Index> =
            gone.iter().filter_map(|name| disk.entries.remove(name)).map(|e| e.node).collect();
        for node in gone {
            // A file that was replaced by a request no longer depends on the disk.
            let is_ours = match &self.node(node).body {
                Body::File { source, .. } => matches!(source, Source::Disk { .. }),
                _ => true,
            };
            if is_ours && !self.node(node).deleted {
                self.delete(node);
            }
        }
    }

    fn disk(&self, index: Index) -> Option<&DiskFolder> {
        self.folder(index)?.disk.as_deref()
    }

    pub(super) fn disk_mut(&mut self, index: Index) -> Option<&mut DiskFolder> {
        self.folder_mut(index)?.disk.as_deref_mut()
    }
}

impl Stamp {
    fn modified_ms(self) -> i64 {
        self.modified_ns / 1_000_000
    }
}

/// Metadata of a file, a folder, or a link to a file. A link to a folder could make a loop.
fn metadata(path: &Path) -> Option<Metadata> {
    let meta = fs::symlink_metadata(path).ok()?;
    if !meta.is_symlink() {
        return (meta.is_file() || meta.is_dir()).then_some(meta);
    }
    fs::metadata(path).ok().filter(Metadata::is_file)
}

fn stamp(meta: &Metadata) -> Stamp {
    let modified = meta.modified().unwrap_or(UNIX_EPOCH);
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Stamp { size: meta.len(), modified_ns }
}

fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
