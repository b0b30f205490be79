//! Each format gives its rows, through the shipped component, on both kinds of
//! account.

use std::path::Path;

use datasource_e2e::{Profile, Stage};
use serde_json::{Value, json};

/// A query over the drive of real files on both kinds of account.
fn rows(sql: &str) -> Vec<Value> {
    let [business, personal] = [Profile::Business, Profile::Personal].map(|profile| {
        let stage = Stage::new(profile);
        let _ = stage.create("drive").succeeds();
        stage.sql(sql).rows()
    });
    assert_eq!(business, personal);
    business
}

#[test]
fn tab_separated_text() {
    assert_eq!(
        rows("SELECT * FROM drive.`labour/unemployment.tsv` LIMIT 2"),
        [json!({"id": 1001, "rate": 0.097}), json!({"id": 1003, "rate": 0.091})]
    );
    assert_eq!(
        rows("SELECT count(*) AS n FROM drive.`labour/unemployment.tsv`"),
        [json!({"n": 3218})]
    );
}

#[test]
fn a_tsv_with_commas_in_its_header_is_still_split_at_tabs() {
    let stage = Stage::with_files(Profile::Business, &[("a.tsv", b"a,b\tc\n1,2\t3\n")]);
    let _ = stage.create("drive").succeeds();
    let rows = stage.sql("SELECT * FROM drive.`a.tsv`").rows();
    assert_eq!(rows, [json!({"a,b": "1,2", "c": 3})]);
}

#[test]
fn a_bare_name_serves_if_it_is_unique() {
    let files: [(&str, &[u8]); 3] =
        [("a/One.csv", b"x\n1\n"), ("a/two.csv", b"x\n2\n"), ("b c/two.csv", b"x\n3\n")];
    for profile in [Profile::Business, Profile::Personal] {
        let stage = Stage::with_files(profile, &files);
        let _ = stage.create("drive").succeeds();
        assert_eq!(stage.sql("SELECT * FROM drive.`one.csv`").rows(), [json!({"x": 1})]);
        let _ = stage
            .sql("SELECT * FROM drive.`two.csv`")
            .fails_saying(&["Several files are named `two.csv`", "`a/two.csv`, `b c/two.csv`"]);
        let _ = stage.sql("SELECT * FROM drive.`three.csv`").fails_saying(&["no file `three.csv`"]);
        assert_eq!(stage.sql("SELECT * FROM drive.`B C/TWO.csv`").rows(), [json!({"x": 3})]);
    }
}

#[test]
fn an_array_of_json_objects() {
    let first = json!({
        "Name": "chevrolet chevelle malibu", "Miles_per_Gallon": 18.0, "Cylinders": 8,
        "Displacement": 307.0, "Horsepower": 130, "Weight_in_lbs": 3504, "Acceleration": 12.0,
        "Year": "1970-01-01", "Origin": "USA"
    });
    assert_eq!(rows("SELECT * FROM drive.`cars/cars.json` LIMIT 1"), [first]);
    assert_eq!(
        rows(
            "SELECT count(*) AS n, count(\"Horsepower\") AS known, max(\"Year\") AS latest \
             FROM drive.`cars/cars.json`"
        ),
        [json!({"n": 406, "known": 400, "latest": "1982-01-01"})]
    );
}

#[test]
fn json_keys_with_spaces_are_columns() {
    assert_eq!(
        rows(
            "SELECT \"Species\", avg(\"Body Mass (g)\") AS mass FROM drive.`science/penguins.json` \
             GROUP BY \"Species\" ORDER BY mass DESC LIMIT 1"
        )[0]["Species"],
        "Gentoo"
    );
}

#[test]
fn json_lines_and_one_object() {
    let files: [(&str, &[u8]); 2] = [
        ("a.jsonl", b"{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n{\"b\":null,\"a\":3}\n"),
        ("one.json", b"{\"a\": 1, \"b\": {\"c\": [1, 2]}}"),
    ];
    let stage = Stage::with_files(Profile::Business, &files);
    let _ = stage.create("drive").succeeds();
    assert_eq!(
        stage.sql("SELECT * FROM drive.`a.jsonl`").rows(),
        [json!({"a": 1, "b": "x"}), json!({"a": 2, "b": null}), json!({"a": 3, "b": null})]
    );
    let one = stage.sql("SELECT a, b FROM drive.`one.json`").rows();
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["a"], 1);
}

#[test]
fn plain_text_is_chunks_with_their_source() {
    let text = "First paragraph.\n\nSecond paragraph.\n";
    let stage = Stage::with_files(Profile::Personal, &[("notes/a.txt", text.as_bytes())]);
    let _ = stage.create("drive").succeeds();
    let rows = stage.sql("SELECT * FROM drive.`notes/a.txt`").rows();
    assert!(rows[0]["content"].as_str().unwrap().starts_with("First paragraph."), "{rows:?}");
    let metadata: Value = serde_json::from_str(rows[0]["metadata"].as_str().unwrap()).unwrap();
    assert_eq!(metadata, json!({"source_file": "a.txt", "file_format": "txt"}));
}

#[test]
fn the_same_rows_by_pyarrow_polars_and_duckdb() {
    let formats =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../component/formats");
    let folder = formats.join("tests/data/written");
    let names = [
        "pyarrow.csv",
        "pyarrow.tsv",
        "polars.csv",
        "polars.tsv",
        "polars.jsonl",
        "polars.json",
        "duckdb.csv",
        "duckdb.tsv",
        "duckdb.jsonl",
        "duckdb.json",
    ];
    let files = names.map(|name| (name, std::fs::read(folder.join(name)).unwrap()));
    let files: Vec<_> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    let row = |i: usize| match i % 7 {
        3 => json!({"id": i, "price": null, "ok": null, "name": null, "day": null, "at": null}),
        _ => json!({
            "id": i, "price": i as f64 / 4.0, "ok": i.is_multiple_of(2), "name": format!("name {i}"),
            "day": format!("2024-{:02}-{:02}", 1 + i / 31, 1 + i % 31),
            "at": format!("2024-01-01T12:00:{i:02}"),
        }),
    };
    let expected: Vec<Value> = (0..40).map(row).collect();
    for profile in [Profile::Business, Profile::Personal] {
        let stage = Stage::with_files(profile, &files);
        let _ = stage.create("drive").succeeds();
        for name in names {
            assert_eq!(
                stage.sql(&format!("SELECT * FROM drive.`{name}`")).rows(),
                expected,
                "{name}"
            );
        }
    }
}
