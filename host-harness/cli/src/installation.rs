//! `datasource-host installation`: an application that an administrator sets up for all
//! connections, so that nobody else needs its secret.

use std::io::Read as _;

use datasource_runtime::{Runtime, TenantId};
use serde_json::Value;

use crate::errors::CliError;
use crate::host;
use crate::options::{InstallationAction, InstallationOptions, Role};
use crate::plain::plain;
use crate::speak::say;
use crate::workers::Workers;

/// Sets, shows or removes an installation.
pub(crate) async fn run(options: InstallationOptions, workers: Workers) -> Result<(), CliError> {
    if options.host.role == Role::User && options.action != InstallationAction::Show {
        return Err(CliError::failed("Only an administrator can change the installation.")
            .hint("Leave --as user out."));
    }
    let host = host::open(&options.host, workers).await?;
    let runtime = &host.runtime;
    let (own, engine) = (TenantId::default(), engine(runtime)?);
    let tenant = if options.all_tenants { None } else { Some(&own) };
    match options.action {
        InstallationAction::Set => {
            let params = read(options.file.as_deref())?;
            runtime.install(tenant, &engine, &params).await?;
            say!("The application is installed; connections without a client_id use it.")
        }
        InstallationAction::Show => show(runtime, tenant, &engine).await,
        InstallationAction::Remove => match runtime.uninstall(tenant, &engine).await? {
            true => say!("The application was removed; connections that use it end."),
            false => say!("There was none."),
        },
    }
}

/// The engine of the one component that is loaded.
fn engine(runtime: &Runtime) -> Result<String, CliError> {
    let connectors = runtime.connectors();
    let first = connectors.first().map(|connector| connector.engine().to_owned());
    first.ok_or_else(|| CliError::failed("No connector is loaded."))
}

async fn show(runtime: &Runtime, tenant: Option<&TenantId>, engine: &str) -> Result<(), CliError> {
    let Some(parameters) = runtime.installation(tenant, engine).await? else {
        return say!("No application is installed.");
    };
    for (name, value) in parameters {
        say!("{}: {}", plain(&name, None), plain(&value.as_deref().unwrap_or("'***'"), None))?;
    }
    Ok(())
}

/// A JSON object from a file or from standard input: arguments can be seen by everybody.
fn read(file: Option<&std::path::Path>) -> Result<String, CliError> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path).map_err(CliError::file("read", path))?,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| {
                CliError::failed(format!("Standard input cannot be read as text: {error}."))
            })?;
            text
        }
    };
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(_)) => Ok(text),
        _ => Err(CliError::failed("The application's parameters are no JSON object.").hint(
            "Give {\"client_id\": \"…\", \"client_secret\": \"…\", \"tenant_id\": \"…\"} in a file \
             or on standard input.",
        )),
    }
}
