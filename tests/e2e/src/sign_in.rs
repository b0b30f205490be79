//! A host that waits for somebody to sign in, and the browser of whoever does.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::{Answer, Stage};

/// A host that has shown where to sign in, and waits.
pub struct SigningIn {
    child: Child,
    out: BufReader<ChildStdout>,
    row: Value,
}

impl Stage {
    /// Runs statements whose first answer is where to sign in.
    #[must_use]
    pub fn begins_sign_in(&self, statements: &str) -> SigningIn {
        let mut command = self.host(statements);
        command.args(["--callback-port", "0"]);
        SigningIn::start(command)
    }

    /// Runs `datasource-host authorize`.
    #[must_use]
    pub fn authorizes(&self, database: &str, arguments: &[&str]) -> SigningIn {
        let mut command = self.command(&["authorize", database, "--format", "json"]);
        command.args(["--callback-port", "0"]).args(arguments);
        SigningIn::start(command)
    }
}

impl SigningIn {
    fn start(command: Command) -> Self {
        match Self::try_start(command) {
            Ok(sign_in) => sign_in,
            Err(answer) => panic!("no row: {}{}", answer.out, answer.err),
        }
    }

    /// Runs a command that shows where to sign in, or fails.
    ///
    /// # Errors
    /// What it gave instead.
    pub fn try_start(mut command: Command) -> Result<Self, Answer> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        match serde_json::from_str(&line) {
            Ok(row) => Ok(Self { child, out, row }),
            Err(_) => {
                let answer = Answer::of(&child.wait_with_output().unwrap());
                Err(Answer { out: line, ..answer })
            }
        }
    }

    /// A value of the row that says where to sign in.
    #[must_use]
    pub fn shown(&self, column: &str) -> String {
        self.row[column].as_str().unwrap_or_default().to_owned()
    }

    /// The link.
    #[must_use]
    pub fn url(&self) -> String {
        self.shown("authorize_url")
    }

    /// The host, once it has ended.
    #[must_use]
    pub fn ends(mut self) -> Answer {
        let mut out = self.row.to_string();
        self.out.read_to_string(&mut out).unwrap();
        let mut answer = Answer::of(&self.child.wait_with_output().unwrap());
        answer.out = out;
        answer
    }

    /// Ends the host before anybody has signed in.
    pub fn killed(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// GETs a page of this machine; its status and its text.
#[must_use]
pub fn visit(url: &str) -> (u16, String) {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let port = authority.rsplit(':').next().unwrap();
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}
