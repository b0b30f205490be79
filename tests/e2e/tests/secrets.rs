//! No token and no secret appears in any output or in any unsealed file.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::fs;
use std::path::{Path, PathBuf};

use datasource_e2e::{Profile, Stage};
use serde_json::{Value, json};

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn no_secret_appears_in_outputs_or_state_files() {
    let stage = Stage::new(Profile::Business);
    let fresh = stage.control().tokens(None).unwrap();
    let (access, refresh) = (fresh.access_token, fresh.refresh_token.unwrap());
    let mut wrong = stage.params();
    wrong.insert("acess_token".to_owned(), access.clone().into());

    let mut seen = String::new();
    let mut run = |answer: datasource_e2e::Answer| {
        seen.push_str(&answer.out);
        seen.push_str(&answer.err);
    };
    run(stage.create_with("drive", &wrong));
    run(stage.create("drive"));
    run(stage.create("drive"));
    run(stage.sql("SHOW DATABASES"));
    run(stage.sql("EXPLAIN SELECT * FROM drive.`geo/airports.csv`"));
    run(stage.sql("EXPLAIN SELECT path, content FROM drive.files"));
    run(stage.sql(&format!(
        "CREATE DATABASE d WITH engine = 'one_drive', parameters = {}, oops",
        json!(stage.params())
    )));
    stage.control().revoke_tokens().unwrap();
    run(stage.sql("SELECT * FROM drive.`geo/airports.csv` LIMIT 1"));
    run(stage.alter("drive", &json!({"access_token": access, "x": 1})));

    let mut secrets: Vec<Value> = ["access_token", "refresh_token", "client_secret"]
        .iter()
        .map(|key| stage.ready(key))
        .collect();
    secrets.extend([access.into(), refresh.into()]);
    let texts: Vec<&str> = secrets.iter().map(|secret| secret.as_str().unwrap()).collect();
    assert!(texts.iter().all(|secret| secret.len() > 8));

    for secret in &texts {
        assert!(!seen.contains(secret), "a secret was printed");
    }
    // The ready file alone may hold them.
    let folder = stage.state().parent().unwrap().to_owned();
    for file in files_below(&folder).into_iter().filter(|file| *file != stage.ready_file()) {
        let bytes = fs::read(&file).unwrap();
        for secret in &texts {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret stands in {}", file.display());
        }
    }
    assert!(!seen.contains("tempauth"), "a pre-authenticated link was printed");
}
