//! Pre-authenticated URLs: made, and checked byte for byte. (2)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use crate::drive::DriveIds;
use crate::entra::{Directory, SHAREPOINT_HOST};
use crate::guid::Guid;

/// From issue to expiry. (2)
const LIFETIME_SECONDS: i64 = 3_600;
/// SharePoint's name for itself in tokens. (2)
const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";

/// Makes and checks the links of one drive.
pub(crate) struct DownloadLinks {
    key: hmac::Key,
    host: &'static str,
    path: String,
    audience: String,
    /// What stands before the first dot of `tempauth`.
    version: &'static str,
}

impl DownloadLinks {
    pub(crate) fn new(key: &[u8; 32], directory: &Directory, drive: &DriveIds) -> Self {
        let (host, folder, version) = match drive {
            DriveIds::Business { .. } => (SHAREPOINT_HOST, directory.account.site_name(), "v1"),
            DriveIds::Personal { cid } => {
                ("my.microsoftpersonalcontent.com", format!("{cid:016x}"), "v1e")
            }
        };
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            host,
            path: format!("/personal/{folder}/_layouts/15/download.aspx"),
            audience: format!("{SHAREPOINT}/{host}@{}", directory.tenant_id),
            version,
        }
    }

    /// A URL under which everybody can read a file until it expires.
    pub(crate) fn issue(&self, guid: Guid, now_ms: i64) -> String {
        let issued = now_ms / 1_000;
        let payload = json!({
            "aud": self.audience, "iss": SHAREPOINT, "nbf": issued, "exp": issued + LIFETIME_SECONDS,
        });
        let payload = URL_SAFE_NO_PAD.encode(payload.to_string());
        let before = format!("UniqueId={guid}&Translate=false");
        let token = format!("{}.{payload}", self.version);
        let after = "&ApiVersion=2.0";
        let tag = hmac::sign(&self.key, self.signed(&before, &token, after).as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag);
        format!("https://{}{}?{before}&tempauth={token}.{tag}{after}", self.host, self.path)
    }

    /// The file that a link opens, if the link is one of ours, unaltered and not expired.
    pub(super) fn verify(&self, host: &str, path: &str, query: &str, now_ms: i64) -> Option<Guid> {
        if host != self.host || path != self.path {
            return None;
        }
        let (before, rest) = query.split_once("&tempauth=")?;
        let (token, after) = rest.split_at(rest.find('&').unwrap_or(rest.len()));
        let (token, tag) = token.rsplit_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.key, self.signed(before, token, after).as_bytes(), &tag).ok()?;
        // From here on the text is our own.
        let (_, payload) = token.split_once('.')?;
        let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let id = before.strip_prefix("UniqueId=")?.split('&').next()?;
        (now_ms / 1_000 < payload["exp"].as_i64()?).then(|| id.parse().ok())?
    }

    /// The whole URL but the signature, so that no byte and no order can change.
    fn signed(&self, before: &str, token: &str, after: &str) -> String {
        format!("{}{}?{before}&tempauth={token}{after}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::profile::Profile;

    const NOW_MS: i64 = 1_767_691_800_000;

    fn links() -> DownloadLinks {
        let directory = Directory::random(Profile::Business, None, 0);
        DownloadLinks::new(&[7; 32], &directory, &DriveIds::random(Profile::Business))
    }

    fn verify(links: &DownloadLinks, url: &str, now_ms: i64) -> Option<Guid> {
        let (host, rest) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        links.verify(host, &format!("/{path}"), query, now_ms)
    }

    /// Section 2: measured from issue to expiry, 3600 s.
    #[test]
    fn a_link_opens_its_file_for_an_hour() {
        let (links, guid) = (links(), Guid::random());
        let url = links.issue(guid, NOW_MS);
        assert_eq!(verify(&links, &url, NOW_MS + 3_599_999), Some(guid));
        assert_eq!(verify(&links, &url, NOW_MS + 3_600_000), None);
    }

    /// Section 2: no re-encoding, no reordering.
    #[test]
    fn a_link_whose_query_is_reordered_or_extended_opens_nothing() {
        let links = links();
        let url = links.issue(Guid::random(), NOW_MS);
        let (base, query) = url.split_once('?').unwrap();
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.reverse();
        assert_eq!(verify(&links, &format!("{base}?{}", pairs.join("&")), NOW_MS), None);
        assert_eq!(verify(&links, &format!("{url}&x=1"), NOW_MS), None);
        assert_eq!(verify(&links, base, NOW_MS), None);
    }

    proptest! {
        #[test]
        fn a_link_with_any_one_byte_changed_opens_nothing(at in 0usize..2_000, byte in 33u8..127) {
            let links = links();
            let url = links.issue(Guid::random(), NOW_MS);
            let path = url.find("/personal").unwrap();
            let at = path + at % (url.len() - path);
            prop_assume!(url.as_bytes()[at] != byte);
            let mut altered = url.into_bytes();
            altered[at] = byte;
            prop_assert_eq!(verify(&links, &String::from_utf8(altered).unwrap(), NOW_MS), None);
        }

        #[test]
        fn any_query_is_judged(query in ".*") {
            let links = links();
            prop_assert_eq!(links.verify(links.host, &links.path, &query, NOW_MS), None);
        }
    }
}
