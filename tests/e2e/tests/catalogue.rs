//! The catalogue: a drive is enumerated once, then followed at one request a time.

#![expect(clippy::unwrap_used, reason = "a test panics where anything is amiss")]

use std::process::Stdio;
use std::time::{Duration, Instant};

use datasource_e2e::{Answer, Fault, Stage, Step};

const FILES: &str = "SELECT path FROM drive.files ORDER BY path";

fn paths(stage: &Stage) -> Vec<String> {
    let rows = stage.sql(FILES).rows();
    rows.iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
}

fn small_pages(stage: &Stage) {
    let pages = serde_json::json!({"delta_page_limit": 3});
    stage.control().vary(&pages).unwrap();
}

fn wait_until(done: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < give_up, "it did not come to that within 30 s");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("folder{}/file{n}.csv", n % 4)).collect()
}

#[test]
fn the_second_listing_costs_one_request() {
    let files = many(20);
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(paths(&stage).len(), 20);
    assert_eq!(stage.graph_requests(), 1, "twenty files in four folders are one page of the feed");
    stage.forget_journal();
    assert_eq!(paths(&stage).len(), 20);
    assert_eq!(stage.graph_requests(), 1);
    stage.forget_journal();
    assert!(stage.sql("SHOW TABLES FROM drive").rows().len() >= 20);
    assert_eq!(stage.graph_requests(), 1);
}

#[test]
fn whoever_wants_only_a_few_files_does_not_enumerate_the_drive() {
    let stage = Stage::connected(&["a.csv", "b/c.csv", "b/d/e.csv"]);
    let _ = stage.sql("SELECT path FROM drive.files LIMIT 1").succeeds();
    assert!(stage.journal().iter().all(|request| !request.path.contains("delta")));
}

#[test]
fn what_changes_is_seen_at_the_next_listing() {
    let stage = Stage::connected(&["A/one.csv", "A/B/two.csv", "top.csv"]);
    assert_eq!(paths(&stage), ["A/B/two.csv", "A/one.csv", "top.csv"]);
    let control = stage.control();
    let steps: [(Step, &[&str]); 5] = [
        (Step::write("new.csv", "a\n"), &["A/B/two.csv", "A/one.csv", "new.csv", "top.csv"]),
        (Step::rename("A", "Z"), &["Z/B/two.csv", "Z/one.csv", "new.csv", "top.csv"]),
        (Step::rename("Z/B", "B"), &["B/two.csv", "Z/one.csv", "new.csv", "top.csv"]),
        (Step::rename("top.csv", "TOP.csv"), &["B/two.csv", "TOP.csv", "Z/one.csv", "new.csv"]),
        (Step::delete("Z"), &["B/two.csv", "TOP.csv", "new.csv"]),
    ];
    for (step, expected) in steps {
        control.edit("primary", &[step]).unwrap();
        stage.forget_journal();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(paths(&stage), expected);
        assert_eq!(stage.graph_requests(), 1);
    }
}

#[test]
fn an_expired_feed_is_begun_again_from_the_start() {
    let stage = Stage::connected(&["a.csv", "b.csv"]);
    assert_eq!(paths(&stage), ["a.csv", "b.csv"]);
    stage.control().expire_delta().unwrap();
    stage.control().edit("primary", &[Step::delete("a.csv")]).unwrap();
    stage.forget_journal();
    assert_eq!(paths(&stage), ["b.csv"]);
    assert!(stage.journal().iter().any(|request| request.status == 410));
}

#[test]
fn a_killed_enumeration_is_taken_up_where_it_was() {
    let files = many(30);
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    small_pages(&stage);
    // The sixth page hangs, and the process that asked for it dies.
    let hang = Fault::late(8_000).on_path("*/delta*").nth(6);
    stage.control().add_fault(&hang).unwrap();
    let mut command = stage.host(FILES);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| stage.graph_requests() >= 5);
    child.kill().unwrap();
    child.wait().unwrap();
    stage.control().clear_faults().unwrap();
    stage.forget_journal();
    assert_eq!(paths(&stage).len(), 30);
    let whole = 30_usize.div_ceil(3) + 2;
    let after = stage.graph_requests();
    assert!(after < whole, "{after} more of some {whole} pages were read");
}

#[test]
fn a_first_reading_that_takes_too_long_keeps_what_it_has_and_says_how_to_go_on() {
    let files = many(30);
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    small_pages(&stage);
    // On the emulator's clock; a wait that would last longer than a statement is not begun.
    for page in [3, 6] {
        let slow = Fault::status(429).retry_after("300").on_path("*/delta*").nth(page);
        stage.control().add_fault(&slow).unwrap();
    }
    let _ = stage.sql(FILES).fails_saying(&["REFRESH DATABASE", "goes on from there"]);
    stage.control().clear_faults().unwrap();
    stage.forget_journal();
    assert_eq!(paths(&stage).len(), 30);
    assert!(stage.graph_requests() < 30_usize.div_ceil(3), "it went on");
}

#[test]
fn while_a_drive_is_read_anew_for_long_the_old_state_is_served() {
    let files = many(12);
    // The page that takes long: the first one of the new reading, and a later one.
    for page in [1, 4] {
        let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(paths(&stage).len(), 12);
        small_pages(&stage);
        stage.control().add_fault(&Fault::status(410).on_path("*/delta*")).unwrap();
        // Longer than anybody waits where there is an old state.
        let slow = Fault::status(429).retry_after("100").on_path("*/delta*").nth(page);
        stage.control().add_fault(&slow).unwrap();
        let old = stage.sql(FILES).succeeds();
        assert!(old.err.contains("is being read anew"), "{}", old.err);
        assert_eq!(old.rows().len(), 12);
        stage.control().clear_faults().unwrap();
        stage.control().advance(Duration::from_secs(1_000)).unwrap();
        stage.control().edit("primary", &[Step::write("new.csv", "a\n1\n")]).unwrap();
        let _ = stage.sql("REFRESH DATABASE drive").succeeds();
        assert_eq!(paths(&stage).len(), 13);
    }
}

#[test]
fn a_drive_that_asks_to_wait_is_not_said_to_be_gone_on_with() {
    let stage = Stage::connected(&["a.csv"]);
    assert_eq!(paths(&stage), ["a.csv"]);
    let busy = Fault::status(429).retry_after("900").on_path("*/delta*").times(0);
    stage.control().add_fault(&busy).unwrap();
    let failed = stage.sql(FILES).fails_saying(&["Try again later"]);
    assert!(!failed.err.contains("goes on"), "{}", failed.err);
}

#[test]
fn two_processes_at_once_enumerate_once() {
    let files = many(30);
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    small_pages(&stage);
    let children: Vec<_> = (0..4)
        .map(|_| {
            let mut command = stage.host("SELECT COUNT(*) AS n FROM drive.files");
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let rows = Answer::of(&child.wait_with_output().unwrap()).rows();
        assert_eq!(rows[0]["n"], 30);
    }
    let links: Vec<_> = stage.journal().iter().map(|r| (r.path.clone(), r.query.clone())).collect();
    let different: std::collections::HashSet<_> = links.iter().collect();
    // Each came to ask what changed at most once beside.
    assert!(links.len() <= different.len() + 4, "{} of {}", links.len(), different.len());
}

#[test]
fn a_pattern_is_walked_no_deeper_than_it_can_match() {
    let stage = Stage::connected(&["a/x.csv", "a/b/x.csv", "a/b/c/x.csv", "d/x.csv", "d/e/y.csv"]);
    let without = Fault::status(403).on_path("*/delta*").times(0);
    stage.control().add_fault(&without).unwrap();
    let _ = stage.sql(FILES).succeeds();
    stage.forget_journal();
    let rows = stage.sql("SELECT filename FROM drive.`*/x.csv?filename=true` ORDER BY 1").rows();
    assert_eq!(rows.len(), 2, "{rows:?}");
    let lists = stage.journal().iter().filter(|r| r.path.contains("/children")).count();
    assert_eq!(lists, 3, "the root, a and d");
}

#[test]
fn a_drive_without_a_feed_is_walked() {
    let stage = Stage::connected(&["a/b.csv", "c.csv"]);
    let refused = Fault::status(501).on_path("*/delta*").times(0);
    stage.control().add_fault(&refused).unwrap();
    assert_eq!(paths(&stage), ["a/b.csv", "c.csv"]);
    stage.forget_journal();
    assert_eq!(paths(&stage), ["a/b.csv", "c.csv"]);
    assert!(stage.journal().iter().all(|request| !request.path.contains("delta")), "remembered");
}

#[test]
fn a_feed_that_runs_in_a_loop_is_an_error_and_not_for_ever() {
    let files = many(12);
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    small_pages(&stage);
    let looping = Fault::effect(serde_json::json!({"page": "loop"})).on_path("*/delta*").times(0);
    stage.control().add_fault(&looping).unwrap();
    let _ = stage.sql(FILES).fails_saying(&["back to its start again and again"]);
    stage.control().clear_faults().unwrap();
    assert_eq!(paths(&stage).len(), 12);
}

#[test]
fn a_feed_that_comes_in_any_order_with_repeats_and_faults_gives_the_same_rows() {
    let files = many(25);
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    small_pages(&stage);
    let mut expected = files.clone();
    expected.sort_unstable();
    for order in ["shuffled", "reversed"] {
        let odd = serde_json::json!({"delta_order": order, "delta_duplicates": true});
        stage.control().vary(&odd).unwrap();
        stage.control().expire_delta().unwrap();
        let flaky = Fault::status(503).with_probability(0.3).on_path("*/delta*").times(0);
        stage.control().add_fault(&flaky).unwrap();
        assert_eq!(paths(&stage), expected, "{order}");
        stage.control().clear_faults().unwrap();
    }
}

#[test]
fn a_folder_path_shows_its_part_of_the_catalogue() {
    let stage = Stage::connected(&["A/one.csv", "A/B/two.csv", "top.csv"]);
    let _ = stage.alter("drive", &serde_json::json!({"folder_path": "A"})).succeeds();
    assert_eq!(paths(&stage), ["B/two.csv", "one.csv"]);
    stage.forget_journal();
    assert_eq!(paths(&stage), ["B/two.csv", "one.csv"]);
    assert_eq!(stage.graph_requests(), 1);
}

#[test]
fn an_instance_makes_as_many_requests_as_it_needs() {
    let files: Vec<String> = (0..1_100).map(|n| format!("{n}.csv")).collect();
    let stage = Stage::connected(&files.iter().map(String::as_str).collect::<Vec<_>>());
    stage.control().vary(&serde_json::json!({"delta_page_limit": 1})).unwrap();
    let rows = stage.sql("SELECT COUNT(*) AS n FROM drive.files").rows();
    assert_eq!(rows[0]["n"], 1_100);
    assert!(stage.graph_requests() > 1_000);
}

#[test]
fn a_feed_that_is_taken_away_leads_to_a_walk() {
    let stage = Stage::connected(&["a/b.csv", "c.csv"]);
    assert_eq!(paths(&stage), ["a/b.csv", "c.csv"]);
    let forbidden = Fault::status(403).on_path("*/delta*").times(0);
    stage.control().add_fault(&forbidden).unwrap();
    stage.forget_journal();
    assert_eq!(paths(&stage), ["a/b.csv", "c.csv"]);
    let feed = stage.journal().into_iter().filter(|r| r.path.contains("delta")).count();
    assert!(feed <= 2, "{feed} requests");
}

#[test]
fn a_listing_waits_as_long_as_the_service_asks() {
    let stage = Stage::connected(&["a.csv"]);
    let busy = Fault::status(429).retry_after("300").on_path("*/delta*").times(1);
    stage.control().add_fault(&busy).unwrap();
    assert_eq!(paths(&stage), ["a.csv"]);
}
