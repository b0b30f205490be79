//! The health of a tenant's databases: looked at in the background, kept for whoever asks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::contract::{Actor, Finding, FindingState};
use crate::error::{RuntimeError, StoreError};
use crate::runtime::Runtime;
use crate::store::Registered;
use crate::tenant::TenantId;

/// In the connection's own bucket, so that it goes with the database; no guest can name it.
const KEY: &str = "\0health";

/// What was found when a database was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The database's name.
    pub database: String,
    /// When.
    pub checked_at: SystemTime,
    /// What.
    pub findings: Vec<Finding>,
}

impl Runtime {
    /// Looks at a tenant's databases, but for those that were looked at within `fresh`, and keeps
    /// what was found. A credential that is about to end is renewed by that; one that was revoked
    /// is found out.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn check_health(
        &self,
        tenant: &TenantId,
        fresh: Duration,
    ) -> Result<(), RuntimeError> {
        for row in self.shared.store.databases(tenant).await? {
            let now = self.shared.clock.now().await;
            if let Some(last) = self.read_health(tenant, &row).await?
                && now.duration_since(last.checked_at).is_ok_and(|age| age < fresh)
            {
                continue;
            }
            let looked = match self.database(tenant, &row.name).await {
                Ok(Some(database)) => database.diagnose().await,
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            let findings = match looked {
                Ok(findings) => findings,
                // They say nothing about the connection.
                Err(
                    RuntimeError::NotOffered { .. }
                    | RuntimeError::Busy { .. }
                    | RuntimeError::Deadline { .. }
                    | RuntimeError::NoSuchDatabase { .. },
                ) => continue,
                Err(error) => vec![Finding::of_error(&error)],
            };
            let health = Health { database: row.name.clone(), checked_at: now, findings };
            match self.write_health(tenant, &row, &health).await {
                // It was dropped meanwhile.
                Err(StoreError::Gone) => {}
                written => written?,
            }
        }
        Ok(())
    }

    /// What was found when the databases were last looked at; those that never were are left out.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn health(&self, tenant: &TenantId) -> Result<Vec<Health>, RuntimeError> {
        let mut all = Vec::new();
        for row in self.shared.store.databases(tenant).await? {
            all.extend(self.read_health(tenant, &row).await?);
        }
        Ok(all)
    }

    async fn read_health(
        &self,
        tenant: &TenantId,
        row: &Registered,
    ) -> Result<Option<Health>, StoreError> {
        let bucket = match self.shared.store.connection_bucket(tenant, row.bucket).await {
            Err(StoreError::Gone) => return Ok(None),
            found => found?.0,
        };
        let value = bucket.read(KEY.to_owned()).await?.value;
        Ok(value.and_then(|value| parse(&row.name, &serde_json::from_slice(&value).ok()?)))
    }

    async fn write_health(
        &self,
        tenant: &TenantId,
        row: &Registered,
        health: &Health,
    ) -> Result<(), StoreError> {
        let bucket = self.shared.store.connection_bucket(tenant, row.bucket).await?.0;
        bucket.set(KEY.to_owned(), written(health).to_string().into_bytes()).await
    }
}

fn written(health: &Health) -> Value {
    let ms = health.checked_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let findings = health.findings.iter().map(|finding| {
        json!({
            "check": finding.check,
            "state": finding.state.as_str(),
            "evidence": finding.evidence,
            "actor": finding.actor.map(Actor::as_str),
            "hint": finding.hint,
        })
    });
    json!({"checked_ms": u64::try_from(ms).unwrap_or(0), "findings": findings.collect::<Vec<_>>()})
}

fn parse(database: &str, value: &Value) -> Option<Health> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let states =
        [FindingState::Ok, FindingState::Warning, FindingState::Failed, FindingState::Skipped];
    let finding = |value: &Value| {
        Some(Finding {
            check: text(&value["check"])?,
            state: states.into_iter().find(|state| value["state"] == state.as_str())?,
            evidence: text(&value["evidence"])?,
            actor: Actor::ALL.into_iter().find(|actor| value["actor"] == actor.as_str()),
            hint: text(&value["hint"]),
        })
    };
    Some(Health {
        database: database.to_owned(),
        checked_at: UNIX_EPOCH + Duration::from_millis(value["checked_ms"].as_u64()?),
        findings: value["findings"].as_array()?.iter().map(finding).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_as_it_was() {
        let finding = |state, actor| Finding {
            check: "credential".into(),
            state,
            evidence: "seen".into(),
            actor,
            hint: actor.map(|_| "do".into()),
        };
        let health = Health {
            database: "drive".into(),
            checked_at: UNIX_EPOCH + Duration::from_millis(1_234),
            findings: vec![
                finding(FindingState::Ok, None),
                finding(FindingState::Failed, Some(Actor::AccountOwner)),
            ],
        };
        assert_eq!(parse("drive", &written(&health)), Some(health));
        assert_eq!(parse("drive", &json!({"checked_ms": 1})), None);
    }
}
