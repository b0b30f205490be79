//! What was asked of the emulator.

use serde::Deserialize;

use crate::{Control, Result};

/// One request that the emulator answered. Credentials are masked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Request {
    /// Counts the requests in the order of arrival.
    pub seq: u64,
    /// When it arrived, by the emulator's clock.
    pub at_ms: i64,
    /// The HTTP method.
    pub method: String,
    /// The host it was sent to.
    pub host: String,
    /// Its path, percent-encoded.
    pub path: String,
    /// Its query, with secrets masked.
    pub query: Option<String>,
    /// The status of the answer; 0 if the connection was dropped.
    pub status: u16,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body that were sent.
    pub response_bytes: u64,
    /// `none`, `bearer` or `other`.
    pub authorization: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// What the request cost.
    pub resource_units: u8,
    /// Whose token it was: an address, or `app`.
    #[serde(default)]
    pub who: Option<String>,
    /// Which application's token it was.
    #[serde(default)]
    pub application: Option<String>,
    /// The fault that struck.
    #[serde(default)]
    pub fault: Option<u64>,
}

impl Request {
    /// Whether it went to Microsoft Graph.
    pub fn is_graph(&self) -> bool {
        self.host == "graph.microsoft.com"
    }

    /// Whether it asked for a token.
    pub fn is_token(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }

    /// Whether it went to a download host.
    pub fn is_download(&self) -> bool {
        !self.is_graph() && !self.path.contains("/oauth2/")
    }
}

/// Totals since the journal was emptied; entries that were dropped count too.
pub type Counters = serde_json::Map<String, serde_json::Value>;

#[derive(Deserialize)]
struct Journal {
    requests: Vec<Request>,
}

impl Control {
    /// The requests in the journal, in the order of arrival.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn journal(&self) -> Result<Vec<Request>> {
        self.get::<Journal>("/journal").map(|journal| journal.requests)
    }

    /// Empties the journal and the counters.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn forget_journal(&self) -> Result<()> {
        self.delete("/journal")
    }

    /// Totals.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn counters(&self) -> Result<Counters> {
        self.get("/counters")
    }
}
