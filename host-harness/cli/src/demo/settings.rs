//! What a demo's state directory remembers, so that the next run starts on the same drive.

use std::env;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::errors::CliError;
use crate::options::Profile;
use crate::paths::beside_program;

/// The drive and the account's kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settings {
    /// The folder that the drive is made from.
    pub(super) drive: PathBuf,
    /// The kind of account.
    pub(super) profile: Profile,
}

impl Settings {
    /// What was asked for, else what the directory remembers, else the defaults; remembered from
    /// now on.
    pub(super) fn of(
        state: &Path,
        drive: Option<PathBuf>,
        profile: Option<Profile>,
    ) -> Result<Self, CliError> {
        let file = state.join("demo.json");
        // A file that cannot be read is written anew.
        let last: Option<Self> =
            std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let drive = match (drive, &last) {
            (Some(drive), _) => drive,
            (None, Some(last)) => last.drive.clone(),
            (None, None) => default_drive()?,
        };
        let drive =
            std::fs::canonicalize(&drive).map_err(CliError::file("open the folder", &drive))?;
        let profile = profile.or(last.map(|last| last.profile)).unwrap_or(Profile::Business);
        let settings = Self { drive, profile };
        let text = serde_json::to_vec_pretty(&settings)
            .map_err(|error| CliError::failed(format!("The settings cannot be kept: {error}.")))?;
        std::fs::write(&file, text).map_err(CliError::file("write", &file))?;
        Ok(settings)
    }
}

/// The folder of sample files that comes with the program, or that of its repository.
fn default_drive() -> Result<PathBuf, CliError> {
    let mut places = vec![beside_program("drive")?];
    if let Ok(here) = env::current_dir() {
        places.push(here.join("tests/data/drive"));
    }
    places.into_iter().find(|place| place.is_dir()).ok_or_else(|| {
        CliError::misused("There is no folder of sample files to make a drive from.")
            .hint("Name one with --drive DIR.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_remembers_the_last() {
        let (state, drive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first =
            Settings::of(state.path(), Some(drive.path().to_owned()), Some(Profile::Personal))
                .unwrap();
        assert_eq!(Settings::of(state.path(), None, None).unwrap(), first);
        assert_eq!(first.profile, Profile::Personal);
    }

    #[test]
    fn a_missing_folder_is_told() {
        let state = tempfile::tempdir().unwrap();
        let error =
            Settings::of(state.path(), Some(PathBuf::from("/nowhere/at/all")), None).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    }
}
