//! Build, demo, test, soak and bench of this repository: `cargo xtask …`.
//!
//! `build` makes the component (see [`component`]) and the two binaries and
//! puts them into `target/dist`; everything else starts from there.
//!
//! ```text
//! cargo xtask build
//! cargo xtask demo
//! cargo xtask test
//! cargo xtask soak router
//! cargo xtask bench csv
//! cargo xtask bench file PATH
//! cargo xtask bench drive --items 1000000
//! ```

mod bench;
mod component;
mod shell;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::shell::{Failure, cargo, copy, dist, step};

/// Build, demo, test and bench of the OneDrive datasource.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the component, the host and the emulator into target/dist.
    Build {
        /// Only the component.
        #[arg(long)]
        component: bool,
    },
    /// Build, then run the document's statements against the emulator.
    Demo {
        /// The kind of account that the emulator plays.
        #[arg(long, default_value = "business")]
        profile: String,
        /// Where the demo keeps its state.
        #[arg(long)]
        state: Option<std::path::PathBuf>,
    },
    /// Build, then run all tests.
    Test,
    /// Run for long what the tests run for a moment.
    Soak {
        #[command(subcommand)]
        what: Soak,
    },
    /// Run benchmarks.
    Bench {
        #[command(subcommand)]
        what: bench::Bench,
    },
    /// Write wit.lock anew after the contract and its version were changed.
    BlessWit,
}

#[derive(Subcommand)]
enum Soak {
    /// Arbitrary requests to the emulator: none may crash it or hang.
    Router {
        /// How many.
        #[arg(long, default_value_t = 100_000)]
        cases: u32,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match options.command {
        Command::Build { component: true } => component::build().map(drop),
        Command::Build { component: false } => build(),
        Command::Demo { profile, state } => demo(&profile, state.as_deref()),
        Command::Test => test(),
        Command::Soak { what: Soak::Router { cases } } => soak_router(cases),
        Command::Bench { what } => bench::run(&what),
        Command::BlessWit => component::bless_wit(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What is built natively. Cargo settles the features of dependencies by what
/// is built together, so demo and tests name the same packages and targets:
/// otherwise DataFusion would be built twice.
const NATIVE: [&str; 5] = ["--workspace", "--exclude", "onedrive-datasource", "--exclude", "xtask"];

/// Component and binaries into `target/dist`.
fn build() -> Result<(), Failure> {
    component::build()?;
    step("Building the host, the emulator and the tests (the first time this takes a while)");
    cargo(&[&["build", "--bins", "--tests"], NATIVE.as_slice()].concat())?;
    let target = shell::target_dir();
    for binary in ["datasource-host", "graph-emulator"] {
        copy(&target.join("debug").join(binary), &dist().join(binary))?;
    }
    step(&format!("Built into {}", dist().display()));
    Ok(())
}

fn demo(profile: &str, state: Option<&Path>) -> Result<(), Failure> {
    build()?;
    let drive = shell::root().join("tests/data/drive");
    let mut command = std::process::Command::new(dist().join("datasource-host"));
    command.arg("demo").arg("--profile").arg(profile).arg("--drive").arg(drive);
    if let Some(state) = state {
        command.arg("--state").arg(state);
    }
    shell::run(command)
}

fn test() -> Result<(), Failure> {
    build()?;
    step("Running all tests");
    cargo(&[&["test"], NATIVE.as_slice()].concat())
}

fn soak_router(cases: u32) -> Result<(), Failure> {
    step(&format!("Sending {cases} arbitrary requests to the emulator"));
    // SAFETY: no other thread runs in this program.
    unsafe { std::env::set_var("PROPTEST_CASES", cases.to_string()) };
    let test = ["--test", "emulator", "--", "any_request_is_answered"];
    cargo(&[&["test"], NATIVE.as_slice(), &test].concat())
}
