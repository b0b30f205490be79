//! Refusals as the services write them: bodies by service, status and form. (4, 6.1, 6.3, 7.5, 11)
//!
//! Used for answers that a rule orders and for those of the throttling; ordinary errors of Graph
//! and Entra ID belong to `graph` and `entra`.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::body::{Body, Reply};
use crate::clock;
use crate::hosts::Service;
use crate::variants::ThrottledBody;
use crate::world::World;

pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Longer values of `client-request-id` are not echoed.
const MAX_ECHO: usize = 200;

/// Which body a refusal has.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Form {
    /// What the service gives with such a status.
    Service,
    /// As OneDrive writes it.
    Drive,
    /// As the gateway of Graph writes it.
    Gateway,
    /// A page of a gateway that did not get through.
    Html,
    Empty,
    /// A passing failure of personal accounts. (11.7)
    Rps,
    /// Given by the rule.
    Json(Value),
    Text(String),
}

/// The request that is refused, and when.
pub(crate) struct Refusal {
    service: Service,
    now_ms: i64,
    request_id: String,
    client_request_id: String,
    /// Whether the inner error is spelt `innererror`.
    lower_case: bool,
    throttled: ThrottledBody,
}

impl Refusal {
    /// `asked` is the client's own name for the request.
    pub(crate) fn new(
        world: &World,
        service: Service,
        asked: Option<&HeaderValue>,
        now_ms: i64,
    ) -> Self {
        let request_id = world.random.guid().to_string();
        let sent = asked.and_then(|id| id.to_str().ok());
        let sent = sent.filter(|id| !id.is_empty() && id.len() <= MAX_ECHO);
        let variants = world.variants();
        Self {
            service,
            now_ms,
            client_request_id: sent.unwrap_or(&request_id).to_owned(),
            request_id,
            lower_case: variants.lower_case_inner_error,
            throttled: variants.throttled_body,
        }
    }

    /// The answer, without `Retry-After`.
    pub(crate) fn reply(&self, status: StatusCode, form: &Form) -> Reply {
        let (kind, body) = self.body(status, form);
        let is_empty = body.is_empty();
        let mut reply = Response::new(Body::from(body));
        *reply.status_mut() = status;
        let headers = reply.headers_mut();
        if !is_empty {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        if self.service == Service::Graph {
            for (name, id) in
                [(REQUEST_ID, &self.request_id), (CLIENT_REQUEST_ID, &self.client_request_id)]
            {
                if let Ok(id) = HeaderValue::from_str(id) {
                    headers.insert(name, id);
                }
            }
        }
        reply
    }

    fn body(&self, status: StatusCode, form: &Form) -> (HeaderValue, String) {
        match (form, self.service) {
            (Form::Service, Service::Graph) => (JSON, self.json(status).to_string()),
            (Form::Service, Service::Login) => (JSON, self.login(status).to_string()),
            (Form::Service, Service::Download) => (TEXT, title(status).to_ascii_uppercase()),
            (Form::Drive | Form::Gateway | Form::Rps, _) => {
                (JSON, self.error(status, form).to_string())
            }
            (Form::Html, _) => (HTML, page(status)),
            (Form::Empty, _) => (TEXT, String::new()),
            (Form::Json(value), _) => (JSON, value.to_string()),
            (Form::Text(text), _) if text.trim_start().starts_with('<') => (HTML, text.clone()),
            (Form::Text(text), _) => (TEXT, text.clone()),
        }
    }

    /// What Graph gives with such a status.
    fn json(&self, status: StatusCode) -> Value {
        let form = match (status, self.throttled) {
            (StatusCode::TOO_MANY_REQUESTS, ThrottledBody::Gateway) => Form::Gateway,
            (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT, _) => Form::Gateway,
            _ => Form::Drive,
        };
        self.error(status, &form)
    }

    /// The envelope of Graph.
    fn error(&self, status: StatusCode, form: &Form) -> Value {
        let (code, message, mut inner) = match form {
            Form::Gateway => gateway(status),
            Form::Rps => ("unauthenticated", "Unable to initialize RPS", json!({})),
            _ => drive(status),
        };
        inner["date"] = clock::iso_without_zone(self.now_ms).into();
        inner["request-id"] = self.request_id.as_str().into();
        inner["client-request-id"] = self.client_request_id.as_str().into();
        let name = if self.lower_case { "innererror" } else { "innerError" };
        if self.lower_case
            && let Some(inner) = inner.as_object_mut()
        {
            inner.remove("innerError").map(|nested| inner.insert("innererror".to_owned(), nested));
        }
        json!({ "error": { "code": code, "message": message, name: inner } })
    }

    /// An error of Entra ID. (7.5)
    fn login(&self, status: StatusCode) -> Value {
        let (code, text) = match status {
            StatusCode::TOO_MANY_REQUESTS => (90_055, "There are too many incoming requests."),
            _ => (90_033, "A transient error has occurred. Please try again."),
        };
        let now = clock::entra(self.now_ms);
        let (trace, correlation) = (&self.request_id, &self.client_request_id);
        json!({
            "error": "temporarily_unavailable",
            "error_description": format!(
                "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} \
                 Timestamp: {now}"
            ),
            "error_codes": [code],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
        })
    }
}

type Told = (&'static str, &'static str, Value);

fn gateway(status: StatusCode) -> Told {
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            let inner = json!({
                "code": "429", "message": "Please retry after", "status": "429",
            });
            ("TooManyRequests", "Please retry again later.", inner)
        }
        _ => ("UnknownError", "", json!({})),
    }
}

fn drive(status: StatusCode) -> Told {
    let (code, message) = match status.as_u16() {
        400 => ("invalidRequest", "Invalid request"),
        401 => ("unauthenticated", "The caller is not authenticated."),
        403 => ("accessDenied", "The caller does not have permission to perform the action."),
        404 => ("itemNotFound", "The resource could not be found."),
        405 => ("notAllowed", "The action is not allowed by the system."),
        406 | 501 => ("notSupported", "The request is not supported by the system."),
        409 => ("nameAlreadyExists", "The specified item name already exists."),
        410 => ("resyncRequired", "Resync required"),
        412 => ("resourceModified", "ETag does not match current item's value"),
        416 => ("invalidRange", "The specified byte range is invalid or unavailable."),
        423 => ("resourceLocked", "The resource you are attempting to access is locked"),
        429 | 509 => {
            let inner = json!({ "code": "throttledRequest", "innerError": { "code": "quota" } });
            return ("activityLimitReached", "The request has been throttled", inner);
        }
        503 => ("serviceNotAvailable", "The service is not available. Try the request again."),
        507 => ("quotaLimitReached", "The user has reached their quota limit."),
        _ => ("generalException", "General exception while processing"),
    };
    (code, message, json!({}))
}

fn title(status: StatusCode) -> String {
    let reason = match status.as_u16() {
        509 => "Bandwidth Limit Exceeded",
        _ => status.canonical_reason().unwrap_or("Error"),
    };
    format!("{} {reason}", status.as_u16())
}

fn page(status: StatusCode) -> String {
    let title = title(status);
    format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
         </center>\r\n</body>\r\n</html>\r\n"
    )
}
