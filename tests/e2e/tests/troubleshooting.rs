//! The six sections of the troubleshooting guide of the document that this connector replaces: the
//! error itself would have answered whoever opened it.

use datasource_e2e::{Fault, Profile, Stage};
use serde_json::{Map, Value, json};

const QUERY: &str = "SELECT * FROM drive.`my-folder/my-file.csv` LIMIT 1";

fn without(stage: &Stage, keys: &[&str]) -> Map<String, Value> {
    let mut params = stage.params();
    for key in keys {
        params.remove(*key);
    }
    params
}

#[test]
fn database_connection_error_names_the_parameter_or_the_setting_at_fault() {
    let stage = Stage::new(Profile::Business);
    // "Ensure access_token is valid and not expired."
    let mut expired = without(&stage, &["refresh_token"]);
    expired.insert("expires_at".into(), 1_600_000_000.into());
    let _ = stage.create_with("drive", &expired).fails_saying(&[
        "access token has expired",
        "no refresh token",
        "Sign in again",
    ]);
    // "Ensure client_id, client_secret and tenant_id are correctly provided."
    for (missing, said) in
        [("client_id", "`client_id` is missing"), ("tenant_id", "`tenant_id` is missing")]
    {
        let tokens = ["access_token", "refresh_token", "expires_at", missing];
        let _ = stage.create_with("drive", &without(&stage, &tokens)).fails_saying(&[said]);
    }
    // "Check that the client secret is not expired in Azure Portal."
    stage.control().expire_client_secret(0).unwrap();
    let _ = stage
        .create_with("drive", &without(&stage, &["access_token", "expires_at"]))
        .fails_saying(&["AADSTS7000222", "client secret has expired", "app registration"]);
    // "Verify tenant ID matches the registered application's directory."
    let mut elsewhere = without(&stage, &["access_token", "expires_at"]);
    elsewhere.insert("tenant_id".into(), "nobody.example".into());
    let _ = stage.create_with("drive", &elsewhere).fails_saying(&[
        "AADSTS90002",
        "no such directory",
        "`tenant_id`",
    ]);
    assert!(stage.sql("SHOW DATABASES").rows().is_empty(), "nothing half made is left");
}

#[test]
fn token_refresh_failed_says_which_part_failed_and_what_to_alter() {
    // "Ensure refresh_token is provided." / "offline_access was granted"
    let stage = Stage::new(Profile::Business);
    let _ = stage.create_with("drive", &without(&stage, &["refresh_token"])).succeeds();
    stage.control().advance(std::time::Duration::from_secs(7200)).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["no refresh token", "\"refresh_token\": \"…\""]);

    // "Verify client_id and client_secret are correct and not expired."
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    stage.control().advance(std::time::Duration::from_secs(7200)).unwrap();
    stage.control().expire_client_secret(0).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["AADSTS7000222", "\"client_secret\": \"…\""]);

    // "If persistent, re-authorize and update tokens via ALTER DATABASE."
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    stage.control().advance(std::time::Duration::from_secs(91 * 86_400)).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&[
        "AADSTS700082",
        "expired by inactivity",
        "Sign in again and run ALTER DATABASE",
    ]);
}

#[test]
fn missing_required_scopes_names_the_scope_and_what_an_administrator_does() {
    let stage = Stage::new(Profile::Business);
    stage.control().consent("bob@contoso.com", &["User.Read"]).unwrap();
    let params = stage.params_of("bob@contoso.com", "contoso.com");
    let _ = stage.create_with("drive", &params).fails_saying(&[
        "lacks the scope Files.Read (it has User.Read)",
        "administrator",
        "delegated permission Files.Read",
        "grant admin consent",
    ]);
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    let mut wider = stage.params_of("bob@contoso.com", "contoso.com");
    let _ = stage.create_with("drive", &wider).succeeds();
    wider.insert("enable_files_read_all".into(), true.into());
    let _ = stage.create_with("wide", &wider).fails_saying(&["lacks the scope Files.Read.All"]);
}

#[test]
fn a_statement_that_cannot_be_parsed_is_answered_with_the_right_spelling() {
    let stage = Stage::new(Profile::Business);
    for wrong in [
        "SELECT * FROM integration.travel/travel_data.csv",
        "SELECT * FROM integration.'travel/travel_data.csv'",
    ] {
        let right = "Enclose the path in backticks: integration.`travel/travel_data.csv`";
        let _ = stage.sql(wrong).fails_saying(&[right]);
    }
}

#[test]
fn throttling_is_waited_out_and_told_where_it_stays() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let once = Fault::status(429).retry_after("30").on_host("graph.microsoft.com").times(2);
    stage.control().add_fault(&once).unwrap();
    let before = stage.control().now_ms().unwrap();
    let _ = stage.sql(QUERY).succeeds();
    assert!(stage.control().now_ms().unwrap() - before >= 60_000, "Retry-After was respected");
    let always = Fault::status(429).retry_after("30").on_host("graph.microsoft.com").times(0);
    stage.control().add_fault(&always).unwrap();
    let _ = stage.sql(QUERY).fails_saying(&["asks to slow down (429", "Try again later"]);
}

#[test]
fn connections_are_told_apart_by_an_id_over_who_signed_in() {
    let stage = Stage::new(Profile::Business);
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    let _ = stage.create("ann").succeeds();
    let bobs = stage.params_of("bob@contoso.com", "contoso.com");
    let _ = stage.create_with("bob", &bobs).succeeds();
    let one = |name: &str| {
        let query = format!("SELECT connection_id, email FROM {name}.onedrive_connections");
        stage.sql(&query).rows()[0].clone()
    };
    let (ann, bob) = (one("ann"), one("bob"));
    assert_eq!(
        (&ann["email"], &bob["email"]),
        (&json!("ann@contoso.com"), &json!("bob@contoso.com"))
    );
    assert_ne!(ann["connection_id"], bob["connection_id"]);
    let swapped = json!({"access_token": bobs["access_token"]});
    let _ = stage.alter("ann", &swapped).fails_saying(&["another person's drive"]);
}
