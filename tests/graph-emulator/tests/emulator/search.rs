//! Search, and the orders and filters of lists.

use serde_json::{Value, json};

use crate::stage::Stage;

fn names(rows: &Value) -> Vec<&str> {
    rows["value"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

const FILES: [(&str, &str); 4] =
    [("Report.csv", "12"), ("old/report 2.csv", "1"), ("it's.csv", "123"), ("z.txt", "")];

/// Section 1.5: by name, in any case, below the folder; rows lack much.
#[tokio::test]
async fn search_finds_names_and_its_rows_are_reduced() {
    let business = Stage::business(&FILES).await;
    let page = business.graph("/me/drive/root/search(q='REPORT')").await.json();
    let mut found = names(&page);
    found.sort_unstable();
    assert_eq!(found, ["Report.csv", "report 2.csv"]);
    for missing in ["createdBy", "lastModifiedBy", "parentReference"] {
        assert!(page["value"][0].get(missing).is_none(), "{missing}");
    }
    let below = business.graph("/me/drive/root:/old:/search(q='report')").await.json();
    assert_eq!(names(&below), ["report 2.csv"]);
    let quote = business.graph("/me/drive/root/search(q='it%27%27s')").await.json();
    assert_eq!(names(&quote), ["it's.csv"]);

    let personal = Stage::personal(&FILES).await;
    let page = personal.graph("/me/drive/search(q='report')").await.json();
    assert_eq!(page["value"].as_array().unwrap().len(), 2);
    assert!(page["value"][0].get("eTag").is_none());
}

/// Section 1.5: a skip token is the position in base64.
#[tokio::test]
async fn search_comes_in_pages() {
    let stage = Stage::business(&FILES).await;
    let pages = stage.pages("/me/drive/root/search(q='.csv')?$top=2").await;
    assert_eq!(pages.len(), 2);
    assert!(pages[0]["@odata.nextLink"].as_str().unwrap().ends_with("$skiptoken=Mg"));
}

/// Section 1.4.
#[tokio::test]
async fn a_personal_folder_has_three_orders() {
    let stage = Stage::personal(&FILES).await;
    for (order, expected) in [
        ("name", ["it's.csv", "old", "Report.csv", "z.txt"]),
        ("name%20desc", ["z.txt", "Report.csv", "old", "it's.csv"]),
        ("size%20desc", ["it's.csv", "Report.csv", "old", "z.txt"]),
    ] {
        let path = format!("/me/drive/root/children?$orderby={order}&$top=3");
        let pages = stage.pages(&path).await;
        let all: Vec<&str> = pages.iter().flat_map(names).collect();
        assert_eq!(all, expected, "{order}");
    }
    let business = Stage::business(&FILES).await;
    assert_eq!(business.graph("/me/drive/root/children?$orderby=size").await.status, 400);
}

/// Section 1.4: a few filters on personal, names on business.
#[tokio::test]
async fn lists_are_filtered_as_far_as_the_service_does() {
    let personal = Stage::personal(&FILES).await;
    let path = "/me/drive/root/children?$filter=";
    let filtered = async |filter: &str| {
        let answer = personal.graph(&format!("{path}{filter}")).await;
        answer.json()
    };
    assert_eq!(names(&filtered("name%20eq%20'it''s.csv'").await), ["it's.csv"]);
    assert_eq!(names(&filtered("size%20gt%202").await), ["it's.csv"]);
    assert_eq!(names(&filtered("folder%20ne%20null").await), ["old"]);
    let business = Stage::business(&FILES).await;
    for (filter, status) in [("startswith(name,'Rep')", 200), ("size%20gt%202", 400), ("x", 400)] {
        assert_eq!(business.graph(&format!("{path}{filter}")).await.status, status, "{filter}");
    }
    assert_eq!(business.graph("/me/drive/items").await.status, 400);
}

/// Section 1.4: the filter comes before the pages, in every order.
#[tokio::test]
async fn a_filtered_list_comes_in_pages_without_a_row_twice() {
    let files = [("a/", ""), ("f1", "1"), ("f2", "22"), ("f3", "333"), ("g/", "")];
    let stage = Stage::personal(&files).await;
    for (order, expected) in [
        ("name", ["f1", "f2", "f3"]),
        ("name%20desc", ["f3", "f2", "f1"]),
        ("size", ["f1", "f2", "f3"]),
        ("size%20desc", ["f3", "f2", "f1"]),
    ] {
        let query = format!("$filter=file%20ne%20null&$orderby={order}&$top=2");
        let pages = stage.pages(&format!("/me/drive/root/children?{query}")).await;
        let all: Vec<&str> = pages.iter().flat_map(names).collect();
        assert_eq!(all, expected, "{order}");
        assert_eq!((&pages[0]["@odata.count"], &pages[1]["@odata.count"]), (&json!(3), &json!(3)));
    }
}

/// Section 1.4: children are not a snapshot.
#[tokio::test]
async fn a_file_removed_between_two_filtered_pages_hides_no_other() {
    let stage = Stage::business(&[("f1", ""), ("f2", ""), ("f3", ""), ("g", "")]).await;
    let path = "/me/drive/root/children?$filter=startswith(name,'f')&$top=2";
    let first = stage.graph(path).await.json();
    std::fs::remove_file(stage.drive.path().join("f1")).unwrap();
    let rest = stage.follow(first["@odata.nextLink"].as_str().unwrap()).await.json();
    assert_eq!((names(&first), names(&rest)), (vec!["f1", "f2"], vec!["f3"]));
}

/// Section 1.3: children as part of their folder.
#[tokio::test]
async fn children_can_be_expanded() {
    let stage = Stage::business(&FILES).await;
    let root = stage.graph("/me/drive/root?$expand=children").await.json();
    assert_eq!(root["children"].as_array().unwrap().len(), 4);
    assert_eq!(stage.graph("/me/drive/root?$expand=nonsense").await.status, 400);
    let folder = stage.graph("/me/drive/root/children?$expand=thumbnails").await.json();
    assert_eq!(folder["value"][0]["thumbnails"], json!([]));
}
