//! Trouble that a test orders.

use std::time::{Duration, Instant};

use bytes::Bytes;
use graph_emulator::{Emulator, Profile};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::{Stage, config};

const CONTENT: &str = "0123456789abcdefghij";

async fn stage() -> Stage {
    Stage::business(&[("a.csv", CONTENT)]).await
}

/// Orders a fault; returns its number.
async fn order(stage: &Stage, rule: Value) -> u64 {
    let answer = stage.control("POST", "/faults", &rule.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["id"].as_u64().unwrap()
}

/// What came of an answer before the connection ended.
pub(crate) struct Partial {
    status: u16,
    headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) is_whole: bool,
}

/// Gets a URL over a connection of its own; none if it ended before an answer.
async fn attempt(stage: &Stage, url: &str) -> Option<Partial> {
    let host = url.strip_prefix("https://").unwrap().split('/').next().unwrap();
    let stream = stage.connect(host).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let target = url.strip_prefix(&format!("https://{host}")).unwrap();
    let bearer = format!("Bearer {}", stage.ready().access_token);
    let mut request = Request::get(target).header("host", host);
    if host == "graph.microsoft.com" {
        request = request.header("authorization", bearer);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let (head, mut rest) = sender.send_request(request).await.ok()?.into_parts();
    let (mut body, mut is_whole) = (Vec::new(), true);
    while let Some(frame) = rest.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    connection.abort();
    Some(Partial { status: head.status.as_u16(), headers: head.headers, body, is_whole })
}

pub(crate) async fn read(stage: &Stage, url: &str) -> Partial {
    attempt(stage, url).await.unwrap()
}

/// Section 4: integer, fraction, date, and none at all.
#[tokio::test]
async fn retry_after_comes_in_every_form() {
    let stage = stage().await;
    for (form, value) in [
        (json!({"retry_after": "soon"}), Some("soon")),
        (json!({"retry_after_seconds": 2.5}), Some("3")),
        (json!({"retry_after_seconds": 2.128, "retry_after_form": "fractional"}), Some("2.128")),
        (json!({"retry_after_seconds": 5, "retry_after_form": "missing"}), None),
        (json!({}), None),
    ] {
        let mut rule = form;
        rule["status"] = 429.into();
        order(&stage, rule).await;
        let answer = stage.graph("/me").await;
        let sent = answer.headers.get("retry-after").map(|value| value.to_str().unwrap());
        assert_eq!((answer.status, sent), (429, value));
    }
}

/// Section 4: the date is by the emulator's clock, as `Date` is.
#[tokio::test]
async fn a_retry_after_date_is_later_than_the_date_of_the_answer() {
    let stage = stage().await;
    stage.advance(Duration::from_secs(864_000)).await;
    let rule = json!({"status": 503, "retry_after_seconds": 30, "retry_after_form": "date"});
    order(&stage, rule).await;
    let answer = stage.graph("/me").await;
    let time =
        |name: &str| chrono::DateTime::parse_from_rfc2822(answer.header(name)).unwrap().timestamp();
    assert_eq!(time("retry-after") - time("date"), 30);
}

/// Section 4.
#[tokio::test]
async fn throttling_has_two_bodies() {
    let stage = stage().await;
    for (body, code, inner) in [
        ("drive", "activityLimitReached", "throttledRequest"),
        ("gateway", "TooManyRequests", "429"),
        ("service", "activityLimitReached", "throttledRequest"),
    ] {
        order(&stage, json!({"status": 429, "body": body})).await;
        let answer = stage.graph_with("/me", &[("client-request-id", "mine")]).await;
        let error = &answer.json()["error"];
        assert_eq!((&error["code"], &error["innerError"]["code"]), (&code.into(), &inner.into()));
        assert_eq!(error["innerError"]["client-request-id"], "mine");
    }
}

#[tokio::test]
async fn which_body_throttling_has_can_be_switched() {
    let stage = stage().await;
    let variants = stage.control("POST", "/variants", r#"{"throttled_body":"gateway"}"#).await;
    assert_eq!(variants.status, 200);
    order(&stage, json!({"answer": {"status": 429}})).await;
    assert_eq!(stage.graph("/me").await.json()["error"]["code"], "TooManyRequests");
}

/// Sections 4 and 6.
#[tokio::test]
async fn each_status_has_the_code_of_the_service() {
    let stage = stage().await;
    for (status, code) in [
        (503, "serviceNotAvailable"),
        (509, "activityLimitReached"),
        (507, "quotaLimitReached"),
        (500, "generalException"),
        (504, "UnknownError"),
        (423, "resourceLocked"),
    ] {
        order(&stage, json!({"status": status})).await;
        let answer = stage.graph("/me").await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &code.into()));
    }
}

/// Section 11.9.
#[tokio::test]
async fn a_gateway_answers_with_a_page() {
    let stage = stage().await;
    order(&stage, json!({"status": 504, "body": "html"})).await;
    let answer = stage.graph("/me").await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.text().contains("504 Gateway Timeout"));
}

/// Section 11.7.
#[tokio::test]
async fn personal_sign_in_fails_in_passing() {
    let stage = Stage::personal(&[]).await;
    order(&stage, json!({"status": 401, "body": "rps"})).await;
    let (status, _, message) = stage.graph("/me").await.error();
    assert_eq!((status, message.as_str()), (401, "Unable to initialize RPS"));
    assert_eq!(stage.graph("/me").await.status, 200);
}

#[tokio::test]
async fn an_answer_can_be_given_word_by_word() {
    let stage = stage().await;
    let body = json!({"error": {"code": "resyncRequired"}});
    let headers = json!({"Location": "https://graph.microsoft.com/v1.0/elsewhere"});
    order(&stage, json!({"status": 410, "body": body, "headers": headers})).await;
    let answer = stage.graph("/me").await;
    assert_eq!((answer.status, answer.json()), (410, body));
    assert_eq!(answer.header("location"), "https://graph.microsoft.com/v1.0/elsewhere");
    order(&stage, json!({"status": 502, "body": "<p>no</p>"})).await;
    assert_eq!(stage.graph("/me").await.text(), "<p>no</p>");
    order(&stage, json!({"status": 503, "body": "empty"})).await;
    assert_eq!(stage.graph("/me").await.text(), "");
}

/// Section 4: the token endpoint and the download hosts throttle too.
#[tokio::test]
async fn every_host_can_fail() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "login.*", "status": 429, "retry_after": "7"})).await;
    let refused = stage.refresh("common", &[]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "7"));
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    order(&stage, json!({"host": "*.sharepoint.com", "status": 503})).await;
    assert_eq!(stage.get(&url, &[]).await.status, 503);
    assert_eq!(stage.get(&url, &[]).await.text(), CONTENT);
}

#[tokio::test]
async fn a_rule_can_be_for_one_request_of_many() {
    let stage = stage().await;
    let path = "/v1.0/me/drive/*/children";
    order(
        &stage,
        json!({"method": "GET", "path": path, "query": "top=5", "nth": 2, "status": 503}),
    )
    .await;
    let (fits, other) = ("/me/drive/root/children?$top=5", "/me/drive/root/children?$top=6");
    for (path, status) in [("/me", 200), (fits, 200), (other, 200), (fits, 503), (fits, 200)] {
        assert_eq!(stage.graph(path).await.status, status);
    }
}

#[tokio::test]
async fn two_emulators_with_one_seed_fail_alike() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let stage = seeded("7").await;
        order(&stage, json!({"status": 503, "times": 0, "probability": 0.5})).await;
        let mut run = Vec::new();
        for _ in 0..32 {
            run.push(stage.graph("/me").await.status);
        }
        assert!(run.contains(&200) && run.contains(&503));
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
}

/// A stage whose emulator was given a seed.
async fn seeded(seed: &str) -> Stage {
    let (drive, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = config(Profile::Business, drive.path(), state.path());
    config.random_seed = Some(seed.to_owned());
    Stage { emulator: Emulator::start(config).await.unwrap(), drive, state }
}

#[tokio::test]
async fn rules_are_listed_with_how_often_they_struck_and_can_be_removed() {
    let stage = stage().await;
    let rule = json!({"status": 503, "times": 0});
    let id = order(&stage, rule.clone()).await;
    assert_eq!(stage.graph("/me").await.status, 503);
    let list = stage.control("GET", "/faults", "").await.json();
    assert_eq!(
        list["faults"],
        json!([{"id": id, "rule": rule, "matched": 1, "struck": 1, "left": null}])
    );
    assert_eq!(stage.journal().await[0]["fault"], id);
    assert_eq!(stage.control("DELETE", &format!("/faults/{id}"), "").await.status, 200);
    assert_eq!(stage.graph("/me").await.status, 200);
    assert_eq!(stage.control("DELETE", &format!("/faults/{id}"), "").await.status, 404);
}

#[tokio::test]
async fn a_reset_connection_gives_no_byte() {
    let stage = stage().await;
    let id = order(&stage, json!({"path": "/v1.0/me*", "reset": true})).await;
    let url = "https://graph.microsoft.com/v1.0/me";
    assert!(attempt(&stage, url).await.is_none());
    assert_eq!(read(&stage, url).await.status, 200);
    let dropped = &stage.journal().await[0];
    assert_eq!((&dropped["status"], &dropped["fault"]), (&0.into(), &id.into()));
}

#[tokio::test]
async fn a_reset_is_one_of_tcp() {
    let stage = stage().await;
    for network in ["null", r#"{"latency_ms":1}"#] {
        assert_eq!(stage.control("POST", "/network", network).await.status, 200);
        order(&stage, json!({"reset": {}})).await;
        let mut stream = stage.connect("graph.microsoft.com").await.unwrap();
        let request = b"GET /v1.0/me HTTP/1.1\r\nHost: graph.microsoft.com\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let error = stream.read(&mut [0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{network}");
    }
}

#[tokio::test]
async fn a_body_can_be_cut_after_so_many_bytes() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    for after in [0, 7, 19] {
        order(&stage, json!({"host": "*.sharepoint.com", "truncate": {"after": after}})).await;
        let partial = read(&stage, &url).await;
        assert_eq!((partial.status, partial.is_whole), (200, false));
        assert_eq!(partial.headers["content-length"], "20");
        assert_eq!(partial.body, &CONTENT.as_bytes()[..after]);
    }
}

#[tokio::test]
async fn a_large_body_is_cut_at_the_very_byte() {
    let large = "x".repeat(3_000_000);
    let stage = Stage::business(&[("large.csv", &large)]).await;
    let url = stage.download_url("large.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "truncate": {"after": 2_345_678}})).await;
    let partial = read(&stage, &url).await;
    assert_eq!((partial.body.len(), partial.is_whole), (2_345_678, false));
}

#[tokio::test]
async fn a_wrong_content_length_is_more_or_less_than_comes() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    for (add, announced, comes, is_whole) in [(5, "25", 20, false), (-5, "15", 15, true)] {
        order(&stage, json!({"host": "*.sharepoint.com", "content_length": {"add": add}})).await;
        let partial = read(&stage, &url).await;
        assert_eq!(partial.headers["content-length"], announced);
        assert_eq!((partial.body.len(), partial.is_whole), (comes, is_whole));
    }
}

#[tokio::test]
async fn a_first_byte_can_be_late() {
    let stage = stage().await;
    order(&stage, json!({"first_byte": {"delay_ms": 300}})).await;
    let start = Instant::now();
    assert_eq!(stage.graph("/me").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(stage.journal().await[0]["duration_ms"].as_u64().unwrap() >= 300);
}

#[tokio::test]
async fn a_body_can_stall_for_a_while() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "stall": {"after": 5, "ms": 300}})).await;
    let start = Instant::now();
    let partial = read(&stage, &url).await;
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert_eq!((partial.body.as_slice(), partial.is_whole), (CONTENT.as_bytes(), true));
}

#[tokio::test]
async fn a_body_can_stall_until_the_rule_is_removed() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "stall": {"after": 5}})).await;
    let reading = read(&stage, &url);
    tokio::pin!(reading);
    let early = tokio::time::timeout(Duration::from_millis(300), &mut reading).await;
    assert!(early.is_err());
    stage.control("DELETE", "/faults", "").await;
    assert_eq!(reading.await.body, CONTENT.as_bytes());
}

#[tokio::test]
async fn a_stalled_body_ends_when_its_client_leaves() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "stall": {"after": 5}})).await;
    let reading = read(&stage, &url);
    let begun = async {
        until_the_download_is_noted(&stage, |_| true).await;
        // Longer than nothing, as its duration is to be.
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tokio::select! {
        _ = reading => panic!("the body did not stall"),
        () = begun => {}
    }
    // How long a request took is known when its body has ended.
    until_the_download_is_noted(&stage, |entry| entry["duration_ms"] != 0).await;
}

/// Waits until the journal has the second request, which fits; not for ever.
async fn until_the_download_is_noted(stage: &Stage, fits: impl Fn(&Value) -> bool) {
    let noted = async {
        while !stage.journal().await.get(1).is_some_and(&fits) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noted).await.unwrap();
}

#[tokio::test]
async fn a_body_can_trickle() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "slow": {"bytes_per_second": 40}})).await;
    let start = Instant::now();
    assert_eq!(read(&stage, &url).await.body, CONTENT.as_bytes());
    assert!(start.elapsed() >= Duration::from_millis(400));
}

/// Section 2: the server may ignore a range.
#[tokio::test]
async fn a_range_can_be_ignored_once() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "ignore_range": true})).await;
    let range = [("range", "bytes=2-4")];
    let whole = stage.get(&url, &range).await;
    assert_eq!((whole.status, whole.text()), (200, CONTENT));
    let part = stage.get(&url, &range).await;
    assert_eq!((part.status, part.text()), (206, "234"));
    assert_eq!(stage.journal().await[1]["range"], "bytes=2-4");
}

/// Section 2: read consistency.
#[tokio::test]
async fn a_file_can_change_between_two_ranges() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    let rule = json!({"host": "*.sharepoint.com", "nth": 2, "change_file": true});
    order(&stage, rule).await;
    let first = stage.get(&url, &[("range", "bytes=0-4")]).await;
    let second = stage.get(&url, &[("range", "bytes=5-9")]).await;
    assert_eq!(first.status, 206);
    assert_ne!(first.header("etag"), second.header("etag"));
}

#[tokio::test]
async fn a_file_can_change_while_it_is_sent() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    let before = stage.graph("/me/drive/root:/a.csv").await.json()["cTag"].clone();
    order(&stage, json!({"host": "*.sharepoint.com", "change_file": {"after": 5}})).await;
    assert_eq!(read(&stage, &url).await.status, 200);
    assert_ne!(stage.graph("/me/drive/root:/a.csv").await.json()["cTag"], before);
}

/// Section 2: links expire; the next range is refused.
#[tokio::test]
async fn download_urls_can_die_between_two_ranges() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "skip": 1, "expire_links": true})).await;
    let range = [("range", "bytes=0-4")];
    assert_eq!(stage.get(&url, &range).await.status, 206);
    assert_eq!(stage.get(&url, &range).await.status, 401);
    stage.advance(Duration::from_secs(1)).await;
    let fresh = stage.download_url("a.csv").await;
    assert_eq!(stage.get(&fresh, &range).await.status, 206);
}

#[tokio::test]
async fn download_urls_can_die_while_one_is_read() {
    let stage = stage().await;
    let url = stage.download_url("a.csv").await;
    order(&stage, json!({"host": "*.sharepoint.com", "expire_links": {"after": 5}})).await;
    assert_eq!(read(&stage, &url).await.body, CONTENT.as_bytes());
    assert_eq!(stage.get(&url, &[]).await.status, 401);
}

/// Section 11.11 and 1.4: a next link that leads to its own page, and a page without rows.
#[tokio::test]
async fn one_page_can_be_empty_or_lead_to_itself() {
    let stage = Stage::business(&[("a.csv", "1"), ("b.csv", "2"), ("c.csv", "3")]).await;
    let path = "/me/drive/root/children?$top=2";
    let plain = stage.graph(path).await.json();
    order(&stage, json!({"page": "empty"})).await;
    let empty = stage.graph(path).await.json();
    assert_eq!(empty["value"], json!([]));
    let next = empty["@odata.nextLink"].as_str().unwrap();
    let next = next.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    assert_eq!(stage.graph(next).await.json()["value"], plain["value"]);
    order(&stage, json!({"page": "loop"})).await;
    let looped = stage.graph(path).await.json();
    assert_eq!(looped["value"], plain["value"]);
    let next = looped["@odata.nextLink"].as_str().unwrap();
    let next = next.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
    assert_eq!(stage.graph(next).await.json()["value"], plain["value"]);
}

/// Section 11.21.
#[tokio::test]
async fn graph_compresses_json_when_asked_and_download_hosts_nothing() {
    let files: Vec<(String, String)> =
        (0..20).map(|n| (format!("{n}.csv"), "x".repeat(2_000))).collect();
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    let stage = Stage::business(&files).await;
    let gzip = [("accept-encoding", "gzip")];
    let packed = stage.graph_with("/me/drive/root/children", &gzip).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert!(packed.body.starts_with(&[0x1f, 0x8b]));
    let url = stage.download_url("0.csv").await;
    assert!(!stage.get(&url, &gzip).await.headers.contains_key("content-encoding"));
}
