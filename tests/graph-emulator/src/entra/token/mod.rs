//! The token endpoint: form first, then tenant, application, secret, grant, scope. (7.3 to 7.5)

use super::Exchange;
use super::client::{Client, Proof, scripted};
use super::errors::{Refusal, Trace};
use super::form::{Form, basic_credentials};
use super::scope::Asked;
use super::sign_ins::is_code;
use super::tokens::is_refresh_token;
use crate::body::Reply;
use crate::clock;
use crate::cloud::Cloud;
use crate::guid::Guid;
use crate::population::{CONSUMERS, Scopes, User};
use crate::world::World;

mod application;
mod code;
mod device;
mod issue;
mod password;
mod refresh;

/// The device flow's grant; older clients leave out the beginning.
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What is redeemed for tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Refresh,
    Device,
    /// The application itself, without a person.
    Application,
    Password,
}

/// A complete request of a known client.
struct Request<'a> {
    exchange: &'a Exchange<'a>,
    world: &'a World,
    form: &'a Form,
    trace: &'a Trace,
    client: Client,
}

/// Answers one token request. Blocks.
pub(super) fn answer(exchange: &Exchange<'_>, segment: &str) -> Result<Reply, Refusal> {
    let Exchange { world, instance, form, trace, headers, .. } = *exchange;
    let kind = Kind::parse(form.need("grant_type")?)?;
    let basic = basic_credentials(headers).map(|(id, _)| id);
    let client_id = form.get("client_id").or(basic.as_deref());
    let client_id = client_id.ok_or_else(|| Refusal::missing("client_id"))?;
    kind.check_form(form)?;
    let client = Client::find(world, instance, segment, client_id)?;
    let request = Request { exchange, world, form, trace, client };
    match kind {
        Kind::Code => code::redeem(&request),
        Kind::Refresh => refresh::redeem(&request),
        Kind::Device => device::redeem(&request),
        Kind::Application => application::grant(&request),
        Kind::Password => password::redeem(&request),
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "authorization_code" => Ok(Self::Code),
            "refresh_token" => Ok(Self::Refresh),
            "client_credentials" => Ok(Self::Application),
            "password" => Ok(Self::Password),
            DEVICE | "device_code" => Ok(Self::Device),
            other => Err(Refusal::new(70_003).about(other)),
        }
    }

    /// What the form must have, and grants that cannot be ones. (7.5)
    fn check_form(self, form: &Form) -> Result<(), Refusal> {
        let shape = match self {
            Self::Code => {
                form.need("redirect_uri")?;
                is_code(form.need("code")?)
            }
            Self::Refresh => is_refresh_token(form.need("refresh_token")?),
            Self::Device => device::code(form).is_some(),
            Self::Application => form.need("scope").map(|_| true)?,
            Self::Password => form.need("username").and(form.need("password")).map(|_| true)?,
        };
        match self {
            _ if shape => Ok(()),
            Self::Device => Err(Refusal::missing("device_code")),
            _ => Err(Refusal::malformed().named("invalid_grant")),
        }
    }
}

impl Request<'_> {
    fn authenticate(&self, proof: Proof) -> Result<(), Refusal> {
        self.client.authenticate(self.world, self.form, self.exchange.headers, proof)
    }

    /// What a client without a redirect address has to show.
    fn usual_proof(&self) -> Proof {
        if self.client.application.public { Proof::None } else { Proof::Needed }
    }

    /// Tokens of single-page applications go to pages, and those of others to none. (7.3)
    fn check_origin(&self, spa: bool) -> Result<(), Refusal> {
        let origin = self.exchange.headers.get(http::header::ORIGIN);
        match (spa, origin) {
            (true, None) => Err(Refusal::new(9_002_327)),
            (false, Some(origin)) => {
                Err(Refusal::new(9_002_326).about(origin.to_str().unwrap_or_default()))
            }
            _ => Ok(()),
        }
    }

    /// A person, if nothing stands against giving tokens for what was granted then. (7.5)
    fn person(&self, id: Option<Guid>, granted_ms: i64) -> Result<User, Refusal> {
        let found = id.and_then(|id| self.world.population().user(id).cloned());
        let user = found.ok_or_else(|| Refusal::new(50_034))?;
        self.client.admits(self.world, &user)?;
        if granted_ms < user.tokens_valid_from_ms {
            return Err(revoked(
                user.directory == CONSUMERS,
                granted_ms,
                user.tokens_valid_from_ms,
            ));
        }
        scripted(&user.refusals)?;
        Ok(user)
    }

    /// What a form asks for.
    fn asked(&self, scope: &str) -> Result<Asked, Refusal> {
        Asked::parse(scope, self.client.instance)
    }

    /// The cloud whose Graph is meant.
    fn graph(&self, asked: &Asked, directory: Guid) -> Cloud {
        asked.graph(self.world.population().cloud(directory))
    }

    /// What the person allowed the application so far.
    fn consented(&self, user: &User) -> Scopes {
        self.world.population().delegated(self.client.application.client_id, user)
    }

    /// That something was asked for that nobody allowed. (7.5)
    fn not_consented(&self, user: &User) -> Refusal {
        if user.directory == CONSUMERS {
            return Refusal::new(70_000).saying(
                "The request was denied because one or more scopes requested are unauthorized or \
                 expired. The user must first sign in and grant the client application access to \
                 the requested scope.",
            );
        }
        self.client.not_consented()
    }

    fn with_client(&self, refusal: Refusal) -> Refusal {
        if refusal.code() == 65_001 { self.client.not_consented() } else { refusal }
    }
}

/// That a grant was revoked. Personal accounts do not tell why a grant is not good. (7.5)
fn revoked(personal: bool, granted_ms: i64, valid_from_ms: i64) -> Refusal {
    if personal {
        return Refusal::new(70_000).about("refresh_token");
    }
    Refusal::new(50_173).about(clock::iso(granted_ms)).about(clock::iso(valid_from_ms))
}
