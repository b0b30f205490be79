//! Where things are when nobody says so.

use std::env;
use std::path::{Path, PathBuf};

use crate::errors::CliError;

/// A file beside this program.
pub(crate) fn beside_program(name: &str) -> Result<PathBuf, CliError> {
    let program = env::current_exe().map_err(|error| {
        CliError::failed(format!("This program cannot find out where it stands: {error}."))
    })?;
    Ok(program.parent().unwrap_or(Path::new(".")).join(name))
}

/// The default state directory, by the XDG base directory specification.
pub(crate) fn default_state() -> Result<PathBuf, CliError> {
    let from =
        |variable: &str| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    from("XDG_STATE_HOME")
        .or_else(|| from("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("datasource-host"))
        .ok_or_else(|| {
            CliError::failed("There is no home directory to keep state in.")
                .hint("Name a directory with --state DIR.")
        })
}
