//! The command line's arguments.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Queries files of remote services through sandboxed connectors.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub(crate) struct Options {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs SQL statements, or opens a prompt.
    Sql(SqlOptions),
    /// Shows what a component is, wants and offers; exit status 1 if it would be refused.
    Inspect(InspectOptions),
    /// Signs somebody in to a database, in a browser or with a code on another device.
    Authorize(AuthorizeOptions),
    /// Looks at what the host and each database depend on; exit status 1 if anything failed.
    Doctor(DoctorOptions),
    /// Sets up an application for all connections, so that nobody else needs its secret.
    Installation(InstallationOptions),
    /// Shows the whole way from a sign-in to rows, against an emulator of Microsoft Graph.
    Demo(DemoOptions),
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns side by side, for people.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a row, one row a line.
    Json,
    /// An Arrow IPC stream.
    Arrow,
}

/// `datasource-host sql`.
#[derive(Debug, Args)]
pub(crate) struct SqlOptions {
    /// A statement or several; may be given more than once.
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) command: Vec<String>,
    /// A file of statements; stops at the first that fails.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// How rows are written.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// How often the prompt looks at the databases in the background, in seconds; 0 means never.
    #[arg(long, value_name = "SECONDS", default_value_t = HEALTH_INTERVAL)]
    pub(crate) health_interval: u64,
    /// How often the prompt brings the listings of the databases up to date in the background, in
    /// seconds; 0 means never.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) sync_interval: u64,
    /// The host's own options.
    #[command(flatten)]
    pub(crate) host: HostOptions,
}

/// `datasource-host authorize`.
#[derive(Debug, Args)]
pub(crate) struct AuthorizeOptions {
    /// The database.
    #[arg(value_name = "DATABASE")]
    pub(crate) database: String,
    /// Signs in with a code that is typed on another device.
    #[arg(long, conflicts_with = "admin_consent")]
    pub(crate) device: bool,
    /// Has an administrator of the directory consent for everybody in it.
    #[arg(long)]
    pub(crate) admin_consent: bool,
    /// How the link is written.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// The host's own options.
    #[command(flatten)]
    pub(crate) host: HostOptions,
}

/// `datasource-host doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The databases to look at [default: all].
    #[arg(value_name = "DATABASE")]
    pub(crate) databases: Vec<String>,
    /// The host's own options.
    #[command(flatten)]
    pub(crate) host: HostOptions,
}

/// `datasource-host installation`.
#[derive(Debug, Args)]
pub(crate) struct InstallationOptions {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) action: InstallationAction,
    /// The file of `set`, a JSON object with client_id, client_secret, tenant_id and cloud
    /// [default: standard input].
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// For all tenants of the state directory; one tenant's own goes before it.
    #[arg(long)]
    pub(crate) all_tenants: bool,
    /// The host's own options.
    #[command(flatten)]
    pub(crate) host: HostOptions,
}

/// What to do with an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InstallationAction {
    /// Installs an application.
    Set,
    /// Shows what is installed, without secrets.
    Show,
    /// Removes it.
    Remove,
}

/// How often the prompt looks at the databases, in seconds.
pub(crate) const HEALTH_INTERVAL: u64 = 900;

/// The port of MindsDB's document.
pub(crate) const CALLBACK_PORT: u16 = 47334;

/// Who runs the statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// May create databases that an application reads by itself.
    Administrator,
    /// May not.
    User,
}

/// What a host is made of.
#[derive(Debug, Args)]
pub(crate) struct HostOptions {
    /// The connector's component [default: onedrive-datasource.wasm beside this program].
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
    /// Where databases and the compile cache are kept [default: $XDG_STATE_HOME/datasource-host or
    /// ~/.local/state/datasource-host].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Reaches the emulator that wrote this ready file: its hosts, its CA and its clock.
    #[arg(long, value_name = "READYFILE")]
    pub(crate) emulator: Option<PathBuf>,
    /// Connects to ADDR:PORT for a host name or a pattern such as *.example.com.
    #[arg(long, value_name = "HOST=ADDR:PORT", value_parser = mapping)]
    pub(crate) map: Vec<(String, SocketAddr)>,
    /// Trusts the certificate authorities of a PEM file beside the public ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// Approves an egress profile that the connector declares.
    #[arg(long, value_name = "PROFILE", default_value = "global")]
    pub(crate) approve: Vec<String>,
    /// Accepts only the component with this SHA-256.
    #[arg(long, value_name = "SHA256", value_parser = sha256)]
    pub(crate) pin: Option<Sha256>,
    /// Where sign-ins come back to: http://localhost:PORT/verify-auth; 0 picks a free port.
    #[arg(long, value_name = "PORT", default_value_t = CALLBACK_PORT)]
    pub(crate) callback_port: u16,
    /// As whom statements are run; whoever can read the state directory may be its administrator.
    #[arg(long = "as", value_name = "ROLE", value_enum, default_value = "administrator")]
    pub(crate) role: Role,
}

/// A SHA-256, given as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sha256(pub(crate) [u8; 32]);

/// `datasource-host inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectOptions {
    /// The component's file.
    #[arg(value_name = "COMPONENT")]
    pub(crate) component: PathBuf,
}

/// What kind of account the emulator has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// OneDrive for Business.
    Business,
    /// A personal account.
    Personal,
}

impl Profile {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::Personal => "personal",
        }
    }
}

/// `datasource-host demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// The folder that becomes the drive [default: the one of the last run on this state, else
    /// `drive` beside this program, else tests/data/drive].
    #[arg(long, value_name = "DIR")]
    pub(crate) drive: Option<PathBuf>,
    /// The kind of account [default: that of the last run on this state, else business].
    #[arg(long, value_enum)]
    pub(crate) profile: Option<Profile>,
    /// Where the demo keeps everything [default: `demo` in the default state directory].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The connector's component [default: onedrive-datasource.wasm beside this program].
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
    /// Starts the emulator, connects, and opens a prompt instead of showing the statements.
    #[arg(long)]
    pub(crate) prompt: bool,
}

fn mapping(text: &str) -> Result<(String, SocketAddr), String> {
    let (host, address) = text.split_once('=').ok_or("write HOST=ADDR:PORT")?;
    let address = address.parse().map_err(|_| {
        format!("`{address}` is no address and port, such as 127.0.0.1:8443 or [::1]:8443")
    })?;
    Ok((host.to_owned(), address))
}

fn sha256(text: &str) -> Result<Sha256, String> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return Err("a SHA-256 is 64 hexadecimal digits".to_owned());
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16)
            .map_err(|_| "a SHA-256 is 64 hexadecimal digits".to_owned())?;
    }
    Ok(Sha256(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_mapping_is_a_host_and_an_address() {
        let address = "127.0.0.1:8443".parse().unwrap();
        assert_eq!(mapping("*.a.example=127.0.0.1:8443"), Ok(("*.a.example".into(), address)));
        assert!(mapping("a.example").is_err());
        assert!(mapping("a.example=localhost:1").is_err());
    }

    #[test]
    fn a_pin_is_64_hexadecimal_digits() {
        assert_eq!(sha256(&"0f".repeat(32)), Ok(Sha256([15; 32])));
        for bad in ["", "0f", &"0g".repeat(32), &"é".repeat(32)] {
            assert!(sha256(bad).is_err(), "{bad}");
        }
    }
}
