//! The token endpoint: refreshing.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::entra::{LOGIN, UNKNOWN, claims, make, refusal, refused};
use crate::stage::Stage;

const HOUR: Duration = Duration::from_secs(3_600);

/// Section 7.3 and 7.6.
#[tokio::test]
async fn a_work_refresh_answers_a_jwt_with_the_account_in_its_claims() {
    let stage = Stage::business(&[]).await;
    let answer = stage.refresh(&stage.ready().tenant_id, &[]).await;
    let body = answer.json();
    assert_eq!((answer.status, &body["token_type"]), (200, &json!("Bearer")));
    let lifetime = body["expires_in"].as_u64().unwrap();
    assert!((3_600..=5_400).contains(&lifetime), "{lifetime}");
    let claims = claims(&body["access_token"]);
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

/// Section 7.4 and 12: rotation on and off, no refresh token at all.
#[tokio::test]
async fn a_refresh_may_give_the_same_token_or_none() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({ "rotation": "same" })).await;
    let body = stage.refresh("common", &[]).await.json();
    assert_eq!(body["refresh_token"], stage.ready().refresh_token.as_str());
    stage.vary(json!({ "rotation": "none" })).await;
    let body = stage.refresh("common", &[]).await.json();
    assert!(body.get("refresh_token").is_none());
}

/// Section 7.3.
#[tokio::test]
async fn a_refreshed_access_token_opens_graph() {
    let stage = Stage::business(&[]).await;
    let body = stage.refresh("common", &[]).await.json();
    let answer = stage.graph_as(body["access_token"].as_str().unwrap(), "/me").await;
    assert_eq!(answer.status, 200);
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

/// Section 7.3 and 12: the ways in which the service names scopes.
#[tokio::test]
async fn the_scope_of_an_answer_may_be_short_qualified_widened_or_missing() {
    let stage = Stage::business(&[]).await;
    for (how, expected) in [
        ("short", Some("Files.Read")),
        ("qualified", Some("https://graph.microsoft.com/Files.Read")),
        (
            "widened",
            Some("Files.Read Files.Read.All Sites.Read.All User.Read profile openid email"),
        ),
        ("missing", None),
    ] {
        stage.vary(json!({ "scope_echo": how })).await;
        let body = stage.refresh("common", &[("scope", "Files.Read")]).await.json();
        assert_eq!(body.get("scope").and_then(Value::as_str), expected, "{how}");
    }
}

/// Section 7.3: an id_token for `openid`, client_info if asked for.
#[tokio::test]
async fn an_id_token_and_client_info_come_when_asked_for() {
    let stage = Stage::business(&[]).await;
    let plain = stage.refresh("common", &[]).await.json();
    assert!(plain.get("id_token").is_none() && plain.get("client_info").is_none());
    let asked = [("scope", "openid email User.Read"), ("client_info", "1")];
    let body = stage.refresh("common", &asked).await.json();
    let id = claims(&body["id_token"]);
    assert_eq!(id["aud"], stage.ready().client_id.as_str());
    assert_eq!(id["email"], "ann@contoso.com");
    let info = URL_SAFE_NO_PAD.decode(body["client_info"].as_str().unwrap()).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["utid"], stage.ready().tenant_id.as_str());
}

/// Section 7.3: long lifetimes come with a hint, and MSAL tolerates text.
#[tokio::test]
async fn lifetimes_can_be_set_and_told_as_text() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({ "access_lifetime_s": 86_400 })).await;
    let body = stage.refresh("common", &[]).await.json();
    assert_eq!((&body["expires_in"], &body["refresh_in"]), (&json!(86_400), &json!(43_200)));
    stage.vary(json!({ "access_lifetime_s": 3_600, "expires_in_as_text": true })).await;
    let body = stage.refresh("common", &[]).await.json();
    assert_eq!((&body["expires_in"], body.get("refresh_in")), (&json!("3600"), None));
}

/// Section 7.4: bound to user and client, not to a resource or tenant.
#[tokio::test]
async fn a_refresh_token_belongs_to_one_client() {
    let stage = Stage::business(&[]).await;
    let new = json!({ "name": "Other", "secret": "s", "client_id": UNKNOWN });
    make(&stage, "/applications", new).await;
    let changes = [("client_id", UNKNOWN), ("client_secret", "s")];
    let answer = stage.refresh("common", &changes).await;
    assert_eq!(refusal(&answer), refused(400, 70_000, "invalid_grant"));
    assert_eq!(answer.json()["suberror"], "client_mismatch");
}

/// Section 7.5: 50173, and 70000 on personal accounts.
#[tokio::test]
async fn a_revoked_refresh_token_is_refused() {
    for (stage, code) in
        [(Stage::business(&[]).await, 50_173), (Stage::personal(&[]).await, 70_000)]
    {
        assert_eq!(stage.control("POST", "/tokens/revoke", "{}").await.status, 200);
        let answer = stage.refresh("common", &[]).await;
        assert_eq!(refusal(&answer), refused(400, code, "invalid_grant"));
    }
}

/// Section 7.5: the date before which a person's tokens are not valid.
#[tokio::test]
async fn tokens_from_before_a_password_change_are_refused() {
    let stage = Stage::business(&[]).await;
    let now_ms = stage.control("GET", "/clock", "").await.json()["now_ms"].clone();
    stage.advance(HOUR).await;
    let from = json!({ "tokens_valid_from_ms": now_ms.as_i64().unwrap() + 1_000 });
    make(&stage, "/users/ann@contoso.com", from).await;
    let answer = stage.refresh("common", &[]).await;
    assert_eq!(refusal(&answer), refused(400, 50_173, "invalid_grant"));
    assert!(answer.json()["error_description"].as_str().unwrap().contains("TokensValidFrom"));
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

/// Section 7.1: every name of the login service answers alike.
#[tokio::test]
async fn every_login_host_refreshes() {
    let stage = Stage::business(&[]).await;
    let ready = stage.ready();
    let form = crate::entra::encoded(&[
        ("client_id", &ready.client_id),
        ("client_secret", &ready.client_secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", &ready.refresh_token),
    ]);
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    for host in [LOGIN, "https://login.windows.net", "https://login.microsoft.com"] {
        let url = format!("{host}/common/oauth2/v2.0/token");
        assert_eq!(stage.send("POST", &url, &kind, &form).await.status, 200, "{host}");
    }
}
