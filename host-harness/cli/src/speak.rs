//! Words for people, on streams that may have been closed by whoever read them: `println!` would
//! end the program with a panic.

use std::fmt;
use std::io::{self, Write};

use crate::errors::CliError;

/// Writes a line to standard output, formatted as by `println!`.
macro_rules! say {
    ($($words:tt)*) => { $crate::speak::to_stdout(format_args!($($words)*)) };
}

/// Writes a line to standard error, formatted as by `eprintln!`; if nobody reads it, that is that.
macro_rules! tell {
    ($($words:tt)*) => { $crate::speak::to_stderr(format_args!($($words)*)) };
}

pub(crate) use {say, tell};

pub(crate) fn to_stdout(line: fmt::Arguments<'_>) -> Result<(), CliError> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

pub(crate) fn to_stderr(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
