//! Sign-ins and findings: what goes in, and what may come out.

use std::time::Duration;

use super::authorization::{
    Finding, FindingState, PendingSignIn, SignInAnswer, SignInMethod, SignInOutcome,
};
use super::check::{Checked, Checker, actor};
use crate::bindings::optional::exports::platform::datasource::{authorization, diagnostics};

/// Bytes of an authorize URL.
const URL: usize = 16 << 10;
/// Findings of one look at a connection.
const FINDINGS: usize = 100;

pub(crate) fn sign_in_method(method: SignInMethod) -> authorization::Method {
    match method {
        SignInMethod::Code { redirect_uri } => authorization::Method::Code(redirect_uri),
        SignInMethod::Device => authorization::Method::Device,
        SignInMethod::AdminConsent { redirect_uri } => {
            authorization::Method::AdminConsent(redirect_uri)
        }
    }
}

pub(crate) fn sign_in_answer(answer: SignInAnswer) -> authorization::Answer {
    match answer {
        SignInAnswer::Redirect(query) => authorization::Answer::Redirect(query),
        SignInAnswer::Poll => authorization::Answer::Poll,
    }
}

impl Checker {
    pub(crate) fn pending(self, pending: authorization::Pending) -> Checked<PendingSignIn> {
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !pending.url.starts_with("https://") || !plain(&pending.url) || pending.url.len() > URL {
            return self.broken("the link of a sign-in is no https URL");
        }
        let interval = pending.poll_interval_ms.map(u64::from);
        Ok(PendingSignIn {
            id: self.sentence("the id of a sign-in", pending.id)?,
            url: pending.url,
            user_code: Self::optional(pending.user_code, |code| self.sentence("a code", code))?,
            expires_at: self.time(pending.expires_at)?,
            // Never so often that it would be noticed.
            poll_interval: interval.map(|ms| Duration::from_millis(ms.clamp(1_000, 600_000))),
            message: self.sentence("the message of a sign-in", pending.message)?,
        })
    }

    pub(crate) fn outcome(self, outcome: authorization::Outcome) -> Checked<SignInOutcome> {
        Ok(match outcome {
            authorization::Outcome::Pending(pending) => {
                SignInOutcome::Pending(self.pending(pending)?)
            }
            authorization::Outcome::Done => SignInOutcome::Done,
        })
    }

    pub(crate) fn findings(self, findings: Vec<diagnostics::Finding>) -> Checked<Vec<Finding>> {
        self.list("findings", findings, FINDINGS, |finding| {
            Ok(Finding {
                check: self.sentence("a finding's check", finding.check)?,
                state: match finding.state {
                    diagnostics::FindingState::Ok => FindingState::Ok,
                    diagnostics::FindingState::Warning => FindingState::Warning,
                    diagnostics::FindingState::Failed => FindingState::Failed,
                    diagnostics::FindingState::Skipped => FindingState::Skipped,
                },
                evidence: self.sentence("a finding's evidence", finding.evidence)?,
                actor: finding.actor.map(actor),
                hint: Self::optional(finding.hint, |hint| self.sentence("a hint", hint))?,
            })
        })
    }
}
