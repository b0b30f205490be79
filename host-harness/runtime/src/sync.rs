//! Keeping a connector's catalogue current and asking what changed: the contract's interface `sync`.

use std::fmt;

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

    /// Starts to tell what changed in a scope since a cursor; without one, everything as added.
    ///
    /// # Errors
    /// [`RuntimeError::NotOffered`], or what went wrong while the connection was taken up.
    pub async fn changes(
        &self,
        scope: &str,
        cursor: Option<&str>,
    ) -> Result<Changes, RuntimeError> {
        self.component().sync().ok_or_else(|| self.lacks("sync"))?;
        let (scope, cursor) = (scope.to_owned(), cursor.map(str::to_owned));
        let connection = Some(self.resume().await?);
        Ok(Changes { database: self.clone(), connection, scope, cursor })
    }
}

/// A telling of changes under way; it keeps its instance.
pub struct Changes {
    database: Database,
    connection: Option<Connection>,
    scope: String,
    cursor: Option<String>,
}

impl Changes {
    /// The next page, which may be empty, or `None` at the end. Its cursor is good to go on from in
    /// another telling. After an error there is no more.
    ///
    /// # Errors
    /// What the connector reports, or what went wrong in it.
    pub async fn next_page(&mut self) -> Result<Option<ChangePage>, RuntimeError> {
        const CALL: &str = "sync.changes";
        let Some(Connection { instance, handle }) = self.connection.take() else {
            return Ok(None);
        };
        let lacks = || self.database.lacks("sync");
        let find = self.database.component().sync().ok_or_else(lacks)?;
        let (scope, cursor) = (self.scope.clone(), self.cursor.clone());
        let (instance, reply) = instance
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
        let page = check.change_page(check.reply(reply)?)?;
        if page.more {
            if self.cursor.as_ref() == Some(&page.cursor) {
                return check.broken("a page names itself as the next one");
            }
            self.cursor = Some(page.cursor.clone());
            self.connection = Some(Connection { instance, handle });
        }
        Ok(Some(page))
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes").field("scope", &self.scope).finish_non_exhaustive()
    }
}
