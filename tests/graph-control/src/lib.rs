//! A client of the control API of `graph-emulator`: move its clock, script what
//! goes wrong, change drives, and ask what it was asked.
//!
//! [`Control`] is one emulator; its methods are grouped in files as the API is:
//! `time`, `journal`, `faults`, `drives`, `people`. The types are the client's
//! own, so that whoever uses it does not build the emulator too; that the two
//! agree is what `tests/control.rs` tests. Calls block, since tests and scripts
//! are what they are for.
//!
//! ```no_run
//! use graph_emulator_control::{Control, Fault, Step};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), graph_emulator_control::ControlError> {
//! let emulator = Control::of_ready_file("/tmp/ready.json")?;
//! emulator.add_fault(&Fault::status(429).retry_after("300").on_path("/v1.0/*").times(2))?;
//! emulator.edit("primary", &[Step::write("reports/q3.csv", "a,b\n1,2\n")])?;
//! emulator.advance(Duration::from_secs(3_600))?;
//! for request in emulator.journal()? {
//!     println!("{} {}{} {}", request.method, request.host, request.path, request.status);
//! }
//! # Ok(())
//! # }
//! ```

mod drives;
mod faults;
mod http;
mod journal;
mod people;
mod time;

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use drives::{EditedItem, Marks, Step};
pub use faults::{Body, Fault};
pub use journal::{Counters, Request};
pub use people::{Directory, Tokens, UserChanges};

/// Why a call failed, by what the caller can do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nobody answers there: is the emulator running?
    #[error("the emulator at {address} does not answer: {source}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The emulator refused; the sentence is its own.
    #[error("the emulator refused ({status}): {sentence}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Why.
        sentence: String,
    },
    /// The answer, or a ready file, is not what this client expects.
    #[error("{what} is not what this client expects: {source}")]
    Unexpected {
        /// What was read.
        what: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// The result of every call.
pub type Result<T, E = ControlError> = std::result::Result<T, E>;

/// The control API of one emulator.
#[derive(Debug, Clone)]
pub struct Control {
    address: String,
}

impl Control {
    /// The emulator whose control API listens at `address`, such as `127.0.0.1:8444`.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }

    /// The emulator that wrote a ready file.
    ///
    /// # Errors
    /// [`ControlError::Unreachable`] if the file cannot be read,
    /// [`ControlError::Unexpected`] if it is no ready file.
    pub fn of_ready_file(path: impl AsRef<Path>) -> Result<Self> {
        #[derive(serde::Deserialize)]
        struct Ready {
            control: String,
        }
        let shown = path.as_ref().display().to_string();
        let text = std::fs::read(&path)
            .map_err(|source| ControlError::Unreachable { address: shown.clone(), source })?;
        let ready: Ready = serde_json::from_slice(&text)
            .map_err(|source| ControlError::Unexpected { what: shown, source })?;
        Ok(Self::new(ready.control))
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks anything that has no method here.
    ///
    /// # Errors
    /// As every call: see [`ControlError`].
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.call(method, path, Some(body))
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call("GET", path, None::<&()>)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        self.call("POST", path, Some(body))
    }

    fn delete(&self, path: &str) -> Result<()> {
        self.call("DELETE", path, None::<&()>).map(|_: Value| ())
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T> {
        let unexpected = |source| ControlError::Unexpected { what: path.to_owned(), source };
        let body = body.map(serde_json::to_vec).transpose().map_err(unexpected)?;
        let answer =
            http::exchange(&self.address, method, path, &body.unwrap_or_default()).map_err(
                |source| ControlError::Unreachable { address: self.address.clone(), source },
            )?;
        if answer.status != 200 {
            #[derive(serde::Deserialize)]
            struct Refusal {
                error: String,
            }
            let refusal = serde_json::from_slice::<Refusal>(&answer.body);
            let sentence = refusal.map_or_else(|_| "without a reason".to_owned(), |r| r.error);
            return Err(ControlError::Refused { status: answer.status, sentence });
        }
        serde_json::from_slice(&answer.body).map_err(unexpected)
    }
}
