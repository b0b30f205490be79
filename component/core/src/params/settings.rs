//! What stays of the parameters once the tokens are taken out of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::invalid;
use super::values::{GrantType, SelectedItem, SelectedScope, known_cloud};
use crate::cloud::Cloud;
use crate::error::Result;
use crate::secret::Secret;

/// Bytes of a parameter's value that is told again.
const LONGEST_TOLD: usize = 8 << 10;

/// The parameters but for the tokens; `None` where one was not given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) tenant_id: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) cloud: Option<String>,
    pub(crate) grant_type: Option<GrantType>,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) enable_files_read_all: Option<bool>,
    pub(crate) drive_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) group_id: Option<String>,
    pub(crate) site_id: Option<String>,
    pub(crate) share_link: Option<Secret>,
    pub(crate) folder_path: Option<String>,
    pub(crate) selected_items: Option<Vec<SelectedItem>>,
    pub(crate) scope_type: Option<SelectedScope>,
    pub(crate) listing_max_age: Option<u64>,
    pub(crate) follow_shortcuts: Option<bool>,
}

/// Which drive is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The account's own.
    Own,
    Drive(&'a str),
    User(&'a str),
    Group(&'a str),
    Site(&'a str),
    /// What a sharing link leads to.
    Share(&'a Secret),
}

impl Settings {
    /// Whether the settings go together. Which application they mean is for
    /// [`crate::credential::App`] to say.
    pub(crate) fn check(&self) -> Result<()> {
        let mut targets = self.targets().map(|(name, _)| name);
        if let (Some(first), Some(second)) = (targets.next(), targets.next()) {
            return Err(invalid(format!(
                "The parameters `{first}` and `{second}` exclude each other: each names a drive."
            ))
            .hint("Leave one of them out, or remove it with null."));
        }
        match (&self.selected_items, self.scope_type) {
            (None, Some(SelectedScope::Specific)) => {
                return Err(invalid("`scope_type` is specific, but `selected_items` is missing.")
                    .hint("Give the items, or leave `scope_type` out to read the whole drive."));
            }
            (Some(_), _) if self.specific().is_some() && self.folder_path.is_some() => {
                return Err(invalid(
                    "The parameters `folder_path` and `selected_items` exclude each other.",
                )
                .hint("Leave one of them out, or remove it with null."));
            }
            _ => {}
        }
        if self.grant() == GrantType::ClientCredentials
            && self.target() == Target::Own
            && self.specific().is_none()
        {
            return Err(invalid(
                "With `grant_type` client_credentials there is no account whose drive could be \
                 read.",
            )
            .hint("Fix the drive with one of: drive_id, user_id, group_id, site_id."));
        }
        Ok(())
    }

    fn targets(&self) -> impl Iterator<Item = (&'static str, Target<'_>)> {
        [
            ("drive_id", self.drive_id.as_deref().map(Target::Drive)),
            ("user_id", self.user_id.as_deref().map(Target::User)),
            ("group_id", self.group_id.as_deref().map(Target::Group)),
            ("site_id", self.site_id.as_deref().map(Target::Site)),
            ("share_link", self.share_link.as_ref().map(Target::Share)),
        ]
        .into_iter()
        .filter_map(|(name, target)| Some((name, target?)))
    }

    pub(crate) fn target(&self) -> Target<'_> {
        self.targets().next().map_or(Target::Own, |(_, target)| target)
    }

    /// The items that are read, where it is not the whole drive.
    pub(crate) fn specific(&self) -> Option<&[SelectedItem]> {
        match self.scope_type {
            Some(SelectedScope::All) => None,
            _ => self.selected_items.as_deref(),
        }
    }

    /// Those that say what is read and asked for, as they would be written again.
    pub(crate) fn told(&self) -> Vec<(&'static str, Option<String>)> {
        let scope_type = self.scope_type.map(|scope| match scope {
            SelectedScope::All => "all".to_owned(),
            SelectedScope::Specific => "specific".to_owned(),
        });
        let items = self.selected_items.as_ref().map(|items| {
            let item = |item: &SelectedItem| {
                json!({"id": item.item, "parentReference": {"driveId": item.drive}})
            };
            Value::from_iter(items.iter().map(item)).to_string()
        });
        vec![
            ("scopes", self.scopes.as_ref().map(|scopes| scopes.join(" "))),
            ("enable_files_read_all", self.enable_files_read_all.map(|all| all.to_string())),
            ("drive_id", self.drive_id.clone()),
            ("user_id", self.user_id.clone()),
            ("group_id", self.group_id.clone()),
            ("site_id", self.site_id.clone()),
            ("folder_path", self.folder_path.clone()),
            // A host takes no longer text of a fact about a connection.
            ("selected_items", items.filter(|items| items.len() <= LONGEST_TOLD)),
            ("scope_type", scope_type),
            ("listing_max_age", self.listing_max_age.map(|seconds| seconds.to_string())),
            ("follow_shortcuts", self.follow_shortcuts.map(|follow| follow.to_string())),
        ]
    }

    /// How old a listing may be; by default each one asks the service what changed.
    pub(crate) fn listing_max_age(&self) -> Duration {
        Duration::from_secs(self.listing_max_age.unwrap_or(0))
    }

    /// Whether shortcuts to other drives are read too. An application by itself, which may read
    /// every drive, is not led to another by whoever puts a shortcut into its own; and picked items
    /// are just those that were picked.
    pub(crate) fn follows_shortcuts(&self) -> bool {
        self.follow_shortcuts.unwrap_or(true)
            && self.grant() != GrantType::ClientCredentials
            && self.specific().is_none()
    }

    /// How tokens are got; settled when the connection is made.
    pub(crate) fn grant(&self) -> GrantType {
        self.grant_type.unwrap_or(GrantType::RefreshToken)
    }

    /// The directory, where the parameters name one.
    pub(crate) fn directory(&self) -> Option<&str> {
        self.tenant_id.as_deref().or(self.authority.as_deref())
    }

    pub(crate) fn cloud(&self) -> &'static Cloud {
        known_cloud(self.cloud.as_deref())
    }

    pub(crate) fn reads_all(&self) -> bool {
        self.enable_files_read_all.unwrap_or(false)
    }

    /// The scopes to ask for: fully written, with `offline_access`, without which no
    /// refresh token comes back.
    pub(crate) fn asked_scopes(&self) -> String {
        let host = self.cloud().graph_host;
        let full = |scope: &str| match scope.contains("://") || is_openid(scope) {
            true => scope.to_owned(),
            false => format!("https://{host}/{scope}"),
        };
        let mut scopes: Vec<String> = match self.scopes.as_deref() {
            // `.default` goes together with no other scope of Graph.
            None | Some([]) if self.reads_all() => vec![full("Files.Read.All")],
            None | Some([]) => vec![full(".default")],
            Some(given) => given.iter().map(|scope| full(scope)).collect(),
        };
        let default = scopes.iter().any(|scope| scope.ends_with("/.default"));
        let all = full("Files.Read.All");
        if self.reads_all() && !default && !scopes.contains(&all) {
            scopes.push(all);
        }
        if !scopes.iter().any(|s| s.eq_ignore_ascii_case("offline_access")) {
            scopes.push("offline_access".to_owned());
        }
        scopes.join(" ")
    }
}

/// Scopes of sign-in itself, which belong to no resource.
fn is_openid(scope: &str) -> bool {
    ["openid", "profile", "email", "offline_access"].iter().any(|s| scope.eq_ignore_ascii_case(s))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(settings: &Settings) -> String {
        settings.check().unwrap_err().message
    }

    #[test]
    fn without_scopes_the_default_scope_of_the_cloud_is_asked_for() {
        let settings = Settings { cloud: Some("usgov-l4".into()), ..Settings::default() };
        assert_eq!(settings.asked_scopes(), "https://graph.microsoft.us/.default offline_access");
    }

    #[test]
    fn files_read_all_is_asked_for_by_name_and_never_beside_default() {
        let all = Settings { enable_files_read_all: Some(true), ..Settings::default() };
        let graph = "https://graph.microsoft.com";
        assert_eq!(all.asked_scopes(), format!("{graph}/Files.Read.All offline_access"));
        let given = |scope: &str| Settings { scopes: Some(vec![scope.into()]), ..all.clone() };
        assert_eq!(given(".default").asked_scopes(), format!("{graph}/.default offline_access"));
        assert_eq!(
            given("Files.Read").asked_scopes(),
            format!("{graph}/Files.Read {graph}/Files.Read.All offline_access")
        );
    }

    #[test]
    fn two_parameters_that_name_a_drive_exclude_each_other() {
        let settings = Settings {
            drive_id: Some("b!x".into()),
            site_id: Some("https://contoso.sharepoint.com".into()),
            ..Settings::default()
        };
        assert!(reason(&settings).contains("`drive_id` and `site_id` exclude each other"));
    }

    #[test]
    fn the_application_by_itself_needs_the_drive_to_be_fixed() {
        let mut settings = Settings {
            grant_type: Some(GrantType::ClientCredentials),
            folder_path: Some("a".into()),
            ..Settings::default()
        };
        assert!(reason(&settings).contains("no account whose drive"));
        settings.user_id = Some("ann@contoso.com".into());
        assert!(settings.check().is_ok());
    }

    #[test]
    fn a_long_list_of_items_is_not_told_again() {
        let items = |count: usize| Settings {
            selected_items: Some(vec![
                SelectedItem { drive: "b!x".repeat(20), item: "01A".into() };
                count
            ]),
            ..Settings::default()
        };
        let told = |settings: Settings| {
            settings.told().into_iter().find(|(name, _)| *name == "selected_items").unwrap().1
        };
        assert!(told(items(2)).unwrap().contains("driveId"));
        assert_eq!(told(items(200)), None);
    }

    #[test]
    fn specific_needs_items_and_all_sets_them_aside() {
        let mut settings =
            Settings { scope_type: Some(SelectedScope::Specific), ..Settings::default() };
        assert!(reason(&settings).contains("`selected_items` is missing"));
        let item = SelectedItem { drive: "b!x".into(), item: "01A".into() };
        settings.selected_items = Some(vec![item.clone()]);
        assert_eq!(settings.specific(), Some(&[item][..]));
        settings.scope_type = Some(SelectedScope::All);
        assert_eq!(settings.specific(), None);
    }
}
