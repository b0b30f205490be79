//! The device flow.

use std::time::Duration;

use serde_json::{Value, json};

use crate::entra::{LOGIN, claims, encoded, make, native, press, refusal, refused, shown};
use crate::stage::{Answer, Stage};

async fn begin(stage: &Stage, authority: &str, client_id: &str) -> Value {
    let scope = "Files.Read offline_access openid profile";
    let form = encoded(&[("client_id", client_id), ("scope", scope)]);
    let url = format!("{LOGIN}/{authority}/oauth2/v2.0/devicecode");
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let answer = stage.send("POST", &url, &kind, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn poll(stage: &Stage, client_id: &str, begun: &Value) -> Answer {
    let fields = [
        ("client_id", client_id),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", begun["device_code"].as_str().unwrap()),
    ];
    stage.token("common", &fields).await
}

fn user_code(begun: &Value) -> &str {
    begun["user_code"].as_str().unwrap()
}

/// Section 7.5: 70016, then tokens, once.
#[tokio::test]
async fn a_device_waits_until_the_person_has_entered_the_code() {
    let stage = Stage::business(&[]).await;
    let client = native(&stage).await;
    let begun = begin(&stage, "common", &client).await;
    assert!(begun["message"].as_str().unwrap().contains(user_code(&begun)));
    assert_eq!((&begun["expires_in"], &begun["interval"]), (&json!(900), &json!(5)));
    let waiting = poll(&stage, &client, &begun).await;
    assert_eq!(refusal(&waiting), refused(400, 70_016, "authorization_pending"));
    let short = stage.get(begun["verification_uri"].as_str().unwrap(), &[]).await;
    let page = stage.get(short.header("location"), &[]).await;
    let filled = [("otc", user_code(&begun)), ("login", "bob@contoso.com")];
    let entered = press(&stage, &page, "accept", &filled).await;
    assert_eq!(entered.status, 200, "{}", entered.text());
    let body = poll(&stage, &client, &begun).await.json();
    assert_eq!(claims(&body["id_token"])["preferred_username"], "bob@contoso.com");
    assert!(body["refresh_token"].is_string());
    let again = poll(&stage, &client, &begun).await;
    assert_eq!(refusal(&again), refused(400, 54_005, "invalid_grant"));
}

/// Section 7.3: answered by the control API, for a personal account.
#[tokio::test]
async fn a_test_can_answer_for_the_person() {
    let stage = Stage::personal(&[]).await;
    let client = native(&stage).await;
    let begun = begin(&stage, "consumers", &client).await;
    let path = format!("/device-codes/{}", user_code(&begun));
    make(&stage, &path, json!({ "user": "ann.example@outlook.com" })).await;
    let body = poll(&stage, &client, &begun).await.json();
    assert!(body["access_token"].as_str().unwrap().starts_with("EwB"));
    let declined = begin(&stage, "consumers", &client).await;
    make(&stage, &format!("/device-codes/{}", user_code(&declined)), json!({ "decline": true }))
        .await;
    let answer = poll(&stage, &client, &declined).await;
    assert_eq!(answer.json()["error"], "authorization_declined");
}

/// Section 7.5.
#[tokio::test]
async fn a_device_code_expires_and_belongs_to_one_client() {
    let stage = Stage::business(&[]).await;
    let client = native(&stage).await;
    let begun = begin(&stage, "common", &client).await;
    let unknown = json!({ "device_code": "nothing of the kind" });
    let answer = poll(&stage, &client, &unknown).await;
    assert_eq!(refusal(&answer), refused(400, 70_018, "bad_verification_code"));
    let page = stage.get(&format!("{LOGIN}/common/oauth2/deviceauth"), &[]).await;
    assert_eq!(shown(&press(&stage, &page, "accept", &[("otc", "WRONG")]).await), 70_018);
    stage.advance(Duration::from_secs(900)).await;
    let answer = poll(&stage, &client, &begun).await;
    assert_eq!(refusal(&answer), refused(400, 70_020, "expired_token"));
}

/// Section 7.5: 7000218, since a device can keep no secret.
#[tokio::test]
async fn an_application_with_a_secret_has_to_show_it_for_a_device_too() {
    let stage = Stage::business(&[]).await;
    let client = stage.ready().client_id.clone();
    let begun = begin(&stage, "common", &client).await;
    let answer = poll(&stage, &client, &begun).await;
    assert_eq!(refusal(&answer), refused(401, 7_000_218, "invalid_client"));
}
