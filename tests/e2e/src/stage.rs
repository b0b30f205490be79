//! One test's world.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use graph_emulator_control::{Control, Request};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The kind of account that the emulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// A work or school account.
    Business,
    /// A personal account.
    Personal,
}

/// The folder of shipped files.
#[must_use]
pub fn dist() -> PathBuf {
    let dist = here().join("../../target/dist");
    assert!(
        dist.join("onedrive-datasource.wasm").is_file(),
        "target/dist is empty: run `cargo xtask test`, or `cargo xtask build` first"
    );
    dist
}

/// The drive of real files.
#[must_use]
pub fn real_drive() -> PathBuf {
    here().join("../data/drive")
}

/// This crate. Cargo says where it is: a target directory that two checkouts share may hold the
/// other one's build of these tests.
fn here() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The component compiled once for all tests of this process.
fn compiled() -> &'static Path {
    static WARM: OnceLock<TempDir> = OnceLock::new();
    WARM.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let status = Command::new(dist().join("datasource-host"))
            .args(["sql", "-c", "SHOW DATABASES", "--state"])
            .arg(dir.path().join("state"))
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        dir
    })
    .path()
}

/// An emulator, a drive, and a host's state directory; all gone when dropped.
pub struct Stage {
    folder: TempDir,
    emulator: Child,
    ready: Value,
}

impl Stage {
    /// Over the drive of real files.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self::over(profile, &real_drive())
    }

    /// Over a drive made of the files given.
    #[must_use]
    pub fn with_files(profile: Profile, files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let drive = folder.path().join("drive");
        fs::create_dir_all(&drive).unwrap();
        for (path, content) in files {
            let path = drive.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self::start(profile, &drive, folder)
    }

    /// A work account's drive of files of one number, connected as `drive`; the journal is empty.
    #[must_use]
    pub fn connected(files: &[&str]) -> Self {
        let named: Vec<(&str, &[u8])> = files.iter().map(|file| (*file, &b"a\n1\n"[..])).collect();
        let stage = Self::with_files(Profile::Business, &named);
        let _ = stage.create("drive").succeeds();
        stage.forget_journal();
        stage
    }

    fn over(profile: Profile, drive: &Path) -> Self {
        Self::start(profile, drive, tempfile::tempdir().unwrap())
    }

    fn start(profile: Profile, drive: &Path, folder: TempDir) -> Self {
        let state = folder.path().join("host");
        fs::create_dir_all(state.join("compiled")).unwrap();
        for entry in fs::read_dir(compiled().join("state/compiled")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, state.join("compiled").join(path.file_name().unwrap())).unwrap();
        }
        private(&state);
        private(&state.join("compiled"));
        let ready_file = folder.path().join("ready.json");
        let profile = if profile == Profile::Business { "business" } else { "personal" };
        let emulator = Command::new(dist().join("graph-emulator"))
            .args(["--profile", profile, "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .arg("--drive")
            .arg(drive)
            .arg("--state")
            .arg(folder.path().join("emulator"))
            .arg("--ready-file")
            .arg(&ready_file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stage = Self { folder, emulator, ready: Value::Null };
        let give_up = Instant::now() + Duration::from_secs(30);
        while stage.ready.is_null() {
            assert!(Instant::now() < give_up, "the emulator did not become ready within 30 s");
            std::thread::sleep(Duration::from_millis(20));
            if let Ok(text) = fs::read(&ready_file) {
                stage.ready = serde_json::from_slice(&text).unwrap_or(Value::Null);
            }
        }
        stage
    }

    /// A value of the ready file.
    #[must_use]
    pub fn ready(&self, key: &str) -> Value {
        self.ready[key].clone()
    }

    /// The ready file's path.
    #[must_use]
    pub fn ready_file(&self) -> PathBuf {
        self.folder.path().join("ready.json")
    }

    /// The host's state directory.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("host")
    }

    /// The folder that is the drive, for stages made of files.
    #[must_use]
    pub fn drive(&self) -> PathBuf {
        self.folder.path().join("drive")
    }

    /// The parameters of a connection to the emulator's account.
    #[must_use]
    pub fn params(&self) -> Map<String, Value> {
        let keys = [
            "access_token",
            "refresh_token",
            "expires_at",
            "tenant_id",
            "account_id",
            "client_id",
            "client_secret",
        ];
        keys.iter().map(|key| ((*key).to_owned(), self.ready(key))).collect()
    }

    /// Runs CREATE DATABASE with the account's parameters.
    #[must_use]
    pub fn create(&self, name: &str) -> Answer {
        self.create_with(name, &self.params())
    }

    /// Runs CREATE DATABASE with some parameters.
    #[must_use]
    pub fn create_with(&self, name: &str, params: &Map<String, Value>) -> Answer {
        let params = json!(params);
        self.sql(&format!(
            "CREATE DATABASE {name} WITH engine = 'one_drive', parameters = {params}"
        ))
    }

    /// Runs ALTER DATABASE.
    #[must_use]
    pub fn alter(&self, name: &str, changes: &Value) -> Answer {
        self.sql(&format!("ALTER DATABASE {name} SET PARAMETERS = {changes}"))
    }

    /// Runs statements in a host of their own, rows as JSON.
    #[must_use]
    pub fn sql(&self, statements: &str) -> Answer {
        Answer::of(&self.host(statements).output().unwrap())
    }

    /// The command that runs statements, to be run in another way.
    #[must_use]
    pub fn host(&self, statements: &str) -> Command {
        self.host_in("json", statements)
    }

    /// The same with another format of rows.
    #[must_use]
    pub fn host_in(&self, format: &str, statements: &str) -> Command {
        let mut command = self.host_without_emulator(format, statements);
        command.arg("--emulator").arg(self.ready_file());
        command
    }

    /// The same without the map to the emulator.
    #[must_use]
    pub fn host_without_emulator(&self, format: &str, statements: &str) -> Command {
        let mut command = Command::new(dist().join("datasource-host"));
        command.args(["sql", "--format", format, "-c", statements, "--state"]).arg(self.state());
        command
    }

    /// Another command of the host, over the same state and emulator.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(dist().join("datasource-host"));
        command.args(arguments).arg("--state").arg(self.state());
        command.arg("--emulator").arg(self.ready_file());
        command
    }

    /// The parameters without tokens: the application and its directory.
    #[must_use]
    pub fn application(&self) -> Map<String, Value> {
        let keys = ["client_id", "client_secret", "tenant_id"];
        keys.iter().map(|key| ((*key).to_owned(), self.ready(key))).collect()
    }

    /// The parameters of a connection with somebody's tokens.
    #[must_use]
    pub fn params_of(&self, email: &str, tenant: &str) -> Map<String, Value> {
        let tokens = self.control().tokens(Some(email)).unwrap();
        let mut params = self.application();
        params.insert("access_token".into(), tokens.access_token.into());
        params.insert("refresh_token".into(), tokens.refresh_token.into());
        params.insert("expires_at".into(), tokens.expires_at.into());
        params.insert("tenant_id".into(), tenant.into());
        params
    }

    /// The command that opens the prompt on a terminal of so many columns.
    #[must_use]
    pub fn prompt(&self, columns: u16) -> Command {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("stty rows 24 cols {columns}; exec \"$0\" \"$@\""))
            .arg(dist().join("datasource-host"))
            .args(["sql", "--state"])
            .arg(self.state())
            .arg("--emulator")
            .arg(self.ready_file())
            .env("TERM", "xterm");
        command
    }

    /// The emulator's control API.
    #[must_use]
    pub fn control(&self) -> Control {
        Control::new(self.ready["control"].as_str().unwrap())
    }

    /// Everything asked of the emulator since the journal was emptied.
    #[must_use]
    pub fn journal(&self) -> Vec<Request> {
        self.control().journal().unwrap()
    }

    /// How often Graph was asked since then.
    #[must_use]
    pub fn graph_requests(&self) -> usize {
        self.journal().iter().filter(|request| request.is_graph()).count()
    }

    /// Empties the journal.
    pub fn forget_journal(&self) {
        self.control().forget_journal().unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}

/// What a run of the host gave.
#[derive(Debug)]
pub struct Answer {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The exit status.
    pub status: Option<i32>,
}

impl Answer {
    /// Of a process that has ended.
    #[must_use]
    pub fn of(output: &Output) -> Self {
        Self {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            status: output.status.code(),
        }
    }

    /// Asserts exit status 0.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.status, Some(0), "{}\n{}", self.out, self.err);
        self
    }

    /// Asserts exit status 1 and that the error holds each text.
    #[track_caller]
    pub fn fails_saying(self, texts: &[&str]) -> Self {
        assert_eq!(self.status, Some(1), "{}\n{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text), "no `{text}` in:\n{}", self.err);
        }
        assert!(self.err.contains("error: "), "{}", self.err);
        self
    }

    /// The rows of a successful run: JSON objects, one a line.
    #[track_caller]
    #[must_use]
    pub fn rows(self) -> Vec<Value> {
        let answer = self.succeeds();
        answer.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
