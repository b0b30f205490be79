//! Who and what exists: directories, people, groups, sites, applications, and what was consented to.
//!
//! One world holds several directories and kinds of account at once; `defaults` is the one that an
//! emulator starts with, `edit` what the control API can change.

use serde::{Deserialize, Serialize};

pub(crate) use application::{Application, Audience, Redirect, RedirectKind, Secret};
pub(crate) use consent::{Consent, Principal};
pub(crate) use directory::{CONSUMERS, Directory, DirectoryKind};
pub(crate) use scopes::{KNOWN, Scopes};
pub(crate) use user::{Refusals, User};

use crate::cloud::Cloud;
use crate::guid::Guid;

mod application;
mod consent;
mod defaults;
mod directory;
mod scopes;
mod user;

/// Everybody and everything that is registered. Holds no secret in the clear.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Population {
    pub(crate) directories: Vec<Directory>,
    pub(crate) users: Vec<User>,
    pub(crate) groups: Vec<Group>,
    pub(crate) sites: Vec<Site>,
    pub(crate) applications: Vec<Application>,
    pub(crate) consents: Vec<Consent>,
}

/// A group with a drive of its own; everybody of its directory is a member.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) id: Guid,
    pub(crate) directory: Guid,
    pub(crate) name: String,
    pub(crate) mail: String,
}

/// A site of SharePoint; its libraries are drives.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Site {
    pub(crate) id: Guid,
    pub(crate) web: Guid,
    pub(crate) directory: Guid,
    pub(crate) host: String,
    /// Below the host: `/sites/team`, or nothing for the root site.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) created_ms: i64,
}

impl Site {
    /// `host,site,web`: how Graph names a site. (8)
    pub(crate) fn graph_id(&self) -> String {
        format!("{},{},{}", self.host, self.id, self.web)
    }

    pub(crate) fn web_url(&self) -> String {
        format!("https://{}{}", self.host, self.path)
    }
}

impl Population {
    pub(crate) fn directory(&self, id: Guid) -> Option<&Directory> {
        self.directories.iter().find(|directory| directory.id == id)
    }

    /// The cloud that a directory is in.
    pub(crate) fn cloud(&self, directory: Guid) -> Cloud {
        self.directory(directory).map_or(Cloud::Global, |directory| directory.cloud)
    }

    pub(crate) fn user(&self, object_id: Guid) -> Option<&User> {
        self.users.iter().find(|user| user.object_id == object_id)
    }

    /// A person by the identifier or the address that a client writes.
    pub(crate) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| {
            user.email.eq_ignore_ascii_case(name)
                || user.id.eq_ignore_ascii_case(name)
                || user.object_id.to_string().eq_ignore_ascii_case(name)
        })
    }

    pub(crate) fn application(&self, client_id: Guid) -> Option<&Application> {
        self.applications.iter().find(|application| application.client_id == client_id)
    }

    /// What a person, or an administrator for all, allowed an application to do for the person.
    pub(crate) fn delegated(&self, client_id: Guid, user: &User) -> Scopes {
        let mut scopes = Scopes::default();
        for consent in self.consents.iter().filter(|consent| consent.client_id == client_id) {
            let covers = match consent.principal {
                Principal::User(object_id) => object_id == user.object_id,
                Principal::Directory(directory) => directory == user.directory,
            };
            if covers {
                scopes.extend(&consent.scopes);
            }
        }
        scopes
    }

    /// What an administrator allowed an application to do by itself.
    pub(crate) fn roles(&self, client_id: Guid, directory: Guid) -> Scopes {
        let mut roles = Scopes::default();
        for consent in &self.consents {
            if consent.client_id == client_id
                && consent.principal == Principal::Directory(directory)
            {
                roles.extend(&consent.roles);
            }
        }
        roles
    }

    /// Adds to what was consented to.
    pub(crate) fn consent(&mut self, given: Consent) {
        let same = |known: &&mut Consent| {
            known.client_id == given.client_id && known.principal == given.principal
        };
        match self.consents.iter_mut().find(same) {
            Some(known) => {
                known.scopes.extend(&given.scopes);
                known.roles.extend(&given.roles);
            }
            None => self.consents.push(given),
        }
    }
}
