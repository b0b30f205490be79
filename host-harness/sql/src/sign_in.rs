//! Databases that wait for somebody to sign in: the row that says where.

use std::fmt;
use std::sync::Arc;

use datasource_runtime::{
    ConnectionInfo, ConnectionState, Database, PendingSignIn, SignInMethod, SignIns,
};

use crate::answer::Answer;
use crate::error::SqlError;
use crate::listing;

/// Where the answer of a sign-in comes back to.
pub trait Callback: Send + Sync {
    /// The redirect URI. Whoever serves it listens from now on, and hands what comes to the
    /// sign-ins. An error is a sentence without its full stop, and a hint.
    fn listen(&self, sign_ins: &SignIns) -> Result<String, (String, String)>;
}

/// The sign-ins of a session, and where their answers come back to.
#[derive(Clone)]
pub struct SignInDesk {
    /// Those that are under way.
    pub sign_ins: SignIns,
    callback: Arc<dyn Callback>,
}

impl SignInDesk {
    /// A desk whose answers come through a callback.
    pub fn new(callback: Arc<dyn Callback>) -> Self {
        Self { sign_ins: SignIns::default(), callback }
    }

    /// Begins the sign-in that the connection waits for, or the one asked for.
    pub async fn begin(
        &self,
        database: &Database,
        way: Option<SignInWay>,
    ) -> Result<PendingSignIn, SqlError> {
        let way = match way {
            Some(way) => way,
            None => SignInWay::of(&database.info().await?),
        };
        let redirect = || {
            self.callback
                .listen(&self.sign_ins)
                .map_err(|(message, hint)| SqlError::Unsupported { message, hint: Some(hint) })
        };
        let method = match way {
            SignInWay::Browser => SignInMethod::Code { redirect_uri: redirect()? },
            SignInWay::Device => SignInMethod::Device,
            SignInWay::AdminConsent => SignInMethod::AdminConsent { redirect_uri: redirect()? },
        };
        Ok(self.sign_ins.begin(database, method).await?)
    }
}

impl fmt::Debug for SignInDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInDesk").field("sign_ins", &self.sign_ins).finish_non_exhaustive()
    }
}

/// How somebody signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInWay {
    /// In a browser on this machine.
    Browser,
    /// By a code that is typed on another device.
    Device,
    /// An administrator consents for a directory.
    AdminConsent,
}

impl SignInWay {
    /// The way that a connection's parameters ask for.
    fn of(info: &ConnectionInfo) -> Self {
        let device = ("grant_type".to_owned(), "device_code".to_owned());
        if info.properties.contains(&device) { Self::Device } else { Self::Browser }
    }
}

/// Whether a database waits for somebody to sign in.
pub(crate) async fn waits(database: &Database) -> Result<bool, SqlError> {
    Ok(database.info().await?.state == ConnectionState::PendingAuthorization)
}

/// One row: where to go, and what to do there.
pub(crate) fn answer(database: &Database, pending: &PendingSignIn) -> Result<Answer, SqlError> {
    let one = |text: Option<&str>| listing::texts([text].into_iter());
    let schema = listing::columns(vec![
        listing::text("database", false),
        listing::text("state", false),
        listing::line("authorize_url"),
        listing::text("user_code", true),
        listing::time("expires_at"),
        listing::text("message", false),
    ]);
    listing::whole(
        schema,
        vec![
            one(Some(database.name())),
            one(Some("pending-authorization")),
            one(Some(&pending.url)),
            one(pending.user_code.as_deref()),
            listing::timestamps([Some(pending.expires_at)].into_iter()),
            one(Some(&pending.message)),
        ],
    )
}
