//! What every request to Graph has in common: headers, errors, odd input.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::Stage;

const ME: &str = "https://graph.microsoft.com/v1.0/me";

/// Section 1.6.
#[tokio::test]
async fn answers_carry_the_headers_of_graph_and_echo_the_clients_id() {
    let stage = Stage::business(&[]).await;
    let answer = stage.graph_with("/me", &[("client-request-id", "my-own-id")]).await;
    assert_eq!(answer.header("client-request-id"), "my-own-id");
    assert_eq!(answer.header("request-id").len(), 36);
    assert!(answer.header("x-ms-ags-diagnostic").starts_with("{\"ServerInfo\":{"));
    assert_eq!(answer.header("odata-version"), "4.0");
    let kind = answer.header("content-type");
    assert!(kind.starts_with("application/json;odata.metadata=minimal;"), "{kind}");
    let plain = stage.graph("/me").await;
    assert_eq!(plain.header("client-request-id"), plain.header("request-id"));
}

/// Section 1.6 (GEN).
#[tokio::test]
async fn a_client_that_wants_no_metadata_gets_no_context() {
    let stage = Stage::business(&[]).await;
    let accept = [("accept", "application/json;odata.metadata=none")];
    assert!(stage.graph_with("/me", &accept).await.json().get("@odata.context").is_none());
}

/// Section 6.1.
#[tokio::test]
async fn an_error_has_the_envelope_with_the_ids_of_the_headers() {
    let stage = Stage::business(&[]).await;
    let answer = stage.graph("/me/drive/root:/nope").await;
    let error = &answer.json()["error"];
    assert_eq!(error["innerError"]["request-id"], answer.header("request-id"));
    assert_eq!(error["innerError"]["client-request-id"], answer.header("client-request-id"));
    let date = error["innerError"]["date"].as_str().unwrap();
    assert!(date.len() == 19 && !date.ends_with('Z'), "{date}");
}

/// Section 6.5 and 7.7.
#[tokio::test]
async fn each_kind_of_bad_token_has_its_text_and_a_challenge() {
    let stage = Stage::business(&[]).await;
    for (header, text) in [
        (None, "Access token is empty."),
        (Some("Bearer "), "Access token is empty."),
        (Some("Basic abc"), "Access token is empty."),
        (Some("Bearer nonsense"), "CompactToken parsing failed with error code: 80049217"),
    ] {
        let headers: Vec<(&str, &str)> =
            header.map(|it| ("authorization", it)).into_iter().collect();
        let answer = stage.get(ME, &headers).await;
        let expected = (401, "InvalidAuthenticationToken".to_owned(), text.to_owned());
        assert_eq!(answer.error(), expected);
        assert!(answer.header("www-authenticate").starts_with("Bearer realm=\"\""));
    }
}

/// Section 6.5: expiry, by the emulator's clock.
#[tokio::test]
async fn an_expired_token_is_refused_in_the_words_of_the_profile() {
    for (stage, text) in [
        (Stage::business(&[]).await, "Lifetime validation failed, the token is expired."),
        (Stage::personal(&[]).await, "CompactToken validation failed with reason code: 80049228."),
    ] {
        stage.advance(Duration::from_secs(5_400)).await;
        let (status, _, message) = stage.graph("/me").await.error();
        assert_eq!((status, message.as_str()), (401, text));
    }
}

/// Section 6.2.
#[tokio::test]
async fn other_methods_are_not_allowed_and_head_answers_without_a_body() {
    let stage = Stage::business(&[]).await;
    let bearer = format!("Bearer {}", stage.ready().access_token);
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "NONSENSE"] {
        let answer = stage.send(method, ME, &[("authorization", &bearer)], "{}").await;
        assert_eq!(answer.status, 405, "{method}");
    }
    let head = stage.send("HEAD", ME, &[("authorization", &bearer)], "").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// Section 1.4: no link carries a port.
#[tokio::test]
async fn a_request_in_absolute_form_is_the_same_request() {
    let stage = Stage::business(&[]).await;
    let mut stream = stage.connect("graph.microsoft.com").await.unwrap();
    let request =
        format!("GET {ME} HTTP/1.1\r\nHost: graph.microsoft.com\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}

#[tokio::test]
async fn malformed_requests_get_a_4xx_and_the_emulator_goes_on() {
    let stage = Stage::business(&[]).await;
    let huge = format!(
        "GET /v1.0/me HTTP/1.1\r\nHost: graph.microsoft.com\r\nX: {}\r\n\r\n",
        "x".repeat(70_000)
    );
    for request in [
        "NONSENSE\r\n\r\n",
        "GET /v1.0/%ZZ%FF?%=%&&$top=%FF HTTP/1.1\r\nHost: graph.microsoft.com\r\nConnection: close\r\n\r\n",
        "GET /v1.0/me HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: graph.microsoft.com\r\nConnection: close\r\n\r\n",
        "GET /v1.0/me HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        huge.as_str(),
    ] {
        let mut stream = stage.connect("graph.microsoft.com").await.unwrap();
        // The emulator may have answered and gone before it read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(stage.graph("/me").await.status, 200);
}
