//! Pre-authenticated URLs: made, and checked byte for byte. (2)

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use crate::drive::{Drive, Drives};
use crate::guid::Guid;
use crate::throttle::Caller;

/// SharePoint's name for itself in tokens. (2)
const SHAREPOINT: &str = "00000003-0000-0ff1-ce00-000000000000";
/// Below a drive's place on its host.
const PAGE: &str = "/_layouts/15/download.aspx";

/// Makes and checks links.
pub(crate) struct DownloadLinks {
    key: hmac::Key,
    /// Links of an earlier generation are dead.
    generation: AtomicU64,
}

/// What a link opens, and for whom it was made.
pub(super) struct Opened {
    pub(super) drive: Arc<Drive>,
    pub(super) file: Guid,
    pub(super) caller: Caller,
}

/// Makes links to files of one drive that are issued at one time.
pub(crate) struct LinkMaker<'a> {
    key: &'a hmac::Key,
    base: String,
    token: String,
}

impl DownloadLinks {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), generation: AtomicU64::new(0) }
    }

    /// Makes links to files of a drive for somebody, who is charged for what is read by them.
    pub(crate) fn of(
        &self,
        drive: &Drive,
        caller: &Caller,
        (now_ms, lifetime_ms): (i64, i64),
    ) -> LinkMaker<'_> {
        let info = &drive.info;
        let payload = json!({
            "aud": format!("{SHAREPOINT}/{}", info.host), "iss": SHAREPOINT,
            "nbf": now_ms / 1_000, "exp": (now_ms + lifetime_ms) / 1_000,
            "ver": self.generation.load(Ordering::Relaxed),
            "appid": caller.application, "tid": caller.directory, "oid": caller.user,
        });
        // What stands before the first dot. (2)
        let version = if drive.is_personal() { "v1e" } else { "v1" };
        LinkMaker {
            key: &self.key,
            base: format!("{}{}{PAGE}", info.host, info.place),
            token: format!("{version}.{}", URL_SAFE_NO_PAD.encode(payload.to_string())),
        }
    }

    /// Kills every link issued so far.
    pub(crate) fn expire_all(&self) {
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// What a link opens, if it is one of ours, unaltered and alive.
    pub(super) fn verify(
        &self,
        drives: &Drives,
        (host, path, query): (&str, &str, &str),
        now_ms: i64,
    ) -> Option<Opened> {
        let drive = drives.at(host, path.strip_suffix(PAGE)?)?;
        let (before, rest) = query.split_once("&tempauth=")?;
        let (token, after) = rest.split_at(rest.find('&').unwrap_or(rest.len()));
        let (token, tag) = token.rsplit_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let signed = format!("{host}{path}?{before}&tempauth={token}{after}");
        hmac::verify(&self.key, signed.as_bytes(), &tag).ok()?;
        // From here on the text is our own.
        let (_, payload) = token.split_once('.')?;
        let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let alive = now_ms / 1_000 < payload["exp"].as_i64()?
            && payload["ver"].as_u64()? >= self.generation.load(Ordering::Relaxed);
        let id = before.strip_prefix("UniqueId=")?.split('&').next()?;
        let guid = |name: &str| payload[name].as_str().and_then(|text| text.parse().ok());
        let caller =
            Caller { application: guid("appid")?, directory: guid("tid")?, user: guid("oid") };
        let file = alive.then(|| id.parse().ok())??;
        Some(Opened { drive, file, caller })
    }
}

impl LinkMaker<'_> {
    /// A URL under which everybody can read a file until it expires. The whole URL is signed, so
    /// that no byte and no order can change.
    pub(crate) fn issue(&self, guid: Guid) -> String {
        let (base, token) = (&self.base, &self.token);
        let before = format!("{base}?UniqueId={guid}&Translate=false&tempauth={token}");
        let after = "&ApiVersion=2.0";
        let tag = hmac::sign(self.key, format!("{before}{after}").as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(tag);
        format!("https://{before}.{tag}{after}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;
    use crate::drive::{Blobs, DriveIds, DriveInfo, DriveKind, Owner};
    use crate::random::Random;

    const NOW_MS: i64 = 1_767_691_800_000;
    const HOUR_MS: i64 = 3_600_000;

    struct World {
        links: DownloadLinks,
        drives: Drives,
        _state: tempfile::TempDir,
    }

    fn world() -> World {
        let state = tempfile::tempdir().unwrap();
        let info = DriveInfo {
            ids: DriveIds::library(&Random::new(None)),
            kind: DriveKind::Business,
            owner: Owner::User(Guid::NIL),
            name: String::new(),
            host: "contoso-my.sharepoint.com".to_owned(),
            place: "/personal/ann_contoso_com".to_owned(),
            created_ms: 0,
            total: 0,
            seed: None,
        };
        let (clock, blobs) = (Arc::new(Clock::new(0)), Blobs::open(state.path()).unwrap());
        let drive = Drive::open(info, None, clock, blobs, &[1; 32], None).unwrap();
        let drives = Drives::default();
        drives.add(Arc::new(drive));
        World { links: DownloadLinks::new(&[7; 32]), drives, _state: state }
    }

    impl World {
        fn issue(&self, guid: Guid) -> String {
            let caller = Caller { application: Guid::NIL, directory: Guid::NIL, user: None };
            self.links.of(&self.drives.all()[0], &caller, (NOW_MS, HOUR_MS)).issue(guid)
        }

        fn verify(&self, url: &str, now_ms: i64) -> Option<Guid> {
            let (host, rest) = url.strip_prefix("https://").unwrap().split_once('/').unwrap();
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let path = format!("/{path}");
            let found = self.links.verify(&self.drives, (host, &path, query), now_ms);
            found.map(|opened| opened.file)
        }
    }

    /// Section 2: measured from issue to expiry, 3600 s.
    #[test]
    fn a_link_opens_its_file_for_an_hour() {
        let (world, guid) = (world(), Guid::from_u128(5));
        let url = world.issue(guid);
        assert_eq!(world.verify(&url, NOW_MS + HOUR_MS - 1), Some(guid));
        assert_eq!(world.verify(&url, NOW_MS + HOUR_MS), None);
    }

    #[test]
    fn all_links_can_be_killed() {
        let (world, guid) = (world(), Guid::from_u128(5));
        let url = world.issue(guid);
        world.links.expire_all();
        assert_eq!(world.verify(&url, NOW_MS), None);
    }

    /// Section 2: no re-encoding, no reordering.
    #[test]
    fn a_link_whose_query_is_reordered_or_extended_opens_nothing() {
        let world = world();
        let url = world.issue(Guid::from_u128(5));
        let (base, query) = url.split_once('?').unwrap();
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.reverse();
        assert_eq!(world.verify(&format!("{base}?{}", pairs.join("&")), NOW_MS), None);
        assert_eq!(world.verify(&format!("{url}&x=1"), NOW_MS), None);
        assert_eq!(world.verify(base, NOW_MS), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_link_with_any_one_byte_changed_opens_nothing(at in 0usize..2_000, byte in 33u8..127) {
            let world = world();
            let url = world.issue(Guid::from_u128(5));
            let path = url.find("/personal").unwrap();
            let at = path + at % (url.len() - path);
            prop_assume!(url.as_bytes()[at] != byte);
            let mut altered = url.into_bytes();
            altered[at] = byte;
            prop_assert_eq!(world.verify(&String::from_utf8(altered).unwrap(), NOW_MS), None);
        }

        #[test]
        fn any_query_is_judged(query in ".*") {
            let world = world();
            let path = "/personal/ann_contoso_com/_layouts/15/download.aspx";
            let place = ("contoso-my.sharepoint.com", path, query.as_str());
            prop_assert!(world.links.verify(&world.drives, place, NOW_MS).is_none());
        }
    }
}
