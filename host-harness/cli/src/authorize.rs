//! `datasource-host authorize`: somebody signs in to a database, in a browser or on another device;
//! and what waits for sign-ins that a script has begun.

use datasource_sql::SignInWay;

use crate::errors::CliError;
use crate::host::{self, Host};
use crate::options::AuthorizeOptions;
use crate::output::Output;
use crate::speak::tell;
use crate::workers::Workers;

/// Begins a sign-in, shows where to go, and waits for it.
pub(crate) async fn run(options: AuthorizeOptions, workers: Workers) -> Result<(), CliError> {
    let output = Output::to_stdout(options.format)?;
    let host = host::open(&options.host, workers).await?;
    let way = match (options.device, options.admin_consent) {
        (true, _) => Some(SignInWay::Device),
        (_, true) => Some(SignInWay::AdminConsent),
        _ => None,
    };
    let answer = host.session.authorize(&options.database, way).await?;
    output.show(&host.session, answer).await?;
    wait(&host).await
}

/// Waits for the sign-ins that were begun here, if there are any; fails if one of them does.
pub(crate) async fn wait(host: &Host) -> Result<(), CliError> {
    let sign_ins = &host.sign_ins;
    let databases = sign_ins.databases();
    if !databases.is_empty() {
        let names = databases.join("`, `");
        tell!("Waiting for the sign-in to `{names}`; Ctrl-C leaves it for later.");
    }
    let mut failed: Option<CliError> = None;
    for settled in sign_ins.settled().await {
        let database = settled.database;
        match settled.outcome {
            Some(Ok(())) => tell!("`{database}` is signed in."),
            Some(Err(error)) => {
                let failure = CliError::failed(error.to_string());
                let failure = match error.hint() {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                };
                // The last one ends the program, and is told by it.
                if let Some(earlier) = failed.replace(failure) {
                    earlier.report();
                }
            }
            None => {
                let message = format!("Nobody has signed in to `{database}` in time.");
                let again = format!("Begin again: datasource-host authorize {database}");
                if let Some(earlier) = failed.replace(CliError::failed(message).hint(again)) {
                    earlier.report();
                }
            }
        }
    }
    host.callback.quiet().await;
    failed.map_or(Ok(()), Err)
}
