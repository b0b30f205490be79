//! Compiled components on disk, so that a component is compiled once for a machine.

use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::{RuntimeError, StoreError};
use crate::hex;
use crate::store::{private_dir, random, require_private};

/// A private directory of compiled components.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    pub(crate) fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let dir = state_dir.join("compiled");
        private_dir(&dir)?;
        // Whoever can write here runs native code in the host.
        require_private(&dir)?;
        Ok(Self { dir })
    }

    /// Loads a component, compiling it unless that was done before. Blocks for as long as that
    /// takes.
    pub(crate) fn load(
        &self,
        engine: &Engine,
        wasm: &[u8],
        sha256: &[u8; 32],
    ) -> Result<Component, RuntimeError> {
        let path = self.path(engine, sha256);
        if path.exists() {
            match deserialize(engine, &path) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "compiled again: not usable");
                }
            }
        }
        let compiled = engine
            .precompile_component(wasm)
            .map_err(|error| RuntimeError::NotAComponent { reason: first_line(&error) })?;
        self.write(&path, &compiled)?;
        deserialize(engine, &path).map_err(|error| RuntimeError::Setup {
            reason: format!("the compiled component does not load: {}", first_line(&error)),
        })
    }

    /// The file's name holds all that the compiled code depends on.
    fn path(&self, engine: &Engine, sha256: &[u8; 32]) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        self.dir.join(format!("{}-{:016x}.cwasm", hex(sha256), hasher.finish()))
    }

    /// Other processes see the whole file or none.
    fn write(&self, path: &Path, compiled: &[u8]) -> Result<(), StoreError> {
        let draft = self.dir.join(format!("{:016x}.draft", u64::from_ne_bytes(random())));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(compiled).and_then(|()| file.sync_all()))
            .map_err(StoreError::io("writing", draft.as_path()))
            .and_then(|()| fs::rename(&draft, path).map_err(StoreError::io("writing", path)));
        if written.is_err() {
            // The error that matters is the first one.
            let _ = fs::remove_file(&draft);
        }
        written
    }
}

fn deserialize(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: only bytes that `precompile_component` made may be loaded. The file is in a directory
    // that was found to be usable by its owner alone, who runs this process; its name and header
    // tie it to this engine's configuration, and it only ever appears complete, by rename.
    unsafe { Component::deserialize_file(engine, path) }
}

/// An error's first line; the rest is about the engine's inside.
pub(crate) fn first_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    text.lines().next().unwrap_or_default().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::limits::Limits;

    const SHA: [u8; 32] = [7; 32];

    fn files(dir: &Path) -> Vec<PathBuf> {
        fs::read_dir(dir.join("compiled")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_component_is_compiled_once_and_again_when_its_file_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        let engine = crate::engine::engine(&Limits { instances: 1, ..Limits::default() }).unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        let wasm = wat::parse_str("(component)").unwrap();

        cache.load(&engine, &wasm, &SHA).unwrap();
        let [file] = &files(dir.path())[..] else { panic!("one file, no drafts") };
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);

        // What is not looked at again cannot be noticed: these bytes are no component.
        cache.load(&engine, b"not looked at", &SHA).unwrap();

        let whole = fs::read(file).unwrap();
        for broken in [&b"garbage"[..], &[], &whole[..whole.len() / 2]] {
            fs::write(file, broken).unwrap();
            cache.load(&engine, &wasm, &SHA).unwrap();
            assert_eq!(fs::read(file).unwrap().len(), whole.len());
        }
    }

    #[test]
    fn a_directory_that_others_may_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        Cache::open(dir.path()).unwrap();
        let compiled = dir.path().join("compiled");
        fs::set_permissions(&compiled, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Cache::open(dir.path()), Err(StoreError::NotPrivate { .. })));
    }
}
