//! Rules as JSON: what a test writes, read strictly.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::answers::Form;
use super::effect::{Answer, Effect, PageTrick, RetryAfter};
use super::pattern::Pattern;

/// Longer delays are a mistake: they are in real time.
const MAX_DELAY_MS: u64 = 3_600_000;

/// A rule that cannot be kept, in words for the person who wrote it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultRefused {
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    #[error("status must be a number from 400 to 599")]
    Status,
    #[error("retry_after must be a valid header value")]
    RetryAfter,
    #[error("retry_after_seconds must be from 0 to 1000000000, and retry_after not beside it")]
    RetryAfterSeconds,
    #[error("{0:?} is not a valid header")]
    Header(String),
    #[error(
        "body must be \"service\", \"drive\", \"gateway\", \"html\", \"empty\", \"rps\", an \
             object or a text"
    )]
    Body,
    #[error("{0:?} is not a method")]
    Method(String),
    #[error("probability must be from 0 to 1")]
    Probability,
    #[error("nth counts from 1, and neither skip nor times can be beside it")]
    Nth,
    #[error(
        "a rule has exactly one effect: status, answer, reset, truncate, content_length, \
             first_byte, stall, slow, ignore_range, change_file, expire_links or page"
    )]
    Effect,
    #[error("delays are up to {MAX_DELAY_MS} ms, and bytes_per_second at least 1")]
    Pace,
    #[error("there are already {} faults: DELETE /faults first", super::MAX_FAULTS)]
    TooMany,
}

/// Everything that a rule can say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleForm {
    method: Option<String>,
    host: Option<String>,
    path: Option<String>,
    query: Option<String>,
    skip: Option<u64>,
    times: Option<u64>,
    nth: Option<u64>,
    probability: Option<f64>,
    seed: Option<String>,

    status: Option<u16>,
    retry_after: Option<String>,
    retry_after_seconds: Option<f64>,
    retry_after_form: Option<RetryAfterForm>,
    body: Option<Value>,
    headers: Option<BTreeMap<String, String>>,

    answer: Option<AnswerForm>,
    reset: Option<Switch>,
    truncate: Option<After>,
    content_length: Option<Add>,
    first_byte: Option<Delay>,
    stall: Option<Stall>,
    slow: Option<Slow>,
    ignore_range: Option<Switch>,
    change_file: Option<MaybeAfter>,
    expire_links: Option<MaybeAfter>,
    page: Option<PageTrick>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerForm {
    status: u16,
    retry_after: Option<String>,
    retry_after_seconds: Option<f64>,
    retry_after_form: Option<RetryAfterForm>,
    body: Option<Value>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RetryAfterForm {
    Integer,
    Fractional,
    Date,
    Missing,
}

/// `true` or `{}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Switch {
    Bool(bool),
    Object(Nothing),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct After {
    after: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    after: Option<u64>,
}

/// `true`, `{}` or `{"after":N}`.
#[derive(Deserialize)]
#[serde(untagged)]
enum MaybeAfter {
    Bool(bool),
    Place(Place),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Add {
    add: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delay {
    delay_ms: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stall {
    #[serde(default)]
    after: u64,
    ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Slow {
    bytes_per_second: u64,
}

/// Which requests a rule is for.
pub(super) struct Matcher {
    pub(super) method: Option<Method>,
    pub(super) host: Option<Pattern>,
    pub(super) path: Option<Pattern>,
    pub(super) query: Option<String>,
}

/// A rule that was read.
pub(super) struct Read {
    pub(super) matcher: Matcher,
    pub(super) skip: u64,
    /// 0 means without end.
    pub(super) times: u64,
    pub(super) probability: Option<f64>,
    pub(super) seed: Option<String>,
    pub(super) effect: Effect,
}

pub(super) fn read(json: &Value) -> Result<Read, FaultRefused> {
    let form = RuleForm::deserialize(json)?;
    let (skip, times) = match (form.nth, form.skip, form.times) {
        (None, skip, times) => (skip.unwrap_or(0), times.unwrap_or(1)),
        (Some(nth), None, None) => (nth.checked_sub(1).ok_or(FaultRefused::Nth)?, 1),
        _ => return Err(FaultRefused::Nth),
    };
    if form.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
        return Err(FaultRefused::Probability);
    }
    let method = form.method.as_deref().map(|name| {
        Method::from_bytes(name.to_ascii_uppercase().as_bytes())
            .map_err(|_| FaultRefused::Method(name.to_owned()))
    });
    let matcher = Matcher {
        method: method.transpose()?,
        host: form.host.as_deref().map(|host| Pattern::new(&host.to_ascii_lowercase())),
        path: form.path.as_deref().map(Pattern::new),
        query: form.query.clone(),
    };
    let (probability, seed) = (form.probability, form.seed.clone());
    Ok(Read { matcher, skip, times, probability, seed, effect: form.effect()? })
}

impl RuleForm {
    fn effect(self) -> Result<Effect, FaultRefused> {
        let mut effects = self.effects()?.into_iter().flatten();
        match (effects.next(), effects.next()) {
            (Some(effect), None) => Ok(effect),
            _ => Err(FaultRefused::Effect),
        }
    }

    /// All effects that are named, in no order that matters.
    fn effects(self) -> Result<[Option<Effect>; 12], FaultRefused> {
        let on = |switch: Option<Switch>, effect| match switch {
            Some(Switch::Bool(true) | Switch::Object(Nothing {})) => Some(effect),
            _ => None,
        };
        Ok([
            self.answer.map(AnswerForm::effect).transpose()?,
            on(self.reset, Effect::Reset),
            self.truncate.map(|cut| Effect::Truncate { after: cut.after }),
            self.content_length.map(|wrong| Effect::ContentLength { add: wrong.add }),
            self.first_byte.map(|late| delay(late.delay_ms)).transpose()?.map(Effect::FirstByte),
            self.stall.map(Stall::effect).transpose()?,
            self.slow.map(Slow::effect).transpose()?,
            on(self.ignore_range, Effect::IgnoreRange),
            self.change_file.and_then(|form| Some(Effect::ChangeFile { after: form.after()? })),
            self.expire_links.and_then(|form| Some(Effect::ExpireLinks { after: form.after()? })),
            self.page.map(Effect::Page),
            flat_answer(
                self.status,
                self.retry_after,
                self.retry_after_seconds,
                self.retry_after_form,
                self.body,
                self.headers,
            )?,
        ])
    }
}

/// The old form: an answer beside the fields that say for which requests it is.
fn flat_answer(
    status: Option<u16>,
    retry_after: Option<String>,
    retry_after_seconds: Option<f64>,
    retry_after_form: Option<RetryAfterForm>,
    body: Option<Value>,
    headers: Option<BTreeMap<String, String>>,
) -> Result<Option<Effect>, FaultRefused> {
    let Some(status) = status else {
        let is_stray = retry_after.is_some()
            || retry_after_seconds.is_some()
            || retry_after_form.is_some()
            || body.is_some()
            || headers.is_some();
        return if is_stray { Err(FaultRefused::Effect) } else { Ok(None) };
    };
    let form =
        AnswerForm { status, retry_after, retry_after_seconds, retry_after_form, body, headers };
    form.effect().map(Some)
}

impl AnswerForm {
    fn effect(self) -> Result<Effect, FaultRefused> {
        let status = StatusCode::from_u16(self.status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .ok_or(FaultRefused::Status)?;
        let retry_after = retry_after(
            self.retry_after.as_deref(),
            self.retry_after_seconds,
            self.retry_after_form,
        )?;
        let headers = self.headers.unwrap_or_default().iter().map(header).collect::<Result<_, _>>();
        let body = body(self.body)?;
        Ok(Effect::Answer(Answer { status, retry_after, body, headers: headers? }))
    }
}

fn retry_after(
    verbatim: Option<&str>,
    seconds: Option<f64>,
    form: Option<RetryAfterForm>,
) -> Result<RetryAfter, FaultRefused> {
    let seconds = match (verbatim, seconds, form) {
        (Some(value), None, None) => {
            let value = HeaderValue::from_str(value).map_err(|_| FaultRefused::RetryAfter)?;
            return Ok(RetryAfter::Verbatim(value));
        }
        (None, None, None | Some(RetryAfterForm::Missing)) => return Ok(RetryAfter::Missing),
        (None, Some(seconds), _) if (0.0..=1e9).contains(&seconds) => seconds,
        _ => return Err(FaultRefused::RetryAfterSeconds),
    };
    Ok(match form.unwrap_or(RetryAfterForm::Integer) {
        RetryAfterForm::Integer => RetryAfter::Integer(seconds),
        RetryAfterForm::Fractional => RetryAfter::Fractional(seconds),
        RetryAfterForm::Date => RetryAfter::Date(seconds),
        RetryAfterForm::Missing => RetryAfter::Missing,
    })
}

fn header((name, value): (&String, &String)) -> Result<(HeaderName, HeaderValue), FaultRefused> {
    match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
        (Ok(name), Ok(value)) if !framing(&name) => Ok((name, value)),
        _ => Err(FaultRefused::Header(name.clone())),
    }
}

/// Headers that say how long a body is: HTTP sets them, `content_length` and `truncate` bend them.
fn framing(name: &HeaderName) -> bool {
    *name == http::header::CONTENT_LENGTH || *name == http::header::TRANSFER_ENCODING
}

fn body(body: Option<Value>) -> Result<Form, FaultRefused> {
    Ok(match body {
        None => Form::Service,
        Some(Value::String(text)) => match text.as_str() {
            "service" => Form::Service,
            "drive" => Form::Drive,
            "gateway" => Form::Gateway,
            "html" => Form::Html,
            "empty" => Form::Empty,
            "rps" => Form::Rps,
            _ => Form::Text(text),
        },
        Some(object @ Value::Object(_)) => Form::Json(object),
        Some(_) => return Err(FaultRefused::Body),
    })
}

impl MaybeAfter {
    /// None if it is switched off; else after how many bytes, if not before all of them.
    fn after(self) -> Option<Option<u64>> {
        match self {
            Self::Bool(on) => on.then_some(None),
            Self::Place(place) => Some(place.after),
        }
    }
}

impl Stall {
    fn effect(self) -> Result<Effect, FaultRefused> {
        Ok(Effect::Stall { after: self.after, time: self.ms.map(delay).transpose()? })
    }
}

impl Slow {
    fn effect(self) -> Result<Effect, FaultRefused> {
        match self.bytes_per_second {
            0 => Err(FaultRefused::Pace),
            bytes_per_second => Ok(Effect::Slow { bytes_per_second }),
        }
    }
}

fn delay(ms: u64) -> Result<Duration, FaultRefused> {
    if ms > MAX_DELAY_MS {
        return Err(FaultRefused::Pace);
    }
    Ok(Duration::from_millis(ms))
}
