//! The statements around queries: databases, tables, columns, plans, and names in any case.

use datasource_e2e::{Answer, Profile, Stage};
use serde_json::Value;

const MIXED: &str = "Name,AGE,city\nAda,36,London\nBob,7,Paris\n";

fn connected(files: &[(&str, &[u8])]) -> Stage {
    let stage = Stage::with_files(Profile::Business, files);
    let _ = stage.create("drive").succeeds();
    stage
}

fn mixed() -> Stage {
    connected(&[("Data/Mixed.csv", MIXED.as_bytes()), ("other.csv", b"name,x\nAda,3\n")])
}

/// The texts of one column.
fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn use_makes_a_database_the_place_of_tables_without_one() {
    let stage = mixed();
    let rows = stage.sql("USE DRIVE; SELECT city FROM `Data/Mixed.csv` LIMIT 1").rows();
    assert_eq!(rows[0]["city"], "London");
    let rows = stage.sql("use drive; SELECT path FROM files WHERE extension = 'csv'").rows();
    assert_eq!(rows.len(), 2);
    let names = column(&stage.sql("USE drive; SHOW TABLES").rows(), "name");
    assert!(names.contains(&"Data/Mixed.csv".to_owned()), "{names:?}");
    let names = column(&stage.sql("USE drive; DESCRIBE `other.csv`").rows(), "column_name");
    assert_eq!(names, ["name", "x"]);
    let _ = stage.sql("SHOW TABLES").fails_saying(&["No database is in use", "USE"]);
    let _ = stage.sql("SELECT * FROM files").fails_saying(&["without its database", "USE drive"]);
    let _ = stage.sql("USE drvie").fails_saying(&["drvie", "Did you mean `drive`?"]);
    let _ = stage
        .sql("USE drive; DROP DATABASE drive; SELECT * FROM files")
        .fails_saying(&["without its database"]);
}

#[test]
fn a_database_is_no_table() {
    let _ = mixed()
        .sql("DESCRIBE drive")
        .fails_saying(&["`drive` is a database, not a table", "SHOW TABLES FROM drive"]);
}

#[test]
fn create_has_three_forms_and_drop_two() {
    let stage = mixed();
    let params = Value::Object(stage.params());
    let create = |form: &str| {
        let statement = form.replace('…', &format!("ENGINE = 'one_drive', PARAMETERS = {params}"));
        stage.sql(&statement)
    };
    let _ = create("CREATE DATABASE drive WITH …").fails_saying(&["drive", "exists"]);
    let kept = create("CREATE DATABASE IF NOT EXISTS drive WITH …").succeeds();
    assert!(kept.err.contains("existed already and was kept"), "{}", kept.err);
    let _ = create("CREATE OR REPLACE DATABASE drive WITH …").succeeds();
    assert_eq!(stage.sql("SHOW DATABASES").rows().len(), 1);
    let _ = stage.sql("DROP DATABASE drive").succeeds();
    let _ = stage.sql("DROP DATABASE IF EXISTS drive").succeeds();
    let _ = stage.sql("DROP DATABASE drive").fails_saying(&["no database named `drive`"]);
}

#[test]
fn show_create_database_tells_what_is_no_secret_and_can_be_run_again() {
    let stage = mixed();
    let rows = stage.sql("SHOW CREATE DATABASE Drive").rows();
    let text = column(&rows, "statement").join("\n");
    for key in ["tenant_id", "client_id", "account_id"] {
        let value = stage.params()[key].clone();
        assert!(text.contains(&format!("\"{key}\": {value}")), "{text}");
    }
    for key in ["access_token", "refresh_token", "client_secret"] {
        assert!(text.contains(&format!("\"{key}\": '***'")), "{text}");
        assert!(!text.contains(stage.params()[key].as_str().unwrap()), "{text}");
    }
    let mut again = text.replace("CREATE DATABASE drive", "CREATE DATABASE again");
    for key in ["access_token", "refresh_token", "client_secret"] {
        let secret = stage.params()[key].to_string();
        again = again.replace(&format!("\"{key}\": '***'"), &format!("\"{key}\": {secret}"));
    }
    // Secrets that this connection does not have are left out, as the comment says.
    let again: Vec<&str> = again.lines().filter(|line| !line.contains("\": '***'")).collect();
    let _ = stage.sql(&again.join("\n")).succeeds();
    assert_eq!(stage.sql("SELECT path FROM again.files").rows().len(), 2);
}

#[test]
fn explain_tells_splits_bytes_and_what_was_pushed_and_no_secret() {
    let stage = mixed();
    let plan = |sql: &str| {
        let answer = stage.sql(sql).succeeds();
        for key in ["access_token", "refresh_token", "client_secret"] {
            assert!(!answer.out.contains(stage.params()[key].as_str().unwrap()));
        }
        assert!(!answer.out.contains("https://"), "{}", answer.out);
        answer.out
    };
    let file = plan("EXPLAIN SELECT city FROM drive.`Data/Mixed.csv`");
    assert!(file.contains("splits=1"), "{file}");
    assert!(file.contains(&format!("bytes={}", MIXED.len())), "{file}");
    let files = plan("EXPLAIN SELECT path FROM drive.files WHERE extension = 'csv' LIMIT 3");
    assert!(files.contains("filters=[extension = ") && files.contains("limit=3"), "{files}");
}

#[test]
fn a_column_is_found_in_any_case_and_keeps_its_name() {
    let stage = mixed();
    let first = |sql: &str| stage.sql(sql).rows().remove(0);
    for name in ["Name", "name", "NAME", "\"Name\"", "m.name", "M.\"Name\"", "`Name`"] {
        let row = first(&format!("SELECT {name} FROM drive.`Data/Mixed.csv` m WHERE age > 9"));
        assert_eq!(row["Name"], "Ada", "{name}: {row}");
    }
    let row = first("SELECT upper(name) AS name FROM drive.`Data/Mixed.csv` ORDER BY name DESC");
    assert_eq!(row["name"], "BOB");
    let row = first("WITH t AS (SELECT * FROM drive.`Data/Mixed.csv`) SELECT max(age) AS a FROM t");
    assert_eq!(row["a"], 36);
    let row = first("SELECT * EXCEPT (NAME) FROM drive.`Data/Mixed.csv`");
    assert_eq!(row.as_object().unwrap().len(), 2);
    let _ = stage
        .sql("SELECT \"name\" FROM drive.`Data/Mixed.csv`")
        .fails_saying(&["no column `name`", "Did you mean `Name`?"]);
}

#[test]
fn of_two_columns_that_differ_in_case_the_exact_one_is_meant_or_none() {
    let stage = mixed();
    let select = |column: &str| {
        stage.sql(&format!(
            "SELECT {column} FROM drive.`Data/Mixed.csv` a JOIN drive.`other.csv` b ON a.name = b.name"
        ))
    };
    assert_eq!(select("Name").rows()[0]["Name"], "Ada");
    assert_eq!(select("b.NAME").rows()[0]["name"], "Ada");
    let _ = select("NAME").fails_saying(&[
        "`NAME` may be `Name` or `name`, which differ only in case",
        "\"Name\" or \"name\"",
    ]);
}

#[test]
fn what_cannot_be_parsed_is_told_in_a_sentence_with_a_hint() {
    let stage = mixed();
    for (sql, texts) in [
        ("SELCT 1", ["does not begin", "Did you mean SELECT?"]),
        ("SELECT * FROM drive.Data/Mixed.csv", ["not quoted", "drive.`Data/Mixed.csv`"]),
        ("SELECT * FROM drive.'Data/Mixed.csv'", ["single quotes", "drive.`Data/Mixed.csv`"]),
        ("SELECT * FROM drive.files; LIMIT 1", ["before LIMIT", "Remove the `;`"]),
        ("SHOW COLUMNS FROM drive.files", ["DATABASES, TABLES", "The form is"]),
        ("SELECT nme FROM drive.`Data/Mixed.csv`", ["no column `nme`", "Did you mean `Name`?"]),
    ] {
        let answer: Answer = stage.sql(sql).fails_saying(&texts);
        assert_eq!(answer.err.lines().filter(|line| line.starts_with("error: ")).count(), 1);
        assert_eq!(answer.err.lines().filter(|line| line.starts_with("hint: ")).count(), 1);
    }
}
