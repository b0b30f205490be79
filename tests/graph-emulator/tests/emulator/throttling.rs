//! Limits: resource units, waiting, and what the journal tells of it. (4)

use std::time::Duration;

use crate::stage::Stage;

/// Limits of a hundredth: 12.5 resource units a minute, rounded to 13, for an application in a directory.
async fn limited() -> Stage {
    let stage = Stage::business(&[("a.csv", "0123456789")]).await;
    let set = stage.control("POST", "/throttle", r#"{"factor":0.01,"tier":0}"#).await;
    assert_eq!(set.status, 200, "{}", set.text());
    stage
}

/// Calls of one unit until one is refused; how many were not.
async fn admitted(stage: &Stage) -> usize {
    for count in 0..100 {
        if stage.graph("/me/drive/root").await.status == 429 {
            return count;
        }
    }
    100
}

/// Section 4: nothing is limited until it is asked for.
#[tokio::test]
async fn nothing_is_limited_by_default() {
    let stage = Stage::business(&[]).await;
    assert_eq!(admitted(&stage).await, 100);
}

/// Section 4: 1,250 resource units a minute; `Retry-After` is what is left of it.
#[tokio::test]
async fn an_application_that_used_its_minute_waits_for_the_next() {
    let stage = limited().await;
    let count = admitted(&stage).await;
    assert!((10..=13).contains(&count), "{count}");
    let refused = stage.graph("/me/drive/root").await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(refused.json()["error"]["code"], "activityLimitReached");
    stage.advance(Duration::from_secs(wait)).await;
    assert_eq!(stage.graph("/me/drive/root").await.status, 200);
}

/// Section 4: a listing costs two.
#[tokio::test]
async fn dearer_calls_use_the_minute_up_sooner() {
    let stage = limited().await;
    let mut count = 0;
    while stage.graph("/me/drive/root/children").await.status == 200 && count < 100 {
        count += 1;
    }
    assert!((5..=7).contains(&count), "{count}");
}

/// Section 4: persisting abuse is answered with 503 for long.
#[tokio::test]
async fn an_application_that_does_not_stop_is_blocked_for_long() {
    let stage = limited().await;
    for _ in 0..30 {
        stage.graph("/me/drive/root").await;
    }
    let blocked = stage.graph("/me/drive/root").await;
    assert_eq!(blocked.status, 503);
    assert!(blocked.header("retry-after").parse::<u64>().unwrap() > 60);
    assert_eq!(blocked.json()["error"]["code"], "serviceNotAvailable");
}

/// Section 4: an option, off unless it is asked for; from 80 % of the minute on.
#[tokio::test]
async fn rate_limit_headers_tell_of_the_last_fifth_when_switched_on() {
    let stage = limited().await;
    assert_eq!(
        stage.control("POST", "/variants", r#"{"rate_limit_headers":true}"#).await.status,
        200
    );
    let first = stage.graph("/me/drive/root").await;
    assert!(!first.headers.contains_key("ratelimit-limit"));
    for _ in 0..9 {
        stage.graph("/me/drive/root").await;
    }
    let late = stage.graph("/me/drive/root").await;
    assert_eq!(late.header("ratelimit-remaining").parse::<u64>().unwrap(), 2);
    assert!(late.header("ratelimit-reset").parse::<u64>().unwrap() <= 60);
}

#[tokio::test]
async fn counters_tell_of_units_refusals_and_bytes() {
    let stage = limited().await;
    let count = admitted(&stage).await;
    let counters = stage.control("GET", "/counters", "").await.json();
    assert_eq!(counters["requests"], count + 1);
    assert_eq!(counters["throttled"], 1);
    assert_eq!(counters["by_class"]["2xx"], count);
    assert_eq!(counters["by_host"]["graph.microsoft.com"], count + 1);
    assert!(counters["resource_units"].as_u64().unwrap() >= count as u64);
    assert!(counters["response_bytes"].as_u64().unwrap() > 500);
}

#[tokio::test]
async fn the_journal_tells_who_asked_and_what_was_answered() {
    let stage = Stage::business(&[("a.csv", "0123456789")]).await;
    let headers = [("client-request-id", "mine"), ("prefer", "x"), ("if-none-match", "\"t\"")];
    stage.graph_with("/me/drive/root", &headers).await;
    let url = stage.download_url("a.csv").await;
    stage.get(&url, &[("range", "bytes=2-4")]).await;
    let journal = stage.journal().await;
    assert_eq!(journal[0]["who"], "ann@contoso.com");
    assert_eq!(journal[0]["application"], stage.ready().client_id);
    for (name, value) in
        [("client_request_id", "mine"), ("prefer", "x"), ("if_none_match", "\"t\"")]
    {
        assert_eq!(journal[0][name], value);
    }
    assert_eq!(journal[2]["content_range"], "bytes 2-4/10");
    let later = stage.control("GET", "/journal?since=1&host=graph.microsoft.com", "").await.json();
    assert_eq!(later["requests"].as_array().unwrap().len(), 1);
}
