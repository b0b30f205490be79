//! The emulator as a child process that cannot outlive this program: it ends when its standard
//! input does.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::settings::Settings;
use crate::emulator::ReadyFile;
use crate::errors::CliError;
use crate::host::spinner;
use crate::paths::beside_program;

/// How long the emulator may take to seed its drive.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How long it may take to end when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running emulator.
pub(super) struct EmulatorProcess {
    child: Child,
    ready_file: PathBuf,
    ready: ReadyFile,
}

impl EmulatorProcess {
    /// Starts the emulator beside this program and waits until it accepts connections.
    pub(super) async fn start(state: &Path, settings: &Settings) -> Result<Self, CliError> {
        let program = beside_program("graph-emulator")?;
        let ready_file = state.join("emulator-ready.json");
        let log = state.join("emulator.log");
        // What an earlier run wrote must not be taken for this one's.
        match std::fs::remove_file(&ready_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(CliError::file("remove", &ready_file)(error));
            }
            _ => {}
        }
        let mut command = Command::new(&program);
        command
            .arg("--drive")
            .arg(&settings.drive)
            .args(["--profile", settings.profile.as_str()])
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .arg("--state")
            .arg(state.join("emulator"))
            .arg("--ready-file")
            .arg(&ready_file)
            .arg("--exit-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log).map_err(CliError::file("write", &log))?)
            .kill_on_drop(true);
        // Ctrl-C at a prompt ends a query, not the emulator.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| {
            CliError::failed(format!(
                "The emulator {} cannot be started: {error}.",
                program.display()
            ))
            .hint("Build it: cargo xtask build puts it beside this program.")
        })?;
        let progress = spinner("Starting the emulator".to_owned());
        let ready = wait_until_ready(&mut child, &ready_file, &log).await;
        progress.finish_and_clear();
        Ok(Self { child, ready_file, ready: ready? })
    }

    pub(super) fn ready(&self) -> &ReadyFile {
        &self.ready
    }

    pub(super) fn ready_file(&self) -> PathBuf {
        self.ready_file.clone()
    }

    /// Ends the emulator, by force if it does not listen.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            // `kill` also waits; if it fails, dropping the child tries once more.
            let _ = self.child.kill().await;
        }
    }
}

async fn wait_until_ready(
    child: &mut Child,
    ready_file: &Path,
    log: &Path,
) -> Result<ReadyFile, CliError> {
    let started = Instant::now();
    while started.elapsed() < START_TIMEOUT {
        if ready_file.exists() {
            return ReadyFile::read(ready_file);
        }
        if let Ok(Some(status)) = child.try_wait() {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing");
            return Err(CliError::failed(format!(
                "The emulator ended before it was ready ({status}); its last words: {last}"
            ))
            .hint(format!("All of its words are in {}.", log.display())));
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    Err(CliError::failed("The emulator was not ready in time.")
        .hint(format!("Its words are in {}.", log.display())))
}
