//! Asking the service whose drive a credential opens, before anything is kept of it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::credential::entra::{application_name_of, expiry_of, object_id_of};
use crate::credential::{App, BearerSource, CandidateCredential, Tokens, scopes};
use crate::digest::digest;
use crate::error::{Actor, Error, ErrorKind, Result};
use crate::graph::{Drive, Graph, GraphUrl, Me};
use crate::params::{GrantType, Settings, Target};
use crate::ports::Ports;
use crate::reach;
use crate::record::{Identity, Verified};
use crate::sender::{Counters, Deadline, Sender};

/// Begins the name of a person who is known by a drive.
const DRIVE: &str = "drive ";
/// Scopes that open `/me`.
const PROFILE: [&str; 4] = ["User.Read", "User.ReadBasic.All", "User.Read.All", "User.ReadWrite"];

/// Finds out who signed in and what is read, refreshing the tokens if need be.
pub(crate) async fn verify(
    ports: &Rc<Ports>,
    settings: &Settings,
    tokens: Tokens,
) -> Result<(Tokens, Verified)> {
    let app = App::of(settings, ports)?;
    let counters: Rc<Counters> = Rc::default();
    let sender = || Sender::new(Rc::clone(ports), Rc::clone(&counters), pause_key(&app));
    let candidate = Rc::new(CandidateCredential {
        settings: settings.clone(),
        tokens: RefCell::new(tokens),
        sender: sender(),
    });
    let bearer: Rc<dyn BearerSource> = candidate.clone();
    let graph = Rc::new(Graph { cloud: settings.cloud(), sender: sender(), bearer });

    let token = candidate.token(Deadline::default()).await?;
    let personal = expiry_of(&token).is_none();
    scopes::check(&candidate.tokens.borrow().scopes, settings, personal)?;
    let own = own_drive(&graph, settings).await?;
    let (drive, roots) = reach::resolve(&graph, settings, own.as_ref()).await?;
    // The first answers may have come with renewed tokens.
    let tokens = candidate.tokens.borrow().clone();
    scopes::check(&tokens.scopes, settings, personal)?;
    let me = profile(&graph, settings, own.as_ref(), &tokens).await;
    let identity = identity(settings, &app, &tokens, own, drive, me)?;
    Ok((tokens, Verified { identity, roots }))
}

/// The drive of whoever signed in; an application by itself has none.
async fn own_drive(graph: &Graph, settings: &Settings) -> Result<Option<Drive>> {
    if settings.grant() == GrantType::ClientCredentials {
        return Ok(None);
    }
    let elsewhere = settings.target() != Target::Own || settings.specific().is_some();
    match graph.json(&GraphUrl::my_drive(graph.cloud)?, Deadline::default()).await {
        Ok(drive) => Ok(Some(drive)),
        // Not everybody who may read a site has a OneDrive, or may read it with these scopes.
        Err(Error { kind: ErrorKind::NotFound | ErrorKind::PermissionDenied, .. }) if elsewhere => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What `/me` adds to the drive's owner, where that lacks something and the scopes allow it.
async fn profile(
    graph: &Graph,
    settings: &Settings,
    own: Option<&Drive>,
    tokens: &Tokens,
) -> Option<Me> {
    let owner = own.and_then(|drive| drive.owner.as_ref()?.user.as_ref());
    let complete = owner.is_some_and(|user| user.email.is_some() && user.display_name.is_some());
    let allowed = tokens.scopes.is_empty()
        || tokens.scopes.iter().any(|s| PROFILE.iter().any(|p| s.eq_ignore_ascii_case(p)));
    if complete || !allowed || settings.grant() == GrantType::ClientCredentials {
        return None;
    }
    // It only makes a row richer, so nothing fails where it does.
    graph.json(&GraphUrl::me(graph.cloud).ok()?, Deadline::default()).await.ok()
}

fn identity(
    settings: &Settings,
    app: &App,
    tokens: &Tokens,
    own: Option<Drive>,
    drive: Drive,
    me: Option<Me>,
) -> Result<Identity> {
    let object_id = tokens.access.as_ref().and_then(object_id_of);
    let application = settings.grant() == GrantType::ClientCredentials;
    let me = me.unwrap_or_default();
    let own_id = own.as_ref().map(|own| own.id.clone());
    let owner = own.and_then(|own| own.owner).and_then(|owner| owner.user).unwrap_or_default();
    let account_id = owner.id.or(me.id).or_else(|| object_id.clone());
    let person = match (application, own_id, &account_id) {
        (true, ..) => format!("application {}", app.id()?),
        (false, Some(own), _) => format!("{DRIVE}{own}"),
        (false, None, Some(account)) => format!("account {account}"),
        (false, None, None) => {
            let message = "Microsoft Graph does not tell whose credential this is.";
            return Err(Error::new(ErrorKind::PermissionDenied, message).hint(
                "Open OneDrive once in a browser, or sign in with the scope User.Read, too.",
            ));
        }
    };
    let account_id = if application { app.client_id.clone() } else { account_id };
    let parts = [
        app.directory.as_str(),
        account_id.as_deref().unwrap_or_default(),
        app.client_id.as_deref().unwrap_or_default(),
        &drive.id,
    ];
    let named = tokens.access.as_ref().filter(|_| application).and_then(application_name_of);
    Ok(Identity {
        connection_id: digest("onedrive-datasource connection 1", &parts),
        person,
        drive_type: drive.drive_type,
        account_id,
        display_name: named.or(owner.display_name).or(me.display_name),
        email: owner.email.or(me.mail).or(me.user_principal_name),
        drive_id: drive.id,
    })
}

/// All requests of one application in one directory pause together.
pub(crate) fn pause_key(app: &App) -> String {
    let client = app.client_id.as_deref().unwrap_or_default();
    digest("onedrive-datasource pause 1", &[&app.directory, client])
}

impl Identity {
    /// A connection stays with the person that it was made for, and keeps its id. Whoever has no
    /// OneDrive, or could not read it then, is known by the account.
    pub(crate) fn continues(&mut self, before: &Self) -> Result<()> {
        let drives = [&before.person, &self.person].iter().all(|p| p.starts_with(DRIVE));
        let same_account = before.account_id.is_some() && before.account_id == self.account_id;
        if before.person == self.person || (same_account && !drives) {
            self.connection_id.clone_from(&before.connection_id);
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::PermissionDenied,
            "The new credential belongs to another person's drive; nothing was changed.",
        )
        .actor(Actor::Caller)
        .hint("To connect another account, use CREATE OR REPLACE DATABASE."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(person: &str, account: Option<&str>) -> Identity {
        Identity {
            connection_id: person.to_owned(),
            person: person.to_owned(),
            drive_id: String::new(),
            drive_type: None,
            account_id: account.map(str::to_owned),
            display_name: None,
            email: None,
        }
    }

    #[test]
    fn a_person_is_known_by_the_drive_and_without_one_by_the_account() {
        let before = identity("drive a", Some("1"));
        for (person, account, same) in [
            ("drive a", Some("1"), true),
            ("drive b", Some("1"), false),
            ("account 1", Some("1"), true),
            ("account 2", Some("2"), false),
            ("account 1", None, false),
        ] {
            let mut now = identity(person, account);
            assert_eq!(now.continues(&before).is_ok(), same, "{person}");
            assert!(!same || now.connection_id == before.connection_id);
        }
    }
}
