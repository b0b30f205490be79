//! Refusals of the token endpoint: the table, the order of checks, the body.

use serde_json::{Value, json};

use crate::entra::{LOGIN, UNKNOWN, authorize, make, refusal, refused, sent, shown, told};
use crate::stage::Stage;

/// Section 7.5: the rows of the table that a refresh can meet.
#[tokio::test]
async fn each_mistake_has_its_number_status_and_error() {
    let stage = Stage::business(&[]).await;
    let nil = "00000000-0000-0000-0000-000000000000";
    let stranger = format!("1.A{}", "x".repeat(200));
    let saml = "urn:ietf:params:oauth:grant-type:saml2-bearer";
    for (authority, changes, expected) in [
        ("common", ("client_secret", "wrong"), refused(401, 7_000_215, "invalid_client")),
        ("common", ("client_secret", ""), refused(401, 7_000_218, "invalid_client")),
        ("common", ("client_id", UNKNOWN), refused(400, 700_016, "unauthorized_client")),
        ("common", ("client_id", "x"), refused(400, 700_016, "unauthorized_client")),
        (UNKNOWN, ("scope", ""), refused(400, 90_002, "invalid_request")),
        ("northwind.com", ("scope", ""), refused(400, 90_002, "invalid_request")),
        ("nonsense", ("scope", ""), refused(400, 900_023, "invalid_request")),
        (nil, ("scope", ""), refused(400, 900_021, "invalid_request")),
        ("consumers", ("scope", ""), refused(400, 70_000, "invalid_grant")),
        ("fabrikam.com", ("scope", ""), refused(400, 50_020, "invalid_grant")),
        ("common", ("refresh_token", "short"), refused(400, 9_002_313, "invalid_grant")),
        ("common", ("refresh_token", &stranger), refused(400, 50_173, "invalid_grant")),
        ("common", ("refresh_token", ""), refused(400, 900_144, "invalid_request")),
        ("common", ("grant_type", ""), refused(400, 900_144, "invalid_request")),
        ("common", ("client_id", ""), refused(400, 900_144, "invalid_request")),
        ("common", ("grant_type", saml), refused(400, 70_003, "unsupported_grant_type")),
        ("common", ("scope", "Files.Raed"), refused(400, 70_011, "invalid_scope")),
        ("common", ("scope", ".default Files.Read"), refused(400, 70_011, "invalid_scope")),
        ("common", ("scope", "Files.ReadWrite.All"), refused(400, 65_001, "invalid_grant")),
        (
            "common",
            ("scope", "https://management.azure.com/.default"),
            refused(400, 65_001, "invalid_grant"),
        ),
        ("common", ("scope", "https://x.test/y"), refused(400, 500_011, "invalid_resource")),
    ] {
        let answer = stage.refresh(authority, &[changes]).await;
        assert_eq!(refusal(&answer), expected, "{authority} {changes:?}");
    }
}

/// Section 7.5: form, tenant, application, secret, grant.
#[tokio::test]
async fn mistakes_are_found_in_the_order_of_the_service() {
    let stage = Stage::business(&[]).await;
    let mut changes = [
        ("refresh_token", "short".to_owned()),
        ("client_id", UNKNOWN.to_owned()),
        ("client_secret", "wrong".to_owned()),
    ];
    let mut found = Vec::new();
    let stranger = format!("1.A{}", "x".repeat(200));
    let mut authority = "northwind.com";
    for step in 0..5 {
        match step {
            1 => changes[0].1 = stranger.clone(),
            2 => authority = "common",
            3 => changes[1].1 = stage.ready().client_id.clone(),
            4 => changes[2].1 = stage.ready().client_secret.clone(),
            _ => {}
        }
        let fields: Vec<(&str, &str)> =
            changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        found.push(refusal(&stage.refresh(authority, &fields).await).1);
    }
    assert_eq!(found, [9_002_313, 90_002, 700_016, 7_000_215, 50_173]);
}

/// Section 7.5: every row can be ordered, for a person.
#[tokio::test]
async fn a_refusal_can_be_scripted_for_a_person() {
    let stage = Stage::business(&[]).await;
    for (code, status, error, suberror, claims) in [
        (53_003, 400, "invalid_grant", Some("message_only"), true),
        (50_076, 400, "invalid_grant", Some("basic_action"), true),
        (50_079, 400, "invalid_grant", Some("basic_action"), true),
        (53_000, 400, "invalid_grant", None, true),
        (50_055, 400, "invalid_grant", Some("user_password_expired"), false),
        (50_057, 400, "invalid_grant", None, false),
        (70_043, 400, "invalid_grant", Some("token_expired"), false),
        (50_196, 400, "invalid_grant", None, false),
        (90_055, 429, "temporarily_unavailable", None, false),
        (90_033, 503, "temporarily_unavailable", None, false),
    ] {
        make(&stage, "/users/ann@contoso.com", json!({ "refusals": [code] })).await;
        let answer = stage.refresh("common", &[]).await;
        assert_eq!(refusal(&answer), refused(status, code, error));
        let body = answer.json();
        assert_eq!(body.get("suberror").and_then(Value::as_str), suberror, "{code}");
        let challenge = body.get("claims").and_then(Value::as_str);
        assert_eq!(challenge.is_some(), claims, "{code}");
        if let Some(challenge) = challenge {
            let challenge: Value = serde_json::from_str(challenge).unwrap();
            assert!(challenge["access_token"]["capolids"]["values"][0].is_string());
        }
    }
    make(&stage, "/users/ann@contoso.com", json!({ "refusals": [] })).await;
    assert_eq!(stage.refresh("common", &[]).await.status, 200);
}

/// Section 7.5: the whole table.
#[tokio::test]
async fn every_row_of_the_table_can_be_ordered() {
    let stage = Stage::business(&[]).await;
    let rows: [(u16, &str, &[u32]); 14] = [
        (400, "invalid_grant", &[70_000, 70_008, 700_082, 700_084, 70_043, 50_173, 54_005]),
        (400, "invalid_grant", &[501_481, 50_148, 65_001, 50_076, 50_079, 50_078, 50_074]),
        (400, "invalid_grant", &[53_003, 53_000, 53_001, 530_003, 50_020, 50_034, 50_053]),
        (400, "invalid_grant", &[50_055, 50_057, 50_126, 700_005, 50_196]),
        (401, "invalid_client", &[7_000_215, 7_000_222, 7_000_218, 700_025, 700_027, 70_002]),
        (400, "unauthorized_client", &[700_016, 70_001]),
        (400, "unsupported_response_type", &[700_051, 700_054]),
        (400, "invalid_request", &[90_002, 900_023, 900_021, 9_002_313, 900_144, 28_003]),
        (400, "invalid_request", &[50_194, 9_001_023]),
        (400, "invalid_scope", &[70_011, 28_002]),
        (400, "invalid_resource", &[500_011, 50_001]),
        (400, "consent_required", &[90_094, 90_093]),
        (503, "temporarily_unavailable", &[90_033, 90_006, 90_015]),
        (429, "temporarily_unavailable", &[90_055]),
    ];
    for (status, error, codes) in rows {
        for &code in codes {
            make(&stage, "/users/ann@contoso.com", json!({ "refusals": [code, 50_053] })).await;
            let answer = stage.refresh("common", &[]).await;
            assert_eq!(refusal(&answer), refused(status, u64::from(code), error));
            let text = answer.json()["error_description"].as_str().unwrap().to_owned();
            assert!(text.starts_with(&format!("AADSTS{code}: ")) && !text.contains("{}"), "{text}");
        }
    }
}

/// Section 7.5: for an application, once it has proven who it is.
#[tokio::test]
async fn a_refusal_can_be_scripted_for_an_application() {
    let stage = Stage::business(&[]).await;
    make(&stage, "/applications/primary", json!({ "refusals": [90_055] })).await;
    let answer = stage.refresh("common", &[]).await;
    assert_eq!(refusal(&answer), refused(429, 90_055, "temporarily_unavailable"));
    let answer = stage.refresh("common", &[("client_secret", "wrong")]).await;
    assert_eq!(refusal(&answer).1, 7_000_215);
}

/// Section 7.2: what is scripted happens while signing in too, if it is not about tokens.
#[tokio::test]
async fn a_scripted_refusal_stands_against_signing_in() {
    let stage = Stage::business(&[]).await;
    let script = |code: u32| make(&stage, "/users/ann@contoso.com", json!({ "refusals": [code] }));
    script(50_076).await;
    let answer = authorize(&stage, "common", &[]).await;
    assert_eq!(told(&answer), (50_076, "interaction_required".to_owned()));
    assert!(sent(&answer).contains_key("claims"));
    script(50_057).await;
    assert_eq!(shown(&authorize(&stage, "common", &[]).await), 50_057);
    script(50_173).await;
    assert!(sent(&authorize(&stage, "common", &[]).await).contains_key("code"));
}

/// Section 7.5: the body and 7.3: the headers.
#[tokio::test]
async fn a_refusal_carries_its_trace_and_echoes_the_correlation_id() {
    let stage = Stage::business(&[]).await;
    let id = "0b7aeb4c-8f9a-4f0e-a7a5-2f6b0c9d1e2f";
    let url = format!("{LOGIN}/common/oauth2/v2.0/token");
    let answer = stage.send("POST", &url, &[("client-request-id", id)], "").await;
    let body = answer.json();
    assert_eq!(body["correlation_id"], id);
    assert_eq!(body["trace_id"], answer.header("x-ms-request-id"));
    assert_eq!(body["error_uri"], "https://login.microsoftonline.com/error?code=900144");
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with("AADSTS900144: ") && text.contains(" Trace ID: "), "{text}");
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

/// Section 7.5: older recordings have line ends.
#[tokio::test]
async fn the_parts_of_a_description_may_be_separated_by_line_ends() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({ "crlf_in_errors": true })).await;
    let body = stage.refresh("common", &[("client_secret", "wrong")]).await.json();
    assert!(body["error_description"].as_str().unwrap().contains("\r\nCorrelation ID: "));
}

/// Section 7.5: 9002313, 900561, and what is no form has no fields.
#[tokio::test]
async fn an_oversized_or_repeated_form_is_malformed_and_other_methods_are_refused() {
    let stage = Stage::business(&[]).await;
    let url = format!("{LOGIN}/common/oauth2/v2.0/token");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    for form in ["grant_type=a&grant_type=b".to_owned(), "x".repeat(100_000)] {
        let answer = stage.send("POST", &url, &kind, &form).await;
        assert_eq!(refusal(&answer), refused(400, 9_002_313, "invalid_request"));
    }
    assert_eq!(refusal(&stage.get(&url, &[]).await), refused(400, 900_561, "invalid_request"));
    let json = [("content-type", "application/json")];
    let answer = stage.send("POST", &url, &json, r#"{"grant_type":"refresh_token"}"#).await;
    assert_eq!(refusal(&answer), refused(400, 900_144, "invalid_request"));
}

/// Section 7.5: passwords, which nobody has.
#[tokio::test]
async fn a_password_is_never_right() {
    let stage = Stage::business(&[]).await;
    let ready = stage.ready();
    for (authority, name, expected) in [
        ("common", "ann@contoso.com", 9_001_023),
        ("contoso.com", "nobody@contoso.com", 50_034),
        ("contoso.com", "ann@contoso.com", 50_126),
    ] {
        let fields = [
            ("client_id", ready.client_id.as_str()),
            ("client_secret", &ready.client_secret),
            ("grant_type", "password"),
            ("username", name),
            ("password", "p"),
            ("scope", "Files.Read"),
        ];
        assert_eq!(refusal(&stage.token(authority, &fields).await).1, expected, "{name}");
    }
}
