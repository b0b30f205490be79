//! From a request's path to what it addresses. (1.1, 1.2)

use percent_encoding::percent_decode_str;

use super::errors::GraphError;

/// What a path addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Resource {
    /// The signed-in person.
    Me,
    /// A drive itself.
    Drive { drive: DriveAddress },
    /// An item of a drive, or something of an item.
    Item { drive: DriveAddress, item: ItemAddress },
}

/// How a drive is named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DriveAddress {
    /// `/me/drive`
    Mine,
    /// `/drives/{id}`
    Id(String),
}

/// How an item is named, and what of it is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ItemAddress {
    pub(super) anchor: Anchor,
    /// Names to follow from the anchor; decoded.
    pub(super) path: Vec<String>,
    pub(super) view: View,
}

/// Where the way to an item starts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Anchor {
    Root,
    Id(String),
}

/// What of an item is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum View {
    Metadata,
    Children,
    Content,
}

impl Resource {
    /// What a request costs by the service's accounting; `/me` is of the directory, which counts
    /// otherwise. (4)
    pub(super) fn units(&self) -> u8 {
        match self {
            Self::Me => 0,
            Self::Drive { .. } => 1,
            Self::Item { item, .. } => match item.view {
                View::Metadata | View::Content => 1,
                View::Children => 2,
            },
        }
    }
}

/// Reads a path as it stands in the request: percent-encoded.
pub(super) fn parse(path: &str) -> Result<Resource, GraphError> {
    let (version, rest) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    if !matches!(version, "v1.0" | "beta") {
        return Err(GraphError::bad_request(format!("Invalid version: {}", brief(version))));
    }
    let segments: Vec<&str> = rest.strip_suffix('/').unwrap_or(rest).split('/').collect();
    match segments[..] {
        ["me"] => Ok(Resource::Me),
        ["me", "drive", ref rest @ ..] => in_drive(DriveAddress::Mine, rest),
        ["drives", id, ref rest @ ..] if !id.is_empty() => {
            in_drive(DriveAddress::Id(decode(id)?), rest)
        }
        ["me", unknown, ..] | [unknown, ..] => Err(GraphError::unknown_segment(brief(unknown))),
        [] => Err(GraphError::unknown_segment("")),
    }
}

fn in_drive(drive: DriveAddress, rest: &[&str]) -> Result<Resource, GraphError> {
    let item = match *rest {
        [] => return Ok(Resource::Drive { drive }),
        ["root", ref view @ ..] => here(Anchor::Root, view)?,
        ["root:", ref rest @ ..] => by_path(Anchor::Root, rest)?,
        ["items"] => {
            let text = "The request needs a filter to list the items of a drive";
            return Err(GraphError::invalid_request(text));
        }
        ["items", id, ref rest @ ..] => match id.strip_suffix(':') {
            Some(id) => by_path(anchor(id)?, rest)?,
            None => here(anchor(id)?, rest)?,
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

fn here(anchor: Anchor, rest: &[&str]) -> Result<ItemAddress, GraphError> {
    Ok(ItemAddress { anchor, path: Vec::new(), view: view(rest)? })
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
        match decode(name)? {
            // `root:/` and `root:/:/children` name the anchor itself. (1.1, unconfirmed)
            name if name.is_empty() && names.len() == 1 => {}
            name if name.is_empty() => return Err(GraphError::invalid_api()),
            name => path.push(name),
        }
    }
    Ok(ItemAddress { anchor, path, view: view(meant)? })
}

fn view(rest: &[&str]) -> Result<View, GraphError> {
    match *rest {
        [] => Ok(View::Metadata),
        ["children"] => Ok(View::Children),
        ["content"] => Ok(View::Content),
        ["children" | "content", unknown, ..] | [unknown, ..] => {
            Err(GraphError::unknown_segment(brief(unknown)))
        }
    }
}

/// Percent-decodes one segment; `+` stays a plus. (1.2)
fn decode(segment: &str) -> Result<String, GraphError> {
    let whole = segment.split('%').skip(1).all(|after| {
        after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit())
    });
    let decoded = percent_decode_str(segment).decode_utf8();
    match decoded {
        Ok(text) if whole => Ok(text.into_owned()),
        _ => Err(GraphError::invalid_api()),
    }
}

/// As much of a client's text as belongs in an error.
fn brief(text: &str) -> &str {
    &text[..text.floor_char_boundary(100)]
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
        ItemAddress { anchor, path: path.iter().map(|&name| name.to_owned()).collect(), view }
    }

    /// Section 1.1.
    #[test]
    fn every_form_of_address_is_understood() {
        let id = || Anchor::Id("01ABC".to_owned());
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
            ("items/01ABC:/a/b", address(id(), &["a", "b"], View::Metadata)),
            ("items/01ABC:/a/b:/content", address(id(), &["a", "b"], View::Content)),
        ] {
            assert_eq!(item(&format!("/v1.0/me/drive/{path}")), expected, "{path}");
            assert_eq!(item(&format!("/v1.0/drives/b!x/{path}")), expected, "{path}");
        }
    }

    /// Section 1.2.
    #[test]
    fn names_are_decoded_segment_by_segment_and_a_plus_stays_a_plus() {
        let read = item("/v1.0/me/drive/root:/a%20+'b/100%25%20%23%C3%BC.csv:/content");
        assert_eq!(read.path, ["a +'b", "100% #ü.csv"]);
        assert_eq!(item("/v1.0/me/drive/root:/a%2Fb").path, ["a/b"]);
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
            "/v1.0/drives",
            "/v1.0//me",
        ] {
            let error = parse(path).unwrap_err();
            assert_eq!(error.status, http::StatusCode::BAD_REQUEST, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_understood_or_refused(path in "(/v1.0/(me/drive|drives/x)/)?.*") {
            let _ = parse(&path);
        }

        #[test]
        fn any_encoded_name_is_read_back(name in "[^:/]{1,40}") {
            let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
            let read = item(&format!("/v1.0/me/drive/root:/{encoded}:/content"));
            prop_assert_eq!(read, address(Anchor::Root, &[&name], View::Content));
        }
    }
}
