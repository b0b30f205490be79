//! From a request's path to what it addresses. (1.1, 1.2)

use super::errors::GraphError;
use super::segment::{Segment, brief, decode};

/// What a path addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Resource {
    /// The signed-in person.
    Me,
    /// `/me/revokeSignInSessions`
    RevokeSignIns,
    /// `/organization`: the directory.
    Organization,
    /// `/users`
    Users,
    User(String),
    /// `/groups`
    Groups,
    Group(String),
    /// `/sites?search=`
    Sites,
    Site(SiteAddress),
    /// All drives of an owner.
    Drives(DriveAddress),
    /// A drive itself.
    Drive(DriveAddress),
    /// Items elsewhere that others shared with the signed-in person.
    SharedWithMe(DriveAddress),
    /// The files that changed last.
    Recent(DriveAddress),
    /// `/drive/search(q='…')`: the drive and what is shared.
    Search {
        drive: DriveAddress,
        text: String,
    },
    /// An item of a drive, or something of an item.
    Item {
        drive: DriveAddress,
        item: ItemAddress,
    },
    /// A sharing URL: the sharedDriveItem itself.
    Share(String),
    /// What a sharing URL leads to, or something of it.
    Shared {
        token: String,
        item: ItemAddress,
    },
}

/// How a drive is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DriveAddress {
    /// `/me/drive`
    Mine,
    /// `/drives/{id}`
    Id(String),
    /// `/users/{id}/drive`
    User(String),
    /// `/groups/{id}/drive`
    Group(String),
    /// `/sites/{id}/drive`
    Site(SiteAddress),
}

/// How a site is named. (8)
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum SiteAddress {
    Root,
    Id(String),
    /// `/sites/{host}:/{path}`
    Path {
        host: String,
        path: String,
    },
}

/// How an item is named, and what of it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ItemAddress {
    pub(super) anchor: Anchor,
    /// Names to follow from the anchor; decoded.
    pub(super) path: Vec<String>,
    pub(super) view: View,
    /// Whether a colon stands between the item's identifier and the names. (1.1, China)
    pub(super) relative: bool,
}

/// Where the way to an item starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Anchor {
    Root,
    Id(String),
    /// A well-known folder.
    Special(String),
}

/// What of an item is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum View {
    Metadata,
    Children,
    Content,
    /// With the token of the function form, if it has one.
    Delta(Option<String>),
    Search(String),
    UploadSession,
    Thumbnails,
    Permissions,
    Versions,
}

impl Resource {
    /// The drive that it belongs to, if it belongs to one.
    pub(super) fn drive(&self) -> Option<&DriveAddress> {
        match self {
            Self::Drives(drive)
            | Self::Drive(drive)
            | Self::SharedWithMe(drive)
            | Self::Recent(drive)
            | Self::Search { drive, .. }
            | Self::Item { drive, .. } => Some(drive),
            _ => None,
        }
    }

    /// The item that it addresses, if it addresses one.
    pub(super) fn item_mut(&mut self) -> Option<&mut ItemAddress> {
        match self {
            Self::Item { item, .. } | Self::Shared { item, .. } => Some(item),
            _ => None,
        }
    }

    pub(super) fn is_mine(&self) -> bool {
        matches!(self, Self::Me | Self::RevokeSignIns)
            || matches!(self.drive(), Some(DriveAddress::Mine))
    }
}

/// Reads a path as it stands in the request: percent-encoded.
pub(super) fn parse(path: &str) -> Result<Resource, GraphError> {
    let (version, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if !matches!(version, "v1.0" | "beta") {
        return Err(GraphError::bad_request(format!("Invalid version: {}", brief(version))));
    }
    // Microsoft's SDK for Python puts two slashes behind the version.
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    let segments: Vec<&str> = rest.strip_suffix('/').unwrap_or(rest).split('/').collect();
    match segments[..] {
        ["me"] => Ok(Resource::Me),
        ["me", "revokeSignInSessions" | "microsoft.graph.revokeSignInSessions"] => {
            Ok(Resource::RevokeSignIns)
        }
        ["me", ref rest @ ..] => owned(DriveAddress::Mine, rest),
        ["organization"] => Ok(Resource::Organization),
        ["users"] => Ok(Resource::Users),
        ["users", name] => Ok(Resource::User(decode(name)?)),
        ["users", name, ref rest @ ..] => owned(DriveAddress::User(decode(name)?), rest),
        ["groups"] => Ok(Resource::Groups),
        ["groups", id] => Ok(Resource::Group(decode(id)?)),
        ["groups", id, ref rest @ ..] => owned(DriveAddress::Group(decode(id)?), rest),
        ["sites"] => Ok(Resource::Sites),
        ["sites", ref rest @ ..] => site(rest),
        ["drives", id, ref rest @ ..] if !id.is_empty() => {
            in_drive(DriveAddress::Id(decode(id)?), rest)
        }
        ["shares", token, ref rest @ ..] if !token.is_empty() => share(decode(token)?, rest),
        [unknown, ..] => Err(GraphError::unknown_segment(brief(unknown))),
        [] => Err(GraphError::unknown_segment("")),
    }
}

/// What belongs to a person, group or site.
fn owned(owner: DriveAddress, rest: &[&str]) -> Result<Resource, GraphError> {
    match *rest {
        ["drives"] => Ok(Resource::Drives(owner)),
        ["drive", ref rest @ ..] => in_drive(owner, rest),
        [unknown, ..] => Err(GraphError::unknown_segment(brief(unknown))),
        [] => Err(GraphError::unknown_segment("")),
    }
}

/// `/sites/{id}`, `/sites/root`, `/sites/{host}:/{path}`, and what follows a closing colon.
fn site(rest: &[&str]) -> Result<Resource, GraphError> {
    let (address, rest) = match *rest {
        ["root", ref rest @ ..] => (SiteAddress::Root, rest),
        [host, ref rest @ ..] if host.ends_with(':') => {
            let closing = rest.iter().position(|segment| segment.ends_with(':'));
            let (names, rest) = rest.split_at(closing.map_or(rest.len(), |at| at + 1));
            let names: Result<Vec<_>, _> =
                names.iter().map(|name| decode(name.trim_end_matches(':'))).collect();
            let host = decode(host.trim_end_matches(':'))?;
            (SiteAddress::Path { host, path: format!("/{}", names?.join("/")) }, rest)
        }
        [id, ref rest @ ..] => (SiteAddress::Id(decode(id)?), rest),
        [] => return Err(GraphError::unknown_segment("")),
    };
    if rest.is_empty() {
        return Ok(Resource::Site(address));
    }
    owned(DriveAddress::Site(address), rest)
}

fn share(token: String, rest: &[&str]) -> Result<Resource, GraphError> {
    match *rest {
        [] => Ok(Resource::Share(token)),
        ["driveItem" | "root", ref rest @ ..] => {
            let item = here(Anchor::Root, Vec::new(), rest)?;
            Ok(Resource::Shared { token, item })
        }
        ["driveItem:" | "root:", ref rest @ ..] => {
            Ok(Resource::Shared { token, item: by_path(Anchor::Root, rest)? })
        }
        [unknown, ..] => Err(GraphError::unknown_segment(brief(unknown))),
    }
}

fn in_drive(drive: DriveAddress, rest: &[&str]) -> Result<Resource, GraphError> {
    let item = match *rest {
        [] => return Ok(Resource::Drive(drive)),
        ["sharedWithMe" | "microsoft.graph.sharedWithMe" | "sharedWithMe()"] => {
            return Ok(Resource::SharedWithMe(drive));
        }
        ["recent" | "microsoft.graph.recent" | "recent()"] => return Ok(Resource::Recent(drive)),
        ["root", ref view @ ..] => here(Anchor::Root, Vec::new(), view)?,
        ["root:", ref rest @ ..] => by_path(Anchor::Root, rest)?,
        ["special", name, ref rest @ ..] => match name.strip_suffix(':') {
            Some(name) => by_path(Anchor::Special(decode(name)?), rest)?,
            None => here(Anchor::Special(decode(name)?), Vec::new(), rest)?,
        },
        ["items"] => {
            let text = "The request needs a filter to list the items of a drive";
            return Err(GraphError::invalid_request(text));
        }
        ["items", id, ref rest @ ..] => match id.strip_suffix(':') {
            Some(id) => ItemAddress { relative: true, ..by_path(anchor(id)?, rest)? },
            None => here(anchor(id)?, Vec::new(), rest)?,
        },
        [function] => match Segment::parse(function)? {
            Segment::Search(text) => return Ok(Resource::Search { drive, text }),
            _ => return Err(GraphError::unknown_segment(brief(function))),
        },
        [unknown, ..] => return Err(GraphError::unknown_segment(brief(unknown))),
    };
    Ok(Resource::Item { drive, item })
}

fn anchor(id: &str) -> Result<Anchor, GraphError> {
    let id = decode(id)?;
    if id.is_empty() || id.contains(':') {
        return Err(GraphError::invalid_api());
    }
    Ok(if id == "root" { Anchor::Root } else { Anchor::Id(id) })
}

/// What follows an item without a path: `children('name')` leads on. (1.1, China)
fn here(anchor: Anchor, mut path: Vec<String>, rest: &[&str]) -> Result<ItemAddress, GraphError> {
    let mut rest = rest;
    while let [first, further @ ..] = rest
        && let Ok(Segment::Child(name)) = Segment::parse(first)
    {
        path.push(name);
        rest = further;
    }
    Ok(ItemAddress { anchor, path, view: view(rest)?, relative: false })
}

/// `/{names}`, and after a colon what is meant: the closing colon is optional when nothing follows.
fn by_path(anchor: Anchor, rest: &[&str]) -> Result<ItemAddress, GraphError> {
    let closing = rest.iter().position(|segment| segment.ends_with(':'));
    let (names, meant) = match closing {
        Some(at) => rest.split_at(at + 1),
        None => (rest, &[][..]),
    };
    let mut path = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let name = name.strip_suffix(':').filter(|_| Some(index) == closing).unwrap_or(name);
        // A colon cannot be part of a name: here one stands in the wrong place. (1.2)
        if name.contains(':') {
            return Err(GraphError::invalid_api());
        }
        let name = decode(name)?;
        match name.as_str() {
            // `root:/` and `root:/:/children` name the anchor itself. (1.1, unconfirmed)
            "" if names.len() == 1 => {}
            "" => return Err(GraphError::invalid_api()),
            // Some clients encode the separators too, and start with `./`: the service takes that.
            name => path.extend(
                name.split('/').filter(|name| !matches!(*name, "" | ".")).map(str::to_owned),
            ),
        }
    }
    here(anchor, path, meant)
}

fn view(rest: &[&str]) -> Result<View, GraphError> {
    match *rest {
        [] => Ok(View::Metadata),
        [one] => match Segment::parse(one)? {
            Segment::Name("children") => Ok(View::Children),
            Segment::Name("content") => Ok(View::Content),
            Segment::Name("createUploadSession") => Ok(View::UploadSession),
            Segment::Name("thumbnails") => Ok(View::Thumbnails),
            Segment::Name("permissions") => Ok(View::Permissions),
            Segment::Name("versions") => Ok(View::Versions),
            Segment::Delta(token) => Ok(View::Delta(token)),
            Segment::Search(text) => Ok(View::Search(text)),
            _ => Err(GraphError::unknown_segment(brief(one))),
        },
        [_, unknown, ..] => Err(GraphError::unknown_segment(brief(unknown))),
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn item(path: &str) -> ItemAddress {
        match parse(path) {
            Ok(Resource::Item { item, .. }) => item,
            other => panic!("{path} is not an item: {other:?}"),
        }
    }

    fn address(anchor: Anchor, path: &[&str], view: View) -> ItemAddress {
        let path = path.iter().map(|&name| name.to_owned()).collect();
        ItemAddress { anchor, path, view, relative: false }
    }

    /// Section 1.1.
    #[test]
    fn every_form_of_address_is_understood() {
        let id = || Anchor::Id("01ABC".to_owned());
        let relative =
            |path: &[&str], view| ItemAddress { relative: true, ..address(id(), path, view) };
        let documents = || Anchor::Special("documents".to_owned());
        for (path, expected) in [
            ("root", address(Anchor::Root, &[], View::Metadata)),
            ("root/children", address(Anchor::Root, &[], View::Children)),
            ("items/root", address(Anchor::Root, &[], View::Metadata)),
            ("items/01ABC", address(id(), &[], View::Metadata)),
            ("items/01ABC/content", address(id(), &[], View::Content)),
            ("root:/a/b.csv", address(Anchor::Root, &["a", "b.csv"], View::Metadata)),
            ("root:/a/b.csv:", address(Anchor::Root, &["a", "b.csv"], View::Metadata)),
            ("root:/a/b.csv:/", address(Anchor::Root, &["a", "b.csv"], View::Metadata)),
            ("root:/a:/children", address(Anchor::Root, &["a"], View::Children)),
            ("items/01ABC:/a/b", relative(&["a", "b"], View::Metadata)),
            ("items/01ABC:/a/b:/content", relative(&["a", "b"], View::Content)),
            ("special/documents", address(documents(), &[], View::Metadata)),
            ("special/documents:/a:/content", address(documents(), &["a"], View::Content)),
            ("items/01ABC/children('a''b')/content", address(id(), &["a'b"], View::Content)),
            ("root/delta", address(Anchor::Root, &[], View::Delta(None))),
            ("root/microsoft.graph.delta()", address(Anchor::Root, &[], View::Delta(None))),
            (
                "root/delta(token='x')",
                address(Anchor::Root, &[], View::Delta(Some("x".to_owned()))),
            ),
            (
                "root/search(q='a%27%27b')",
                address(Anchor::Root, &[], View::Search("a'b".to_owned())),
            ),
        ] {
            for root in ["me/drive", "drives/b!x", "users/ann@contoso.com/drive", "groups/1/drive"]
            {
                assert_eq!(item(&format!("/v1.0/{root}/{path}")), expected, "{root}/{path}");
            }
        }
    }

    /// Section 8.
    #[test]
    fn sites_are_named_by_identifier_and_by_path() {
        let path = SiteAddress::Path { host: "x.sharepoint.com".into(), path: "/sites/a b".into() };
        assert_eq!(
            parse("/v1.0/sites/x.sharepoint.com:/sites/a%20b").unwrap(),
            Resource::Site(path.clone())
        );
        assert_eq!(
            parse("/v1.0/sites/x.sharepoint.com:/sites/a%20b:/drive").unwrap(),
            Resource::Drive(DriveAddress::Site(path))
        );
        let id = SiteAddress::Id("x.sharepoint.com,1,2".into());
        assert_eq!(
            parse("/v1.0/sites/x.sharepoint.com,1,2/drives").unwrap(),
            Resource::Drives(DriveAddress::Site(id))
        );
    }

    /// Section 1.2.
    #[test]
    fn names_are_decoded_segment_by_segment_and_a_plus_stays_a_plus() {
        let read = item("/v1.0/me/drive/root:/a%20+'b/100%25%20%23%C3%BC.csv:/content");
        assert_eq!(read.path, ["a +'b", "100% #ü.csv"]);
    }

    /// As abraunegg's client for Linux sends it.
    #[test]
    fn encoded_separators_are_separators() {
        assert_eq!(item("/v1.0/me/drive/root:/.%2Fa%20b%2Fc:/content").path, ["a b", "c"]);
    }

    #[test]
    fn two_slashes_behind_the_version_are_one() {
        assert_eq!(parse("/v1.0//me").unwrap(), Resource::Me);
    }

    /// Section 6.5: a wrong segment or a missing colon.
    #[test]
    fn wrong_segments_are_bad_requests() {
        for path in [
            "",
            "/",
            "/v1.0",
            "/v9/me",
            "/v1.0/me/messages",
            "/v1.0/me/drive/root/a.csv",
            "/v1.0/me/drive/items",
            "/v1.0/me/drive/items/",
            "/v1.0/me/drive/root:/a:/nonsense",
            "/v1.0/me/drive/root:/a:/children/b",
            "/v1.0/me/drive/root:/a:b",
            "/v1.0/me/drive/root:/a//b",
            "/v1.0/me/drive/root:/%ZZ",
            "/v1.0/me/drive/root:/%C3",
            "/v1.0/me/drive/root:/%",
            "/v1.0/me/drive/root/delta(token='x)",
            "/v1.0/drives",
            "/v1.0///me",
            "/v1.0/shares/u!x/nonsense",
        ] {
            let error = parse(path).unwrap_err();
            assert_eq!(error.status, http::StatusCode::BAD_REQUEST, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_understood_or_refused(
            path in "(/v1.0/(me/drive|drives/x|sites|shares/u!x|users/a)/)?.*",
        ) {
            let _ = parse(&path);
        }

        #[test]
        fn any_encoded_name_is_read_back(name in "[^:/.][^:/]{0,40}") {
            let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let read = item(&format!("/v1.0/me/drive/root:/{encoded}:/content"));
            prop_assert_eq!(read, address(Anchor::Root, &[&name], View::Content));
        }
    }
}
