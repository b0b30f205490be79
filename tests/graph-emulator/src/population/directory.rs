//! Directories: what Entra ID calls a tenant.

use serde::{Deserialize, Serialize};

use crate::cloud::Cloud;
use crate::guid::Guid;

/// The directory that all personal accounts share. (7.1)
pub(crate) const CONSUMERS: Guid = Guid::from_u128(0x9188_040d_6c67_4c5b_b112_36a3_04b6_6dad);

/// A directory.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Directory {
    pub(crate) id: Guid,
    pub(crate) kind: DirectoryKind,
    /// States that know only the global cloud do not say.
    #[serde(default)]
    pub(crate) cloud: Cloud,
    pub(crate) name: String,
    /// Verified domains, in lower case.
    pub(crate) domains: Vec<String>,
    /// The first label of its SharePoint hosts: `contoso` of `contoso-my.sharepoint.com`.
    pub(crate) sharepoint: String,
    pub(crate) created_ms: i64,
}

/// What kind of accounts a directory has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DirectoryKind {
    /// Of work or school.
    Work,
    /// Personal.
    Consumers,
}

impl Directory {
    /// Where the drives of its people live.
    pub(crate) fn my_host(&self) -> String {
        format!("{}-my.{}", self.sharepoint, self.cloud.sharepoint())
    }

    /// Where its sites live.
    pub(crate) fn sites_host(&self) -> String {
        format!("{}.{}", self.sharepoint, self.cloud.sharepoint())
    }
}
