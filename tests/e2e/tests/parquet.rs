//! Parquet through the shipped component: every codec and writer, and no more bytes than a query
//! needs.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use datasource_e2e::{Profile, Stage, Step};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

/// Files of pyarrow, Polars and DuckDB, by name; see the README beside them.
fn written_by_others() -> Vec<(String, Vec<u8>)> {
    let formats =
        Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../component/formats");
    let folder = std::fs::read_dir(formats.join("tests/data/parquet")).unwrap();
    let mut files = Vec::new();
    for entry in folder {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "parquet") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((name, std::fs::read(path).unwrap()));
        }
    }
    files.sort();
    files
}

fn stage(profile: Profile, files: &[(String, Vec<u8>)]) -> Stage {
    let files: Vec<_> = files.iter().map(|(n, bytes)| (n.as_str(), bytes.as_slice())).collect();
    let stage = Stage::with_files(profile, &files);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    stage
}

#[test]
fn every_codec_of_every_writer_gives_the_same_rows() {
    let files = written_by_others();
    let has_rows = |name: &str| {
        let odd = ["nested", "rare", "wide", "deltas", "int96", "empty"];
        !odd.iter().any(|odd| name.contains(odd))
    };
    let names: Vec<_> = files.iter().map(|(name, _)| name).filter(|name| has_rows(name)).collect();
    assert!(names.len() >= 20, "{names:?}");
    for profile in [Profile::Business, Profile::Personal] {
        let stage = stage(profile, &files);
        let rows = |name: &str| {
            stage.sql(&format!("SELECT id, name, kind FROM drive.`{name}` ORDER BY id")).rows()
        };
        let expected: Vec<Value> = (0..40)
            .map(|i| match i % 7 {
                3 => json!({"id": i, "name": null, "kind": null}),
                _ => json!({"id": i, "name": format!("name {i}"), "kind": &"abc"[i % 3..][..1]}),
            })
            .collect();
        for name in &names {
            assert_eq!(rows(name), expected, "{name}");
        }
    }
}

#[test]
fn types_are_what_people_mean() {
    let stage = stage(Profile::Business, &written_by_others());
    let row = stage.sql("SELECT * FROM drive.`pyarrow_zstd.parquet` WHERE id = 5").rows();
    assert_eq!(
        row,
        [json!({
            "id": 5, "small": -15, "price": 1.25, "ok": false, "name": "name 5", "kind": "c",
            "raw": "05ff", "day": "2024-01-06", "at": "2024-01-01T12:00:05",
            "zoned": "2024-01-01T12:00:05Z", "amount": 5.05
        })]
    );
    let nested = "SELECT tags, place FROM drive.`pyarrow_nested.parquet` LIMIT 3";
    assert_eq!(stage.sql(nested).rows()[2]["tags"], json!(["t0", "t1"]));
    let count = stage.sql("SELECT count(*) AS n FROM drive.`pyarrow_empty.parquet`").rows();
    assert_eq!(count, [json!({"n": 0})]);
}

/// Sixteen columns of numbers that no codec makes smaller, in four row groups.
fn wide(rows: i64) -> Vec<u8> {
    let column = |c: i64| {
        let values = (0..rows).map(|i| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64 + c));
        (format!("c{c:02}"), Arc::new(values.collect::<Int64Array>()) as ArrayRef)
    };
    let batch = RecordBatch::try_from_iter((0..16).map(column)).unwrap();
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(usize::try_from(rows / 4).unwrap()))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Requests to Graph, and bytes of all answers, that a query costs.
fn cost(stage: &Stage, sql: &str) -> (usize, u64, Vec<Value>) {
    stage.forget_journal();
    let rows = stage.sql(sql).rows();
    let journal = stage.journal();
    let graph = journal.iter().filter(|request| request.is_graph()).count();
    (graph, journal.iter().map(|request| request.response_bytes).sum(), rows)
}

#[test]
fn a_query_downloads_the_chunks_of_its_columns_and_little_else() {
    let rows = 800_000;
    let bytes = wide(rows);
    let size = bytes.len() as u64;
    let stage = stage(Profile::Business, &[("wide.parquet".to_owned(), bytes)]);

    let two = "SELECT min(c03) AS low, max(c11) AS high FROM drive.`wide.parquet`";
    let (graph, fetched, answer) = cost(&stage, two);
    let low = (1..=rows).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64 + 3)).min();
    let high = (1..=rows).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64 + 11)).max();
    assert_eq!(answer, [json!({"low": low, "high": high})]);
    assert!(fetched <= size / 8 * 105 / 100, "{fetched} bytes of {size} for two of 16 columns");
    assert!(graph <= 5, "{graph} Graph requests for at most 4 splits");

    let (graph, fetched, answer) = cost(&stage, "SELECT * FROM drive.`wide.parquet` LIMIT 10");
    assert_eq!(answer.len(), 10);
    assert!(fetched <= 4 << 20, "{fetched} bytes of {size}: a page of each column");
    assert!(graph <= 2, "{graph} Graph requests for LIMIT 10");

    let (graph, fetched, answer) = cost(&stage, "SELECT count(*) AS n FROM drive.`wide.parquet`");
    assert_eq!(answer, [json!({"n": rows})]);
    assert!(graph == 1 && fetched < 100_000, "{graph} requests and {fetched} bytes to count");
}

#[test]
fn the_footer_of_a_version_is_read_once_and_a_small_file_too() {
    let (large, small) = (wide(400_000), wide(100));
    let files = [("large.parquet".to_owned(), large), ("a/small.parquet".to_owned(), small)];
    let stage = stage(Profile::Business, &files);
    let count = |table: &str| cost(&stage, &format!("SELECT count(*) AS n FROM drive.`{table}`"));
    let (_, fetched, first) = count("large.parquet");
    assert_eq!(first, [json!({"n": 400_000})]);
    let (graph, again, second) = count("large.parquet");
    assert_eq!((graph, second), (1, first), "the item, which tells the version");
    assert!(again + 5_000 < fetched, "{again} bytes after {fetched}");
    let plan = stage.sql("EXPLAIN SELECT c01 FROM drive.`large.parquet`").succeeds();
    assert!(plan.out.contains("same version read before"), "{}", plan.out);

    let sum = "SELECT sum(c01) AS n FROM drive.`a/`";
    let _ = stage.sql("SELECT count(*) FROM drive.files").succeeds();
    let (_, _, first) = cost(&stage, sum);
    let (graph, _, second) = cost(&stage, sum);
    assert_eq!((graph, stage.journal().len(), second), (1, 1, first), "what changed, only");
}

#[test]
fn a_feed_without_content_tags_does_not_keep_footers_from_being_kept() {
    let files = [("a/large.parquet".to_owned(), wide(400_000))];
    let stage = stage(Profile::Business, &files);
    stage.control().vary(&json!({"delta_c_tags": false})).unwrap();
    let _ = stage.sql("SELECT count(*) FROM drive.files").succeeds();
    let count = "SELECT count(*) AS n FROM drive.`a/`";
    let (_, _, first) = cost(&stage, count);
    assert_eq!(first, [json!({"n": 400_000})]);
    let (graph, _, second) = cost(&stage, count);
    assert_eq!((graph, stage.journal().len(), second), (1, 1, first), "what changed, only");
}

#[test]
fn a_file_with_a_new_tag_of_the_same_bytes_costs_more_only_once() {
    let files = [("a/large.parquet".to_owned(), wide(400_000))];
    let stage = stage(Profile::Business, &files);
    let _ = stage.sql("SELECT count(*) FROM drive.files").succeeds();
    let sum = |folder: &str| format!("SELECT count(c01) AS n FROM drive.`{folder}` WHERE c01 <> 0");
    let _ = cost(&stage, &sum("a/"));
    let (usual, _, rows) = cost(&stage, &sum("a/"));
    assert_eq!(rows, [json!({"n": 400_000})]);
    stage.control().edit("primary", &[Step::rename("a/large.parquet", "b/large.parquet")]).unwrap();
    let _ = cost(&stage, &sum("b/"));
    let _ = cost(&stage, &sum("b/"));
    let (later, _, rows) = cost(&stage, &sum("b/"));
    assert_eq!((later, rows), (usual, vec![json!({"n": 400_000})]));
}

#[test]
fn a_footer_of_a_file_that_was_replaced_is_forgotten() {
    let files = [("a/large.parquet".to_owned(), wide(400_000))];
    let stage = stage(Profile::Business, &files);
    let _ = stage.alter("drive", &json!({"listing_max_age": 86_400})).succeeds();
    let sum = "SELECT count(c01) AS n FROM drive.`a/` WHERE c01 <> 0";
    let _ = stage.sql("SELECT count(*) FROM drive.files").succeeds();
    assert_eq!(stage.sql(sum).rows(), [json!({"n": 400_000})]);
    let step = Step::write("a/large.parquet", wide(500_000));
    stage.control().edit("primary", &[step]).unwrap();
    // The listing still tells of the old version: whoever notices says so, once.
    let _ = stage.sql(sum).fails_saying(&["Run the statement again"]);
    assert_eq!(stage.sql(sum).rows(), [json!({"n": 500_000})]);
}

#[test]
fn a_file_that_became_shorter_than_an_old_listing_says_is_read() {
    let files = [("a/large.parquet".to_owned(), wide(400_000))];
    let stage = stage(Profile::Business, &files);
    let _ = stage.alter("drive", &json!({"listing_max_age": 86_400})).succeeds();
    let _ = stage.sql("SELECT count(*) FROM drive.files").succeeds();
    let step = Step::write("a/large.parquet", wide(100));
    stage.control().edit("primary", &[step]).unwrap();
    let count = "SELECT count(c01) AS n FROM drive.`a/`";
    assert_eq!(stage.sql(count).rows(), [json!({"n": 100})]);
}

#[test]
fn explain_tells_the_row_groups_and_bytes() {
    let stage = stage(Profile::Business, &[("wide.parquet".to_owned(), wide(4_000))]);
    let plan = stage.sql("EXPLAIN SELECT c01 FROM drive.`wide.parquet`").succeeds();
    assert!(plan.out.contains("4 of 4 row groups"), "{}", plan.out);
}
