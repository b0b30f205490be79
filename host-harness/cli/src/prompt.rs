//! A simple prompt: statements end at a semicolon, errors do not end it, Ctrl-C ends a query.

use std::io::{self, BufRead, Write};

use datasource_sql::Session;

use crate::errors::CliError;
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::script_input::ScriptInput;
use crate::speak::{say, tell};
use crate::sql_command::belongs_to;

const HELP: &str = "\
Statements end with a semicolon:
  SHOW DATABASES;                        databases there are
  SHOW TABLES FROM name;                 files of one
  DESCRIBE name.`folder/file.csv`;       columns of a file
  SELECT * FROM name.`folder/file.csv` LIMIT 10;
  EXPLAIN SELECT …;                      how a query will run
\\q or Ctrl-D leaves, Ctrl-C ends a query.";

/// Reads statements from a terminal until it is left.
pub(crate) async fn run(session: &Session, output: Output) -> Result<(), CliError> {
    let interrupts = Interrupts::listen();
    say!("Statements end with a semicolon; \\? helps, \\q leaves.")?;
    let mut input = ScriptInput::default();
    let mut line = String::new();
    loop {
        write!(io::stdout(), "{}", if input.is_open() { "...> " } else { "sql> " })?;
        io::stdout().flush()?;
        line.clear();
        match io::stdin().lock().read_line(&mut line) {
            Ok(0) => {
                say!("")?;
                return Ok(());
            }
            Ok(_) => {}
            Err(error) => {
                return Err(CliError::failed(format!("The terminal cannot be read: {error}.")));
            }
        }
        if !input.is_open() {
            match line.trim() {
                "\\q" | "quit" | "exit" => return Ok(()),
                "\\?" | "\\h" | "help" => {
                    say!("{HELP}")?;
                    continue;
                }
                _ => {}
            }
        }
        let complete = input.push(&line);
        for (index, statement) in complete.iter().enumerate() {
            let next = complete.get(index + 1).map(String::as_str);
            if !one(session, output, &interrupts, statement, next).await? {
                input.clear();
                break;
            }
        }
    }
}

/// Runs a statement and says how it went; false if it failed or was interrupted.
async fn one(
    session: &Session,
    output: Output,
    interrupts: &Interrupts,
    statement: &str,
    next: Option<&str>,
) -> Result<bool, CliError> {
    let work = async {
        belongs_to(next)?;
        output.answer(session.execute(statement).await?).await
    };
    match interrupts.guard(work).await {
        Some(Ok(_)) => Ok(true),
        Some(Err(CliError::BrokenPipe)) => Err(CliError::BrokenPipe),
        Some(Err(error)) => {
            error.report();
            Ok(false)
        }
        None => {
            tell!("The query was cancelled.");
            Ok(false)
        }
    }
}
