//! The emulator's control port: clock, journal, tokens, faults.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

/// One request that the emulator answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The host it was sent to.
    pub host: String,
    /// Its path.
    pub path: String,
    /// The status of the answer.
    pub status: u64,
    /// Bytes of the answer's body that were sent.
    pub bytes: u64,
    /// `none`, `bearer` or `other`.
    pub authorization: String,
}

impl Request {
    pub(crate) fn of(entry: &Value) -> Self {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let number = |key: &str| entry[key].as_u64().unwrap_or_default();
        Self {
            method: text("method"),
            host: text("host"),
            path: text("path"),
            status: number("status"),
            bytes: number("response_bytes"),
            authorization: text("authorization"),
        }
    }

    /// Whether it went to Microsoft Graph.
    #[must_use]
    pub fn is_graph(&self) -> bool {
        self.host == "graph.microsoft.com"
    }

    /// Whether it asked for a token.
    #[must_use]
    pub fn is_token(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }

    /// Whether it went to a download host.
    #[must_use]
    pub fn is_download(&self) -> bool {
        !self.is_graph() && !self.is_token()
    }
}

/// Sends one request to the control port and returns the answer's JSON.
pub(crate) fn send(address: &str, method: &str, path: &str, body: &str) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {head}\n{body}");
    let start = body.find('{').unwrap_or(0);
    let end = body.rfind('}').map_or(body.len(), |end| end + 1);
    serde_json::from_str(&body[start..end]).unwrap_or(Value::Null)
}
