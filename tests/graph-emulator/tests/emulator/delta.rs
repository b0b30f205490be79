//! Delta: what changed in a drive.

use serde_json::{Value, json};

use crate::stage::{Answer, Stage};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

fn names(rows: &Value) -> Vec<String> {
    let name = |row: &Value| row["name"].as_str().unwrap_or("-").to_owned();
    rows["value"].as_array().unwrap().iter().map(name).collect()
}

/// The path of the delta link of an answer.
fn link(answer: &Value) -> String {
    answer["@odata.deltaLink"].as_str().unwrap().to_owned()
}

async fn start(stage: &Stage) -> String {
    link(&stage.graph("/me/drive/root/delta").await.json())
}

async fn since(stage: &Stage, link: &str) -> Value {
    stage.follow(link).await.json()
}

/// Section 3.1, 3.2: the root comes first, and parents before what is in them.
#[tokio::test]
async fn a_first_enumeration_has_everything_and_ends_with_a_delta_link() {
    for stage in [
        Stage::business(&[("a/b/c.csv", "1"), ("d.csv", "2")]).await,
        Stage::personal(&[("a/b/c.csv", "1"), ("d.csv", "2")]).await,
    ] {
        let answer = stage.graph("/me/drive/root/delta").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        assert_eq!(names(&page), ["root", "a", "b", "c.csv", "d.csv"]);
        assert!(page["@odata.context"].as_str().unwrap().ends_with("#Collection(driveItem)"));
        assert!(page.get("@odata.nextLink").is_none());
        assert!(link(&page).contains("/root/delta?token="));
    }
}

/// Section 3.1: exactly one of the two links; options are kept.
#[tokio::test]
async fn pages_lead_to_the_next_and_keep_the_options() {
    let stage = Stage::business(&[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let pages = stage.pages("/me/drive/root/delta?$top=2&$select=id,name").await;
    assert_eq!(pages.len(), 2);
    let next = pages[0]["@odata.nextLink"].as_str().unwrap();
    assert!(next.contains("$select=id%2cname&$top=2&token="), "{next}");
    assert!(pages[0].get("@odata.deltaLink").is_none());
    assert!(link(&pages[1]).contains("$select=id%2cname"));
    assert!(pages[1]["value"][0].get("size").is_none());
    assert_eq!([names(&pages[0]), names(&pages[1])].concat(), ["root", "a", "b", "c"]);
}

/// Section 3.2: only what changed, and the folders above it.
#[tokio::test]
async fn an_increment_has_the_change_and_the_folders_above_it() {
    let stage = Stage::business(&[("a/b/c.csv", "1"), ("d.csv", "2")]).await;
    let first = start(&stage).await;
    assert_eq!(names(&since(&stage, &first).await), [] as [&str; 0]);
    stage.write("a/b/c.csv", "changed");
    let page = since(&stage, &first).await;
    assert_eq!(names(&page), ["root", "a", "b", "c.csv"]);
    assert_eq!(names(&since(&stage, &link(&page)).await), [] as [&str; 0]);
    let path = first.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    let alone = stage.graph_with(path, &[("deltaExcludeParent", "true")]).await.json();
    assert_eq!(names(&alone), ["c.csv"]);
}

/// Section 3.1: nothing but a link.
#[tokio::test]
async fn the_token_latest_starts_now() {
    let stage = Stage::business(&[("a", "1")]).await;
    for path in ["/me/drive/root/delta?token=latest", "/me/drive/root/delta(token='latest')"] {
        let page = stage.graph(path).await.json();
        assert_eq!(names(&page), [] as [&str; 0], "{path}");
        stage.write("b", path);
        assert!(names(&since(&stage, &link(&page)).await).contains(&"b".to_owned()));
    }
}

/// Section 3.1: changes since a time, on drives of work only.
#[tokio::test]
async fn a_time_stands_for_a_token_on_business() {
    let stage = Stage::business(&[("old", "1")]).await;
    stage.advance(MINUTE * 60).await;
    let now = stage.control("GET", "/clock", "").await.json()["now_ms"].as_i64().unwrap();
    stage.edit("primary", json!({"op": "write", "path": "new", "text": "x"})).await;
    stage.edit("primary", json!({"op": "delete", "path": "old"})).await;
    let time = chrono::DateTime::from_timestamp_millis(now - 60_000).unwrap();
    let time = time.format("%Y-%m-%dT%H%%3A%M%%3A%SZ");
    let page = stage.graph(&format!("/me/drive/root/delta?token={time}")).await.json();
    let rows = page["value"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["name"] == "new"), "{page}");
    assert!(rows.iter().any(|row| row.get("deleted").is_some()), "{page}");
    let old = stage.graph("/me/drive/root/delta?token=2020-01-01T00%3A00%3A00Z").await;
    assert_eq!(old.status, 410);
    let personal = Stage::personal(&[]).await;
    let refused = personal.graph(&format!("/me/drive/root/delta?token={time}")).await;
    assert_eq!(refused.status, 400);
}

/// Section 3.2: a move and a rename keep the identifier.
#[tokio::test]
async fn a_moved_item_comes_with_its_new_place_and_its_old_identifier() {
    let stage = Stage::business(&[("a/x.csv", "1"), ("b/y.csv", "2")]).await;
    let id = stage.graph("/me/drive/root:/a/x.csv").await.json()["id"].clone();
    let first = start(&stage).await;
    stage.edit("primary", json!({"op": "move", "path": "a/x.csv", "to": "b/z.csv"})).await;
    let page = since(&stage, &first).await;
    let row = page["value"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    assert_eq!((&row["name"], &row["parentReference"]["name"]), (&json!("z.csv"), &json!("b")));
}

/// Section 3.2: descendants of a renamed folder do not come.
#[tokio::test]
async fn a_renamed_folder_comes_without_what_is_in_it() {
    let stage = Stage::business(&[("a/x.csv", "1")]).await;
    let first = start(&stage).await;
    stage.edit("primary", json!({"op": "move", "path": "a", "to": "b"})).await;
    assert_eq!(names(&since(&stage, &first).await), ["root", "b"]);
    assert_eq!(stage.graph("/me/drive/root:/b/x.csv").await.status, 200);
}

/// Section 1.9, 3.2: tombstones in the shape of each kind of drive.
#[tokio::test]
async fn deleted_items_come_as_tombstones() {
    let business = Stage::business(&[("a/x.csv", "1")]).await;
    let first = start(&business).await;
    business.edit("primary", json!({"op": "delete", "path": "a"})).await;
    let page = since(&business, &first).await;
    let gone: Vec<&Value> = page["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row.get("deleted").is_some())
        .collect();
    assert_eq!(gone.len(), 2, "the folder and what was in it: {page}");
    assert_eq!(gone[0]["deleted"], json!({"state": "deleted"}));
    assert!(gone[0].get("name").is_none());
    assert!(gone[1]["cTag"].as_str().unwrap().ends_with(",-1\""));
    assert_eq!(gone[1]["size"], 0);

    let personal = Stage::personal(&[("x.csv", "1")]).await;
    let first = start(&personal).await;
    personal.edit("primary", json!({"op": "delete", "path": "x.csv"})).await;
    let page = since(&personal, &first).await;
    let gone = page["value"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&gone["name"], &gone["deleted"]), (&json!("x.csv"), &json!({})));
}

/// Section 3.2: the other forms of tombstones.
#[tokio::test]
async fn tombstones_have_the_form_that_was_set() {
    let stage = Stage::business(&[("x", "1")]).await;
    let first = start(&stage).await;
    stage.edit("primary", json!({"op": "delete", "path": "x"})).await;
    for (variant, deleted, tagged) in [
        ("observed", json!({"state": "deleted"}), true),
        ("documented", json!({"state": "deleted"}), false),
        ("soft_deleted", json!({"state": "softDeleted"}), true),
        ("bare", json!({}), true),
    ] {
        stage.vary(json!({"tombstones": variant})).await;
        let page = since(&stage, &first).await;
        let gone = page["value"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&gone["deleted"], gone.get("cTag").is_some()), (&deleted, tagged), "{variant}");
    }
}

fn error(answer: &Answer) -> (u16, String) {
    let (status, code, _) = answer.error();
    (status, code)
}

/// Section 3.3: 400 for what is no token of this drive.
#[tokio::test]
async fn a_malformed_or_foreign_token_is_a_bad_request() {
    let stage = Stage::business(&[]).await;
    let other = Stage::business(&[]).await;
    let foreign = start(&other).await.split("token=").nth(1).unwrap().to_owned();
    for token in ["nonsense", "", "MzslMjM0", &foreign] {
        let answer = stage.graph(&format!("/me/drive/root/delta?token={token}")).await;
        assert_eq!(error(&answer), (400, "invalidRequest".to_owned()), "{token}");
        assert_eq!(answer.error().2, "Provided sync token is malformed");
    }
}

/// Section 3.3: 410, with a Location that leads to a new enumeration, and both styles of body.
#[tokio::test]
async fn a_dead_token_is_gone_and_says_where_to_start_anew() {
    let stage = Stage::business(&[("a", "1")]).await;
    let first = start(&stage).await;
    stage.control("POST", "/delta/expire", "").await;
    for (variant, code, inner) in [
        ("recorded", "resyncRequired", None),
        ("apply_differences", "resyncChangesApplyDifferences", None),
        ("upload_differences", "resyncChangesUploadDifferences", None),
        ("inner", "resyncRequired", Some("resyncApplyDifferences")),
    ] {
        stage.vary(json!({"resync": variant})).await;
        let gone = stage.follow(&first).await;
        assert_eq!(error(&gone), (410, code.to_owned()));
        assert_eq!(gone.json()["error"]["innerError"]["code"].as_str(), inner);
    }
    stage.advance(MINUTE).await;
    let location = stage.follow(&first).await.header("location").to_owned();
    assert_eq!(names(&stage.follow(&location).await.json()), ["root", "a"]);
}

/// Section 3.3: tokens die of age where that is set.
#[tokio::test]
async fn a_token_can_be_given_a_lifetime() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({"delta_lifetime_ms": 3_600_000})).await;
    let first = start(&stage).await;
    stage.advance(MINUTE * 59).await;
    assert_eq!(stage.follow(&first).await.status, 200);
    stage.advance(MINUTE).await;
    assert_eq!(stage.follow(&first).await.status, 410);
}

/// Section 3.1: folders only on personal drives.
#[tokio::test]
async fn delta_of_a_folder_is_refused_on_business_and_scoped_on_personal() {
    let files = [("a/x.csv", "1"), ("b/y.csv", "2")];
    let business = Stage::business(&files).await;
    let refused = business.graph("/me/drive/root:/a:/delta").await;
    assert_eq!(error(&refused), (501, "notSupported".to_owned()));
    let personal = Stage::personal(&files).await;
    let page = personal.graph("/me/drive/root:/a:/delta").await.json();
    assert_eq!(names(&page), ["a", "x.csv"]);
    let first = link(&page);
    personal.write("b/y.csv", "changed");
    assert_eq!(names(&since(&personal, &first).await), [] as [&str; 0]);
    personal.write("a/x.csv", "changed");
    assert_eq!(names(&since(&personal, &first).await), ["a", "x.csv"]);
}

/// Section 3.1: three spellings, all of which are served.
#[tokio::test]
async fn links_have_the_spelling_that_was_set_and_each_is_served() {
    let stage = Stage::personal(&[("a", "1")]).await;
    for (variant, spelling) in [
        ("query", "/root/delta?token="),
        ("function", "/root/delta(token='"),
        ("qualified", "/root/microsoft.graph.delta?token="),
    ] {
        stage.vary(json!({"delta_links": variant})).await;
        let first = start(&stage).await;
        assert!(first.contains(spelling), "{first}");
        assert_eq!(stage.follow(&first).await.status, 200);
    }
}

/// Section 3.2 and 12: any order, duplicates, empty pages, paths absent, repeated links.
#[tokio::test]
async fn the_feed_can_be_as_odd_as_the_service_is_allowed_to_be() {
    let stage = Stage::business(&[("a/b.csv", "1"), ("c.csv", "2")]).await;
    stage.vary(json!({"delta_order": "reversed", "delta_duplicates": true})).await;
    let page = stage.graph("/me/drive/root/delta").await.json();
    assert_eq!(names(&page), ["c.csv", "b.csv", "a", "root", "root"]);

    stage.vary(json!({"delta_order": "shuffled", "delta_duplicates": false})).await;
    let page = stage.graph("/me/drive/root/delta").await.json();
    let mut shuffled = names(&page);
    shuffled.sort_unstable();
    assert_eq!(shuffled, ["a", "b.csv", "c.csv", "root"]);

    stage
        .vary(json!({"delta_order": "parents_first", "delta_paths": false, "empty_pages": true}))
        .await;
    let pages = stage.pages("/me/drive/root/delta").await;
    assert_eq!(pages.len(), 2);
    assert!(names(&pages[0]).is_empty());
    assert!(pages[1]["value"][1]["parentReference"].get("path").is_none());

    stage.vary(json!({"empty_pages": false, "next_link_loops": true})).await;
    let page = stage.graph("/me/drive/root/delta?$top=1").await.json();
    let next = page["@odata.nextLink"].as_str().unwrap().to_owned();
    let again = stage.follow(&next).await.json();
    assert_eq!(names(&page), names(&again));
}

/// A page of an enumeration is served from where it was, whatever changed since.
#[tokio::test]
async fn an_enumeration_goes_on_after_a_restart_and_misses_nothing() {
    let stage = Stage::business(&[("a", "1"), ("b", "2"), ("c", "3")]).await;
    let first = stage.graph("/me/drive/root/delta?$top=2").await.json();
    let next = first["@odata.nextLink"].as_str().unwrap().to_owned();
    let stage = stage.restart(graph_emulator::Profile::Business).await;
    stage.edit("primary", json!({"op": "write", "path": "a", "text": "changed"})).await;
    let second = stage.follow(&next).await.json();
    assert_eq!(names(&second), ["b", "c"]);
    assert!(names(&since(&stage, &link(&second)).await).contains(&"a".to_owned()));
}

/// Section 4: a list without a token costs two units, with one it costs one.
#[tokio::test]
async fn delta_with_a_token_costs_less() {
    let stage = Stage::business(&[]).await;
    let first = start(&stage).await;
    stage.follow(&first).await;
    let journal = stage.journal().await;
    assert_eq!(
        (&journal[0]["resource_units"], &journal[1]["resource_units"]),
        (&json!(2), &json!(1))
    );
}
