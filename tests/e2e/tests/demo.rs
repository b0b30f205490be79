//! The demo as a user runs it.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::process::Command;

use datasource_e2e::{dist, real_drive};

#[test]
fn the_demo_shows_every_step_and_leaves_no_process_behind() {
    // The two kinds of account refuse a revoked token with different codes.
    for (profile, code) in [("business", "AADSTS50173"), ("personal", "AADSTS70000")] {
        let state = tempfile::tempdir().unwrap();
        let output = Command::new(dist().join("datasource-host"))
            .args(["demo", "--profile", profile, "--drive"])
            .arg(real_drive())
            .arg("--state")
            .arg(state.path())
            .output()
            .unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{shown}");
        for part in [
            "CREATE DATABASE one_drive_datasource",
            "my-folder/my-file.csv",
            "labour/unemployment.tsv",
            "finance/stocks.parquet",
            "cars/cars.json",
            code,
            "ALTER DATABASE",
            "DROP DATABASE",
            "demo --prompt",
        ] {
            assert!(shown.contains(part), "{profile}: no `{part}` in\n{shown}");
        }
        assert!(!shown.contains("eyJ"), "a token was shown:\n{shown}");
        let state = state.path().to_string_lossy().into_owned();
        assert!(!somebody_runs_with(&state), "a process with {state} is left");
    }
}

/// Whether a process has a text in its command line.
fn somebody_runs_with(text: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
}
