//! The device code: what a person types on another device.

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{App, Traded, number, post, refusal};
use crate::error::{Error, ErrorKind, Result};
use crate::params::Settings;
use crate::secret::Secret;
use crate::sender::{Deadline, Sender};
use crate::url::HttpsUrl;

/// A device code under way.
pub(crate) struct DeviceCode {
    pub(crate) device_code: Secret,
    pub(crate) user_code: String,
    pub(crate) verification_uri: String,
    pub(crate) lifetime_ms: i64,
    pub(crate) interval_ms: u32,
}

#[derive(Deserialize)]
struct Answer {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    interval: Value,
}

/// Asks for a device code.
pub(crate) async fn device_code(
    sender: &Sender,
    app: &App,
    settings: &Settings,
    deadline: Deadline,
) -> Result<DeviceCode> {
    // The secret is only shown where the code is traded for tokens.
    let form = vec![("client_id", app.id()?.to_owned()), ("scope", settings.asked_scopes())];
    let (status, body) = post(sender, app, "devicecode", form, deadline).await?;
    let host = app.cloud.login_host;
    if status != StatusCode::OK {
        return Err(app.blame(refusal::refused(&body, host, Traded::SignIn)));
    }
    let answer: Option<Answer> = serde_json::from_slice(&body).ok();
    let plain = |text: &str| text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
    let answer = answer
        .filter(|a| plain(&a.user_code) && HttpsUrl::parse(&a.verification_uri).is_ok())
        .ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, format!("{host} gave no usable device code."))
                .hint("Try again.")
        })?;
    Ok(DeviceCode {
        device_code: answer.device_code,
        user_code: answer.user_code,
        verification_uri: answer.verification_uri,
        lifetime_ms: number(&answer.expires_in).unwrap_or(900).clamp(1, 3600) * 1000,
        interval_ms: u32::try_from(number(&answer.interval).unwrap_or(5).clamp(1, 60))
            .unwrap_or(5)
            .saturating_mul(1000),
    })
}
