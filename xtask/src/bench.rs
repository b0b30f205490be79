//! Benchmarks: programs you run, never timed tests.

use std::process::Command;

use clap::Subcommand;

use crate::shell::{self, Failure, target_dir};

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
    /// A full scan of a file of any format that is read, in the same way.
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Runs of each, the median of which is told.
        #[arg(long, default_value_t = 3)]
        runs: u32,
    },
    /// A drive of many items as the table `files`: first, again, filtered.
    Drive {
        /// How many items.
        #[arg(long, default_value_t = 100_000)]
        items: u64,
        /// How much later each answer comes, in milliseconds.
        #[arg(long, default_value_t = 0)]
        latency: u64,
        /// Also what a walk of the folders costs.
        #[arg(long)]
        walk: bool,
    },
}

/// Builds what is needed, our own crates without checks and fully optimised, as
/// the component is, and runs the benchmark.
pub(crate) fn run(bench: &Bench) -> Result<(), Failure> {
    for (name, value) in [
        ("CARGO_PROFILE_DEV_OPT_LEVEL", "3"),
        ("CARGO_PROFILE_DEV_OVERFLOW_CHECKS", "false"),
        ("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false"),
    ] {
        // SAFETY: no other thread runs in this program.
        unsafe { std::env::set_var(name, value) };
    }
    super::build()?;
    let mut command = Command::new(target_dir().join("debug/datasource-bench"));
    match bench {
        Bench::Csv { megabytes, runs } => {
            command.args(["csv".to_owned(), megabytes.to_string(), runs.to_string()]);
        }
        Bench::File { path, runs } => {
            command.arg("file").arg(path).arg(runs.to_string());
        }
        Bench::Drive { items, latency, walk } => {
            let how = if *walk { "walk" } else { "feed" };
            command.args(["drive", &items.to_string(), &latency.to_string(), how]);
        }
    }
    shell::run(command)
}
