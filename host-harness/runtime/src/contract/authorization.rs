//! Signing in, and what is found when a connection is looked at.

use std::time::{Duration, SystemTime};

use super::fault::Actor;
use crate::error::RuntimeError;

/// How a person signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInMethod {
    /// In a browser, which comes back to this redirect URI.
    Code {
        /// The redirect URI that the host serves.
        redirect_uri: String,
    },
    /// By a code that is typed on another device.
    Device,
    /// An administrator consents for a whole directory, and comes back to this redirect URI.
    AdminConsent {
        /// The redirect URI that the host serves.
        redirect_uri: String,
    },
}

/// A sign-in under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSignIn {
    /// Names it to the connector.
    pub id: String,
    /// Where the person has to go: an https URL.
    pub url: String,
    /// What the person has to type there.
    pub user_code: Option<String>,
    /// Until when.
    pub expires_at: SystemTime,
    /// How often it may be asked whether the person is done.
    pub poll_interval: Option<Duration>,
    /// One sentence for the person.
    pub message: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInAnswer {
    /// The query parameters of the redirect.
    Redirect(Vec<(String, String)>),
    /// Nothing; ask the service.
    Poll,
}

/// Where a sign-in stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInOutcome {
    /// The person is not done.
    Pending(PendingSignIn),
    /// The connection can be used.
    Done,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingState {
    /// Well.
    Ok,
    /// It works, but not for long or not well.
    Warning,
    /// It does not work.
    Failed,
    /// It was not looked at, because something before it failed.
    Skipped,
}

impl FindingState {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Finding {
    /// What kept a connection from being looked at.
    pub fn of_error(error: &RuntimeError) -> Self {
        Self {
            check: "connector".to_owned(),
            state: FindingState::Failed,
            evidence: error.to_string(),
            actor: Some(error.actor()),
            hint: error.hint(),
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub check: String,
    /// How it went.
    pub state: FindingState,
    /// What was seen; never a secret.
    pub evidence: String,
    /// Who can mend it.
    pub actor: Option<Actor>,
    /// How.
    pub hint: Option<String>,
}
