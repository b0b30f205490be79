//! Who is connected: `onedrive_connections`, and that nobody is taken for another.

use datasource_e2e::{Profile, Stage, Step};
use serde_json::{Value, json};

const ROW: &str = "SELECT * FROM drive.onedrive_connections";

fn row(stage: &Stage) -> Value {
    let rows = stage.sql(ROW).rows();
    assert_eq!(rows.len(), 1);
    rows[0].clone()
}

#[test]
fn files_read_alone_fills_the_documents_columns_in_their_order() {
    let stage = Stage::new(Profile::Business);
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    let params = stage.params_of("bob@contoso.com", "contoso.com");
    let _ = stage.create_with("drive", &params).succeeds();
    let columns = stage.sql("DESCRIBE drive.onedrive_connections").rows();
    let names: Vec<_> = columns.iter().map(|c| c["column_name"].as_str().unwrap()).collect();
    assert_eq!(
        names[..8],
        [
            "connection_id",
            "tenant_id",
            "account_id",
            "display_name",
            "email",
            "drive_id",
            "created_at",
            "updated_at"
        ]
    );
    stage.forget_journal();
    let row = row(&stage);
    assert_eq!(row["display_name"], "Bob Example");
    assert_eq!(row["email"], "bob@contoso.com");
    assert_eq!(row["tenant_id"], "contoso.com");
    assert!(row["drive_id"].as_str().unwrap().starts_with("b!"));
    assert!(row["created_at"].as_str().unwrap().starts_with("20"), "{row}");
    assert!(stage.journal().is_empty(), "it is answered without a request");
}

#[test]
fn user_read_adds_the_address_of_a_personal_account() {
    let stage = Stage::new(Profile::Personal);
    let _ = stage.create("drive").succeeds();
    let row = row(&stage);
    assert_eq!(row["email"], "ann.example@outlook.com");
    assert_eq!(row["drive_type"], "personal");
}

#[test]
fn created_at_stays_and_updated_at_follows_alter() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let before = row(&stage);
    stage.control().advance(std::time::Duration::from_secs(60)).unwrap();
    let _ = stage.alter("drive", &json!({"account_id": "mine"})).succeeds();
    let after = row(&stage);
    assert_eq!(after["created_at"], before["created_at"]);
    assert_eq!(after["connection_id"], before["connection_id"]);
    let (before, after) = (&before["updated_at"], &after["updated_at"]);
    assert!(after.as_str().unwrap() > before.as_str().unwrap(), "{before} {after}");
}

#[test]
fn two_people_of_one_application_share_nothing() {
    let stage = Stage::new(Profile::Business);
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    stage.control().edit("bob@contoso.com", &[Step::write("same.csv", "a\n2\n")]).unwrap();
    let bobs = stage.params_of("bob@contoso.com", "contoso.com");
    let _ = stage.create("ann").succeeds();
    let _ = stage.create_with("bob", &bobs).succeeds();
    let ids = |name: &str| {
        let rows =
            stage.sql(&format!("SELECT connection_id, drive_id FROM {name}.onedrive_connections"));
        rows.rows()[0].clone()
    };
    assert_ne!(ids("ann")["connection_id"], ids("bob")["connection_id"]);
    assert_ne!(ids("ann")["drive_id"], ids("bob")["drive_id"]);
    assert_eq!(stage.sql("SELECT path FROM bob.files").rows(), [json!({"path": "same.csv"})]);
    let _ = stage.sql("SELECT * FROM ann.`same.csv`").fails_saying(&["no file `same.csv`"]);
}

#[test]
fn another_person_needs_or_replace_and_then_sees_nothing_of_the_former() {
    let stage = Stage::new(Profile::Business);
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    stage.control().edit("bob@contoso.com", &[Step::write("bobs.csv", "a\n2\n")]).unwrap();
    let _ = stage.create("drive").succeeds();
    let before = row(&stage);
    let bobs = stage.params_of("bob@contoso.com", "contoso.com");
    let tokens =
        json!({"access_token": bobs["access_token"], "refresh_token": bobs["refresh_token"]});
    let _ = stage.alter("drive", &tokens).fails_saying(&["another person", "OR REPLACE"]);
    assert_eq!(row(&stage), before, "nothing was changed");
    let replace = format!(
        "CREATE OR REPLACE DATABASE drive WITH engine = 'one_drive', parameters = {}",
        json!(bobs)
    );
    let _ = stage.sql(&replace).succeeds();
    assert_eq!(stage.sql("SELECT path FROM drive.files").rows(), [json!({"path": "bobs.csv"})]);
    assert_ne!(row(&stage)["connection_id"], before["connection_id"]);
}

#[test]
fn it_has_no_options_and_joins_with_other_tables() {
    let stage = Stage::new(Profile::Business);
    let _ = stage.create("drive").succeeds();
    let _ = stage
        .sql("SELECT * FROM drive.`onedrive_connections?x=1`")
        .fails_saying(&["no read option `x`"]);
    let joined = stage.sql(
        "SELECT c.email, COUNT(*) AS files FROM drive.onedrive_connections c, drive.files f \
         GROUP BY c.email",
    );
    assert_eq!(joined.rows()[0]["email"], "ann@contoso.com");
    let tables = stage.sql("SHOW TABLES FROM drive").rows();
    assert!(tables.iter().any(|t| t["name"] == "onedrive_connections"), "{tables:?}");
}
