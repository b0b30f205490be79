//! What is typed at the prompt beside statements: commands that begin with a backslash, as in psql.

use std::path::PathBuf;

use datasource_sql::identifier;

/// Shown by `\?`.
pub(super) const HELP: &str = "\
Statements end with a semicolon and may span lines:
  SHOW DATABASES;                         databases there are
  SHOW TABLES FROM name;                  files of one
  REFRESH DATABASE name;                  asks what changed, and says it
  SHOW CREATE DATABASE name;              how it was made, without secrets
  DESCRIBE name.`folder/file.csv`;        columns of a file
  USE name;                               tables without a database are of this one
  SELECT * FROM name.`folder/file.csv` LIMIT 10;
  EXPLAIN SELECT …;                       how a query will run
Commands:
  \\l               databases              \\x               a line for each column, on or off
  \\d [NAME]        tables, or columns     \\timing          time and bytes read, on or off
  \\o [FILE]        rows go to a file      \\?  \\q           this help, leave
Tab completes, the arrows find earlier statements, Ctrl-C ends a query or clears the line,
Ctrl-D leaves.";

/// The commands, for completion.
pub(super) const NAMES: [&str; 7] = ["\\d", "\\l", "\\o", "\\q", "\\timing", "\\x", "\\?"];

/// A command of the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Quit,
    /// `\l`
    Databases,
    /// `\d`
    Tables,
    /// `\d name`
    Describe(String),
    /// `\timing`, perhaps with on or off.
    Timing(Option<bool>),
    /// `\x`, perhaps with on or off.
    Expanded(Option<bool>),
    /// `\o`, perhaps with a file.
    Output(Option<PathBuf>),
}

/// Whether an input is a command, complete or not; everything else is SQL.
pub(super) fn is_command(input: &str) -> bool {
    let input = input.trim().trim_end_matches(';');
    input.starts_with('\\')
        || ["quit", "exit", "help"].iter().any(|word| input.eq_ignore_ascii_case(word))
}

/// Understands a command; an error is a sentence and a hint.
pub(super) fn parse(input: &str) -> Result<Command, (String, String)> {
    let input = input.trim().trim_end_matches(';');
    let (name, argument) = input.split_once(char::is_whitespace).unwrap_or((input, ""));
    let argument = Some(argument.trim()).filter(|argument| !argument.is_empty());
    Ok(match (name.to_ascii_lowercase().as_str(), argument) {
        ("\\?" | "\\h" | "help", _) => Command::Help,
        ("\\q" | "quit" | "exit", None) => Command::Quit,
        ("\\l", None) => Command::Databases,
        ("\\d" | "\\dt", None) => Command::Tables,
        ("\\d" | "\\dt", Some(name)) => Command::Describe(name.to_owned()),
        ("\\timing", switch) => Command::Timing(on_or_off(switch)?),
        ("\\x", switch) => Command::Expanded(on_or_off(switch)?),
        ("\\o", file) => Command::Output(file.map(PathBuf::from)),
        _ => {
            let message = "There is no such command.".to_owned();
            return Err((message, format!("The commands are: {}.", NAMES.join(" "))));
        }
    })
}

fn on_or_off(switch: Option<&str>) -> Result<Option<bool>, (String, String)> {
    match switch {
        None => Ok(None),
        Some(word) if word.eq_ignore_ascii_case("on") => Ok(Some(true)),
        Some(word) if word.eq_ignore_ascii_case("off") => Ok(Some(false)),
        Some(_) => Err((
            "This command takes on, off or nothing.".to_owned(),
            "Without a word it changes to the other one.".to_owned(),
        )),
    }
}

/// The statement behind `\d name`: the tables of a database, or the columns of a table. A path after
/// a database may stand without backticks here, since nothing follows it.
pub(super) fn describe(name: &str, databases: &[String]) -> String {
    let known = |name: &str| databases.iter().find(|known| known.eq_ignore_ascii_case(name));
    let plain = name.trim_matches(['`', '"']);
    if let Some(database) = known(plain) {
        return format!("SHOW TABLES FROM {}", identifier(database));
    }
    if let Some((database, path)) = name.split_once('.')
        && let Some(database) = known(database)
    {
        let table = if path.starts_with(['`', '"']) { path.into() } else { identifier(path) };
        return format!("DESCRIBE {}.{table}", identifier(database));
    }
    if name.contains(['`', '"']) {
        return format!("DESCRIBE {name}");
    }
    format!("DESCRIBE {}", identifier(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_understood_with_and_without_arguments() {
        for (input, command) in [
            ("\\l", Command::Databases),
            (" \\d ; ", Command::Tables),
            ("\\d drive.files", Command::Describe("drive.files".into())),
            ("\\timing off", Command::Timing(Some(false))),
            ("\\x", Command::Expanded(None)),
            ("\\o /tmp/a b", Command::Output(Some("/tmp/a b".into()))),
            ("\\o", Command::Output(None)),
            ("exit", Command::Quit),
            ("HELP;", Command::Help),
        ] {
            assert!(is_command(input));
            assert_eq!(parse(input), Ok(command), "{input}");
        }
        assert!(!is_command("SELECT 1"));
        assert!(parse("\\z").is_err());
        assert!(parse("\\x maybe").is_err());
    }

    #[test]
    fn a_name_is_described_as_what_it_is() {
        let databases = ["Drive".to_owned(), "my drive".to_owned()];
        for (name, statement) in [
            ("drive", "SHOW TABLES FROM Drive"),
            ("`my drive`", "SHOW TABLES FROM `my drive`"),
            ("drive.files", "DESCRIBE Drive.files"),
            ("drive.my-folder/a b.csv", "DESCRIBE Drive.`my-folder/a b.csv`"),
            ("drive.`a.csv`", "DESCRIBE Drive.`a.csv`"),
            ("my-folder/a.csv", "DESCRIBE `my-folder/a.csv`"),
            ("`my drive`.`a.csv`", "DESCRIBE `my drive`.`a.csv`"),
        ] {
            assert_eq!(describe(name, &databases), statement);
        }
    }
}
