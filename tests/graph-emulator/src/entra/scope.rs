//! Scopes: how they are asked for, which are known, and how an answer names them. (7.3)

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::errors::Refusal;
use crate::profile::Profile;

const GRAPH: &str = "https://graph.microsoft.com/";
/// Scopes that are about signing in and belong to no resource.
const SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];
/// The permissions of Graph that the emulator knows.
const KNOWN: [&str; 11] = [
    "Files.Read",
    "Files.Read.All",
    "Files.ReadWrite",
    "Files.ReadWrite.All",
    "Files.Read.Selected",
    "Files.ReadWrite.AppFolder",
    "Sites.Read.All",
    "Sites.ReadWrite.All",
    "User.Read",
    "User.ReadWrite",
    "User.Read.All",
];

/// A set of permissions of Graph, by their short names.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Scopes(BTreeSet<String>);

impl Scopes {
    pub(crate) fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|&name| name.to_owned()).collect())
    }

    /// Whether any of `names` is among them.
    pub(crate) fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|&name| self.0.contains(name))
    }

    /// Space separated, as the `scp` claim has them.
    pub(super) fn joined(&self) -> String {
        self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// What a token request asks for, checked against what was consented to.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) scopes: Scopes,
    /// Whether an id_token is wanted.
    pub(super) open_id: bool,
    /// The `scope` of the answer.
    pub(super) echo: String,
}

impl Asked {
    /// Reads the `scope` parameter; `None` asks for all that was granted before.
    pub(super) fn parse(
        text: Option<&str>,
        granted: &Scopes,
        consented: &Scopes,
        profile: Profile,
    ) -> Result<Self, Refusal> {
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        if words.is_empty() {
            let scopes = granted.clone();
            return Ok(Self { echo: echo(&scopes, "", profile), scopes, open_id: false });
        }
        let (mut named, mut default, mut qualified, mut open_id) =
            (BTreeSet::new(), false, false, false);
        for &word in &words {
            if SIGN_IN.contains(&word) {
                open_id |= word == "openid";
                continue;
            }
            let short = match word.get(..GRAPH.len()) {
                Some(prefix) if prefix.eq_ignore_ascii_case(GRAPH) => {
                    qualified = true;
                    &word[GRAPH.len()..]
                }
                _ if word.contains("://") => return Err(Refusal::UnknownResource(word.to_owned())),
                _ => word,
            };
            if short == ".default" {
                default = true;
                continue;
            }
            let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(short));
            let Some(&known) = known else { return Err(Refusal::ScopeInvalid(word.to_owned())) };
            named.insert(known.to_owned());
        }
        if default && !named.is_empty() {
            return Err(Refusal::ScopeInvalid(words.join(" ")));
        }
        let scopes = if default { consented.clone() } else { Scopes(named) };
        if !scopes.0.is_subset(&consented.0) {
            return Err(Refusal::ConsentMissing);
        }
        let prefix = if qualified { GRAPH } else { "" };
        Ok(Self { echo: echo(&scopes, prefix, profile), scopes, open_id })
    }
}

/// Work accounts name scopes as they were asked for and add those of signing in; personal accounts
/// use short names. `offline_access` is never listed. (7.3)
fn echo(scopes: &Scopes, prefix: &str, profile: Profile) -> String {
    match profile {
        Profile::Personal => scopes.joined(),
        Profile::Business => {
            let named = scopes.0.iter().map(|name| format!("{prefix}{name}"));
            let sign_in = ["profile", "openid", "email"].map(str::to_owned);
            named.chain(sign_in).collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str, profile: Profile) -> Result<Asked, Refusal> {
        let consented = Scopes::of(&["Files.Read", "User.Read"]);
        Asked::parse(Some(text), &consented, &consented, profile)
    }

    /// Section 7.3.
    #[test]
    fn the_answer_names_scopes_as_they_were_asked_for_and_never_offline_access() {
        let asked = "https://graph.microsoft.com/Files.Read offline_access openid";
        let business = ask(asked, Profile::Business).unwrap();
        assert_eq!(business.echo, "https://graph.microsoft.com/Files.Read profile openid email");
        assert!(business.open_id);
        assert_eq!(ask(asked, Profile::Personal).unwrap().echo, "Files.Read");
    }

    /// Section 7.3.
    #[test]
    fn default_means_everything_that_was_consented_to_and_cannot_be_mixed() {
        let all = ask("https://graph.microsoft.com/.default offline_access", Profile::Business);
        assert_eq!(all.unwrap().scopes.joined(), "Files.Read User.Read");
        let mixed = ask(".default Files.Read", Profile::Business);
        assert!(matches!(mixed, Err(Refusal::ScopeInvalid(_))));
    }

    /// Section 7.5: 70011, 65001, 500011.
    #[test]
    fn unknown_scopes_missing_consent_and_other_resources_are_told_apart() {
        let refused = |text: &str| ask(text, Profile::Business).unwrap_err();
        assert!(matches!(refused("Files.Raed"), Refusal::ScopeInvalid(_)));
        assert!(matches!(refused("Files.ReadWrite.All"), Refusal::ConsentMissing));
        assert!(matches!(refused("https://vault.azure.net/x"), Refusal::UnknownResource(_)));
    }
}
