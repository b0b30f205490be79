//! URLs as this connector needs them: https, a host, and the rest verbatim.
//!
//! A general URL type normalises; a pre-authenticated URL has to be used byte
//! for byte (a reordered query is answered 401), so nothing is touched here.

use std::fmt;

/// Why a text is no usable URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not `https://`.
    #[error("the link is not an https link")]
    NotHttps,
    /// User information, a port other than 443, or characters that no host
    /// name has.
    #[error("the link's host is not valid")]
    BadHost,
    /// Characters that must not stand in a request line.
    #[error("the link holds characters that a link cannot hold")]
    BadPath,
}

/// An https URL; host lower-cased, path and query verbatim.
///
/// `Display` and `Debug` show the host alone, since path and query may hold a
/// credential.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    host: String,
    path_and_query: String,
}

impl HttpsUrl {
    /// Takes an absolute URL apart. A fragment is dropped, as it is never sent.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let scheme = text.get(..8).ok_or(UrlError::NotHttps)?;
        if !scheme.eq_ignore_ascii_case("https://") {
            return Err(UrlError::NotHttps);
        }
        let rest = &text[8..];
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let host = authority.strip_suffix(":443").unwrap_or(authority);
        let tail = tail.split('#').next().unwrap_or("");
        let path_and_query =
            if tail.starts_with('/') { tail.to_owned() } else { format!("/{tail}") };
        Self::from_parts(host, path_and_query)
    }

    /// A URL of a host and a path that begins with `/`.
    pub fn from_parts(host: &str, path_and_query: String) -> Result<Self, UrlError> {
        let host_ok = !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            && host.split('.').all(|label| !label.is_empty());
        if !host_ok {
            return Err(UrlError::BadHost);
        }
        let path_ok = path_and_query.starts_with('/')
            && path_and_query.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if !path_ok {
            return Err(UrlError::BadPath);
        }
        Ok(Self { host: host.to_ascii_lowercase(), path_and_query })
    }

    /// The host name, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Path and query as they are sent.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/…", self.host)
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Percent-encodes one segment of a path (facts: RFC 3986 per segment; more
/// encoding than needed is harmless, so only unreserved bytes stay).
#[must_use]
pub fn encode_segment(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for nibble in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(nibble)]));
            }
        }
    }
    out
}

/// Percent-encodes a path segment by segment; `/` stays the separator.
#[must_use]
pub fn encode_path(path: &str) -> String {
    path.split('/').map(encode_segment).collect::<Vec<_>>().join("/")
}

/// Decodes `%XX`; an incomplete or invalid escape stays as it is, and bytes
/// that are no UTF-8 give `None`.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = escape {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_query_stays_byte_for_byte() {
        let text = "https://My.Host/_layouts/15/download.aspx?UniqueId=a%2fb&tempauth=v1.e%4A==";
        let url = HttpsUrl::parse(text).unwrap();
        assert_eq!(url.host(), "my.host");
        assert_eq!(
            url.path_and_query(),
            "/_layouts/15/download.aspx?UniqueId=a%2fb&tempauth=v1.e%4A=="
        );
    }

    #[test]
    fn display_and_debug_show_the_host_alone() {
        let url = HttpsUrl::parse("https://h.example/p?tempauth=secret").unwrap();
        assert_eq!(format!("{url} {url:?}"), "https://h.example/… https://h.example/…");
    }

    #[test]
    fn user_information_other_ports_and_other_schemes_are_refused() {
        for bad in [
            "http://h.example/",
            "https://user@h.example/",
            "https://h.example:8443/",
            "https:///path",
            "https://h..example/",
            "https://[::1]/",
            "ftp",
            "",
        ] {
            assert!(HttpsUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(HttpsUrl::parse("https://h.example:443/a").is_ok());
    }

    #[test]
    fn awkward_names_are_encoded_segment_by_segment() {
        assert_eq!(encode_path("a b/#1%+&'.csv"), "a%20b/%231%25%2B%26%27.csv");
        assert_eq!(encode_path("ü/日本"), "%C3%BC/%E6%97%A5%E6%9C%AC");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = HttpsUrl::parse(&text);
            let _ = HttpsUrl::parse(&format!("https://{text}"));
        }

        #[test]
        fn decoding_undoes_encoding(name in "\\PC*") {
            prop_assert_eq!(decode(&encode_segment(&name)), Some(name));
        }
    }
}
