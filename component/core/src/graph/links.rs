//! Links as types: what gets a bearer, what must not, what may be followed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::url::{HttpsUrl, encode_path, encode_segment};

/// What is asked of an item in a listing.
const FIELDS: &str = "id,name,size,file,folder,package,malware,remoteItem,shared,webUrl,createdBy,\
                      createdDateTime,lastModifiedDateTime,eTag,cTag";
/// In a feed also what tells where it is, and that it is gone.
const FEED_FIELDS: &str = "id,name,size,file,folder,package,malware,remoteItem,shared,webUrl,\
                           createdBy,createdDateTime,lastModifiedDateTime,eTag,cTag,root,deleted,\
                           parentReference";

const CREATOR: &str = "id,createdBy";

/// An address on the Graph host; sent with the bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphUrl(HttpsUrl);

impl GraphUrl {
    fn of(cloud: &Cloud, path_and_query: String) -> Result<Self> {
        HttpsUrl::from_parts(cloud.graph_host, format!("/v1.0{path_and_query}"))
            .map(Self)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    /// The signed-in account's drive.
    pub(crate) fn my_drive(cloud: &Cloud) -> Result<Self> {
        Self::of(cloud, "/me/drive".to_owned())
    }

    /// The signed-in account.
    pub(crate) fn me(cloud: &Cloud) -> Result<Self> {
        let select = "id,displayName,mail,userPrincipalName";
        Self::of(cloud, format!("/me?$select={select}"))
    }

    /// A drive by its id.
    pub(crate) fn drive(cloud: &Cloud, id: &str) -> Result<Self> {
        Self::of(cloud, format!("/drives/{}", encode_segment(id)))
    }

    /// A person's drive.
    pub(crate) fn user_drive(cloud: &Cloud, id: &str) -> Result<Self> {
        Self::of(cloud, format!("/users/{}/drive", encode_segment(id)))
    }

    /// A group's drive.
    pub(crate) fn group_drive(cloud: &Cloud, id: &str) -> Result<Self> {
        Self::of(cloud, format!("/groups/{}/drive", encode_segment(id)))
    }

    /// The document library of a site, by its id or its URL.
    pub(crate) fn site_drive(cloud: &Cloud, site: &str) -> Result<Self> {
        let Ok(url) = HttpsUrl::parse(site) else {
            return Self::of(cloud, format!("/sites/{}/drive", encode_site(site)));
        };
        let path = url.path_and_query().split('?').next().unwrap_or_default();
        // It comes from a browser, so it is encoded already.
        match path.trim_matches('/') {
            "" => Self::of(cloud, format!("/sites/{}/drive", url.host())),
            path => Self::of(cloud, format!("/sites/{}:/{path}:/drive", url.host())),
        }
    }

    /// What a sharing link leads to.
    pub(crate) fn shared_item(cloud: &Cloud, link: &str) -> Result<Self> {
        Self::of(cloud, format!("/shares/u!{}/driveItem", URL_SAFE_NO_PAD.encode(link)))
    }

    /// An item by its path from a folder, or from the drive's root without one.
    pub(crate) fn item_under(
        cloud: &Cloud,
        drive: &str,
        folder: Option<&str>,
        path: &str,
    ) -> Result<Self> {
        let start = start(drive, folder);
        if cloud.relative_paths || folder.is_none() {
            return Self::of(cloud, format!("{start}:/{}:", encode_path(path)));
        }
        let steps = path
            .split('/')
            .map(|name| format!("/children('{}')", encode_segment(&name.replace('\'', "''"))));
        Self::of(cloud, format!("{start}{}", steps.collect::<String>()))
    }

    /// An item by its id.
    pub(crate) fn item(cloud: &Cloud, drive: &str, item: &str) -> Result<Self> {
        Self::of(cloud, format!("/drives/{}/items/{}", encode_segment(drive), encode_segment(item)))
    }

    /// Items below a folder whose names hold a text; the first page.
    pub(crate) fn search(
        cloud: &Cloud,
        drive: &str,
        folder: Option<&str>,
        text: &str,
    ) -> Result<Self> {
        // In a literal of OData a quote is doubled first and then encoded.
        let text = encode_segment(&text.replace('\'', "''"));
        Self::of(cloud, format!("{}/search(q='{text}')?$top=200", start(drive, folder)))
    }

    /// An item's content: answers with a redirect.
    pub(crate) fn content(cloud: &Cloud, drive: &str, item: &str) -> Result<Self> {
        let (drive, item) = (encode_segment(drive), encode_segment(item));
        Self::of(cloud, format!("/drives/{drive}/items/{item}/content"))
    }

    /// The first page of a drive's feed: everything, then a link to what changes.
    pub(crate) fn feed(cloud: &Cloud, drive: &str) -> Result<Self> {
        let drive = encode_segment(drive);
        Self::of(cloud, format!("/drives/{drive}/root/delta?$top=1000&$select={FEED_FIELDS}"))
    }

    /// An address that was kept in the connection's bucket.
    pub(crate) fn kept(cloud: &Cloud, path_and_query: &str) -> Result<Self> {
        HttpsUrl::from_parts(cloud.graph_host, path_and_query.to_owned())
            .map(Self)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))
    }

    /// The first page of a folder's children; the root without an item.
    pub(crate) fn children(cloud: &Cloud, drive: &str, item: Option<&str>) -> Result<Self> {
        let start = start(drive, item);
        Self::of(cloud, format!("{start}/children?$top=999&$select={FIELDS}"))
    }

    /// Who created an item, and nothing else of it.
    pub(crate) fn creator(cloud: &Cloud, drive: &str, item: &str) -> Result<Self> {
        Self::of(cloud, format!("{}?$select={CREATOR}", start(drive, Some(item))))
    }

    /// Who created each item in a folder; the first page.
    pub(crate) fn creators_in(cloud: &Cloud, drive: &str, folder: &str) -> Result<Self> {
        let start = start(drive, Some(folder));
        Self::of(cloud, format!("{start}/children?$top=999&$select={CREATOR}"))
    }

    pub(crate) fn as_url(&self) -> &HttpsUrl {
        &self.0
    }
}

/// A folder of a drive, or its root.
fn start(drive: &str, folder: Option<&str>) -> String {
    let drive = encode_segment(drive);
    match folder {
        None => format!("/drives/{drive}/root"),
        Some(id) => format!("/drives/{drive}/items/{}", encode_segment(id)),
    }
}

/// A site's id keeps its commas: `host,guid,guid`.
fn encode_site(id: &str) -> String {
    id.split(',').map(encode_segment).collect::<Vec<_>>().join(",")
}

/// The link to the next page: opaque, and only ever to the Graph host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NextLink(GraphUrl);

impl NextLink {
    /// Takes the link of an answer. A link to another host is refused, since
    /// the bearer would go there.
    pub(crate) fn parse(text: &str, cloud: &Cloud) -> Result<Self> {
        match HttpsUrl::parse(text) {
            Ok(url) if url.host() == cloud.graph_host => Ok(Self(GraphUrl(url))),
            _ => Err(Error::new(
                ErrorKind::Unavailable,
                "Microsoft Graph sent a next-page link that does not lead to Graph; it was not \
                 followed.",
            )),
        }
    }

    pub(crate) fn into_url(self) -> GraphUrl {
        self.0
    }
}

/// The link to what will have changed since: to the Graph host only, and never mistaken for the
/// next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeltaLink(GraphUrl);

impl DeltaLink {
    pub(crate) fn parse(text: &str, cloud: &Cloud) -> Result<Self> {
        NextLink::parse(text, cloud).map(|link| Self(link.into_url()))
    }

    pub(crate) fn into_url(self) -> GraphUrl {
        self.0
    }
}

/// A short-lived link that carries its own credential: no bearer is ever sent
/// with it, it is used byte for byte, it is never stored and never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PreauthenticatedUrl(HttpsUrl);

impl PreauthenticatedUrl {
    /// Takes a redirect's target or an item's download link. Only the cloud's
    /// download hosts are accepted, and never the Graph host.
    pub(crate) fn parse(text: &str, cloud: &Cloud) -> Result<Self> {
        match HttpsUrl::parse(text) {
            Ok(url) if cloud.is_download_host(url.host()) => Ok(Self(url)),
            Ok(url) => Err(Error::new(
                ErrorKind::EgressDenied,
                format!(
                    "OneDrive sent a download link to {}, which is no known download host.",
                    url.host()
                ),
            )
            .hint("If that host is Microsoft's, the connector's egress profile has to learn it.")),
            Err(error) => Err(Error::new(
                ErrorKind::Unavailable,
                format!("OneDrive sent no usable download link: {error}."),
            )),
        }
    }

    pub(crate) fn as_url(&self) -> &HttpsUrl {
        &self.0
    }
}

impl fmt::Debug for PreauthenticatedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreauthenticatedUrl({})", self.0.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_link_to_another_host_is_refused() {
        let cloud = Cloud::global();
        let good = "https://graph.microsoft.com/v1.0/me/drive/root/children?$skiptoken=UGFn%2c";
        let link = NextLink::parse(good, cloud).unwrap().into_url();
        assert_eq!(link.as_url().path_and_query(), &good["https://graph.microsoft.com".len()..]);
        for bad in [
            "https://contoso.sharepoint.com/_api/x",
            "https://graph.microsoft.com.evil.example/",
            "http://graph.microsoft.com/",
            "/relative",
        ] {
            assert!(NextLink::parse(bad, cloud).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_download_link_is_only_taken_for_download_hosts() {
        let cloud = Cloud::global();
        let good = "https://contoso-my.sharepoint.com/download.aspx?tempauth=v1.x";
        let url = PreauthenticatedUrl::parse(good, cloud).unwrap();
        assert!(!format!("{url:?}").contains("tempauth"));
        for bad in ["https://graph.microsoft.com/x", "https://evil.example/x", ""] {
            assert!(PreauthenticatedUrl::parse(bad, cloud).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_encoded_and_closed_with_a_colon() {
        let url =
            |cloud, folder| GraphUrl::item_under(cloud, "b!x", folder, "a b/#1'.csv").unwrap();
        let path = |url: GraphUrl| url.as_url().path_and_query().to_owned();
        let global = Cloud::global();
        assert_eq!(path(url(global, None)), "/v1.0/drives/b%21x/root:/a%20b/%231%27.csv:");
        assert_eq!(
            path(url(global, Some("01"))),
            "/v1.0/drives/b%21x/items/01:/a%20b/%231%27.csv:"
        );
        let china = Cloud::by_name("china").unwrap();
        assert_eq!(
            path(url(china, Some("01"))),
            "/v1.0/drives/b%21x/items/01/children('a%20b')/children('%231%27%27.csv')"
        );
    }

    #[test]
    fn a_site_is_addressed_by_its_url_or_its_id() {
        let path = |site| {
            let url = GraphUrl::site_drive(Cloud::global(), site).unwrap();
            url.as_url().path_and_query().to_owned()
        };
        assert_eq!(
            path("https://contoso.sharepoint.com/sites/Sales/"),
            "/v1.0/sites/contoso.sharepoint.com:/sites/Sales:/drive"
        );
        assert_eq!(
            path("https://contoso.sharepoint.com"),
            "/v1.0/sites/contoso.sharepoint.com/drive"
        );
        assert_eq!(path("a.b,1-2,3"), "/v1.0/sites/a.b,1-2,3/drive");
    }

    #[test]
    fn a_sharing_link_is_sent_as_unpadded_base64() {
        let url = GraphUrl::shared_item(Cloud::global(), "https://1drv.ms/x?>").unwrap();
        assert_eq!(
            url.as_url().path_and_query(),
            "/v1.0/shares/u!aHR0cHM6Ly8xZHJ2Lm1zL3g_Pg/driveItem"
        );
    }
}
