//! Tokens: renewed in time, by one, never forgotten, replaced by ALTER.

use std::process::Stdio;
use std::time::Duration;

use datasource_e2e::{Answer, Fault, Profile, Stage};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3_600);
const QUERY: &str = "SELECT date FROM drive.`my-folder/my-file.csv` LIMIT 1";

fn connected() -> Stage {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    stage
}

fn refreshes(stage: &Stage) -> usize {
    stage.journal().iter().filter(|request| request.is_token()).count()
}

#[test]
fn a_fresh_token_is_not_renewed() {
    let stage = connected();
    let _ = stage.sql(QUERY).succeeds();
    assert_eq!(refreshes(&stage), 0);
}

#[test]
fn a_token_is_renewed_within_five_minutes_of_its_end_once() {
    let stage = connected();
    let end = stage.ready("expires_at").as_i64().unwrap() * 1000;
    stage.control().at_least(end - 200_000).unwrap();
    let _ = stage.sql(QUERY).succeeds();
    assert_eq!(refreshes(&stage), 1);
    let _ = stage.sql(QUERY).succeeds();
    assert_eq!(refreshes(&stage), 1, "the renewed token is kept");
}

#[test]
fn a_token_long_expired_is_renewed_before_graph_is_asked() {
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    let _ = stage.sql(QUERY).succeeds();
    let journal = stage.journal();
    assert!(journal[0].is_token(), "{journal:?}");
    assert!(journal.iter().all(|request| request.status != 401), "{journal:?}");
}

#[test]
fn a_401_leads_to_one_refresh_and_the_query_succeeds() {
    let stage = connected();
    stage.control().expire_access_tokens().unwrap();
    let _ = stage.sql(QUERY).succeeds();
    let journal = stage.journal();
    assert_eq!(journal.iter().filter(|request| request.status == 401).count(), 1);
    assert_eq!(refreshes(&stage), 1);
}

#[test]
fn a_refresh_token_alone_is_enough() {
    let stage = Stage::new(Profile::Personal);
    let mut params = stage.params();
    params.remove("access_token");
    params.remove("expires_at");
    let _ = stage.create_with("drive", &params).succeeds();
    let _ = stage.sql(QUERY).succeeds();
    assert_eq!(refreshes(&stage), 1);
}

#[test]
fn the_newest_refresh_token_is_the_one_used_next() {
    let stage = connected();
    for round in 1..=3 {
        stage.control().advance(48 * HOUR).unwrap();
        let _ = stage.sql(QUERY).succeeds();
        assert_eq!(refreshes(&stage), round);
    }
    // 80 days each: the first token would have died of inactivity long ago.
    for _ in 0..2 {
        stage.control().advance(80 * 24 * HOUR).unwrap();
        let _ = stage.sql(QUERY).succeeds();
    }
}

#[test]
fn four_processes_with_one_expired_token_refresh_once() {
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = stage.host(QUERY);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let _ = Answer::of(&child.wait_with_output().unwrap()).succeeds();
    }
    assert_eq!(refreshes(&stage), 1);
}

#[test]
fn a_revoked_token_says_what_to_do_and_is_not_tried_again() {
    let stage = connected();
    stage.control().revoke_tokens().unwrap();
    let texts = ["refused the refresh token", "AADSTS50173", "ALTER DATABASE"];
    let _ = stage.sql(QUERY).fails_saying(&texts);
    assert_eq!(refreshes(&stage), 1);
    let _ = stage.sql(QUERY).fails_saying(&texts);
    assert_eq!(refreshes(&stage), 1, "a final refusal is remembered");
}

#[test]
fn alter_database_rotates_the_tokens() {
    let stage = connected();
    stage.control().revoke_tokens().unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["AADSTS50173"]);
    let fresh = stage.control().tokens(None).unwrap();
    let changes = json!({
        "access_token": fresh.access_token, "refresh_token": fresh.refresh_token,
        "expires_at": fresh.expires_at
    });
    let _ = stage.alter("drive", &changes).succeeds();
    let _ = stage.sql(QUERY).succeeds();
}

#[test]
fn an_alter_that_fails_changes_nothing() {
    let stage = connected();
    for changes in [
        json!({"access_token": "bad", "refresh_token": "bad"}),
        json!({"client_secret": "x", "nonsense": 1}),
        json!({"access_token": null, "refresh_token": null}),
        json!({"refresh_token": "somebody-elses"}),
        json!({"client_secret": "wrong"}),
    ] {
        let _ = stage.alter("drive", &changes).fails_saying(&[]);
        let _ = stage.sql(QUERY).succeeds();
    }
}

#[test]
fn an_expired_access_token_without_a_refresh_token_says_what_to_do() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.params();
    params.remove("refresh_token");
    let _ = stage.create_with("drive", &params).succeeds();
    stage.control().advance(48 * HOUR).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["no refresh token", "ALTER DATABASE"]);
}

#[test]
fn a_wrong_client_secret_names_the_secret() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.params();
    params.remove("access_token");
    params.insert("client_secret".to_owned(), Value::from("wrong"));
    let _ = stage.create_with("drive", &params).fails_saying(&["AADSTS7000215", "client secret"]);
    assert_eq!(stage.sql("SHOW DATABASES").rows().len(), 0);
}

#[test]
fn a_retry_after_of_five_minutes_is_waited_for_by_the_emulators_clock() {
    let stage = connected();
    let fault = Fault::status(429).retry_after("300").on_host("graph.microsoft.com").times(2);
    stage.control().add_fault(&fault).unwrap();
    let before = stage.control().now_ms().unwrap();
    let start = std::time::Instant::now();
    let _ = stage.sql(QUERY).succeeds();
    let after = stage.control().now_ms().unwrap();
    assert!(after - before >= 600_000, "{} ms of the emulator's time", after - before);
    assert!(start.elapsed().as_secs() < 60);
    assert_eq!(stage.journal().iter().filter(|request| request.status == 429).count(), 2);
}

#[test]
fn four_processes_told_to_wait_by_the_token_endpoint_still_refresh_once() {
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    let fault = Fault::status(429).retry_after("120").on_host("login.microsoftonline.com");
    stage.control().add_fault(&fault).unwrap();
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = stage.host(QUERY);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let _ = Answer::of(&child.wait_with_output().unwrap()).succeeds();
    }
    assert_eq!(refreshes(&stage), 2, "the refused request and one more");
}

#[test]
fn a_connection_cannot_lose_its_directory() {
    let stage = connected();
    let _ = stage.alter("drive", &json!({"tenant_id": null})).fails_saying(&["`tenant_id`"]);
    let _ = stage.sql(QUERY).succeeds();
}

#[test]
fn expires_at_given_as_null_lets_the_token_speak_for_itself_again() {
    let stage = connected();
    let _ = stage.alter("drive", &json!({"expires_at": "2030-01-01T00:00:00Z"})).succeeds();
    let _ = stage.alter("drive", &json!({"expires_at": null})).succeeds();
    stage.forget_journal();
    stage.control().advance(48 * HOUR).unwrap();
    let _ = stage.sql(QUERY).succeeds();
    let journal = stage.journal();
    assert!(journal[0].is_token(), "{journal:?}");
}

#[test]
fn a_remembered_refusal_of_the_application_still_says_who_must_act() {
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    stage.control().expire_client_secret(0).unwrap();
    for _ in 0..2 {
        let _ = stage.sql(QUERY).fails_saying(&["AADSTS7000222", "new client secret"]);
    }
    assert_eq!(refreshes(&stage), 1, "a final refusal is remembered");
}
