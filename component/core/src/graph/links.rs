//! Links as types: what gets a bearer, what must not, what may be followed.

use std::fmt;

use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind, Result};
use crate::url::{HttpsUrl, encode_path, encode_segment};

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

    /// An item by its path from the root.
    pub(crate) fn item_by_path(cloud: &Cloud, drive: &str, path: &str) -> Result<Self> {
        Self::of(cloud, format!("/drives/{}/root:/{}:", encode_segment(drive), encode_path(path)))
    }

    /// An item by its id.
    pub(crate) fn item(cloud: &Cloud, drive: &str, item: &str) -> Result<Self> {
        Self::of(cloud, format!("/drives/{}/items/{}", encode_segment(drive), encode_segment(item)))
    }

    /// Items whose names hold a text; the first page.
    pub(crate) fn search(cloud: &Cloud, drive: &str, text: &str) -> Result<Self> {
        // In a literal of OData a quote is doubled first and then encoded.
        let (drive, text) = (encode_segment(drive), encode_segment(&text.replace('\'', "''")));
        Self::of(cloud, format!("/drives/{drive}/root/search(q='{text}')?$top=200"))
    }

    /// An item's content: answers with a redirect.
    pub(crate) fn content(cloud: &Cloud, drive: &str, item: &str) -> Result<Self> {
        let (drive, item) = (encode_segment(drive), encode_segment(item));
        Self::of(cloud, format!("/drives/{drive}/items/{item}/content"))
    }

    /// The first page of a folder's children; the root without an item.
    pub(crate) fn children(cloud: &Cloud, drive: &str, item: Option<&str>) -> Result<Self> {
        let drive = encode_segment(drive);
        let folder = item.map_or("root".to_owned(), |id| format!("items/{}", encode_segment(id)));
        let select =
            "id,name,size,file,folder,package,malware,remoteItem,lastModifiedDateTime,cTag";
        Self::of(cloud, format!("/drives/{drive}/{folder}/children?$top=999&$select={select}"))
    }

    pub(crate) fn as_url(&self) -> &HttpsUrl {
        &self.0
    }
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
        let url = GraphUrl::item_by_path(Cloud::global(), "b!x", "a b/#1.csv").unwrap();
        assert_eq!(url.as_url().path_and_query(), "/v1.0/drives/b%21x/root:/a%20b/%231.csv:");
    }
}
