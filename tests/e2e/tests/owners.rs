//! Who created a file. The feed of a work account's drive does not tell it; so it is asked for when
//! a statement names the column `owner`, and known from then on.

use std::process::Stdio;
use std::time::Duration;

use datasource_e2e::{Fault, Profile, Stage, Step};
use serde_json::json;

const OWNERS: &str = "SELECT path, owner FROM drive.files ORDER BY path";
const ANN: &str = "ann@contoso.com";

/// Paths and owners.
fn owners(stage: &Stage, sql: &str) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("NULL").to_owned();
    let rows = stage.sql(sql).rows();
    rows.iter().map(|row| (text(&row["path"]), text(&row["owner"]))).collect()
}

fn owned(paths: &[&str], owner: &str) -> Vec<(String, String)> {
    paths.iter().map(|path| ((*path).to_owned(), owner.to_owned())).collect()
}

/// How often the stage was asked for owners.
fn asked(stage: &Stage) -> usize {
    stage.journal().iter().filter(|request| request.is_graph() && !is_feed(&request.path)).count()
}

fn is_feed(path: &str) -> bool {
    path.contains("/delta")
}

#[test]
fn an_owner_is_asked_for_once() {
    let stage = Stage::connected(&["a.csv", "folder/b.csv"]);
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], ANN));
    stage.forget_journal();
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], ANN));
    assert_eq!((stage.graph_requests(), asked(&stage)), (1, 0), "the feed, and nothing else");
}

#[test]
fn owners_are_kept_when_a_file_changes_and_asked_for_when_one_is_new() {
    let stage = Stage::connected(&["a.csv", "folder/b.csv"]);
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], ANN));
    let steps = [Step::write("a.csv", "a\n2\n"), Step::rename("folder", "moved")];
    stage.control().edit("primary", &steps).unwrap();
    stage.forget_journal();
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "moved/b.csv"], ANN));
    assert_eq!(asked(&stage), 0);
    stage.control().edit("primary", &[Step::write("moved/c.csv", "a\n3\n")]).unwrap();
    stage.forget_journal();
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "moved/b.csv", "moved/c.csv"], ANN));
    assert_eq!(asked(&stage), 1);
}

#[test]
fn owners_are_kept_when_the_drive_is_read_anew_or_written_anew() {
    let stage = Stage::connected(&["a.csv", "folder/b.csv"]);
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], ANN));
    stage.control().expire_delta().unwrap();
    // So many runs that what is kept is put together, too.
    for n in 0..40 {
        stage.forget_journal();
        assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], ANN));
        assert_eq!(asked(&stage), 0, "run {n}");
        stage.control().edit("primary", &[Step::write("a.csv", format!("a\n{n}\n"))]).unwrap();
    }
}

#[test]
fn a_statement_that_does_not_name_the_owner_does_not_ask_but_tells_it_where_it_is_known() {
    let stage = Stage::connected(&["a.csv", "b.csv"]);
    let all = "SELECT * FROM drive.files ORDER BY path";
    assert_eq!(owners(&stage, all), owned(&["a.csv", "b.csv"], "NULL"));
    assert_eq!(asked(&stage), 0);
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "b.csv"], ANN));
    assert_eq!(owners(&stage, all), owned(&["a.csv", "b.csv"], ANN));
    let plan = stage.sql(&format!("EXPLAIN {OWNERS}")).succeeds();
    assert!(plan.out.contains("asks who created"), "{}", plan.out);
}

#[test]
fn many_files_of_a_folder_are_asked_for_together() {
    let files: Vec<String> = (0..30).map(|n| format!("folder/{n}.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    // Whoever wants a few rows walks, so the drive is made known first.
    let _ = stage.sql("SELECT count(*) FROM drive.files").rows();
    stage.forget_journal();
    let few = "SELECT path, owner FROM drive.files WHERE name LIKE '1_.csv' LIMIT 2";
    assert_eq!(owners(&stage, few).len(), 2);
    assert_eq!(asked(&stage), 2, "two files, one by one");
    stage.forget_journal();
    assert!(owners(&stage, OWNERS).iter().all(|(_, owner)| owner == ANN));
    assert_eq!(asked(&stage), 1, "the folder's list");
}

#[test]
fn owners_can_be_filtered_on_and_counted() {
    let stage = Stage::connected(&["a.csv", "b.txt", "folder/c.csv"]);
    let mine = format!(
        "SELECT path, owner FROM drive.files WHERE owner = '{ANN}' AND extension = 'csv' \
         ORDER BY path"
    );
    assert_eq!(owners(&stage, &mine), owned(&["a.csv", "folder/c.csv"], ANN));
    assert!(owners(&stage, &mine.replace("ann@", "bob@")).is_empty());
    let count = "SELECT owner, count(*) AS n FROM drive.files GROUP BY owner";
    assert_eq!(stage.sql(count).rows(), [json!({"owner": ANN, "n": 3})]);
}

#[test]
fn only_rows_that_pass_all_other_filters_are_asked_for() {
    let files: Vec<String> = (0..20).map(|n| format!("{n}/x.csv")).collect();
    let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
    files.push("one/y.txt");
    let stage = Stage::connected(&files);
    let sql = "SELECT path, owner FROM drive.files WHERE mime_type = 'text/plain'";
    assert_eq!(owners(&stage, sql), owned(&["one/y.txt"], ANN));
    assert_eq!(asked(&stage), 1);
}

#[test]
fn the_pages_of_a_large_folder_are_read_once() {
    let files: Vec<String> = (0..1_100).map(|n| format!("folder/{n}.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    stage.control().vary(&json!({"page_limit": 100})).unwrap();
    assert!(owners(&stage, OWNERS).iter().all(|(_, owner)| owner == ANN));
    assert_eq!(asked(&stage), 11);
}

#[test]
fn a_file_that_was_moved_since_it_was_listed_has_its_owner() {
    let stage = Stage::connected(&["a/1.csv", "a/2.csv", "a/3.csv", "a/4.csv"]);
    let _ = stage.alter("drive", &json!({"listing_max_age": 86_400})).succeeds();
    let _ = stage.sql("SELECT count(*) FROM drive.files").rows();
    stage.control().edit("primary", &[Step::rename("a/2.csv", "2.csv")]).unwrap();
    assert!(owners(&stage, OWNERS).iter().all(|(_, owner)| owner == ANN));
}

#[test]
fn what_was_found_out_before_an_error_is_kept() {
    let files: Vec<String> = (0..20).map(|n| format!("{n}/x.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = Fault::status(400).on_path("*/items/*").nth(15);
    stage.control().add_fault(&refused).unwrap();
    let _ = stage.sql(OWNERS).fails_saying(&["400"]);
    stage.forget_journal();
    assert!(owners(&stage, OWNERS).iter().all(|(_, owner)| owner == ANN));
    let asked = asked(&stage);
    assert!((1..=10).contains(&asked), "{asked} of 20 were asked for again");
}

#[test]
fn owners_are_kept_though_the_drive_changes_while_they_are_asked_for() {
    let stage = Stage::connected(&["a.csv", "b.csv"]);
    let _ = stage.sql("SELECT count(*) FROM drive.files").rows();
    let late = Fault::late(8_000).on_path("*/items/*").times(1);
    stage.control().add_fault(&late).unwrap();
    let mut command = stage.host(OWNERS);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..400 {
        if asked(&stage) > 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let steps = [Step::write("b.csv", "a\n2\n"), Step::write("new.csv", "a\n3\n")];
    stage.control().edit("primary", &steps).unwrap();
    let _ = stage.sql("REFRESH DATABASE drive").succeeds();
    assert!(child.wait().unwrap().success());
    stage.forget_journal();
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "b.csv", "new.csv"], ANN));
    assert_eq!(asked(&stage), 2, "the one that changed, and the new one");
}

#[test]
fn a_persons_feed_tells_the_owner_itself() {
    let stage = Stage::with_files(Profile::Personal, &[("a.csv", b"a\n1\n")]);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv"], "ann.example@outlook.com"));
    assert_eq!(asked(&stage), 0);
}

#[test]
fn a_file_that_is_gone_or_may_not_be_asked_for_has_no_owner_and_stops_nothing() {
    let stage = Stage::connected(&["a.csv", "folder/b.csv"]);
    let _ = stage.sql("SELECT count(*) FROM drive.files").rows();
    for status in [404, 403] {
        stage.control().add_fault(&Fault::status(status).on_path("*/items/*").times(2)).unwrap();
        assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], "NULL"));
    }
    assert_eq!(owners(&stage, OWNERS), owned(&["a.csv", "folder/b.csv"], ANN));
}
