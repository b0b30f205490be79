//! Device codes: what a device waits for while a person signs in elsewhere. (7.3, 7.5)

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::scope::Asked;
use super::tokens::hash;
use crate::cloud::Instance;
use crate::guid::Guid;

/// From issue to death of a device code.
pub(super) const LIFETIME_MS: i64 = 15 * 60 * 1_000;
/// The oldest make room for newer ones.
const MOST: usize = 1_000;

/// What a device was told, and what the person answered.
#[derive(Clone)]
pub(super) struct DeviceCode {
    /// SHA-256 in base64 of the code that the device polls with.
    sha256: String,
    user_code: String,
    /// Where it was issued.
    pub(super) instance: Instance,
    pub(super) client_id: Guid,
    pub(super) asked: Asked,
    pub(super) issued_ms: i64,
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Approved(Guid),
    Declined,
    Redeemed,
}

/// All device codes. No `Debug`: who reads a user code can answer it.
#[derive(Default)]
pub(crate) struct DeviceCodes(Mutex<Vec<DeviceCode>>);

impl DeviceCodes {
    /// A person enters a code and accepts. False if no device waits with this code.
    pub(crate) fn approve(&self, user_code: &str, user: Guid) -> bool {
        self.answer(user_code, State::Approved(user))
    }

    /// A person enters a code and presses cancel. False if no device waits with this code.
    pub(crate) fn decline(&self, user_code: &str) -> bool {
        self.answer(user_code, State::Declined)
    }

    pub(super) fn keep(&self, device_code: &str, code: DeviceCode) {
        let mut codes = self.codes();
        if codes.len() >= MOST {
            codes.remove(0);
        }
        codes.push(DeviceCode { sha256: hash(device_code), ..code });
    }

    pub(super) fn find(&self, device_code: &str) -> Option<DeviceCode> {
        let sha256 = hash(device_code);
        self.codes().iter().find(|code| code.sha256 == sha256).cloned()
    }

    /// The code that a person reads off the device, if it still waits.
    pub(super) fn waiting(&self, user_code: &str, now_ms: i64) -> Option<DeviceCode> {
        let codes = self.codes();
        let found = codes.iter().find(|code| code.is_waiting_for(user_code)).cloned();
        found.filter(|code| now_ms < code.issued_ms + LIFETIME_MS)
    }

    /// Uses a code up; false if that was done before.
    pub(super) fn redeem(&self, device_code: &str) -> bool {
        let sha256 = hash(device_code);
        let mut codes = self.codes();
        codes.iter_mut().find(|code| code.sha256 == sha256).is_some_and(|code| {
            std::mem::replace(&mut code.state, State::Redeemed) != State::Redeemed
        })
    }

    fn answer(&self, user_code: &str, state: State) -> bool {
        let mut codes = self.codes();
        let waiting = codes.iter_mut().find(|code| code.is_waiting_for(user_code));
        waiting.map(|code| code.state = state).is_some()
    }

    fn codes(&self) -> MutexGuard<'_, Vec<DeviceCode>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceCode {
    /// A code that waits for a person.
    pub(super) fn new(
        user_code: &str,
        instance: Instance,
        client_id: Guid,
        asked: Asked,
        now_ms: i64,
    ) -> Self {
        Self {
            sha256: String::new(),
            user_code: user_code.to_owned(),
            instance,
            client_id,
            asked,
            issued_ms: now_ms,
            state: State::Waiting,
        }
    }

    /// People type codes in either case and with spaces.
    fn is_waiting_for(&self, user_code: &str) -> bool {
        self.state == State::Waiting && self.user_code.eq_ignore_ascii_case(user_code.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 7.3.
    #[test]
    fn a_device_code_is_answered_once_and_redeemed_once() {
        let codes = DeviceCodes::default();
        let (instance, asked) = (Instance::Global, Asked::default());
        codes.keep("device", DeviceCode::new("ABCD2345X", instance, Guid::NIL, asked, 0));
        assert!(!codes.approve("OTHER", Guid::NIL));
        assert!(codes.waiting("abcd2345x", 0).is_some());
        assert!(codes.waiting("abcd2345x", LIFETIME_MS).is_none());
        assert!(codes.approve(" abcd2345x ", Guid::NIL));
        assert!(!codes.decline("ABCD2345X"));
        assert!(codes.find("device").is_some_and(|code| code.state == State::Approved(Guid::NIL)));
        assert!(codes.redeem("device") && !codes.redeem("device"));
    }
}
