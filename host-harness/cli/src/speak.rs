//! Words for people, on streams that may have been closed by whoever read them: `println!` would
//! end the program with a panic.

use std::fmt;
use std::io::{self, Write};

use crate::errors::CliError;

/// Writes a line to standard output.
pub(crate) fn say(line: fmt::Arguments<'_>) -> Result<(), CliError> {
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// Writes a line to standard error; if nobody reads it, that is that.
pub(crate) fn tell(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
