//! Clients: which application asks, whether it may ask here, and how it proves who it is. (7.3, 7.5)

use http::HeaderMap;

use super::assertion::{self, Expected};
use super::authority::Authority;
use super::errors::Refusal;
use super::form::{Form, basic_credentials};
use super::scope::Asked;
use super::tokens::Grant;
use crate::cloud::Instance;
use crate::guid::Guid;
use crate::population::{
    Application, Audience, CONSUMERS, Population, Principal, Refusals, Scopes, User,
};
use crate::world::World;

/// The only kind of assertion there is. (7.3)
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The name of the directory of personal accounts, as refusals write it.
const MICROSOFT_ACCOUNTS: &str = "Microsoft Accounts";

/// An application at an authority. Holds hashes of secrets, hence no `Debug`.
pub(super) struct Client {
    pub(super) instance: Instance,
    pub(super) authority: Authority,
    pub(super) application: Application,
}

/// What a client has to show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Proof {
    /// A secret or an assertion.
    Needed,
    /// Nothing, but what is shown has to be right.
    Optional,
    /// Nothing at all: it is public, and can keep no secret.
    None,
}

impl Client {
    /// The tenant first, then the application, then whether the two go together. (7.5)
    pub(super) fn find(
        world: &World,
        instance: Instance,
        segment: &str,
        client_id: &str,
    ) -> Result<Self, Refusal> {
        let population = world.population();
        let authority = Authority::parse(segment, instance, &population)?;
        let known = client_id.parse().ok().and_then(|id: Guid| population.application(id));
        let not_found = || {
            let directory = match authority {
                Authority::Directory(id) => population.directory(id),
                _ => None,
            };
            let name = directory.map_or(MICROSOFT_ACCOUNTS, |directory| &directory.name);
            Refusal::new(700_016).about(client_id).about(name)
        };
        let application = known.ok_or_else(not_found)?.clone();
        match (application.audience, authority) {
            (Audience::Directory, Authority::Common | Authority::Organizations) => {
                Err(Refusal::new(50_194).about(client_id))
            }
            (Audience::Directory, Authority::Directory(id)) if id == application.home => Ok(()),
            (Audience::Directory, Authority::Directory(_) | Authority::Consumers)
            | (Audience::Work, Authority::Consumers) => Err(not_found()),
            (Audience::Consumers, Authority::Consumers) => Ok(()),
            (Audience::Consumers, _) => Err(Refusal::new(9_002_331).about(client_id)),
            (Audience::Work | Audience::All, _) => Ok(()),
        }?;
        if application.disabled {
            return Err(Refusal::new(70_001).about(client_id));
        }
        Ok(Self { instance, authority, application })
    }

    /// Checks who asks, then what is scripted against the application.
    pub(super) fn authenticate(
        &self,
        world: &World,
        form: &Form,
        headers: &HeaderMap,
        proof: Proof,
    ) -> Result<(), Refusal> {
        let basic = basic_credentials(headers).map(|(_, secret)| secret);
        let secret = form.get("client_secret").or(basic.as_deref().filter(|it| !it.is_empty()));
        let assertion = form.get("client_assertion");
        match (proof, assertion, secret) {
            (Proof::None, None, None) | (Proof::Optional, None, None) => {}
            (Proof::None, ..) => return Err(Refusal::new(700_025)),
            (_, Some(assertion), _) => self.check_assertion(world, form, assertion)?,
            (_, None, Some(secret)) => self.check_secret(secret, world.clock.now_ms())?,
            (Proof::Needed, None, None) => return Err(Refusal::new(7_000_218)),
        }
        scripted(&self.application.refusals)
    }

    fn check_secret(&self, secret: &str, now_ms: i64) -> Result<(), Refusal> {
        let known: Vec<_> =
            self.application.secrets.iter().filter(|known| known.is(secret)).collect();
        if known.iter().any(|known| now_ms < known.expires_ms) {
            return Ok(());
        }
        let code = if known.is_empty() { 7_000_215 } else { 7_000_222 };
        Err(Refusal::new(code).about(self.application.client_id))
    }

    fn check_assertion(&self, world: &World, form: &Form, token: &str) -> Result<(), Refusal> {
        if !form.says("client_assertion_type", ASSERTION_TYPE) {
            return Err(Refusal::missing("client_assertion_type"));
        }
        let population = world.population();
        let is_audience = |audience: &str| {
            let (instance, segment) = assertion::authority_of(audience)?;
            let authority = Authority::parse(segment, instance, &population).ok()?;
            Some(instance == self.instance && authority == self.authority)
        };
        assertion::check(
            token,
            &self.application.keys,
            &Expected {
                client_id: self.application.client_id,
                now_s: world.clock.now_ms() / 1_000,
                is_audience: &|audience| is_audience(audience) == Some(true),
            },
        )
    }

    /// Refuses a person who cannot use the application here. (7.5)
    pub(super) fn admits(&self, world: &World, user: &User) -> Result<(), Refusal> {
        let population = world.population();
        if self.takes(&population, user) {
            return Ok(());
        }
        let cloud = population.cloud(user.directory);
        if cloud.instance() != self.instance {
            // Who is of another instance does not exist here.
            return Err(Refusal::new(50_034).about(&user.email));
        }
        let provider = if user.directory == CONSUMERS {
            "live.com".to_owned()
        } else {
            format!("{}/{}/", cloud.instance().sts(), user.directory)
        };
        let directory = match self.authority {
            Authority::Directory(id) => id,
            _ => self.application.home,
        };
        let name = population.directory(directory).map_or(MICROSOFT_ACCOUNTS, |it| &it.name);
        Err(Refusal::new(50_020)
            .about(&user.email)
            .about(provider)
            .about(name)
            .about(self.application.client_id))
    }

    /// Whether the person is of the right instance, kind and directory for application and
    /// authority.
    pub(super) fn takes(&self, population: &Population, user: &User) -> bool {
        if population.cloud(user.directory).instance() != self.instance {
            return false;
        }
        let personal = user.directory == CONSUMERS;
        let taken = match self.application.audience {
            Audience::Directory => user.directory == self.application.home,
            Audience::Work => !personal,
            Audience::All => true,
            Audience::Consumers => personal,
        };
        taken && self.authority.admits(user)
    }

    /// What a person grants the application, for the Graph that is meant.
    pub(super) fn grant(&self, world: &World, user: &User, asked: &Asked, scopes: Scopes) -> Grant {
        let cloud = asked.graph(world.population().cloud(user.directory));
        Grant::delegated(user, self.application.client_id, scopes, cloud)
    }

    /// Whether a grant was given at this instance: no other knows its codes and tokens.
    pub(super) fn knows(&self, grant: &Grant) -> bool {
        grant.cloud.instance() == self.instance
    }

    /// Whether the application is installed in a directory: at home, or where somebody consented.
    pub(super) fn is_installed(&self, world: &World, directory: Guid) -> bool {
        let population = world.population();
        let client_id = self.application.client_id;
        directory == self.application.home
            || population.consents.iter().filter(|it| it.client_id == client_id).any(|consent| {
                match consent.principal {
                    Principal::Directory(id) => id == directory,
                    Principal::User(id) => {
                        population.user(id).is_some_and(|user| user.directory == directory)
                    }
                }
            })
    }

    /// That the person, or somebody for the person, has not consented. (7.5)
    pub(super) fn not_consented(&self) -> Refusal {
        let application = &self.application;
        Refusal::new(65_001).about(application.client_id).about(&application.name)
    }
}

/// What is scripted: the first number is what happens. (7.5)
pub(super) fn scripted(refusals: &Refusals) -> Result<(), Refusal> {
    match refusals.0.first() {
        None => Ok(()),
        Some(&code) => Err(Refusal::new(code)),
    }
}
