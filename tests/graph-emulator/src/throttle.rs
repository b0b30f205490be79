//! Limits as SharePoint and OneDrive set them: who used how much of what, and who has to wait. (4)
//!
//! Off until it is set; `{"factor":0.1,"tier":0}` sets a tenth of the limits of the smallest
//! licence tier. Everything is counted in fixed windows by the emulator's clock: a window opens with
//! the first call after the last one closed, so `Retry-After` is what is left of it.
//!
//! - A call is admitted while every allowance that it draws on has something left, even if it costs
//!   more than that. Refused calls count too.
//! - Of two applications that do the same, the one whose `User-Agent` is decorated (`ISV|…`,
//!   `NONISV|…`) is refused later: its allowances of resource units are a quarter larger.
//! - An application that goes on until its refused calls alone make up the minute's allowance is
//!   blocked in that directory: 503 for half an hour.
//! - Bytes are counted as they are sent; who has sent more than the hour's allowance gets 509 for
//!   further downloads.
//!
//! Answers that a test orders are in `faults`, not here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{HeaderName, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::body::Reply;
use crate::faults::answers::{CLIENT_REQUEST_ID, Form, Refusal};
use crate::guid::Guid;
use crate::hosts::Service;
use crate::world::World;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How long an application is blocked that does not stop.
const BLOCK_MS: i64 = 30 * MINUTE_MS;
/// What decorated traffic has of its allowances.
const DECORATED: f64 = 1.25;
/// From this share of the minute's allowance on, `RateLimit` headers are sent.
const SHOWN_FROM: f64 = 0.8;
const GIB: u64 = 1 << 30;
/// Closed windows are swept out when there are more than this.
const MAX_WINDOWS: usize = 10_000;

/// Resource units by licence tier: for an application in a directory, a minute and a day; for a
/// directory, five minutes. (4)
const TIERS: [Tier; 5] = [
    Tier { minute: 1_250, day: 1_200_000, directory: 18_750 },
    Tier { minute: 2_500, day: 2_400_000, directory: 37_500 },
    Tier { minute: 3_750, day: 3_600_000, directory: 56_250 },
    Tier { minute: 5_000, day: 4_800_000, directory: 75_000 },
    Tier { minute: 6_250, day: 6_000_000, directory: 93_750 },
];

struct Tier {
    minute: u64,
    day: u64,
    directory: u64,
}

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    pub(crate) application: Guid,
    pub(crate) directory: Guid,
    pub(crate) user: Option<Guid>,
}

/// Whether traffic says whose it is.
fn is_decorated(asked: &HeaderMap) -> bool {
    let agent = asked.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.starts_with("ISV|") || agent.starts_with("NONISV|")
}

/// How much of the minute's allowance is left, once that is worth telling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RateLimit {
    limit: u64,
    remaining: u64,
    reset_s: i64,
}

/// A call that has to wait.
#[derive(Debug)]
pub(crate) struct Throttled {
    status: StatusCode,
    retry_after_s: i64,
    rate_limit: Option<RateLimit>,
    client_request_id: Option<HeaderValue>,
}

/// Marks an answer that the accounting gave, for the journal; in the extensions of a reply.
#[derive(Clone, Copy)]
pub(crate) struct WasThrottled;

/// A setting that makes no sense.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ThrottleRefused {
    #[error("{0}")]
    Malformed(#[from] serde_json::Error),
    #[error("factor must be above 0 and up to 1000000, tier from 0 to 4")]
    Range,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Setting {
    factor: f64,
    tier: usize,
}

impl Default for Setting {
    fn default() -> Self {
        Self { factor: 1.0, tier: 0 }
    }
}

/// The accounting, if it is on.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<Option<Accounts>>);

impl Throttle {
    /// Sets the limits from `{"factor","tier"}` and forgets what was used; `null` switches them off.
    pub(crate) fn set(&self, json: Value) -> Result<(), ThrottleRefused> {
        let setting: Option<Setting> = serde_json::from_value(json)?;
        let is_sound = |setting: &Setting| {
            setting.factor > 0.0 && setting.factor <= 1e6 && setting.tier < TIERS.len()
        };
        if setting.as_ref().is_some_and(|setting| !is_sound(setting)) {
            return Err(ThrottleRefused::Range);
        }
        *self.accounts() = setting.map(Accounts::new);
        Ok(())
    }

    /// The setting, as it was given, or `null`.
    pub(crate) fn settings(&self) -> Value {
        self.accounts().as_ref().map_or(Value::Null, |accounts| json!(accounts.setting))
    }

    /// Counts a call of so many resource units. It can go on, or has to wait.
    pub(crate) fn admit(
        &self,
        now_ms: i64,
        who: &Caller,
        units: u64,
        asked: &HeaderMap,
    ) -> Result<Option<RateLimit>, Throttled> {
        match &mut *self.accounts() {
            Some(accounts) => accounts
                .admit(now_ms, who, units, is_decorated(asked))
                .map_err(|throttled| throttled.of(asked)),
            None => Ok(None),
        }
    }

    /// The same for a download: one unit, and bytes must be left.
    pub(crate) fn admit_download(
        &self,
        now_ms: i64,
        who: &Caller,
        asked: &HeaderMap,
    ) -> Result<Option<RateLimit>, Throttled> {
        match &mut *self.accounts() {
            Some(accounts) => {
                let admitted = accounts.admit(now_ms, who, 1, is_decorated(asked))?;
                accounts.admit_bytes(now_ms, who).map(|()| admitted)
            }
            None => Ok(None),
        }
    }

    /// Counts bytes that were sent.
    pub(crate) fn sent(&self, now_ms: i64, who: &Caller, bytes: u64) {
        if let Some(accounts) = &mut *self.accounts() {
            for account in Account::egress(who) {
                accounts.charge(now_ms, account, bytes);
            }
        }
    }

    fn accounts(&self) -> MutexGuard<'_, Option<Accounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An allowance, and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Account {
    /// Resource units of an application in a directory, a minute.
    Minute { application: Guid, directory: Guid },
    /// The same, a day.
    Day { application: Guid, directory: Guid },
    /// Resource units in a directory, five minutes.
    Directory(Guid),
    /// Requests of a person, five minutes.
    User(Guid),
    /// Requests of an application everywhere, ten seconds.
    Application(Guid),
    /// Bytes to an application in a directory, an hour.
    ApplicationBytes { application: Guid, directory: Guid },
    /// Bytes to a person, an hour.
    UserBytes(Guid),
}

impl Account {
    /// What a call draws on, and how much of it.
    fn of_call(who: &Caller, units: u64) -> [Option<(Self, u64)>; 5] {
        let Caller { application, directory, user, .. } = *who;
        [
            Some((Self::Minute { application, directory }, units)),
            Some((Self::Day { application, directory }, units)),
            Some((Self::Directory(directory), units)),
            user.map(|user| (Self::User(user), 1)),
            Some((Self::Application(application), 1)),
        ]
    }

    fn egress(who: &Caller) -> impl Iterator<Item = Self> {
        let Caller { application, directory, user, .. } = *who;
        let bytes = Self::ApplicationBytes { application, directory };
        std::iter::once(bytes).chain(user.map(Self::UserBytes))
    }

    fn window_ms(self) -> i64 {
        match self {
            Self::Minute { .. } => MINUTE_MS,
            Self::Day { .. } => DAY_MS,
            Self::Directory(_) | Self::User(_) => 5 * MINUTE_MS,
            Self::Application(_) => 10_000,
            Self::ApplicationBytes { .. } | Self::UserBytes(_) => HOUR_MS,
        }
    }

    fn limit(self, tier: &Tier) -> u64 {
        match self {
            Self::Minute { .. } => tier.minute,
            Self::Day { .. } => tier.day,
            Self::Directory(_) => tier.directory,
            Self::User(_) => 3_000,
            Self::Application(_) => 130_000,
            Self::ApplicationBytes { .. } => 400 * GIB,
            Self::UserBytes(_) => 100 * GIB,
        }
    }

    /// Whether decorated traffic has more of it.
    fn favours_decorated(self) -> bool {
        matches!(self, Self::Minute { .. } | Self::Day { .. } | Self::Directory(_))
    }
}

#[derive(Clone, Copy)]
struct Window {
    start_ms: i64,
    used: u64,
}

impl Window {
    /// Whether the window is closed at a time; so it is if the clock was moved back before it.
    fn is_over(&self, now_ms: i64, length_ms: i64) -> bool {
        now_ms < self.start_ms || now_ms.saturating_sub(self.start_ms) >= length_ms
    }
}

struct Accounts {
    setting: Setting,
    windows: HashMap<Account, Window>,
    /// Applications that did not stop: until when they are blocked in a directory.
    blocked: HashMap<(Guid, Guid), i64>,
}

impl Accounts {
    fn new(setting: Setting) -> Self {
        Self { setting, windows: HashMap::new(), blocked: HashMap::new() }
    }

    fn admit(
        &mut self,
        now_ms: i64,
        who: &Caller,
        units: u64,
        decorated: bool,
    ) -> Result<Option<RateLimit>, Throttled> {
        self.check_block(now_ms, who)?;
        let mut wait_ms = 0;
        let mut minute = RateLimit { limit: 0, remaining: 0, reset_s: 0 };
        for (account, cost) in Account::of_call(who, units).into_iter().flatten() {
            let limit = self.limit(account, decorated);
            let before = self.charge(now_ms, account, cost);
            let left_ms = before.start_ms + account.window_ms() - now_ms;
            if before.used >= limit {
                wait_ms = wait_ms.max(left_ms);
            }
            if let Account::Minute { .. } = account {
                let used = before.used.saturating_add(cost);
                let remaining = limit.saturating_sub(used);
                minute = RateLimit { limit, remaining, reset_s: seconds(left_ms) };
                if used >= limit.saturating_mul(2) && before.used >= limit {
                    self.blocked.insert((who.application, who.directory), now_ms + BLOCK_MS);
                }
            }
        }
        self.check_block(now_ms, who)?;
        if wait_ms > 0 {
            let rate_limit = Some(minute).filter(|minute| minute.remaining == 0);
            let status = StatusCode::TOO_MANY_REQUESTS;
            return Err(Throttled { rate_limit, ..Throttled::new(status, wait_ms) });
        }
        let used = minute.limit - minute.remaining;
        Ok((used as f64 >= minute.limit as f64 * SHOWN_FROM).then_some(minute))
    }

    fn check_block(&mut self, now_ms: i64, who: &Caller) -> Result<(), Throttled> {
        let key = (who.application, who.directory);
        let Some(&until_ms) = self.blocked.get(&key) else { return Ok(()) };
        let left_ms = until_ms - now_ms;
        // More than the whole time is left if the clock was moved back.
        if !(1..=BLOCK_MS).contains(&left_ms) {
            self.blocked.remove(&key);
            return Ok(());
        }
        Err(Throttled::new(StatusCode::SERVICE_UNAVAILABLE, left_ms))
    }

    fn admit_bytes(&mut self, now_ms: i64, who: &Caller) -> Result<(), Throttled> {
        let mut wait_ms = 0;
        for account in Account::egress(who) {
            let limit = self.limit(account, false);
            let window = self.charge(now_ms, account, 0);
            if window.used >= limit {
                wait_ms = wait_ms.max(window.start_ms + account.window_ms() - now_ms);
            }
        }
        if wait_ms == 0 {
            return Ok(());
        }
        let status = StatusCode::from_u16(509).unwrap_or(StatusCode::TOO_MANY_REQUESTS);
        Err(Throttled::new(status, wait_ms))
    }

    /// At least 1, however small the factor is.
    fn limit(&self, account: Account, decorated: bool) -> u64 {
        let tier = TIERS.get(self.setting.tier).unwrap_or(&TIERS[0]);
        let headroom = if decorated && account.favours_decorated() { DECORATED } else { 1.0 };
        let limit = account.limit(tier) as f64 * self.setting.factor * headroom;
        (limit.round() as u64).max(1)
    }

    /// Adds to what was used; returns the window as it was before.
    fn charge(&mut self, now_ms: i64, account: Account, cost: u64) -> Window {
        if self.windows.len() >= MAX_WINDOWS {
            self.windows.retain(|account, window| !window.is_over(now_ms, account.window_ms()));
        }
        let fresh = Window { start_ms: now_ms, used: 0 };
        let window = self.windows.entry(account).or_insert(fresh);
        if window.is_over(now_ms, account.window_ms()) {
            *window = fresh;
        }
        let before = *window;
        window.used = window.used.saturating_add(cost);
        before
    }
}

/// Whole seconds, so many that the wait is over after them.
fn seconds(ms: i64) -> i64 {
    ms.saturating_add(999).div_euclid(1_000).max(1)
}

/// The headers of [`RateLimit`].
const RATE_LIMIT: [HeaderName; 3] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
];

impl RateLimit {
    pub(crate) fn show(&self, headers: &mut HeaderMap) {
        let reset = self.reset_s.unsigned_abs();
        for (name, value) in RATE_LIMIT.into_iter().zip([self.limit, self.remaining, reset]) {
            headers.insert(name, HeaderValue::from(value));
        }
    }

    /// Takes the headers away again: the service does not send them unless that is switched on.
    pub(crate) fn hide(headers: &mut HeaderMap) {
        for name in &RATE_LIMIT {
            headers.remove(name);
        }
    }
}

impl Throttled {
    fn new(status: StatusCode, wait_ms: i64) -> Self {
        let retry_after_s = seconds(wait_ms);
        Self { status, retry_after_s, rate_limit: None, client_request_id: None }
    }

    fn of(self, asked: &HeaderMap) -> Self {
        Self { client_request_id: asked.get(CLIENT_REQUEST_ID).cloned(), ..self }
    }

    /// What the one that has to wait is answered.
    pub(crate) fn reply(&self, world: &World, service: Service, now_ms: i64) -> Reply {
        let asked = self.client_request_id.as_ref();
        let refusal = Refusal::new(world, service, asked, now_ms);
        let mut reply = refusal.reply(self.status, &Form::Service);
        let headers = reply.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(self.retry_after_s));
        if let Some(rate_limit) = self.rate_limit {
            rate_limit.show(headers);
        }
        reply.extensions_mut().insert(WasThrottled);
        reply
    }
}

/// Counts the bytes of one answer against somebody's allowance, at its end.
pub(crate) struct Meter {
    world: Arc<World>,
    caller: Caller,
    bytes: u64,
}

impl Meter {
    pub(crate) fn new(world: Arc<World>, caller: Caller) -> Self {
        Self { world, caller, bytes: 0 }
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.world.throttle.sent(self.world.clock.now_ms(), &self.caller, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: i64 = 1_767_691_800_000;
    const ANN: Caller = Caller {
        application: Guid::from_u128(1),
        directory: Guid::from_u128(2),
        user: Some(Guid::from_u128(3)),
    };
    const APP: Caller = Caller { user: None, ..ANN };

    fn admit(
        throttle: &Throttle,
        now_ms: i64,
        who: &Caller,
        units: u64,
    ) -> Result<Option<RateLimit>, Throttled> {
        throttle.admit(now_ms, who, units, &HeaderMap::new())
    }

    fn download(throttle: &Throttle, now_ms: i64) -> Result<Option<RateLimit>, Throttled> {
        throttle.admit_download(now_ms, &ANN, &HeaderMap::new())
    }

    fn throttle(factor: f64) -> Throttle {
        let throttle = Throttle::default();
        throttle.set(json!({ "factor": factor, "tier": 0 })).unwrap();
        throttle
    }

    /// How many calls of one unit are admitted at one time.
    fn admitted(throttle: &Throttle, now_ms: i64, who: &Caller) -> usize {
        (0..100_000).take_while(|_| admit(throttle, now_ms, who, 1).is_ok()).count()
    }

    fn refused(throttle: &Throttle, now_ms: i64) -> (u16, i64) {
        let throttled = admit(throttle, now_ms, &APP, 1).unwrap_err();
        (throttled.status.as_u16(), throttled.retry_after_s)
    }

    #[test]
    fn nothing_is_limited_until_it_is_set() {
        let throttle = Throttle::default();
        assert_eq!(admitted(&throttle, NOW_MS, &ANN), 100_000);
        assert_eq!(throttle.settings(), Value::Null);
    }

    /// Section 4: 1,250 a minute in the smallest tier; the others in proportion.
    #[test]
    fn an_application_has_its_allowance_a_minute_and_waits_for_the_rest_of_it() {
        let throttle = throttle(0.1);
        assert_eq!(admitted(&throttle, NOW_MS, &APP), 125);
        assert_eq!(refused(&throttle, NOW_MS + 20_500), (429, 40));
        assert_eq!(refused(&throttle, NOW_MS + 59_999), (429, 1));
        assert!(admit(&throttle, NOW_MS + 60_000, &APP, 1).is_ok());
        throttle.set(json!({"tier": 4})).unwrap();
        assert_eq!(admitted(&throttle, NOW_MS, &APP), 6_250);
    }

    #[test]
    fn allowances_are_apart_for_applications_and_directories() {
        let throttle = throttle(0.1);
        admitted(&throttle, NOW_MS, &APP);
        for other in [
            Caller { application: Guid::from_u128(9), ..APP },
            Caller { directory: Guid::from_u128(9), ..APP },
        ] {
            assert_eq!(admitted(&throttle, NOW_MS, &other), 125);
        }
    }

    /// Section 4: 18,750 in five minutes for all applications of a directory.
    #[test]
    fn a_directory_has_an_allowance_for_all_its_applications() {
        let throttle = throttle(0.1);
        let calls = (0..100).flat_map(|n| {
            // As many as the application itself may make.
            std::iter::repeat_n(Caller { application: Guid::from_u128(n), ..APP }, 125)
        });
        let admitted = calls.take_while(|who| admit(&throttle, NOW_MS, who, 1).is_ok()).count();
        assert_eq!(admitted, 1_875);
    }

    /// Section 4: 3,000 requests in five minutes.
    #[test]
    fn a_person_has_an_allowance_of_requests_whatever_they_cost() {
        let throttle = throttle(0.1);
        let mut now_ms = NOW_MS;
        let mut done = 0;
        for _ in 0..4 {
            done += admitted(&throttle, now_ms, &ANN);
            now_ms += 60_000;
        }
        // Of the refused calls before, each one counted too.
        assert!((297..=300).contains(&done), "{done}");
    }

    /// Section 4: throttled calls still count; persisting abuse is answered with 503 for long.
    #[test]
    fn an_application_that_does_not_stop_is_blocked() {
        let throttle = throttle(0.1);
        admitted(&throttle, NOW_MS, &APP);
        let refusals: Vec<u16> = (0..130).map(|_| refused(&throttle, NOW_MS).0).collect();
        assert_eq!(refusals.iter().filter(|status| **status == 429).count(), 123);
        assert_eq!(refused(&throttle, NOW_MS + 60_000), (503, 29 * 60));
        assert!(admit(&throttle, NOW_MS + BLOCK_MS, &APP, 1).is_ok());
    }

    /// Section 4: undecorated traffic is throttled first.
    #[test]
    fn decorated_traffic_is_refused_later() {
        let mut asked = HeaderMap::new();
        asked.insert(USER_AGENT, HeaderValue::from_static("ISV|Contoso|Sync/1.0"));
        let throttle = throttle(0.1);
        let calls = (0..1_000).take_while(|_| throttle.admit(NOW_MS, &APP, 1, &asked).is_ok());
        assert_eq!(calls.count(), 156);
    }

    #[test]
    fn the_rate_is_told_from_four_fifths_of_the_minute_on() {
        let throttle = throttle(0.1);
        let told = |throttle: &Throttle| admit(throttle, NOW_MS + 500, &APP, 1).unwrap();
        admit(&throttle, NOW_MS, &APP, 98).unwrap();
        assert_eq!(told(&throttle), None);
        let limit = RateLimit { limit: 125, remaining: 25, reset_s: 60 };
        assert_eq!(told(&throttle), Some(limit));
    }

    #[test]
    fn a_call_that_costs_more_than_is_left_is_still_admitted() {
        let throttle = throttle(0.000_001);
        assert!(admit(&throttle, NOW_MS, &APP, 5).is_ok());
        assert!(admit(&throttle, NOW_MS, &APP, 5).is_err());
    }

    /// Section 4: egress of 100 GB an hour and person.
    #[test]
    fn who_has_read_the_hours_bytes_gets_509_for_downloads_only() {
        let throttle = throttle(1.0);
        throttle.sent(NOW_MS, &ANN, 100 * GIB - 1);
        assert!(download(&throttle, NOW_MS).is_ok());
        throttle.sent(NOW_MS, &ANN, 1);
        let throttled = download(&throttle, NOW_MS).unwrap_err();
        assert_eq!((throttled.status.as_u16(), throttled.retry_after_s), (509, 3_600));
        assert!(admit(&throttle, NOW_MS, &ANN, 1).is_ok());
        assert!(download(&throttle, NOW_MS + HOUR_MS).is_ok());
    }

    #[test]
    fn a_clock_that_is_moved_back_opens_new_windows() {
        let throttle = throttle(0.1);
        admitted(&throttle, NOW_MS, &APP);
        assert_eq!(admitted(&throttle, NOW_MS - DAY_MS, &APP), 125);
    }

    #[test]
    fn a_setting_without_sense_is_refused() {
        for json in [
            json!({"factor": 0}),
            json!({"factor": -1}),
            json!({"tier": 5}),
            json!({"x": 1}),
            json!("a"),
        ] {
            assert!(Throttle::default().set(json.clone()).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_calls_at_any_times_are_judged(
            calls in proptest::collection::vec((0_i64..253_402_300_799_999, any::<u64>()), 0..40),
            factor in 1e-9..1e6,
        ) {
            let throttle = throttle(factor);
            for (now_ms, units) in calls {
                if let Err(throttled) = admit(&throttle, now_ms, &ANN, units) {
                    prop_assert!((1..=86_400).contains(&throttled.retry_after_s));
                }
                throttle.sent(now_ms, &ANN, units);
                let _ = download(&throttle, now_ms);
            }
        }
    }
}
