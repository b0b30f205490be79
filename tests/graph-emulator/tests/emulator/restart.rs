//! Going on after a restart; starting when something is wrong.

use std::time::Duration;

use graph_emulator::{Emulator, Profile, Seed, StartError, StateError};

use crate::stage::{Stage, config};

#[tokio::test]
async fn a_restart_on_the_same_state_continues() {
    for profile in [Profile::Business, Profile::Personal] {
        let stage = Stage::new(profile, &[("a/b.csv", "1"), ("c.csv", "2")]).await;
        stage.write("c.csv", "changed");
        let before = stage.graph("/me/drive/root:/c.csv").await.json();
        let old = stage.ready().clone();
        let ca = stage.emulator.ca_pem().to_owned();
        stage.advance(Duration::from_secs(600)).await;
        let url = stage.download_url("c.csv").await;

        let stage = stage.restart(profile).await;
        assert_eq!(stage.emulator.ca_pem(), ca);
        let new = stage.ready();
        assert_eq!(
            (&new.tenant_id, &new.client_id, &new.client_secret, &new.account_id, &new.drive_id),
            (&old.tenant_id, &old.client_id, &old.client_secret, &old.account_id, &old.drive_id)
        );
        let bearer = format!("Bearer {}", old.access_token);
        let item = "https://graph.microsoft.com/v1.0/me/drive/root:/c.csv";
        let after = stage.get(item, &[("authorization", &bearer)]).await.json();
        for same in ["id", "eTag", "cTag", "createdDateTime"] {
            assert_eq!(before[same], after[same], "{same}");
        }
        let renewed = stage.refresh("common", &[("refresh_token", &old.refresh_token)]).await;
        assert_eq!(renewed.status, 200);
        assert_eq!(stage.get(&url, &[]).await.status, 200);
        let now = stage.control("GET", "/clock", "").await.json()["now_ms"].as_i64().unwrap();
        assert!(now / 1_000 > old.expires_at - 5_400 + 599);
    }
}

#[tokio::test]
async fn a_file_changed_while_nothing_ran_has_new_tags_afterwards() {
    let stage = Stage::business(&[("c.csv", "1"), ("d.csv", "1")]).await;
    let path = "/me/drive/root:/c.csv";
    let (before, gone) =
        (stage.graph(path).await.json(), stage.graph("/me/drive/root:/d.csv").await.json());
    let Stage { emulator, drive, state } = stage;
    emulator.stop().await.unwrap();
    std::fs::write(drive.path().join("c.csv"), "changed").unwrap();
    std::fs::remove_file(drive.path().join("d.csv")).unwrap();
    let again = config(Profile::Business, drive.path(), state.path());
    let emulator = Emulator::start(again).await.unwrap();
    let stage = Stage { emulator, drive, state };
    let after = stage.graph(path).await.json();
    assert_eq!(before["id"], after["id"]);
    assert_ne!(before["cTag"], after["cTag"]);
    stage.write("d.csv", "1");
    assert_ne!(gone["id"], stage.graph("/me/drive/root:/d.csv").await.json()["id"]);
}

#[tokio::test]
async fn revoked_tokens_stay_revoked_after_a_restart() {
    let stage = Stage::business(&[]).await;
    let old = stage.ready().clone();
    stage.control("POST", "/tokens/revoke", "").await;
    let stage = stage.restart(Profile::Business).await;
    let answer = stage.refresh("common", &[("refresh_token", &old.refresh_token)]).await;
    assert_eq!(answer.json()["error_codes"][0], 50_173);
}

#[tokio::test]
async fn the_state_directory_holds_no_token() {
    let stage = Stage::personal(&[]).await;
    let refreshed = stage.refresh("common", &[]).await.json();
    let ready = stage.ready();
    let tokens = [
        ready.access_token.as_str(),
        &ready.refresh_token,
        refreshed["access_token"].as_str().unwrap(),
        refreshed["refresh_token"].as_str().unwrap(),
    ];
    let files = std::fs::read_dir(stage.state.path()).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let content = std::fs::read_to_string(file).unwrap();
        for token in tokens {
            assert!(!content.contains(token));
        }
    }
}

#[tokio::test]
async fn the_ready_file_is_private_and_goes_away_at_the_end() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ready.json");
    let mut config = config(Profile::Business, folder.path(), &folder.path().join("state"));
    config.ready_file = Some(path.clone());
    let emulator = Emulator::start(config).await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ready: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let mut names: Vec<&str> = ready.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "access_token",
            "account_id",
            "ca",
            "client_id",
            "client_secret",
            "control",
            "drive_id",
            "expires_at",
            "hosts",
            "listen",
            "refresh_token",
            "tenant_id",
        ]
    );
    let ca = std::fs::read_to_string(ready["ca"].as_str().unwrap()).unwrap();
    assert_eq!(ca, emulator.ca_pem());
    emulator.stop().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let good = config(Profile::Business, folder.path(), &state);
    let running = Emulator::start(good.clone()).await.unwrap();
    let in_use = Emulator::start(good.clone()).await.err().unwrap();
    assert!(matches!(in_use, StartError::State(StateError::InUse { .. })), "{in_use}");
    running.stop().await.unwrap();

    let mut other = good.clone();
    other.profile = Profile::Personal;
    let error = Emulator::start(other).await.err().unwrap();
    assert!(matches!(error, StartError::State(StateError::OtherProfile { .. })), "{error}");

    let mut nowhere = good.clone();
    nowhere.seed = Seed::Folder(folder.path().join("nowhere"));
    let error = Emulator::start(nowhere).await.err().unwrap();
    assert!(matches!(error, StartError::Drive { .. }), "{error}");

    let mut open = good;
    open.control = "0.0.0.0:0".parse().unwrap();
    let error = Emulator::start(open).await.err().unwrap();
    assert!(matches!(error, StartError::ControlNotLoopback(_)), "{error}");
}
