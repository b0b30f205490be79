//! Sign-ins that a session has begun: which answer belongs to which, and how each ended.
//!
//! An answer is matched by the `state` of the link that was given out, so it only ever reaches the
//! database whose sign-in was begun here; what another session began is not known.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::contract::{ErrorKind, PendingSignIn, SignInAnswer, SignInMethod, SignInOutcome};
use crate::database::Database;
use crate::error::RuntimeError;

/// How long a sign-in is waited for where its end cannot be told.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The sign-ins of one session. Clones are the same.
#[derive(Clone, Default)]
pub struct SignIns(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    settled: Vec<Settled>,
    /// Numbers the sign-ins: what a connector calls them is only for the connector.
    begun: u64,
}

struct Waiting {
    number: u64,
    database: Database,
    id: String,
    state: Option<String>,
    until: Instant,
    /// An answer is being looked at; another one would find it used.
    answered: bool,
}

/// How a sign-in ended.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The database's name.
    pub database: String,
    /// Done, or what went wrong; `None` if nobody came in time.
    pub outcome: Option<Result<(), Arc<RuntimeError>>>,
}

impl SignIns {
    /// Begins a sign-in. One by device code is asked about in the background until it ends, for
    /// which this has to run in a Tokio runtime.
    ///
    /// # Errors
    /// As [`Database::begin_sign_in`].
    pub async fn begin(
        &self,
        database: &Database,
        method: SignInMethod,
    ) -> Result<PendingSignIn, RuntimeError> {
        let pending = database.begin_sign_in(method).await?;
        let left = pending.expires_at.duration_since(database.now().await);
        let until = Instant::now() + left.unwrap_or_default().min(LONGEST_WAIT);
        let mut state = self.lock();
        state.waiting.retain(|other| !other.database.is(database));
        state.begun += 1;
        let number = state.begun;
        state.waiting.push(Waiting {
            number,
            database: database.clone(),
            id: pending.id.clone(),
            state: state_of(&pending.url),
            until,
            answered: false,
        });
        drop(state);
        if let Some(interval) = pending.poll_interval {
            tokio::spawn(self.clone().poll(number, database.clone(), pending.id.clone(), interval));
        }
        Ok(pending)
    }

    /// Forgets the sign-in to a database of which nothing came.
    pub fn forget(&self, database: &Database) {
        self.lock().waiting.retain(|waiting| !waiting.database.is(database));
        self.0.changed.notify_waiters();
    }

    /// Takes a redirect's query; returns the name of the database that is signed in to now.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchSignIn`], or what the connector reports.
    pub async fn complete(
        &self,
        query: Vec<(String, String)>,
    ) -> Result<String, Arc<RuntimeError>> {
        let state = query.iter().find(|(name, _)| name == "state").map(|(_, value)| value.as_str());
        let found = {
            let mut locked = self.lock();
            let now = Instant::now();
            let matches = |w: &&mut Waiting| {
                !w.answered && w.state.is_some() && w.state.as_deref() == state && w.until > now
            };
            locked.waiting.iter_mut().find(matches).map(|w| {
                w.answered = true;
                (w.number, w.database.clone(), w.id.clone())
            })
        };
        let (number, database, id) = found.ok_or(RuntimeError::NoSuchSignIn)?;
        let outcome = database.complete_sign_in(&id, SignInAnswer::Redirect(query)).await;
        match outcome {
            Ok(_) => {
                self.settle(number, Ok(()));
                Ok(database.name().to_owned())
            }
            Err(error) => {
                let error = Arc::new(error);
                if passes(&error) {
                    let mut state = self.lock();
                    let waiting = state.waiting.iter_mut().find(|w| w.number == number);
                    waiting.into_iter().for_each(|waiting| waiting.answered = false);
                } else {
                    self.settle(number, Err(Arc::clone(&error)));
                }
                Err(error)
            }
        }
    }

    /// The databases that wait for somebody to sign in.
    pub fn databases(&self) -> Vec<String> {
        self.lock().waiting.iter().map(|waiting| waiting.database.name().to_owned()).collect()
    }

    /// What has ended since this was last asked.
    pub fn take_settled(&self) -> Vec<Settled> {
        let mut state = self.lock();
        state.expire();
        std::mem::take(&mut state.settled)
    }

    /// Waits until no sign-in is waited for any more, and tells how they ended.
    pub async fn settled(&self) -> Vec<Settled> {
        loop {
            let changed = self.0.changed.notified();
            let first = {
                let mut state = self.lock();
                state.expire();
                match state.waiting.iter().map(|waiting| waiting.until).min() {
                    None => return std::mem::take(&mut state.settled),
                    Some(until) => until,
                }
            };
            let _ = tokio::time::timeout_at(first, changed).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_waiting(&self, number: u64) -> bool {
        let now = Instant::now();
        self.lock().waiting.iter().any(|waiting| waiting.number == number && waiting.until > now)
    }

    fn settle(&self, number: u64, outcome: Result<(), Arc<RuntimeError>>) {
        self.lock().settle(number, Some(outcome));
        self.0.changed.notify_waiters();
    }

    async fn poll(self, number: u64, database: Database, id: String, mut interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            if !self.is_waiting(number) {
                return;
            }
            match database.complete_sign_in(&id, SignInAnswer::Poll).await {
                Ok(SignInOutcome::Done) => return self.settle(number, Ok(())),
                Ok(SignInOutcome::Pending(pending)) => {
                    interval = pending.poll_interval.unwrap_or(interval);
                }
                Err(error) if passes(&error) => {}
                Err(error) => return self.settle(number, Err(Arc::new(error))),
            }
        }
    }
}

impl State {
    fn settle(&mut self, number: u64, outcome: Option<Result<(), Arc<RuntimeError>>>) {
        let found = self.waiting.iter().position(|waiting| waiting.number == number);
        let Some(at) = found else { return };
        let database = self.waiting.swap_remove(at).database.name().to_owned();
        self.settled.push(Settled { database, outcome });
    }

    /// Lets go of those that nobody has answered in time. One that is being answered ends by that.
    fn expire(&mut self) {
        let now = Instant::now();
        let late = self.waiting.iter().filter(|w| w.until <= now && !w.answered);
        for number in late.map(|waiting| waiting.number).collect::<Vec<_>>() {
            self.settle(number, None);
        }
    }
}

impl std::fmt::Debug for SignIns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignIns").field("databases", &self.databases()).finish_non_exhaustive()
    }
}

/// Whether the same answer may count a moment later.
fn passes(error: &RuntimeError) -> bool {
    match error {
        RuntimeError::Connector(error) => {
            matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
        }
        RuntimeError::Busy { .. } | RuntimeError::Deadline { .. } => true,
        _ => false,
    }
}

/// OAuth's `state` in a link. It is made of letters that need no decoding.
fn state_of(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("state=")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_link_is_found_among_its_parameters() {
        let url = "https://login.example/a/authorize?client_id=1&state=Xy-_9&scope=state%3D";
        assert_eq!(state_of(url).as_deref(), Some("Xy-_9"));
        assert_eq!(state_of("https://login.example/device"), None);
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_is_refused() {
        let query = vec![("state".to_owned(), "x".to_owned())];
        let error = SignIns::default().complete(query).await.unwrap_err();
        assert!(matches!(*error, RuntimeError::NoSuchSignIn));
        assert!(SignIns::default().settled().await.is_empty());
    }
}
