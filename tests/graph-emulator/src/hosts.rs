//! Which host names the emulator answers for, and which of its parts owns each.

/// The names and suffix patterns that the emulator serves: `*.` stands for one or more labels.
pub(crate) const HOSTS: [&str; 10] = [
    "graph.microsoft.com",
    "login.microsoftonline.com",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
    "*.sharepoint.com",
    "*.microsoftpersonalcontent.com",
    "*.files.1drv.com",
    "onedrive.live.com",
    "api.onedrive.com",
];

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
    let pattern = HOSTS.iter().find(|pattern| matches(pattern, host))?;
    Some(match *pattern {
        "graph.microsoft.com" => Service::Graph,
        name if name.starts_with("login.") || name.starts_with("sts.") => Service::Login,
        _ => Service::Download,
    })
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
        assert_eq!(service("graph.microsoft.com"), Some(Service::Graph));
        assert_eq!(service("login.microsoftonline.com"), Some(Service::Login));
        assert_eq!(service("contoso-my.sharepoint.com"), Some(Service::Download));
        assert_eq!(service("my.microsoftpersonalcontent.com"), Some(Service::Download));
    }

    #[test]
    fn look_alike_names_are_not_served() {
        for host in [
            "sharepoint.com",
            ".sharepoint.com",
            "a..sharepoint.com",
            "evilsharepoint.com",
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
