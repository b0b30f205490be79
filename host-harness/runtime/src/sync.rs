//! Keeping a connector's catalogue current and asking what changed: the contract's interface `sync`.

use crate::contract::{ChangePage, Checker, Progress};
use crate::database::{Connection, Database};
use crate::error::RuntimeError;
use crate::runtime::Runtime;
use crate::tenant::TenantId;

/// The scope that is everything a connection reads.
pub const EVERYTHING: &str = "root";
/// How long the connector works in one step: so often there is news, and so soon it can be stopped.
const STEP_MS: u32 = 1_000;
/// Steps without news after which a connector is given up; a service may make it wait for minutes.
const STEPS_WITHOUT_NEWS: u32 = 900;

impl Runtime {
    /// Brings the catalogues of a tenant's databases up to date, one after the other. What fails is
    /// told by the connector's own statistics, and by the next query.
    ///
    /// # Errors
    /// [`RuntimeError::Store`].
    pub async fn sync_databases(&self, tenant: &TenantId) -> Result<(), RuntimeError> {
        for row in self.shared.store.databases(tenant).await? {
            if let Ok(Some(database)) = self.database(tenant, &row.name).await {
                let _ = database.refresh(EVERYTHING, |_| ()).await;
            }
        }
        Ok(())
    }
}

impl Database {
    /// Works until the catalogue of a scope ([`EVERYTHING`], or a folder's id) is current, and
    /// tells after each step how far it is. Dropping the future stops it; what was read is kept,
    /// and the next call goes on from there.
    ///
    /// # Errors
    /// [`RuntimeError::NotOffered`], or what the connector reports.
    pub async fn refresh(
        &self,
        scope: &str,
        mut tell: impl FnMut(&Progress),
    ) -> Result<Progress, RuntimeError> {
        const CALL: &str = "sync.refresh";
        let find = self.component().sync().ok_or_else(|| self.lacks("sync"))?;
        let Connection { mut instance, handle } = self.resume().await?;
        let (mut last, mut without_news) = (Progress::default(), 0);
        loop {
            let scope = scope.to_owned();
            let (same, reply) = instance
                .call_optional(
                    CALL,
                    |store, instance| find.load(store, instance),
                    |guest, store| {
                        Box::pin(
                            async move { guest.call_refresh(store, handle, &scope, STEP_MS).await },
                        )
                    },
                )
                .await?;
            instance = same;
            let check = Checker::new(CALL);
            let progress = check.progress(check.reply(reply)?)?;
            tell(&progress);
            if progress.current {
                return Ok(progress);
            }
            // Requests alone are no news: a service may refuse for ever.
            let news = (&progress.run_id, progress.items) != (&last.run_id, last.items);
            without_news = if news { 0 } else { without_news + 1 };
            if without_news >= STEPS_WITHOUT_NEWS {
                return check.broken("a run makes no progress");
            }
            last = progress;
        }
    }

    /// One page of what changed in a scope since a cursor; without one, everything as added.
    ///
    /// # Errors
    /// [`RuntimeError::NotOffered`], or what the connector reports.
    pub async fn changes(
        &self,
        scope: &str,
        cursor: Option<&str>,
    ) -> Result<ChangePage, RuntimeError> {
        const CALL: &str = "sync.changes";
        let find = self.component().sync().ok_or_else(|| self.lacks("sync"))?;
        let Connection { instance, handle } = self.resume().await?;
        let (scope, cursor) = (scope.to_owned(), cursor.map(str::to_owned));
        let (_, reply) = instance
            .call_optional(
                CALL,
                |store, instance| find.load(store, instance),
                |guest, store| {
                    Box::pin(async move {
                        guest.call_changes(store, handle, &scope, cursor.as_deref()).await
                    })
                },
            )
            .await?;
        let check = Checker::new(CALL);
        check.change_page(check.reply(reply)?)
    }
}
