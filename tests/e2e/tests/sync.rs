//! The sync: what changed since a cursor, where it stands, what its runs did, and that whatever
//! happens to a drive, its listing is the drive.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::collections::BTreeMap;
use std::time::Duration;

use datasource_e2e::{Fault, Profile, Stage, Step};
use serde_json::{Value, json};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Kind, path and previous path of each change, and the cursor to come back with.
fn changes(stage: &Stage, options: &str) -> (Vec<(String, String, String)>, String) {
    let rows = stage.sql(&format!("SELECT * FROM drive.`onedrive_changes{options}`")).rows();
    let cursor = rows.last().map(|row| text(&row["cursor"])).unwrap_or_default();
    let told = |row: &Value| (text(&row["kind"]), text(&row["path"]), text(&row["previous_path"]));
    let mut told: Vec<_> = rows.iter().map(told).collect();
    told.sort_unstable();
    (told, cursor)
}

fn change(kind: &str, path: &str, previous: &str) -> (String, String, String) {
    (kind.to_owned(), path.to_owned(), previous.to_owned())
}

fn cursor(stage: &Stage) -> String {
    let rows = stage.sql("SELECT * FROM drive.onedrive_delta_state WHERE scope = 'root'").rows();
    text(&rows[0]["delta_link"])
}

#[test]
fn without_a_cursor_everything_is_told_as_added() {
    let stage = Stage::connected(&["A/one.csv", "top.csv"]);
    let (told, since) = changes(&stage, "");
    let expected = [
        change("added", "A", ""),
        change("added", "A/one.csv", ""),
        change("added", "top.csv", ""),
    ];
    assert_eq!(told, expected);
    assert_eq!(since, cursor(&stage), "it is also what `delta_link` holds");
    assert_eq!(changes(&stage, &format!("?since={since}")).0, []);
}

#[test]
fn a_cursor_gives_what_was_added_modified_moved_and_deleted_since() {
    let stage = Stage::connected(&["A/one.csv", "A/two.csv", "top.csv", "old.csv"]);
    let (_, since) = changes(&stage, "");
    let edits = [
        Step::write("new.csv", "a\n"),
        Step::write("top.csv", "a\n1\n2\n"),
        Step::delete("old.csv"),
        Step::rename("A/two.csv", "two.csv"),
    ];
    stage.control().edit("primary", &edits).unwrap();
    stage.forget_journal();
    let (told, next) = changes(&stage, &format!("?since={since}"));
    let expected = [
        change("added", "new.csv", ""),
        change("deleted", "old.csv", ""),
        change("modified", "top.csv", ""),
        change("moved", "two.csv", "A/two.csv"),
    ];
    assert_eq!(told, expected);
    assert_eq!(stage.graph_requests(), 1);
    assert_eq!(changes(&stage, &format!("?since={next}")).0, []);
    assert_eq!(changes(&stage, &format!("?since={since}")).0, expected, "a cursor stays good");
}

#[test]
fn one_item_is_told_once_whatever_happened_to_it() {
    let stage = Stage::connected(&["a.csv", "b.csv", "c.csv"]);
    let (_, since) = changes(&stage, "");
    let rounds = [
        vec![Step::rename("a.csv", "x.csv"), Step::write("gone.csv", "a\n")],
        vec![Step::rename("x.csv", "y.csv"), Step::delete("gone.csv")],
        vec![Step::write("b.csv", "a\n1\n2\n")],
        vec![Step::delete("b.csv"), Step::rename("c.csv", "d.csv")],
        vec![Step::rename("d.csv", "c.csv")],
    ];
    for edits in rounds {
        stage.control().edit("primary", &edits).unwrap();
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
    }
    let (told, _) = changes(&stage, &format!("?since={since}"));
    let expected = [
        change("deleted", "b.csv", ""),
        change("modified", "c.csv", ""),
        change("moved", "y.csv", "a.csv"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_folder_is_a_scope_of_its_own_wherever_it_moves() {
    let stage = Stage::connected(&["A/B/one.csv", "A/two.csv", "top.csv"]);
    let rows = stage.sql("SELECT id, path FROM drive.`files?folders=true`").rows();
    let folder = rows.iter().find(|row| row["path"] == "A/B").unwrap();
    let scope = text(&folder["id"]);
    let (told, since) = changes(&stage, &format!("?scope={scope}"));
    assert_eq!(told, [change("added", "A/B/one.csv", "")]);
    let rounds = [
        vec![Step::write("A/B/in.csv", "a\n"), Step::write("A/out.csv", "a\n")],
        vec![Step::rename("A", "Z")],
        vec![Step::rename("Z/two.csv", "Z/B/two.csv"), Step::rename("Z/B/one.csv", "one.csv")],
    ];
    for edits in rounds {
        stage.control().edit("primary", &edits).unwrap();
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
    }
    let (told, _) = changes(&stage, &format!("?scope={scope}&since={since}"));
    let expected = [
        change("added", "Z/B/in.csv", ""),
        change("added", "Z/B/two.csv", ""),
        change("deleted", "Z/B/one.csv", ""),
    ];
    assert_eq!(told, expected, "what is moved into it is added, and what is moved out is deleted");
    let scopes = stage.sql("SELECT scope, delta_link FROM drive.onedrive_delta_state").rows();
    assert_eq!(scopes.len(), 2, "{scopes:?}");
    assert!(scopes.iter().any(|row| row["scope"] == scope.as_str()));
}

#[test]
fn paths_are_those_of_now_and_of_the_cursor_whatever_was_moved_between() {
    let stage = Stage::connected(&["A/x.csv", "A/y.csv"]);
    let (_, since) = changes(&stage, "");
    let rounds = [
        vec![Step::write("A/new.csv", "a\n")],
        vec![Step::rename("A", "B")],
        vec![Step::delete("B/x.csv"), Step::write("B/y.csv", "a\n1\n2\n")],
    ];
    for edits in rounds {
        stage.control().edit("primary", &edits).unwrap();
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
    }
    let (told, _) = changes(&stage, &format!("?since={since}"));
    let expected = [
        change("added", "B/new.csv", ""),
        change("deleted", "A/x.csv", ""),
        change("moved", "B", "A"),
        change("moved", "B/y.csv", "A/y.csv"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_folder_that_is_moved_into_a_scope_or_out_of_it_takes_along_what_is_in_it() {
    let stage = Stage::connected(&["S/own/a.csv", "S/b.csv", "other/c.csv", "other/d/e.csv"]);
    let rows = stage.sql("SELECT id FROM drive.`files?folders=true` WHERE path = 'S'").rows();
    let scope = text(&rows[0]["id"]);
    let (_, since) = changes(&stage, &format!("?scope={scope}"));
    let edits = [Step::rename("other", "S/other"), Step::rename("S/own", "own")];
    stage.control().edit("primary", &edits).unwrap();
    let (told, next) = changes(&stage, &format!("?scope={scope}&since={since}"));
    let expected = [
        change("added", "S/other", ""),
        change("added", "S/other/c.csv", ""),
        change("added", "S/other/d", ""),
        change("added", "S/other/d/e.csv", ""),
        change("deleted", "S/own", ""),
        change("deleted", "S/own/a.csv", ""),
    ];
    assert_eq!(told, expected);
    stage.control().edit("primary", &[Step::delete("S")]).unwrap();
    let (told, _) = changes(&stage, &format!("?scope={scope}&since={next}"));
    let gone = ["S/b.csv", "S/other", "S/other/c.csv", "S/other/d", "S/other/d/e.csv"];
    let gone = gone.map(|path| change("deleted", path, ""));
    assert_eq!(told, gone, "a scope that is deleted tells what was in it");
}

#[test]
fn many_changes_are_told_page_by_page_and_each_item_once() {
    let files: Vec<String> = (0..1_200).map(|n| format!("{n}.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let since = {
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
        cursor(&stage)
    };
    for text in ["a\n1\n2\n", "a\n1\n2\n3\n"] {
        let edits: Vec<Step> = files.iter().map(|file| Step::write(file, text)).collect();
        stage.control().edit("primary", &edits).unwrap();
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
    }
    stage.forget_journal();
    let query = format!(
        "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids, COUNT(DISTINCT kind) AS kinds \
         FROM drive.`onedrive_changes?since={since}`"
    );
    let rows = stage.sql(&query).rows();
    assert_eq!(rows, [json!({"n": 1_200, "ids": 1_200, "kinds": 1})]);
    assert_eq!(stage.graph_requests(), 1, "later pages do not ask again");
}

#[test]
fn what_a_feed_missed_is_not_passed_over_in_silence() {
    let stage = Stage::connected(&["a.csv"]);
    let (_, since) = changes(&stage, "");
    stage.control().add_fault(&Fault::status(403).on_path("*/delta*").times(0)).unwrap();
    let _ = stage.sql("SELECT COUNT(*) FROM drive.files").succeeds();
    stage.control().clear_faults().unwrap();
    stage.control().edit("primary", &[Step::write("b.csv", "a\n")]).unwrap();
    let row = &stage.sql("REFRESH DATABASE drive").rows()[0];
    assert_eq!(row["added"], 2, "REFRESH asks for the feed again");
    let _ = stage
        .sql(&format!("SELECT * FROM drive.`onedrive_changes?since={since}`"))
        .fails_saying(&["older than the changes"]);
}

#[test]
fn a_cursor_survives_a_feed_that_begins_anew() {
    let stage = Stage::connected(&["a.csv", "b.csv"]);
    let (_, since) = changes(&stage, "");
    stage.control().expire_delta().unwrap();
    let edits =
        [Step::delete("a.csv"), Step::write("c.csv", "a\n"), Step::rename("b.csv", "d.csv")];
    stage.control().edit("primary", &edits).unwrap();
    let (told, _) = changes(&stage, &format!("?since={since}"));
    let expected = [
        change("added", "c.csv", ""),
        change("deleted", "a.csv", ""),
        change("moved", "d.csv", "b.csv"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_is_no_cursor_of_ours_is_said() {
    let stage = Stage::connected(&["a.csv"]);
    let (_, since) = changes(&stage, "");
    let of =
        |since: &str| stage.sql(&format!("SELECT * FROM drive.`onedrive_changes?since={since}`"));
    let _ = of("nonsense").fails_saying(&["cursor", "was given here"]);
    let (_, number) = since.split_once('.').unwrap();
    let _ =
        of(&format!("another.{number}")).fails_saying(&["older than the changes", "Begin anew"]);
    let _ = stage
        .sql("SELECT * FROM drive.`onedrive_changes?scope=01NOTHERE`")
        .fails_saying(&["no folder of that id"]);
    let _ = stage
        .sql("SELECT * FROM drive.`onedrive_changes?sinse=x`")
        .fails_saying(&["Did you mean `since`?"]);
}

#[test]
fn a_large_drive_is_told_page_by_page() {
    let files: Vec<String> = (0..2_500).map(|n| format!("f{}/{n}.csv", n % 7)).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let count = "SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM drive.onedrive_changes";
    let rows = stage.sql(count).rows();
    assert_eq!((rows[0]["n"].as_i64(), rows[0]["ids"].as_i64()), (Some(2_507), Some(2_507)));
}

#[test]
fn every_run_leaves_a_row_with_true_counts() {
    let stage = Stage::connected(&["A/one.csv", "b.csv", "c.csv"]);
    let stats = "SELECT * FROM drive.onedrive_sync_stats ORDER BY started_at";
    let count = "SELECT COUNT(*) AS n FROM drive.files";
    assert_eq!(stage.sql(stats).rows(), [] as [Value; 0]);
    let _ = stage.sql(count).succeeds();
    stage.control().advance(Duration::from_secs(60)).unwrap();
    let edits = [
        Step::write("new.csv", "a\n"),
        Step::write("new2.csv", "a\n"),
        Step::write("b.csv", "a\n1\n2\n"),
        Step::delete("c.csv"),
    ];
    stage.control().edit("primary", &edits).unwrap();
    let busy = Fault::status(429).retry_after("7").on_path("*/delta*");
    stage.control().add_fault(&busy).unwrap();
    let _ = stage.sql(count).succeeds();
    stage.control().advance(Duration::from_secs(60)).unwrap();
    let broken = Fault::status(500).on_path("*/delta*").times(0);
    stage.control().add_fault(&broken).unwrap();
    let _ = stage.sql(count).fails_saying(&["error"]);
    let rows = stage.sql(stats).rows();
    let told = |row: &Value| {
        let number = |name: &str| row[name].as_i64().unwrap();
        let status = text(&row["status"]);
        (status, number("items_added"), number("items_modified"), number("items_deleted"))
    };
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert_eq!(told(&rows[0]), ("success".into(), 4, 0, 0));
    assert_eq!(rows[0]["items_processed"], 5, "the root is in the feed too");
    assert_eq!(told(&rows[1]), ("success".into(), 2, 1, 1));
    assert_eq!((&rows[1]["throttled_count"], &rows[1]["errors_count"]), (&json!(1), &json!(0)));
    assert!(rows[1]["duration_seconds"].as_f64().unwrap() >= 7.0, "{}", rows[1]);
    assert_eq!(told(&rows[2]), ("failed".into(), 0, 0, 0));
    assert!(rows[2]["errors_count"].as_i64().unwrap() > 1, "{}", rows[2]);
}

#[test]
fn the_last_hundred_runs_are_remembered() {
    let stage = Stage::connected(&["a.csv"]);
    let refresh = "REFRESH DATABASE drive;".repeat(103);
    let _ = stage.sql(&refresh).succeeds();
    let rows = stage.sql("SELECT sync_id FROM drive.onedrive_sync_stats").rows();
    assert_eq!(rows.len(), 100);
}

#[test]
fn a_run_that_is_stopped_half_way_is_told_as_partial_and_goes_on() {
    let files: Vec<String> = (0..12).map(|n| format!("{n}.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    stage.control().vary(&json!({"delta_page_limit": 3})).unwrap();
    let broken = Fault::status(500).on_path("*/delta*").nth(3).times(50);
    stage.control().add_fault(&broken).unwrap();
    let count = "SELECT COUNT(*) AS n FROM drive.files";
    let _ = stage.sql(count).fails_saying(&["error"]);
    stage.control().clear_faults().unwrap();
    assert_eq!(stage.sql(count).rows()[0]["n"], 12);
    let stats = "SELECT status FROM drive.onedrive_sync_stats ORDER BY started_at";
    let rows = stage.sql(stats).rows();
    let statuses: Vec<_> = rows.iter().map(|row| text(&row["status"])).collect();
    assert_eq!(statuses, ["partial", "success"]);
}

#[test]
fn the_system_tables_have_the_documents_columns_and_times_are_timestamps() {
    let stage = Stage::connected(&["a.csv"]);
    let _ = stage.sql("SELECT COUNT(*) FROM drive.files").succeeds();
    let first = |table: &str, count: usize| -> Vec<String> {
        let rows = stage.sql(&format!("DESCRIBE drive.{table}")).rows();
        let column =
            |row: &Value| format!("{} {}", text(&row["column_name"]), text(&row["data_type"]));
        rows.iter().take(count).map(column).collect()
    };
    let time = "Timestamp(µs, \"UTC\")";
    let expected = [
        "scope Utf8".to_owned(),
        "delta_link Utf8".to_owned(),
        format!("cursor_updated_at {time}"),
        format!("last_success_at {time}"),
        "items_synced Int64".to_owned(),
    ];
    assert_eq!(first("onedrive_delta_state", 5), expected);
    let expected = [
        "sync_id Utf8".to_owned(),
        format!("started_at {time}"),
        format!("completed_at {time}"),
        "status Utf8".to_owned(),
        "items_processed Int64".to_owned(),
        "items_added Int64".to_owned(),
        "items_modified Int64".to_owned(),
        "items_deleted Int64".to_owned(),
        "errors_count Int64".to_owned(),
        "throttled_count Int64".to_owned(),
        "duration_seconds Float64".to_owned(),
    ];
    assert_eq!(first("onedrive_sync_stats", 11), expected);
    let state = stage.sql("SELECT * FROM drive.onedrive_delta_state").rows();
    assert_eq!(state.len(), 1);
    assert_eq!(state[0]["items_synced"], 1);
    assert!(!text(&state[0]["delta_link"]).contains("http"), "{}", state[0]);
}

#[test]
fn refresh_says_what_changed_and_a_listing_may_be_as_old_as_is_allowed() {
    let stage = Stage::connected(&["a.csv"]);
    let row = &stage.sql("REFRESH DATABASE drive").rows()[0];
    assert_eq!((&row["database"], &row["added"]), (&json!("drive"), &json!(1)));
    let _ = stage.alter("drive", &json!({"listing_max_age": 60})).succeeds();
    let _ = stage.sql("SELECT COUNT(*) FROM drive.files").succeeds();
    stage.control().edit("primary", &[Step::write("b.csv", "a\n")]).unwrap();
    stage.forget_journal();
    let count = || stage.sql("SELECT COUNT(*) AS n FROM drive.files").rows()[0]["n"].clone();
    assert_eq!(count(), 1);
    assert_eq!(stage.graph_requests(), 0, "it is young enough");
    let row = &stage.sql("REFRESH DATABASE drive").rows()[0];
    assert_eq!((&row["added"], &row["requests"]), (&json!(1), &json!(1)));
    assert_eq!(count(), 2);
    stage.control().edit("primary", &[Step::write("c.csv", "a\n")]).unwrap();
    stage.control().advance(Duration::from_secs(61)).unwrap();
    assert_eq!(count(), 3, "it is too old");
    let _ = stage.alter("drive", &json!({"listing_max_age": "soon"})).fails_saying(&["seconds"]);
}

/// A generator of numbers: the same script from the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// What a drive should hold: files by path, and their sizes.
type Model = BTreeMap<String, usize>;

/// A random edit, done to the model too.
fn edit(dice: &mut Dice, model: &mut Model, deleted: &mut Vec<(String, usize)>, n: usize) -> Step {
    let names: Vec<String> = model.keys().cloned().collect();
    let folders = ["", "a/", "b/", "a/c/", "b/d/"];
    let pick = |dice: &mut Dice| names[dice.roll(names.len())].clone();
    let bytes = |dice: &mut Dice| vec![b'x'; 1 + dice.roll(500)];
    match dice.roll(8) {
        0 | 1 => {
            let content = bytes(dice);
            let path = format!("{}file {n}.csv", folders[dice.roll(folders.len())]);
            model.insert(path.clone(), content.len());
            Step::write(&path, content)
        }
        2 if !names.is_empty() => {
            let (path, content) = (pick(dice), bytes(dice));
            model.insert(path.clone(), content.len());
            Step::write(&path, content)
        }
        3 if !names.is_empty() => {
            let path = pick(dice);
            let size = model.remove(&path).unwrap();
            deleted.push((path.clone(), size));
            Step::delete(&path)
        }
        4 if !names.is_empty() => {
            let path = pick(dice);
            let to = format!("{}moved {n}.csv", folders[dice.roll(folders.len())]);
            let size = model.remove(&path).unwrap();
            model.insert(to.clone(), size);
            Step::rename(&path, &to)
        }
        5 if !names.is_empty() => {
            let path = pick(dice);
            let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |split| split);
            let name = match name.chars().any(char::is_lowercase) {
                true => name.to_uppercase(),
                false => name.to_lowercase(),
            };
            let to = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let size = model.remove(&path).unwrap();
            model.insert(to.clone(), size);
            Step::rename(&path, &to)
        }
        // A whole folder goes somewhere else, with what is in it.
        6 => {
            let full: Vec<_> = names.iter().filter_map(|name| name.split_once('/')).collect();
            let Some((folder, _)) = full.get(dice.roll(full.len().max(1))) else {
                return Step::Folder { path: format!("empty {n}") };
            };
            let to = format!("folder {n}");
            let inside: Vec<String> = names
                .iter()
                .filter(|name| name.starts_with(&format!("{folder}/")))
                .cloned()
                .collect();
            for path in inside {
                let size = model.remove(&path).unwrap();
                model.insert(path.replacen(folder, &to, 1), size);
            }
            Step::rename(folder, &to)
        }
        // What was deleted comes back where it was.
        _ => match deleted.pop() {
            Some((path, size)) if !model.contains_key(&path) => {
                model.insert(path.clone(), size);
                Step::write(&path, vec![b'x'; size])
            }
            _ => Step::Folder { path: format!("empty {n}") },
        },
    }
}

/// What the table `files` holds. Seven tries of one request may fail where three of ten do: then
/// the statement is run again.
fn listed(stage: &Stage) -> Model {
    let mut answer = stage.sql("SELECT path, size FROM drive.files");
    if answer.status != Some(0) {
        answer = stage.sql("SELECT path, size FROM drive.files");
    }
    let rows = answer.rows();
    let size = |row: &Value| usize::try_from(row["size"].as_u64().unwrap()).unwrap();
    rows.iter().map(|row| (text(&row["path"]), size(row))).collect()
}

fn random_edits(seed: u64, profile: Profile) {
    let stage = Stage::with_files(profile, &[("a/first.csv", b"a\n")]);
    let _ = stage.create("drive").succeeds();
    let control = stage.control();
    let mut dice = Dice(seed);
    let mut model = Model::from([("a/first.csv".to_owned(), 2)]);
    let mut deleted = Vec::new();
    let (_, mut since) = changes(&stage, "");
    let mut followed: Model = model.clone();
    for round in 0..12 {
        for n in 0..dice.roll(12) {
            let step = edit(&mut dice, &mut model, &mut deleted, round * 100 + n);
            control.edit("primary", std::slice::from_ref(&step)).unwrap();
        }
        if dice.roll(5) == 0 {
            control.expire_delta().unwrap();
        }
        let order = ["parents_first", "shuffled", "reversed"][dice.roll(3)];
        let odd = json!({"delta_page_limit": 1 + dice.roll(6), "delta_order": order,
            "delta_duplicates": dice.roll(2) == 0});
        control.vary(&odd).unwrap();
        let faults = [
            (Fault::status(503), 0.15),
            (Fault::status(429).retry_after("2"), 0.1),
            (Fault::reset(), 0.05),
        ];
        for (fault, probability) in faults {
            let fault = fault.with_probability(probability).on_path("*/delta*").times(0);
            control.add_fault(&fault).unwrap();
        }
        assert_eq!(listed(&stage), model, "seed {seed}, round {round}");
        control.clear_faults().unwrap();
        // Whoever applies the changes has the drive too, however many runs lie between.
        if dice.roll(3) == 0 && round < 11 {
            continue;
        }
        let query = format!("SELECT * FROM drive.`onedrive_changes?since={since}`");
        let rows = stage.sql(&query).rows();
        follow(&mut followed, &rows);
        since = rows.last().map_or(since, |row| text(&row["cursor"]));
        assert_eq!(followed, model, "seed {seed}, round {round}: {rows:?}");
    }
}

/// Applies changes to a copy that knows only paths: what left, what moved along with its folder,
/// and what came.
fn follow(copy: &mut Model, rows: &[Value]) {
    let files: Vec<_> = rows.iter().filter(|row| row["folder"] == false).collect();
    for row in &files {
        match row["kind"].as_str().unwrap() {
            "deleted" => drop(copy.remove(&text(&row["path"]))),
            "moved" => drop(copy.remove(&text(&row["previous_path"]))),
            _ => {}
        }
    }
    for row in rows.iter().filter(|row| row["kind"] == "moved" && row["folder"] == true) {
        let (from, to) = (text(&row["previous_path"]), text(&row["path"]));
        let inside: Vec<String> =
            copy.keys().filter(|path| path.starts_with(&format!("{from}/"))).cloned().collect();
        for path in inside {
            let size = copy.remove(&path).unwrap();
            copy.insert(path.replacen(&from, &to, 1), size);
        }
    }
    for row in files.iter().filter(|row| row["kind"] != "deleted") {
        let size = usize::try_from(row["size"].as_u64().unwrap()).unwrap();
        copy.insert(text(&row["path"]), size);
    }
}

#[test]
fn after_random_edits_and_faults_the_listing_is_the_drive() {
    for seed in 1..=3 {
        random_edits(seed, Profile::Business);
    }
}

#[test]
fn after_random_edits_and_faults_the_listing_is_the_drive_of_a_person_too() {
    for seed in 11..=12 {
        random_edits(seed, Profile::Personal);
    }
}
