//! The form of every answer of Graph: headers, the error envelope, bodies. (1.6, 6.1)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::errors::GraphError;
use crate::body::{Body, Reply};
use crate::clock;
use crate::cloud::Cloud;
use crate::world::World;

const DIAGNOSTIC: &str = "{\"ServerInfo\":{\"DataCenter\":\"West Europe\",\"Slice\":\"E\",\
    \"Ring\":\"5\",\"ScaleUnit\":\"001\",\"RoleInstance\":\"EMULATOR00000001\"}}";
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
    /// JSON, and the tag of what it describes.
    Json { status: StatusCode, body: Vec<u8>, e_tag: Option<String> },
    /// 302 without a body.
    Elsewhere { url: Option<String> },
    /// 304 without a body.
    NotModified { e_tag: String },
    /// 204.
    Done,
    /// The bytes themselves.
    Bytes(Reply),
}

impl Answer {
    pub(super) fn found(body: &impl serde::Serialize) -> Self {
        Self::with_tag(StatusCode::OK, body, None)
    }

    pub(super) fn with_tag(
        status: StatusCode,
        body: &impl serde::Serialize,
        e_tag: Option<String>,
    ) -> Self {
        // Maps with texts as keys are always JSON.
        Self::Json { status, body: serde_json::to_vec(body).unwrap_or_default(), e_tag }
    }
}

/// One request and its answer: what both have in common.
pub(super) struct Exchange {
    /// Where a challenge sends the client.
    cloud: Cloud,
    pub(super) now_ms: i64,
    request_id: String,
    client_request_id: String,
    /// Whether the client wants `@odata.context` and the like.
    pub(super) metadata: bool,
    lower_case_inner_error: bool,
    caching: &'static str,
}

impl Exchange {
    pub(super) fn new(world: &World, cloud: Cloud, headers: &HeaderMap) -> Self {
        let request_id = world.random.guid().to_string();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let sent = text("client-request-id").filter(|id| !id.is_empty() && id.len() <= MAX_ECHO);
        let accept = text("accept").unwrap_or_default().to_ascii_lowercase();
        Self {
            cloud,
            now_ms: world.clock.now_ms(),
            client_request_id: sent.unwrap_or(&request_id).to_owned(),
            request_id,
            metadata: !accept.contains("odata.metadata=none"),
            lower_case_inner_error: world.variants().lower_case_inner_error,
            caching: "no-store",
        }
    }

    /// Personal answers are cached otherwise.
    pub(super) fn of_personal(&mut self, is_personal: bool) {
        self.caching = if is_personal { "private" } else { "no-store" };
    }

    pub(super) fn answer(&self, answer: Answer) -> Reply {
        match answer {
            Answer::Json { status, body, e_tag } => {
                let mut reply = self.json(status, body);
                tag(&mut reply, e_tag.as_deref());
                reply
            }
            Answer::Elsewhere { url } => {
                let mut reply = self.reply(StatusCode::FOUND, Body::empty());
                if let Some(url) = url.and_then(|url| HeaderValue::from_str(&url).ok()) {
                    reply.headers_mut().insert(header::LOCATION, url);
                }
                reply
            }
            Answer::NotModified { e_tag } => {
                let mut reply = self.reply(StatusCode::NOT_MODIFIED, Body::empty());
                tag(&mut reply, Some(&e_tag));
                reply
            }
            Answer::Done => self.reply(StatusCode::NO_CONTENT, Body::empty()),
            Answer::Bytes(reply) => reply,
        }
    }

    pub(super) fn error(&self, error: GraphError) -> Reply {
        let mut inner = json!({
            "date": clock::iso_without_zone(self.now_ms),
            "request-id": self.request_id,
            "client-request-id": self.client_request_id,
        });
        if let Some(code) = error.inner {
            inner["code"] = json!(code);
        }
        let spelling = if self.lower_case_inner_error { "innererror" } else { "innerError" };
        let body = json!({
            "error": { "code": error.code, "message": error.message, spelling: inner },
        });
        let mut reply = self.json(error.status, body.to_string().into_bytes());
        let headers = reply.headers_mut();
        match error.status {
            StatusCode::UNAUTHORIZED => {
                let challenge = challenge(self.cloud, error.claims.as_deref());
                if let Ok(challenge) = HeaderValue::from_str(&challenge) {
                    headers.insert(header::WWW_AUTHENTICATE, challenge);
                }
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        if let Some(location) = error.location.and_then(|url| HeaderValue::from_str(&url).ok()) {
            headers.insert(header::LOCATION, location);
        }
        reply
    }

    fn json(&self, status: StatusCode, body: Vec<u8>) -> Reply {
        let level = if self.metadata { "minimal" } else { "none" };
        let mut reply = self.reply(status, Body::from(body));
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
        let headers = reply.headers_mut();
        for (name, value) in [
            ("request-id", self.request_id.as_str()),
            ("client-request-id", &self.client_request_id),
            ("x-ms-ags-diagnostic", DIAGNOSTIC),
            ("cache-control", self.caching),
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

fn tag(reply: &mut Reply, e_tag: Option<&str>) {
    if let Some(tag) = e_tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
}

/// What a 401 asks for; with claims, of clients that can take them. (7.7)
fn challenge(cloud: Cloud, claims: Option<&str>) -> String {
    let plain = format!(
        "Bearer realm=\"\", authorization_uri=\"{}/common/oauth2/authorize\", \
         client_id=\"00000003-0000-0000-c000-000000000000\"",
        cloud.instance().login()
    );
    match claims {
        None => plain,
        Some(claims) => {
            let claims = STANDARD.encode(claims);
            format!("{plain}, error=\"insufficient_claims\", claims=\"{claims}\"")
        }
    }
}
