//! The emulator as seen from outside: its ready file and its control port.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::errors::CliError;

/// What the emulator says of itself once it accepts connections. It holds the tokens of an invented
/// account.
#[derive(Clone, Deserialize)]
pub(crate) struct ReadyFile {
    /// Where its TLS listener is.
    pub(crate) listen: SocketAddr,
    /// Where its control port is.
    pub(crate) control: SocketAddr,
    /// The host names and patterns that it answers for.
    pub(crate) hosts: Vec<String>,
    /// The file of its certificate authority, PEM.
    pub(crate) ca: PathBuf,
    /// The account's directory.
    pub(crate) tenant_id: String,
    /// The registered application.
    pub(crate) client_id: String,
    /// The application's secret.
    pub(crate) client_secret: String,
    /// The account.
    pub(crate) account_id: String,
    /// Tokens of the account.
    #[serde(flatten)]
    pub(crate) tokens: Tokens,
}

/// Tokens of the emulator's account.
#[derive(Clone, Deserialize)]
pub(crate) struct Tokens {
    /// For Graph.
    pub(crate) access_token: String,
    /// For new tokens.
    pub(crate) refresh_token: String,
    /// When the access token expires, in seconds since 1970.
    pub(crate) expires_at: i64,
}

impl fmt::Debug for ReadyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyFile")
            .field("listen", &self.listen)
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

impl ReadyFile {
    /// Reads a ready file. Whether the emulator still runs is for [`Control::clock`] to find out.
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let text = std::fs::read(path).map_err(|error| {
            CliError::failed(format!(
                "The emulator's ready file {} cannot be read: {error}.",
                path.display()
            ))
            .hint("Start the emulator with --ready-file, and wait until it has written the file.")
        })?;
        serde_json::from_slice(&text).map_err(|error| {
            // The error's own text may hold a value of the file.
            CliError::failed(format!(
                "{} is no ready file of the emulator: line {}, column {} is not as expected.",
                path.display(),
                error.line(),
                error.column()
            ))
            .hint("Give the file that the emulator was told to write with --ready-file.")
        })
    }
}

/// A request that the emulator was asked.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JournalEntry {
    /// The host name it was sent to.
    pub(crate) host: String,
    /// The bytes of the response's body.
    pub(crate) response_bytes: u64,
}

/// The emulator's control port.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control {
    address: SocketAddr,
}

#[derive(Deserialize)]
struct ClockAnswer {
    now_ms: u64,
}

#[derive(Deserialize)]
struct JournalAnswer {
    requests: Vec<JournalEntry>,
}

impl Control {
    /// Answers are at most this long.
    const MAX_ANSWER: usize = 64 << 20;
    /// A loopback server that takes longer than this is gone.
    const TIMEOUT: Duration = Duration::from_secs(10);

    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The emulator's time, in milliseconds since 1970.
    pub(crate) async fn clock(self) -> Result<u64, CliError> {
        Ok(self.ask::<ClockAnswer>(Method::GET, "/clock", None).await?.now_ms)
    }

    /// Moves the emulator's clock forward to a time, unless it is past it.
    pub(crate) async fn at_least(self, now_ms: u64) -> Result<(), CliError> {
        let body = json!({ "at_least_ms": now_ms });
        self.ask::<ClockAnswer>(Method::POST, "/clock", Some(body)).await.map(drop)
    }

    /// What the emulator was asked since the journal was cleared.
    pub(crate) async fn journal(self) -> Result<Vec<JournalEntry>, CliError> {
        Ok(self.ask::<JournalAnswer>(Method::GET, "/journal", None).await?.requests)
    }

    /// Empties the journal.
    pub(crate) async fn clear_journal(self) -> Result<(), CliError> {
        self.send(Method::DELETE, "/journal", None).await.map(drop)
    }

    /// Refuses all tokens issued so far, from now on.
    pub(crate) async fn revoke_tokens(self) -> Result<(), CliError> {
        self.send(Method::POST, "/tokens/revoke", None).await.map(drop)
    }

    /// Fresh tokens for the account.
    pub(crate) async fn issue_tokens(self) -> Result<Tokens, CliError> {
        self.ask(Method::POST, "/tokens", None).await
    }

    async fn ask<T: DeserializeOwned>(
        self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, CliError> {
        let answer = self.send(method, path, body).await?;
        serde_json::from_slice(&answer)
            .map_err(|_| self.failed(format!("gave an answer to {path} that is not as expected")))
    }

    async fn send(
        self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Bytes, CliError> {
        let exchange = self.exchange(method, path, body);
        match tokio::time::timeout(Self::TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(self.failed(format!("did not answer {path} in time"))),
        }
    }

    async fn exchange(
        self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Bytes, CliError> {
        let gone = |error: &dyn fmt::Display| self.failed(format!("cannot be reached: {error}"));
        let stream = TcpStream::connect(self.address).await.map_err(|error| gone(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| gone(&error))?;
        // The connection ends with its one request.
        let connection = tokio::spawn(connection);
        let body = body.map(|value| value.to_string()).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| gone(&error))?;
        let response = sender.send_request(request).await.map_err(|error| gone(&error))?;
        let status = response.status();
        let answer = Limited::new(response.into_body(), Self::MAX_ANSWER).collect().await;
        connection.abort();
        match (status, answer) {
            (StatusCode::OK | StatusCode::NO_CONTENT, Ok(answer)) => Ok(answer.to_bytes()),
            (StatusCode::OK | StatusCode::NO_CONTENT, Err(error)) => Err(gone(&error)),
            (status, _) => Err(self.failed(format!("answered {path} with status {status}"))),
        }
    }

    fn failed(self, what: String) -> CliError {
        CliError::failed(format!("The emulator's control port {} {what}.", self.address))
            .hint("Start the emulator again: its ready file is older than its last run.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const READY: &str = r#"{"listen":"127.0.0.1:1","control":"127.0.0.1:2","hosts":["a.example"],
        "ca":"/ca.pem","tenant_id":"t","client_id":"c","client_secret":"s","account_id":"a",
        "drive_id":"d","access_token":"x","refresh_token":"y","expires_at":5}"#;

    fn read(text: &str) -> Result<ReadyFile, CliError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        ReadyFile::read(file.path())
    }

    #[test]
    fn a_ready_file_is_read() {
        let ready = read(READY).unwrap();
        assert_eq!(ready.control.port(), 2);
        assert_eq!(ready.tokens.expires_at, 5);
    }

    #[test]
    fn a_malformed_ready_file_is_told_without_its_values() {
        let error = read(&READY.replace("5}", "\"sesame\"}")).unwrap_err().to_string();
        assert!(error.contains("is no ready file of the emulator"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }

    #[test]
    fn a_missing_ready_file_says_how_to_get_one() {
        let error = ReadyFile::read(Path::new("/nowhere/ready.json")).unwrap_err();
        assert!(matches!(error, CliError::Failed { hint: Some(_), .. }));
    }

    #[tokio::test]
    async fn a_stopped_emulator_is_told() {
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = Control::new(address).clock().await.unwrap_err();
        assert!(error.to_string().contains("cannot be reached"), "{error}");
    }

    #[tokio::test]
    async fn the_clock_is_asked_over_http() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\n{\"now_ms\":42}";
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        assert_eq!(Control::new(address).clock().await.unwrap(), 42);
        assert!(served.await.unwrap().starts_with("GET /clock HTTP/1.1\r\n"));
    }
}
