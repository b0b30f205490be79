//! Whatever is sent, the answer is the service's own: never a crash, never a hang.
//!
//! A few hundred requests are made here; `cargo xtask soak router` makes as many as one likes.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stage::Stage;

const HOSTS: [&str; 4] = [
    "graph.microsoft.com",
    "login.microsoftonline.com",
    "contoso-my.sharepoint.com",
    "my.microsoftpersonalcontent.com",
];

/// Pieces that requests to these hosts are made of, in any order.
const PIECES: &[&str] = &[
    "/v1.0",
    "/beta",
    "/me",
    "/drive",
    "/drives/",
    "/root",
    "/root:",
    "/items/",
    ":/",
    "/children",
    "/content",
    "/delta",
    "/delta(token='",
    "')",
    "/search(q='",
    "/special/",
    "documents",
    "/shares/",
    "u!aHR0cHM6Ly9",
    "/sites/",
    "/users/",
    "/groups/",
    "ann@contoso.com",
    "?",
    "&",
    "$select=",
    "id",
    "$top=",
    "5",
    "$skiptoken=",
    "UGFnZWQ",
    "$orderby=name",
    "$filter=",
    "name eq 'a'",
    "token=",
    "%2F",
    "%",
    "%C3",
    "a.csv",
    "..",
    "//",
    "'",
    "(",
    ")",
    "/common",
    "/oauth2/v2.0/token",
    "/oauth2/v2.0/authorize",
    "/oauth2/v2.0/devicecode",
    "/adminconsent",
    "client_id=",
    "redirect_uri=",
    "response_type=code",
    "scope=.default",
    "/discovery/v2.0/keys",
    "/_layouts/15/download.aspx",
    "UniqueId=",
    "tempauth=",
    "/createUploadSession",
    "/permissions",
    "ü",
    "\u{0}",
    " ",
];
const HEADERS: &[&str] = &[
    "range: bytes=0-1",
    "range: bytes=-",
    "range: bytes=99999999999999999999-",
    "if-none-match: \"",
    "if-none-match: *",
    "if-match: x",
    "content-range: bytes 0-0/1",
    "content-range: bytes 5-1/0",
    "authorization: Basic eDp5",
    "authorization: Bearer",
    "prefer: Include-Feature=AddToOneDrive",
    "accept: application/json;odata.metadata=none",
    "accept-encoding: gzip",
    "deltaExcludeParent: true",
    "client-request-id: \u{7f}",
    "content-type: application/json",
    "content-type: application/x-www-form-urlencoded",
    "expect: 100-continue",
];
const BODIES: &[&str] = &[
    "",
    "{",
    "{}",
    "[]",
    "null",
    "{\"name\":\"x\",\"folder\":{}}",
    "{\"name\":\"\\u0000\"}",
    "{\"parentReference\":{\"id\":\"root\"}}",
    "grant_type=refresh_token",
    "grant_type=&&&=",
    "grant_type=authorization_code&code=x&client_id=00000000-0000-0000-0000-000000000000",
    "grant_type=client_credentials&scope=%FF",
    "x=%",
    "\u{feff}",
];

#[derive(Clone, Debug)]
struct Sent {
    host: &'static str,
    bytes: Vec<u8>,
    /// Whether it has the shape of a request, from its first line to the end of its body.
    is_shaped: bool,
}

/// A request as text; the account's token stands for itself.
fn request() -> impl Strategy<Value = Sent> {
    let target =
        prop::collection::vec(prop::sample::select(PIECES), 1..12).prop_map(|p| p.concat());
    let target = prop_oneof![4 => target, 1 => "[!-~]{1,40}"];
    let method = prop_oneof![
        6 => prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
            .prop_map(str::to_owned),
        1 => "[A-Z]{1,8}",
    ];
    let headers = prop::collection::vec(prop::sample::select(HEADERS), 0..4);
    let body = prop_oneof![
        4 => prop::sample::select(BODIES).prop_map(|body| body.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ];
    let signed = any::<bool>();
    let host = || prop::sample::select(&HOSTS[..]);
    let shaped = (host(), method, target, headers, body, signed);
    let shaped = shaped.prop_map(|(host, method, target, headers, body, signed)| {
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target: String = target.chars().filter(|c| !matches!(c, ' ' | '\0')).collect();
        let mut text = format!("{method} {slash}{target} HTTP/1.1\r\nhost: {host}\r\n");
        if signed {
            text += "authorization: Bearer @TOKEN@\r\n";
        }
        headers.iter().for_each(|header| text += &format!("{header}\r\n"));
        text += &format!("connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        Sent { host, bytes: [text.into_bytes(), body].concat(), is_shaped: true }
    });
    let garbage = (host(), prop::collection::vec(any::<u8>(), 1..300));
    let garbage = garbage.prop_map(|(host, bytes)| Sent { host, bytes, is_shaped: false });
    prop_oneof![9 => shaped, 1 => garbage]
}

async fn send(stage: &Stage, sent: &Sent) -> Vec<u8> {
    let request = match String::from_utf8(sent.bytes.clone()) {
        Ok(text) => text.replace("@TOKEN@", &stage.ready().access_token).into_bytes(),
        Err(_) => sent.bytes.clone(),
    };
    let mut stream = stage.connect(sent.host).await.unwrap();
    stream.write_all(&request).await.unwrap();
    stream.flush().await.unwrap();
    if !sent.is_shaped {
        // It may be the beginning of a request, whose end would be waited for.
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[test]
fn any_request_is_answered_and_none_is_a_crash() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::business(&[("a.csv", "1"), ("b/ü.csv", "2")]));
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let tested = runner.run(&request(), |sent| {
        let answered = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), send(&stage, &sent)).await
        });
        let shown = String::from_utf8_lossy(&sent.bytes).into_owned();
        let Ok(answer) = answered else {
            return Err(TestCaseError::fail(format!("no end of the answer to {shown}")));
        };
        let line = answer.split(|&byte| byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let is_silent = answer.is_empty() && !sent.is_shaped;
        prop_assert!(is_silent || line.starts_with("HTTP/1.1 "), "{} -> {}", shown, line);
        prop_assert!(!line.starts_with("HTTP/1.1 500"), "{} -> {}", shown, line);
        Ok(())
    });
    tested.unwrap();
    assert_eq!(runtime.block_on(stage.graph("/me")).status, 200, "it goes on as before");
    runtime.block_on(stage.emulator.stop()).unwrap();
}
