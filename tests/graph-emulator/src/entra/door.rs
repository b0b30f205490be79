//! The paths of the login hosts: which part answers each, and in which form it refuses. (7.1)

use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;

use super::discovery::{self, Version};
use super::errors::{Refusal, Trace};
use super::form::{self, Form};
use super::{Exchange, admin_consent, authorize, device, logout, pages, realm, reply, token};
use crate::body::Reply;

/// What a path leads to; the text is the authority, or the name that is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Door<'a> {
    // For programs.
    Token(&'a str),
    DeviceCode(&'a str),
    // Documents.
    Configuration(&'a str, Version),
    Keys(&'a str),
    Instance,
    UserRealm(&'a str),
    CredentialType,
    // For people.
    Authorize(&'a str),
    AdminConsent(&'a str),
    Logout(&'a str),
    Device,
    NativeClient,
}

impl<'a> Door<'a> {
    pub(super) fn find(path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        Some(match segments[..] {
            [segment, "oauth2", "v2.0", "token"] => Self::Token(segment),
            [segment, "oauth2", "v2.0", "devicecode"] => Self::DeviceCode(segment),
            [segment, "oauth2", "v2.0", "authorize"] => Self::Authorize(segment),
            [segment, "oauth2", "v2.0", "logout"] => Self::Logout(segment),
            [_, "oauth2", "deviceauth"] | ["device" | "devicelogin" | "link"] => Self::Device,
            [_, "oauth2", "nativeclient"] => Self::NativeClient,
            [segment, "adminconsent"] | [segment, "v2.0", "adminconsent"] => {
                Self::AdminConsent(segment)
            }
            [segment, "v2.0", ".well-known", "openid-configuration"] => {
                Self::Configuration(segment, Version::Two)
            }
            [segment, ".well-known", "openid-configuration"] => {
                Self::Configuration(segment, Version::One)
            }
            [segment, "discovery", "keys"] | [segment, "discovery", "v2.0", "keys"] => {
                Self::Keys(segment)
            }
            ["common", "discovery", "instance"] => Self::Instance,
            ["common", "userrealm", name] => Self::UserRealm(name),
            ["common", "GetCredentialType"] => Self::CredentialType,
            _ => return None,
        })
    }

    /// Whether programs post here, those of other origins too.
    pub(super) fn is_for_programs(self) -> bool {
        matches!(self, Self::Token(_) | Self::DeviceCode(_))
    }

    fn is_for_people(self) -> bool {
        matches!(
            self,
            Self::Authorize(_)
                | Self::AdminConsent(_)
                | Self::Logout(_)
                | Self::Device
                | Self::NativeClient
        )
    }

    pub(super) fn takes(self, method: &Method) -> bool {
        let reads = method == Method::GET || method == Method::HEAD;
        match self {
            // Which refuse in their own words.
            Self::Token(_) | Self::DeviceCode(_) => true,
            Self::CredentialType => method == Method::POST,
            _ => reads || (self.is_for_people() && method == Method::POST),
        }
    }

    /// The fields of a request. What programs send is in the body, and what is no form has no
    /// fields. (7.3)
    pub(super) fn read(
        self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<Form, Refusal> {
        let mut fields = Form::default();
        if self.is_for_programs() && method != Method::POST {
            return Err(Refusal::new(900_561).about(method));
        }
        if !self.is_for_programs() {
            fields.read(uri.query().unwrap_or_default().as_bytes())?;
        }
        let body = body.ok_or_else(Refusal::malformed)?;
        if form::is_form(headers) {
            fields.read(body)?;
        }
        Ok(fields)
    }

    /// Answers a request. Blocks.
    pub(super) fn open(self, exchange: &Exchange<'_>) -> Result<Reply, Refusal> {
        let document = |value: Value| reply::json(StatusCode::OK, &value, exchange.trace);
        Ok(match self {
            Self::Token(segment) => token::answer(exchange, segment)?,
            Self::DeviceCode(segment) => device::begin(exchange, segment)?,
            Self::Configuration(segment, version) => {
                document(discovery::configuration(exchange, segment, version)?)
            }
            Self::Keys(segment) => document(discovery::keys(exchange, segment)?),
            Self::Instance => document(discovery::instance(exchange)?),
            Self::UserRealm(name) => document(realm::user_realm(exchange, name)),
            Self::CredentialType => document(realm::credential_type(exchange)),
            Self::Authorize(segment) => authorize::answer(exchange, segment),
            Self::AdminConsent(segment) => admin_consent::answer(exchange, segment),
            Self::Logout(segment) => logout::answer(exchange, segment),
            Self::Device => device::page(exchange),
            // Where native clients read the code off the address.
            Self::NativeClient => pages::say(
                "Sign in to your account",
                "You may now close this window.",
                exchange.trace,
            ),
        })
    }

    pub(super) fn refuse(self, refusal: Refusal, trace: &Trace) -> Reply {
        match self {
            Self::Token(_) | Self::DeviceCode(_) => refusal.into_reply(trace),
            _ if self.is_for_people() => pages::refused(&refusal, trace),
            _ => refusal.into_metadata_reply(trace),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Section 7.1.
    #[test]
    fn each_path_leads_to_one_door() {
        for (path, door) in [
            ("/common/oauth2/v2.0/token", Door::Token("common")),
            ("/contoso.com/adminconsent", Door::AdminConsent("contoso.com")),
            ("/contoso.com/v2.0/adminconsent", Door::AdminConsent("contoso.com")),
            ("/common/discovery/instance", Door::Instance),
            ("/common/discovery/keys", Door::Keys("common")),
            ("/common/oauth2/deviceauth", Door::Device),
            ("/device", Door::Device),
        ] {
            assert_eq!(Door::find(path), Some(door), "{path}");
        }
        for path in ["/", "/common", "/common/oauth2/v2.0", "/common/oauth2/v2.0/token/x"] {
            assert_eq!(Door::find(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_leads_somewhere_or_nowhere(path in ".*") {
            let _ = Door::find(&path);
        }
    }
}
