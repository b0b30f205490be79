//! Signing in: the token endpoint.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::stage::{Answer, Stage};

const HOUR: Duration = Duration::from_secs(3_600);

/// The status, the number and the `error` of a refusal.
fn refusal(answer: &Answer) -> (u16, u64, String) {
    let body = answer.json();
    let code = body["error_codes"][0].as_u64().unwrap();
    (answer.status, code, body["error"].as_str().unwrap().to_owned())
}

fn refused(status: u16, code: u64, error: &str) -> (u16, u64, String) {
    (status, code, error.to_owned())
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Section 7.3 and 7.6.
#[tokio::test]
async fn a_work_refresh_answers_a_jwt_with_the_account_in_its_claims() {
    let stage = Stage::business(&[]).await;
    let answer = stage.refresh(&stage.ready().tenant_id, &[]).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["token_type"]), (200, &json!("Bearer")));
    let lifetime = body["expires_in"].as_u64().unwrap();
    assert!((3_600..=5_400).contains(&lifetime), "{lifetime}");
    let claims = claims(body["access_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "https://graph.microsoft.com");
    assert_eq!(claims["tid"], stage.ready().tenant_id.as_str());
    assert_eq!(claims["oid"], stage.ready().account_id.as_str());
    assert_eq!(claims["appid"], stage.ready().client_id.as_str());
    let lived = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
    assert_eq!(lived, lifetime);
    assert!(body["refresh_token"].as_str().unwrap().starts_with("1.A"));
}

/// Section 7.3 and 7.6.
#[tokio::test]
async fn a_personal_refresh_answers_opaque_tokens_for_an_hour() {
    let stage = Stage::personal(&[]).await;
    let body = stage.refresh("consumers", &[]).await.json();
    assert_eq!(body["expires_in"], 3_600);
    let access = body["access_token"].as_str().unwrap();
    assert!(access.starts_with("EwB") && !access.contains('.'));
    assert!(body["refresh_token"].as_str().unwrap().starts_with("M.C5"));
}

/// Section 7.4: the old one is not revoked by use.
#[tokio::test]
async fn each_refresh_gives_a_new_token_and_the_old_one_stays_valid() {
    let stage = Stage::business(&[]).await;
    let first = stage.refresh("common", &[]).await.json();
    let new = first["refresh_token"].as_str().unwrap();
    assert_ne!(new, stage.ready().refresh_token);
    assert_eq!(stage.refresh("common", &[("refresh_token", new)]).await.status, 200);
    assert_eq!(stage.refresh("common", &[]).await.status, 200);
}

/// Section 7.3.
#[tokio::test]
async fn a_refreshed_access_token_opens_graph() {
    let stage = Stage::business(&[]).await;
    let body = stage.refresh("common", &[]).await.json();
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let url = "https://graph.microsoft.com/v1.0/me";
    assert_eq!(stage.get(url, &[("authorization", &bearer)]).await.status, 200);
}

/// Section 7.3.
#[tokio::test]
async fn the_scope_is_echoed_as_asked_and_never_lists_offline_access() {
    let qualified = "https://graph.microsoft.com/Files.Read offline_access";
    let business = Stage::business(&[]).await;
    let scope = business.refresh("common", &[("scope", qualified)]).await.json()["scope"].clone();
    assert_eq!(scope, "https://graph.microsoft.com/Files.Read profile openid email");
    let personal = Stage::personal(&[]).await;
    let scope = personal.refresh("common", &[("scope", qualified)]).await.json()["scope"].clone();
    assert_eq!(scope, "Files.Read");
}

/// Section 7.3: an id_token for `openid`, client_info if asked for.
#[tokio::test]
async fn an_id_token_and_client_info_come_when_asked_for() {
    let stage = Stage::business(&[]).await;
    let plain = stage.refresh("common", &[]).await.json();
    assert!(plain.get("id_token").is_none() && plain.get("client_info").is_none());
    let asked = [("scope", "openid User.Read"), ("client_info", "1")];
    let body = stage.refresh("common", &asked).await.json();
    let id = claims(body["id_token"].as_str().unwrap());
    assert_eq!(id["aud"], stage.ready().client_id.as_str());
    let info = URL_SAFE_NO_PAD.decode(body["client_info"].as_str().unwrap()).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["utid"], stage.ready().tenant_id.as_str());
}

/// Section 7.3: HTTP Basic, form-encoded.
#[tokio::test]
async fn a_client_may_authenticate_with_http_basic() {
    let stage = Stage::business(&[]).await;
    let ready = stage.ready();
    let secret: String = form_urlencoded::byte_serialize(ready.client_secret.as_bytes()).collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", ready.client_id)));
    let form = format!("grant_type=refresh_token&refresh_token={}", ready.refresh_token);
    let url = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    let answer = stage.send("POST", url, &[("authorization", &basic)], &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Section 7.5: the rows of the table that a refresh can meet.
#[tokio::test]
async fn each_mistake_has_its_number_status_and_error() {
    let stage = Stage::business(&[]).await;
    let unknown = "11111111-1111-1111-1111-111111111111";
    let nil = "00000000-0000-0000-0000-000000000000";
    let stranger = format!("1.A{}", "x".repeat(200));
    for (authority, changes, expected) in [
        ("common", ("client_secret", "wrong"), refused(401, 7_000_215, "invalid_client")),
        ("common", ("client_secret", ""), refused(401, 7_000_218, "invalid_client")),
        ("common", ("client_id", unknown), refused(400, 700_016, "unauthorized_client")),
        (unknown, ("scope", ""), refused(400, 90_002, "invalid_request")),
        ("fabrikam.com", ("scope", ""), refused(400, 90_002, "invalid_request")),
        ("nonsense", ("scope", ""), refused(400, 900_023, "invalid_request")),
        (nil, ("scope", ""), refused(400, 900_021, "invalid_request")),
        ("common", ("refresh_token", "short"), refused(400, 9_002_313, "invalid_grant")),
        ("common", ("refresh_token", &stranger), refused(400, 50_173, "invalid_grant")),
        ("common", ("refresh_token", ""), refused(400, 900_144, "invalid_request")),
        ("common", ("grant_type", ""), refused(400, 900_144, "invalid_request")),
        ("common", ("client_id", ""), refused(400, 900_144, "invalid_request")),
        ("common", ("grant_type", "password"), refused(400, 70_003, "unsupported_grant_type")),
        ("common", ("scope", "Files.Raed"), refused(400, 70_011, "invalid_scope")),
        ("common", ("scope", "Files.ReadWrite.All"), refused(400, 65_001, "invalid_grant")),
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
        ("client_id", "11111111-1111-1111-1111-111111111111".to_owned()),
        ("client_secret", "wrong".to_owned()),
    ];
    let mut found = Vec::new();
    let stranger = format!("1.A{}", "x".repeat(200));
    let mut authority = "fabrikam.com";
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

/// Section 7.5: the body and 7.3: the headers.
#[tokio::test]
async fn a_refusal_carries_its_trace_and_echoes_the_correlation_id() {
    let stage = Stage::business(&[]).await;
    let id = "0b7aeb4c-8f9a-4f0e-a7a5-2f6b0c9d1e2f";
    let url = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    let answer = stage.send("POST", url, &[("client-request-id", id)], "").await;
    let body = answer.json();
    assert_eq!(body["correlation_id"], id);
    assert_eq!(body["trace_id"], answer.header("x-ms-request-id"));
    assert_eq!(body["error_uri"], "https://login.microsoftonline.com/error?code=900144");
    let text = body["error_description"].as_str().unwrap();
    assert!(text.starts_with("AADSTS900144: ") && text.contains("Trace ID: "), "{text}");
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

/// Section 7.5: 50173, and 70000 on personal accounts.
#[tokio::test]
async fn a_revoked_refresh_token_is_refused() {
    for (stage, code) in
        [(Stage::business(&[]).await, 50_173), (Stage::personal(&[]).await, 70_000)]
    {
        assert_eq!(stage.control("POST", "/tokens/revoke", "").await.status, 200);
        let answer = stage.refresh("common", &[]).await;
        assert_eq!(refusal(&answer), refused(400, code, "invalid_grant"));
    }
}

/// Section 7.4 and 7.5: 90 days of inactivity, counted from the last use.
#[tokio::test]
async fn a_refresh_token_dies_of_inactivity() {
    let stage = Stage::business(&[]).await;
    stage.advance(HOUR * 24 * 60).await;
    assert_eq!(stage.refresh("common", &[]).await.status, 200);
    stage.advance(HOUR * 24 * 60).await;
    assert_eq!(stage.refresh("common", &[]).await.status, 200);
    stage.advance(HOUR * 24 * 90).await;
    let answer = stage.refresh("common", &[]).await;
    assert_eq!(refusal(&answer), refused(400, 700_082, "invalid_grant"));
    assert_eq!(answer.json()["suberror"], "bad_token");
}

#[tokio::test]
async fn an_oversized_or_repeated_form_is_malformed_and_other_methods_are_refused() {
    let stage = Stage::business(&[]).await;
    let url = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    for form in ["grant_type=a&grant_type=b".to_owned(), "x".repeat(100_000)] {
        let answer = stage.send("POST", url, &[], &form).await;
        assert_eq!(refusal(&answer), refused(400, 9_002_313, "invalid_request"));
    }
    assert_eq!(refusal(&stage.get(url, &[]).await), refused(400, 900_561, "invalid_request"));
}

/// Section 7.1.
#[tokio::test]
async fn discovery_names_the_endpoints_and_the_key_that_signed_the_tokens() {
    let stage = Stage::business(&[]).await;
    let base = "https://login.microsoftonline.com";
    let tenant = &stage.ready().tenant_id;
    let url = format!("{base}/{tenant}/v2.0/.well-known/openid-configuration");
    let document = stage.get(&url, &[]).await.json();
    assert_eq!(document["issuer"], json!(format!("{base}/{tenant}/v2.0")));
    assert_eq!(document["token_endpoint"], json!(format!("{base}/{tenant}/oauth2/v2.0/token")));
    let keys = stage.get(document["jwks_uri"].as_str().unwrap(), &[]).await.json();
    verify(&stage.ready().access_token, &keys["keys"][0]);
}

/// Section 7.1.
#[tokio::test]
async fn discovery_of_an_unknown_tenant_is_an_invalid_tenant() {
    let stage = Stage::business(&[]).await;
    let url =
        "https://login.microsoftonline.com/fabrikam.com/v2.0/.well-known/openid-configuration";
    assert_eq!(refusal(&stage.get(url, &[]).await), refused(400, 90_002, "invalid_tenant"));
}

fn verify(token: &str, key: &Value) {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
}
