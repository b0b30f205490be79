//! Consent: of people, of administrators, and what lacks it.

use serde_json::json;

use crate::entra::{
    LOGIN, WEB, authorize, claims, code, directory, encoded, make, press, redeem, refusal, refused,
    sent, shown, told,
};
use crate::stage::{Answer, Stage};

/// Section 7.2.
#[tokio::test]
async fn a_person_consents_once_and_silence_needs_that_consent() {
    let stage = Stage::business(&[]).await;
    let bob = [("login_hint", "bob@contoso.com"), ("prompt", "none")];
    let silent = authorize(&stage, "common", &bob).await;
    assert_eq!(told(&silent), (65_001, "consent_required".to_owned()));
    assert!(sent(&authorize(&stage, "common", &[bob[0]]).await).contains_key("code"));
    assert!(sent(&authorize(&stage, "common", &bob).await).contains_key("code"));
}

/// Section 7.5: 65001; 70000 on personal accounts.
#[tokio::test]
async fn tokens_are_only_for_what_was_consented_to() {
    let stage = Stage::business(&[]).await;
    let answer = stage.refresh("common", &[("scope", "Mail.Read")]).await;
    assert_eq!(refusal(&answer), refused(400, 65_001, "invalid_grant"));
    assert_eq!(answer.json()["suberror"], "consent_required");
    let stage = Stage::personal(&[]).await;
    let answer = stage.refresh("common", &[("scope", "Mail.Read")]).await;
    assert_eq!(refusal(&answer), refused(400, 70_000, "invalid_grant"));
}

/// Section 7.4: consent removal ends a refresh token.
#[tokio::test]
async fn a_refresh_token_ends_with_the_consent() {
    let stage = Stage::business(&[]).await;
    assert_eq!(stage.control("DELETE", "/consents", "").await.status, 200);
    let answer = stage.refresh("common", &[]).await;
    assert_eq!(refusal(&answer), refused(400, 65_001, "invalid_grant"));
}

/// Section 7.3: `.default` means what the registration names, for who consented to nothing.
#[tokio::test]
async fn default_asks_for_the_registrations_permissions() {
    let stage = Stage::business(&[]).await;
    let scope = "https://graph.microsoft.com/.default offline_access openid";
    let code = code(&stage, &[("login_hint", "bob@contoso.com"), ("scope", scope)]).await;
    let body = redeem(&stage, &code, &[]).await.json();
    let granted = claims(&body["access_token"])["scp"].clone();
    assert_eq!(granted, "Files.Read Files.Read.All Sites.Read.All User.Read");
    assert!(body["refresh_token"].is_string());
    assert!(body["scope"].as_str().unwrap().contains("https://graph.microsoft.com/Files.Read.All"));
}

/// Section 7.5: 90094.
#[tokio::test]
async fn some_permissions_take_an_administrator() {
    let stage = Stage::business(&[]).await;
    let answer = authorize(&stage, "common", &[("scope", "User.Read.All")]).await;
    assert_eq!(told(&answer), (90_094, "consent_required".to_owned()));
    let consent = json!({ "directory": "contoso.com", "scopes": ["User.Read.All"] });
    make(&stage, "/consents", consent).await;
    let answer = authorize(&stage, "common", &[("scope", "User.Read.All")]).await;
    assert!(sent(&answer).contains_key("code"));
}

async fn admin_consent(stage: &Stage, authority: &str, more: &[(&str, &str)]) -> Answer {
    let own = [("client_id", stage.ready().client_id.as_str()), ("redirect_uri", WEB)];
    let query = encoded(&[&own, more].concat());
    stage.get(&format!("{LOGIN}/{authority}/adminconsent?{query}"), &[]).await
}

/// Section 7.2: an administrator consents for the directory.
#[tokio::test]
async fn an_administrator_consents_for_everybody() {
    let stage = Stage::business(&[]).await;
    let fabrikam = directory(&stage, "fabrikam.com").await;
    let answer = admin_consent(&stage, "fabrikam.com", &[("state", "7")]).await;
    let sent_back = sent(&answer);
    assert_eq!((sent_back["admin_consent"].as_str(), &sent_back["tenant"]), ("True", &fabrikam));
    assert_eq!(sent_back["state"], "7");
    let silent = [("login_hint", "eve@fabrikam.com"), ("prompt", "none")];
    assert!(sent(&authorize(&stage, "common", &silent).await).contains_key("code"));
    let ready = stage.ready();
    let fields = [
        ("client_id", ready.client_id.as_str()),
        ("client_secret", &ready.client_secret),
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let body = stage.token("fabrikam.com", &fields).await.json();
    assert_eq!(
        claims(&body["access_token"])["roles"],
        json!(["Files.Read.All", "Sites.Read.All", "User.Read.All"])
    );
}

/// Section 7.2: the newer form names scopes.
#[tokio::test]
async fn an_administrator_may_consent_to_named_scopes_only() {
    let stage = Stage::business(&[]).await;
    let scope = "https://graph.microsoft.com/User.Read.All";
    let answer = admin_consent(&stage, "contoso.com/v2.0", &[("scope", scope)]).await;
    assert_eq!(sent(&answer)["scope"], scope);
    let silent = [("prompt", "none"), ("scope", "User.Read.All")];
    assert!(sent(&authorize(&stage, "common", &silent).await).contains_key("code"));
    let evil = [("redirect_uri", "https://evil.test/")];
    let query = encoded(&[("client_id", stage.ready().client_id.as_str()), evil[0]]);
    let answer = stage.get(&format!("{LOGIN}/contoso.com/adminconsent?{query}"), &[]).await;
    assert_eq!(shown(&answer), 50_011);
}

#[tokio::test]
async fn an_administrator_may_refuse_on_the_page() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({ "sign_in": "page" })).await;
    let page = admin_consent(&stage, "contoso.com", &[]).await;
    let answer = press(&stage, &page, "cancel", &[]).await;
    assert_eq!(sent(&answer)["error"], "permission_denied");
    let page = admin_consent(&stage, "contoso.com", &[]).await;
    let answer = press(&stage, &page, "accept", &[]).await;
    assert_eq!(sent(&answer)["admin_consent"], "True");
}

/// Section 7.2: both spellings of the endpoint, for the directory of the administrator who is played.
#[tokio::test]
async fn a_test_can_play_the_administrator() {
    let stage = Stage::business(&[]).await;
    let fabrikam = directory(&stage, "fabrikam.com").await;
    let own = [("client_id", stage.ready().client_id.as_str()), ("redirect_uri", WEB)];
    for endpoint in ["common/adminconsent", "fabrikam.com/v2.0/adminconsent"] {
        let url = format!("{LOGIN}/{endpoint}?{}", encoded(&own));
        let played = make(&stage, "/authorize", json!({ "url": url, "email": "eve@fabrikam.com" }));
        let location = played.await["location"].as_str().unwrap().to_owned();
        assert_eq!(location, format!("{WEB}?admin_consent=True&tenant={fabrikam}"));
    }
}
