//! Links in answers: absolute, on Graph's host and without a port. (1.4, 3.1)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Call;
use super::errors::GraphError;

/// A link to the next page of a list.
pub(super) fn next_page(call: &Call, token: &str) -> String {
    let options = call.query.repeated();
    format!("{}{}?{options}$skiptoken={token}", call.cloud.graph(), call.path)
}

/// How far a listing got: opaque to clients, in the form that was recorded. (1.4)
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Position {
    /// The last name that was served.
    pub(super) name: String,
    pub(super) served: usize,
    /// Whether this page was already given empty.
    pub(super) emptied: bool,
}

impl Position {
    pub(super) fn write(&self) -> String {
        let name = utf8_percent_encode(&self.name, NON_ALPHANUMERIC);
        let (served, flag) = (self.served, if self.emptied { "&p_E=1" } else { "" });
        let text = format!("Paged=TRUE&p_SortBehavior=1&p_FileLeafRef={name}&p_ID={served}{flag}");
        URL_SAFE_NO_PAD.encode(text)
    }

    pub(super) fn read(token: &str) -> Result<Self, GraphError> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
            let rest = text.strip_prefix("Paged=TRUE&p_SortBehavior=1&p_FileLeafRef=")?;
            let (rest, emptied) = match rest.strip_suffix("&p_E=1") {
                Some(rest) => (rest, true),
                None => (rest, false),
            };
            let (name, served) = rest.split_once("&p_ID=")?;
            let name = percent_decode_str(name).decode_utf8().ok()?.into_owned();
            Some(Self { name, served: served.parse().ok()?, emptied })
        };
        read().ok_or_else(|| GraphError::invalid_request("The skip token is malformed"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_position_reads_back_the_same(name in ".*", served in 0usize..1_000_000, emptied: bool) {
            let position = Position { name, served, emptied };
            prop_assert_eq!(Position::read(&position.write()).unwrap(), position);
        }

        #[test]
        fn any_token_is_understood_or_refused(token in ".*") {
            let _ = Position::read(&token);
        }
    }
}
