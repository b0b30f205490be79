//! The form of every answer of Graph: headers, the error envelope, bodies. (1.6, 6.1)

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::errors::GraphError;
use crate::body::{Body, Reply};
use crate::clock;
use crate::guid::Guid;
use crate::profile::Profile;
use crate::world::World;

const DIAGNOSTIC: &str = "{\"ServerInfo\":{\"DataCenter\":\"West Europe\",\"Slice\":\"E\",\
    \"Ring\":\"5\",\"ScaleUnit\":\"001\",\"RoleInstance\":\"EMULATOR00000001\"}}";
const CHALLENGE: &str = "Bearer realm=\"\", \
    authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", \
    client_id=\"00000003-0000-0000-c000-000000000000\"";
/// Longer values of `client-request-id` are not echoed.
const MAX_ECHO: usize = 200;

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// An object literal; anything else is empty.
pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// What a resource answers when all is well.
pub(super) enum Answer {
    /// 200 with a JSON object, and the tag it has.
    Found { body: Object, e_tag: Option<String> },
    /// 302 without a body.
    Elsewhere { url: String },
    /// 304 without a body.
    NotModified { e_tag: String },
}

/// One request and its answer: what both have in common.
pub(super) struct Exchange {
    pub(super) now_ms: i64,
    profile: Profile,
    request_id: String,
    client_request_id: String,
    /// Whether the client wants `@odata.context` and the like.
    metadata: bool,
}

impl Exchange {
    pub(super) fn new(world: &World, headers: &HeaderMap) -> Self {
        let request_id = Guid::random().to_string();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let sent = text("client-request-id").filter(|id| !id.is_empty() && id.len() <= MAX_ECHO);
        let accept = text("accept").unwrap_or_default().to_ascii_lowercase();
        Self {
            now_ms: world.clock.now_ms(),
            profile: world.profile,
            client_request_id: sent.unwrap_or(&request_id).to_owned(),
            request_id,
            metadata: !accept.contains("odata.metadata=none"),
        }
    }

    pub(super) fn answer(&self, answer: Answer) -> Reply {
        match answer {
            Answer::Found { body, e_tag } => {
                let mut reply = self.json(StatusCode::OK, body);
                if let Some(tag) = e_tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
                    reply.headers_mut().insert(header::ETAG, tag);
                }
                reply
            }
            Answer::Elsewhere { url } => {
                let mut reply = self.reply(StatusCode::FOUND, Body::empty());
                if let Ok(url) = HeaderValue::from_str(&url) {
                    reply.headers_mut().insert(header::LOCATION, url);
                }
                reply
            }
            Answer::NotModified { e_tag } => {
                let mut reply = self.reply(StatusCode::NOT_MODIFIED, Body::empty());
                if let Ok(tag) = HeaderValue::from_str(&e_tag) {
                    reply.headers_mut().insert(header::ETAG, tag);
                }
                reply
            }
        }
    }

    pub(super) fn error(&self, error: GraphError) -> Reply {
        let body = object(json!({
            "error": {
                "code": error.code,
                "message": error.message,
                "innerError": {
                    "date": clock::iso_without_zone(self.now_ms),
                    "request-id": self.request_id,
                    "client-request-id": self.client_request_id,
                },
            },
        }));
        let mut reply = self.json(error.status, body);
        let headers = reply.headers_mut();
        match error.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        reply
    }

    fn json(&self, status: StatusCode, mut body: Object) -> Reply {
        let level = if self.metadata { "minimal" } else { "none" };
        if !self.metadata {
            body.retain(|name, _| {
                !name.starts_with("@odata.") || name == "@odata.nextLink" || name == "@odata.count"
            });
        }
        let mut reply = self.reply(status, Body::from(Value::Object(body).to_string()));
        let kind = format!(
            "application/json;odata.metadata={level};odata.streaming=true;\
             IEEE754Compatible=false;charset=utf-8"
        );
        let headers = reply.headers_mut();
        if let Ok(kind) = HeaderValue::from_str(&kind) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        headers.insert("odata-version", HeaderValue::from_static("4.0"));
        reply
    }

    fn reply(&self, status: StatusCode, body: Body) -> Reply {
        let mut reply = Response::new(body);
        *reply.status_mut() = status;
        let caching = match self.profile {
            Profile::Business => "no-store",
            Profile::Personal => "private",
        };
        let headers = reply.headers_mut();
        for (name, value) in [
            ("request-id", self.request_id.as_str()),
            ("client-request-id", &self.client_request_id),
            ("x-ms-ags-diagnostic", DIAGNOSTIC),
            ("cache-control", caching),
            ("strict-transport-security", "max-age=31536000"),
            ("vary", "Accept-Encoding"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        reply
    }
}
