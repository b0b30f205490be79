//! The form of every answer of the login hosts: JSON, pages, redirects. (7.2, 7.3)

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::Value;

use super::errors::Trace;
use crate::body::{Body, Reply};

const HEADERS: [(HeaderName, &str); 9] = [
    (header::CACHE_CONTROL, "no-store, no-cache"),
    (header::PRAGMA, "no-cache"),
    (header::EXPIRES, "-1"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (HeaderName::from_static("p3p"), "CP=\"DSP CUR OTPi IND OTRi ONL FIN\""),
    (HeaderName::from_static("x-ms-ests-server"), "2.1.0 - EMULATOR ProdSlices"),
    (HeaderName::from_static("x-ms-clitelem"), "1,0,0,,"),
    (HeaderName::from_static("x-xss-protection"), "0"),
];
/// How the cookies go on that every answer sets; nothing depends on them. (7.3)
const COOKIE: &str = "path=/; secure; HttpOnly; SameSite=None";

/// `body` with the headers of the login hosts.
pub(super) fn json(status: StatusCode, body: &Value, trace: &Trace) -> Reply {
    answer(status, body.to_string(), "application/json; charset=utf-8", trace)
}

/// A page for a person.
pub(super) fn html(status: StatusCode, page: String, trace: &Trace) -> Reply {
    let mut reply = answer(status, page, "text/html; charset=utf-8", trace);
    // Nobody may put a sign-in page into a frame.
    reply.headers_mut().insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    reply
}

/// Sends the browser on. `None` if the address cannot stand in a header.
pub(super) fn redirect(location: &str, trace: &Trace) -> Option<Reply> {
    let location = HeaderValue::from_str(location).ok()?;
    let mut reply = answer(StatusCode::FOUND, String::new(), "text/html; charset=utf-8", trace);
    reply.headers_mut().insert(header::LOCATION, location);
    Some(reply)
}

/// Tells the number of a refusal in the header from which MSAL counts failures.
pub(super) fn telemetry(reply: &mut Reply, code: u32) {
    if let Ok(value) = HeaderValue::from_str(&format!("1,{code},0,,")) {
        reply.headers_mut().insert("x-ms-clitelem", value);
    }
}

/// Lets a page of another origin read the answer, as single-page applications need. (7.3)
pub(super) fn allow_origin(reply: &mut Reply) {
    let headers = reply.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let methods = HeaderValue::from_static("POST, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
}

fn answer(status: StatusCode, body: String, kind: &'static str, trace: &Trace) -> Reply {
    let mut reply = Response::new(Body::from(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(&trace.trace_id.to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    let host = trace.instance.login_host();
    for cookie in
        [format!("fpc=emulator; {COOKIE}"), format!("esctx=emulator; domain=.{host}; {COOKIE}")]
    {
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    reply
}
