//! What goes wrong, by rule.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Control, Result};

/// A rule: the requests that it fits are answered as it says.
///
/// ```
/// use graph_emulator_control::{Body, Fault};
///
/// let throttled = Fault::status(429).retry_after("30").on_host("graph.microsoft.com").times(3);
/// let second_page = Fault::truncate(1_000).on_path("*/delta").nth(2);
/// let gateway = Fault::status(504).body(Body::Html).with_probability(0.1).times(0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skip: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(flatten)]
    effect: serde_json::Map<String, Value>,
}

/// The body of an answer that a rule gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// What the service gives with such a status.
    Service,
    /// A page of a gateway.
    Html,
    /// Nothing.
    Empty,
    /// This.
    Json(Value),
}

impl Fault {
    fn new(effect: Value) -> Self {
        let effect = effect.as_object().cloned().unwrap_or_default();
        Self {
            method: None,
            host: None,
            path: None,
            skip: None,
            times: None,
            probability: None,
            effect,
        }
    }

    /// An answer with this status, 400 to 599.
    pub fn status(status: u16) -> Self {
        Self::new(json!({ "status": status }))
    }

    /// The connection is dropped before a byte is answered.
    pub fn reset() -> Self {
        Self::new(json!({ "reset": true }))
    }

    /// The real answer's body breaks off.
    pub fn truncate(after_bytes: u64) -> Self {
        Self::new(json!({ "truncate": { "after": after_bytes } }))
    }

    /// The real answer comes late, in real time.
    pub fn late(delay_ms: u64) -> Self {
        Self::new(json!({ "first_byte": { "delay_ms": delay_ms } }))
    }

    /// Any other effect, as the emulator's README describes it.
    pub fn effect(effect: Value) -> Self {
        Self::new(effect)
    }

    /// The value of `Retry-After`, sent as it is.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.effect.insert("retry_after".to_owned(), value.into());
        self
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        let body = match body {
            Body::Service => "service".into(),
            Body::Html => "html".into(),
            Body::Empty => "empty".into(),
            Body::Json(value) => value,
        };
        self.effect.insert("body".to_owned(), body);
        self
    }

    /// Only requests with this method.
    #[must_use]
    pub fn on_method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Only requests to this host, or to those of a pattern such as `*.sharepoint.com`.
    #[must_use]
    pub fn on_host(mut self, host: &str) -> Self {
        self.host = Some(host.to_owned());
        self
    }

    /// Only requests whose path fits the pattern; `*` is any run of characters.
    #[must_use]
    pub fn on_path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only the n-th request that fits, counted from 1.
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        (self.skip, self.times) = (Some(n.saturating_sub(1)), Some(1));
        self
    }

    /// How many requests it strikes; 0 is without end, 1 if not told.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// It strikes by chance, drawn from the emulator's seed.
    #[must_use]
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }
}

#[derive(Deserialize)]
struct Added {
    id: u64,
}

impl Control {
    /// Adds a rule; returns its id.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn add_fault(&self, fault: &Fault) -> Result<u64> {
        self.post::<Added>("/faults", fault).map(|added| added.id)
    }

    /// Takes a rule away.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn remove_fault(&self, id: u64) -> Result<()> {
        self.delete(&format!("/faults/{id}"))
    }

    /// Takes all rules away.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn clear_faults(&self) -> Result<()> {
        self.delete("/faults")
    }

    /// Changes switches of the service's behaviour; what is not named stays.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn vary(&self, variants: &Value) -> Result<()> {
        self.post("/variants", variants).map(|_: Value| ())
    }

    /// Sets round-trip latency and bandwidth of connections made from now on.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn shape(&self, latency_ms: Option<u64>, bytes_per_second: Option<u64>) -> Result<()> {
        let mut shape = serde_json::Map::new();
        for (name, value) in
            [("latency_ms", latency_ms), ("bandwidth_bytes_per_second", bytes_per_second)]
        {
            shape.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        self.post("/network", &shape).map(|_: Value| ())
    }

    /// Sets the service's limits, scaled by a factor; none takes them away.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn throttle(&self, factor: Option<f64>) -> Result<()> {
        let settings = factor.map_or(Value::Null, |factor| json!({ "factor": factor }));
        self.post("/throttle", &settings).map(|_: Value| ())
    }

    /// Kills every download link issued so far.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn expire_links(&self) -> Result<()> {
        self.post("/links/expire", &json!({})).map(|_: Value| ())
    }

    /// Kills every delta token issued so far.
    ///
    /// # Errors
    /// See [`crate::ControlError`].
    pub fn expire_delta(&self) -> Result<()> {
        self.post("/delta/expire", &json!({})).map(|_: Value| ())
    }
}
