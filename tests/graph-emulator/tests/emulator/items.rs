//! Items: their JSON, tags and hashes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Stage, touch};

const FILES: [(&str, &str); 2] = [("Data/sales #1.csv", "abc"), ("Data/empty.csv", "")];
const SALES: &str = "/me/drive/root:/Data/sales%20%231.csv";

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Section 1.9.
#[tokio::test]
async fn a_business_file_has_the_shape_of_a_business_file() {
    let stage = Stage::business(&FILES).await;
    touch(&stage.drive.path().join("Data/sales #1.csv"), 0);
    let answer = stage.graph(SALES).await;
    let item = answer.json();
    let drive = &stage.ready().drive_id;
    assert_eq!(
        keys(&item),
        [
            "@microsoft.graph.downloadUrl",
            "@odata.context",
            "cTag",
            "createdBy",
            "createdDateTime",
            "eTag",
            "file",
            "fileSystemInfo",
            "id",
            "lastModifiedBy",
            "lastModifiedDateTime",
            "name",
            "parentReference",
            "size",
            "webUrl",
        ]
    );
    assert_eq!(item["name"], "sales #1.csv");
    assert_eq!(item["size"], 3);
    assert_eq!(item["lastModifiedDateTime"], "2026-01-06T09:30:00Z");
    assert_eq!(item["file"]["mimeType"], "text/csv");
    assert_eq!(keys(&item["file"]["hashes"]), ["quickXorHash"]);
    assert_eq!(
        item["webUrl"],
        "https://contoso-my.sharepoint.com/personal/ann_contoso_com/Documents/Data/sales%20%231.csv"
    );
    let parent = &item["parentReference"];
    assert_eq!(keys(parent), ["driveId", "driveType", "id", "name", "path", "siteId"]);
    assert_eq!(parent["driveType"], "business");
    assert_eq!(parent["path"], json!(format!("/drives/{drive}/root:/Data")));
    assert_eq!(answer.header("etag"), item["eTag"].as_str().unwrap());
}

/// Section 1.8: the GUID of the tags is the one in the identifier; both begin with `01` and `b!`.
#[tokio::test]
async fn business_identifiers_and_tags_have_their_shape() {
    let stage = Stage::business(&FILES).await;
    let item = stage.graph(SALES).await.json();
    let id = item["id"].as_str().unwrap();
    assert!(id.starts_with("01") && id.len() == 34, "{id}");
    let drive = &stage.ready().drive_id;
    assert!(drive.starts_with("b!") && drive.len() == 66, "{drive}");
    let (e_tag, c_tag) = (item["eTag"].as_str().unwrap(), item["cTag"].as_str().unwrap());
    assert!(e_tag.starts_with("\"{") && e_tag.ends_with('"'), "{e_tag}");
    assert!(c_tag.starts_with("\"c:{"), "{c_tag}");
    assert_eq!(e_tag[2..38], c_tag[4..40]);
}

/// Section 1.9 and 2.
#[tokio::test]
async fn a_personal_file_has_the_shape_of_a_personal_file() {
    let stage = Stage::personal(&FILES).await;
    let item = stage.graph(SALES).await.json();
    let cid = &stage.ready().drive_id;
    assert!(item["id"].as_str().unwrap().starts_with(&format!("{cid}!s")));
    assert_eq!(item["@odata.etag"], item["eTag"]);
    assert_eq!(item["parentReference"]["driveType"], "personal");
    assert_eq!(item["parentReference"]["path"], "/drive/root:/Data");
    assert!(item["webUrl"].as_str().unwrap().starts_with("https://onedrive.live.com?cid="));
    let hashes = &item["file"]["hashes"];
    assert_eq!(keys(hashes), ["quickXorHash", "sha1Hash", "sha256Hash"]);
    assert_eq!(hashes["sha1Hash"], "A9993E364706816ABA3E25717850C26C9CD0D89D");
}

/// Section 1.9: `childCount` 0 and `size` 0 are present; no cTag on business.
#[tokio::test]
async fn a_folder_counts_its_children_and_has_a_ctag_on_personal_only() {
    let files = [FILES[0], FILES[1], ("bare/", "")];
    for (stage, personal) in
        [(Stage::business(&files).await, false), (Stage::personal(&files).await, true)]
    {
        let folder = stage.graph("/me/drive/root:/Data").await.json();
        assert_eq!((&folder["folder"]["childCount"], &folder["size"]), (&json!(2), &json!(3)));
        assert_eq!(folder.get("cTag").is_some(), personal);
        assert_eq!(folder["folder"].get("view").is_some(), personal);
        let bare = stage.graph("/me/drive/root:/bare").await.json();
        assert_eq!((&bare["folder"]["childCount"], &bare["size"]), (&json!(0), &json!(0)));
    }
}

/// Section 1.9: by these absences clients recognise the root.
#[tokio::test]
async fn the_root_has_a_root_facet_and_no_id_or_path_of_a_parent() {
    let stage = Stage::business(&FILES).await;
    let root = stage.graph("/me/drive/root").await.json();
    assert_eq!(root["root"], json!({}));
    assert_eq!(root["name"], "root");
    assert!(root["id"].as_str().unwrap().ends_with("6Y2GOVW7725BZO354PWSELRRZ"));
    assert!(root["parentReference"].get("id").is_none());
    assert!(root["parentReference"].get("path").is_none());
}

/// Section 2: empty business files have no hashes.
#[tokio::test]
async fn an_empty_file_has_no_hashes_on_business_and_the_empty_hash_on_personal() {
    let path = "/me/drive/root:/Data/empty.csv";
    let business = Stage::business(&FILES).await.graph(path).await.json();
    assert_eq!(business["file"], json!({ "mimeType": "text/csv" }));
    let personal = Stage::personal(&FILES).await.graph(path).await.json();
    assert_eq!(personal["file"]["hashes"]["quickXorHash"], "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

/// Section 1.3: the two spellings of the download URL.
#[tokio::test]
async fn select_leaves_only_what_was_asked_for() {
    let stage = Stage::business(&FILES).await;
    let url = "@microsoft.graph.downloadUrl";
    for (select, expected) in [
        ("id,name", vec!["@odata.context", "id", "name"]),
        ("id,@microsoft.graph.downloadUrl", vec![url, "@odata.context", "id"]),
        ("id,content.downloadUrl", vec![url, "@odata.context", "id"]),
    ] {
        let item = stage.graph(&format!("{SALES}?$select={select}")).await.json();
        assert_eq!(keys(&item), expected);
        let context = item["@odata.context"].as_str().unwrap();
        assert!(context.ends_with(&format!("({select})/$entity")), "{context}");
    }
}

/// Section 11, 16.
#[tokio::test]
async fn an_unknown_property_is_refused_on_business_and_ignored_on_personal() {
    let path = format!("{SALES}?$select=id,colour");
    assert_eq!(Stage::business(&FILES).await.graph(&path).await.status, 400);
    assert_eq!(Stage::personal(&FILES).await.graph(&path).await.status, 200);
}

/// Section 1.3: 304 for the current eTag or cTag.
#[tokio::test]
async fn an_unchanged_item_is_not_sent_again() {
    let stage = Stage::business(&FILES).await;
    let item = stage.graph(SALES).await.json();
    for tag in ["eTag", "cTag"] {
        let tag = item[tag].as_str().unwrap();
        for path in [SALES.to_owned(), format!("{SALES}:/content")] {
            let answer = stage.graph_with(&path, &[("if-none-match", tag)]).await;
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{path} {tag}");
        }
    }
    let other = stage.graph_with(SALES, &[("if-none-match", "\"{0},1\"")]).await;
    assert_eq!(other.status, 200);
}

/// Section 1.8: both tags move with content.
#[tokio::test]
async fn a_file_changed_on_disk_keeps_its_id_and_gets_new_tags_size_and_hash() {
    let stage = Stage::business(&FILES).await;
    let before = stage.graph(SALES).await.json();
    stage.write("Data/sales #1.csv", "changed");
    let after = stage.graph(SALES).await.json();
    assert_eq!(before["id"], after["id"]);
    assert_eq!(after["size"], 7);
    for moved in ["eTag", "cTag"] {
        assert_ne!(before[moved], after[moved]);
    }
    assert_ne!(before["file"]["hashes"], after["file"]["hashes"]);
}

#[tokio::test]
async fn a_change_of_the_same_size_is_recognised_by_its_time() {
    let stage = Stage::business(&FILES).await;
    let path = stage.drive.path().join("Data/sales #1.csv");
    touch(&path, 0);
    let before = stage.graph(SALES).await.json();
    std::fs::write(&path, "xyz").unwrap();
    touch(&path, 1);
    assert_ne!(before["cTag"], stage.graph(SALES).await.json()["cTag"]);
}

#[tokio::test]
async fn a_file_added_while_running_is_found_and_a_removed_one_is_gone() {
    let stage = Stage::business(&FILES).await;
    let id = stage.graph(SALES).await.json()["id"].as_str().unwrap().to_owned();
    stage.write("Data/new/deep.csv", "1");
    assert_eq!(stage.graph("/me/drive/root:/Data/new/deep.csv").await.status, 200);
    std::fs::remove_file(stage.drive.path().join("Data/sales #1.csv")).unwrap();
    assert_eq!(stage.graph(SALES).await.status, 404);
    assert_eq!(stage.graph(&format!("/me/drive/items/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_file_that_was_deleted_and_made_again_has_a_new_id() {
    let stage = Stage::business(&FILES).await;
    let before = stage.graph(SALES).await.json();
    std::fs::remove_file(stage.drive.path().join("Data/sales #1.csv")).unwrap();
    assert_eq!(stage.graph(SALES).await.status, 404);
    stage.write("Data/sales #1.csv", "abc");
    assert_ne!(before["id"], stage.graph(SALES).await.json()["id"]);
}

/// Section 2: links are valid for an hour, so an item answered later carries a later one.
#[tokio::test]
async fn each_answer_carries_a_fresh_download_url() {
    let stage = Stage::business(&FILES).await;
    let url = |item: Value| item["@microsoft.graph.downloadUrl"].as_str().unwrap().to_owned();
    let first = url(stage.graph(SALES).await.json());
    stage.advance(Duration::from_secs(60)).await;
    assert_ne!(first, url(stage.graph(SALES).await.json()));
}
