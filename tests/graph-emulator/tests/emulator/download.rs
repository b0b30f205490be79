//! Reading bytes.

use std::time::Duration;

use crate::stage::{Stage, touch};

const FILES: [(&str, &str); 2] = [("a.csv", "0123456789"), ("folder/", "")];

/// Section 2 and 12.
#[tokio::test]
async fn content_redirects_without_a_body_to_a_host_of_the_profile() {
    for (stage, start) in [
        (
            Stage::business(&FILES).await,
            "https://contoso-my.sharepoint.com/personal/ann_contoso_com/_layouts/15/download.aspx\
             ?UniqueId=",
        ),
        (Stage::personal(&FILES).await, "https://my.microsoftpersonalcontent.com/personal/"),
    ] {
        let answer = stage.graph("/me/drive/root:/a.csv:/content").await;
        assert_eq!((answer.status, answer.body.len()), (302, 0));
        let url = answer.header("location");
        assert!(url.starts_with(start), "{url}");
        assert!(url.contains("&Translate=false&tempauth=v1") && url.ends_with("&ApiVersion=2.0"));
        let downloaded = stage.get(url, &[]).await;
        assert_eq!((downloaded.status, downloaded.text()), (200, "0123456789"));
    }
}

/// Section 2: Graph itself does not honour a range.
#[tokio::test]
async fn a_range_on_graph_is_ignored() {
    let stage = Stage::business(&FILES).await;
    let path = "/me/drive/root:/a.csv:/content";
    assert_eq!(stage.graph_with(path, &[("range", "bytes=0-1")]).await.status, 302);
}

/// Section 2.
#[tokio::test]
async fn a_range_gets_its_part_with_the_etag_of_the_item() {
    let stage = Stage::business(&FILES).await;
    let item = stage.graph("/me/drive/root:/a.csv").await.json();
    let url = stage.download_url("a.csv").await;
    let part = stage.get(&url, &[("range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.text()), (206, "234"));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    assert_eq!(part.header("content-length"), "3");
    assert_eq!(part.header("accept-ranges"), "bytes");
    assert_eq!(part.header("content-type"), "text/csv");
    assert_eq!(part.header("cache-control"), "private");
    assert_eq!(part.header("etag"), item["eTag"].as_str().unwrap());
}

/// Section 2.
#[tokio::test]
async fn a_range_beyond_the_end_is_not_satisfiable() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    let answer = stage.get(&url, &[("range", "bytes=10-")]).await;
    assert_eq!((answer.status, answer.header("content-range")), (416, "bytes */10"));
}

/// Section 2: check the status before trusting the offset.
#[tokio::test]
async fn suffix_and_multiple_ranges_get_the_whole_file() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    for range in ["bytes=-3", "bytes=0-1,3-4", "nonsense"] {
        let answer = stage.get(&url, &[("range", range)]).await;
        assert_eq!((answer.status, answer.body.len()), (200, 10), "{range}");
    }
}

/// Section 2 and 12: the URL carries its own credential.
#[tokio::test]
async fn an_authorization_header_is_refused() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    let bearer = format!("Bearer {}", stage.ready().access_token);
    assert_eq!(stage.get(&url, &[("authorization", &bearer)]).await.status, 401);
}

/// Section 2: reordering the query or re-encoding it breaks the signature.
#[tokio::test]
async fn a_url_that_was_altered_is_refused() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    let (base, query) = url.split_once('?').unwrap();
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.swap(0, 1);
    for altered in [
        format!("{base}?{}", pairs.join("&")),
        format!("{url}&x=1"),
        url.replace("Translate=false", "Translate=true"),
        url.replace("tempauth=v1.", "tempauth=v1%2E"),
        url.replace("contoso-my", "fabrikam-my"),
        base.to_owned(),
    ] {
        assert_eq!(stage.get(&altered, &[]).await.status, 401, "{altered}");
    }
}

/// Section 2: 3600 s, by the emulator's clock.
#[tokio::test]
async fn a_url_expires_after_an_hour() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    stage.advance(Duration::from_secs(3_590)).await;
    assert_eq!(stage.get(&url, &[]).await.status, 200);
    stage.advance(Duration::from_secs(10)).await;
    assert_eq!(stage.get(&url, &[]).await.status, 401);
}

/// Section 2: the ETag of the ranges tells of a change under the read.
#[tokio::test]
async fn a_file_that_changes_between_two_ranges_shows_another_etag() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    let first = stage.get(&url, &[("range", "bytes=0-1")]).await;
    stage.write("a.csv", "abcdefghijklm");
    let second = stage.get(&url, &[("range", "bytes=2-3")]).await;
    assert_eq!(second.header("content-range"), "bytes 2-3/13");
    assert_ne!(first.header("etag"), second.header("etag"));
}

/// Section 2.
#[tokio::test]
async fn an_unchanged_file_is_not_sent_again() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    let tag = stage.get(&url, &[]).await.header("etag").to_owned();
    let answer = stage.get(&url, &[("if-none-match", &tag)]).await;
    assert_eq!((answer.status, answer.body.len()), (304, 0));
}

#[tokio::test]
async fn a_deleted_file_is_not_found_under_its_url() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    std::fs::remove_file(stage.drive.path().join("a.csv")).unwrap();
    assert_eq!(stage.get(&url, &[]).await.status, 404);
}

#[tokio::test]
async fn only_get_is_allowed() {
    let stage = Stage::business(&FILES).await;
    let url = stage.download_url("a.csv").await;
    for method in ["POST", "PUT", "DELETE"] {
        assert_eq!(stage.send(method, &url, &[], "").await.status, 405);
    }
}

/// Section 2: GET content of a folder is some 4xx.
#[tokio::test]
async fn a_folder_has_no_content() {
    let stage = Stage::business(&FILES).await;
    assert_eq!(stage.graph("/me/drive/root:/folder:/content").await.status, 400);
}

#[tokio::test]
async fn a_file_of_many_chunks_arrives_whole_and_its_bytes_are_counted() {
    let content: String = (0..400_000).map(|number| format!("{number}\n")).collect();
    let stage = Stage::business(&[("big.csv", &content)]).await;
    touch(&stage.drive.path().join("big.csv"), 0);
    let url = stage.download_url("big.csv").await;
    assert!(stage.get(&url, &[]).await.body == content.as_bytes());
    let part = stage.get(&url, &[("range", "bytes=262143-2000000")]).await;
    assert!(part.body == content.as_bytes()[262_143..=2_000_000]);
    let journal = stage.journal().await;
    let last = journal.last().unwrap();
    assert_eq!(last["response_bytes"], 2_000_000 - 262_143 + 1);
    assert_eq!(last["range"], "bytes=262143-2000000");
}
