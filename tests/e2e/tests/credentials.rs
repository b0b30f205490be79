//! Tokens: renewed in time, by one, never forgotten, replaced by ALTER.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

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

fn spawned(command: &mut std::process::Command) -> std::process::Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn thirty_two_instances_in_four_processes_refresh_once() {
    let files: Vec<String> = (0..8).map(|n| format!("part{n}.csv")).collect();
    let named: Vec<(&str, &[u8])> = files.iter().map(|f| (f.as_str(), &b"a\n1\n"[..])).collect();
    let stage = Stage::with_files(Profile::Business, &named);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    stage.control().advance(48 * HOUR).unwrap();
    // Eight tables of one query are opened at the same time, each in an instance of its own.
    let selects: Vec<_> = files.iter().map(|f| format!("SELECT a FROM drive.`{f}`")).collect();
    let query = format!("SELECT COUNT(*) AS n FROM ({})", selects.join(" UNION ALL "));
    let children: Vec<_> = (0..4).map(|_| spawned(&mut stage.host(&query))).collect();
    for child in children {
        let answer = Answer::of(&child.wait_with_output().unwrap());
        assert_eq!(answer.rows(), [json!({"n": 8})]);
    }
    assert_eq!(refreshes(&stage), 1);
}

#[test]
fn a_holder_that_is_killed_costs_one_more_refresh_and_loses_nothing() {
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    // The answer stops half-way, and who asked for it is gone by then.
    let stall = Fault::effect(json!({"stall": {"after": 200, "ms": 5_000}}));
    stage.control().add_fault(&stall.on_host("login.microsoftonline.com")).unwrap();
    let mut holder = spawned(&mut stage.host(QUERY));
    std::thread::sleep(Duration::from_secs(2));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let children: Vec<_> = (0..4).map(|_| spawned(&mut stage.host(QUERY))).collect();
    for child in children {
        let _ = Answer::of(&child.wait_with_output().unwrap()).succeeds();
    }
    let give_up = std::time::Instant::now() + Duration::from_secs(20);
    while refreshes(&stage) < 2 && std::time::Instant::now() < give_up {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(refreshes(&stage), 2, "the one that was killed and one more");
}

#[test]
fn a_process_killed_between_refresh_and_store_loses_nothing() {
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    // The service has issued new tokens; half of the answer is on its way.
    let stall = Fault::effect(json!({"stall": {"after": 200, "ms": 4_000}}));
    stage.control().add_fault(&stall.on_host("login.microsoftonline.com")).unwrap();
    let mut killed = spawned(&mut stage.host(QUERY));
    std::thread::sleep(Duration::from_secs(2));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let _ = stage.sql(QUERY).succeeds();
    let _ = stage.sql(QUERY).succeeds();
    let give_up = std::time::Instant::now() + Duration::from_secs(20);
    // The service had answered before the kill, and was asked once more after it.
    while refreshes(&stage) < 2 {
        assert!(std::time::Instant::now() < give_up, "{} refreshes", refreshes(&stage));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(stage.journal().iter().filter(|r| r.is_token()).all(|r| r.status == 200));
}

#[test]
fn a_token_endpoint_in_trouble_is_asked_again_and_forgotten_about() {
    for (fault, tries) in [
        (Fault::status(500), 2),
        (Fault::status(503).retry_after("7"), 2),
        (Fault::reset(), 2),
        (Fault::truncate(40), 1),
    ] {
        let stage = connected();
        stage.control().advance(48 * HOUR).unwrap();
        stage.control().add_fault(&fault.on_host("login.microsoftonline.com").times(1)).unwrap();
        let first = stage.sql(QUERY);
        match tries {
            1 => drop(first.fails_saying(&["broke off its answer", "Try again"])),
            _ => drop(first.succeeds()),
        }
        let _ = stage.sql(QUERY).succeeds();
    }
}

#[test]
fn garbage_from_the_token_endpoint_is_no_refusal() {
    use datasource_e2e::Body;
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    for body in [Body::Html, Body::Empty, Body::Json(json!({"error": 1})), Body::Json(json!({}))] {
        let fault = Fault::status(400).body(body).on_host("login.microsoftonline.com").times(1);
        stage.control().add_fault(&fault).unwrap();
        let _ = stage.sql(QUERY).fails_saying(&["no JSON of Entra ID", "Try again"]);
    }
    let _ = stage.sql(QUERY).succeeds();
}

#[test]
fn a_failure_to_renew_stops_nobody_while_the_old_token_works() {
    let stage = connected();
    let end = stage.ready("expires_at").as_i64().unwrap() * 1000;
    stage.control().at_least(end - 200_000).unwrap();
    let fault = Fault::status(500).on_host("login.microsoftonline.com").times(0);
    stage.control().add_fault(&fault).unwrap();
    let _ = stage.sql(QUERY).succeeds();
}

#[test]
fn a_clock_that_is_wrong_about_the_tokens_end_is_corrected_by_the_service() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.params();
    params.insert("expires_at".into(), "2040-01-01T00:00:00+02:00".into());
    let _ = stage.create_with("drive", &params).succeeds();
    stage.control().advance(48 * HOUR).unwrap();
    stage.forget_journal();
    let _ = stage.sql(QUERY).succeeds();
    assert_eq!(refreshes(&stage), 1, "a 401 leads to one refresh");
    params.insert("expires_at".into(), 1_000_000_000.into());
    let fresh = stage.control().tokens(None).unwrap();
    params.insert("access_token".into(), fresh.access_token.into());
    let _ = stage.create_with("early", &params).succeeds();
}

#[test]
fn a_scan_goes_on_over_a_token_that_ends_in_its_middle_and_over_alter() {
    let stage = connected();
    let slow = Fault::effect(json!({"slow": {"bytes_per_second": 400_000}}));
    stage.control().add_fault(&slow.on_host("*.sharepoint.com").times(0)).unwrap();
    let count = "SELECT COUNT(*) AS n FROM drive.`safety/birdstrikes.csv`";
    let scan = spawned(&mut stage.host(count));
    std::thread::sleep(Duration::from_millis(1_200));
    stage.control().expire_access_tokens().unwrap();
    stage.control().expire_links().unwrap();
    let _ = stage.alter("drive", &json!({"account_id": "renamed"})).succeeds();
    let answer = Answer::of(&scan.wait_with_output().unwrap());
    assert_eq!(answer.rows(), [json!({"n": 10_000})]);
    assert!(refreshes(&stage) >= 1);
}

#[test]
fn a_claims_challenge_is_carried_in_the_next_sign_in() {
    use datasource_e2e::UserChanges;
    let stage = connected();
    stage.control().advance(48 * HOUR).unwrap();
    let refusals = UserChanges { refusals: Some(vec![50_076]), ..UserChanges::default() };
    stage.control().change_user("ann@contoso.com", &refusals).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["AADSTS50076", "a second factor is asked for"]);
    let sign_in = stage.authorizes("drive", &[]);
    assert!(sign_in.url().contains("&claims=%7B%22access_token%22"), "{}", sign_in.url());
    sign_in.killed();
}

#[test]
fn every_refusal_of_the_sign_in_service_gives_a_sentence_and_a_hint() {
    use datasource_e2e::UserChanges;
    let stage = Stage::new(Profile::Business);
    let mut params = stage.params();
    params.remove("access_token");
    params.remove("expires_at");
    for code in [
        70_000, 70_008, 700_082, 700_084, 70_043, 50_173, 65_001, 50_076, 50_079, 50_078, 50_074,
        53_003, 53_000, 53_001, 530_003, 50_020, 50_034, 50_053, 50_055, 50_057, 50_126, 700_005,
        90_094, 9_002_313, 500_011, 50_001,
    ] {
        let refusals = UserChanges { refusals: Some(vec![code]), ..UserChanges::default() };
        stage.control().change_user("ann@contoso.com", &refusals).unwrap();
        let said = stage.create_with("drive", &params);
        let said = said.fails_saying(&[&format!("AADSTS{code}"), "hint: "]);
        assert!(!said.err.contains(", refused)"), "{code} has words of its own: {}", said.err);
    }
}

#[test]
fn every_way_of_writing_expires_at_is_understood_from_sql() {
    let stage = connected();
    let end = stage.ready("expires_at").as_i64().unwrap();
    for written in [json!(end), json!(end.to_string()), json!("2035-05-05 10:00:00 +0500")] {
        let _ = stage.alter("drive", &json!({ "expires_at": written })).succeeds();
    }
    let rows = stage.sql("SELECT expires_at FROM drive.onedrive_connections").rows();
    assert_eq!(rows[0]["expires_at"], "2035-05-05T05:00:00Z");
}

#[test]
fn the_environment_fills_a_create_without_parameters() {
    let stage = Stage::new(Profile::Business);
    let create = "CREATE DATABASE drive WITH ENGINE = 'one_drive'";
    let mut command = stage.host(create);
    for key in ["client_id", "client_secret", "tenant_id", "refresh_token"] {
        let value = stage.ready(key);
        command.env(format!("ONEDRIVE_{}", key.to_uppercase()), value.as_str().unwrap());
    }
    command.env("ONEDRIVE_FOLDER_PATH", "geo");
    let _ = Answer::of(&command.output().unwrap()).succeeds();
    let rows = stage.sql("SELECT path FROM drive.files ORDER BY path").rows();
    assert_eq!(rows[0], json!({"path": "airports.csv"}));
}
