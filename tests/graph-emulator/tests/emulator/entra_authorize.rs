//! The authorize endpoint and what it sends to clients.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::entra::{
    CHALLENGE, LOGIN, NATIVE, UNKNOWN, VERIFIER, WEB, authorize, claims, code, encoded, form_of,
    make, native, press, redeem, refusal, refused, sent, shown, told,
};
use crate::stage::{Answer, Stage};

/// Section 7.2.
#[tokio::test]
async fn a_sign_in_sends_a_code_and_the_state_to_the_client() {
    let stage = Stage::business(&[]).await;
    let answer = authorize(&stage, "common", &[("client_info", "1")]).await;
    assert!(answer.header("location").starts_with(&format!("{WEB}?")));
    let sent = sent(&answer);
    assert_eq!(sent["state"], "s 1&2");
    assert!(sent["code"].starts_with("1.A"));
    assert!(sent.contains_key("session_state") && sent.contains_key("client_info"));
}

/// Section 7.2: the three ways in which an answer travels.
#[tokio::test]
async fn the_answer_travels_in_query_fragment_or_form() {
    let stage = Stage::business(&[]).await;
    let fragment = authorize(&stage, "common", &[("response_mode", "fragment")]).await;
    assert!(fragment.header("location").starts_with(&format!("{WEB}#code=")));
    let post = authorize(&stage, "common", &[("response_mode", "form_post")]).await;
    let (action, fields) = form_of(&post);
    assert_eq!(action, WEB);
    assert!(fields.contains(&("state".to_owned(), "s 1&2".to_owned())));
    let other = authorize(&stage, "common", &[("response_mode", "smoke")]).await;
    assert_eq!(told(&other), (70_007, "invalid_request".to_owned()));
}

/// Section 7.2 and 7.3.
#[tokio::test]
async fn a_code_is_redeemed_for_tokens_that_open_graph() {
    let stage = Stage::business(&[]).await;
    let code = code(&stage, &[("nonce", "n1")]).await;
    let body = redeem(&stage, &code, &[("client_info", "1")]).await.json();
    assert_eq!(body["scope"], "Files.Read profile openid email");
    assert!(body["refresh_token"].as_str().unwrap().starts_with("1.A"));
    assert!(body["client_info"].is_string());
    let id = claims(&body["id_token"]);
    assert_eq!(id["aud"], stage.ready().client_id.as_str());
    assert_eq!(
        (&id["nonce"], &id["preferred_username"]),
        (&json!("n1"), &json!("ann@contoso.com"))
    );
    let answer = stage.graph_as(body["access_token"].as_str().unwrap(), "/me/drive").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Section 7.3: offline_access must have been asked for.
#[tokio::test]
async fn there_is_no_refresh_token_without_offline_access() {
    let stage = Stage::business(&[]).await;
    let code = code(&stage, &[("scope", "Files.Read")]).await;
    let body = redeem(&stage, &code, &[]).await.json();
    assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none());
}

/// Section 7.2 and 7.5: single use (54005), ten minutes (70008).
#[tokio::test]
async fn a_code_is_good_once_and_for_ten_minutes() {
    let stage = Stage::business(&[]).await;
    let first = code(&stage, &[]).await;
    assert_eq!(redeem(&stage, &first, &[]).await.status, 200);
    let again = redeem(&stage, &first, &[]).await;
    assert_eq!(refusal(&again), refused(400, 54_005, "invalid_grant"));
    let late = code(&stage, &[]).await;
    stage.advance(Duration::from_secs(601)).await;
    let answer = redeem(&stage, &late, &[]).await;
    assert_eq!(refusal(&answer), refused(400, 70_008, "invalid_grant"));
}

/// Section 7.2: bound to address, client and tenant.
#[tokio::test]
async fn a_code_is_for_one_client_at_one_address() {
    let stage = Stage::business(&[]).await;
    let code = code(&stage, &[]).await;
    let answer = redeem(&stage, &code, &[("redirect_uri", "http://localhost:1/verify-auth")]).await;
    assert_eq!(refusal(&answer).1, 500_112);
    let native = native(&stage).await;
    let as_other = [("client_id", native.as_str()), ("client_secret", "")];
    assert_eq!(refusal(&redeem(&stage, &code, &as_other).await).1, 70_000);
    let ready = stage.ready();
    let fields = [
        ("client_id", ready.client_id.as_str()),
        ("client_secret", &ready.client_secret),
        ("grant_type", "authorization_code"),
        ("redirect_uri", WEB),
        ("code", &code),
    ];
    let answer = stage.token("fabrikam.com", &fields).await;
    assert_eq!(refusal(&answer), refused(400, 700_005, "invalid_grant"));
    // None of these used it up.
    assert_eq!(redeem(&stage, &code, &[]).await.status, 200);
}

/// Section 7.2 and 7.5: 501481 and 50148.
#[tokio::test]
async fn a_proof_key_binds_the_code() {
    let stage = Stage::business(&[]).await;
    let key = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let code = code(&stage, &key).await;
    let wrong = VERIFIER.replace('d', "e");
    let answer = redeem(&stage, &code, &[("code_verifier", &wrong)]).await;
    assert_eq!(refusal(&answer), refused(400, 501_481, "invalid_grant"));
    let answer = redeem(&stage, &code, &[]).await;
    assert_eq!(refusal(&answer), refused(400, 50_148, "invalid_grant"));
    assert_eq!(redeem(&stage, &code, &[("code_verifier", VERIFIER)]).await.status, 200);
}

/// Section 7.3: native clients send no secret (700025), others must (7000218).
#[tokio::test]
async fn the_kind_of_address_decides_whether_a_secret_is_needed() {
    let stage = Stage::business(&[]).await;
    let native = native(&stage).await;
    let client = [("client_id", native.as_str()), ("redirect_uri", NATIVE)];
    let first = code(&stage, &client).await;
    let answer = redeem(&stage, &first, &client).await;
    assert_eq!(refusal(&answer), refused(401, 700_025, "invalid_client"));
    let without = [client[0], client[1], ("client_secret", "")];
    let body = redeem(&stage, &first, &without).await.json();
    let refresh_token = body["refresh_token"].as_str().unwrap();
    let refreshed =
        [("client_id", native.as_str()), ("client_secret", ""), ("refresh_token", refresh_token)];
    assert_eq!(stage.refresh("common", &refreshed).await.status, 200);
    let web = code(&stage, &[]).await;
    let answer = redeem(&stage, &web, &[("client_secret", "")]).await;
    assert_eq!(refusal(&answer), refused(401, 7_000_218, "invalid_client"));
}

/// Section 7.3: 9002327 and 9002326; 7.4: 24 hours.
#[tokio::test]
async fn codes_of_single_page_applications_are_redeemed_by_pages() {
    let stage = Stage::business(&[]).await;
    let application = make(
        &stage,
        "/applications",
        json!({
            "name": "Page", "scopes": ["Files.Read"],
            "redirects": [{ "uri": "https://app.example.com/", "kind": "spa" }],
        }),
    )
    .await;
    let id = application["client_id"].as_str().unwrap();
    let client = [("client_id", id), ("redirect_uri", "https://app.example.com/")];
    let without_key = authorize(&stage, "common", &client).await;
    assert_eq!(told(&without_key).0, 9_002_325);
    let key = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    let code = code(&stage, &[client, key].concat()).await;
    let proof = [client[0], client[1], ("client_secret", ""), ("code_verifier", VERIFIER)];
    let answer = redeem(&stage, &code, &proof).await;
    assert_eq!(refusal(&answer), refused(400, 9_002_327, "invalid_request"));
    let url = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "https://app.example.com"),
    ];
    let form = crate::entra::encoded(&[
        client[0],
        client[1],
        proof[3],
        ("grant_type", "authorization_code"),
        ("code", &code),
    ]);
    let answer = stage.send("POST", url, &headers, &form).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let refresh_token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    stage.advance(Duration::from_secs(24 * 3_600)).await;
    let form = crate::entra::encoded(&[
        client[0],
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh_token),
    ]);
    let answer = stage.send("POST", url, &headers, &form).await;
    assert_eq!(refusal(&answer), refused(400, 700_084, "invalid_grant"));
}

/// Section 7.2: what is shown to the person, since the client cannot be trusted to be the client.
#[tokio::test]
async fn doubts_about_client_or_address_are_not_sent_anywhere() {
    let stage = Stage::business(&[]).await;
    for (authority, change, expected) in [
        ("common", ("client_id", UNKNOWN), 700_016),
        ("common", ("client_id", ""), 900_144),
        ("common", ("redirect_uri", "https://evil.test/"), 50_011),
        ("common", ("redirect_uri", "http://localhost:47334/other"), 50_011),
        ("common", ("redirect_uri", ""), 900_971),
        ("northwind.com", ("state", "x"), 90_002),
        ("nonsense", ("state", "x"), 900_023),
        ("fabrikam.com", ("login_hint", "ann@contoso.com"), 50_020),
    ] {
        let answer = authorize(&stage, authority, &[change]).await;
        assert_eq!(shown(&answer), expected, "{authority} {change:?}");
    }
}

/// Section 7.2: what is sent to the client.
#[tokio::test]
async fn mistakes_of_a_known_client_are_sent_to_it_with_the_state() {
    let stage = Stage::business(&[]).await;
    for (change, code, error) in [
        (("response_type", "id_token"), 700_054, "unsupported_response_type"),
        (("response_type", "token"), 700_051, "unsupported_response_type"),
        (("response_type", ""), 900_144, "invalid_request"),
        (("scope", ""), 900_144, "invalid_request"),
        (("scope", "Files.Raed"), 70_011, "invalid_scope"),
        (("scope", "https://graph.microsoft.com/.default Files.Read"), 70_011, "invalid_scope"),
        (("scope", "https://api.example.com/x"), 500_011, "invalid_resource"),
        (("prompt", "maybe"), 90_023, "invalid_request"),
        (("code_challenge", "short"), 501_491, "invalid_request"),
    ] {
        let answer = authorize(&stage, "common", &[change]).await;
        assert_eq!(told(&answer), (code, error.to_owned()), "{change:?}");
        assert_eq!(sent(&answer)["state"], "s 1&2");
    }
}

/// Section 7.2: the port of a loopback address is ignored.
#[tokio::test]
async fn a_loopback_address_may_have_any_port() {
    let stage = Stage::business(&[]).await;
    let native = native(&stage).await;
    for uri in ["http://localhost:53682/", "http://localhost:1"] {
        let answer =
            authorize(&stage, "common", &[("client_id", &native), ("redirect_uri", uri)]).await;
        assert!(answer.header("location").starts_with(&format!("{uri}?code=")), "{uri}");
    }
}

/// Section 7.2: who signs in.
#[tokio::test]
async fn the_login_hint_says_who_signs_in() {
    let stage = Stage::business(&[]).await;
    for (authority, hint, expected) in [
        ("common", "", "ann@contoso.com"),
        ("common", "bob@contoso.com", "bob@contoso.com"),
        ("common", "nobody@contoso.com", "ann@contoso.com"),
        ("consumers", "", "ann.example@outlook.com"),
        ("fabrikam.com", "", "eve@fabrikam.com"),
    ] {
        let answer = authorize(&stage, authority, &[("login_hint", hint)]).await;
        let code = sent(&answer)["code"].clone();
        let body = redeem(&stage, &code, &[]).await.json();
        let id = claims(&body["id_token"]);
        assert_eq!(id["preferred_username"], expected, "{authority} {hint}");
    }
}

/// Section 7.3 and 7.6: personal accounts.
#[tokio::test]
async fn a_personal_account_gets_opaque_tokens_and_a_readable_id_token() {
    let stage = Stage::personal(&[]).await;
    let code = code(&stage, &[]).await;
    assert!(code.starts_with("M.C5"));
    let body = redeem(&stage, &code, &[]).await.json();
    assert!(body["access_token"].as_str().unwrap().starts_with("EwB"));
    assert!(body["refresh_token"].as_str().unwrap().starts_with("M.C5"));
    assert_eq!((&body["scope"], &body["expires_in"]), (&json!("Files.Read"), &json!(3_600)));
    let id = claims(&body["id_token"]);
    assert_eq!(id["tid"], "9188040d-6c67-4c5b-b112-36a304b66dad");
    assert!(id["oid"].as_str().unwrap().starts_with("00000000-0000-0000-"));
    let again = redeem(&stage, &code, &[]).await;
    assert_eq!(refusal(&again), refused(400, 70_000, "invalid_grant"));
}

/// Section 7.2: the page, and that only its own answer counts.
#[tokio::test]
async fn a_page_asks_who_signs_in_and_takes_one_answer() {
    let stage = Stage::business(&[]).await;
    stage.vary(json!({ "sign_in": "page" })).await;
    let page = authorize(&stage, "common", &[]).await;
    let answer = press(&stage, &page, "accept", &[("login", "bob@contoso.com")]).await;
    let code = sent(&answer)["code"].clone();
    assert_eq!(sent(&answer)["state"], "s 1&2");
    let body = redeem(&stage, &code, &[]).await.json();
    assert_eq!(claims(&body["id_token"])["preferred_username"], "bob@contoso.com");
    assert_eq!(shown(&press(&stage, &page, "accept", &[]).await), 9_002_313);
    let page = authorize(&stage, "common", &[]).await;
    assert_eq!(shown(&press(&stage, &page, "accept", &[("login", "x@y.z")]).await), 50_034);
}

/// Section 7.2: the person presses cancel.
#[tokio::test]
async fn a_person_who_cancels_denies_access() {
    let stage = Stage::business(&[]).await;
    make(&stage, "/users/ann@contoso.com", json!({ "declines": true })).await;
    let scripted = authorize(&stage, "common", &[]).await;
    stage.vary(json!({ "sign_in": "page" })).await;
    let page = authorize(&stage, "common", &[]).await;
    let pressed = press(&stage, &page, "cancel", &[]).await;
    for answer in [scripted, pressed] {
        assert_eq!(told(&answer), (65_004, "access_denied".to_owned()));
        assert_eq!(sent(&answer)["error_subcode"], "cancel");
    }
}

/// What comes of it when a test plays the person who opens a URL.
async fn play(stage: &Stage, url: &str, email: &str) -> Answer {
    let who = json!({ "url": url, "email": email }).to_string();
    stage.control("POST", "/authorize", &who).await
}

fn url_for(stage: &Stage, more: &[(&str, &str)]) -> String {
    let own = [
        ("client_id", stage.ready().client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", WEB),
        ("scope", "openid Files.Read"),
        ("state", "7"),
    ];
    format!("{LOGIN}/common/oauth2/v2.0/authorize?{}", encoded(&[&own, more].concat()))
}

/// The fields of the address that a played person is sent to.
fn fields_sent(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let location = answer.json()["location"].as_str().unwrap().to_owned();
    let fields = location.strip_prefix(&format!("{WEB}?")).unwrap();
    form_urlencoded::parse(fields.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn a_test_can_play_the_person_at_the_browser_whatever_the_variant() {
    let stage = Stage::business(&[]).await;
    let proof = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
    for variant in ["automatic", "page"] {
        stage.vary(json!({ "sign_in": variant })).await;
        let fields = fields_sent(&play(&stage, &url_for(&stage, &proof), "bob@contoso.com").await);
        assert_eq!(fields["state"], "7");
        let without = redeem(&stage, &fields["code"], &[]).await;
        assert_eq!(refusal(&without).1, 50_148);
        let body = redeem(&stage, &fields["code"], &[("code_verifier", VERIFIER)]).await.json();
        assert_eq!(claims(&body["id_token"])["preferred_username"], "bob@contoso.com");
    }
}

#[tokio::test]
async fn a_played_person_who_declines_presses_cancel() {
    let stage = Stage::business(&[]).await;
    make(&stage, "/users/bob@contoso.com", json!({ "declines": true })).await;
    let fields = fields_sent(&play(&stage, &url_for(&stage, &[]), "bob@contoso.com").await);
    assert_eq!((fields["error"].as_str(), fields["state"].as_str()), ("access_denied", "7"));
}

#[tokio::test]
async fn what_a_played_person_is_shown_instead_is_told_in_a_sentence() {
    let stage = Stage::business(&[]).await;
    let ann = "ann@contoso.com";
    let usual = url_for(&stage, &[]);
    for (url, person, told) in [
        (usual.as_str(), "nobody@contoso.com", "AADSTS50034"),
        (&usual.replace("verify-auth", "elsewhere"), ann, "AADSTS50011"),
        (&usual.replace(LOGIN, "https://graph.microsoft.com"), ann, "not on a login host"),
        (&usual.replace("https", "http"), ann, "not on a login host"),
        (&usual.replace("authorize?", "token?"), ann, "nobody signs in"),
        (&format!("{usual}&response_mode=form_post"), ann, "response_mode"),
        (&format!("{usual}&state=8"), ann, "AADSTS9002313"),
        ("nonsense\n", ann, "no address"),
    ] {
        let answer = play(&stage, url, person).await;
        assert_eq!(answer.status, 400, "{url}");
        assert!(answer.text().contains(told), "{}", answer.text());
    }
}
