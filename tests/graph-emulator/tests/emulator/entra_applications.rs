//! Applications: how they prove who they are, where they may ask, and tokens of their own.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::entra::{
    LOGIN, WEB, authorize, changed, claims, directory, encoded, make, native, refusal, refused,
    sent, shown,
};
use crate::stage::{Answer, Stage};

const DEFAULT: &str = "https://graph.microsoft.com/.default";

async fn by_itself(stage: &Stage, authority: &str, changes: &[(&str, &str)]) -> Answer {
    let fields = vec![
        ("client_id", stage.ready().client_id.as_str()),
        ("client_secret", stage.ready().client_secret.as_str()),
        ("grant_type", "client_credentials"),
        ("scope", DEFAULT),
    ];
    stage.token(authority, &changed(fields, changes)).await
}

/// Section 7.3.
#[tokio::test]
async fn an_application_gets_a_token_with_its_roles_and_nothing_else() {
    let stage = Stage::business(&[]).await;
    let body = by_itself(&stage, "contoso.com", &[("client_info", "1")]).await.json();
    assert_eq!((&body["expires_in"], &body["ext_expires_in"]), (&json!(3_599), &json!(3_599)));
    for name in ["scope", "refresh_token", "id_token", "client_info"] {
        assert!(body.get(name).is_none(), "{name}");
    }
    let claims = claims(&body["access_token"]);
    assert_eq!(claims["roles"], json!(["Files.Read.All", "Sites.Read.All", "User.Read.All"]));
    assert_eq!((&claims["idtyp"], claims.get("scp")), (&json!("app"), None));
    let token = body["access_token"].as_str().unwrap();
    let answer = stage.graph_as(token, "/users/ann@contoso.com/drive").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Section 7.3 and 7.5: a real tenant, and `.default`.
#[tokio::test]
async fn an_application_needs_a_real_tenant_and_default() {
    let stage = Stage::business(&[]).await;
    for (authority, change, code, error) in [
        ("common", ("scope", DEFAULT), 9_001_023, "invalid_request"),
        ("consumers", ("scope", DEFAULT), 9_001_023, "invalid_request"),
        ("organizations", ("scope", DEFAULT), 50_059, "invalid_request"),
        ("contoso.com", ("scope", ""), 900_144, "invalid_request"),
        ("contoso.com", ("scope", "Files.Read"), 1_002_012, "invalid_scope"),
        ("contoso.com", ("scope", "https://x.example.com/.default"), 500_011, "invalid_resource"),
        // Nobody of that directory has consented to anything.
        ("fabrikam.com", ("scope", DEFAULT), 700_016, "unauthorized_client"),
    ] {
        let answer = by_itself(&stage, authority, &[change]).await;
        assert_eq!(refusal(&answer), refused(400, code, error), "{authority} {change:?}");
    }
}

/// Section 7.3: without roles the token comes without that claim.
#[tokio::test]
async fn an_application_without_roles_gets_a_token_that_says_so() {
    let stage = Stage::business(&[]).await;
    make(&stage, "/applications", json!({ "name": "Bare", "secret": "s", "client_id": WRITTEN }))
        .await;
    let changes = [("client_id", WRITTEN), ("client_secret", "s")];
    let body = by_itself(&stage, "contoso.com", &changes).await.json();
    assert!(claims(&body["access_token"]).get("roles").is_none());
}

const WRITTEN: &str = "22222222-2222-2222-2222-222222222222";

/// Section 7.5: 7000215, 7000218, 7000222, 700025.
#[tokio::test]
async fn secrets_are_checked_and_expire() {
    let stage = Stage::business(&[]).await;
    let native = native(&stage).await;
    for (changes, code) in [
        (vec![("client_secret", "wrong")], 7_000_215),
        (vec![("client_secret", "")], 7_000_218),
        (vec![("client_id", native.as_str())], 700_025),
        (vec![("client_id", native.as_str()), ("client_secret", "")], 7_000_218),
    ] {
        let answer = by_itself(&stage, "contoso.com", &changes).await;
        assert_eq!(refusal(&answer), refused(401, code, "invalid_client"), "{changes:?}");
    }
    make(&stage, "/applications/primary", json!({ "secret_expires_ms": 1 })).await;
    let answer = by_itself(&stage, "contoso.com", &[]).await;
    assert_eq!(refusal(&answer), refused(401, 7_000_222, "invalid_client"));
    // A newer secret works beside the old one.
    make(&stage, "/applications/primary", json!({ "secret": "new~+/=" })).await;
    let answer = by_itself(&stage, "contoso.com", &[("client_secret", "new~+/=")]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Section 7.3: HTTP Basic, form-encoded.
#[tokio::test]
async fn a_client_may_authenticate_with_http_basic() {
    let stage = Stage::business(&[]).await;
    let ready = stage.ready();
    let secret: String = form_urlencoded::byte_serialize(ready.client_secret.as_bytes()).collect();
    let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", ready.client_id)));
    let headers = [
        ("authorization", basic.as_str()),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    ];
    let form = encoded(&[("grant_type", "refresh_token"), ("refresh_token", &ready.refresh_token)]);
    let url = format!("{LOGIN}/common/oauth2/v2.0/token");
    let answer = stage.send("POST", &url, &headers, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn key() -> (EcdsaKeyPair, String) {
    // The head of a SubjectPublicKeyInfo of a P-256 key.
    const HEAD: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
    let public = STANDARD.encode([&HEAD, pair.public_key().as_ref()].concat());
    (pair, public)
}

fn assertion(pair: &EcdsaKeyPair, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "typ": "JWT", "alg": "ES256" })), part(claims));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Section 7.3 and 7.5: 700027.
#[tokio::test]
async fn an_application_may_sign_an_assertion_with_its_key() {
    let stage = Stage::business(&[]).await;
    let (pair, public) = key();
    let new = json!({ "name": "Signed", "keys": [public], "client_id": WRITTEN });
    make(&stage, "/applications", new).await;
    let now_s = stage.control("GET", "/clock", "").await.json()["now_ms"].as_i64().unwrap() / 1_000;
    let claims = |audience: &str| {
        json!({
            "iss": WRITTEN, "sub": WRITTEN, "exp": now_s + 600, "nbf": now_s, "jti": "1",
            "aud": format!("{LOGIN}/{audience}"),
        })
    };
    for (pair, audience, expected) in [
        (&pair, "contoso.com/oauth2/v2.0/token", 0),
        (&pair, "contoso.com/v2.0", 0),
        (&pair, "fabrikam.com/oauth2/v2.0/token", 700_023),
        (&key().0, "contoso.com/oauth2/v2.0/token", 700_027),
    ] {
        let assertion = assertion(pair, &claims(audience));
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let changes = [
            ("client_id", WRITTEN),
            ("client_secret", ""),
            ("client_assertion_type", kind),
            ("client_assertion", &assertion),
        ];
        let answer = by_itself(&stage, "contoso.com", &changes).await;
        let code = if answer.status == 200 { 0 } else { refusal(&answer).1 };
        assert_eq!(code, expected, "{audience}");
    }
}

/// Section 7.5: 50194, 700016, 9002331, 50020.
#[tokio::test]
async fn an_application_takes_the_accounts_that_it_is_registered_for() {
    let stage = Stage::business(&[]).await;
    let id = stage.ready().client_id.clone();
    for (audience, authority, hint, expected) in [
        ("directory", "contoso.com", "", 0),
        ("directory", "common", "", 50_194),
        ("directory", "organizations", "", 50_194),
        ("directory", "fabrikam.com", "", 700_016),
        ("directory", "consumers", "", 700_016),
        ("work", "common", "", 0),
        ("work", "consumers", "", 700_016),
        ("work", "common", "ann.example@outlook.com", 50_020),
        ("consumers", "consumers", "", 0),
        ("consumers", "common", "", 9_002_331),
        ("consumers", "contoso.com", "", 9_002_331),
        ("all", "organizations", "ann.example@outlook.com", 50_020),
    ] {
        make(&stage, &format!("/applications/{id}"), json!({ "audience": audience })).await;
        let answer = authorize(&stage, authority, &[("login_hint", hint)]).await;
        match expected {
            0 => assert!(sent(&answer).contains_key("code"), "{audience} {authority}"),
            code => assert_eq!(shown(&answer), code, "{audience} {authority}"),
        }
    }
}

/// Section 7.5: tenant before application before secret.
#[tokio::test]
async fn a_disabled_application_is_told_before_its_secret_is_looked_at() {
    let stage = Stage::business(&[]).await;
    make(&stage, "/applications/primary", json!({ "disabled": true })).await;
    let answer = by_itself(&stage, "contoso.com", &[("client_secret", "wrong")]).await;
    assert_eq!(refusal(&answer), refused(400, 70_001, "unauthorized_client"));
    assert_eq!(shown(&authorize(&stage, "common", &[]).await), 70_001);
}

/// Section 7.1: logging out sends the browser back to registered addresses only.
#[tokio::test]
async fn logging_out_goes_back_to_registered_addresses_only() {
    let stage = Stage::business(&[]).await;
    let url = format!("{LOGIN}/common/oauth2/v2.0/logout?post_logout_redirect_uri=");
    let back = stage.get(&format!("{url}{WEB}"), &[]).await;
    assert_eq!((back.status, back.header("location")), (302, WEB));
    assert_eq!(stage.get(&format!("{url}https://evil.test/"), &[]).await.status, 200);
    assert!(!directory(&stage, "contoso.com").await.is_empty());
}
