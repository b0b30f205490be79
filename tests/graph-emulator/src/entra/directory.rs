//! Who exists: the directory, its one account, and the application that is registered in it.

use ring::hmac;
use serde::{Deserialize, Serialize};

use super::Scopes;
use super::errors::Refusal;
use crate::guid::Guid;
use crate::profile::Profile;

/// The directory that all personal accounts share. (7.1)
const CONSUMERS: Guid = Guid::from_u128(0x9188_040d_6c67_4c5b_b112_36a3_04b6_6dad);
/// Where the drives of a work directory live.
pub(crate) const SHAREPOINT_HOST: &str = "contoso-my.sharepoint.com";
/// Characters of client secrets that Entra makes, and those that a client must encode. (7.3)
const SECRET_ALPHABET: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.~_-+/=";

/// The directory. Holds a secret, hence no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Directory {
    pub(crate) profile: Profile,
    pub(crate) tenant_id: Guid,
    /// Verified domains.
    domains: Vec<String>,
    pub(crate) account: Account,
    pub(crate) application: Application,
    pub(crate) created_ms: i64,
}

/// The person who signed in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    /// As `/me` names it: an object id, or the account number of a personal account. (8)
    pub(crate) id: String,
    pub(crate) object_id: Guid,
    pub(crate) email: String,
    pub(crate) given_name: String,
    pub(crate) surname: String,
}

/// A registered application with a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(crate) client_id: Guid,
    /// Derived from a key of the state at every start, so that no file holds it.
    #[serde(skip)]
    pub(crate) client_secret: String,
    pub(crate) display_name: String,
    /// What the account has consented to.
    pub(crate) consented: Scopes,
}

/// Which accounts a URL's first segment admits. (7.1)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Authority {
    Common,
    Organizations,
    Consumers,
    /// This directory, by id or domain.
    Tenant,
}

impl Directory {
    /// A new directory with an account whose drive has account number `cid` (personal only).
    pub(crate) fn random(profile: Profile, cid: Option<u64>, now_ms: i64) -> Self {
        let object_id = match cid {
            // The shape of object ids of personal accounts. (7.6)
            Some(cid) => Guid::from_u128(u128::from(cid)),
            None => Guid::random(),
        };
        let (tenant_id, domains, email) = match profile {
            Profile::Business => {
                let domains = vec!["contoso.com".to_owned(), "contoso.onmicrosoft.com".to_owned()];
                (Guid::random(), domains, "ann@contoso.com")
            }
            Profile::Personal => (CONSUMERS, Vec::new(), "ann.example@outlook.com"),
        };
        Self {
            profile,
            tenant_id,
            domains,
            account: Account {
                id: cid.map_or_else(|| object_id.to_string(), |cid| format!("{cid:016x}")),
                object_id,
                email: email.to_owned(),
                given_name: "Ann".to_owned(),
                surname: "Example".to_owned(),
            },
            application: Application {
                client_id: Guid::random(),
                client_secret: String::new(),
                display_name: "Drive reader".to_owned(),
                consented: Scopes::of(&[
                    "Files.Read",
                    "Files.Read.All",
                    "Sites.Read.All",
                    "User.Read",
                ]),
            },
            created_ms: now_ms,
        }
    }

    /// What the first segment of a login URL names.
    pub(super) fn authority(&self, segment: &str) -> Result<Authority, Refusal> {
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
        let name = decoded.to_ascii_lowercase();
        let unknown = || Refusal::TenantNotFound(name.clone());
        match name.as_str() {
            "common" => Ok(Authority::Common),
            "organizations" => Ok(Authority::Organizations),
            "consumers" => Ok(Authority::Consumers),
            _ => match name.parse::<Guid>() {
                Ok(Guid::NIL) => Err(Refusal::TenantNil),
                Ok(CONSUMERS) => Ok(Authority::Consumers),
                Ok(guid) if guid == self.tenant_id => Ok(Authority::Tenant),
                Ok(_) => Err(unknown()),
                Err(_) if self.domains.contains(&name) => Ok(Authority::Tenant),
                Err(_) if is_domain(&name) => Err(unknown()),
                Err(_) => Err(Refusal::TenantMalformed(name)),
            },
        }
    }
}

impl Application {
    /// Fills in the secret that a key stands for.
    pub(crate) fn derive_secret(&mut self, key: &[u8; 32]) {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let halves = [b"client secret 1", b"client secret 2"].map(|name| hmac::sign(&key, name));
        let bytes = halves.iter().flat_map(|half| half.as_ref()).take(40);
        let letter = |byte: &u8| SECRET_ALPHABET[usize::from(*byte) % SECRET_ALPHABET.len()];
        self.client_secret = bytes.map(|byte| char::from(letter(byte))).collect();
    }
}

impl Account {
    pub(crate) fn display_name(&self) -> String {
        format!("{} {}", self.given_name, self.surname)
    }

    /// The name of the account's site on SharePoint: its address, made fit for a path.
    pub(crate) fn site_name(&self) -> String {
        self.email.replace(['@', '.'], "_")
    }
}

fn is_domain(name: &str) -> bool {
    name.contains('.')
        && name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 7.1 and 7.5: a GUID, a verified domain or a known word, nothing else.
    #[test]
    fn an_authority_is_a_known_word_or_names_this_directory() {
        let directory = Directory::random(Profile::Business, None, 0);
        let of = |segment: &str| directory.authority(segment);
        assert_eq!(of("common").unwrap(), Authority::Common);
        assert_eq!(of("Contoso.com").unwrap(), Authority::Tenant);
        assert_eq!(of(&directory.tenant_id.to_string()).unwrap(), Authority::Tenant);
        assert_eq!(of("9188040d-6c67-4c5b-b112-36a304b66dad").unwrap(), Authority::Consumers);
        assert!(matches!(of("fabrikam.com"), Err(Refusal::TenantNotFound(_))));
        assert!(matches!(of(&Guid::random().to_string()), Err(Refusal::TenantNotFound(_))));
        assert!(matches!(of(&Guid::NIL.to_string()), Err(Refusal::TenantNil)));
        assert!(matches!(of("not a tenant"), Err(Refusal::TenantMalformed(_))));
    }
}
