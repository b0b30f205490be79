//! The credential's life: where it is kept, when it is refreshed, who does it.
//!
//! [`StoredCredential`] serves a resumed connection: it reads the record in
//! the store at every use, so that ALTER takes effect in running instances,
//! and refreshes under a lease, so that many instances refresh once.
//! [`CandidateCredential`] serves `connect` and `alter-params`: it lives in
//! memory until it has proved itself.

mod app;
pub(crate) mod entra;
pub(crate) mod scopes;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use self::app::App;
use self::entra::{Grant, Granted, Traded};
use crate::error::{Actor, Error, ErrorKind, Result};
use crate::graph::GraphFailure;
use crate::lease::Lease;
use crate::params::{Change, GrantType, ParamChanges, Settings};
use crate::ports::{LocalFuture, TimestampMs};
use crate::record::{Record, Records};
use crate::secret::Secret;
use crate::sender::{Deadline, LONGEST_RETRY_AFTER, Sender, millis};

/// A token this close to its end is renewed though it still works.
const REFRESH_WINDOW_MS: i64 = 300_000;
/// How long a renewal may take while the old token still works.
const RENEWAL_MS: i64 = 10_000;
/// How long an access token is taken to live when nothing tells.
const DEFAULT_LIFETIME_MS: i64 = 3_600_000;
/// How many waits that the token endpoint asks for are waited out.
const WAITS: u32 = 3;
/// Who refreshes.
const LEASE: &str = "refresh-lease";
/// How often those who wait for another's refresh look again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// The tokens in hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access: Option<Secret>,
    pub(crate) refresh: Option<Secret>,
    pub(crate) expires_at: Option<TimestampMs>,
    /// As the token endpoint named them.
    pub(crate) scopes: Vec<String>,
    /// What a challenge of Graph asked for, to be carried in the next sign-in.
    #[serde(default)]
    pub(crate) claims: Option<String>,
    /// Why the refresh token was refused for good, so that nobody asks again.
    pub(crate) refused: Option<Refusal>,
}

/// A final refusal, kept until the parameters change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) message: String,
    pub(crate) hint: String,
    pub(crate) code: Option<String>,
    pub(crate) claims: Option<String>,
    pub(crate) actor: Actor,
    /// Of the application that was refused.
    #[serde(default)]
    pub(crate) app: String,
}

impl Tokens {
    /// Takes over what a statement gives.
    pub(crate) fn apply(&mut self, changes: &mut ParamChanges, now: TimestampMs) {
        let new_access = matches!(changes.access_token, Change::Set(_));
        match std::mem::take(&mut changes.access_token) {
            Change::Keep => {}
            Change::Remove => (self.access, self.expires_at) = (None, None),
            Change::Set(token) => {
                let exp = entra::expiry_of(&token);
                self.expires_at = Some(exp.unwrap_or(now + DEFAULT_LIFETIME_MS));
                self.scopes = entra::scopes_of(&token);
                self.access = Some(token);
                self.claims = None;
            }
        }
        match std::mem::take(&mut changes.refresh_token) {
            Change::Keep => {}
            Change::Remove => self.refresh = None,
            Change::Set(token) => {
                self.refresh = Some(token);
                if !new_access {
                    // The old access token would vouch for whoever the new one belongs to.
                    self.forget_access();
                }
            }
        }
        match (std::mem::take(&mut changes.expires_at), &self.access) {
            (Change::Set(expires_at), _) => self.expires_at = Some(expires_at),
            // What was said of the token is taken back: again it speaks for itself.
            (Change::Remove, Some(token)) if !new_access => {
                self.expires_at =
                    Some(entra::expiry_of(token).unwrap_or(now + DEFAULT_LIFETIME_MS));
            }
            _ => {}
        }
        self.refused = None;
    }

    /// Whether there is any token to begin with.
    pub(crate) fn is_empty(&self) -> bool {
        self.access.is_none() && self.refresh.is_none()
    }

    /// Drops the access token, so that the refresh token has to prove itself.
    pub(crate) fn forget_access(&mut self) {
        (self.access, self.expires_at) = (None, None);
    }

    /// Whether both hold the same tokens until the same time.
    pub(crate) fn same_tokens(&self, other: &Self) -> bool {
        (&self.access, &self.refresh, self.expires_at)
            == (&other.access, &other.refresh, other.expires_at)
    }

    /// Takes over what the token endpoint gave; without a new refresh token the old one stays.
    pub(crate) fn take_over(&mut self, granted: Granted, now: TimestampMs) {
        self.access = Some(granted.access);
        if let Some(newest) = granted.refresh {
            self.refresh = Some(newest);
        }
        self.expires_at = Some(now + granted.lifetime_ms);
        if !granted.scopes.is_empty() {
            self.scopes = granted.scopes;
        }
        self.refused = None;
    }

    fn freshness(&self, now: TimestampMs) -> Freshness {
        match (&self.access, self.expires_at) {
            (Some(token), Some(end)) if now < end.saturating_sub(REFRESH_WINDOW_MS) => {
                Freshness::Fresh(token.clone())
            }
            (Some(token), Some(end)) if now < end => Freshness::Ending(token.clone()),
            _ => Freshness::Over,
        }
    }
}

/// Gets new tokens for a connection: by its refresh token, or by the application alone.
async fn renew(
    sender: &Sender,
    settings: &Settings,
    tokens: &Tokens,
    deadline: Deadline,
) -> Result<Granted> {
    let app = App::of(settings, sender.ports())?;
    let grant = match (settings.grant(), &tokens.refresh) {
        (GrantType::ClientCredentials, _) => Grant::Application,
        (given_by, Some(token)) => Grant::Refresh { token, given_by },
        (given_by, None) => {
            return Err(Error::new(
                ErrorKind::AuthRequired,
                "The access token has expired, and there is no refresh token to renew it with.",
            )
            .hint(Traded::RefreshToken(given_by).again()));
        }
    };
    entra::trade(sender, &app, settings, &grant, deadline).await
}

/// Whether new tokens can be had without a person.
fn renewable(settings: &Settings, tokens: &Tokens) -> bool {
    tokens.refresh.is_some() || settings.grant() == GrantType::ClientCredentials
}

enum Freshness {
    Fresh(Secret),
    /// Works, but is to be renewed.
    Ending(Secret),
    Over,
}

/// Where the Graph client gets its bearer.
pub(crate) trait BearerSource {
    /// A token that should work now.
    fn token(&self, deadline: Deadline) -> LocalFuture<'_, Result<Secret>>;

    /// Another token than one that was answered 401, or the error to report.
    fn replace<'a>(
        &'a self,
        refused: &'a Secret,
        failure: GraphFailure,
        deadline: Deadline,
    ) -> LocalFuture<'a, Result<Secret>>;
}

/// Tokens that are not in the store yet.
pub(crate) struct CandidateCredential {
    pub(crate) settings: Settings,
    pub(crate) tokens: RefCell<Tokens>,
    pub(crate) sender: Sender,
}

impl CandidateCredential {
    async fn refresh(&self, deadline: Deadline) -> Result<Secret> {
        let tokens = self.tokens.borrow().clone();
        let granted = renew(&self.sender, &self.settings, &tokens, deadline).await?;
        let access = granted.access.clone();
        self.tokens.borrow_mut().take_over(granted, self.sender.ports().clock.now());
        Ok(access)
    }
}

impl BearerSource for CandidateCredential {
    fn token(&self, deadline: Deadline) -> LocalFuture<'_, Result<Secret>> {
        Box::pin(async move {
            let now = self.sender.ports().clock.now();
            let freshness = self.tokens.borrow().freshness(now);
            match freshness {
                Freshness::Fresh(token) | Freshness::Ending(token) => Ok(token),
                Freshness::Over => self.refresh(deadline).await,
            }
        })
    }

    fn replace<'a>(
        &'a self,
        _refused: &'a Secret,
        failure: GraphFailure,
        deadline: Deadline,
    ) -> LocalFuture<'a, Result<Secret>> {
        Box::pin(async move {
            if !renewable(&self.settings, &self.tokens.borrow()) {
                return Err(failure.into_error());
            }
            self.refresh(deadline).await
        })
    }
}

/// The tokens of a connection in the store.
pub(crate) struct StoredCredential {
    pub(crate) records: Rc<Records>,
    pub(crate) sender: Sender,
}

impl StoredCredential {
    /// Refreshes if the lease can be had; `None` means that another holds it.
    ///
    /// `stale` is the access token that shall not be used any more.
    async fn refresh(&self, stale: Option<&Secret>, deadline: Deadline) -> Result<Option<Secret>> {
        let Some(mut lease) = Lease::take(self.sender.ports(), LEASE)? else {
            return Ok(None);
        };
        let mut waits = 0;
        loop {
            // Somebody may have refreshed, or altered the parameters, since we looked.
            let record = self.records.load()?;
            if let Some(newer) = &record.tokens.access
                && stale.is_some_and(|stale| stale != newer)
            {
                return Ok(Some(newer.clone()));
            }
            let within = lease.deadline(deadline);
            let clock = &self.sender.ports().clock;
            // The wait took longer than was asked for, as when a machine sleeps.
            let now = clock.now();
            if within.forbids(now) && !deadline.forbids(now) {
                return Ok(None);
            }
            let answer = renew(&self.sender, &record.settings, &record.tokens, within).await;
            // Told to wait for longer than the lease lasts, but not than the caller would.
            let wait = answer.as_ref().err().and_then(|error| error.retry_after);
            let wait = wait.filter(|wait| {
                let end = clock.now().saturating_add(millis(*wait));
                waits < WAITS
                    && *wait <= LONGEST_RETRY_AFTER
                    && within.forbids(end)
                    && !deadline.forbids(end)
            });
            let Some(wait) = wait else { return self.settle(&record, answer).map(Some) };
            if !lease.extend(wait)? {
                return Ok(None);
            }
            clock.sleep(wait).await;
            waits += 1;
        }
    }

    /// Writes what the token endpoint answered.
    fn settle(&self, record: &Record, answer: Result<Granted>) -> Result<Secret> {
        let now = self.sender.ports().clock.now();
        match answer {
            Ok(granted) => {
                let access = granted.access.clone();
                self.records.update(|present| {
                    // Where ALTER came in between, its tokens are the newer ones.
                    if present.tokens.same_tokens(&record.tokens) {
                        present.tokens.take_over(granted.clone(), now);
                    }
                })?;
                Ok(access)
            }
            Err(error) => {
                if let Some(mut refusal) = entra::refusal_of(&error) {
                    refusal.app = App::of(&record.settings, self.sender.ports())?.fingerprint();
                    self.records.update(|present| {
                        if present.generation == record.generation {
                            present.tokens.refused = Some(refusal.clone());
                        }
                    })?;
                }
                Err(error)
            }
        }
    }

    /// Refreshes, or waits until whoever holds the lease has.
    async fn refresh_or_wait(&self, stale: &Secret, deadline: Deadline) -> Result<Secret> {
        loop {
            if let Some(token) = self.refresh(Some(stale), deadline).await? {
                return Ok(token);
            }
            let record = self.records.load()?;
            self.refused_for_good(&record)?;
            match record.tokens.access {
                Some(newer) if newer != *stale => return Ok(newer),
                _ => self.wait(deadline).await?,
            }
        }
    }

    /// The remembered refusal, without asking the service again.
    fn refused_for_good(&self, record: &Record) -> Result<()> {
        let Some(refusal) = &record.tokens.refused else { return Ok(()) };
        let app = App::of(&record.settings, self.sender.ports())?;
        // An administrator has put another application in its place meanwhile.
        if app.from_host && app.fingerprint() != refusal.app {
            return Ok(());
        }
        Err(entra::error_of(refusal))
    }

    async fn wait(&self, deadline: Deadline) -> Result<()> {
        let clock = &self.sender.ports().clock;
        deadline.check(clock.now())?;
        clock.sleep(LOOK_AGAIN).await;
        Ok(())
    }
}

impl BearerSource for StoredCredential {
    fn token(&self, deadline: Deadline) -> LocalFuture<'_, Result<Secret>> {
        Box::pin(async move {
            loop {
                let record = self.records.load()?;
                let now = self.sender.ports().clock.now();
                match record.tokens.freshness(now) {
                    Freshness::Fresh(token) => return Ok(token),
                    Freshness::Ending(token) if !renewable(&record.settings, &record.tokens) => {
                        return Ok(token);
                    }
                    // The old one still works, so neither a busy lease nor a
                    // failure stops anybody yet, and nobody waits long.
                    Freshness::Ending(token) => {
                        let end = now.saturating_add(RENEWAL_MS);
                        let soon = Deadline(Some(deadline.0.map_or(end, |at| at.min(end))));
                        let renewed = match self.refused_for_good(&record) {
                            Err(_) => None,
                            Ok(()) => self.refresh(Some(&token), soon).await.ok().flatten(),
                        };
                        return Ok(renewed.unwrap_or(token));
                    }
                    Freshness::Over => {
                        self.refused_for_good(&record)?;
                        let stale = record.tokens.access.as_ref();
                        if let Some(token) = self.refresh(stale, deadline).await? {
                            return Ok(token);
                        }
                        self.wait(deadline).await?;
                    }
                }
            }
        })
    }

    fn replace<'a>(
        &'a self,
        refused: &'a Secret,
        failure: GraphFailure,
        deadline: Deadline,
    ) -> LocalFuture<'a, Result<Secret>> {
        Box::pin(async move {
            let record = self.records.load()?;
            if let Some(claims) = failure.claims()
                && record.tokens.claims.as_deref() != Some(claims)
            {
                self.records.update(|record| record.tokens.claims = Some(claims.to_owned()))?;
            }
            match &record.tokens.access {
                Some(newer) if newer != refused => return Ok(newer.clone()),
                _ => {}
            }
            self.refused_for_good(&record)?;
            if !renewable(&record.settings, &record.tokens) {
                return Err(failure.into_error());
            }
            self.refresh_or_wait(refused, deadline).await
        })
    }
}
