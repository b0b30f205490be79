//! Latency and bandwidth. Only lower bounds are asserted: a busy machine is slower, never faster.

use std::time::{Duration, Instant};

use crate::faults::read;
use crate::stage::Stage;

async fn shape(stage: &Stage, json: &str) -> u16 {
    stage.control("POST", "/network", json).await.status
}

#[tokio::test]
async fn a_new_connection_pays_round_trips_for_tcp_tls_and_the_request() {
    let stage = Stage::business(&[]).await;
    assert_eq!(shape(&stage, r#"{"latency_ms":100}"#).await, 200);
    let start = Instant::now();
    assert_eq!(stage.graph("/me").await.status, 200);
    // One for TCP, one for TLS 1.3, one for the request and its answer.
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_connection_carries_so_many_bytes_a_second() {
    let large = "x".repeat(200_000);
    let stage = Stage::business(&[("large.csv", &large)]).await;
    let url = stage.download_url("large.csv").await;
    assert_eq!(shape(&stage, r#"{"bandwidth_bytes_per_second":500000}"#).await, 200);
    let start = Instant::now();
    let answer = stage.get(&url, &[]).await;
    assert!(start.elapsed() >= Duration::from_millis(390), "{:?}", start.elapsed());
    assert_eq!(answer.text(), large);
}

#[tokio::test]
async fn large_bodies_arrive_whole_over_a_long_line() {
    let large: String = (0..200_000).map(|n| format!("{n},")).collect();
    let stage = Stage::business(&[("large.csv", &large)]).await;
    let url = stage.download_url("large.csv").await;
    let network = r#"{"latency_ms":20,"bandwidth_bytes_per_second":25000000}"#;
    assert_eq!(shape(&stage, network).await, 200);
    assert!(stage.get(&url, &[]).await.text() == large);
}

#[tokio::test]
async fn a_body_that_is_cut_arrives_up_to_the_cut_over_a_long_line() {
    let stage = Stage::business(&[("a.csv", "0123456789")]).await;
    let url = stage.download_url("a.csv").await;
    shape(&stage, r#"{"latency_ms":20}"#).await;
    let fault = r#"{"host":"*.sharepoint.com","truncate":{"after":7}}"#;
    stage.control("POST", "/faults", fault).await;
    let partial = read(&stage, &url).await;
    assert_eq!((partial.body.as_slice(), partial.is_whole), (b"0123456".as_slice(), false));
}

#[tokio::test]
async fn a_network_without_sense_is_refused_and_null_is_none() {
    let stage = Stage::business(&[]).await;
    for json in [r#"{"latency_ms":-1}"#, r#"{"latency":1}"#, r#"{"bandwidth_bytes_per_second":1}"#]
    {
        assert_eq!(shape(&stage, json).await, 400, "{json}");
    }
    assert_eq!(shape(&stage, r#"{"latency_ms":50000}"#).await, 200);
    assert_eq!(shape(&stage, "null").await, 200);
    assert_eq!(stage.graph("/me").await.status, 200);
}
