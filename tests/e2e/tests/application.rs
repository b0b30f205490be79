//! Applications: one that reads by itself, and one that an administrator installed for all.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::io::Write as _;
use std::process::Stdio;

use datasource_e2e::{Answer, Profile, Stage, Step, visit};
use serde_json::{Map, Value, json};

const QUERY: &str = "SELECT name FROM drive.files LIMIT 1";

/// The application by itself, over Ann's drive.
fn by_itself(stage: &Stage) -> Map<String, Value> {
    let mut params = stage.application();
    params.insert("grant_type".into(), "client_credentials".into());
    params.insert("user_id".into(), "ann@contoso.com".into());
    params
}

fn as_user(stage: &Stage, statements: &str) -> Answer {
    Answer::of(&stage.host(statements).args(["--as", "user"]).output().unwrap())
}

fn create(name: &str, params: &Value) -> String {
    format!("CREATE DATABASE {name} WITH engine = 'one_drive', parameters = {params}")
}

/// Runs `datasource-host installation set` with an object on standard input.
fn install(stage: &Stage, params: &Value) -> Answer {
    let mut command = stage.command(&["installation", "set"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(params.to_string().as_bytes()).unwrap();
    Answer::of(&child.wait_with_output().unwrap())
}

#[test]
fn an_administrators_database_is_read_by_the_application_alone() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create_with("drive", &by_itself(&stage)).succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
    let rows = stage.sql("SELECT grant_type, email, scopes FROM drive.onedrive_connections").rows();
    assert_eq!(rows[0]["grant_type"], "client_credentials");
    assert!(rows[0]["scopes"].as_str().unwrap().contains("Files.Read.All"), "{rows:?}");
    // It renews its token by itself for ever.
    stage.control().advance(std::time::Duration::from_secs(200 * 86_400)).unwrap();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn a_user_cannot_have_the_application_read_by_itself() {
    let stage = Stage::new(Profile::Business);
    let statement = create("drive", &json!(by_itself(&stage)));
    let _ =
        as_user(&stage, &statement).fails_saying(&["Only an administrator", "Sign in as a person"]);
    assert!(stage.sql("SHOW DATABASES").rows().is_empty());
    assert!(stage.journal().is_empty(), "nothing was asked for");
}

#[test]
fn the_drive_of_an_application_stays_the_one_that_was_fixed() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create_with("drive", &by_itself(&stage)).succeeds();
    for changes in [
        json!({"user_id": "bob@contoso.com"}),
        json!({"user_id": null, "drive_id": "b!other"}),
        json!({"folder_path": null, "scope_type": "all"}),
        json!({"grant_type": "authorization_code"}),
        json!({"grant_type": "refresh_token", "refresh_token": "x"}),
    ] {
        let _ = stage
            .alter("drive", &changes)
            .fails_saying(&["is fixed when the database is created", "CREATE OR REPLACE"]);
    }
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn an_application_alone_needs_a_drive_a_secret_and_a_directory_of_work() {
    let stage = Stage::new(Profile::Business);
    let without = |key: &str| {
        let mut params = by_itself(&stage);
        params.remove(key);
        stage.create_with("drive", &params)
    };
    let _ = without("user_id").fails_saying(&["no account whose drive", "drive_id, user_id"]);
    let _ = without("client_secret").fails_saying(&["`client_secret` is missing"]);
    for directory in ["common", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"] {
        let mut params = by_itself(&stage);
        params.insert("tenant_id".into(), directory.into());
        let _ = stage.create_with("drive", &params).fails_saying(&[
            "no access to personal accounts",
            "the owner of a personal account has to sign in",
        ]);
    }
}

#[test]
fn an_installed_application_serves_users_who_sign_in_under_it() {
    let stage = Stage::new(Profile::Business);
    let _ = install(&stage, &json!(stage.application())).succeeds();
    let shown = Answer::of(&stage.command(&["installation", "show"]).output().unwrap()).succeeds();
    assert!(shown.out.contains(stage.ready("client_id").as_str().unwrap()), "{}", shown.out);
    assert!(!shown.out.contains(stage.ready("client_secret").as_str().unwrap()));

    let sign_in = stage.begins_sign_in(&create("drive", &json!({})));
    assert_eq!(visit(&stage.control().sign_in(&sign_in.url(), "ann@contoso.com").unwrap()).0, 200);
    let _ = sign_in.ends().succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);

    // Another user under the same application has a life cycle of his own.
    stage.control().consent("bob@contoso.com", &["Files.Read", "User.Read"]).unwrap();
    stage.control().edit("bob@contoso.com", &[Step::write("bobs.csv", "a\n1\n")]).unwrap();
    let bob = stage.begins_sign_in(&create("bob", &json!({})));
    assert_eq!(visit(&stage.control().sign_in(&bob.url(), "bob@contoso.com").unwrap()).0, 200);
    let _ = bob.ends().succeeds();
    let rows = stage.sql("SELECT path FROM bob.files").rows();
    assert_eq!(rows, [json!({"path": "bobs.csv"})]);
    let ids = stage.sql(
        "SELECT d.connection_id AS one, b.connection_id AS other FROM \
         drive.onedrive_connections d, bob.onedrive_connections b",
    );
    let ids = ids.rows();
    assert_ne!(ids[0]["one"], ids[0]["other"]);
}

#[test]
fn nobody_sends_the_installed_secret_elsewhere() {
    let stage = Stage::new(Profile::Business);
    let _ = install(&stage, &json!(stage.application())).succeeds();
    for (name, value) in
        [("tenant_id", "evil.example"), ("authority", "common"), ("cloud", "china")]
    {
        let answer = stage.sql(&create("drive", &json!({ name: value })));
        match name {
            // The host refuses first what the operator has not approved.
            "cloud" => drop(answer.fails_saying(&["`china` is not approved"])),
            _ => drop(answer.fails_saying(&[&format!("`{name}` is not a parameter"), "client_id"])),
        }
    }
    let both = json!({"client_secret": "x"});
    let _ =
        stage.sql(&create("drive", &both)).fails_saying(&["`client_secret` is not a parameter"]);
    assert!(stage.journal().is_empty(), "nothing was sent anywhere");
}

#[test]
fn an_application_of_ones_own_goes_before_the_installed_one() {
    let stage = Stage::new(Profile::Business);
    let broken = json!({"client_id": "00000000-0000-0000-0000-000000000001", "client_secret": "x",
        "tenant_id": "contoso.com"});
    let _ = install(&stage, &broken).succeeds();
    let _ = stage.create("drive").succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn an_installed_application_that_is_refused_is_the_administrators_concern_until_it_is_replaced() {
    let stage = Stage::new(Profile::Business);
    let mut wrong = stage.application();
    wrong.insert("client_secret".into(), "wrong".into());
    let _ = install(&stage, &json!(wrong)).succeeds();
    let tokens = stage.control().tokens(None).unwrap();
    let params =
        json!({"access_token": tokens.access_token, "refresh_token": tokens.refresh_token});
    let _ = stage.sql(&create("drive", &params)).succeeds();
    stage.control().advance(std::time::Duration::from_secs(48 * 3600)).unwrap();
    for _ in 0..2 {
        let _ = stage.sql(QUERY).fails_saying(&["AADSTS7000215", "administrator of the host"]);
    }
    let tried = stage.journal().into_iter().filter(|request| request.is_token()).count();
    assert_eq!(tried, 1, "a final refusal is remembered");
    let _ = install(&stage, &json!(stage.application())).succeeds();
    assert_eq!(stage.sql(QUERY).rows().len(), 1);
}

#[test]
fn an_installation_that_is_removed_ends_what_stood_on_it() {
    let stage = Stage::new(Profile::Business);
    let remove = || Answer::of(&stage.command(&["installation", "remove"]).output().unwrap());
    assert!(remove().succeeds().out.contains("There was none"));
    let _ = install(&stage, &json!(stage.application())).succeeds();
    let tokens = stage.control().tokens(None).unwrap();
    let params = json!({"refresh_token": tokens.refresh_token});
    let _ = stage.sql(&create("drive", &params)).succeeds();
    let _ = remove().succeeds();
    stage.control().advance(std::time::Duration::from_secs(48 * 3600)).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["`tenant_id` is missing"]);
}

#[test]
fn what_is_installed_has_to_be_parameters_of_the_connector() {
    let stage = Stage::new(Profile::Business);
    let _ = install(&stage, &json!({"client": "x"})).fails_saying(&["`client` is no parameter"]);
    let _ = install(&stage, &json!([1])).fails_saying(&["no JSON object", "client_id"]);
    let cloud = json!({"client_id": "00000000-0000-0000-0000-000000000001", "cloud": "china"});
    let _ = install(&stage, &cloud).fails_saying(&["`china` is not approved"]);
}

#[test]
fn the_installed_secret_does_not_follow_a_connection_to_another_cloud() {
    let stage = Stage::new(Profile::Business);
    let _ = install(&stage, &json!(stage.application())).succeeds();
    let mut china = stage.params_of("chen@contoso.cn", "contoso.cn");
    china.insert("cloud".into(), "china".into());
    let approve = ["--approve", "global", "--approve", "china", "--callback-port", "0"];
    let run = |statement: &str| Answer::of(&stage.host(statement).args(approve).output().unwrap());
    let _ = run(&create("drive", &json!(china))).succeeds();
    stage.forget_journal();
    stage.control().advance(std::time::Duration::from_secs(48 * 3600)).unwrap();
    // Without an application of its own the connection falls back to the installed one.
    let changes = json!({"client_id": null, "client_secret": null});
    let altered = run(&format!("ALTER DATABASE drive SET PARAMETERS = {changes}"));
    assert_eq!(altered.status, Some(1), "{}", altered.out);
    let asked = stage.journal();
    assert!(asked.iter().all(|request| !request.host.ends_with(".cn")), "{asked:?}");
}
