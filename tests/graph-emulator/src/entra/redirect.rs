//! Redirect addresses: which are registered, and how an answer is sent to one. (7.2)

use http::StatusCode;

use super::errors::{Refusal, Trace};
use super::{pages, reply};
use crate::body::Reply;
use crate::population::{Redirect, RedirectKind};

/// Hosts of the machine itself; the port of such an address is not compared.
const LOOPBACK: [&str; 2] = ["localhost", "127.0.0.1"];

/// How an authorization answer travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Query,
    Fragment,
    FormPost,
}

impl Mode {
    pub(super) fn parse(text: Option<&str>) -> Result<Self, Refusal> {
        match text {
            None | Some("query") => Ok(Self::Query),
            Some("fragment") => Ok(Self::Fragment),
            Some("form_post") => Ok(Self::FormPost),
            Some(other) => Err(Refusal::new(70_007).about(other)),
        }
    }
}

/// The kind of a registered address; the exact one if several match.
pub(super) fn kind(registered: &[Redirect], asked: &str) -> Option<RedirectKind> {
    let exact = registered.iter().find(|redirect| redirect.uri == asked);
    let found = exact.or_else(|| {
        let asked = Address::parse(asked)?;
        registered.iter().find(|it| Address::parse(&it.uri).is_some_and(|it| it.is_same(&asked)))
    });
    found.map(|redirect| redirect.kind)
}

/// Sends an answer to the client.
pub(super) fn send(uri: &str, mode: Mode, answer: &[(&str, String)], trace: &Trace) -> Reply {
    if mode == Mode::FormPost {
        return reply::html(StatusCode::OK, pages::form_post(uri, answer), trace);
    }
    let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    let separator = match mode {
        Mode::Fragment => '#',
        _ if uri.contains('?') => '&',
        _ => '?',
    };
    let sent = reply::redirect(&format!("{uri}{separator}{fields}"), trace);
    sent.unwrap_or_else(|| pages::refused(&Refusal::malformed(), trace))
}

/// An address of the web, taken apart for comparison.
struct Address<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<&'a str>,
    /// Path and query; the path of a bare host is `/`.
    rest: &'a str,
}

impl<'a> Address<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let (scheme, after) = uri.split_once("://")?;
        let web = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        if !web || uri.contains(['#', '\\', '@']) {
            return None;
        }
        let end = after.find(['/', '?']).unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                (host, Some(port))
            }
            Some(_) => return None,
            None => (authority, None),
        };
        let rest = if rest.is_empty() { "/" } else { rest };
        Some(Self { scheme, host, port, rest })
    }

    fn is_same(&self, other: &Self) -> bool {
        let loopback = LOOPBACK.iter().any(|host| self.host.eq_ignore_ascii_case(host));
        let port_is_free = loopback && self.scheme.eq_ignore_ascii_case("http");
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && (port_is_free || self.port == other.port)
            && self.rest == other.rest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registered() -> Vec<Redirect> {
        [
            ("http://localhost", RedirectKind::Native),
            ("http://localhost:8400/cb", RedirectKind::Web),
            ("https://app.example.com/cb", RedirectKind::Web),
            ("myapp://auth", RedirectKind::Native),
        ]
        .map(|(uri, kind)| Redirect { uri: uri.to_owned(), kind })
        .to_vec()
    }

    /// Section 7.2: the port of a loopback address is ignored, nothing else is.
    #[test]
    fn an_address_has_to_be_registered_up_to_the_port_of_loopback() {
        for (uri, expected) in [
            ("http://localhost:53682/", Some(RedirectKind::Native)),
            ("http://LOCALHOST:1", Some(RedirectKind::Native)),
            ("http://localhost:9000/cb", Some(RedirectKind::Web)),
            ("https://app.example.com/cb", Some(RedirectKind::Web)),
            ("myapp://auth", Some(RedirectKind::Native)),
            ("http://localhost:9000/other", None),
            ("https://localhost:9000/cb", None),
            ("http://127.0.0.1:9000/cb", None),
            ("http://localhost:9000.evil.test/cb", None),
            ("https://app.example.com:444/cb", None),
            ("https://app.example.com/CB", None),
            ("https://app.example.com/cb?x=1", None),
            ("https://app.example.com@evil.test/cb", None),
            ("https://app.example.com/cb#x", None),
            ("myapp://auth/more", None),
            ("", None),
        ] {
            assert_eq!(kind(&registered(), uri), expected, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_none(uri in ".*") {
            let _ = kind(&registered(), &uri);
        }

        #[test]
        fn any_other_host_is_refused(host in "[a-z.]{1,20}") {
            prop_assume!(host != "app.example.com");
            let uri = format!("https://{host}/cb");
            prop_assert_eq!(kind(&registered(), &uri), None);
        }
    }
}
