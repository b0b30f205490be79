//! The documents of the login hosts.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};

use crate::entra::{LOGIN, refusal, refused};
use crate::stage::Stage;

/// Section 7.1 and 7.6: the keys verify id_tokens; access tokens are signed for Graph alone.
#[tokio::test]
async fn discovery_names_the_endpoints_and_the_key_that_signed_the_id_token() {
    let stage = Stage::business(&[]).await;
    let tenant = &stage.ready().tenant_id;
    let url = format!("{LOGIN}/contoso.com/v2.0/.well-known/openid-configuration");
    let document = stage.get(&url, &[]).await.json();
    assert_eq!(document["issuer"], json!(format!("{LOGIN}/{tenant}/v2.0")));
    assert_eq!(document["token_endpoint"], json!(format!("{LOGIN}/{tenant}/oauth2/v2.0/token")));
    for name in ["authorization_endpoint", "device_authorization_endpoint", "end_session_endpoint"]
    {
        assert!(document[name].as_str().unwrap().starts_with(LOGIN), "{name}");
    }
    let keys = stage.get(document["jwks_uri"].as_str().unwrap(), &[]).await.json();
    let body = stage.refresh("common", &[("scope", "openid User.Read")]).await.json();
    let id_token = body["id_token"].as_str().unwrap();
    assert!(verifies(id_token, &keys["keys"][0]));
    assert!(!verifies(&stage.ready().access_token, &keys["keys"][0]));
    let header = id_token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header["kid"], keys["keys"][0]["kid"]);
}

/// Section 7.1: the issuer of `common` is a template.
#[tokio::test]
async fn the_issuer_is_a_template_where_the_directory_is_not_known() {
    let stage = Stage::business(&[]).await;
    for (authority, issuer) in [
        ("common", "{tenantid}"),
        ("organizations", "{tenantid}"),
        ("consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"),
    ] {
        let url = format!("{LOGIN}/{authority}/v2.0/.well-known/openid-configuration");
        let document = stage.get(&url, &[]).await.json();
        assert_eq!(document["issuer"], json!(format!("{LOGIN}/{issuer}/v2.0")));
    }
    let url = format!("{LOGIN}/common/.well-known/openid-configuration");
    let document = stage.get(&url, &[]).await.json();
    assert_eq!(document["issuer"], "https://sts.windows.net/{tenantid}/");
}

/// Section 7.1.
#[tokio::test]
async fn discovery_of_an_unknown_tenant_is_an_invalid_tenant() {
    let stage = Stage::business(&[]).await;
    let url = format!("{LOGIN}/northwind.com/v2.0/.well-known/openid-configuration");
    assert_eq!(refusal(&stage.get(&url, &[]).await), refused(400, 90_002, "invalid_tenant"));
}

/// Section 7.1: instance discovery.
#[tokio::test]
async fn instance_discovery_knows_the_aliases_of_the_cloud_and_no_strangers() {
    let stage = Stage::business(&[]).await;
    let ask = |host: &str| {
        format!(
            "{LOGIN}/common/discovery/instance?api-version=1.1&authorization_endpoint=\
             https://{host}/common/oauth2/v2.0/authorize"
        )
    };
    let document = stage.get(&ask("login.microsoftonline.com"), &[]).await.json();
    let aliases = document["metadata"][0]["aliases"].as_array().unwrap();
    assert!(aliases.contains(&json!("login.windows.net")));
    let answer = stage.get(&ask("login.evil.test"), &[]).await;
    assert_eq!(refusal(&answer), refused(400, 50_049, "invalid_instance"));
}

/// Section 7.1: what is told before anybody signs in.
#[tokio::test]
async fn a_realm_is_told_of_known_domains() {
    let stage = Stage::business(&[]).await;
    let realm = |name: &str| format!("{LOGIN}/common/userrealm/{name}?api-version=1.0");
    let known = stage.get(&realm("ann%40contoso.com"), &[]).await.json();
    assert_eq!((&known["account_type"], &known["ver"]), (&json!("Managed"), &json!("1.0")));
    let unknown = stage.get(&realm("x@y.z"), &[]).await.json();
    assert_eq!(unknown["account_type"], "Unknown");
    let url = format!("{LOGIN}/common/GetCredentialType");
    let answer = stage.send("POST", &url, &[], r#"{"username":"ann@contoso.com"}"#).await;
    assert_eq!(answer.json()["IfExistsResult"], 0);
}

/// Section 7.2: where native clients read the code off the address.
#[tokio::test]
async fn the_address_of_native_clients_is_a_page() {
    let stage = Stage::business(&[]).await;
    let answer = stage.get(&format!("{LOGIN}/common/oauth2/nativeclient?code=x"), &[]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert_eq!(stage.get(&format!("{LOGIN}/common/elsewhere"), &[]).await.status, 404);
}

fn verifies(token: &str, key: &Value) -> bool {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(
            &RSA_PKCS1_2048_8192_SHA256,
            signed.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .is_ok()
}
