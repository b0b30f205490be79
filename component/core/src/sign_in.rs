//! A person signing in: by authorization code with PKCE, by device code; and an administrator
//! consenting for a whole directory.
//!
//! [`Connection::begin_sign_in`] keeps what only the connector may know (state, verifier, device
//! code) in the connection's bucket; [`Connection::complete_sign_in`] takes it out again by
//! compare-and-swap, so that an answer counts once. The latest sign-in is the only one under way.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::connection::Connection;
use crate::contract::{PendingSignIn, SignInAnswer, SignInMethod, SignInOutcome};
use crate::credential::entra::{self, Grant, Granted, form};
use crate::credential::{App, Tokens, scopes};
use crate::error::{Actor, Error, ErrorKind, Result};
use crate::params::{GrantType, Settings, invalid, is_redirect_uri};
use crate::ports::{Bucket, Ports, TimestampMs};
use crate::record::Record;
use crate::secret::Secret;
use crate::sender::{Deadline, Sender};
use crate::verification::{pause_key, verify};

const KEY: &str = "sign-in";
/// How long a link may be used. The code that comes back lives ten minutes by itself.
const LINK_LIFETIME_MS: i64 = 15 * 60 * 1000;
/// What a service that asks to be left alone longer adds to the interval.
const SLOW_DOWN_MS: u32 = 5000;
/// Where a code that was obtained elsewhere came back to, unless the parameters say.
const REDIRECT_URI: &str = "http://localhost:47334/verify-auth";

/// A sign-in under way, as it is kept.
#[derive(Clone, Serialize, Deserialize)]
struct SignIn {
    id: String,
    url: String,
    message: String,
    expires_at: TimestampMs,
    proof: Proof,
}

/// What the answer is held against.
#[derive(Clone, Serialize, Deserialize)]
enum Proof {
    Code { state: Secret, verifier: Secret, redirect_uri: String },
    Device { device_code: Secret, user_code: String, interval_ms: u32 },
    AdminConsent { state: Secret },
}

impl SignIn {
    fn pending(&self) -> PendingSignIn {
        let (user_code, poll_interval_ms) = match &self.proof {
            Proof::Device { user_code, interval_ms, .. } => {
                (Some(user_code.clone()), Some(*interval_ms))
            }
            _ => (None, None),
        };
        PendingSignIn {
            id: self.id.clone(),
            url: self.url.clone(),
            user_code,
            expires_at: self.expires_at,
            poll_interval_ms,
            message: self.message.clone(),
        }
    }
}

impl Connection {
    /// Begins a sign-in; one that was under way is forgotten.
    pub async fn begin_sign_in(&self, method: SignInMethod) -> Result<PendingSignIn> {
        let record = self.records.load()?;
        let app = App::of(&record.settings, self.ports())?;
        let consent = matches!(method, SignInMethod::AdminConsent { .. });
        if record.settings.grant() == GrantType::ClientCredentials && !consent {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "Nobody signs in to this connection: the application reads by itself.",
            ));
        }
        let sign_in = match method {
            SignInMethod::Code { redirect_uri } => self.code(&record, &app, redirect_uri)?,
            SignInMethod::Device => self.device(&record, &app).await?,
            SignInMethod::AdminConsent { redirect_uri } => {
                self.admin_consent(&record, &app, redirect_uri)?
            }
        };
        let bytes = serde_json::to_vec(&sign_in)
            .map_err(|_| Error::new(ErrorKind::Internal, "A sign-in is no JSON."))?;
        self.ports().store.set(Bucket::Connection, KEY, &bytes)?;
        Ok(sign_in.pending())
    }

    fn code(&self, record: &Record, app: &App, redirect_uri: String) -> Result<SignIn> {
        check_redirect(&redirect_uri)?;
        let (state, verifier) = (self.unguessable(), self.unguessable());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()));
        let mut query = vec![
            ("client_id", app.id()?.to_owned()),
            ("response_type", "code".to_owned()),
            ("redirect_uri", redirect_uri.clone()),
            ("response_mode", "query".to_owned()),
            ("scope", record.settings.asked_scopes()),
            ("state", state.expose().to_owned()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".to_owned()),
        ];
        let known = record.verified.as_ref().and_then(|v| v.identity.email.clone());
        query.push(match known {
            Some(email) => ("login_hint", email),
            None => ("prompt", "select_account".to_owned()),
        });
        // What Entra ID or Graph asked for when they refused the last token.
        let refused = record.tokens.refused.as_ref().and_then(|refusal| refusal.claims.clone());
        if let Some(claims) = refused.or_else(|| record.tokens.claims.clone()) {
            query.push(("claims", claims));
        }
        Ok(SignIn {
            id: self.name()?,
            url: url(app, "oauth2/v2.0/authorize", &query),
            message: "Open the link and sign in; the database is ready once that is done."
                .to_owned(),
            expires_at: self.ports().clock.now() + LINK_LIFETIME_MS,
            proof: Proof::Code { state, verifier, redirect_uri },
        })
    }

    async fn device(&self, record: &Record, app: &App) -> Result<SignIn> {
        let sender = self.sender(record, Rc::default());
        let code = entra::device_code(&sender, app, &record.settings, Deadline::default()).await?;
        Ok(SignIn {
            id: self.name()?,
            message: format!(
                "Open {} on any device, type the code {} and sign in.",
                code.verification_uri, code.user_code
            ),
            url: code.verification_uri,
            expires_at: self.ports().clock.now() + code.lifetime_ms,
            proof: Proof::Device {
                device_code: code.device_code,
                user_code: code.user_code,
                interval_ms: code.interval_ms,
            },
        })
    }

    fn admin_consent(&self, record: &Record, app: &App, redirect_uri: String) -> Result<SignIn> {
        check_redirect(&redirect_uri)?;
        let state = self.unguessable();
        let query = vec![
            ("client_id", app.id()?.to_owned()),
            ("scope", record.settings.asked_scopes()),
            ("redirect_uri", redirect_uri),
            ("state", state.expose().to_owned()),
        ];
        let mut app = app.clone();
        if app.directory.eq_ignore_ascii_case("common") {
            "organizations".clone_into(&mut app.directory);
        }
        Ok(SignIn {
            id: self.name()?,
            url: url(&app, "v2.0/adminconsent", &query),
            message: "Have an administrator of the directory open the link and accept.".to_owned(),
            expires_at: self.ports().clock.now() + LINK_LIFETIME_MS,
            proof: Proof::AdminConsent { state },
        })
    }

    /// Takes what the person's sign-in brought. A code that was traded for tokens does not count
    /// again; one that could not be, because the service was not at work, does.
    pub async fn complete_sign_in(&self, id: &str, answer: SignInAnswer) -> Result<SignInOutcome> {
        let (sign_in, bytes) = self.under_way(id)?;
        match (&sign_in.proof, answer) {
            (Proof::Code { state, verifier, redirect_uri }, SignInAnswer::Redirect(query)) => {
                let code = Secret::new(code_of(&query, state)?);
                self.take(&bytes)?;
                let verifier = Some(verifier);
                let grant = Grant::Code { code: &code, redirect_uri, verifier };
                let traded = self.trade(&grant).await;
                self.put_back_if_passing(&bytes, &traded)?;
                self.keep(traded?).await.map(|()| SignInOutcome::Done)
            }
            (Proof::Device { device_code, .. }, SignInAnswer::Poll) => {
                match self.trade(&Grant::Device { code: device_code }).await {
                    Ok(granted) => {
                        self.take(&bytes)?;
                        self.keep(granted).await.map(|()| SignInOutcome::Done)
                    }
                    Err(error) => self.still_waiting(sign_in, &bytes, error),
                }
            }
            (Proof::AdminConsent { state }, SignInAnswer::Redirect(query)) => {
                held_against(&query, state)?;
                if let Some(error) = error_of(&query) {
                    return Err(error);
                }
                self.take(&bytes).map(|()| SignInOutcome::Done)
            }
            (Proof::Device { .. }, SignInAnswer::Redirect(_)) => {
                Err(invalid("This sign-in waits for a code on another device, not for a redirect."))
            }
            (_, SignInAnswer::Poll) => Ok(SignInOutcome::Pending(sign_in.pending())),
        }
    }

    fn under_way(&self, id: &str) -> Result<(SignIn, Vec<u8>)> {
        let bytes = self.ports().store.get(Bucket::Connection, KEY)?.unwrap_or_default();
        let sign_in: Option<SignIn> = serde_json::from_slice(&bytes).ok();
        let sign_in = sign_in.filter(|sign_in| sign_in.id == id).ok_or_else(gone)?;
        if self.ports().clock.now() > sign_in.expires_at {
            return Err(Error::new(
                ErrorKind::AuthRequired,
                "The sign-in took too long, and its link has expired.",
            )
            .hint("Begin it again."));
        }
        Ok((sign_in, bytes))
    }

    /// Makes an answer count once.
    fn take(&self, bytes: &[u8]) -> Result<()> {
        let store = &self.ports().store;
        if store.compare_and_swap(Bucket::Connection, KEY, Some(bytes), b"")? {
            Ok(())
        } else {
            Err(gone())
        }
    }

    fn put_back_if_passing<T>(&self, bytes: &[u8], traded: &Result<T>) -> Result<()> {
        if let Err(Error { kind: ErrorKind::Unavailable | ErrorKind::Throttled, .. }) = traded {
            self.ports().store.compare_and_swap(Bucket::Connection, KEY, Some(b""), bytes)?;
        }
        Ok(())
    }

    fn still_waiting(
        &self,
        mut sign_in: SignIn,
        bytes: &[u8],
        error: Error,
    ) -> Result<SignInOutcome> {
        match (entra::waits_longer(&error), &mut sign_in.proof) {
            (Some(slower), Proof::Device { interval_ms, .. }) => {
                if slower {
                    *interval_ms = interval_ms.saturating_add(SLOW_DOWN_MS);
                    let slower = serde_json::to_vec(&sign_in).unwrap_or_else(|_| bytes.to_vec());
                    let store = &self.ports().store;
                    store.compare_and_swap(Bucket::Connection, KEY, Some(bytes), &slower)?;
                }
                Ok(SignInOutcome::Pending(sign_in.pending()))
            }
            // The next poll may find the service at work again.
            _ if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Throttled) => Err(error),
            _ => {
                self.take(bytes)?;
                Err(error)
            }
        }
    }

    async fn trade(&self, grant: &Grant<'_>) -> Result<Granted> {
        let record = self.records.load()?;
        let app = App::of(&record.settings, self.ports())?;
        let sender = self.sender(&record, Rc::default());
        entra::trade(&sender, &app, &record.settings, grant, Deadline::default()).await
    }

    /// Finds out whose tokens these are, and keeps them if it is who it was.
    async fn keep(&self, granted: Granted) -> Result<()> {
        let before = self.records.load()?;
        let tokens = signed_in(granted, self.ports().clock.now())?;
        let (tokens, mut verified) = verify(self.ports(), &before.settings, tokens).await?;
        if let Some(before) = &before.verified {
            verified.identity.continues(&before.identity)?;
        }
        self.write(&before, |record| {
            record.tokens = tokens.clone();
            record.verified = Some(verified.clone());
            record.awaiting = false;
        })
    }

    /// 256 bits that nobody else knows, in letters that a URL takes.
    fn unguessable(&self) -> Secret {
        let mut bytes = [0; 32];
        self.ports().random.fill(&mut bytes);
        Secret::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    fn name(&self) -> Result<String> {
        Ok(self.unguessable().expose().get(..22).unwrap_or_default().to_owned())
    }
}

/// Trades a code that was obtained elsewhere, and is given as a parameter.
pub(crate) async fn trade_code(
    ports: &Rc<Ports>,
    settings: &Settings,
    code: &Secret,
) -> Result<Tokens> {
    let app = App::of(settings, ports)?;
    let sender = Sender::new(Rc::clone(ports), Rc::default(), pause_key(&app));
    let redirect_uri = settings.redirect_uri.as_deref().unwrap_or(REDIRECT_URI);
    let grant = Grant::Code { code, redirect_uri, verifier: None };
    let granted = entra::trade(&sender, &app, settings, &grant, Deadline::default()).await?;
    signed_in(granted, ports.clock.now())
}

fn signed_in(granted: Granted, now: TimestampMs) -> Result<Tokens> {
    if granted.refresh.is_none() {
        return Err(scopes::no_offline_access());
    }
    let mut tokens = Tokens::default();
    tokens.take_over(granted, now);
    Ok(tokens)
}

fn url(app: &App, path: &str, query: &[(&'static str, String)]) -> String {
    let directory = crate::url::encode_segment(&app.directory);
    format!("https://{}/{directory}/{path}?{}", app.cloud.login_host, form(query))
}

fn check_redirect(redirect_uri: &str) -> Result<()> {
    if is_redirect_uri(redirect_uri) {
        return Ok(());
    }
    let message = "The host's redirect URI is neither https nor a loopback address.";
    Err(invalid(message).actor(Actor::HostOperator))
}

fn gone() -> Error {
    Error::new(ErrorKind::InvalidParams, "This sign-in is not under way any more.")
        .hint("Begin it again; only the latest link counts, and it counts once.")
}

fn field<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// Before anything else: the answer belongs to what was asked.
fn held_against(query: &[(String, String)], state: &Secret) -> Result<()> {
    let given = field(query, "state").unwrap_or_default();
    // Hashes take equally long to compare wherever they differ, for all that can be told of them.
    if Sha256::digest(given) == Sha256::digest(state.expose()) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::PermissionDenied,
        "The answer does not belong to this sign-in: its state is another.",
    )
    .hint("Begin the sign-in again, and open the link in the browser that you sign in with."))
}

fn error_of(query: &[(String, String)]) -> Option<Error> {
    let description = field(query, "error_description").unwrap_or_default();
    Some(entra::redirect_error(field(query, "error")?, description))
}

fn code_of(query: &[(String, String)], state: &Secret) -> Result<String> {
    held_against(query, state)?;
    if let Some(error) = error_of(query) {
        return Err(error);
    }
    let code = field(query, "code").filter(|code| !code.is_empty());
    code.map(str::to_owned).ok_or_else(|| invalid("The redirect brought no code."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn an_answer_without_the_state_is_refused_before_anything_else() {
        let state = Secret::new("s");
        for pairs in [
            &[("code", "c")][..],
            &[("code", "c"), ("state", "t")],
            &[("error", "access_denied"), ("state", "")],
        ] {
            let error = code_of(&query(pairs), &state).unwrap_err();
            assert_eq!(error.kind, ErrorKind::PermissionDenied);
        }
        assert_eq!(code_of(&query(&[("code", "c"), ("state", "s")]), &state).unwrap(), "c");
    }

    #[test]
    fn a_person_who_declines_is_told_apart() {
        let declined = query(&[
            ("state", "s"),
            ("error", "access_denied"),
            ("error_description", "AADSTS65004: User declined to consent."),
        ]);
        let error = code_of(&declined, &Secret::new("s")).unwrap_err();
        assert_eq!(
            error.message,
            "OneDrive refused the sign-in (AADSTS65004, the person declined)."
        );
    }
}
