//! Trouble that a test orders in advance: rules, the requests that they fit, and what happens then.
//!
//! A rule is a JSON object. What it is for (all of it optional): `method`, `host` and `path`
//! (patterns with `*`), `query` (a part of it), `skip` (so many fitting requests pass first), `times`
//! (then so many are struck, 1 if not said, 0 without end) or `nth` instead of both, `probability`
//! (with `seed`, else the rule's number is the seed). What it does, exactly one:
//!
//! | effect | |
//! |---|---|
//! | `status`, or `answer` with an object of the same fields | an answer instead of the real one, with `retry_after` as it is or `retry_after_seconds` and `retry_after_form` (`integer`, `fractional`, `date`, `missing`), `body` (`service`, `drive`, `gateway`, `html`, `empty`, `rps`, an object or a text) and `headers` |
//! | `reset: true` | the connection is dropped before a byte |
//! | `truncate: {after}` | the connection is closed after so many bytes of the body |
//! | `content_length: {add}` | a length in the header that is wrong by so much |
//! | `first_byte: {delay_ms}` | the answer begins late |
//! | `stall: {after, ms}` | the body stops; without `ms` until the rule is removed |
//! | `slow: {bytes_per_second}` | the body trickles |
//! | `ignore_range: true` | the whole file instead of a part |
//! | `change_file: {after}` | the file of a download URL changes, before the answer or in it |
//! | `expire_links: {after}` | all download URLs die, before the answer or in it |
//! | `page: "empty"` or `"loop"` | an empty page, or a next link that leads nowhere new |
//!
//! The oldest rule that fits strikes, and only that one. Delays are in real time. What the services
//! do by themselves is not here: limits are in `throttle`, lasting differences in `variants`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use ring::hmac;
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) use effect::{Fault, PageTrick};
pub(crate) use form::FaultRefused;
pub(crate) use line::{Line, Watched};
pub(crate) use tamper::Tampered;

use effect::Effect;
use form::Matcher;

pub(crate) mod answers;
mod effect;
mod form;
mod line;
mod pattern;
mod tamper;

/// More rules than this are a mistake.
const MAX_FAULTS: usize = 1_000;

struct Rule {
    id: u64,
    /// As it was given.
    given: Value,
    matcher: Matcher,
    skip: u64,
    times: u64,
    probability: Option<f64>,
    seed: String,
    effect: Arc<Effect>,
    /// Requests that fitted while the rule was in force.
    matched: u64,
    struck: u64,
    /// Dropped with the rule, which ends what waits for that.
    removed: watch::Sender<()>,
}

/// The rules, oldest first, also those that are used up.
pub(crate) struct Faults {
    key: hmac::Key,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    last_id: u64,
    rules: Vec<Rule>,
}

impl Faults {
    /// Chances are derived from `key` and the rule's seed, so that they come out alike in two runs,
    /// whatever else draws numbers.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), kept: Mutex::default() }
    }

    /// Adds a rule and returns its number.
    pub(crate) fn add(&self, json: Value) -> Result<u64, FaultRefused> {
        let read = form::read(&json)?;
        let mut kept = self.kept();
        if kept.rules.len() >= MAX_FAULTS {
            kept.rules.retain(|rule| !rule.is_used_up() || rule.removed.receiver_count() > 0);
        }
        if kept.rules.len() >= MAX_FAULTS {
            return Err(FaultRefused::TooMany);
        }
        kept.last_id += 1;
        let id = kept.last_id;
        kept.rules.push(Rule {
            id,
            given: json,
            matcher: read.matcher,
            skip: read.skip,
            times: read.times,
            probability: read.probability,
            seed: read.seed.unwrap_or_else(|| id.to_string()),
            effect: Arc::new(read.effect),
            matched: 0,
            struck: 0,
            removed: watch::Sender::new(()),
        });
        Ok(id)
    }

    /// All rules, with how often each one fitted and struck.
    pub(crate) fn list(&self) -> Value {
        let shown = |rule: &Rule| {
            json!({
                "id": rule.id,
                "rule": rule.given,
                "matched": rule.matched,
                "struck": rule.struck,
                "left": (rule.times > 0).then(|| rule.times.saturating_sub(rule.struck)),
            })
        };
        json!({ "faults": self.kept().rules.iter().map(shown).collect::<Vec<_>>() })
    }

    /// Removes a rule; false if there is none with that number.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut kept = self.kept();
        let before = kept.rules.len();
        kept.rules.retain(|rule| rule.id != id);
        kept.rules.len() < before
    }

    pub(crate) fn clear(&self) {
        self.kept().rules.clear();
    }

    /// The first rule that fits and strikes.
    pub(crate) fn take(&self, host: &str, head: &Parts) -> Option<Fault> {
        let mut kept = self.kept();
        let rule = kept
            .rules
            .iter_mut()
            .find_map(|rule| (rule.fits(host, head) && rule.strikes(&self.key)).then_some(rule))?;
        Some(Fault {
            id: rule.id,
            effect: Arc::clone(&rule.effect),
            removed: rule.removed.subscribe(),
        })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rule {
    fn is_used_up(&self) -> bool {
        self.times > 0 && self.struck >= self.times
    }

    fn fits(&self, host: &str, head: &Parts) -> bool {
        let (matcher, path) = (&self.matcher, head.uri.path());
        !self.is_used_up()
            && matcher.method.as_ref().is_none_or(|method| *method == head.method)
            && matcher.host.as_ref().is_none_or(|pattern| pattern.fits(host))
            && matcher.path.as_ref().is_none_or(|pattern| pattern.fits(path))
            && matcher.query.as_ref().is_none_or(|part| {
                head.uri.query().is_some_and(|query| query.contains(part.as_str()))
            })
    }

    /// Counts a request that fits; whether it is struck.
    fn strikes(&mut self, key: &hmac::Key) -> bool {
        self.matched += 1;
        let strikes = self.matched > self.skip
            && self.probability.is_none_or(|p| chance(key, &self.seed, self.matched) < p);
        self.struck += u64::from(strikes);
        strikes
    }
}

/// A number from 0 up to but not including 1, for one request that fitted.
fn chance(key: &hmac::Key, seed: &str, number: u64) -> f64 {
    let drawn = hmac::sign(key, format!("{number} {seed}").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&drawn.as_ref()[..8]);
    (u64::from_le_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn faults() -> Faults {
        Faults::new(&[7; 32])
    }

    fn head(method: &str, uri: &str) -> Parts {
        http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0
    }

    /// Which of `n` requests are struck.
    fn struck(faults: &Faults, n: usize) -> Vec<bool> {
        let head = head("GET", "/v1.0/me?x=1");
        (0..n).map(|_| faults.take("graph.microsoft.com", &head).is_some()).collect()
    }

    #[test]
    fn every_field_that_is_given_must_fit() {
        let head = head("GET", "/v1.0/me/drive?token=abc");
        for (rule, fits) in [
            (json!({}), true),
            (json!({"method": "get"}), true),
            (json!({"method": "POST"}), false),
            (json!({"host": "*.microsoft.com"}), true),
            (json!({"host": "microsoft.com"}), false),
            (json!({"path": "/v1.0/*/drive"}), true),
            (json!({"path": "/v1.0/*/root"}), false),
            (json!({"path": "/v1.0/*"}), true),
            (json!({"path": "/beta/*"}), false),
            (json!({"query": "token="}), true),
            (json!({"query": "top"}), false),
            (json!({"method": "GET", "path": "/beta/*"}), false),
        ] {
            let faults = faults();
            let mut rule = rule;
            rule["reset"] = true.into();
            faults.add(rule.clone()).unwrap();
            assert_eq!(faults.take("graph.microsoft.com", &head).is_some(), fits, "{rule}");
        }
    }

    #[test]
    fn skip_and_times_and_nth_count_fitting_requests() {
        let cases = [
            (json!({"status": 503}), [true, false, false, false]),
            (json!({"status": 503, "times": 0}), [true, true, true, true]),
            (json!({"status": 503, "skip": 1, "times": 2}), [false, true, true, false]),
            (json!({"status": 503, "nth": 3}), [false, false, true, false]),
        ];
        for (rule, expected) in cases {
            let faults = faults();
            faults.add(rule).unwrap();
            assert_eq!(struck(&faults, 4), expected);
        }
    }

    #[test]
    fn chances_come_out_alike_for_the_same_seed_and_near_what_was_asked_for() {
        let run = |seed: &str| {
            let faults = faults();
            let rule = json!({"status": 503, "times": 0, "probability": 0.25, "seed": seed});
            faults.add(rule).unwrap();
            struck(&faults, 2_000)
        };
        let first = run("a");
        assert_eq!(first, run("a"));
        assert_ne!(first, run("b"));
        let share = first.iter().filter(|struck| **struck).count();
        assert!((400..600).contains(&share), "{share}");
    }

    #[test]
    fn the_oldest_rule_strikes_first_and_the_list_tells_how_often() {
        let faults = faults();
        let (first, second) = (json!({"status": 503}), json!({"status": 429}));
        assert_eq!(faults.add(first.clone()).unwrap(), 1);
        assert_eq!(faults.add(second.clone()).unwrap(), 2);
        assert_eq!(struck(&faults, 3), [true, true, false]);
        let shown = |id: u64, rule: &Value| json!({"id": id, "rule": rule, "matched": 1, "struck": 1, "left": 0});
        let list = json!({"faults": [shown(1, &first), shown(2, &second)]});
        assert_eq!(faults.list(), list);
        assert!(faults.remove(1) && !faults.remove(1));
    }

    #[test]
    fn a_rule_without_sense_is_refused() {
        for rule in [
            json!({}),
            json!({"host": "x"}),
            json!({"status": 503, "reset": true}),
            json!({"status": 200}),
            json!({"status": 600}),
            json!({"status": 429, "retry_after": "\u{7}"}),
            json!({"status": 429, "retry_after": "1", "retry_after_seconds": 1}),
            json!({"status": 429, "retry_after_seconds": -1}),
            json!({"status": 429, "retry_after_form": "date"}),
            json!({"retry_after": "1", "reset": true}),
            json!({"status": 429, "body": 7}),
            json!({"status": 429, "headers": {"a b": "c"}}),
            json!({"status": 429, "headers": {"Content-Length": "1"}}),
            json!({"reset": false}),
            json!({"reset": true, "probability": 1.5}),
            json!({"reset": true, "nth": 0}),
            json!({"reset": true, "nth": 1, "times": 1}),
            json!({"reset": true, "method": "A B"}),
            json!({"slow": {"bytes_per_second": 0}}),
            json!({"first_byte": {"delay_ms": 1e12}}),
            json!({"truncate": {}}),
            json!({"page": "other"}),
            json!({"reset": true, "unknown": 1}),
            json!([]),
        ] {
            assert!(faults().add(rule.clone()).is_err(), "{rule}");
        }
    }

    #[test]
    fn there_is_an_end_to_the_number_of_rules_in_force() {
        let faults = faults();
        for _ in 0..MAX_FAULTS {
            faults.add(json!({"reset": true})).unwrap();
        }
        assert!(matches!(faults.add(json!({"reset": true})), Err(FaultRefused::TooMany)));
        struck(&faults, 1);
        assert!(faults.add(json!({"reset": true})).is_ok());
    }

    proptest! {
        #[test]
        fn any_rule_and_any_request_are_judged(
            path in "[a-z*/%.]{0,20}", asked in "/[a-z/%.]{0,20}", skip in any::<u64>(),
            times in any::<u64>(), probability in 0.0..=1.0,
        ) {
            let faults = faults();
            let rule = json!({
                "path": path, "skip": skip, "times": times, "probability": probability, "reset": {},
            });
            faults.add(rule).unwrap();
            if let Ok(request) = http::Request::get(asked).body(()) {
                let _ = faults.take("graph.microsoft.com", &request.into_parts().0);
            }
            faults.list();
        }
    }
}
