//! `datasource-host demo`: the document's statements against an emulator that is started for them
//! and stopped after them.

mod child;
mod settings;
mod stage;

use std::env;
use std::path::{Path, PathBuf};

use datasource_runtime::{ErrorKind, RuntimeError};
use datasource_sql::{Answer, SqlError};
use serde_json::{Map, Value, json};

use crate::emulator::{Control, ReadyFile, Tokens};
use crate::errors::CliError;
use crate::host::{self, Host};
use crate::options::{CALLBACK_PORT, DemoOptions, Format, HEALTH_INTERVAL, HostOptions, Role};
use crate::output::Output;
use crate::paths::default_state;
use crate::prompt;
use crate::speak::say;
use crate::sql_command;
use crate::workers::{WorkerSession, Workers};

use child::EmulatorProcess;
use settings::Settings;
use stage::Stage;

/// The database of the document.
const DATABASE: &str = "one_drive_datasource";

/// The engine of the document.
const ENGINE: &str = "one_drive";

const FIRST_ROWS: &str = "SELECT *\nFROM one_drive_datasource.`my-folder/my-file.csv`\nLIMIT 10;";

const AGGREGATE: &str = "\
SELECT weather, COUNT(*) AS days, ROUND(AVG(temp_max), 1) AS mean_max, MAX(wind) AS max_wind
FROM one_drive_datasource.`my-folder/my-file.csv`
GROUP BY weather
ORDER BY days DESC;";

const JOIN: &str = "\
SELECT z.county, COUNT(DISTINCT a.iata) AS airports, COUNT(DISTINCT z.zip_code) AS zip_codes
FROM one_drive_datasource.`geo/airports.csv` a
JOIN one_drive_datasource.`geo/zipcodes.csv` z ON a.city = z.city AND a.state = z.state
WHERE a.state = 'WA'
GROUP BY z.county
ORDER BY airports DESC, z.county
LIMIT 10;";

const TSV: &str = "\
SELECT COUNT(*) AS counties, ROUND(100 * AVG(rate), 1) AS mean_percent, MAX(rate) AS highest
FROM one_drive_datasource.`labour/unemployment.tsv`;";

const PARQUET: &str = "\
SELECT symbol, MIN(date) AS since, MIN(price) AS lowest, MAX(price) AS highest
FROM one_drive_datasource.`finance/stocks.parquet`
GROUP BY symbol
ORDER BY highest DESC;";

const FORMATS: &str = "\
SELECT c.year, COUNT(*) AS cars, ROUND(AVG(c.miles_per_gallon), 1) AS miles_per_gallon, MAX(a.co2) AS co2
FROM one_drive_datasource.`cars/cars.json` c
JOIN one_drive_datasource.`weather/co2-concentration.csv` a ON c.year = a.date
GROUP BY c.year
ORDER BY c.year;";

const FILES: &str = "SELECT name, path FROM one_drive_datasource.files LIMIT 10;";

/// Runs the demo, or opens a prompt over its emulator.
pub(crate) async fn run(options: DemoOptions, workers: Workers) -> Result<(), CliError> {
    let state = state_directory(options.state.as_deref())?;
    std::fs::create_dir_all(&state).map_err(CliError::file("create", &state))?;
    let settings = Settings::of(&state, options.drive.clone(), options.profile)?;
    let emulator = EmulatorProcess::start(&state, &settings).await?;
    let outcome = with_emulator(&state, &options, &emulator, workers).await;
    // Whatever happened: no process is left behind.
    emulator.stop().await;
    outcome?;
    if options.prompt {
        return Ok(());
    }
    print_next_command(&state, options.component.as_deref())
}

/// What the demo does while its emulator runs.
async fn with_emulator(
    state: &Path,
    options: &DemoOptions,
    emulator: &EmulatorProcess,
    workers: Workers,
) -> Result<(), CliError> {
    let host = host_options(state, options, emulator.ready_file());
    let background = workers.handle().clone();
    let opened = host::open(&host, workers).await?;
    if options.prompt {
        sql_command::watch(&opened, &background, HEALTH_INTERVAL);
        open_prompt(&opened, emulator.ready(), &host::state(&host)?).await
    } else {
        show(&opened.session, emulator.ready()).await
    }
}

/// The statements of the document, one after the other.
async fn show(session: &WorkerSession, ready: &ReadyFile) -> Result<(), CliError> {
    // What an interrupted run left behind would be in the way of CREATE.
    session.execute(&format!("DROP DATABASE IF EXISTS {DATABASE}")).await?;
    let control = Control::new(ready.control);
    let stage = Stage::new(session, control)?;

    stage.heading("Connect an account with the tokens of its sign-in")?;
    stage.run(&create_statement(ready)).await?;
    stage.heading("Read a file")?;
    stage.run(FIRST_ROWS).await?;
    stage.heading("Aggregate over all of its rows")?;
    stage.run(AGGREGATE).await?;
    stage.heading("Join two files")?;
    stage.run(JOIN).await?;
    stage.heading("Read tab-separated text and Parquet")?;
    stage.run(TSV).await?;
    stage.run(PARQUET).await?;
    stage.heading("Join JSON with CSV")?;
    stage.run(FORMATS).await?;
    stage.heading("List what is on the drive")?;
    stage.run(FILES).await?;

    stage.heading("The account's tokens are revoked, and a query fails")?;
    control.revoke_tokens().await?;
    stage.say("(Somebody revoked the sign-in. The next query is expected to fail.)")?;
    stage.run_expecting(FIRST_ROWS, needs_sign_in, "that somebody has to sign in again").await?;
    stage.heading("New tokens mend it")?;
    let tokens = control.issue_tokens().await?;
    stage.run(&alter_statement(&tokens)).await?;
    stage.run(FIRST_ROWS).await?;

    stage.heading("Disconnect")?;
    stage.run(&format!("DROP DATABASE {DATABASE};")).await
}

/// Whether an error says that the credential is refused for good.
fn needs_sign_in(error: &SqlError) -> bool {
    match error {
        SqlError::Runtime(error) => match error.as_ref() {
            RuntimeError::Connector(error) => error.kind == ErrorKind::AuthRequired,
            _ => false,
        },
        _ => false,
    }
}

/// Connects the account if it is not connected yet, and opens a prompt.
async fn open_prompt(host: &Host, ready: &ReadyFile, state: &Path) -> Result<(), CliError> {
    let create = create_statement(ready).replacen("DATABASE", "DATABASE IF NOT EXISTS", 1);
    host.session.execute(&create).await?;
    // Tokens of an earlier run may have been revoked or be used up.
    host.session.execute(&alter_statement(&ready.tokens)).await?;
    say!("Connected: {DATABASE}. Try: SELECT name, path FROM {DATABASE}.files LIMIT 10;")?;
    prompt::run(host, Output::to_stdout(Format::Table)?, state).await
}

fn create_statement(ready: &ReadyFile) -> String {
    let mut parameters = token_parameters(&ready.tokens);
    for (name, value) in [
        ("tenant_id", &ready.tenant_id),
        ("account_id", &ready.account_id),
        ("client_id", &ready.client_id),
        ("client_secret", &ready.client_secret),
    ] {
        parameters.insert(name.to_owned(), json!(value));
    }
    format!(
        "CREATE DATABASE {DATABASE}\nWITH\n    engine = '{ENGINE}',\n    parameters = {};",
        object(&parameters, 4)
    )
}

fn alter_statement(tokens: &Tokens) -> String {
    format!("ALTER DATABASE {DATABASE}\nSET PARAMETERS = {};", object(&token_parameters(tokens), 0))
}

fn token_parameters(tokens: &Tokens) -> Map<String, Value> {
    Map::from_iter([
        ("access_token".to_owned(), json!(tokens.access_token)),
        ("refresh_token".to_owned(), json!(tokens.refresh_token)),
        ("expires_at".to_owned(), json!(tokens.expires_at)),
    ])
}

/// A JSON object, one entry a line.
fn object(entries: &Map<String, Value>, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let lines: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("{margin}    {}: {value}", json!(name)))
        .collect();
    format!("{{\n{}\n{margin}}}", lines.join(",\n"))
}

fn host_options(state: &Path, options: &DemoOptions, ready_file: PathBuf) -> HostOptions {
    HostOptions {
        component: options.component.clone(),
        state: Some(state.join("host")),
        emulator: Some(ready_file),
        map: Vec::new(),
        ca: Vec::new(),
        approve: vec!["global".to_owned()],
        pin: None,
        callback_port: CALLBACK_PORT,
        role: Role::Administrator,
    }
}

fn state_directory(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => default_state()?.join("demo"),
    };
    std::path::absolute(&path).map_err(CliError::file("find", &path))
}

fn print_next_command(state: &Path, component: Option<&Path>) -> Result<(), CliError> {
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("datasource-host"));
    let mut command = format!("{} demo --prompt --state {}", quoted(&program), quoted(state));
    if let Some(component) = component {
        // The command has to work from any directory.
        let component = std::path::absolute(component).unwrap_or_else(|_| component.to_owned());
        command.push_str(&format!(" --component {}", quoted(&component)));
    }
    say!("\nTo look around yourself, start the emulator again and open a prompt:\n\n    {command}")
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Reads an answer to its end for its error only.
async fn drain(session: &WorkerSession, answer: Answer) -> Result<(), SqlError> {
    if let Answer::Rows { stream, .. } = answer {
        let mut batches = session.rows(stream);
        while let Some(batch) = batches.next().await {
            batch?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use datasource_sql::Statement;

    fn tokens() -> Tokens {
        Tokens { access_token: "a\"b".into(), refresh_token: "r".into(), expires_at: 5 }
    }

    #[test]
    fn the_statements_are_understood_with_every_parameter_of_the_document() {
        let ready = ReadyFile {
            listen: "127.0.0.1:1".parse().unwrap(),
            control: "127.0.0.1:2".parse().unwrap(),
            hosts: vec![],
            ca: PathBuf::new(),
            tenant_id: "t".into(),
            client_id: "c".into(),
            client_secret: "s".into(),
            account_id: "u".into(),
            tokens: tokens(),
        };
        let create = create_statement(&ready);
        let create = create.trim_end_matches(';');
        let Ok(Statement::CreateDatabase { name, engine, parameters, .. }) =
            Statement::parse(create)
        else {
            panic!("not understood: {create}")
        };
        assert_eq!((name.as_str(), engine.as_deref()), (DATABASE, Some(ENGINE)));
        let mut names: Vec<_> = parameters.names().collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "access_token",
                "account_id",
                "client_id",
                "client_secret",
                "expires_at",
                "refresh_token",
                "tenant_id"
            ]
        );
        let alter = alter_statement(&tokens());
        assert!(Statement::parse(alter.trim_end_matches(';')).is_ok());
    }

    #[test]
    fn a_path_with_spaces_is_quoted_for_the_shell() {
        assert_eq!(quoted(Path::new("/a/b-1.x")), "/a/b-1.x");
        assert_eq!(quoted(Path::new("/a b/it's")), "'/a b/it'\\''s'");
    }
}
