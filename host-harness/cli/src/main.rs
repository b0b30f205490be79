//! `datasource-host`: the reference host on the command line.
//!
//! - `sql` runs statements from arguments, a file or a pipe, or opens a prompt;
//! - `inspect` shows what a component wants and offers, before anybody runs it;
//! - `authorize` signs somebody in, in a browser or on another device ([`callback`]);
//! - `doctor` looks at what the host and each database depend on;
//! - `installation` sets up an application for all connections;
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

mod authorize;
mod callback;
mod demo;
mod doctor;
mod emulator;
mod errors;
mod host;
mod inspect;
mod installation;
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
mod workers;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::errors::CliError;
use crate::options::{Command, Options};
use crate::workers::Workers;

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
    let start = |mut builder: Builder| {
        let runtime = builder.enable_all().build();
        runtime.map_err(|error| CliError::failed(format!("The program cannot start: {error}.")))
    };
    let main = start(Builder::new_current_thread())?;
    let pool = start(Builder::new_multi_thread())?;
    let workers = Workers::new(pool.handle().clone());
    let outcome = main.block_on(async {
        match command {
            Command::Sql(options) => sql_command::run(options, workers).await,
            Command::Authorize(options) => authorize::run(options, workers).await,
            Command::Doctor(options) => doctor::run(options, workers).await,
            Command::Installation(options) => installation::run(options, workers).await,
            Command::Inspect(options) => inspect::run(options).await,
            Command::Demo(options) => demo::run(options, workers).await,
        }
    });
    // Neither a query that does not yield nor a read of the terminal holds the program back.
    pool.shutdown_background();
    main.shutdown_background();
    outcome
}
