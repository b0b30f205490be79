//! Signing in: what the tests of the login hosts share.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage};

pub(crate) const LOGIN: &str = "https://login.microsoftonline.com";
/// Where the first application takes codes as a program with a secret, and as a native one.
pub(crate) const WEB: &str = "http://localhost:47334/verify-auth";
pub(crate) const NATIVE: &str = "http://localhost:8400";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const UNKNOWN: &str = "11111111-1111-1111-1111-111111111111";

/// The status, the number and the `error` of a refusal.
pub(crate) fn refusal(answer: &Answer) -> (u16, u64, String) {
    let body = answer.json();
    let code = body["error_codes"][0].as_u64().unwrap_or_else(|| panic!("{body}"));
    (answer.status, code, body["error"].as_str().unwrap().to_owned())
}

pub(crate) fn refused(status: u16, code: u64, error: &str) -> (u16, u64, String) {
    (status, code, error.to_owned())
}

/// The claims of a token.
pub(crate) fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// Fields with changes: an empty value leaves a field out.
pub(crate) fn changed<'a>(
    mut fields: Vec<(&'a str, &'a str)>,
    changes: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    for &(name, value) in changes {
        fields.retain(|field| field.0 != name);
        fields.extend((!value.is_empty()).then_some((name, value)));
    }
    fields
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Opens the authorize endpoint as a browser does, for the first application.
pub(crate) async fn authorize(stage: &Stage, authority: &str, changes: &[(&str, &str)]) -> Answer {
    let fields = vec![
        ("client_id", stage.ready().client_id.as_str()),
        ("response_type", "code"),
        ("redirect_uri", WEB),
        ("scope", "openid profile offline_access Files.Read"),
        ("state", "s 1&2"),
    ];
    let query = encoded(&changed(fields, changes));
    stage.get(&format!("{LOGIN}/{authority}/oauth2/v2.0/authorize?{query}"), &[]).await
}

/// The fields that were sent to the client with a redirect.
pub(crate) fn sent(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 302, "{}", answer.text());
    let location = answer.header("location");
    let (_, fields) = location.split_once(['?', '#']).unwrap();
    form_urlencoded::parse(fields.as_bytes()).into_owned().collect()
}

/// The number in the description of a refusal that was sent to the client, and its `error`.
pub(crate) fn told(answer: &Answer) -> (u64, String) {
    let sent = sent(answer);
    let text = sent["error_description"].strip_prefix("AADSTS").unwrap();
    (text.split(':').next().unwrap().parse().unwrap(), sent["error"].clone())
}

/// The number on a page.
pub(crate) fn shown(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("text/html"));
    let (_, text) = answer.text().split_once("AADSTS").unwrap();
    text.split(':').next().unwrap().parse().unwrap()
}

/// A code of the first application.
pub(crate) async fn code(stage: &Stage, changes: &[(&str, &str)]) -> String {
    sent(&authorize(stage, "common", changes).await)["code"].clone()
}

/// Redeems a code as the first application.
pub(crate) async fn redeem(stage: &Stage, code: &str, changes: &[(&str, &str)]) -> Answer {
    let fields = vec![
        ("client_id", stage.ready().client_id.as_str()),
        ("client_secret", stage.ready().client_secret.as_str()),
        ("grant_type", "authorization_code"),
        ("redirect_uri", WEB),
        ("code", code),
    ];
    stage.token("common", &changed(fields, changes)).await
}

/// The identifier of the native application.
pub(crate) async fn native(stage: &Stage) -> String {
    let population = stage.control("GET", "/population", "").await.json();
    let applications = population["applications"].as_array().unwrap();
    let native = applications.iter().find(|it| it["public"] == true).unwrap();
    native["client_id"].as_str().unwrap().to_owned()
}

/// The identifier of a directory, by one of its domains.
pub(crate) async fn directory(stage: &Stage, domain: &str) -> String {
    let population = stage.control("GET", "/population", "").await.json();
    let directories = population["directories"].as_array().unwrap();
    let is = |it: &&Value| it["domains"].as_array().unwrap().contains(&json!(domain));
    directories.iter().find(is).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Makes something by the control API, and gives it back.
pub(crate) async fn make(stage: &Stage, path: &str, body: Value) -> Value {
    let answer = stage.control("POST", path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// What a page's form would send: its hidden fields and those that a person fills in.
pub(crate) fn form_of(page: &Answer) -> (String, Vec<(String, String)>) {
    assert_eq!(page.status, 200, "{}", page.text());
    let unescape = |text: &str| {
        [("&#39;", "'"), ("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")]
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap();
        unescape(rest.split('"').next().unwrap())
    };
    let text = page.text();
    let form = text.split("<form").nth(1).unwrap();
    let fields = form.split("<input").skip(1).filter(|tag| tag.contains(" name="));
    let fields = fields.map(|tag| (attribute(tag, "name"), attribute(tag, "value")));
    (attribute(form, "action"), fields.collect())
}

/// Presses a button of a page, after filling in some fields.
pub(crate) async fn press(
    stage: &Stage,
    page: &Answer,
    button: &str,
    filled: &[(&str, &str)],
) -> Answer {
    let (action, fields) = form_of(page);
    let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut fields = changed(fields, filled);
    fields.push(("button", button));
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    stage.send("POST", &format!("{LOGIN}{action}"), &kind, &encoded(&fields)).await
}
