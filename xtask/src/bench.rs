//! Benchmarks: programs you run, never timed tests.

use clap::Subcommand;

use crate::shell::{Failure, cargo};

/// What to measure.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// A full scan of a large CSV: the shipped component beside the same code
    /// native.
    Csv {
        /// Size of the file in MB.
        #[arg(long, default_value_t = 500)]
        megabytes: u64,
        /// Runs of each, the median of which is told.
        #[arg(long, default_value_t = 3)]
        runs: u32,
    },
}

/// Builds what is needed and runs the benchmark.
pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    super::build()?;
    match bench {
        Bench::Csv { megabytes, runs } => cargo(&[
            "run".to_owned(),
            "--package".to_owned(),
            "datasource-bench".to_owned(),
            "--".to_owned(),
            "csv".to_owned(),
            megabytes.to_string(),
            runs.to_string(),
        ]),
    }
}
