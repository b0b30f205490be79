//! Listing children.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::stage::Stage;

async fn with_files(count: usize) -> Stage {
    let names: Vec<String> = (0..count).map(|number| format!("f/{number:04}.csv")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    Stage::business(&files).await
}

/// Follows next links to the end; the pages.
async fn pages(stage: &Stage, first: &str) -> Vec<Value> {
    let bearer = format!("Bearer {}", stage.ready().access_token);
    let mut pages = vec![stage.graph(first).await.json()];
    while let Some(next) = pages.last().unwrap()["@odata.nextLink"].as_str() {
        pages.push(stage.get(next, &[("authorization", &bearer)]).await.json());
    }
    pages
}

fn names(pages: &[Value]) -> Vec<&str> {
    let rows = pages.iter().flat_map(|page| page["value"].as_array().unwrap());
    rows.map(|row| row["name"].as_str().unwrap()).collect()
}

/// Section 1.4.
#[tokio::test]
async fn a_page_has_200_rows_and_the_end_is_the_absence_of_a_next_link() {
    let stage = with_files(401).await;
    let pages = pages(&stage, "/me/drive/root:/f:/children").await;
    let sizes: Vec<usize> =
        pages.iter().map(|page| page["value"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [200, 200, 1]);
    let distinct: BTreeSet<&str> = names(&pages).into_iter().collect();
    assert_eq!(distinct.len(), 401);
}

/// Section 1.4: recorded form of the link.
#[tokio::test]
async fn a_next_link_is_absolute_repeats_the_options_and_carries_no_port() {
    let stage = with_files(3).await;
    let first = stage.graph("/me/drive/root:/f:/children?$select=id,name&$top=2").await.json();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let start = "https://graph.microsoft.com/v1.0/me/drive/root:/f:/children\
                 ?$select=id%2cname&$top=2&$skiptoken=UGFnZWQ9VFJVRSZw";
    assert!(next.starts_with(start), "{next}");
}

/// Section 1.4: children are not a snapshot.
#[tokio::test]
async fn a_file_removed_between_two_pages_is_not_listed_and_none_is_listed_twice() {
    let stage = with_files(5).await;
    let first = stage.graph("/me/drive/root:/f:/children?$top=2").await.json();
    std::fs::remove_file(stage.drive.path().join("f/0001.csv")).unwrap();
    std::fs::remove_file(stage.drive.path().join("f/0003.csv")).unwrap();
    let next = first["@odata.nextLink"].as_str().unwrap();
    let rest = next.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    let rest = pages(&stage, rest).await;
    assert_eq!(names(&rest), ["0002.csv", "0004.csv"]);
}

/// Section 1.2 and 1.4: rows come in the order of names.
#[tokio::test]
async fn rows_are_ordered_by_name_without_regard_to_case() {
    let files = [("b.csv", ""), ("A.csv", ""), ("C/", ""), ("ü.csv", "")];
    let stage = Stage::business(&files).await;
    let pages = pages(&stage, "/me/drive/root/children").await;
    assert_eq!(names(&pages), ["A.csv", "b.csv", "C", "ü.csv"]);
}

/// Section 1.3: files in lists carry their download URL.
#[tokio::test]
async fn rows_are_whole_items_with_a_download_url_for_files() {
    let stage = Stage::personal(&[("a.csv", "x"), ("folder/", "")]).await;
    let listed = stage.graph("/me/drive/root/children").await.json();
    assert_eq!(listed["@odata.count"], 2);
    let rows = listed["value"].as_array().unwrap();
    assert!(rows[0]["@microsoft.graph.downloadUrl"].is_string());
    assert!(rows[1].get("@microsoft.graph.downloadUrl").is_none());
    let single = stage.graph("/me/drive/root:/folder").await.json();
    assert_eq!(rows[1]["id"], single["id"]);
}

#[tokio::test]
async fn an_empty_folder_has_an_empty_list() {
    let stage = Stage::business(&[("folder/", "")]).await;
    let listed = stage.graph("/me/drive/root:/folder:/children").await.json();
    assert_eq!(listed["value"], serde_json::json!([]));
    assert!(listed.get("@odata.nextLink").is_none());
}

/// Section 1.4: unsupported options are refused.
#[tokio::test]
async fn a_malformed_token_or_option_is_a_bad_request() {
    let stage = with_files(1).await;
    for query in ["$skiptoken=nonsense", "$top=0", "$top=-1", "$filter=size%20gt%201", "$x=1"] {
        let answer = stage.graph(&format!("/me/drive/root:/f:/children?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}
