//! Somebody signs in: in a browser, or by a code on another device.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use datasource_e2e::{Answer, Fault, Profile, Stage, UserChanges, visit};
use serde_json::{Map, Value, json};

const QUERY: &str = "SELECT name FROM drive.files LIMIT 1";
const PERSONAL: &str = "ann.example@outlook.com";

fn create(params: &Map<String, Value>) -> String {
    let params = json!(params);
    format!("CREATE DATABASE drive WITH engine = 'one_drive', parameters = {params}")
}

/// The document's legacy parameters: an application and no tokens.
fn begun(stage: &Stage) -> datasource_e2e::SigningIn {
    stage.begins_sign_in(&create(&stage.application()))
}

fn state_of(stage: &Stage) -> String {
    let rows = stage.sql("SELECT state FROM drive.onedrive_connections").rows();
    rows[0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn create_with_an_application_gives_the_link_and_queries_wait_for_the_sign_in() {
    let stage = Stage::new(Profile::Business);
    let sign_in = begun(&stage);
    assert_eq!(sign_in.shown("state"), "pending-authorization");
    let url = sign_in.url();
    for part in
        ["/oauth2/v2.0/authorize?", "code_challenge_method=S256", "state=", "offline_access"]
    {
        assert!(url.contains(part), "{url}");
    }
    let _ = stage.sql(QUERY).fails_saying(&["waits for somebody to sign in", "CREATE DATABASE"]);
    assert_eq!(state_of(&stage), "pending-authorization");

    let location = stage.control().sign_in(&url, "ann@contoso.com").unwrap();
    let (status, page) = visit(&location);
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("The database drive is ready"), "{page}");
    let ended = sign_in.ends().succeeds();
    assert!(ended.err.contains("`drive` is signed in"), "{}", ended.err);
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
    assert_eq!(state_of(&stage), "ready");
}

#[test]
fn an_answer_counts_once() {
    let stage = Stage::new(Profile::Business);
    let prompt = stage.begins_sign_in(&create(&stage.application()));
    let location = stage.control().sign_in(&prompt.url(), "ann@contoso.com").unwrap();
    let twice: Vec<_> = std::thread::scope(|scope| {
        let visits: Vec<_> = (0..4).map(|_| scope.spawn(|| visit(&location).0)).collect();
        visits.into_iter().map(|visit| visit.join()).collect()
    });
    let good = twice.iter().filter(|status| matches!(status, Ok(200))).count();
    assert_eq!(good, 1, "{twice:?}");
    let _ = prompt.ends().succeeds();
    let codes = stage.journal().into_iter().filter(|request| request.is_token()).count();
    assert_eq!(codes, 1, "the code was shown to the service once");
}

#[test]
fn an_answer_with_another_state_is_refused_and_changes_nothing() {
    let stage = Stage::new(Profile::Business);
    let sign_in = begun(&stage);
    let location = stage.control().sign_in(&sign_in.url(), "ann@contoso.com").unwrap();
    let (before, _) = location.split_once("state=").unwrap();
    for forged in [format!("{before}state=guessed"), before.to_owned(), "x".to_owned()] {
        let address = location.split("/verify-auth").next().unwrap();
        let forged = forged.strip_prefix(address).unwrap_or("/verify-auth?code=x");
        let (status, page) = visit(&format!("{address}{forged}"));
        assert_eq!(status, 400, "{page}");
        assert!(page.contains("No sign-in waits for this answer"), "{page}");
    }
    assert_eq!(state_of(&stage), "pending-authorization");
    assert_eq!(stage.journal().iter().filter(|request| request.is_token()).count(), 0);
    assert_eq!(visit(&location).0, 200);
    let _ = sign_in.ends().succeeds();
}

#[test]
fn an_answer_reaches_only_the_database_and_the_session_that_asked() {
    let stage = Stage::new(Profile::Business);
    let (one, other) = (begun(&stage), {
        let statement = create(&stage.application()).replace("drive WITH", "other WITH");
        stage.begins_sign_in(&statement)
    });
    let location = stage.control().sign_in(&one.url(), "ann@contoso.com").unwrap();
    // The same answer at the other session's address.
    let port = |url: &str| {
        let (_, rest) = url.split_once("localhost%3A").unwrap();
        rest.chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    let elsewhere = location.replace(&port(&one.url()), &port(&other.url()));
    assert_ne!(elsewhere, location);
    assert_eq!(visit(&elsewhere).0, 400);
    assert_eq!(state_of(&stage), "pending-authorization");
    assert_eq!(visit(&location).0, 200);
    let _ = one.ends().succeeds();
    let _ = stage
        .sql("SELECT name FROM other.files LIMIT 1")
        .fails_saying(&["waits for somebody to sign in"]);
    other.killed();
}

#[test]
fn a_person_who_declines_is_told_apart_from_a_failure() {
    let stage = Stage::new(Profile::Business);
    let declines = UserChanges { declines: Some(true), ..UserChanges::default() };
    stage.control().change_user("bob@contoso.com", &declines).unwrap();
    let sign_in = begun(&stage);
    let location = stage.control().sign_in(&sign_in.url(), "bob@contoso.com").unwrap();
    let (status, page) = visit(&location);
    assert_eq!(status, 403, "{page}");
    assert!(page.contains("AADSTS65004, the person declined"), "{page}");
    let _ = sign_in.ends().fails_saying(&["the person declined", "Begin the sign-in again"]);
}

#[test]
fn a_link_that_expired_says_so() {
    let stage = Stage::new(Profile::Business);
    let sign_in = begun(&stage);
    let location = stage.control().sign_in(&sign_in.url(), "ann@contoso.com").unwrap();
    stage.control().advance(Duration::from_secs(16 * 60)).unwrap();
    let (status, page) = visit(&location);
    assert_eq!(status, 403, "{page}");
    assert!(page.contains("took too long"), "{page}");
    let _ = sign_in.ends().fails_saying(&["took too long"]);
}

#[test]
fn authorize_begins_again_where_a_session_ended_too_early() {
    let stage = Stage::new(Profile::Business);
    let first = begun(&stage);
    let old = stage.control().sign_in(&first.url(), "ann@contoso.com").unwrap();
    first.killed();
    let again = stage.authorizes("drive", &[]);
    let port = old.split(':').nth(2).unwrap().split('/').next().unwrap();
    let new = stage.control().sign_in(&again.url(), "ann@contoso.com").unwrap();
    let new_port = new.split(':').nth(2).unwrap().split('/').next().unwrap();
    let stale = old.replace(port, new_port);
    assert_eq!(visit(&stale).0, 400, "only the latest link counts");
    assert_eq!(visit(&new).0, 200);
    let _ = again.ends().succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn a_revoked_sign_in_is_mended_by_alter_and_another_person_is_refused() {
    let stage = Stage::new(Profile::Business);
    let sign_in = begun(&stage);
    assert_eq!(visit(&stage.control().sign_in(&sign_in.url(), "ann@contoso.com").unwrap()).0, 200);
    let _ = sign_in.ends().succeeds();
    stage.control().revoke_tokens().unwrap();
    let anew = r#"ALTER DATABASE drive SET PARAMETERS = {"grant_type": "authorization_code"}"#;
    let _ =
        stage.sql(QUERY).fails_saying(&["AADSTS50173", "\"grant_type\": \"authorization_code\""]);

    let wrong = stage.begins_sign_in(anew);
    assert!(wrong.url().contains("login_hint=ann%40contoso.com"), "{}", wrong.url());
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    let url = wrong.url();
    let (status, page) = visit(&stage.control().sign_in(&url, "bob@contoso.com").unwrap());
    assert_eq!(status, 403, "{page}");
    assert!(page.contains("another person"), "{page}");
    let _ = wrong.ends().fails_saying(&["another person", "CREATE OR REPLACE DATABASE"]);

    let right = stage.begins_sign_in(anew);
    assert_eq!(visit(&stage.control().sign_in(&right.url(), "ann@contoso.com").unwrap()).0, 200);
    let _ = right.ends().succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn a_code_is_typed_on_another_device() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.application();
    params.insert("grant_type".into(), "device_code".into());
    let sign_in = stage.begins_sign_in(&create(&params));
    assert_eq!(sign_in.url(), "https://microsoft.com/devicelogin");
    let code = sign_in.shown("user_code");
    assert!(sign_in.shown("message").contains(&code), "{}", sign_in.shown("message"));
    stage.control().approve_device(&code, "ann@contoso.com").unwrap();
    let _ = sign_in.ends().succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn a_device_code_that_is_declined_ends_the_wait() {
    let stage = Stage::new(Profile::Business);
    let mut params = stage.application();
    params.insert("grant_type".into(), "device_code".into());
    let sign_in = stage.begins_sign_in(&create(&params));
    stage.control().decline_device(&sign_in.shown("user_code")).unwrap();
    let _ = sign_in.ends().fails_saying(&["refused the sign-in", "declined"]);
}

#[test]
fn a_personal_account_signs_in_under_common() {
    let stage = Stage::new(Profile::Personal);
    let mut params = stage.application();
    params.insert("tenant_id".into(), "common".into());
    let sign_in = stage.begins_sign_in(&create(&params));
    assert_eq!(visit(&stage.control().sign_in(&sign_in.url(), PERSONAL).unwrap()).0, 200);
    let _ = sign_in.ends().succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn a_code_that_was_obtained_elsewhere_is_a_parameter() {
    let stage = Stage::new(Profile::Business);
    let client = stage.ready("client_id");
    let tenant = stage.ready("tenant_id");
    let url = format!(
        "https://login.microsoftonline.com/{}/oauth2/v2.0/authorize?client_id={}&response_type=code\
         &redirect_uri=http%3A%2F%2Flocalhost%3A47334%2Fverify-auth&scope=offline_access%20https%3A\
         %2F%2Fgraph.microsoft.com%2F.default",
        tenant.as_str().unwrap(),
        client.as_str().unwrap()
    );
    let location = stage.control().sign_in(&url, "ann@contoso.com").unwrap();
    let (_, rest) = location.split_once("code=").unwrap();
    let mut params = stage.application();
    params.insert("code".into(), rest.split('&').next().unwrap().into());
    let _ = stage.create_with("drive", &params).succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
    let _ = stage.create_with("again", &params).fails_saying(&["the code was used before"]);
}

#[test]
fn an_administrator_consents_for_a_directory() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let consent = stage.authorizes("drive", &["--admin-consent"]);
    assert!(consent.url().contains("/v2.0/adminconsent?"), "{}", consent.url());
    assert_eq!(visit(&stage.control().sign_in(&consent.url(), "ann@contoso.com").unwrap()).0, 200);
    let _ = consent.ends().succeeds();
}

#[test]
fn a_service_that_cannot_be_reached_does_not_use_the_answer_up() {
    let stage = Stage::new(Profile::Business);
    let sign_in = begun(&stage);
    let location = stage.control().sign_in(&sign_in.url(), "ann@contoso.com").unwrap();
    let fault = Fault::status(503).on_host("login.microsoftonline.com").times(0);
    stage.control().add_fault(&fault).unwrap();
    let (status, page) = visit(&location);
    assert_eq!(status, 403, "{page}");
    stage.control().clear_faults().unwrap();
    assert_eq!(visit(&location).0, 200);
    let _ = sign_in.ends().succeeds();
}

#[test]
fn a_parameter_without_a_person_or_an_application_says_what_is_missing() {
    let stage = Stage::new(Profile::Business);
    let params = json!({"tenant_id": "common"});
    let _ = stage
        .create_with("drive", params.as_object().unwrap())
        .fails_saying(&["`client_id` is missing", "access_token"]);
    assert!(stage.sql("SHOW DATABASES").rows().is_empty());
}

#[test]
fn a_browser_that_goes_away_does_not_lose_the_sign_in() {
    let stage = Stage::new(Profile::Business);
    let sign_in = begun(&stage);
    let location = stage.control().sign_in(&sign_in.url(), "ann@contoso.com").unwrap();
    let slow = Fault::late(1_500).on_host("login.microsoftonline.com").times(1);
    stage.control().add_fault(&slow).unwrap();
    let (authority, path) = location.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let address = authority.replace("localhost", "127.0.0.1");
    let mut browser = TcpStream::connect(address).unwrap();
    write!(browser, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    drop(browser);
    let _ = sign_in.ends().succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

/// A port that another program has, and that program.
fn taken_port() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().port().to_string(), listener)
}

fn run_at(stage: &Stage, port: &str, statement: &str) -> Answer {
    Answer::of(&stage.host(statement).args(["--callback-port", port]).output().unwrap())
}

#[test]
fn a_database_is_not_replaced_by_one_whose_sign_in_cannot_begin() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let (port, _program) = taken_port();
    let replace = create(&stage.application()).replace("CREATE", "CREATE OR REPLACE");
    let _ = run_at(&stage, &port, &replace).fails_saying(&["is not free", "--callback-port"]);
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
    let new = create(&stage.application()).replace("drive WITH", "other WITH");
    let _ = run_at(&stage, &port, &new).fails_saying(&["is not free"]);
    assert_eq!(stage.sql("SHOW DATABASES").rows().len(), 1);
}

#[test]
fn an_alter_whose_sign_in_cannot_begin_says_what_was_done_and_what_was_not() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let (port, _program) = taken_port();
    let anew = r#"ALTER DATABASE drive SET PARAMETERS = {"grant_type": "authorization_code"}"#;
    let _ = run_at(&stage, &port, anew)
        .fails_saying(&["was altered, but its sign-in cannot begin", "is not free"]);
}

#[test]
fn signing_in_again_changes_nothing_else() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    for other in [json!({"folder_path": "geo"}), json!({"refresh_token": null})] {
        let mut changes = json!({"grant_type": "authorization_code"});
        changes.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let _ = stage.alter("drive", &changes).fails_saying(&["are two statements"]);
    }
    assert_eq!(state_of(&stage), "ready");
}

#[test]
fn a_database_that_waits_does_not_become_ready_without_tokens() {
    let stage = Stage::new(Profile::Business);
    begun(&stage).killed();
    let _ =
        stage.alter("drive", &json!({"grant_type": "refresh_token"})).fails_saying(&["Neither"]);
    assert_eq!(state_of(&stage), "pending-authorization");
}
