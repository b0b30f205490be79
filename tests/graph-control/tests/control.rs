//! The client against the emulator itself.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::time::Duration;

use graph_emulator::{Config, Emulator, Profile, Running, Seed};
use graph_emulator_control::{Body, Control, ControlError, Fault, Marks, Step, UserChanges};
use serde_json::json;

async fn start(state: &tempfile::TempDir) -> (Running, Control) {
    let emulator = Emulator::start(Config {
        seed: Seed::Nothing,
        random_seed: Some("control".to_owned()),
        profile: Profile::Business,
        listen: "127.0.0.1:0".parse().unwrap(),
        control: "127.0.0.1:0".parse().unwrap(),
        state: state.path().to_owned(),
        ready_file: Some(state.path().join("ready.json")),
    })
    .await
    .unwrap();
    let control = Control::of_ready_file(state.path().join("ready.json")).unwrap();
    assert_eq!(control.address(), emulator.ready().control.to_string());
    (emulator, control)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_understood_by_the_emulator() {
    let state = tempfile::tempdir().unwrap();
    let (emulator, control) = start(&state).await;
    let before = control.now_ms().unwrap();
    assert!(control.advance(Duration::from_secs(60)).unwrap() >= before + 60_000);
    assert!(control.at_least(0).unwrap() >= before + 60_000);

    let id = control.add_fault(&Fault::status(503).body(Body::Html).nth(2)).unwrap();
    control.remove_fault(id).unwrap();
    for fault in [
        Fault::status(429).retry_after("30").on_host("*.sharepoint.com").times(0),
        Fault::status(400).body(Body::Json(json!({ "error": {} }))),
        Fault::reset().on_method("GET"),
        Fault::truncate(10).on_path("*/delta").with_probability(0.5),
        Fault::late(5),
        Fault::effect(json!({ "stall": { "after": 1 } })),
    ] {
        control.add_fault(&fault).unwrap();
    }
    control.clear_faults().unwrap();
    control.vary(&json!({ "delta_paths": false })).unwrap();
    control.shape(Some(1), Some(1_000_000)).unwrap();
    control.shape(None, None).unwrap();
    control.throttle(Some(0.5)).unwrap();
    control.throttle(None).unwrap();
    control.expire_links().unwrap();
    control.expire_delta().unwrap();

    assert!(control.tokens(Some("bob@contoso.com")).unwrap().access_token.starts_with("eyJ"));
    control.consent("bob@contoso.com", &["Files.Read"]).unwrap();
    assert!(control.decline_device("NOBODYS").is_err());
    control.revoke_tokens().unwrap();
    control.expire_access_tokens().unwrap();
    let changes = UserChanges { refusals: Some(vec![53003]), declines: Some(true) };
    control.change_user("ann@contoso.com", &changes).unwrap();
    control.expire_client_secret(0).unwrap();
    control.edit("sites/team", &[Step::Folder { path: "Reports".to_owned() }]).unwrap();
    let path = || "x".to_owned();
    let marks = Marks {
        malware: Some("EICAR".to_owned()),
        package: Some("oneNote".to_owned()),
        special: Some("documents".to_owned()),
        shared: Some("users".to_owned()),
        shared_with: vec!["bob@contoso.com".to_owned()],
        told_size: Some(7),
        without_hashes: true,
        locked: true,
    };
    let team = || "sites/team".to_owned();
    for step in [
        Step::Write { path: path(), base64: "AAEC".to_owned() },
        Step::Change { path: path() },
        Step::Move { path: path(), to: "y".to_owned() },
        Step::Mark { path: "y".to_owned(), marks },
        Step::Generate { path: path(), rows: 1 },
        Step::Delete { path: path() },
        Step::Folder { path: path() },
        Step::Shortcut { path: "Team".to_owned(), drive: team(), target: "Reports".to_owned() },
        Step::Vault { path: "Personal Vault".to_owned() },
    ] {
        control.edit("primary", std::slice::from_ref(&step)).unwrap();
    }
    assert!(control.journal().unwrap().is_empty());
    assert!(!control.counters().unwrap().is_empty());
    control.forget_journal().unwrap();
    emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_is_changed_step_by_step() {
    let state = tempfile::tempdir().unwrap();
    let (emulator, control) = start(&state).await;
    let generated = Step::Generate { path: "large.csv".to_owned(), rows: 1_000 };
    let marks = Marks { without_hashes: true, ..Marks::default() };
    let items = control
        .edit(
            "primary",
            &[
                Step::write("a/b.bin", [0, 1, 2]),
                Step::rename("a/b.bin", "c/d.bin"),
                generated,
                Step::Change { path: "large.csv".to_owned() },
                Step::Mark { path: "c/d.bin".to_owned(), marks },
                Step::delete("a"),
            ],
        )
        .unwrap();
    assert_eq!((items[1].path.as_str(), items[1].size), ("c/d.bin", 3));
    assert_eq!(items[0].id, items[1].id);
    assert_ne!(items[2].c_tag, items[3].c_tag);
    emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_of_any_cloud_has_tokens_and_a_drive_that_can_be_filled() {
    let state = tempfile::tempdir().unwrap();
    let (emulator, control) = start(&state).await;
    let clouds: Vec<String> =
        control.directories().unwrap().into_iter().map(|directory| directory.cloud).collect();
    assert_eq!(clouds, ["global", "global", "global", "usgov-l4", "usgov-l5", "china"]);
    for person in [
        "ann@contoso.com",
        "bob@contoso.com",
        "eve@fabrikam.com",
        "ann.example@outlook.com",
        "carl.example@outlook.com",
        "gwen@contoso.us",
        "dan@contoso-mil.us",
        "chen@contoso.cn",
    ] {
        assert!(control.tokens(Some(person)).unwrap().refresh_token.is_some(), "{person}");
        let items = control.edit(person, &[Step::write("a/b.csv", person)]).unwrap();
        assert_eq!(items[0].size, person.len() as u64);
    }
    emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_at_an_authorize_url() {
    let state = tempfile::tempdir().unwrap();
    let (emulator, control) = start(&state).await;
    let client_id = &emulator.ready().client_id;
    let url = format!(
        "https://login.microsoftonline.us/common/oauth2/v2.0/authorize?client_id={client_id}\
         &response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A47334%2Fverify-auth\
         &scope=Files.Read&state=7"
    );
    let location = control.sign_in(&url, "dan@contoso-mil.us").unwrap();
    assert!(location.starts_with("http://localhost:47334/verify-auth?code="), "{location}");
    assert!(location.contains("&state=7"), "{location}");
    let error = control.sign_in(&url, "ann@contoso.com").unwrap_err();
    assert!(matches!(error, ControlError::Refused { status: 400, .. }), "{error}");
    emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_may_have_any_letters() {
    let state = tempfile::tempdir().unwrap();
    let (emulator, control) = start(&state).await;
    let group = json!({ "directory": "contoso.com", "name": "Two Words? 100%" });
    control.send("POST", "/groups", &group).unwrap();
    let folder = [Step::Folder { path: "x".to_owned() }];
    for drive in ["Two Words? 100%", "/sites/team", "sites/team", "ann@contoso.com"] {
        assert_eq!(control.edit(drive, &folder).unwrap()[0].path, "x", "{drive}");
    }
    let user = json!({ "directory": "contoso.com", "email": "zoë#1@contoso.com",
        "given_name": "Zoë", "surname": "One" });
    control.send("POST", "/users", &user).unwrap();
    control.change_user("zoë#1@contoso.com", &UserChanges::default()).unwrap();
    emulator.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_the_emulators_own_sentence() {
    let state = tempfile::tempdir().unwrap();
    let (emulator, control) = start(&state).await;
    let error = control.edit("primary", &[Step::delete("nothing")]).unwrap_err();
    let ControlError::Refused { status: 404, sentence } = &error else { panic!("{error}") };
    assert!(sentence.contains("nothing"));
    emulator.stop().await.unwrap();
    assert!(matches!(control.now_ms(), Err(ControlError::Unreachable { .. })));
}
