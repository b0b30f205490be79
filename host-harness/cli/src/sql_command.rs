//! `datasource-host sql`: statements from arguments, a file, a pipe or a prompt.

use std::io::{self, BufRead, IsTerminal};
use std::path::Path;
use std::time::Duration;

use datasource_runtime::{Runtime, TenantId};
use datasource_sql::{
    End, ScriptStatement, SqlError, Unclosed, clause_after_semicolon, statements,
};

use tokio::runtime::Handle;

use crate::authorize;
use crate::errors::CliError;
use crate::host::{self, Host};
use crate::options::SqlOptions;
use crate::output::Output;
use crate::prompt;
use crate::script_input::ScriptInput;
use crate::speak::tell;
use crate::workers::{WorkerSession, Workers};

/// Runs what the arguments say.
pub(crate) async fn run(options: SqlOptions, workers: Workers) -> Result<(), CliError> {
    let output = Output::to_stdout(options.format)?;
    let script = options.file.as_deref().map(read_script).transpose()?;
    let background = workers.handle().clone();
    let host = host::open(&options.host, workers).await?;
    let session = &host.session;
    for text in options.command.iter().chain(&script) {
        if let Err(error) = run_script(session, &output, text).await {
            for database in host.sign_ins.databases() {
                tell!("note: begin the sign-in again: datasource-host authorize {database}");
            }
            return Err(error);
        }
    }
    let given = !options.command.is_empty() || script.is_some();
    if !given && io::stdin().is_terminal() {
        watch(&host, &background, options.health_interval);
        keep_current(&host, &background, options.sync_interval);
        return prompt::run(&host, output, &host::state(&options.host)?).await;
    }
    if !given {
        run_pipe(session, &output).await?;
    }
    authorize::wait(&host).await
}

/// Looks at the databases now and then, so that `system.health` tells of a credential that was
/// revoked or is about to end before a query finds out.
pub(crate) fn watch(host: &Host, background: &Handle, seconds: u64) {
    if seconds == 0 {
        return;
    }
    let (runtime, tenant) = (host.runtime.clone(), host.tenant.clone());
    background.spawn(look_now_and_then(runtime, tenant, Duration::from_secs(seconds)));
}

/// Brings the listings of the databases up to date now and then.
fn keep_current(host: &Host, background: &Handle, seconds: u64) {
    if seconds == 0 {
        return;
    }
    let (runtime, tenant) = (host.runtime.clone(), host.tenant.clone());
    background.spawn(async move {
        loop {
            // Where several programs share a state directory, they wait for each other.
            let _ = runtime.sync_databases(&tenant).await;
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    });
}

async fn look_now_and_then(runtime: Runtime, tenant: TenantId, interval: Duration) {
    loop {
        // Where several programs share a state directory, one of them does it.
        // A store that fails is told by every statement; here somebody may be typing.
        let _ = runtime.check_health(&tenant, interval / 2).await;
        tokio::time::sleep(interval).await;
    }
}

/// Runs the statements of a script up to the first that fails.
async fn run_script(session: &WorkerSession, output: &Output, text: &str) -> Result<(), CliError> {
    let mut script = statements(text).peekable();
    while let Some(statement) = script.next() {
        if let End::Unclosed(unclosed) = statement.end {
            return Err(unfinished(text, &statement, unclosed));
        }
        belongs_to(script.peek().map(|next| next.text))?;
        output.run(session, statement.text, &mut |_| ()).await?;
    }
    Ok(())
}

/// Runs statements from standard input as they are completed, up to the first that fails.
async fn run_pipe(session: &WorkerSession, output: &Output) -> Result<(), CliError> {
    let mut input = ScriptInput::default();
    let mut line = String::new();
    loop {
        line.clear();
        let read = io::stdin().lock().read_line(&mut line).map_err(|error| {
            CliError::failed(format!("Standard input cannot be read as text: {error}."))
        })?;
        if read == 0 {
            break;
        }
        let complete = input.push(&line);
        for (index, statement) in complete.iter().enumerate() {
            belongs_to(complete.get(index + 1).map(String::as_str))?;
            run_script(session, output, statement).await?;
        }
    }
    match input.take_rest() {
        Some(rest) => run_script(session, output, &rest).await,
        None => Ok(()),
    }
}

/// Fails if the next statement is a clause of this one, cut off by a `;`: running this one without
/// it might read a whole file instead of ten rows.
pub(crate) fn belongs_to(next: Option<&str>) -> Result<(), CliError> {
    match next.and_then(clause_after_semicolon) {
        Some(slip) => Err(SqlError::from(slip).into()),
        None => Ok(()),
    }
}

fn read_script(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(CliError::file("read the statements in", path))
}

fn unfinished(text: &str, statement: &ScriptStatement<'_>, unclosed: Unclosed) -> CliError {
    let line = text[..statement.start].matches('\n').count() + 1;
    let (what, close) = match unclosed {
        Unclosed::Quote(quote) => (format!("a {quote}"), format!("the closing {quote}")),
        Unclosed::Comment => ("a /*".to_owned(), "the closing */".to_owned()),
        Unclosed::Brace => ("a {".to_owned(), "the closing }".to_owned()),
    };
    CliError::failed(format!(
        "The statement that begins on line {line} opens {what} and never closes it."
    ))
    .hint(format!("Add {close}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_after_a_semicolon_keeps_the_query_before_it_from_running() {
        let error = belongs_to(Some("LIMIT 10")).unwrap_err();
        assert_eq!(error.to_string(), "A `;` stands before LIMIT and ends the statement there.");
        assert!(belongs_to(Some("SELECT 1")).is_ok());
        assert!(belongs_to(None).is_ok());
    }

    #[test]
    fn an_unfinished_statement_is_told_with_its_line() {
        let text = "SELECT 1;\n\nSELECT 'a";
        let last = statements(text).last().unwrap();
        let error = unfinished(text, &last, Unclosed::Quote('\''));
        assert_eq!(
            error.to_string(),
            "The statement that begins on line 3 opens a ' and never closes it."
        );
    }
}
