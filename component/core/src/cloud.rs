//! The clouds that OneDrive lives in: login host, Graph host, download hosts.
//!
//! Source: `deployments` and `identity platform national clouds` of
//! Microsoft's documentation; download hosts as seen in recorded traffic.

/// One cloud.
#[derive(Debug, PartialEq, Eq)]
pub struct Cloud {
    /// The value of the parameter `cloud`, and the egress profile's name.
    pub name: &'static str,
    /// Where tokens come from.
    pub login_host: &'static str,
    /// Where the bearer goes, and nowhere else.
    pub graph_host: &'static str,
    /// Where content comes from, without a bearer.
    pub download_hosts: &'static [&'static str],
    /// Whether Graph finds items by a path from another item, between colons.
    pub(crate) relative_paths: bool,
    /// For the operator.
    pub doc: &'static str,
}

/// All clouds; the first is the default.
pub(crate) const CLOUDS: [Cloud; 4] = [
    Cloud {
        name: "global",
        login_host: "login.microsoftonline.com",
        graph_host: "graph.microsoft.com",
        download_hosts: &[
            "*.sharepoint.com",
            "my.microsoftpersonalcontent.com",
            "*.files.1drv.com",
            "onedrive.live.com",
        ],
        relative_paths: true,
        doc: "Microsoft 365 and personal OneDrive worldwide, GCC included.",
    },
    Cloud {
        name: "usgov-l4",
        login_host: "login.microsoftonline.us",
        graph_host: "graph.microsoft.us",
        download_hosts: &["*.sharepoint.us"],
        relative_paths: true,
        doc: "US Government L4 (GCC High).",
    },
    Cloud {
        name: "usgov-l5",
        login_host: "login.microsoftonline.us",
        graph_host: "dod-graph.microsoft.us",
        download_hosts: &["*.sharepoint-mil.us"],
        relative_paths: true,
        doc: "US Government L5 (DoD).",
    },
    Cloud {
        name: "china",
        login_host: "login.partner.microsoftonline.cn",
        graph_host: "microsoftgraph.chinacloudapi.cn",
        download_hosts: &["*.sharepoint.cn"],
        relative_paths: false,
        doc: "Microsoft 365 operated by 21Vianet in China.",
    },
];

impl Cloud {
    /// The default.
    #[must_use]
    pub fn global() -> &'static Self {
        &CLOUDS[0]
    }

    /// The cloud of a name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        CLOUDS.iter().find(|cloud| cloud.name.eq_ignore_ascii_case(name))
    }

    /// Whether content of this cloud may come from a host.
    #[must_use]
    pub fn is_download_host(&self, host: &str) -> bool {
        self.download_hosts.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == *pattern,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_host_is_one_of_the_clouds_patterns() {
        let global = Cloud::global();
        assert!(global.is_download_host("contoso-my.sharepoint.com"));
        assert!(global.is_download_host("my.microsoftpersonalcontent.com"));
        for other in ["sharepoint.com", "evilsharepoint.com", "graph.microsoft.com", "x.example"] {
            assert!(!global.is_download_host(other), "{other}");
        }
    }
}
