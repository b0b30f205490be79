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

/// Pieces of what only a token, a code or a pre-authenticated link begins with.
const LOOKS_SECRET: [&str; 5] = ["eyJ", "1.A", "EwB", "M.C", "tempauth"];

#[test]
fn no_secret_of_a_sign_in_is_shown_or_kept_unsealed() {
    use datasource_e2e::visit;
    let stage = Stage::new(Profile::Business);
    let create = format!(
        "CREATE DATABASE drive WITH engine = 'one_drive', parameters = {}",
        json!(stage.application())
    );
    let sign_in = stage.begins_sign_in(&create);
    let url = sign_in.url();
    let location = stage.control().sign_in(&url, "ann@contoso.com").unwrap();
    let (status, mut seen) = visit(&location);
    assert_eq!(status, 200);
    let shown = sign_in.ends();
    // The link is for the person, and holds no secret but the state that names this sign-in.
    seen.push_str(&shown.out.replace(&url, ""));
    seen.push_str(&shown.err);
    // The prompt's background check fills system.health.
    let mut prompt = rexpect::session::spawn_command(stage.prompt(120), Some(60_000)).unwrap();
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while stage.sql("SELECT * FROM system.health").rows().is_empty() {
        assert!(std::time::Instant::now() < give_up, "nothing was looked at");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    prompt.send_control('d').unwrap();
    for statement in [
        "SELECT * FROM drive.onedrive_connections",
        "SELECT * FROM system.health",
        "SHOW CREATE DATABASE drive",
        "EXPLAIN VERBOSE SELECT * FROM drive.`geo/airports.csv`",
        "SELECT * FROM drive.`nothing.csv`",
    ] {
        let answer = stage.sql(statement);
        seen.push_str(&answer.out);
        seen.push_str(&answer.err);
    }
    for arguments in [&["doctor"][..], &["installation", "show"]] {
        let answer = datasource_e2e::Answer::of(&stage.command(arguments).output().unwrap());
        seen.push_str(&answer.out);
        seen.push_str(&answer.err);
    }
    for piece in LOOKS_SECRET {
        assert!(!seen.contains(piece), "{piece} stands in:\n{seen}");
    }
    let parameter = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    let secret = stage.ready("client_secret").as_str().unwrap().to_owned();
    let secrets = [parameter(&location, "code"), parameter(&url, "state"), secret];
    for file in files_below(&stage.state()) {
        let bytes = fs::read(&file).unwrap();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret stands in {}", file.display());
        }
    }
    let _ = stage.sql("SELECT * FROM drive.`geo/airports.csv` LIMIT 1").succeeds();
    for request in stage.journal().iter().filter(|request| request.is_download()) {
        assert_eq!(request.authorization, "none", "a download host was sent a token");
    }
}
