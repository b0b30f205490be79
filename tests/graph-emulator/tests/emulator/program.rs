//! The program around the library: how it starts and ends.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn start(folder: &Path, more: &[&str]) -> Child {
    let ready = folder.join("ready.json");
    let child = Command::new(env!("CARGO_BIN_EXE_graph-emulator"))
        .args(["--profile", "business", "--drive"])
        .arg(folder)
        .arg("--state")
        .arg(folder.join("state"))
        .arg("--ready-file")
        .arg(&ready)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let since = Instant::now();
    while !ready.exists() {
        assert!(since.elapsed() < PATIENCE, "no ready file");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn ends_well(mut child: Child, folder: &Path) {
    let since = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if since.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
    assert!(!folder.join("ready.json").exists());
}

#[test]
fn it_ends_with_standard_input_if_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &["--exit-with-stdin"]);
    drop(child.stdin.take());
    ends_well(child, folder.path());
}

#[test]
fn it_ends_cleanly_on_a_termination_signal_and_not_with_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start(folder.path(), &[]);
    drop(child.stdin.take());
    std::thread::sleep(Duration::from_millis(100));
    assert!(child.try_wait().unwrap().is_none());
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    ends_well(child, folder.path());
}

#[test]
fn a_wrong_folder_is_one_sentence_on_standard_error_and_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_graph-emulator"))
        .args(["--drive", "/no/such/folder", "--state"])
        .arg(folder.path().join("state"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let start = "graph-emulator: cannot read the drive folder /no/such/folder: ";
    assert!(text.starts_with(start) && text.lines().count() == 1, "{text}");
}
