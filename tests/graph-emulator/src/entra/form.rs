//! Forms and query strings: names with one value each. (7.2, 7.3)

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use super::errors::Refusal;

/// The fields of a request. May hold secrets, hence no `Debug`.
#[derive(Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Adds the fields of a form or a query string: a name given twice is malformed. (7.5)
    pub(super) fn read(&mut self, text: &[u8]) -> Result<(), Refusal> {
        for (name, value) in form_urlencoded::parse(text) {
            if self.0.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Refusal::malformed());
            }
        }
        Ok(())
    }

    /// The value of a field; an empty one counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// Whether a field has just this value.
    pub(super) fn says(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether a body is a form by its header; what is not one has no fields.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Identifier and secret of HTTP Basic, both form-encoded (RFC 6749, 2.3.1).
pub(super) fn basic_credentials(headers: &HeaderMap) -> Option<(String, String)> {
    parse_basic(headers.get(AUTHORIZATION)?.to_str().ok()?)
}

fn parse_basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(|it| it.into_owned())
    };
    Some((decode(id)?, decode(secret)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Section 7.5: 9002313.
    #[test]
    fn a_name_has_one_value_and_an_empty_one_counts_as_missing() {
        let mut form = Form::default();
        form.read(b"a=1+2&b=%7E&c=").unwrap();
        assert_eq!((form.get("a"), form.get("b"), form.get("c")), (Some("1 2"), Some("~"), None));
        assert_eq!(form.read(b"a=2").unwrap_err().code(), 9_002_313);
    }

    proptest! {
        #[test]
        fn a_form_gives_back_what_was_put_into_it(
            fields in proptest::collection::btree_map(".{1,8}", ".{1,20}", 0..5)
        ) {
            let text = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(&fields)
                .finish();
            let mut form = Form::default();
            form.read(text.as_bytes()).unwrap();
            for (name, value) in &fields {
                prop_assert_eq!(form.get(name), Some(value.as_str()));
            }
        }

        #[test]
        fn any_bytes_are_a_form_or_refused(bytes: Vec<u8>) {
            let _ = Form::default().read(&bytes);
        }

        /// Section 7.3: secrets may contain `+ / = ~`.
        #[test]
        fn basic_credentials_come_through(id in "[a-z0-9-]{1,36}", secret in ".{1,40}") {
            let encode = |text: &str| -> String {
                form_urlencoded::byte_serialize(text.as_bytes()).collect()
            };
            let pair = STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret)));
            prop_assert_eq!(parse_basic(&format!("Basic {pair}")), Some((id, secret)));
        }

        #[test]
        fn any_text_is_credentials_or_none(text in ".*") {
            let _ = parse_basic(&text);
        }
    }
}
