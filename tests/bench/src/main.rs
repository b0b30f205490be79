//! Benchmarks: the shipped component in the runtime beside the same connector
//! code native, against one emulator over TLS.
//!
//! Each prints what it measured and how; run them by `cargo xtask bench`.
//!
//! ```text
//! cargo xtask bench csv --megabytes 500 --runs 3
//! cargo xtask bench file big.tsv
//! cargo xtask bench drive --items 1000000
//! ```

mod drive;
mod emulator;
mod native;
mod scan;

use std::process::ExitCode;

/// Whatever stops a benchmark.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["csv", megabytes, runs] => match (megabytes.parse(), runs.parse()) {
            (Ok(megabytes), Ok(runs)) => scan::csv(megabytes, runs),
            _ => Err("the size and the number of runs have to be numbers".into()),
        },
        ["file", path, runs] => match runs.parse() {
            Ok(runs) => scan::file(path.as_ref(), runs),
            Err(_) => Err("the number of runs has to be a number".into()),
        },
        ["drive", items, latency, walk] => match (items.parse(), latency.parse()) {
            (Ok(items), Ok(latency)) => drive::items(items, latency, *walk == "walk"),
            _ => Err("the items and the latency have to be numbers".into()),
        },
        _ => Err("usage: datasource-bench csv MEGABYTES RUNS | file PATH RUNS | \
                  drive ITEMS LATENCY_MS walk|feed"
            .into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
