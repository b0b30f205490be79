//! What a connection reads: another drive, a folder, single items.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use datasource_e2e::{Marks, Profile, Stage, Step};
use serde_json::{Value, json};

const FILES: &str = "SELECT path FROM drive.files ORDER BY path";

fn connected(params: Value) -> (Stage, datasource_e2e::Answer) {
    let stage = Stage::with_files(
        Profile::Business,
        &[
            ("top.csv", b"a\n1\n"),
            ("Reports/q3.csv", b"a\n3\n"),
            ("Reports/2026/q4.csv", b"a\n4\n"),
            ("Other/q3.csv", b"a\n9\n"),
        ],
    );
    let mut all = stage.params();
    all.extend(params.as_object().unwrap().clone());
    let answer = stage.create_with("drive", &all);
    (stage, answer)
}

fn paths(stage: &Stage) -> Vec<String> {
    let rows = stage.sql(FILES).rows();
    rows.iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
}

fn one(stage: &Stage, table: &str) -> Value {
    stage.sql(&format!("SELECT a FROM drive.`{table}`")).rows()[0]["a"].clone()
}

#[test]
fn names_are_relative_to_folder_path_and_nothing_else_can_be_read() {
    let (stage, created) = connected(json!({"folder_path": "/reports/"}));
    let _ = created.succeeds();
    assert_eq!(paths(&stage), ["2026/q4.csv", "q3.csv"]);
    assert_eq!(one(&stage, "q3.csv"), 3);
    assert_eq!(one(&stage, "2026/q4.csv"), 4);
    assert_eq!(one(&stage, "q4.csv"), 4, "a bare name that is unique below the folder");
    for outside in ["top.csv", "Other/q3.csv", "../top.csv", "Reports/q3.csv"] {
        let _ = stage
            .sql(&format!("SELECT * FROM drive.`{outside}`"))
            .fails_saying(&[outside.trim_start_matches("../")]);
    }
}

#[test]
fn a_folder_path_that_is_none_is_refused_when_connecting() {
    for bad in ["Missing", "top.csv", "a/../b"] {
        let (stage, created) = connected(json!({ "folder_path": bad }));
        let _ = created.fails_saying(&["`folder_path`"]);
        assert!(stage.sql("SHOW DATABASES").rows().is_empty());
    }
}

#[test]
fn another_persons_drive_needs_that_persons_leave() {
    let (stage, created) = connected(json!({"user_id": "bob@contoso.com"}));
    let _ = created.fails_saying(&["`user_id`", "share it"]);
    let (_, created) = connected(json!({"drive_id": "b!nonsense"}));
    let _ = created.fails_saying(&["`drive_id`"]);
    drop(stage);
}

#[test]
fn a_sites_library_is_read_by_its_url() {
    let (stage, created) =
        connected(json!({"site_id": "https://contoso.sharepoint.com/sites/Sales"}));
    let _ = created.succeeds();
    assert_eq!(paths(&stage), Vec::<String>::new());
    let rows = stage.sql("SELECT drive_type, email FROM drive.onedrive_connections").rows();
    assert_eq!(rows[0], json!({"drive_type": "documentLibrary", "email": "ann@contoso.com"}));
}

#[test]
fn alter_moves_a_persons_connection_to_another_drive_and_back() {
    let (stage, created) = connected(json!({}));
    let _ = created.succeeds();
    let site = json!({"site_id": "https://contoso.sharepoint.com/sites/Sales"});
    let _ = stage.alter("drive", &site).succeeds();
    assert!(paths(&stage).is_empty());
    let _ = stage.alter("drive", &json!({"site_id": null, "folder_path": "Other"})).succeeds();
    assert_eq!(paths(&stage), ["q3.csv"]);
}

#[test]
fn only_what_was_picked_is_read() {
    let (stage, created) = connected(json!({}));
    let _ = created.succeeds();
    let control = stage.control();
    // Edits tell the items' ids.
    let items = control
        .edit(
            "primary",
            &[Step::write("Picked/one.csv", "a\n5\n"), Step::write("single.csv", "a\n6\n")],
        )
        .unwrap();
    let drive = stage.ready("drive_id");
    let picked = |id: &str| json!({"id": id, "parentReference": {"driveId": drive}});
    let folder = stage.sql("SELECT path FROM drive.files").rows();
    assert_eq!(folder.len(), 6);
    let selected = json!({"selected_items": [picked(&items[1].id)]});
    let _ = stage.alter("drive", &selected).succeeds();
    assert_eq!(paths(&stage), ["single.csv"]);
    assert_eq!(one(&stage, "single.csv"), 6);
    let _ = stage.sql("SELECT * FROM drive.`top.csv`").fails_saying(&["no file `top.csv`"]);
    let _ = stage.sql("SELECT * FROM drive.`Reports/q3.csv`").fails_saying(&["no file"]);
    // The list is set aside, not forgotten.
    let _ = stage.alter("drive", &json!({"scope_type": "all"})).succeeds();
    assert_eq!(paths(&stage).len(), 6);
    let _ = stage.alter("drive", &json!({"scope_type": "specific"})).succeeds();
    assert_eq!(paths(&stage), ["single.csv"]);
}

#[test]
fn parameters_that_contradict_each_other_are_refused_by_name() {
    let (_, created) = connected(json!({"drive_id": "b!x", "user_id": "ann@contoso.com"}));
    let _ = created.fails_saying(&["`drive_id` and `user_id` exclude each other"]);
    let (_, created) = connected(json!({"scope_type": "specific"}));
    let _ = created.fails_saying(&["`selected_items` is missing"]);
}

#[test]
fn files_read_all_is_asked_for_and_insisted_on() {
    let (stage, created) = connected(json!({"enable_files_read_all": true}));
    let _ = created.succeeds();
    drop(stage);
    let stage = Stage::new(Profile::Business);
    stage.control().consent("bob@contoso.com", &["Files.Read"]).unwrap();
    let mut params = stage.params_of("bob@contoso.com", "contoso.com");
    params.insert("enable_files_read_all".into(), true.into());
    let _ = stage.create_with("drive", &params).fails_saying(&[
        "lacks the scope Files.Read.All",
        "administrator",
        "Files.Read",
    ]);
}

#[test]
fn a_sharing_link_leads_to_a_folder_of_another_persons_drive() {
    let stage = Stage::new(Profile::Business);
    let shared = Marks { shared_with: vec!["ann@contoso.com".into()], ..Marks::default() };
    let steps = [
        Step::write("Shared/one.csv", "a\n7\n"),
        Step::write("Private/two.csv", "a\n8\n"),
        Step::Mark { path: "Shared".into(), marks: shared },
    ];
    stage.control().edit("bob@contoso.com", &steps).unwrap();
    let link = "https://contoso-my.sharepoint.com/personal/bob_contoso_com/Documents/Shared";
    let mut params = stage.params();
    params.insert("share_link".into(), link.into());
    let _ = stage.create_with("drive", &params).succeeds();
    assert_eq!(paths(&stage), ["one.csv"]);
    assert_eq!(one(&stage, "one.csv"), 7);
    params.insert("share_link".into(), link.replace("Shared", "Private").into());
    let _ = stage.create_with("private", &params).fails_saying(&["`share_link`", "Ask for"]);
}

#[test]
fn a_folder_that_is_renamed_is_followed_and_one_that_is_deleted_is_told() {
    let (stage, created) = connected(json!({"folder_path": "Reports"}));
    let _ = created.succeeds();
    stage.control().edit("primary", &[Step::rename("Reports", "Renamed")]).unwrap();
    assert_eq!(paths(&stage), ["2026/q4.csv", "q3.csv"]);
    assert_eq!(one(&stage, "q4.csv"), 4, "by its bare name, too");
    stage.control().edit("primary", &[Step::delete("Renamed")]).unwrap();
    let _ = stage.sql(FILES).fails_saying(&["does not know the item"]);
}

#[test]
fn a_folder_is_followed_in_china_where_paths_from_it_do_not_work() {
    let stage = Stage::new(Profile::Business);
    let file = [Step::write("Base/in/one.csv", "a\n1\n"), Step::write("out.csv", "a\n2\n")];
    stage.control().edit("chen@contoso.cn", &file).unwrap();
    let mut params = stage.params_of("chen@contoso.cn", "contoso.cn");
    params.insert("cloud".into(), "china".into());
    params.insert("folder_path".into(), "Base".into());
    let create =
        format!("CREATE DATABASE drive WITH engine = 'one_drive', parameters = {}", json!(params));
    let run = |statement: &str| {
        let mut command = stage.host(statement);
        let output = command.args(["--approve", "global", "--approve", "china"]).output().unwrap();
        datasource_e2e::Answer::of(&output)
    };
    let _ = run(&create).succeeds();
    let query = "SELECT a FROM drive.`in/one.csv`";
    assert_eq!(run(query).rows(), [json!({"a": 1})]);
    stage.control().edit("chen@contoso.cn", &[Step::rename("Base", "Moved")]).unwrap();
    assert_eq!(run(query).rows(), [json!({"a": 1})]);
}
