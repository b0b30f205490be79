//! The control API.

use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn the_clock_moves_forward_to_a_time_and_can_be_set_back() {
    let stage = Stage::business(&[]).await;
    let now = stage.control("GET", "/clock", "").await.json()["now_ms"].as_i64().unwrap();
    let later = now + 1_000_000;
    let set = format!("{{\"at_least_ms\":{later}}}");
    let moved = stage.control("POST", "/clock", &set).await.json()["now_ms"].as_i64().unwrap();
    assert!(moved >= later && moved < later + 60_000);
    let behind = stage.control("POST", "/clock", "{\"at_least_ms\":1}").await.json();
    assert!(behind["now_ms"].as_i64().unwrap() >= moved);
    let back = stage.control("POST", "/clock", "{\"set_ms\":5000}").await.json();
    assert!(back["now_ms"].as_i64().unwrap() < 65_000);
}

#[tokio::test]
async fn the_journal_has_one_entry_a_request_with_bytes_and_cost() {
    let stage = Stage::business(&[("a.csv", "0123456789")]).await;
    stage.graph_with("/me/drive/root/children?$top=5", &[("user-agent", "test/1")]).await;
    stage.graph("/me/drive/root:/a.csv").await;
    let journal = stage.journal().await;
    assert_eq!(journal.len(), 2);
    let first = &journal[0];
    for (name, value) in [
        ("seq", serde_json::json!(1)),
        ("method", "GET".into()),
        ("host", "graph.microsoft.com".into()),
        ("path", "/v1.0/me/drive/root/children".into()),
        ("query", "$top=5".into()),
        ("status", 200.into()),
        ("request_bytes", 0.into()),
        ("authorization", "bearer".into()),
        ("range", serde_json::Value::Null),
        ("user_agent", "test/1".into()),
        ("resource_units", 2.into()),
    ] {
        assert_eq!(first[name], value, "{name}");
    }
    assert!(first["response_bytes"].as_u64().unwrap() > 500);
    assert_eq!(journal[1]["resource_units"], 1);
}

#[tokio::test]
async fn refused_requests_are_in_the_journal_too() {
    let stage = Stage::business(&[]).await;
    stage.get("https://graph.microsoft.com/v1.0/me", &[("host", "example.com")]).await;
    stage.get("https://graph.microsoft.com/v1.0/me", &[("authorization", "Basic x")]).await;
    let journal = stage.journal().await;
    assert_eq!((&journal[0]["status"], &journal[0]["host"]), (&421.into(), &"example.com".into()));
    assert_eq!(journal[1]["authorization"], "other");
}

#[tokio::test]
async fn the_journal_holds_no_secret() {
    let stage = Stage::business(&[("a.csv", "x")]).await;
    let url = stage.download_url("a.csv").await;
    stage.get(&url, &[]).await;
    stage.refresh("common", &[]).await;
    let journal = stage.control("GET", "/journal", "").await;
    let ready = stage.ready();
    let signature = url.split("tempauth=").nth(1).unwrap().split('&').next().unwrap();
    for secret in [&ready.access_token, &ready.refresh_token, &ready.client_secret, signature] {
        assert!(!journal.text().contains(secret));
    }
    assert!(journal.text().contains("&tempauth=***&ApiVersion=2.0"));
    let token_request = stage.journal().await.pop().unwrap();
    assert!(token_request["request_bytes"].as_u64().unwrap() > 1_000);
}

#[tokio::test]
async fn an_emptied_journal_counts_on() {
    let stage = Stage::business(&[]).await;
    stage.graph("/me").await;
    assert_eq!(stage.control("DELETE", "/journal", "").await.status, 200);
    assert!(stage.journal().await.is_empty());
    stage.graph("/me").await;
    assert_eq!(stage.journal().await[0]["seq"], 2);
}

#[tokio::test]
async fn fresh_tokens_work_and_revoked_ones_do_not() {
    let stage = Stage::business(&[]).await;
    assert_eq!(stage.control("POST", "/tokens/revoke", "").await.text(), "{}");
    assert_eq!(stage.graph("/me").await.status, 401);
    let fresh = stage.control("POST", "/tokens", "").await.json();
    let bearer = format!("Bearer {}", fresh["access_token"].as_str().unwrap());
    let me = stage.get("https://graph.microsoft.com/v1.0/me", &[("authorization", &bearer)]).await;
    assert_eq!(me.status, 200);
    let token = fresh["refresh_token"].as_str().unwrap();
    assert_eq!(stage.refresh("common", &[("refresh_token", token)]).await.status, 200);
    assert!(fresh["expires_at"].as_i64().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn expired_access_tokens_can_still_be_refreshed() {
    let stage = Stage::business(&[]).await;
    stage.control("POST", "/tokens/expire-access", "").await;
    let (status, _, message) = stage.graph("/me").await.error();
    assert_eq!((status, message.contains("expired")), (401, true));
    assert_eq!(stage.refresh("common", &[]).await.status, 200);
}

#[tokio::test]
async fn a_fault_answers_so_many_requests_and_then_no_more() {
    let stage = Stage::business(&[]).await;
    let fault = r#"{"host":"graph.microsoft.com","path":"/v1.0/*","status":429,
                    "retry_after":"300","times":2}"#;
    assert_eq!(stage.control("POST", "/faults", fault).await.status, 200);
    for _ in 0..2 {
        let answer = stage.graph("/me").await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, "300"));
        assert_eq!(answer.json()["error"]["code"], "activityLimitReached");
    }
    assert_eq!(stage.graph("/me").await.status, 200);
    stage.control("POST", "/faults", fault).await;
    stage.control("DELETE", "/faults", "").await;
    assert_eq!(stage.graph("/me").await.status, 200);
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_answered_with_a_sentence() {
    let stage = Stage::business(&[]).await;
    let large_file = json!({"op": "write", "path": "x.csv", "rows": u64::MAX}).to_string();
    let large_drive = |what: &str| {
        let mut seed = json!({"items": 1, "rows": 1});
        seed[what] = u64::MAX.into();
        json!({"beside": "ann@contoso.com", "name": "Large", "synthetic": seed}).to_string()
    };
    for (method, path, body, status) in [
        ("POST", "/clock", "{}", 400),
        ("POST", "/clock", "{\"advance_ms\":1,\"set_ms\":2}", 400),
        ("POST", "/clock", "{\"advance_ms\":9223372036854775807}", 400),
        ("POST", "/faults", "{\"host\":\"x\"}", 400),
        ("POST", "/drives/primary/edit", &large_file, 400),
        ("POST", "/drives", &large_drive("items"), 400),
        ("POST", "/drives", &large_drive("rows"), 400),
        ("PUT", "/clock", "", 405),
        ("GET", "/nowhere", "", 404),
    ] {
        let answer = stage.control(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}");
        assert!(answer.json()["error"].is_string());
    }
}
