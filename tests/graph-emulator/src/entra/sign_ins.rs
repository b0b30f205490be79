//! Sign-ins under way: codes, device codes and pages that wait for an answer. In memory only, as
//! they live for minutes. (7.2, 7.3)

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::device_codes::DeviceCodes;
use super::pkce::Challenge;
use super::scope::Asked;
use super::tokens::{Grant, hash};
use crate::random::Random;

/// From issue to death of a code. (7.2)
const CODE_LIFETIME_MS: i64 = 10 * 60 * 1_000;
/// From showing a page to its answer.
const PAGE_LIFETIME_MS: i64 = 3_600 * 1_000;
/// The oldest make room for newer ones.
const MOST: usize = 10_000;

/// All sign-ins that are under way. Holds secrets, hence no `Debug`.
#[derive(Default)]
pub(crate) struct SignIns {
    /// Of devices, which the control API can answer for a person.
    pub(crate) device_codes: DeviceCodes,
    pub(super) codes: Codes,
    pub(super) pages: Pages,
}

/// What an authorization code stands for and is bound to.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) asked: Asked,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<Challenge>,
    pub(super) nonce: Option<String>,
    pub(super) issued_ms: i64,
}

/// What a code turns out to be.
pub(super) enum Found {
    Valid(Code),
    Redeemed(Code),
    Expired(Code),
    Unknown,
}

struct Kept {
    code: Code,
    redeemed: bool,
}

/// Authorization codes, by their hashes.
#[derive(Default)]
pub(super) struct Codes(Mutex<HashMap<String, Kept>>);

impl Codes {
    pub(super) fn keep(&self, text: &str, code: Code) {
        let mut codes = self.codes();
        if codes.len() >= MOST {
            let oldest = codes.iter().min_by_key(|(_, kept)| kept.code.issued_ms);
            if let Some(oldest) = oldest.map(|(hash, _)| hash.clone()) {
                codes.remove(&oldest);
            }
        }
        codes.insert(hash(text), Kept { code, redeemed: false });
    }

    pub(super) fn find(&self, text: &str, now_ms: i64) -> Found {
        match self.codes().get(&hash(text)) {
            None => Found::Unknown,
            Some(kept) if kept.redeemed => Found::Redeemed(kept.code.clone()),
            Some(kept) if now_ms >= kept.code.issued_ms + CODE_LIFETIME_MS => {
                Found::Expired(kept.code.clone())
            }
            Some(kept) => Found::Valid(kept.code.clone()),
        }
    }

    /// Uses a code up; false if that was done before.
    pub(super) fn redeem(&self, text: &str) -> bool {
        let mut codes = self.codes();
        codes.get_mut(&hash(text)).is_some_and(|kept| !std::mem::replace(&mut kept.redeemed, true))
    }

    fn codes(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether text has the shape of an authorization code of either kind of account.
pub(super) fn is_code(text: &str) -> bool {
    let work = ["0.A", "1.A"].iter().any(|prefix| text.starts_with(prefix)) && text.len() >= 100;
    let personal = text.starts_with("M.C5") && text.len() >= 40;
    (work || personal) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-*!$".contains(&b))
}

/// Pages that were shown: an answer that does not come from one is forged.
#[derive(Default)]
pub(super) struct Pages(Mutex<HashMap<String, Page>>);

struct Page {
    purpose: String,
    shown_ms: i64,
}

impl Pages {
    /// The secret of a new page for one purpose.
    pub(super) fn show(&self, random: &Random, purpose: &str, now_ms: i64) -> String {
        let secret =
            random.text::<43>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
        let mut pages = self.pages();
        pages.retain(|_, page| now_ms < page.shown_ms + PAGE_LIFETIME_MS);
        if pages.len() < MOST {
            let page = Page { purpose: purpose.to_owned(), shown_ms: now_ms };
            pages.insert(hash(&secret), page);
        }
        secret
    }

    /// Whether such a page was shown and not answered yet.
    pub(super) fn answer(&self, secret: &str, purpose: &str, now_ms: i64) -> bool {
        let page = self.pages().remove(&hash(secret));
        page.is_some_and(|page| {
            page.purpose == purpose && now_ms < page.shown_ms + PAGE_LIFETIME_MS
        })
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<String, Page>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cloud::Cloud;
    use crate::guid::Guid;
    use crate::population::Scopes;

    fn code() -> Code {
        Code {
            grant: Grant::app_only(Guid::NIL, Guid::NIL, Scopes::default(), Cloud::Global),
            asked: Asked::default(),
            redirect_uri: String::new(),
            challenge: None,
            nonce: None,
            issued_ms: 0,
        }
    }

    /// Section 7.2: single use, ten minutes.
    #[test]
    fn a_code_is_good_once_and_for_ten_minutes() {
        let codes = Codes::default();
        codes.keep("a", code());
        assert!(matches!(codes.find("a", CODE_LIFETIME_MS - 1), Found::Valid(_)));
        assert!(matches!(codes.find("a", CODE_LIFETIME_MS), Found::Expired(_)));
        assert!(codes.redeem("a") && !codes.redeem("a"));
        assert!(matches!(codes.find("a", 0), Found::Redeemed(_)));
        assert!(matches!(codes.find("b", 0), Found::Unknown) && !codes.redeem("b"));
    }

    #[test]
    fn a_page_is_answered_once_and_for_its_purpose() {
        let (pages, random) = (Pages::default(), Random::new(Some("1")));
        let secret = pages.show(&random, "authorize", 0);
        assert!(!pages.answer("other", "authorize", 0));
        assert!(pages.answer(&secret, "authorize", 0));
        assert!(!pages.answer(&secret, "authorize", 0));
        let secret = pages.show(&random, "authorize", 0);
        assert!(!pages.answer(&secret, "device", 0));
    }

    proptest! {
        #[test]
        fn any_text_is_a_code_or_none(text in ".*") {
            prop_assert!(!is_code(&text) || text.is_ascii());
        }
    }
}
