//! The application that signs in: the caller's own, or the one that an administrator installed in
//! the host for many connections.
//!
//! Where the secret comes from the host, directory and cloud come from there too and are no
//! parameters: else a caller could have the secret sent to a directory of his own.

use crate::cloud::Cloud;
use crate::error::{Actor, Error, ErrorKind, Result};
use crate::params::{GrantType, ParamChanges, Settings, invalid};
use crate::ports::{Bucket, Ports, Store};
use crate::secret::Secret;

/// What an administrator installed: parameters as JSON.
const APPLICATION: &str = "application";
/// Present in the bucket of a database that an administrator creates or created.
const ADMINISTRATOR: &str = "administrator";
/// The directory of all personal accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// An application and the directory it signs in to.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<Secret>,
    pub(crate) directory: String,
    pub(crate) cloud: &'static Cloud,
    pub(crate) from_host: bool,
}

impl App {
    /// The application that the settings mean.
    pub(crate) fn of(settings: &Settings, ports: &Ports) -> Result<Self> {
        let cloud = settings.cloud();
        let host = match &settings.client_id {
            None => installed(ports.store.as_ref())?,
            Some(_) => None,
        };
        match host {
            // The secret goes to the cloud that it was installed for, and nowhere else.
            Some(host) if host.cloud() != cloud => Err(other_cloud()),
            Some(host) => Ok(Self {
                client_id: host.client_id.clone(),
                client_secret: host.client_secret.clone(),
                directory: host.directory().unwrap_or("organizations").to_owned(),
                cloud,
                from_host: true,
            }),
            None => Ok(Self {
                client_id: settings.client_id.clone(),
                client_secret: settings.client_secret.clone(),
                directory: settings.directory().ok_or_else(no_directory)?.to_owned(),
                cloud,
                from_host: false,
            }),
        }
    }

    /// Whether there is an application at all: the caller's or an installed one.
    pub(crate) fn is_known(settings: &Settings, ports: &Ports) -> Result<bool> {
        Ok(settings.client_id.is_some() || installed(ports.store.as_ref())?.is_some())
    }

    /// Takes over the host's cloud, and refuses parameters that only the host may set: `given` are
    /// those that a statement gives.
    pub(crate) fn admit(
        settings: &mut Settings,
        given: &[&'static str],
        ports: &Ports,
    ) -> Result<()> {
        let host = installed(ports.store.as_ref());
        if settings.client_id.is_some() {
            // An application of one's own does not depend on whether the installed one is sound.
            if let (None, Ok(Some(host))) = (&settings.cloud, host) {
                settings.cloud.clone_from(&host.cloud);
            }
            return Ok(());
        }
        let Some(host) = host? else { return Ok(()) };
        settings.cloud.clone_from(&host.cloud);
        if settings.scopes.is_none() {
            settings.scopes.clone_from(&host.scopes);
        }
        match given.first() {
            None => Ok(()),
            Some(name) => Err(invalid(format!(
                "The application comes from the host here, so `{name}` is not a parameter."
            ))
            .hint(format!(
                "Leave `{name}` out, or give an application of your own with `client_id`."
            ))),
        }
    }

    /// Whether this application can get tokens in this way.
    pub(crate) fn check(&self, grant: GrantType, ports: &Ports) -> Result<()> {
        if grant == GrantType::RefreshToken {
            return Ok(());
        }
        self.id()?;
        if grant != GrantType::ClientCredentials {
            return Ok(());
        }
        if ports.store.get(Bucket::Installation, ADMINISTRATOR)?.is_none() {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "Only an administrator of the host can create a database that the application \
                 reads by itself, without a person.",
            )
            .actor(Actor::HostOperator)
            .hint(
                "Sign in as a person instead (leave `grant_type` out), or ask an administrator.",
            ));
        }
        if self.client_secret.is_none() {
            return Err(invalid(
                "With `grant_type` client_credentials the parameter `client_secret` is missing.",
            )
            .hint("Give the secret of the app registration: nobody else vouches for it."));
        }
        let any = ["common", "organizations", "consumers", CONSUMERS];
        if any.iter().any(|word| self.directory.eq_ignore_ascii_case(word)) {
            return Err(invalid(format!(
                "An application by itself has no access to personal accounts, and needs one \
                 directory of work or school, not {}.",
                self.directory
            ))
            .hint(
                "Give the directory's GUID or domain as `tenant_id`; the owner of a personal \
                 account has to sign in.",
            ));
        }
        Ok(())
    }

    /// Whether a refresh would go elsewhere or show another application.
    pub(crate) fn signs_in_differently(&self, other: &Self) -> bool {
        self.fingerprint() != other.fingerprint() || self.cloud != other.cloud
    }

    /// Names who can mend an application that was refused.
    pub(crate) fn blame(&self, error: Error) -> Error {
        if self.from_host && error.actor == Actor::Caller {
            return error.actor(Actor::HostOperator).hint(
                "An administrator of the host has to install the application again, with a \
                 client_id, client_secret and tenant_id that go together.",
            );
        }
        error
    }

    /// Changes with the application, so that a refusal of one is not held against another.
    pub(crate) fn fingerprint(&self) -> String {
        let secret = self.client_secret.as_ref().map_or("", |secret| secret.expose());
        let parts = [&self.directory, self.client_id.as_deref().unwrap_or(""), secret];
        crate::digest::digest("onedrive-datasource application 1", &parts)
    }

    /// The client id, which every request to the token endpoint needs.
    pub(crate) fn id(&self) -> Result<&str> {
        self.client_id.as_deref().ok_or_else(|| {
            invalid("The parameter `client_id` is missing: only an application can get tokens.").hint(
                "Give `client_id` and `client_secret` of the app registration; with `access_token` \
                 alone the connection ends when the token does.",
            )
        })
    }
}

/// The parameters that an administrator installed for all.
fn installed(store: &dyn Store) -> Result<Option<Settings>> {
    let Some(json) = store.get(Bucket::Installation, APPLICATION)? else { return Ok(None) };
    let wrong = |why: &str| {
        Error::new(
            ErrorKind::InvalidParams,
            format!("The application that is installed in the host cannot be used: {why}."),
        )
        .actor(Actor::HostOperator)
        .hint("An administrator has to install it again, with client_id, client_secret and tenant_id.")
    };
    let text = std::str::from_utf8(&json).map_err(|_| wrong("it is no text"))?;
    let mut changes =
        ParamChanges::parse(text).map_err(|error| wrong(error.message.trim_end_matches('.')))?;
    if changes.gives_tokens() {
        return Err(wrong("tokens are no part of an application"));
    }
    let mut settings = Settings::default();
    changes.apply_settings(&mut settings);
    if settings.client_id.is_none() {
        return Err(wrong("`client_id` is missing"));
    }
    Ok(Some(settings))
}

fn other_cloud() -> Error {
    Error::new(
        ErrorKind::InvalidParams,
        "The application that is installed in the host belongs to another cloud than this \
         connection.",
    )
    .actor(Actor::HostOperator)
    .hint("Create the database again with CREATE OR REPLACE DATABASE.")
}

fn no_directory() -> Error {
    invalid("The parameter `tenant_id` is missing.")
        .hint("Give the directory's id, or `common` for any account.")
}
