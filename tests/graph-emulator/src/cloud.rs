//! The clouds of Microsoft: each is a world of its own, with its own hosts and directories. (7.1)
//!
//! Signing in knows them as instances: the two clouds of the US government share one.

use serde::{Deserialize, Serialize};

/// A cloud: where a directory and its drives are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Cloud {
    /// Everybody's.
    #[default]
    #[serde(rename = "global")]
    Global,
    /// Of the US government, level 4: GCC High.
    #[serde(rename = "usgov-l4")]
    UsGovL4,
    /// Of the US government, level 5: the Department of Defense.
    #[serde(rename = "usgov-l5")]
    UsGovL5,
    /// Operated by 21Vianet in China.
    #[serde(rename = "china")]
    China,
}

impl Cloud {
    pub(crate) const ALL: [Self; 4] = [Self::Global, Self::UsGovL4, Self::UsGovL5, Self::China];

    /// Where its people sign in.
    pub(crate) const fn instance(self) -> Instance {
        match self {
            Self::Global => Instance::Global,
            Self::UsGovL4 | Self::UsGovL5 => Instance::UsGov,
            Self::China => Instance::China,
        }
    }

    pub(crate) const fn graph_host(self) -> &'static str {
        match self {
            Self::Global => "graph.microsoft.com",
            Self::UsGovL4 => "graph.microsoft.us",
            Self::UsGovL5 => "dod-graph.microsoft.us",
            Self::China => "microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Graph as a resource: the audience of its tokens, and what stands before scopes and paths.
    pub(crate) fn graph(self) -> String {
        format!("https://{}", self.graph_host())
    }

    /// The domain of its SharePoint hosts.
    pub(crate) const fn sharepoint(self) -> &'static str {
        match self {
            Self::Global => "sharepoint.com",
            Self::UsGovL4 => "sharepoint.us",
            Self::UsGovL5 => "sharepoint-mil.us",
            Self::China => "sharepoint.cn",
        }
    }

    /// The cloud whose Graph a host is.
    pub(crate) fn of_graph(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cloud| cloud.graph_host() == host)
    }
}

/// An instance of Microsoft Entra ID. What one issues, no other knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Instance {
    Global,
    /// Of both clouds of the US government.
    UsGov,
    China,
}

impl Instance {
    pub(crate) const ALL: [Self; 3] = [Self::Global, Self::UsGov, Self::China];

    /// Its hosts: the one that its documents name, then the aliases.
    pub(crate) const fn login_hosts(self) -> &'static [&'static str] {
        match self {
            Self::Global => &[
                "login.microsoftonline.com",
                "login.windows.net",
                "login.microsoft.com",
                "sts.windows.net",
            ],
            Self::UsGov => &["login.microsoftonline.us", "login.usgovcloudapi.net"],
            Self::China => &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        }
    }

    /// The host that its documents name.
    pub(crate) const fn login_host(self) -> &'static str {
        self.login_hosts()[0]
    }

    /// Where its endpoints and issuers start.
    pub(crate) fn login(self) -> String {
        format!("https://{}", self.login_host())
    }

    /// The host under which MSAL files the tokens of all aliases.
    pub(crate) const fn preferred_cache(self) -> &'static str {
        match self {
            Self::Global => "login.windows.net",
            _ => self.login_host(),
        }
    }

    /// Where the issuers of version 1 start.
    pub(crate) const fn sts(self) -> &'static str {
        match self {
            Self::Global | Self::UsGov => "https://sts.windows.net",
            Self::China => "https://sts.chinacloudapi.cn",
        }
    }

    /// Its name in documents and keys.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Global => "microsoftonline.com",
            Self::UsGov => "microsoftonline.us",
            Self::China => "partner.microsoftonline.cn",
        }
    }

    /// The host of the older Graph of directories.
    pub(crate) const fn directory_graph_host(self) -> &'static str {
        match self {
            Self::Global | Self::UsGov => "graph.windows.net",
            Self::China => "graph.chinacloudapi.cn",
        }
    }

    /// Where access to resources is decided, as documents have it.
    pub(crate) const fn rbac(self) -> &'static str {
        match self {
            Self::Global => "https://pas.windows.net",
            Self::UsGov => "https://pasff.usgovcloudapi.net",
            Self::China => "https://pas.chinacloudapi.cn",
        }
    }

    /// The name of its federation, as realms have it.
    pub(crate) const fn federation(self) -> &'static str {
        match self {
            Self::Global | Self::UsGov => "urn:federation:MicrosoftOnline",
            Self::China => "urn:federation:partner.microsoftonline.cn",
        }
    }

    /// The path of the short address, on [`SHORT_HOST`], at which people enter device codes.
    pub(crate) const fn device_path(self) -> &'static str {
        match self {
            Self::Global => "/devicelogin",
            Self::UsGov => "/deviceloginus",
            Self::China => "/deviceloginchina",
        }
    }

    /// The clouds whose people sign in here.
    pub(crate) fn clouds(self) -> impl Iterator<Item = Cloud> {
        Cloud::ALL.into_iter().filter(move |cloud| cloud.instance() == self)
    }

    /// The cloud that is meant where nothing says which.
    pub(crate) const fn usual_cloud(self) -> Cloud {
        match self {
            Self::Global => Cloud::Global,
            Self::UsGov => Cloud::UsGovL4,
            Self::China => Cloud::China,
        }
    }

    /// The instance that a login host belongs to.
    pub(crate) fn of_login(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|instance| instance.login_hosts().contains(&host))
    }
}

/// The host of addresses that are short enough to be typed.
pub(crate) const SHORT_HOST: &str = "microsoft.com";

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 7.1.
    #[test]
    fn no_two_clouds_share_a_host_of_graph_or_sharepoint() {
        for cloud in Cloud::ALL {
            assert_eq!(Cloud::of_graph(cloud.graph_host()), Some(cloud));
            let others = Cloud::ALL.into_iter().filter(|other| *other != cloud);
            assert!(others.into_iter().all(|other| other.sharepoint() != cloud.sharepoint()));
        }
    }

    /// Section 7.1: the clouds of the US government sign in at one host.
    #[test]
    fn each_login_host_belongs_to_one_instance() {
        for instance in Instance::ALL {
            for host in instance.login_hosts() {
                assert_eq!(Instance::of_login(host), Some(instance), "{host}");
            }
            assert_eq!(instance.usual_cloud().instance(), instance);
        }
        assert_eq!(Cloud::UsGovL4.instance(), Cloud::UsGovL5.instance());
    }

    #[test]
    fn a_cloud_is_written_as_it_is_read() {
        for (cloud, name) in Cloud::ALL.into_iter().zip(["global", "usgov-l4", "usgov-l5", "china"])
        {
            assert_eq!(serde_json::to_value(cloud).unwrap(), name);
        }
    }
}
