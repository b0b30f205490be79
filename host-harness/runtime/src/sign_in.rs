//! Signing in to a database, and looking at what it depends on: the contract's optional interfaces.

use crate::contract::{
    Checker, Finding, PendingSignIn, SignInAnswer, SignInMethod, SignInOutcome, sign_in_answer,
    sign_in_method,
};
use crate::database::{Connection, Database};
use crate::error::RuntimeError;

impl Database {
    /// Begins a sign-in; one that was under way is forgotten.
    ///
    /// # Errors
    /// [`RuntimeError::NotOffered`], or what the connector reports.
    pub async fn begin_sign_in(&self, method: SignInMethod) -> Result<PendingSignIn, RuntimeError> {
        const CALL: &str = "authorization.begin";
        let find = self.component().authorization().ok_or_else(|| self.lacks("authorization"))?;
        let Connection { instance, handle } = self.resume().await?;
        let method = sign_in_method(method);
        let (_, reply) = instance
            .call_optional(
                CALL,
                |store, instance| find.load(store, instance),
                |guest, store| {
                    Box::pin(async move { guest.call_begin(store, handle, &method).await })
                },
            )
            .await?;
        let check = Checker::new(CALL);
        check.pending(check.reply(reply)?)
    }

    /// Takes what a person's sign-in brought, or asks whether the person is done.
    ///
    /// # Errors
    /// [`RuntimeError::NotOffered`], or what the connector reports.
    pub async fn complete_sign_in(
        &self,
        id: &str,
        answer: SignInAnswer,
    ) -> Result<SignInOutcome, RuntimeError> {
        const CALL: &str = "authorization.complete";
        let find = self.component().authorization().ok_or_else(|| self.lacks("authorization"))?;
        let Connection { instance, handle } = self.resume().await?;
        let (id, answer) = (id.to_owned(), sign_in_answer(answer));
        let (_, reply) = instance
            .call_optional(
                CALL,
                |store, instance| find.load(store, instance),
                |guest, store| {
                    Box::pin(async move { guest.call_complete(store, handle, &id, &answer).await })
                },
            )
            .await?;
        let check = Checker::new(CALL);
        check.outcome(check.reply(reply)?)
    }

    /// Looks at everything that the connection depends on.
    ///
    /// # Errors
    /// [`RuntimeError::NotOffered`], or what went wrong in the connector.
    pub async fn diagnose(&self) -> Result<Vec<Finding>, RuntimeError> {
        const CALL: &str = "diagnostics.diagnose";
        let find = self.component().diagnostics().ok_or_else(|| self.lacks("diagnostics"))?;
        let Connection { instance, handle } = self.resume().await?;
        let (_, findings) = instance
            .call_optional(
                CALL,
                |store, instance| find.load(store, instance),
                |guest, store| Box::pin(async move { guest.call_diagnose(store, handle).await }),
            )
            .await?;
        Checker::new(CALL).findings(findings)
    }
}
