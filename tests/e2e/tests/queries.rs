//! Files are tables: what a query gives, and what it costs.

use datasource_e2e::{Profile, Stage};
use serde_json::json;

fn connected(profile: Profile) -> Stage {
    let stage = Stage::new(profile);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    stage
}

#[test]
fn a_file_is_a_table_by_its_full_path_on_both_kinds_of_account() {
    for profile in [Profile::Business, Profile::Personal] {
        let stage = connected(profile);
        let rows = stage.sql("SELECT * FROM drive.`my-folder/my-file.csv` LIMIT 2").rows();
        let first = json!({
            "date": "2012-01-01", "precipitation": 0.0, "temp_max": 12.8, "temp_min": 5.0,
            "wind": 4.7, "weather": "drizzle"
        });
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], first, "{profile:?}");
    }
}

#[test]
fn an_aggregate_counts_every_row_and_a_join_joins_two_files() {
    let stage = connected(Profile::Business);
    let rows = stage.sql("SELECT count(*) AS n FROM drive.`geo/zipcodes.csv`").rows();
    assert_eq!(rows, [json!({"n": 42049})]);

    let join = "SELECT a.name, z.county FROM drive.`geo/airports.csv` a \
                JOIN drive.`geo/zipcodes.csv` z ON a.city = z.city AND a.state = z.state \
                WHERE a.iata = 'JFK' LIMIT 1";
    assert_eq!(
        stage.sql(join).rows(),
        [json!({"name": "John F Kennedy Intl", "county": "New York"})]
    );
}

#[test]
fn leading_zeros_stay() {
    let stage = connected(Profile::Business);
    let rows = stage.sql("SELECT zip_code FROM drive.`geo/zipcodes.csv` LIMIT 1").rows();
    assert_eq!(rows, [json!({"zip_code": "00501"})]);
}

#[test]
fn files_lists_every_file_and_a_star_fetches_no_content() {
    let stage = connected(Profile::Business);
    let rows = stage.sql("SELECT * FROM drive.files ORDER BY path").rows();
    let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "cars/cars.json",
            "finance/stocks.csv",
            "finance/stocks.parquet",
            "geo/airports.csv",
            "geo/zipcodes.csv",
            "labour/unemployment.tsv",
            "my-folder/my-file.csv",
            "safety/birdstrikes.csv",
            "science/penguins.json",
            "science/species.csv",
            "weather/co2-concentration.csv",
        ]
    );
    assert_eq!(rows[1]["name"], "stocks.csv");
    assert_eq!(rows[1]["extension"], "csv");
    assert!(stage.journal().iter().all(|request| !request.is_download()));
}

#[test]
fn named_content_is_fetched_for_the_rows_that_pass_and_for_no_others() {
    let stage = connected(Profile::Business);
    let statement = "SELECT path, length(arrow_cast(content, 'Utf8')) AS n FROM drive.files \
                     WHERE path LIKE 'weather/%' LIMIT 10";
    let rows = stage.sql(statement).rows();
    assert_eq!(rows, [json!({"path": "weather/co2-concentration.csv", "n": 18547})]);
    assert_eq!(stage.journal().iter().filter(|request| request.is_download()).count(), 1);
}

#[test]
fn limit_ten_of_a_large_file_costs_two_graph_requests_and_little_content() {
    let mut text = String::from("n,square,words\n");
    for n in 0..800_000_u64 {
        text.push_str(&format!("{n},{},some words of row {n}\n", n * n));
    }
    let stage = Stage::with_files(Profile::Business, &[("big.csv", text.as_bytes())]);
    let _ = stage.create("drive").succeeds();
    stage.forget_journal();
    let rows = stage.sql("SELECT n, square FROM drive.`big.csv` LIMIT 10").rows();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[9], json!({"n": 9, "square": 81}));
    let journal = stage.journal();
    assert!(journal.iter().filter(|request| request.is_graph()).count() <= 2, "{journal:?}");
    let bytes: u64 = journal.iter().map(|request| request.response_bytes).sum();
    assert!(bytes <= 2 << 20, "{bytes} bytes of {}", text.len());
}

#[test]
fn a_full_scan_gives_every_row_of_a_file_of_many_ranges() {
    let mut text = String::from("n,words\n");
    for n in 0..400_000_u64 {
        text.push_str(&format!("{n},\"row, {n}\"\n"));
    }
    let stage = Stage::with_files(Profile::Personal, &[("big.csv", text.as_bytes())]);
    let _ = stage.create("drive").succeeds();
    let rows = stage.sql("SELECT count(*) AS c, sum(n) AS s, max(words) AS m FROM drive.`big.csv`");
    assert_eq!(rows.rows(), [json!({"c": 400_000, "s": 79_999_800_000_u64, "m": "row, 99999"})]);
}

#[test]
fn a_path_is_found_in_another_case_and_awkward_names_are_found_as_they_are() {
    let awkward = "a b/#1%+&'=@ [x]{y}.csv";
    let foreign = "ü/日本.csv";
    let stage = Stage::with_files(
        Profile::Business,
        &[("Reports/Q3.CSV", b"a\n1\n"), (awkward, b"a\n2\n"), (foreign, b"a\n3\n")],
    );
    let _ = stage.create("drive").succeeds();
    for (path, value) in [("reports/q3.csv", 1), (awkward, 2), (foreign, 3)] {
        let rows = stage.sql(&format!("SELECT a FROM drive.`{path}`")).rows();
        assert_eq!(rows, [json!({"a": value})], "{path}");
    }
}

#[test]
fn what_was_inferred_can_be_overridden_after_a_question_mark() {
    let stage = Stage::with_files(Profile::Business, &[("x.csv", b"a;b\n1;2\n")]);
    let _ = stage.create("drive").succeeds();
    assert_eq!(stage.sql("SELECT * FROM drive.`x.csv`").rows(), [json!({"a": 1, "b": 2})]);
    let rows = stage.sql("SELECT * FROM drive.`x.csv?delimiter=,`").rows();
    assert_eq!(rows, [json!({"a;b": "1;2"})]);
}

#[test]
fn the_bearer_goes_to_graph_and_nowhere_else() {
    let stage = connected(Profile::Business);
    let _ = stage.sql("SELECT * FROM drive.`geo/airports.csv`").succeeds();
    let _ = stage.sql("SELECT path, content FROM drive.files").succeeds();
    for request in stage.journal() {
        let expected = if request.is_graph() { "bearer" } else { "none" };
        assert_eq!(request.authorization, expected, "{request:?}");
    }
}

#[test]
fn several_formats_of_output_hold_the_same_rows() {
    let stage = Stage::with_files(Profile::Business, &[("x.csv", b"a,b\n1,x\n2,\n")]);
    let _ = stage.create("drive").succeeds();
    let run = |format: &str| {
        stage.host_in(format, "SELECT * FROM drive.`x.csv`").output().unwrap().stdout
    };
    let csv = String::from_utf8(run("csv")).unwrap();
    assert_eq!(csv, "a,b\n1,x\n2,\n");
    let table = String::from_utf8(run("table")).unwrap();
    assert!(table.contains("NULL") && table.contains('x'), "{table}");
    assert!(run("arrow").len() > 100);
}
