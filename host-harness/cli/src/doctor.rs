//! `datasource-host doctor`: what works and what does not, from the host's own ground up to each
//! database's drive. Exit status 1 if anything failed.

use datasource_runtime::{Finding, FindingState, RuntimeError};

use crate::errors::{CliError, printable};
use crate::host::{self, Host};
use crate::options::{DoctorOptions, HostOptions};
use crate::speak::say;
use crate::style::Style;
use crate::workers::Workers;

/// Looks at everything and says what was found.
pub(crate) async fn run(options: DoctorOptions, workers: Workers) -> Result<(), CliError> {
    let style = Style::of_stdout();
    let host = host::open(&options.host, workers).await?;
    say!("{}", style.heading("Host"))?;
    for (check, state, evidence) in own(&options.host, &host)? {
        line(style, check, state, &evidence)?;
    }
    let names = match options.databases.is_empty() {
        true => host.session.local().database_names().await?,
        false => options.databases,
    };
    if names.is_empty() {
        say!("\nThere is no database yet.")?;
    }
    let mut failed = 0;
    for name in names {
        say!("\n{}", style.heading(&printable(&name)))?;
        for finding in look(&host, &name).await? {
            failed += usize::from(finding.state == FindingState::Failed);
            line(style, &finding.check, finding.state, &finding.evidence)?;
            if let Some(hint) = &finding.hint {
                let actor = finding.actor.map(|actor| format!("{actor}: ")).unwrap_or_default();
                say!("{:28}{}", "", style.dim(&printable(&format!("{actor}{hint}"))))?;
            }
        }
    }
    match failed {
        0 => Ok(()),
        1 => Err(CliError::failed("One check failed.")),
        more => Err(CliError::failed(format!("{more} checks failed."))),
    }
}

/// One database that cannot be looked at does not keep the others from it.
async fn look(host: &Host, name: &str) -> Result<Vec<Finding>, CliError> {
    let looked = match host.runtime.database(&host.tenant, name).await {
        Ok(Some(database)) => database.diagnose().await,
        Ok(None) => return Err(RuntimeError::NoSuchDatabase { name: name.to_owned() }.into()),
        Err(error) => Err(error),
    };
    Ok(looked.unwrap_or_else(|error| vec![Finding::of_error(&error)]))
}

type Own = (&'static str, FindingState, String);

/// What the host itself stands on.
fn own(options: &HostOptions, host: &Host) -> Result<Vec<Own>, CliError> {
    use FindingState::{Ok as Fine, Warning};
    let state = host::state(options)?;
    let mut found = vec![(
        "state",
        Fine,
        format!("{} can be read and written, and is private.", state.display()),
    )];
    for connector in host.runtime.connectors() {
        let inspection = connector.inspection();
        let hash: String = inspection.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let engine = connector.engine();
        match options.pin {
            Some(_) => found.push(("component", Fine, format!("{engine} is the approved {hash}."))),
            None => found.push((
                "component",
                Fine,
                format!("{engine} has the SHA-256 {hash}; --pin accepts no other."),
            )),
        }
    }
    found.push(("egress", Fine, format!("Approved: {}.", options.approve.join(", "))));
    match (&options.emulator, options.map.is_empty()) {
        (None, true) => found.push(("endpoints", Fine, "Names are looked up in DNS.".to_owned())),
        (Some(_), _) => found.push((
            "endpoints",
            Warning,
            "All of Microsoft's names lead to an emulator, and its clock is followed.".to_owned(),
        )),
        (None, false) => {
            let names: Vec<_> = options.map.iter().map(|(name, _)| name.as_str()).collect();
            found.push(("endpoints", Warning, format!("Mapped: {}.", names.join(", "))));
        }
    }
    if !options.ca.is_empty() {
        let evidence = format!("{} more certificate authorities are trusted.", options.ca.len());
        found.push(("trust", Warning, evidence));
    }
    Ok(found)
}

fn line(style: Style, check: &str, state: FindingState, evidence: &str) -> Result<(), CliError> {
    let word = format!("{:9}", state.as_str());
    let word = match state {
        FindingState::Failed => style.failure(&word),
        FindingState::Ok => word,
        FindingState::Warning | FindingState::Skipped => style.dim(&word),
    };
    say!("  {word} {:16}{}", printable(check), printable(evidence))
}
