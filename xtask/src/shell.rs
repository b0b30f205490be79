//! Running other programs, and where things are.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a step failed, for people.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A failure with its cause.
pub(crate) fn failed(what: impl fmt::Display) -> impl FnOnce(std::io::Error) -> Failure {
    move |error| Failure(format!("{what}: {error}"))
}

/// The repository. Cargo says where it is: a target directory that two checkouts share may hold the
/// other one's build of this program.
pub(crate) fn root() -> PathBuf {
    let here = env::var_os("CARGO_MANIFEST_DIR");
    let here = here.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here).parent().map(Path::to_owned).unwrap_or_default()
}

/// Cargo's target directory.
pub(crate) fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Where shipped files go.
pub(crate) fn dist() -> PathBuf {
    root().join("target/dist")
}

/// Says what happens now.
pub(crate) fn step(what: &str) {
    eprintln!("==> {what}");
}

/// Runs cargo in the repository, its output shown.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: &[S]) -> Result<(), Failure> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    run(command)
}

/// Runs a program to its end; a status other than 0 is a failure.
pub(crate) fn run(mut command: Command) -> Result<(), Failure> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(failed(format!("cannot run {name}")))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("{name} ended with {status}"))) }
}

/// Copies a file by writing beside and renaming, so that a running program
/// keeps its old one.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let directory = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(failed(directory.display()))?;
    let beside = to.with_extension("new");
    fs::copy(from, &beside).map_err(failed(from.display()))?;
    fs::rename(&beside, to).map_err(failed(to.display()))
}
