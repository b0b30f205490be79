//! Which host names the emulator answers for, and which of its parts owns each.

use crate::cloud::{Cloud, Instance, SHORT_HOST};

/// The hosts of personal drives, which are in the global cloud only.
const PERSONAL: [&str; 4] =
    ["*.microsoftpersonalcontent.com", "*.files.1drv.com", "onedrive.live.com", "api.onedrive.com"];

/// The names and suffix patterns that the emulator serves: `*.` stands for one or more labels.
pub(crate) fn patterns() -> Vec<String> {
    let graph = Cloud::ALL.into_iter().map(Cloud::graph_host);
    let login = Instance::ALL.into_iter().flat_map(Instance::login_hosts).copied();
    let fixed = graph.chain(login).chain([SHORT_HOST]).map(str::to_owned);
    fixed.chain(download_patterns()).collect()
}

fn download_patterns() -> impl Iterator<Item = String> {
    let sharepoint = Cloud::ALL.into_iter().map(|cloud| format!("*.{}", cloud.sharepoint()));
    sharepoint.chain(PERSONAL.map(str::to_owned))
}

/// The part of the emulator that owns a host name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Service {
    /// Microsoft Graph.
    Graph,
    /// Microsoft Entra ID.
    Login,
    /// The hosts behind pre-authenticated URLs.
    Download,
}

/// The owner of a host name (lower case, without port), or `None` for a name that is not served.
pub(crate) fn service(host: &str) -> Option<Service> {
    if Cloud::of_graph(host).is_some() {
        return Some(Service::Graph);
    }
    if host == SHORT_HOST || Instance::of_login(host).is_some() {
        return Some(Service::Login);
    }
    let mut patterns = download_patterns();
    patterns.any(|pattern| matches(&pattern, host)).then_some(Service::Download)
}

fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        None => pattern == host,
        Some(suffix) => host.strip_suffix(suffix).is_some_and(|labels| {
            labels.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            })
        }),
    }
}

/// A host name as written in a URL, a `Host` header or a CONNECT request: without its port and
/// trailing dot, in lower case.
pub(crate) fn without_port(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_served_name_has_one_owner() {
        for (host, owner) in [
            ("graph.microsoft.com", Service::Graph),
            ("dod-graph.microsoft.us", Service::Graph),
            ("microsoftgraph.chinacloudapi.cn", Service::Graph),
            ("login.microsoftonline.com", Service::Login),
            ("login.microsoftonline.us", Service::Login),
            ("login.chinacloudapi.cn", Service::Login),
            ("microsoft.com", Service::Login),
            ("contoso-my.sharepoint.com", Service::Download),
            ("contoso-my.sharepoint-mil.us", Service::Download),
            ("contoso-my.sharepoint.cn", Service::Download),
            ("my.microsoftpersonalcontent.com", Service::Download),
        ] {
            assert_eq!(service(host), Some(owner), "{host}");
        }
    }

    #[test]
    fn look_alike_names_are_not_served() {
        for host in [
            "sharepoint.com",
            ".sharepoint.com",
            "a..sharepoint.com",
            "evilsharepoint.com",
            "graph.microsoft.de",
            "contoso.sharepoint.de",
            "x.graph.microsoft.us",
            "www.microsoft.com",
            "graph.microsoft.com.evil.test",
            "a b.sharepoint.com",
            "127.0.0.1",
            "",
        ] {
            assert_eq!(service(host), None, "{host}");
        }
    }

    #[test]
    fn a_port_and_a_trailing_dot_are_not_part_of_a_name() {
        assert_eq!(without_port("Graph.Microsoft.com.:443"), "graph.microsoft.com");
        assert_eq!(without_port("graph.microsoft.com"), "graph.microsoft.com");
    }
}
