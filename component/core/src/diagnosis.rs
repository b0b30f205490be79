//! What works and what does not, each with evidence and what to do.
//!
//! Checks go from the ground up: the host's store, the sign-in service and the clock, the
//! application and its credential, Graph, the scopes, the drive. Where one fails, those that
//! stand on it are skipped.

use std::rc::Rc;
use std::time::Duration;

use http::header::DATE;
use http::{HeaderMap, StatusCode};

use crate::connection::Connection;
use crate::contract::{ConnectionState, Finding, FindingState};
use crate::credential::entra::expiry_of;
use crate::credential::{App, scopes};
use crate::error::{Actor, Error, Result};
use crate::graph::{Drive, GraphUrl};
use crate::params::{GrantType, Settings};
use crate::ports::{Bucket, Response, TimestampMs};
use crate::record::Record;
use crate::secret::Secret;
use crate::sender::{Deadline, Sender, Template, millis};
use crate::url::{HttpsUrl, encode_segment};

/// How long one check may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// A clock that is off by more makes tokens look fresh that are not.
const SKEW_WARNING_MS: i64 = 60_000;
const SKEW_FAILURE_MS: i64 = 300_000;
/// A credential that ends so soon, and cannot be renewed, is worth a warning.
const SOON_MS: i64 = 24 * 3_600_000;
/// A key that only this check uses.
const PROBE: &str = "probe";

impl Finding {
    fn new(check: &'static str, state: FindingState, evidence: impl Into<String>) -> Self {
        Self { check, state, evidence: evidence.into(), actor: None, hint: None }
    }

    fn ok(check: &'static str, evidence: impl Into<String>) -> Self {
        Self::new(check, FindingState::Ok, evidence)
    }

    fn advice(mut self, actor: Actor, hint: impl Into<String>) -> Self {
        (self.actor, self.hint) = (Some(actor), Some(hint.into()));
        self
    }

    fn failed(check: &'static str, error: &Error) -> Self {
        let mut finding = Self::new(check, FindingState::Failed, error.message.clone());
        (finding.actor, finding.hint) = (Some(error.actor), error.hint.clone());
        finding
    }

    fn skipped(check: &'static str, because: &str) -> Self {
        Self::new(check, FindingState::Skipped, format!("Not looked at, because {because}."))
    }
}

impl Connection {
    /// Looks at everything that the connection depends on; never fails as a whole.
    pub async fn diagnose(&self) -> Vec<Finding> {
        let mut findings = vec![self.store()];
        let record = match self.records.load() {
            Ok(record) => record,
            Err(error) => {
                findings.push(Finding::failed("record", &error));
                return findings;
            }
        };
        let app = match App::of(&record.settings, self.ports()) {
            Ok(app) => app,
            Err(error) => {
                findings.push(Finding::failed("application", &error));
                return findings;
            }
        };
        self.sign_in_service(&record, &app, &mut findings).await;
        findings.push(application(&record, &app));
        let token = self.credential(&record, &mut findings).await;
        findings.push(self.graph_host(&record, &app).await);
        self.access(&record, token, &mut findings).await;
        findings
    }

    fn store(&self) -> Finding {
        let written = || -> Result<bool> {
            let store = &self.ports().store;
            let present = store.get(Bucket::Connection, PROBE)?;
            let value = self.ports().clock.now().to_string();
            store.compare_and_swap(
                Bucket::Connection,
                PROBE,
                present.as_deref(),
                value.as_bytes(),
            )?;
            Ok(store.get(Bucket::Connection, PROBE)?.is_some())
        };
        match written() {
            Ok(true) => Finding::ok("store", "The connection's bucket can be read and written."),
            Ok(false) => Finding::new(
                "store",
                FindingState::Failed,
                "What was written cannot be read again.",
            )
            .advice(Actor::HostOperator, "Check the host's state directory."),
            Err(error) => Finding::failed("store", &error),
        }
    }

    fn deadline(&self) -> Deadline {
        Deadline(Some(self.ports().clock.now().saturating_add(millis(PATIENCE))))
    }

    /// A GET without a credential.
    async fn probe(&self, record: &Record, host: &str, path: String) -> Result<Response> {
        let sender: Sender = self.sender(record, Rc::default());
        let url = HttpsUrl::from_parts(host, path)
            .map_err(|error| Error::new(crate::error::ErrorKind::Internal, error.to_string()))?;
        sender.send(&Template::get(url, HeaderMap::new()), self.deadline()).await
    }

    async fn sign_in_service(&self, record: &Record, app: &App, findings: &mut Vec<Finding>) {
        let host = app.cloud.login_host;
        let directory = encode_segment(&app.directory);
        let path = format!("/{directory}/v2.0/.well-known/openid-configuration");
        match self.probe(record, host, path).await {
            Err(error) => {
                findings.push(Finding::failed("sign-in-service", &error));
                findings.push(Finding::skipped("clock", "the sign-in service cannot be reached"));
            }
            Ok(response) => {
                findings.push(match response.status {
                    StatusCode::OK => Finding::ok(
                        "sign-in-service",
                        format!("{host} answers and knows the directory {}.", app.directory),
                    ),
                    status => Finding::new(
                        "sign-in-service",
                        FindingState::Failed,
                        format!("{host} answers {status} for the directory {}.", app.directory),
                    )
                    .advice(
                        Actor::Caller,
                        "Check `tenant_id`, and `cloud` where it is not global.",
                    ),
                });
                findings.push(clock(&response, self.ports().clock.now()));
            }
        }
    }

    async fn credential(&self, record: &Record, findings: &mut Vec<Finding>) -> Option<Secret> {
        const CHECK: &str = "credential";
        if record.state() == ConnectionState::PendingAuthorization && record.verified.is_none() {
            let evidence = "The connection waits for somebody to sign in.";
            let hint = "Open the link that CREATE DATABASE gave, or ask for a new one.";
            findings.push(
                Finding::new(CHECK, FindingState::Failed, evidence)
                    .advice(Actor::AccountOwner, hint),
            );
            return None;
        }
        let graph = self.graph(record, Rc::default());
        match graph.bearer.token(self.deadline()).await {
            Err(error) => {
                findings.push(Finding::failed(CHECK, &error));
                None
            }
            Ok(token) => {
                // It may just have been renewed, or its renewal refused.
                let record = self.records.load().unwrap_or_else(|_| record.clone());
                findings.push(expiry(&record, self.ports().clock.now()));
                Some(token)
            }
        }
    }

    async fn graph_host(&self, record: &Record, app: &App) -> Finding {
        let host = app.cloud.graph_host;
        match self.probe(record, host, "/v1.0/me/drive".to_owned()).await {
            // Without a token it refuses, which shows that it is there.
            Ok(_) => Finding::ok("graph", format!("{host} answers.")),
            Err(error) => Finding::failed("graph", &error),
        }
    }

    async fn access(&self, record: &Record, token: Option<Secret>, findings: &mut Vec<Finding>) {
        let Some(token) = token else {
            for check in ["scopes", "drive", "quota"] {
                findings.push(Finding::skipped(check, "there is no token"));
            }
            return;
        };
        let record = self.records.load().unwrap_or_else(|_| record.clone());
        findings.push(granted(&record.tokens.scopes, &record.settings, &token));
        let graph = self.graph(&record, Rc::default());
        let drive = match record.verified() {
            Err(error) => Err(error),
            Ok(verified) => {
                let identity = &verified.identity;
                let url = match record.settings.grant() {
                    GrantType::ClientCredentials => {
                        GraphUrl::drive(graph.cloud, &identity.drive_id)
                    }
                    _ if identity.person == format!("drive {}", identity.drive_id) => {
                        GraphUrl::my_drive(graph.cloud)
                    }
                    _ => GraphUrl::drive(graph.cloud, &identity.drive_id),
                };
                match url {
                    Ok(url) => graph.json::<Drive>(&url, self.deadline()).await,
                    Err(error) => Err(error),
                }
            }
        };
        match drive {
            Err(error) => {
                findings.push(Finding::failed("drive", &error));
                findings.push(Finding::skipped("quota", "the drive cannot be read"));
            }
            Ok(drive) => {
                let kind = drive.drive_type.as_deref().unwrap_or("unknown");
                findings.push(Finding::ok(
                    "drive",
                    format!("The {kind} drive {} can be read.", drive.id),
                ));
                findings.push(quota(&drive));
            }
        }
    }
}

fn clock(response: &Response, now: TimestampMs) -> Finding {
    let text = response.headers.get(DATE).and_then(|date| date.to_str().ok()).unwrap_or_default();
    let Ok(date) = chrono::DateTime::parse_from_rfc2822(text) else {
        return Finding::skipped("clock", "the sign-in service does not tell the time");
    };
    let skew = now.saturating_sub(date.timestamp_millis());
    let evidence = format!("The host's clock differs from Microsoft's by {} s.", skew / 1000);
    let hint = "Set the clock of the machine that the host runs on, best by NTP.";
    match skew.abs() {
        0..=SKEW_WARNING_MS => Finding::ok("clock", evidence),
        ..=SKEW_FAILURE_MS => {
            Finding::new("clock", FindingState::Warning, evidence).advice(Actor::HostOperator, hint)
        }
        _ => {
            Finding::new("clock", FindingState::Failed, evidence).advice(Actor::HostOperator, hint)
        }
    }
}

fn application(record: &Record, app: &App) -> Finding {
    let grant = record.settings.grant().name();
    let origin = if app.from_host { "installed in the host" } else { "of the parameters" };
    let secret = if app.client_secret.is_some() { "with a secret" } else { "without a secret" };
    match &app.client_id {
        Some(id) => Finding::ok(
            "application",
            format!("{grant} by the application {id} {origin}, {secret}."),
        ),
        None => Finding::new(
            "application",
            FindingState::Warning,
            "No application is known, so the access token cannot be renewed.",
        )
        .advice(
            Actor::Caller,
            "Run ALTER DATABASE … SET PARAMETERS = {\"client_id\": \"…\", \"client_secret\": \"…\"}.",
        ),
    }
}

fn expiry(record: &Record, now: TimestampMs) -> Finding {
    const CHECK: &str = "credential";
    let left = record.tokens.expires_at.map_or(0, |end| end.saturating_sub(now));
    let minutes = left / 60_000;
    if let Some(refusal) = &record.tokens.refused {
        let evidence =
            format!("{} The access token works for {minutes} more minutes.", refusal.message);
        return Finding::new(CHECK, FindingState::Warning, evidence)
            .advice(refusal.actor, refusal.hint.clone());
    }
    let renewable =
        record.tokens.refresh.is_some() || record.settings.grant() == GrantType::ClientCredentials;
    if renewable {
        let evidence = format!("The access token works for {minutes} minutes and renews itself.");
        return Finding::ok(CHECK, evidence);
    }
    let evidence =
        format!("The access token works for {minutes} minutes, and nothing can renew it.");
    let state = if left < SOON_MS { FindingState::Warning } else { FindingState::Ok };
    Finding::new(CHECK, state, evidence).advice(
        Actor::AccountOwner,
        "Give a refresh token: ALTER DATABASE … SET PARAMETERS = {\"refresh_token\": \"…\"}.",
    )
}

fn granted(granted: &[String], settings: &Settings, token: &Secret) -> Finding {
    match scopes::check(granted, settings, expiry_of(token).is_none()) {
        Err(error) => Finding::failed("scopes", &error),
        Ok(()) if granted.is_empty() => {
            Finding::ok("scopes", "The token is opaque; that the drive can be read has to do.")
        }
        Ok(()) => Finding::ok("scopes", format!("Granted: {}.", granted.join(", "))),
    }
}

fn quota(drive: &Drive) -> Finding {
    let quota = drive.quota.clone().unwrap_or_default();
    let (Some(used), Some(total)) = (quota.used, quota.total.filter(|total| *total > 0)) else {
        return Finding::ok("quota", "Microsoft Graph does not tell how full the drive is.");
    };
    let state = quota.state.unwrap_or_else(|| "normal".to_owned());
    let percent = u128::from(used) * 100 / u128::from(total);
    let evidence = format!("{used} of {total} bytes are used ({percent} %, {state}).");
    match state.as_str() {
        "critical" | "exceeded" => Finding::new("quota", FindingState::Warning, evidence).advice(
            Actor::AccountOwner,
            "Free some space: a drive over its quota may become read-only or frozen.",
        ),
        _ => Finding::ok("quota", evidence),
    }
}
