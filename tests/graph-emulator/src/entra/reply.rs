//! The form of every JSON answer of the login hosts. (7.3)

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::errors::Trace;
use crate::body::{Body, Reply};

const HEADERS: [(HeaderName, &str); 9] = [
    (header::CACHE_CONTROL, "no-store, no-cache"),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "-1"),
    (header::CONTENT_TYPE, "application/json; charset=utf-8"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("p3p"), "CP=\"DSP CUR OTPi IND OTRi ONL FIN\""),
    (HeaderName::from_static("x-ms-ests-server"), "2.1.0 - EMULATOR ProdSlices"),
    (HeaderName::from_static("x-ms-clitelem"), "1,0,0,,"),
];

/// `body` with the headers of the login hosts.
pub(super) fn json(status: StatusCode, body: &Value, trace: &Trace) -> Reply {
    let mut reply = Response::new(Body::from(body.to_string()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&trace.trace_id.to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    let cookie = "fpc=emulator; path=/; secure; HttpOnly; SameSite=None";
    headers.append(header::SET_COOKIE, HeaderValue::from_static(cookie));
    reply
}
