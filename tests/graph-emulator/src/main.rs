//! `graph-emulator`: the emulator as a program. See the library for what it is, and the crate's
//! `README.md` for how to point a client at it.

use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, value_parser};
use graph_emulator::{Config, Emulator, MAX_ITEMS, MAX_ROWS, Profile, Running, Seed};

/// How to reach it and how to make something go wrong, below the options.
const EXAMPLES: &str = "\
Point a client at it (LISTEN and CONTROL are printed at the start; README.md has more ways):

  by its own name map   curl --cacert STATE/ca.pem --connect-to ::LISTEN https://graph.microsoft.com/v1.0/me
  by a proxy            HTTPS_PROXY=http://LISTEN SSL_CERT_FILE=STATE/ca.pem some-client
  by names              --listen 127.0.0.1:443, and Microsoft's names in /etc/hosts

Script a fault in one line:

  curl CONTROL/faults -d '{\"status\":429,\"retry_after\":\"30\",\"path\":\"/v1.0/*\",\"times\":2}'

Ask what was asked of it, move its clock, change the drive:

  curl CONTROL/journal
  curl CONTROL/clock -d '{\"advance_ms\":3600000}'
  curl CONTROL/drives/primary/edit -d '{\"op\":\"write\",\"path\":\"a.csv\",\"text\":\"x,y\"}'
";

/// Emulate Microsoft Graph (OneDrive) and Microsoft Entra ID over a folder of files.
///
/// One TLS port answers for graph.microsoft.com, login.microsoftonline.com, *.sharepoint.com and
/// the like. Give a client the CA (STATE/ca.pem) and either resolve those names to the port or use
/// the port as its HTTPS proxy (CONNECT). Everything a client needs to sign in is in the ready
/// file.
#[derive(Parser)]
#[command(version, after_long_help = EXAMPLES)]
struct Arguments {
    /// The folder that is the account's drive; changes made to it are seen at once, and never
    /// written to it. Without --drive and --synthetic the drive is empty.
    #[arg(long, value_name = "DIR", conflicts_with = "synthetic")]
    drive: Option<PathBuf>,
    /// Fill the account's drive with so many generated items instead.
    #[arg(long, value_name = "ITEMS", value_parser = value_parser!(u64).range(..=MAX_ITEMS))]
    synthetic: Option<u64>,
    /// Rows of each generated file, of 64 bytes.
    #[arg(long, value_name = "N", default_value_t = 10, requires = "synthetic",
        value_parser = value_parser!(u64).range(..=MAX_ROWS))]
    rows: u64,
    /// Make identifiers and every other choice the same in each run.
    #[arg(long, value_name = "TEXT")]
    seed: Option<String>,
    /// The kind of account that the ready file tells of; others exist beside it.
    #[arg(long, value_enum, default_value = "business")]
    profile: Profile,
    /// Where to accept TLS and CONNECT; port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to offer the control API (loopback only); port 0 picks a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// The directory that keeps CA, account, tokens and identifiers from run to run.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Write addresses, account and tokens here (mode 0600) once connections are accepted; removed
    /// at the end.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// End when standard input is closed, so as not to outlive the process that started this one.
    #[arg(long)]
    exit_with_stdin: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let exit_with_stdin = arguments.exit_with_stdin;
    let seed = match (arguments.drive, arguments.synthetic) {
        (Some(folder), _) => Seed::Folder(folder),
        (None, Some(items)) => Seed::Synthetic { items, rows: arguments.rows },
        (None, None) => Seed::Nothing,
    };
    let config = Config {
        seed,
        random_seed: arguments.seed,
        profile: arguments.profile,
        listen: arguments.listen,
        control: arguments.control,
        state: arguments.state,
        ready_file: arguments.ready_file,
    };
    let ended = match Emulator::start(config).await {
        Ok(running) => {
            announce(&running);
            let waited = until_told_to_end(exit_with_stdin).await;
            let stopped = running.stop().await;
            waited
                .map_err(|error| error.to_string())
                .and(stopped.map_err(|error| error.to_string()))
        }
        Err(error) => Err(error.to_string()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("graph-emulator: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn announce(running: &Running) {
    let ready = running.ready();
    println!("listening on {}, control on {}", ready.listen, ready.control);
    let left_out = running.left_out();
    if let Some(first) = left_out.first() {
        eprintln!(
            "graph-emulator: {} names cannot exist in OneDrive and are left out, such as {}",
            left_out.len(),
            first.display()
        );
    }
}

/// Waits for SIGTERM, Ctrl-C or, if asked to, the end of standard input.
async fn until_told_to_end(exit_with_stdin: bool) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let stdin = stdin_closed();
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = stdin, if exit_with_stdin => Ok(()),
    }
}

/// Resolves when standard input is closed. Reads only once it is awaited.
async fn stdin_closed() {
    let (closed, wait) = tokio::sync::oneshot::channel();
    // A thread, since a read of standard input cannot be cancelled.
    std::thread::spawn(move || {
        let mut ignored = [0; 1_024];
        while matches!(std::io::stdin().read(&mut ignored), Ok(read) if read > 0) {}
        // Nobody listens any more if the program is ending for another reason.
        let _ = closed.send(());
    });
    let _ = wait.await;
}
