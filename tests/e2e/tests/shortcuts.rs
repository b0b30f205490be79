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
    assert_eq!(stage.graph_requests(), 3, "the path, the shortcut, the file");
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
    assert_eq!(stage.graph_requests(), 2, "two feeds, though three things are listed");
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
fn refresh_brings_the_drives_that_are_followed_up_to_date_too() {
    let stage = connected();
    let _ = stage.alter("drive", &json!({"listing_max_age": 86_400})).succeeds();
    let id = id_of(&stage, "Team");
    let _ = stage.sql(&format!("SELECT * FROM drive.`onedrive_changes?scope={id}`")).succeeds();
    assert_eq!(stage.sql(PATHS).rows().len(), 4);
    stage.control().edit("sites/team", &[Step::write("Reports/new.csv", "n\n7\n")]).unwrap();
    assert_eq!(stage.sql(PATHS).rows().len(), 4, "as old as is allowed");
    stage.forget_journal();
    let refreshed = stage.sql("REFRESH DATABASE drive").rows();
    assert_eq!(
        refreshed[0]["added"],
        1,
        "{refreshed:?} {:?} {:?}",
        stage.journal(),
        stage.sql("SELECT * FROM drive.onedrive_sync_stats").rows()
    );
    assert_eq!(stage.sql(PATHS).rows().len(), 5);
    // What cannot be had of the other drive takes nothing along.
    // The second request is the first to the other drive; the third begins its feed again.
    for _ in 0..2 {
        let gone = Fault::status(404).on_path("*/delta*").nth(2);
        stage.control().add_fault(&gone).unwrap();
    }
    let refreshed = stage.sql("REFRESH DATABASE drive").rows();
    assert_eq!(refreshed[0]["errors"], 1, "{refreshed:?}");
}

#[test]
fn a_pattern_in_a_followed_drive_costs_one_request_to_it() {
    let stage = connected();
    let id = id_of(&stage, "Team");
    let _ = stage.sql(&format!("SELECT * FROM drive.`onedrive_changes?scope={id}`")).succeeds();
    assert_eq!(rows(&stage, "Team/**/*.csv").len(), 2);
    stage.forget_journal();
    assert_eq!(rows(&stage, "Team/**/*.csv").len(), 2);
    assert_eq!(stage.graph_requests(), 4, "what changed here and there, the shortcut, its folder");
    assert!(!stage.journal().iter().any(|request| request.path.contains("children")));
}

#[test]
fn a_shortcut_within_the_drive_tells_changes_page_by_page_and_since_a_cursor() {
    let files: Vec<String> = (0..1_100).map(|n| format!("Reports/{n}.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    stage.control().edit("primary", &[shortcut("Mine", "primary", "Reports")]).unwrap();
    let id = id_of(&stage, "Mine");
    let told = |since: &str| {
        let table = format!("onedrive_changes?scope={id}{since}");
        stage.sql(&format!("SELECT * FROM drive.`{table}`")).rows()
    };
    stage.forget_journal();
    let all = told("");
    assert_eq!(all.len(), 1_100);
    assert!(column(&all, "path").contains(&"Mine/0.csv".to_owned()));
    assert_eq!(stage.graph_requests(), 2, "the shortcut and the feed, once for two pages");
    let cursor = all.last().unwrap()["cursor"].as_str().unwrap().to_owned();
    stage.control().edit("primary", &[Step::write("Reports/new.csv", "n\n1\n")]).unwrap();
    assert_eq!(column(&told(&format!("&since={cursor}")), "path"), ["Mine/new.csv"]);
}

#[test]
fn a_shortcut_to_what_is_gone_or_down_is_told_by_its_path() {
    let stage = connected();
    let gone = Fault::status(404).on_path("*/items/*").times(0);
    stage.control().add_fault(&gone).unwrap();
    let listed = stage.sql(PATHS).succeeds();
    assert!(
        listed.err.contains("`Budget.csv` is a shortcut to something that is"),
        "{}",
        listed.err
    );
    assert_eq!(column(&listed.rows(), "path"), ["own.csv"]);
    stage.control().clear_faults().unwrap();
    stage.control().edit("primary", &[Step::delete("Budget.csv")]).unwrap();
    let table = "SELECT path, type FROM drive.`files?deleted=true&folders=true` \
                 WHERE deleted_at IS NOT NULL";
    assert_eq!(stage.sql(table).rows(), [json!({"path": "Budget.csv", "type": "shortcut"})]);
    let locked = Fault::status(423).on_path("*/items/*").times(0);
    stage.control().add_fault(&locked).unwrap();
    let _ = stage.sql(PATHS).fails_saying(&["`Team`", "follow_shortcuts"]);
}

#[test]
fn shortcuts_that_cannot_lead_to_a_match_are_not_asked_for() {
    let stage = connected();
    let _ = stage.sql(PATHS).succeeds();
    assert_eq!(rows(&stage, "own*.csv"), [json!({"n": 1})]);
    stage.forget_journal();
    assert_eq!(rows(&stage, "own*.csv"), [json!({"n": 1})]);
    assert_eq!(stage.graph_requests(), 1, "what changed in the own drive");
    stage.forget_journal();
    assert_eq!(stage.sql("SELECT path FROM drive.files LIMIT 1").rows().len(), 1);
    assert_eq!(stage.graph_requests(), 1, "a limit that is met");
}

#[test]
fn a_personal_drive_is_the_same_however_its_id_is_written() {
    let stage = Stage::with_files(Profile::Personal, &[("own.csv", b"n\n1\n")]);
    let carl = "carl.example@outlook.com";
    let shared = Marks { shared_with: vec!["ann.example@outlook.com".into()], ..Marks::default() };
    let steps = [
        Step::write("Reports/q3.csv", "n\n3\n"),
        Step::Mark { path: "Reports".into(), marks: shared },
    ];
    stage.control().edit(carl, &steps).unwrap();
    let shortcuts = [shortcut("Team", carl, "Reports"), shortcut("Mine.csv", "primary", "own.csv")];
    stage.control().edit("primary", &shortcuts).unwrap();
    let _ = stage.create("drive").succeeds();
    let expected = ["Mine.csv", "Team/q3.csv", "own.csv"];
    for written in ["canonical", "lower", "short"] {
        stage.control().vary(&json!({ "drive_ids": written })).unwrap();
        // So that the shortcuts are told again, as they are written now.
        let again = [Step::rename("Team", "Crew"), Step::rename("Crew", "Team")];
        stage.control().edit("primary", &again).unwrap();
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
        stage.forget_journal();
        assert_eq!(column(&stage.sql(PATHS).rows(), "path"), expected);
        assert_eq!(stage.graph_requests(), 3, "the feed, and Team with its folder; {written}");
        assert_eq!(rows(&stage, "Team/q3.csv"), [json!({"n": 3})]);
        assert_eq!(rows(&stage, "Mine.csv"), [json!({"n": 1})]);
    }
}
