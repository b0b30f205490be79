//! Benchmarks: the shipped component in the runtime beside the same connector
//! code native, against one emulator over TLS.
//!
//! Each prints what it measured and how; run them by `cargo xtask bench`.
//!
//! ```text
//! cargo xtask bench csv --megabytes 500 --runs 3
//! ```

mod csv;
mod emulator;
mod native;

use std::process::ExitCode;

/// Whatever stops a benchmark.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["csv", megabytes, runs] => match (megabytes.parse(), runs.parse()) {
            (Ok(megabytes), Ok(runs)) => csv::run(megabytes, runs),
            _ => Err("the size and the number of runs have to be numbers".into()),
        },
        _ => Err("usage: datasource-bench csv MEGABYTES RUNS".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
