//! Each format gives its rows, through the shipped component, on both kinds of
//! account.

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
