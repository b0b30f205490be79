//! People, applications and their tokens.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::segment;
use crate::{Control, Result};

/// Fresh tokens. `Debug` does not show them.
#[derive(Clone, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: Option<String>,
    /// When the access token expires by the emulator's clock, in Unix seconds.
    pub expires_at: i64,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What changes about a person; the default is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct UserChanges {
    /// AADSTS numbers with which token requests are refused; an empty list takes them away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusals: Option<Vec<u32>>,
    /// Whether the person presses cancel when asked for consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declines: Option<bool>,
}

/// A directory, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Directory {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its cloud: `global`, `usgov-l4`, `usgov-l5` or `china`.
    pub cloud: String,
    /// Its verified domains.
    pub domains: Vec<String>,
}

#[derive(Deserialize)]
struct Population {
    directories: Vec<Directory>,
}

#[derive(Deserialize)]
struct Sent {
    location: String,
}

impl Control {
    /// All directories, of all clouds.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn directories(&self) -> Result<Vec<Directory>> {
        self.get::<Population>("/population").map(|population| population.directories)
    }

    /// Opens the URL of an authorize or adminconsent endpoint as a person's browser does; the person
    /// signs in and accepts. Returns where the browser is sent: the redirect address with its code,
    /// or with the error.
    ///
    /// # Errors
    /// See [`crate::ControlError`]; refused if the person is shown a page instead.
    pub fn sign_in(&self, url: &str, email: &str) -> Result<String> {
        let who = json!({ "url": url, "email": email });
        self.post::<Sent>("/authorize", &who).map(|sent| sent.location)
    }

    /// Enters the code that a device shows, as a person who signs in and accepts.
    ///
    /// # Errors
    /// See [`crate::ControlError`]; refused if no device waits with this code.
    pub fn approve_device(&self, user_code: &str, email: &str) -> Result<()> {
        let path = format!("/device-codes/{}", segment(user_code));
        self.post(&path, &json!({ "user": email })).map(|_: Value| ())
    }

    /// Enters the code that a device shows, and presses cancel.
    ///
    /// # Errors
    /// See [`crate::ControlError`]; refused if no device waits with this code.
    pub fn decline_device(&self, user_code: &str) -> Result<()> {
        let path = format!("/device-codes/{}", segment(user_code));
        self.post(&path, &json!({ "decline": true })).map(|_: Value| ())
    }

    /// Lets a person consent to permissions of the ready file's application, beside those consented
    /// to before.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn consent(&self, email: &str, scopes: &[&str]) -> Result<()> {
        self.post("/consents", &json!({ "user": email, "scopes": scopes })).map(|_: Value| ())
    }

    /// Fresh tokens of somebody, or of the account of the ready file, with all that was consented,
    /// for the Graph of the person's cloud.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn tokens(&self, user: Option<&str>) -> Result<Tokens> {
        let wanted = user.map_or_else(|| json!({}), |user| json!({ "user": user }));
        self.post("/tokens", &wanted)
    }

    /// Refuses every token issued so far.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn revoke_tokens(&self) -> Result<()> {
        self.post("/tokens/revoke", &json!({})).map(|_: Value| ())
    }

    /// Makes every access token issued so far an expired one.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn expire_access_tokens(&self) -> Result<()> {
        self.post("/tokens/expire-access", &json!({})).map(|_: Value| ())
    }

    /// Changes a person, named by address or identifier.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn change_user(&self, name: &str, changes: &UserChanges) -> Result<()> {
        self.post(&format!("/users/{}", segment(name)), changes).map(|_: Value| ())
    }

    /// Lets the secrets of the ready file's application expire at a time.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn expire_client_secret(&self, at_ms: i64) -> Result<()> {
        let changes = json!({ "secret_expires_ms": at_ms });
        self.post("/applications/primary", &changes).map(|_: Value| ())
    }
}
