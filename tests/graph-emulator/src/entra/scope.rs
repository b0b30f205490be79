//! Scopes: how they are asked for, which are known, and how an answer names them. (7.3)

use super::errors::Refusal;
use crate::cloud::{Cloud, Instance};
use crate::population::{KNOWN, Scopes};
use crate::variants::ScopeEcho;

/// Graph, by the identifier of its application, which is the same in all clouds.
pub(super) const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000/";
/// Scopes that are about signing in and belong to no resource.
const SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];
/// Permissions for whoever is signed in that only an administrator can grant in a work directory.
const ADMINISTRATORS: [&str; 4] =
    ["Directory.Read.All", "Group.Read.All", "Sites.FullControl.All", "User.Read.All"];
/// Other resources that every directory of the global cloud knows; none of the applications has
/// permissions for them.
const OTHERS: [&str; 11] = [
    "https://api.spaces.skype.com",
    "https://graph.windows.net",
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://manage.office.com",
    "https://onenote.com",
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "https://storage.azure.com",
    "https://substrate.office.com",
    "https://vault.azure.net",
];

/// The `scope` parameter of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// Permissions by name.
    named: Vec<Word>,
    /// All that the registration names.
    default: Option<Word>,
    /// The cloud whose Graph a permission was written with.
    graph: Option<Cloud>,
    /// Whether an id_token is wanted.
    pub(super) open_id: bool,
    /// Whether the id_token shall have the address.
    pub(super) email: bool,
    /// Whether a refresh token is wanted.
    pub(super) offline: bool,
}

/// A permission of Graph: its name, and whether it was written with the resource.
#[derive(Clone, Debug)]
struct Word {
    name: String,
    qualified: bool,
}

impl Asked {
    /// Reads the parameter. An instance knows the Graph of its own clouds only.
    pub(super) fn parse(text: &str, instance: Instance) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        let mut stranger = None;
        for word in text.split_whitespace() {
            let (name, qualified, graph) = match unqualified(word, instance) {
                Some((name, graph)) => (name, true, graph),
                None => (word, false, None),
            };
            if SIGN_IN.contains(&name) {
                asked.open_id |= name == "openid";
                asked.email |= name == "email";
                asked.offline |= name == "offline_access";
            } else if !qualified && names_a_resource(word) {
                stranger = Some(word);
            } else if asked.graph.is_some() && graph.is_some() && asked.graph != graph {
                // One resource per token: the Graphs of two clouds are two.
                return Err(Refusal::new(28_000).about(text));
            } else if name == ".default" {
                asked.default = Some(Word { name: name.to_owned(), qualified });
                asked.graph = asked.graph.or(graph);
            } else {
                let known = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name));
                let known = known.ok_or_else(|| Refusal::new(70_011).about(word))?;
                asked.named.push(Word { name: (*known).to_owned(), qualified });
                asked.graph = asked.graph.or(graph);
            }
        }
        match stranger {
            Some(_) if !asked.is_about_signing_in() => Err(Refusal::new(28_000).about(text)),
            Some(word) => Err(other_resource(word, instance)),
            None if asked.default.is_some() && !asked.named.is_empty() => {
                Err(Refusal::new(70_011).about(text))
            }
            None => Ok(asked),
        }
    }

    /// Whether nothing of a resource is asked for.
    pub(super) fn is_about_signing_in(&self) -> bool {
        self.named.is_empty() && self.default.is_none()
    }

    pub(super) fn is_default(&self) -> bool {
        self.default.is_some()
    }

    /// The cloud whose Graph was named by its host.
    pub(super) fn named_graph(&self) -> Option<Cloud> {
        self.graph
    }

    /// The cloud whose Graph is meant: the one that was named, else that of the directory. (7.3)
    pub(super) fn graph(&self, of_directory: Cloud) -> Cloud {
        self.graph.unwrap_or(of_directory)
    }

    /// Whether it is what an application by itself has to ask for: a resource's `.default` alone.
    pub(super) fn is_default_alone(&self) -> bool {
        let qualified = self.default.as_ref().is_some_and(|word| word.qualified);
        qualified && self.named.is_empty()
    }

    /// What a person has to consent to. `.default` asks for the registration's permissions, but
    /// only of who has consented to nothing.
    pub(super) fn wanted(&self, registered: &Scopes, consented: &Scopes) -> Scopes {
        match self.default {
            Some(_) if consented.is_empty() => registered.clone(),
            Some(_) => consented.clone(),
            // Tokens to sign in with carry all that was consented to.
            None if self.named.is_empty() => consented.clone(),
            None => Scopes::of(self.named.iter().map(|word| word.name.as_str())),
        }
    }

    /// The `scope` of an answer that grants `scopes`. `offline_access` is never listed. (7.3)
    pub(super) fn echo(
        &self,
        how: ScopeEcho,
        scopes: &Scopes,
        personal: bool,
        cloud: Cloud,
    ) -> Option<String> {
        let graph = format!("{}/", cloud.graph());
        let qualified = self.named.iter().chain(&self.default).any(|word| word.qualified);
        let named = |qualified: bool| {
            let prefix = if qualified { graph.as_str() } else { "" };
            scopes.iter().map(|name| format!("{prefix}{name}")).collect::<Vec<_>>()
        };
        let mut words = match how {
            ScopeEcho::Missing => return None,
            ScopeEcho::Short => return Some(named(false).join(" ")),
            ScopeEcho::Qualified => return Some(named(true).join(" ")),
            ScopeEcho::AsAsked if personal => return Some(named(false).join(" ")),
            ScopeEcho::AsAsked if !self.named.is_empty() => self.as_asked(&graph),
            ScopeEcho::AsAsked | ScopeEcho::Widened => named(qualified && !personal),
        };
        words.extend(["profile", "openid", "email"].map(str::to_owned));
        Some(words.join(" "))
    }

    fn as_asked(&self, graph: &str) -> Vec<String> {
        let prefix = |word: &Word| if word.qualified { graph } else { "" };
        self.named.iter().map(|word| format!("{}{}", prefix(word), word.name)).collect()
    }
}

/// Those that an administrator of a work directory has to grant.
pub(super) fn for_administrators(scopes: &Scopes) -> Scopes {
    Scopes::of(scopes.iter().filter(|name| ADMINISTRATORS.contains(name)))
}

/// The name below Graph's own, and whose Graph it is if its host says; a slash too many is part of
/// neither.
fn unqualified(word: &str, instance: Instance) -> Option<(&str, Option<Cloud>)> {
    let below = |prefix: &str| {
        let matches = word.get(..prefix.len())?.eq_ignore_ascii_case(prefix);
        matches.then(|| word[prefix.len()..].trim_start_matches('/'))
    };
    let by_host = instance
        .clouds()
        .find_map(|cloud| Some((below(&format!("{}/", cloud.graph()))?, Some(cloud))));
    by_host.or_else(|| Some((below(GRAPH_ID)?, None)))
}

fn names_a_resource(word: &str) -> bool {
    word.contains("://") || word.ends_with("/.default")
}

/// No permission for a resource that is there, or no such resource. (7.5)
fn other_resource(word: &str, instance: Instance) -> Refusal {
    let resource = word.rsplit_once('/').map_or(word, |(resource, _)| resource);
    let resource = resource.trim_end_matches('/').to_ascii_lowercase();
    let sharepoint = resource.starts_with("https://")
        && instance.clouds().any(|cloud| resource.ends_with(&format!(".{}", cloud.sharepoint())));
    let other = instance == Instance::Global && OTHERS.contains(&resource.as_str());
    if sharepoint || other { Refusal::new(65_001) } else { Refusal::new(500_011).about(resource) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn consented() -> Scopes {
        Scopes::of(["Files.Read", "User.Read"])
    }

    fn parse(text: &str) -> Result<Asked, Refusal> {
        Asked::parse(text, Instance::Global)
    }

    fn echo(text: &str, how: ScopeEcho, personal: bool) -> String {
        let asked = parse(text).unwrap();
        let scopes = asked.wanted(&Scopes::default(), &consented());
        asked.echo(how, &scopes, personal, Cloud::Global).unwrap_or_default()
    }

    /// Section 7.3.
    #[test]
    fn the_answer_names_scopes_as_they_were_asked_for_and_never_offline_access() {
        let text = "https://graph.microsoft.com/Files.Read User.Read offline_access openid";
        assert!(parse(text).unwrap().open_id && parse(text).unwrap().offline);
        assert_eq!(
            echo(text, ScopeEcho::AsAsked, false),
            "https://graph.microsoft.com/Files.Read User.Read profile openid email"
        );
        assert_eq!(echo(text, ScopeEcho::AsAsked, true), "Files.Read User.Read");
        assert_eq!(echo(text, ScopeEcho::Missing, false), "");
        assert_eq!(
            echo("Files.Read", ScopeEcho::Qualified, false),
            "https://graph.microsoft.com/Files.Read"
        );
    }

    /// Section 7.3.
    #[test]
    fn default_means_everything_that_was_consented_to_and_cannot_be_mixed() {
        let text = "https://graph.microsoft.com/.default offline_access openid profile";
        let asked = parse(text).unwrap();
        let all = Scopes::of(["Files.Read.All"]);
        assert_eq!(asked.wanted(&all, &consented()), consented());
        assert_eq!(asked.wanted(&all, &Scopes::default()), all);
        assert_eq!(
            echo(text, ScopeEcho::AsAsked, false),
            "https://graph.microsoft.com/Files.Read https://graph.microsoft.com/User.Read \
             profile openid email"
        );
        assert_eq!(parse(".default Files.Read").unwrap_err().code(), 70_011);
    }

    /// Section 7.5: 70011, 65001, 500011; one resource per token.
    #[test]
    fn unknown_scopes_and_other_resources_are_told_apart() {
        for (text, code) in [
            ("Files.Raed", 70_011),
            ("https://graph.microsoft.com/Files.Raed", 70_011),
            ("https://vault.azure.net/.default", 65_001),
            ("https://contoso.sharepoint.com/AllSites.Read", 65_001),
            ("https://api.example.com/x", 500_011),
            ("api://something/.default", 500_011),
            ("https://graph.microsoft.us/.default", 500_011),
            ("https://microsoftgraph.chinacloudapi.cn/Files.Read", 500_011),
            ("Files.Read https://vault.azure.net/.default", 28_000),
        ] {
            assert_eq!(parse(text).unwrap_err().code(), code, "{text}");
        }
    }

    /// Section 7.3.
    #[test]
    fn graph_may_be_named_by_its_identifier_and_with_a_slash_too_many() {
        for text in [
            "00000003-0000-0000-c000-000000000000/.default",
            "https://graph.microsoft.com//.default",
            "HTTPS://Graph.Microsoft.com/.default",
        ] {
            assert!(parse(text).unwrap().is_default_alone(), "{text}");
        }
        assert!(!parse(".default").unwrap().is_default_alone());
    }

    /// Section 7.1: two clouds sign in at one host, and what is asked for tells which is meant.
    #[test]
    fn a_scope_names_the_cloud_by_the_host_of_its_graph() {
        let graph = |text: &str| Asked::parse(text, Instance::UsGov).map(|it| it.named_graph());
        for (text, cloud) in [
            ("https://graph.microsoft.us/.default", Some(Cloud::UsGovL4)),
            ("https://dod-graph.microsoft.us/Files.Read openid", Some(Cloud::UsGovL5)),
            ("00000003-0000-0000-c000-000000000000/.default", None),
            ("Files.Read", None),
        ] {
            assert_eq!(graph(text).unwrap(), cloud, "{text}");
        }
        for (text, code) in [
            ("https://graph.microsoft.com/.default", 500_011),
            (
                "https://graph.microsoft.us/Files.Read https://dod-graph.microsoft.us/User.Read",
                28_000,
            ),
        ] {
            assert_eq!(graph(text).unwrap_err().code(), code, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_scope_or_refused(text in ".*") {
            let _ = parse(&text);
        }

        #[test]
        fn names_are_found_in_any_case(index in 0..KNOWN.len(), upper: bool) {
            let name = KNOWN[index];
            let written = if upper { name.to_uppercase() } else { name.to_lowercase() };
            let asked = parse(&format!("https://graph.microsoft.com/{written}")).unwrap();
            let wanted = asked.wanted(&Scopes::default(), &Scopes::default());
            prop_assert_eq!(wanted.joined(), name);
        }
    }
}
