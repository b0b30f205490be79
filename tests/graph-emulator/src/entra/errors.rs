//! Refusals, and the body in which the token endpoint tells them. (7.5)

use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::reply;
use super::table::{self, AtAuthorize, Row};
use crate::body::Reply;
use crate::clock;
use crate::cloud::Instance;
use crate::guid::Guid;
use crate::world::World;

/// Text that a client sent is repeated only so far.
const MAX_ECHO: usize = 100;

/// Why a request is refused: a row of the table, and what it is about. Holds no secret.
#[derive(Debug)]
pub(super) struct Refusal {
    code: u32,
    about: Vec<String>,
    error: Option<&'static str>,
    suberror: Option<&'static str>,
    text: Option<&'static str>,
    on_a_page: bool,
}

impl Refusal {
    /// The refusal of a number.
    pub(super) fn new(code: u32) -> Self {
        Self { code, about: Vec::new(), error: None, suberror: None, text: None, on_a_page: false }
    }

    /// The emulator could not do its part: the service calls that transient.
    pub(super) fn unavailable() -> Self {
        Self::new(90_033)
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(900_144).about(parameter)
    }

    pub(super) fn malformed() -> Self {
        Self::new(9_002_313)
    }

    /// Fills the next gap in the row's text.
    pub(super) fn about(mut self, what: impl ToString) -> Self {
        self.about.push(what.to_string());
        self
    }

    /// Under another name than the row's.
    pub(super) fn named(mut self, error: &'static str) -> Self {
        self.error = Some(error);
        self
    }

    pub(super) fn suberror(mut self, suberror: &'static str) -> Self {
        self.suberror = Some(suberror);
        self
    }

    /// With another text than the row's.
    pub(super) fn saying(mut self, text: &'static str) -> Self {
        self.text = Some(text);
        self
    }

    /// Shown to the person, whatever the row says.
    pub(super) fn on_a_page(mut self) -> Self {
        self.on_a_page = true;
        self
    }

    pub(super) fn code(&self) -> u32 {
        self.code
    }

    pub(super) fn at_authorize(&self) -> AtAuthorize {
        if self.on_a_page { AtAuthorize::Page } else { self.row().at_authorize }
    }

    pub(super) fn error(&self) -> &'static str {
        self.error.unwrap_or(self.row().error)
    }

    fn row(&self) -> &'static Row {
        table::find(self.code)
    }

    /// `AADSTS…: …` with the identifiers of the exchange.
    pub(super) fn description(&self, trace: &Trace) -> String {
        let mut text = String::new();
        let mut about = self.about.iter();
        let template = self.text.unwrap_or(self.row().text);
        for (index, part) in template.split("{}").enumerate() {
            if index > 0 {
                text.push_str(about.next().map_or("unknown", |what| echo(what)));
            }
            text.push_str(part);
        }
        let separator = trace.separator();
        format!(
            "AADSTS{}: {text}{separator}Trace ID: {}{separator}Correlation ID: \
             {}{separator}Timestamp: {}",
            self.code,
            trace.trace_id,
            trace.correlation_id,
            clock::entra(trace.now_ms),
        )
    }

    pub(super) fn error_uri(&self, trace: &Trace) -> String {
        format!("{}/error?code={}", trace.instance.login(), self.code)
    }

    pub(super) fn sub(&self) -> Option<&'static str> {
        self.suberror.or(self.row().suberror)
    }

    /// The claims challenge: JSON in a string. (7.5)
    pub(super) fn claims(&self, trace: &Trace) -> Option<String> {
        self.row().claims.then(|| {
            let policy = json!({ "essential": true, "values": [trace.policy] });
            json!({ "access_token": { "capolids": policy } }).to_string()
        })
    }

    /// The answer of the token endpoint.
    pub(super) fn into_reply(self, trace: &Trace) -> Reply {
        self.reply_as(self.error(), trace)
    }

    /// The answer of the metadata documents, which call an unknown tenant by another name. (7.1)
    pub(super) fn into_metadata_reply(self, trace: &Trace) -> Reply {
        let error = if self.code == 90_002 { "invalid_tenant" } else { self.error() };
        self.reply_as(error, trace)
    }

    fn reply_as(&self, error: &str, trace: &Trace) -> Reply {
        let status = StatusCode::from_u16(self.row().status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut reply = reply::json(status, &self.body(error, trace), trace);
        reply::telemetry(&mut reply, self.code);
        reply
    }

    fn body(&self, error: &str, trace: &Trace) -> Value {
        let mut body = json!({
            "error": error,
            "error_description": self.description(trace),
            "error_codes": [self.code],
            "timestamp": clock::entra(trace.now_ms),
            "trace_id": trace.trace_id,
            "correlation_id": trace.correlation_id,
            "error_uri": self.error_uri(trace),
        });
        if let Some(suberror) = self.sub() {
            body["suberror"] = json!(suberror);
        }
        if let Some(claims) = self.claims(trace) {
            body["claims"] = json!(claims);
        }
        body
    }
}

fn echo(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ECHO)]
}

/// The identifiers and the time that go with one exchange.
pub(super) struct Trace {
    pub(super) now_ms: i64,
    pub(super) instance: Instance,
    pub(super) trace_id: Guid,
    /// The client's own, if it sent one. (7.5)
    pub(super) correlation_id: Guid,
    /// The policy of conditional access that challenges name.
    policy: Guid,
    crlf: bool,
}

impl Trace {
    pub(super) fn new(world: &World, instance: Instance, headers: &HeaderMap) -> Self {
        let sent = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        Self {
            now_ms: world.clock.now_ms(),
            instance,
            trace_id: world.random.guid(),
            correlation_id: sent
                .and_then(|id| id.trim_matches(['{', '}']).parse().ok())
                .unwrap_or_else(|| world.random.guid()),
            policy: Guid::from_digest(&world.random.key_for("conditional access policy")),
            crlf: world.variants().crlf_in_errors,
        }
    }

    /// What stands between the parts of a description: older recordings have line ends. (7.5)
    fn separator(&self) -> &'static str {
        if self.crlf { "\r\n" } else { " " }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(crlf: bool) -> Trace {
        let guid = Guid::from_u128(7);
        let instance = Instance::Global;
        Trace { now_ms: 0, instance, trace_id: guid, correlation_id: guid, policy: guid, crlf }
    }

    /// Section 7.5: either separator.
    #[test]
    fn a_description_names_the_number_the_matter_and_the_exchange() {
        let text = Refusal::new(90_002).about("northwind.com").description(&trace(false));
        assert!(text.starts_with("AADSTS90002: Tenant 'northwind.com' not found."), "{text}");
        assert!(text.contains(" Trace ID: 00000000-"), "{text}");
        assert!(text.ends_with(" Timestamp: 1970-01-01 00:00:00Z"), "{text}");
        let text = Refusal::new(90_002).description(&trace(true));
        assert!(text.contains("\r\nCorrelation ID: "), "{text}");
    }

    /// Section 7.5: `claims` is a string that holds JSON.
    #[test]
    fn a_claims_challenge_is_json_in_a_string() {
        let claims = Refusal::new(53_003).claims(&trace(false)).unwrap();
        let claims: Value = serde_json::from_str(&claims).unwrap();
        assert_eq!(claims["access_token"]["capolids"]["essential"], true);
        assert!(Refusal::new(70_008).claims(&trace(false)).is_none());
    }

    #[test]
    fn sent_text_is_repeated_only_so_far_and_never_cut_inside_a_letter() {
        let long = "ü".repeat(1_000);
        let text = Refusal::new(70_003).about(long).description(&trace(false));
        assert_eq!(text.matches('ü').count(), MAX_ECHO / 2);
    }
}
