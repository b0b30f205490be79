//! Whether what was granted suffices for what is to be read.
//!
//! A work account's scopes stand in the token or in the answer that brought it; a personal
//! account's token is opaque, and where nothing is known the first request to Graph decides. A
//! wider scope satisfies a narrower one. `offline_access` is never listed: the refresh token is
//! its proof.

use crate::error::{Actor, Error, ErrorKind, Result};
use crate::params::{GrantType, Settings, Target};

/// Scopes that open the account's own drive, narrowest first.
const OWN: [&str; 4] = ["Files.Read", "Files.ReadWrite", "Files.Read.All", "Files.ReadWrite.All"];
/// Scopes that open drives of others, narrowest first.
const OTHERS: [&str; 6] = [
    "Files.Read.All",
    "Files.ReadWrite.All",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "Sites.Manage.All",
    "Sites.FullControl.All",
];
/// Scopes that open what somebody picked one by one; Graph decides what that is.
const PICKED: [&str; 5] = [
    "Files.SelectedOperations.Selected",
    "ListItems.SelectedOperations.Selected",
    "Lists.SelectedOperations.Selected",
    "Sites.Selected",
    "Files.Read.Selected",
];

/// Checks granted scopes against what the settings read. None at all means that they are not known.
pub(crate) fn check(granted: &[String], settings: &Settings, personal: bool) -> Result<()> {
    let holds =
        |wanted: &[&str]| granted.iter().any(|g| wanted.iter().any(|w| g.eq_ignore_ascii_case(w)));
    let application = settings.grant() == GrantType::ClientCredentials;
    let others = settings.reads_all()
        || application
        // On a personal account Files.Read opens what is shared with it, too.
        || (settings.target() != Target::Own && !personal);
    let satisfied = match others {
        true if settings.reads_all() => holds(&OTHERS),
        true => holds(&OTHERS) || holds(&PICKED),
        false => holds(&OWN) || holds(&OTHERS) || (settings.specific().is_some() && holds(&PICKED)),
    };
    if granted.is_empty() || satisfied {
        return Ok(());
    }
    Err(missing(if others { OTHERS[0] } else { OWN[0] }, granted, application, personal))
}

fn missing(scope: &str, granted: &[String], application: bool, personal: bool) -> Error {
    let shown: Vec<_> = granted.iter().take(20).map(String::as_str).collect();
    let error = Error::new(
        ErrorKind::PermissionDenied,
        format!("The credential lacks the scope {scope} (it has {}).", shown.join(", ")),
    );
    if personal {
        return error.hint(format!(
            "Sign in again with \"scopes\": \"{scope} offline_access\", and agree when asked."
        ));
    }
    let kind = if application { "application" } else { "delegated" };
    error.actor(Actor::DirectoryAdministrator).hint(format!(
        "Have an administrator add the {kind} permission {scope} of Microsoft Graph to the app \
         registration and grant admin consent; then sign in again."
    ))
}

/// The error where a sign-in brought no refresh token.
pub(crate) fn no_offline_access() -> Error {
    Error::new(
        ErrorKind::PermissionDenied,
        "The sign-in brought no refresh token: offline_access was not granted.",
    )
    .actor(Actor::DirectoryAdministrator)
    .hint(
        "Have an administrator allow offline_access for the application (API permissions, \
         delegated), then sign in again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(granted: &[&str], settings: &Settings) -> Result<()> {
        let granted: Vec<_> = granted.iter().map(|s| (*s).to_owned()).collect();
        check(&granted, settings, false)
    }

    #[test]
    fn a_wider_scope_satisfies_a_narrower_one() {
        let own = Settings::default();
        for wide in ["files.read", "Files.ReadWrite", "Files.Read.All", "Sites.Read.All"] {
            assert!(checked(&["User.Read", wide], &own).is_ok(), "{wide}");
        }
        let error = checked(&["User.Read", "Mail.Read"], &own).unwrap_err();
        assert_eq!(
            error.message,
            "The credential lacks the scope Files.Read (it has User.Read, Mail.Read)."
        );
        assert_eq!(error.actor, Actor::DirectoryAdministrator);
        assert!(error.hint.unwrap().contains("grant admin consent"));
    }

    #[test]
    fn other_drives_need_files_read_all_on_work_accounts_only() {
        let site = Settings { site_id: Some("s".into()), ..Settings::default() };
        assert!(checked(&["Files.Read"], &site).unwrap_err().message.contains("Files.Read.All"));
        assert!(checked(&["Sites.Read.All"], &site).is_ok());
        assert!(check(&["Files.Read".to_owned()], &site, true).is_ok());
    }

    #[test]
    fn enable_files_read_all_is_insisted_on() {
        let all = Settings { enable_files_read_all: Some(true), ..Settings::default() };
        assert!(checked(&["Files.Read"], &all).is_err());
        assert!(checked(&["Files.ReadWrite.All"], &all).is_ok());
    }

    #[test]
    fn an_application_needs_roles_of_its_own() {
        let app = Settings {
            grant_type: Some(GrantType::ClientCredentials),
            user_id: Some("ann".into()),
            ..Settings::default()
        };
        let error = checked(&["User.Read.All"], &app).unwrap_err();
        assert!(error.hint.unwrap().contains("application permission Files.Read.All"));
        assert!(checked(&["Sites.Selected"], &app).is_ok());
    }

    #[test]
    fn scopes_that_are_not_known_are_left_to_the_first_request() {
        assert!(checked(&[], &Settings::default()).is_ok());
    }
}
