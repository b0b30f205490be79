//! The prompt: statements end at a semicolon and may span lines, errors do not end it, Ctrl-C ends a
//! statement and frees its guests. Tab completes what is known ([`completion`], [`names`]), earlier
//! inputs come back with their secrets masked ([`history`]), and commands begin with a backslash
//! ([`command`]).

mod command;
mod completion;
mod editor;
mod history;
mod names;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use datasource_runtime::Settled;
use datasource_sql::statements;

use crate::errors::CliError;
use crate::host::Host;
use crate::interrupt::Interrupts;
use crate::output::Output;
use crate::speak::{say, tell};
use crate::sql_command::belongs_to;
use crate::workers::WorkerSession;

use command::Command;
use editor::{LineEditor, Typed};
use history::History;
use names::{Names, Source};

/// The history in the state directory.
const HISTORY: &str = "history";

/// Reads statements from a terminal until it is left; what was typed is kept in the state directory.
pub(crate) async fn run(host: &Host, output: Output, state: &Path) -> Result<(), CliError> {
    let session = &host.session;
    let history = History::new(Some(state.join(HISTORY)));
    let earlier = history.load().unwrap_or_else(|error| {
        tell!("note: the history of earlier prompts cannot be read: {error}.");
        Vec::new()
    });
    let names = Arc::new(Mutex::new(Names::default()));
    let mut editor = LineEditor::new(Arc::clone(&names), &earlier)?;
    let interrupts = Interrupts::listen()?;
    let mut prompt = Prompt { session, output, interrupts, names, history };
    say!("Statements end with a semicolon; \\? helps, Tab completes, \\q leaves.")?;
    loop {
        for settled in host.sign_ins.take_settled() {
            tell_settled(&settled);
        }
        prompt.refresh_names().await;
        let marker = prompt.marker();
        let typed;
        (editor, typed) = editor.read(marker).await;
        let input = match typed? {
            Typed::Input(input) if input.trim().is_empty() => continue,
            Typed::Input(input) => input,
            Typed::Cleared => continue,
            Typed::Left => return Ok(()),
        };
        // Before it runs: ALTER and DROP are masked by what is known of the database now.
        if let Some(entry) = history::entry(session.local(), &input).await {
            editor.remember(&entry);
            prompt.keep(&entry);
        }
        if !prompt.take(&input).await? {
            return Ok(());
        }
    }
}

/// What the prompt keeps between two inputs.
struct Prompt<'a> {
    session: &'a WorkerSession,
    output: Output,
    interrupts: Interrupts,
    names: Arc<Mutex<Names>>,
    history: History,
}

impl Prompt<'_> {
    /// The database in use, so that nobody is surprised where a bare table is looked for.
    fn marker(&self) -> String {
        match self.session.local().current_database() {
            Some(name) => format!("{}> ", crate::plain::plain(&name, Some(30))),
            None => "sql> ".to_owned(),
        }
    }

    async fn refresh_names(&self) {
        let mut names = std::mem::take(&mut *self.lock_names());
        names.refresh(self.session).await;
        *self.lock_names() = names;
    }

    fn lock_names(&self) -> std::sync::MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&mut self, entry: &str) {
        if let Err(error) = self.history.append(entry) {
            tell!("note: the history cannot be kept: {error}.");
            self.history = History::new(None);
        }
    }

    /// Does what an input says; false if it says to leave.
    async fn take(&mut self, input: &str) -> Result<bool, CliError> {
        if !command::is_command(input) {
            self.script(input).await?;
            return Ok(true);
        }
        match command::parse(input) {
            Ok(Command::Quit) => return Ok(false),
            Ok(command) => self.command(command).await?,
            Err((message, hint)) => CliError::failed(message).hint(hint).report(),
        }
        Ok(true)
    }

    async fn command(&mut self, command: Command) -> Result<(), CliError> {
        match command {
            Command::Quit => Ok(()),
            Command::Help => say!("{}", command::HELP),
            Command::Databases => self.script("SHOW DATABASES").await,
            Command::Tables if self.session.local().current_database().is_none() => {
                self.script("SHOW DATABASES").await
            }
            Command::Tables => self.script("SHOW TABLES").await,
            Command::Describe(name) => {
                let statement = command::describe(&name, &self.lock_names().databases);
                self.script(&statement).await
            }
            Command::Timing(switch) => {
                self.output.timing = switch.unwrap_or(!self.output.timing);
                say!("Timing is {}.", on_or_off(self.output.timing))
            }
            Command::Expanded(switch) => {
                self.output.expanded = switch.unwrap_or(!self.output.expanded);
                say!("A line for each column is {}.", on_or_off(self.output.expanded))
            }
            Command::Output(path) => self.redirect(path.as_deref()),
        }
    }

    fn redirect(&mut self, path: Option<&Path>) -> Result<(), CliError> {
        match self.output.redirected(path) {
            Ok(output) => self.output = output,
            Err(error) => {
                error.report();
                return Ok(());
            }
        }
        match path {
            Some(path) => say!("Rows go to {}; \\o alone brings them back.", path.display()),
            None => say!("Rows are shown here."),
        }
    }

    /// Runs the statements of an input up to the first that fails.
    async fn script(&self, input: &str) -> Result<(), CliError> {
        let mut script = statements(input).peekable();
        while let Some(statement) = script.next() {
            let next = script.peek().map(|next| next.text);
            if !self.statement(statement.text, next).await? {
                break;
            }
        }
        Ok(())
    }

    /// Runs a statement and says how it went; false if it failed or was interrupted.
    async fn statement(&self, statement: &str, next: Option<&str>) -> Result<bool, CliError> {
        let source = Source::of(statement, &self.lock_names());
        let mut learn = |batch: &_| {
            if let Some(source) = &source {
                self.lock_names().learn(source, batch);
            }
        };
        let work = async {
            belongs_to(next)?;
            self.output.run(self.session, statement, &mut learn).await
        };
        match self.interrupts.guard(work).await {
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
}

/// How a sign-in ended that was begun at this prompt.
fn tell_settled(settled: &Settled) {
    match &settled.outcome {
        Some(Ok(())) => tell!("note: `{}` is signed in.", settled.database),
        Some(Err(error)) => {
            tell!("note: the sign-in to `{}` failed: {error}", settled.database);
        }
        None => tell!("note: nobody has signed in to `{}` in time.", settled.database),
    }
}

fn on_or_off(switch: bool) -> &'static str {
    if switch { "on" } else { "off" }
}
