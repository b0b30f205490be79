//! Answers that a test orders in advance, given instead of the real ones.

use std::sync::{Mutex, PoisonError};

use http::{HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use crate::body::{Body, Reply};
use crate::clock;
use crate::guid::Guid;
use crate::hosts::Service;

/// More rules than this are a mistake.
const MAX_FAULTS: usize = 1_000;

/// One rule: the next `times` requests to `host` whose path starts with `path_prefix` are answered
/// with `status`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    host: String,
    path_prefix: String,
    status: u16,
    /// The value of `Retry-After`, sent as it is; absent if none is to be sent.
    #[serde(default)]
    retry_after: Option<String>,
    times: u32,
}

/// A rule that cannot be kept, in words for the person who wrote it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultRefused {
    #[error("status must be a number from 400 to 599")]
    Status,
    #[error("retry_after must be a valid header value")]
    RetryAfter,
    #[error("there are already {MAX_FAULTS} faults: DELETE /faults first")]
    TooMany,
}

/// The rules in force, oldest first.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub(crate) fn add(&self, fault: Fault) -> Result<(), FaultRefused> {
        if !(400..=599).contains(&fault.status) {
            return Err(FaultRefused::Status);
        }
        if fault.retry_after.as_deref().is_some_and(|value| HeaderValue::from_str(value).is_err()) {
            return Err(FaultRefused::RetryAfter);
        }
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() == MAX_FAULTS {
            return Err(FaultRefused::TooMany);
        }
        faults.push(fault);
        Ok(())
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The first rule that fits, used up once more.
    pub(crate) fn take(&self, host: &str, path: &str) -> Option<Fault> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |fault: &Fault| {
            fault.times > 0 && fault.host == host && path.starts_with(&fault.path_prefix)
        };
        let fault = faults.iter_mut().find(|fault| fits(fault))?;
        fault.times -= 1;
        let taken = fault.clone();
        faults.retain(|fault| fault.times > 0);
        Some(taken)
    }
}

impl Fault {
    /// The answer, with the body that the service gives with such a status.
    pub(crate) fn reply(&self, service: Service, now_ms: i64) -> Reply {
        let body = match service {
            Service::Graph => graph_body(self.status, now_ms),
            Service::Login => json!({
                "error": "temporarily_unavailable",
                "error_description": "The service is temporarily unavailable.",
            })
            .to_string(),
            Service::Download => String::new(),
        };
        let mut reply = Response::new(Body::from(body));
        *reply.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = match service {
            Service::Download => HeaderValue::from_static("text/plain; charset=utf-8"),
            _ => HeaderValue::from_static("application/json; charset=utf-8"),
        };
        reply.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(value) = self.retry_after.as_deref().and_then(|v| HeaderValue::from_str(v).ok())
        {
            reply.headers_mut().insert(header::RETRY_AFTER, value);
        }
        reply
    }
}

fn graph_body(status: u16, now_ms: i64) -> String {
    let (code, message) = match status {
        429 => ("activityLimitReached", "The request has been throttled"),
        503 => ("serviceNotAvailable", "The service is not available. Try the request again."),
        _ => ("generalException", "General exception while processing"),
    };
    let id = Guid::random().to_string();
    let mut inner = json!({
        "date": clock::iso_without_zone(now_ms), "request-id": id, "client-request-id": id,
    });
    if status == 429 {
        inner["code"] = json!("throttledRequest");
        inner["innerError"] = json!({ "code": "quota" });
    }
    json!({ "error": { "code": code, "message": message, "innerError": inner } }).to_string()
}
