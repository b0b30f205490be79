//! The emulator as a child process, and what its ready file says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Failure;

/// A running emulator; killed when dropped.
pub(crate) struct Emulator {
    child: Child,
    pub(crate) ready: Value,
}

/// The folder of shipped files.
pub(crate) fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/dist")
}

/// What the drive holds.
pub(crate) enum Seed<'a> {
    /// A folder on disk.
    Folder(&'a Path),
    /// So many made items.
    Synthetic(u64),
}

impl Emulator {
    pub(crate) fn start(seed: Seed<'_>, state: &Path) -> Result<Self, Failure> {
        let (option, value) = match seed {
            Seed::Folder(path) => ("--drive", path.as_os_str().to_owned()),
            Seed::Synthetic(items) => ("--synthetic", items.to_string().into()),
        };
        let file = state.join("ready.json");
        let child = Command::new(dist().join("graph-emulator"))
            .args(["--profile", "business", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .arg(option)
            .arg(value)
            .arg("--state")
            .arg(state)
            .arg("--ready-file")
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()?;
        let mut emulator = Self { child, ready: Value::Null };
        let give_up = Instant::now() + Duration::from_secs(120);
        while Instant::now() < give_up {
            if let Some(ready) =
                std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok())
            {
                emulator.ready = ready;
                return Ok(emulator);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the emulator did not become ready within 120 s".into())
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap_or_default()
    }

    pub(crate) fn listen(&self) -> Result<SocketAddr, Failure> {
        Ok(self.text("listen").parse()?)
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.ready["hosts"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    pub(crate) fn ca(&self) -> Result<Vec<u8>, Failure> {
        Ok(std::fs::read(self.text("ca"))?)
    }

    /// The parameters of a connection.
    pub(crate) fn params(&self) -> String {
        let keys = [
            "access_token",
            "refresh_token",
            "expires_at",
            "tenant_id",
            "client_id",
            "client_secret",
        ];
        let object: serde_json::Map<String, Value> =
            keys.iter().map(|key| ((*key).to_owned(), self.ready[*key].clone())).collect();
        json!(object).to_string()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
