//! What shortcuts in a drive lead to, read under the shortcut's path.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use datasource_e2e::{Fault, Marks, Profile, Stage, Step};
use serde_json::{Value, json};

const PATHS: &str = "SELECT path FROM drive.files ORDER BY path";

fn shortcut(path: &str, drive: &str, target: &str) -> Step {
    Step::Shortcut { path: path.into(), drive: drive.into(), target: target.into() }
}

/// A drive with a file, a shortcut to a folder of a site's library, and one to a file there.
fn staged() -> Stage {
    let stage = Stage::with_files(Profile::Business, &[("own.csv", b"n\n1\n")]);
    let library = [
        Step::write("Reports/q3.csv", "n\n3\n"),
        Step::write("Reports/2026/q4.csv", "n\n4\n"),
        Step::write("Plans/budget 2026.csv", "n\n5\n"),
        Step::write("Secret/other.csv", "n\n6\n"),
    ];
    stage.control().edit("sites/team", &library).unwrap();
    let shortcuts = [
        shortcut("Team", "sites/team", "Reports"),
        shortcut("Budget.csv", "sites/team", "Plans/budget 2026.csv"),
    ];
    stage.control().edit("primary", &shortcuts).unwrap();
    stage
}

fn connected() -> Stage {
    let stage = staged();
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    stage
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or("NULL").to_owned()).collect()
}

fn rows(stage: &Stage, table: &str) -> Vec<Value> {
    stage.sql(&format!("SELECT * FROM drive.`{table}` ORDER BY 1")).rows()
}

fn graph_requests(stage: &Stage) -> usize {
    stage.journal().iter().filter(|request| request.is_graph()).count()
}

#[test]
fn files_lists_what_shortcuts_lead_to_and_nothing_beside_it() {
    let stage = connected();
    let expected = ["Budget.csv", "Team/2026/q4.csv", "Team/q3.csv", "own.csv"];
    assert_eq!(column(&stage.sql(PATHS).rows(), "path"), expected);
    assert_eq!(column(&stage.sql(PATHS).rows(), "path"), expected, "the second time, too");
    let row = "SELECT name, type, size, web_url, CAST(content AS VARCHAR) AS content \
               FROM drive.files WHERE path = 'Team/q3.csv'";
    let row = stage.sql(row).rows();
    assert_eq!((&row[0]["name"], &row[0]["content"]), (&json!("q3.csv"), &json!("n\n3\n")));
    assert!(row[0]["web_url"].as_str().unwrap().contains("sites/team"), "{row:?}");
    let folders = stage.sql("SELECT path FROM drive.`files?folders=true` WHERE type = 'folder'");
    assert_eq!(column(&folders.rows(), "path"), ["Team", "Team/2026"]);
    let file = stage.sql("SELECT size, name FROM drive.files WHERE path = 'Budget.csv'").rows();
    assert_eq!(file, [json!({"size": 4, "name": "Budget.csv"})]);
}

#[test]
fn a_file_is_opened_by_its_path_through_a_shortcut_without_a_listing() {
    let stage = connected();
    assert_eq!(rows(&stage, "Team/q3.csv"), [json!({"n": 3})]);
    assert_eq!(graph_requests(&stage), 3, "the path, the shortcut, the file");
    assert_eq!(rows(&stage, "team/2026/Q4.csv"), [json!({"n": 4})]);
    assert_eq!(rows(&stage, "Budget.csv"), [json!({"n": 5})]);
    let missing = stage.sql("SELECT * FROM drive.`Team/q9.csv`");
    let _ = missing.fails_saying(&["There is no file `Team/q9.csv`"]);
    let _ = stage.sql("SELECT * FROM drive.`Team`").fails_saying(&["`Team`"]);
}

#[test]
fn patterns_and_show_tables_reach_through_shortcuts() {
    let stage = connected();
    assert_eq!(rows(&stage, "Team/").len(), 1);
    assert_eq!(rows(&stage, "Team/**").len(), 2);
    assert_eq!(rows(&stage, "**/*.csv").len(), 4);
    let named = rows(&stage, "Team/*.csv?filename=true");
    assert_eq!(named, [json!({"n": 3, "filename": "Team/q3.csv"})]);
    let shown = stage.sql("SHOW TABLES FROM drive").succeeds();
    assert!(shown.out.contains("Team/q3.csv"), "{}", shown.out);
}

#[test]
fn what_changes_in_the_other_drive_is_seen_at_once() {
    let stage = connected();
    assert_eq!(stage.sql(PATHS).rows().len(), 4);
    let steps = [Step::write("Reports/new.csv", "n\n7\n"), Step::delete("Reports/q3.csv")];
    stage.control().edit("sites/team", &steps).unwrap();
    stage.control().edit("primary", &[Step::rename("Team", "Crew")]).unwrap();
    let expected = ["Budget.csv", "Crew/2026/q4.csv", "Crew/new.csv", "own.csv"];
    assert_eq!(column(&stage.sql(PATHS).rows(), "path"), expected);
    stage.control().edit("primary", &[Step::delete("Crew")]).unwrap();
    assert_eq!(column(&stage.sql(PATHS).rows(), "path"), ["Budget.csv", "own.csv"]);
}

/// The id of a shortcut, as a connection to the whole drive tells it.
fn id_of(stage: &Stage, path: &str) -> String {
    let sql = format!("SELECT id FROM drive.onedrive_changes WHERE path = '{path}'");
    stage.sql(&sql).rows()[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn changes_behind_a_shortcut_are_told_by_the_shortcuts_id() {
    let stage = connected();
    let id = id_of(&stage, "Team");
    let told = |since: &str| {
        let table = format!("onedrive_changes?scope={id}{since}");
        stage.sql(&format!("SELECT * FROM drive.`{table}` ORDER BY path")).rows()
    };
    let all = told("");
    assert_eq!(column(&all, "path"), ["Team/2026", "Team/2026/q4.csv", "Team/q3.csv"]);
    let cursor = all[0]["cursor"].as_str().unwrap();
    let steps = [
        Step::rename("Reports/q3.csv", "Reports/2026/q3.csv"),
        Step::write("Plans/more.csv", "n\n1\n"),
    ];
    stage.control().edit("sites/team", &steps).unwrap();
    let moved = told(&format!("&since={cursor}"));
    assert_eq!(column(&moved, "kind"), ["moved"], "{moved:?}");
    assert_eq!(column(&moved, "path"), ["Team/2026/q3.csv"]);
    assert_eq!(column(&moved, "previous_path"), ["Team/q3.csv"]);
    // From here on the other drive is followed too, at one request.
    assert_eq!(stage.sql(PATHS).rows().len(), 4);
    stage.forget_journal();
    let names = column(&stage.sql(PATHS).rows(), "path");
    assert_eq!(names, ["Budget.csv", "Team/2026/q3.csv", "Team/2026/q4.csv", "own.csv"]);
    assert_eq!(graph_requests(&stage), 2, "two feeds, though three things are listed");
}

#[test]
fn a_shortcut_to_what_may_not_be_read_is_told_and_stops_nothing() {
    let stage = Stage::with_files(Profile::Business, &[("own.csv", b"n\n1\n")]);
    let shared = Marks { shared_with: vec!["ann@contoso.com".into()], ..Marks::default() };
    let steps = [
        Step::write("Shared/one.csv", "n\n2\n"),
        Step::write("Private/two.csv", "n\n3\n"),
        Step::Mark { path: "Shared".into(), marks: shared },
    ];
    stage.control().edit("bob@contoso.com", &steps).unwrap();
    let bob = "bob@contoso.com";
    let shortcuts = [shortcut("From Bob", bob, "Shared"), shortcut("Not mine", bob, "Private")];
    stage.control().edit("primary", &shortcuts).unwrap();
    let _ = stage.create("drive").succeeds();
    let listed = stage.sql(PATHS).succeeds();
    assert!(listed.err.contains("`Not mine` is in another drive"), "{}", listed.err);
    assert_eq!(column(&listed.rows(), "path"), ["From Bob/one.csv", "own.csv"]);
    assert_eq!(rows(&stage, "From Bob/one.csv"), [json!({"n": 2})]);
    let _ = stage
        .sql("SELECT * FROM drive.`Not mine/two.csv`")
        .fails_saying(&["may not read", "Files.Read.All"]);
    let joined = stage.sql("SELECT * FROM drive.`**`").succeeds();
    assert!(joined.err.contains("`Not mine`"), "{}", joined.err);
    let _ = stage.sql("SELECT * FROM drive.`Not mine/*.csv`").fails_saying(&["may not read"]);
}

#[test]
fn shortcuts_are_left_out_on_request_and_where_an_application_reads_by_itself() {
    let stage = connected();
    let _ = stage.alter("drive", &json!({"follow_shortcuts": false})).succeeds();
    assert_eq!(column(&stage.sql(PATHS).rows(), "path"), ["own.csv"]);
    let _ = stage.sql("SELECT * FROM drive.`Team/q3.csv`").fails_saying(&["There is no file"]);
    let _ = stage.sql("SELECT * FROM drive.`Budget.csv`").fails_saying(&["is not a file of"]);
    let all = stage.sql("SELECT path FROM drive.`files?folders=true` WHERE type = 'shortcut'");
    let mut all = column(&all.rows(), "path");
    all.sort_unstable();
    assert_eq!(all, ["Budget.csv", "Team"]);
    let mut params = stage.application();
    params.insert("grant_type".into(), "client_credentials".into());
    params.insert("tenant_id".into(), "contoso.com".into());
    params.insert("user_id".into(), "ann@contoso.com".into());
    let _ = stage.create_with("app", &params).succeeds();
    let names = stage.sql("SELECT path FROM app.files").rows();
    assert_eq!(column(&names, "path"), ["own.csv"]);
    let _ = stage.sql("SELECT * FROM app.`Team/q3.csv`").fails_saying(&["There is no file"]);
}

#[test]
fn a_folder_behind_a_shortcut_may_be_all_that_is_read() {
    let stage = staged();
    let mut params = stage.params();
    params.insert("folder_path".into(), "Team/2026".into());
    let _ = stage.create_with("drive", &params).succeeds();
    assert_eq!(column(&stage.sql(PATHS).rows(), "path"), ["q4.csv"]);
    assert_eq!(rows(&stage, "q4.csv"), [json!({"n": 4})]);
}

#[test]
fn the_way_to_a_file_may_change_with_the_parameters() {
    let stage = connected();
    for _ in 0..2 {
        assert_eq!(rows(&stage, "Team/2026/q4.csv"), [json!({"n": 4})]);
        let _ = stage.alter("drive", &json!({"folder_path": "Team/2026"})).succeeds();
        assert_eq!(rows(&stage, "q4.csv"), [json!({"n": 4})]);
        let _ = stage.alter("drive", &json!({"folder_path": null})).succeeds();
    }
}

#[test]
fn a_shortcut_outside_of_the_folder_that_is_read_has_no_changes_there() {
    let stage = connected();
    let id = id_of(&stage, "Team");
    stage.control().edit("primary", &[Step::write("Sub/a.csv", "n\n1\n")]).unwrap();
    let mut params = stage.params();
    params.insert("folder_path".into(), "Sub".into());
    let _ = stage.create_with("sub", &params).succeeds();
    stage.forget_journal();
    let told = stage.sql(&format!("SELECT * FROM sub.`onedrive_changes?scope={id}`"));
    let _ = told.fails_saying(&["no folder of that id"]);
    let asked = stage.journal().iter().filter(|request| request.path.contains("delta")).count();
    assert_eq!(asked, 0, "the other drive is not read");
    let file = id_of(&stage, "Budget.csv");
    let told = stage.sql(&format!("SELECT * FROM drive.`onedrive_changes?scope={file}`"));
    let _ = told.fails_saying(&["no folder of that id"]);
}

#[test]
fn a_drive_that_is_gone_takes_nothing_else_along() {
    let stage = connected();
    let id = id_of(&stage, "Team");
    let _ = stage.sql(&format!("SELECT * FROM drive.`onedrive_changes?scope={id}`")).succeeds();
    stage.forget_journal();
    assert_eq!(stage.sql(PATHS).rows().len(), 4);
    let own = stage.ready("drive_id");
    let journal = stage.journal();
    let mut drives = journal.iter().filter_map(|request| request.path.split('/').nth(3));
    let other = drives.find(|drive| *drive != own.as_str().unwrap()).unwrap();
    // Rules see a path as it was sent, with all but letters and digits encoded.
    let pieces = other.split(|letter: char| !letter.is_ascii_alphanumeric());
    let piece = pieces.max_by_key(|piece| piece.len()).unwrap();
    let gone = Fault::status(404).on_path(&format!("*{piece}*")).times(0);
    stage.control().add_fault(&gone).unwrap();
    for _ in 0..2 {
        assert_eq!(column(&stage.sql(PATHS).rows(), "path"), ["own.csv"]);
    }
}

#[test]
fn a_folder_that_may_not_be_read_hides_no_other() {
    let stage = connected();
    let more = [Step::write("Reports/2027/q1.csv", "n\n8\n")];
    stage.control().edit("sites/team", &more).unwrap();
    // The own drive is read by its feed; the first children are those of `Team`.
    let denied = Fault::status(403).on_path("*/children*").nth(2);
    stage.control().add_fault(&denied).unwrap();
    let listed = stage.sql(PATHS).succeeds();
    assert!(listed.err.contains("`Team/202"), "the folder is named: {}", listed.err);
    let paths = column(&listed.rows(), "path");
    assert_eq!(paths.len(), 4, "of five files one is in the denied folder: {paths:?}");
    assert!(paths.contains(&"Team/q3.csv".to_owned()), "{paths:?}");
}

#[test]
fn shortcuts_that_cannot_lead_to_a_match_are_not_asked_for() {
    let stage = connected();
    let _ = stage.sql(PATHS).succeeds();
    assert_eq!(rows(&stage, "own*.csv"), [json!({"n": 1})]);
    stage.forget_journal();
    assert_eq!(rows(&stage, "own*.csv"), [json!({"n": 1})]);
    assert_eq!(graph_requests(&stage), 1, "what changed in the own drive");
    stage.forget_journal();
    assert_eq!(stage.sql("SELECT path FROM drive.files LIMIT 1").rows().len(), 1);
    assert_eq!(graph_requests(&stage), 1, "a limit that is met");
}
