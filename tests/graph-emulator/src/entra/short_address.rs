//! The short addresses that people type to enter a device code; each leads to the page of one
//! instance.

use http::{HeaderValue, Response, StatusCode, header};

use crate::body::{Body, Reply, plain};
use crate::cloud::Instance;

/// Sends the browser on to the page on which a code is entered.
pub(super) fn answer(path: &str) -> Reply {
    let path = path.trim_end_matches('/');
    let instance = Instance::ALL.into_iter().find(|instance| instance.device_path() == path);
    let page = instance.map(|instance| format!("{}/common/oauth2/deviceauth", instance.login()));
    let Some(page) = page.and_then(|page| HeaderValue::from_str(&page).ok()) else {
        return plain(StatusCode::NOT_FOUND, "404 - not found\n");
    };
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::FOUND;
    reply.headers_mut().insert(header::LOCATION, page);
    reply
}
