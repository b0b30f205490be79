//! Several files as one table, and what is not read twice.

use datasource_e2e::{Profile, Stage, Step};
use serde_json::{Value, json};

fn connected(files: &[(&str, &str)]) -> Stage {
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    let stage = Stage::with_files(Profile::Business, &files);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    stage
}

fn rows(stage: &Stage, table: &str, rest: &str) -> Vec<Value> {
    stage.sql(&format!("SELECT * FROM drive.`{table}` {rest}")).rows()
}

#[test]
fn a_star_joins_the_files_of_a_folder() {
    let stage = connected(&[
        ("reports/2026-01.csv", "n\n1\n2\n"),
        ("reports/2026-02.csv", "n\n3\n"),
        ("reports/2025-12.csv", "n\n4\n"),
        ("reports/old/2026-00.csv", "n\n5\n"),
        ("2026-99.csv", "n\n6\n"),
    ]);
    let found = rows(&stage, "reports/2026-*.csv", "ORDER BY n");
    assert_eq!(found, [json!({"n": 1}), json!({"n": 2}), json!({"n": 3})]);
    assert_eq!(rows(&stage, "Reports/", "ORDER BY n").len(), 4, "all files of the folder");
    assert_eq!(rows(&stage, "**/*.csv", "").len(), 6, "in any folder");
    assert_eq!(rows(&stage, "reports/**/2026*.csv", "").len(), 4);
    assert_eq!(rows(&stage, "reports/2026-*.csv", "LIMIT 2").len(), 2);
}

#[test]
fn columns_are_joined_by_name_and_the_wider_type_stands() {
    let stage = connected(&[
        ("a.csv", "id,name\n1,x\n"),
        ("b.csv", "NAME,id,more\ny,2.5,z\n"),
        ("c.json", r#"[{"id": 3, "flag": true}]"#),
    ]);
    let columns = stage.sql("DESCRIBE drive.`*`").rows();
    let shown: Vec<_> = columns
        .iter()
        .map(|c| {
            format!("{} {}", c["column_name"].as_str().unwrap(), c["data_type"].as_str().unwrap())
        })
        .collect();
    assert_eq!(shown, ["id Float64", "name Utf8", "more Utf8", "flag Boolean"]);
    let found = rows(&stage, "*", "ORDER BY id");
    assert_eq!(found[0], json!({"id": 1.0, "name": "x", "more": null, "flag": null}));
    assert_eq!(found[1], json!({"id": 2.5, "name": "y", "more": "z", "flag": null}));
    assert_eq!(found[2], json!({"id": 3.0, "name": null, "more": null, "flag": true}));
}

#[test]
fn a_column_without_values_takes_the_type_of_the_other_files() {
    let late = format!("id,amount,code\n{}7,2.50,x\n", "1,,\n".repeat(30_000));
    let stage = connected(&[
        ("a.csv", "id,amount,code\n1,,\n"),
        ("b.csv", "id,amount,code\n2,1.5,007\n"),
        ("late.csv", &late),
    ]);
    let columns = stage.sql("DESCRIBE drive.`*`").rows();
    let types: Vec<_> = columns.iter().map(|c| c["data_type"].as_str().unwrap()).collect();
    assert_eq!(types, ["Int64", "Float64", "Utf8"]);
    let sum = stage.sql("SELECT sum(amount) AS n, count(code) AS c FROM drive.`*`").rows();
    assert_eq!(sum, [json!({"n": 4.0, "c": 2})]);
}

#[test]
fn cells_of_a_column_that_is_text_elsewhere_are_told_as_they_are_written() {
    let stage = connected(&[("a.csv", "v\n102.30\n"), ("b.csv", "v\nnone at all\n")]);
    let found = rows(&stage, "*", "ORDER BY v");
    assert_eq!(found, [json!({"v": "102.30"}), json!({"v": "none at all"})]);
}

#[test]
fn a_day_beside_an_instant_is_its_midnight() {
    let stage = connected(&[
        ("a.csv", "t,at\n2024-01-01,23:59:59\n"),
        ("b.csv", "t,at\n2024-01-02T10:00:00Z,soon\n"),
        ("c.csv", "t,at\n,\n"),
    ]);
    let found = rows(&stage, "*", "WHERE t IS NOT NULL ORDER BY t");
    assert_eq!(found[0]["t"].as_str().unwrap(), "2024-01-01T00:00:00Z");
    assert_eq!(found[1]["t"].as_str().unwrap(), "2024-01-02T10:00:00Z");
    assert_eq!((&found[0]["at"], &found[1]["at"]), (&json!("23:59:59"), &json!("soon")));
}

#[test]
fn a_column_of_json_without_values_takes_the_type_of_the_other_files_too() {
    let late = format!("{}{{\"n\":7}}\n", "{\"n\":null}\n".repeat(100_000));
    let stage = connected(&[
        ("a.json", "{\"n\":null}\n"),
        ("b.json", "{\"n\":5}\n"),
        ("late.jsonl", &late),
    ]);
    let sum = stage.sql("SELECT sum(n) AS n FROM drive.`*`").rows();
    assert_eq!(sum, [json!({"n": 12})]);
}

#[test]
fn the_path_of_each_row_is_a_column_on_request_and_leaves_files_out_unread() {
    let stage = connected(&[("a/1.csv", "n\n1\n"), ("a/2.csv", "n\n2\n"), ("a/3.csv", "n\n3\n")]);
    let found = rows(&stage, "a/?filename=true", "ORDER BY n");
    assert_eq!(found[1], json!({"n": 2, "filename": "a/2.csv"}));
    let count = stage.sql("SELECT COUNT(*) AS n FROM drive.`a/?filename=true`").rows();
    assert_eq!(count[0]["n"], 3);
    let plan =
        stage.sql("EXPLAIN SELECT * FROM drive.`a/?filename=true` WHERE filename LIKE '%/2.csv'");
    assert!(plan.succeeds().out.contains("1 of 3 files"));
    let found = rows(&stage, "a/?filename=true", "WHERE filename LIKE '%/2.csv'");
    assert_eq!(found, [json!({"n": 2, "filename": "a/2.csv"})]);
}

#[test]
fn what_matches_nothing_is_said() {
    let stage = connected(&[("a/1.csv", "n\n1\n"), ("a/notes.bin", "x")]);
    let select = |table: &str| stage.sql(&format!("SELECT * FROM drive.`{table}`"));
    let _ = select("a/*.parquet").fails_saying(&["No file", "a/*.parquet", "any folders"]);
    let _ = select("b/").fails_saying(&["no folder `b`"]);
    let _ = select("a/*.csv?filename=maybe").fails_saying(&["filename", "true"]);
    assert_eq!(rows(&stage, "a/", "").len(), 1, "what cannot be read as a table is left out");
}

#[test]
fn a_file_that_did_not_change_is_not_read_again() {
    let stage = connected(&[("a/1.csv", "n\n1\n"), ("a/2.csv", "n\n2\n")]);
    // The drive's listing is known from here on.
    let _ = stage.sql("SELECT COUNT(*) FROM drive.files").succeeds();
    assert_eq!(rows(&stage, "a/", "").len(), 2);
    stage.forget_journal();
    assert_eq!(rows(&stage, "a/", "").len(), 2);
    let journal = stage.journal();
    assert_eq!(journal.len(), 1, "what changed is asked, and nothing else: {journal:?}");
    stage.control().edit("primary", &[Step::write("a/2.csv", "n\n20\n30\n")]).unwrap();
    stage.forget_journal();
    let found = rows(&stage, "a/", "ORDER BY n");
    assert_eq!(found, [json!({"n": 1}), json!({"n": 20}), json!({"n": 30})]);
    let downloads = stage.journal().iter().filter(|request| request.is_download()).count();
    assert_eq!(downloads, 1, "only the file that changed is read");
}

#[test]
fn one_small_file_is_asked_for_and_not_downloaded_again() {
    let stage = connected(&[("a.csv", "n\n1\n")]);
    assert_eq!(rows(&stage, "a.csv", "").len(), 1);
    stage.forget_journal();
    assert_eq!(rows(&stage, "a.csv", "").len(), 1);
    let journal = stage.journal();
    assert_eq!((journal.len(), journal[0].is_graph()), (1, true), "{journal:?}");
    let plan = stage.sql("EXPLAIN SELECT * FROM drive.`a.csv`").succeeds();
    assert!(plan.out.contains("same version read before"), "{}", plan.out);
    stage.control().edit("primary", &[Step::write("a.csv", "m\n7\n")]).unwrap();
    assert_eq!(rows(&stage, "a.csv", ""), [json!({"m": 7})]);
}

#[test]
fn a_file_that_is_renamed_is_read_as_its_new_name_says() {
    let stage = connected(&[("a.csv", "n,m\n1,2\n")]);
    assert_eq!(rows(&stage, "a.csv", ""), [json!({"n": 1, "m": 2})]);
    stage.control().edit("primary", &[Step::rename("a.csv", "b.txt")]).unwrap();
    let lines = rows(&stage, "b.txt", "");
    assert_eq!(lines.len(), 1, "a text is a row, and no longer a table: {lines:?}");
    assert!(lines[0].to_string().contains("b.txt"), "{lines:?}");
}

#[test]
fn a_large_file_that_was_read_before_costs_no_more_requests_than_the_first_time() {
    let text = format!("n\n{}", "1234567\n".repeat(50_000));
    let stage = connected(&[("a.csv", &text)]);
    let count = || {
        stage.forget_journal();
        assert_eq!(stage.sql("SELECT COUNT(*) AS n FROM drive.`a.csv`").rows()[0]["n"], 50_000);
        stage.graph_requests()
    };
    assert_eq!((count(), count()), (1, 1));
}

#[test]
fn empty_files_and_files_without_rows_do_not_decide_about_types() {
    let stage = connected(&[("a/1.csv", "n,m\n1,x\n"), ("a/2.csv", "n,m\n"), ("a/3.csv", "")]);
    let rows = stage.sql("SELECT SUM(n) AS n FROM drive.`a/`").rows();
    assert_eq!(rows, [json!({"n": 1})]);
}

#[test]
fn hundreds_of_files_are_read_a_few_at_a_time() {
    let files: Vec<(String, String)> =
        (0..150).map(|n| (format!("a/{n}.csv"), format!("n\n{n}\n"))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let stage = connected(&files);
    let rows = stage.sql("SELECT COUNT(*) AS c, SUM(n) AS s FROM drive.`a/`").rows();
    assert_eq!(rows, [json!({"c": 150, "s": 11_175})]);
    let plan = stage.sql("EXPLAIN SELECT * FROM drive.`a/`").succeeds();
    assert!(plan.out.contains("splits=150"), "{}", plan.out);
}

#[test]
fn a_listing_that_is_older_than_a_file_is_made_good_by_running_again() {
    let stage = connected(&[("a/1.csv", &format!("n\n{}", "1\n".repeat(80_000)))]);
    let _ = stage.alter("drive", &json!({"listing_max_age": 3_600})).succeeds();
    let _ = stage.sql("SELECT COUNT(*) FROM drive.files").succeeds();
    let count = "SELECT COUNT(*) AS n FROM drive.`a/`";
    assert_eq!(stage.sql(count).rows()[0]["n"], 80_000);
    let edit = Step::write("a/1.csv", format!("n\n{}", "2\n".repeat(90_000)));
    stage.control().edit("primary", &[edit]).unwrap();
    let _ = stage.sql(count).fails_saying(&["changed while"]);
    assert_eq!(stage.sql(count).rows()[0]["n"], 90_000);
}

#[test]
fn files_has_more_columns_and_filters_on_them_cost_nothing() {
    let stage = connected(&[
        ("a/small.csv", "n\n1\n"),
        ("a/large.csv", &"n\n".repeat(500)),
        ("b.txt", "x"),
    ]);
    let all = stage.sql("SELECT * FROM drive.files WHERE path = 'a/small.csv'").rows();
    let row = &all[0];
    assert_eq!(
        (&row["size"], &row["type"], &row["shared"]),
        (&json!(4), &json!("file"), &json!(false))
    );
    assert_eq!(row["mime_type"], "text/csv");
    assert_eq!(row["content"], Value::Null);
    for column in ["id", "modified", "etag", "hash", "web_url"] {
        assert!(row[column].as_str().is_some_and(|text| !text.is_empty()), "{column}: {row}");
    }
    stage.forget_journal();
    let large = stage
        .sql("SELECT path, length(content) AS n FROM drive.files WHERE size > 100 AND extension = 'csv'")
        .rows();
    assert_eq!(large, [json!({"path": "a/large.csv", "n": 1000})]);
    let downloads = stage.journal().iter().filter(|request| request.is_download()).count();
    assert_eq!(downloads, 1, "content only of the rows that are left");
    let plan = stage.sql(
        "EXPLAIN SELECT path FROM drive.files WHERE modified > '2020-01-01' AND owner IS NULL",
    );
    assert!(!plan.succeeds().out.contains("FilterExec"), "the connector filters exactly");
    let recent =
        stage.sql("SELECT path FROM drive.files WHERE modified > '2020-01-01' AND size = 1").rows();
    assert_eq!(recent, [json!({"path": "b.txt"})]);
}

#[test]
fn folders_and_what_was_deleted_are_listed_on_request() {
    let stage = connected(&[("a/x.csv", "n\n1\n"), ("b.csv", "n\n1\n")]);
    let list = |options: &str| {
        let query =
            format!("SELECT path, type, deleted_at FROM drive.`files{options}` ORDER BY path");
        stage.sql(&query).rows()
    };
    let shown = |rows: &[Value]| -> Vec<String> {
        rows.iter()
            .map(|row| {
                format!("{} {}", row["type"].as_str().unwrap(), row["path"].as_str().unwrap())
            })
            .collect()
    };
    assert_eq!(shown(&list("")), ["file a/x.csv", "file b.csv"]);
    assert_eq!(shown(&list("?folders=true")), ["folder a", "file a/x.csv", "file b.csv"]);
    stage.control().edit("primary", &[Step::delete("b.csv")]).unwrap();
    let with_deleted = list("?deleted=true");
    assert_eq!(shown(&with_deleted), ["file a/x.csv", "file b.csv"]);
    assert!(with_deleted[0]["deleted_at"].is_null() && with_deleted[1]["deleted_at"].is_string());
    assert_eq!(shown(&list("")), ["file a/x.csv"]);
    let _ =
        stage.sql("SELECT * FROM drive.`files?folders=perhaps`").fails_saying(&["folders", "true"]);
}
