//! `datasource-host`: the reference host on the command line.
//!
//! - `sql` runs statements from arguments, a file or a pipe, or opens a prompt;
//! - `inspect` shows what a component wants and offers, before anybody runs it;
//! - `demo` shows the whole way against an emulator that it starts and stops itself.
//!
//! A [`host`] is set up from the options: state directory, component, approvals, and for tests where
//! names live and which clock to follow ([`emulator`], [`remote_clock`]). Rows are written by
//! [`output`] while they come. Exit status: 0 done, 1 failed, 2 misused; errors go to standard error
//! as one sentence and a hint.
//!
//! ```text
//! datasource-host sql -c 'SELECT * FROM my_drive.`folder/file.csv` LIMIT 10' --format csv
//! ```

mod demo;
mod emulator;
mod errors;
mod host;
mod inspect;
mod interrupt;
mod options;
mod output;
mod paths;
mod plain;
mod progress;
mod prompt;
mod remote_clock;
mod script_input;
mod speak;
mod sql_command;
mod style;

use std::process::ExitCode;

use clap::Parser;

use crate::errors::CliError;
use crate::options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    match run(options.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            error.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), CliError> {
    let executor = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::failed(format!("The program cannot start: {error}.")))?;
    let outcome = executor.block_on(async {
        match command {
            Command::Sql(options) => sql_command::run(options).await,
            Command::Inspect(options) => inspect::run(options).await,
            Command::Demo(options) => demo::run(options).await,
        }
    });
    // A thread that still reads a terminal must not hold the program back.
    executor.shutdown_background();
    outcome
}
