//! The ready file: all that a client needs to reach the emulator and sign in.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::state::{StateError, replace};

/// How to reach the emulator and who to be there. Holds secrets, hence no `Debug`.
#[derive(Clone, Serialize)]
pub struct Ready {
    /// Where the TLS listener (and CONNECT proxy) is.
    pub listen: std::net::SocketAddr,
    /// Where the control API is.
    pub control: std::net::SocketAddr,
    /// Names and suffix patterns (`*.` stands for one or more labels) that resolve to `listen`.
    pub hosts: Vec<String>,
    /// The CA certificate to trust, as a PEM file.
    pub ca: PathBuf,
    /// The account's directory.
    pub tenant_id: String,
    /// The registered application.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// The account, as `/me` names it.
    pub account_id: String,
    /// The account's drive.
    pub drive_id: String,
    /// A fresh access token.
    pub access_token: String,
    /// A fresh refresh token.
    pub refresh_token: String,
    /// When the access token expires by the emulator's clock, in Unix seconds.
    pub expires_at: i64,
}

/// The file on disk, which only its owner can read; removed when dropped.
pub(crate) struct ReadyFile(PathBuf);

impl ReadyFile {
    pub(crate) fn write(path: &Path, ready: &Ready) -> Result<Self, StateError> {
        let json = serde_json::to_vec_pretty(ready).map_err(|error| StateError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        replace(path, &json)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        // Nobody is left to be told if it is gone already.
        let _ = std::fs::remove_file(&self.0);
    }
}
