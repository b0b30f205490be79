//! Reaching the emulator: names, certificates, CONNECT.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::stage::{Stage, exchange};

/// Section 12: Graph and the download hosts are different origins, here behind one port.
#[tokio::test]
async fn every_microsoft_name_is_served_with_a_certificate_of_its_own() {
    let stage = Stage::business(&[]).await;
    for name in [
        "graph.microsoft.com",
        "login.microsoftonline.com",
        "contoso-my.sharepoint.com",
        "my.microsoftpersonalcontent.com",
    ] {
        stage.connect(name).await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_is_not_microsofts_is_refused_with_a_fatal_alert() {
    let stage = Stage::business(&[]).await;
    let error = stage.connect("example.com").await.unwrap_err();
    assert!(error.to_string().contains("alert"), "{error}");
    let journal = stage.control("GET", "/journal", "").await.json();
    assert_eq!(journal["refused_connections"], 1);
}

#[tokio::test]
async fn a_request_for_another_host_than_the_connections_is_misdirected() {
    let stage = Stage::business(&[]).await;
    let url = "https://graph.microsoft.com/v1.0/me";
    for host in ["contoso-my.sharepoint.com", "example.com"] {
        assert_eq!(stage.get(url, &[("host", host)]).await.status, 421);
    }
}

#[tokio::test]
async fn a_host_header_with_a_port_is_the_same_host() {
    let stage = Stage::business(&[]).await;
    let answer = stage.graph_with("/me", &[("host", "graph.microsoft.com:443")]).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn connect_opens_a_tunnel_in_which_tls_begins() {
    let stage = Stage::business(&[]).await;
    let mut stream = TcpStream::connect(stage.ready().listen).await.unwrap();
    stream.write_all(b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let established = b"HTTP/1.1 200 Connection Established\r\n\r\n";
    let mut answer = vec![0; established.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, established);
    let tls = stage.shake_hands(stream, "graph.microsoft.com").await.unwrap();
    let request = http::Request::get("/v1.0/me").header("host", "graph.microsoft.com");
    let answer = exchange(tls, request.body(Default::default()).unwrap()).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn connect_to_another_host_is_forbidden_and_plain_http_is_a_bad_request() {
    let stage = Stage::business(&[]).await;
    for (request, status) in [
        ("CONNECT example.com:443 HTTP/1.1\r\n\r\n", "HTTP/1.1 403 "),
        ("GET / HTTP/1.1\r\nHost: graph.microsoft.com\r\n\r\n", "HTTP/1.1 400 "),
    ] {
        let mut stream = TcpStream::connect(stage.ready().listen).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(status), "{answer}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_for_further_requests() {
    let stage = Stage::business(&[]).await;
    let stream = stage.connect("graph.microsoft.com").await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let request = http::Request::get("/v1.0/me").header("host", "graph.microsoft.com");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        sender.ready().await.unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 401);
        answer.into_body().collect().await.unwrap();
    }
}
