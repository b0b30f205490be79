//! Consent of an administrator for everybody of a directory. (7.2, 7.5)

use http::Method;

use super::Exchange;
use super::authority::Authority;
use super::client::{Client, scripted};
use super::errors::Refusal;
use super::pages::{self, ACCEPT, BUTTON, CANARY, Question};
use super::redirect::{self, Mode};
use super::scope::{Asked, GRAPH_ID};
use super::sign_in;
use crate::body::Reply;
use crate::guid::Guid;
use crate::population::{Consent, DirectoryKind, Principal, Scopes, User};
use crate::variants::SignIn;
use crate::world::World;

/// What is asked of the administrator.
struct Request {
    client: Client,
    /// Whether the administrator presses cancel.
    declines: bool,
    directory: Guid,
    redirect_uri: String,
    scopes: Scopes,
    roles: Scopes,
    /// The scope as it was written; older requests have none and mean the registration.
    scope: Option<String>,
}

/// Answers a request for consent, or the page that such a request showed. Blocks.
pub(super) fn answer(exchange: &Exchange<'_>, segment: &str) -> Reply {
    match Request::parse(exchange, segment) {
        Ok(request) => request.decide(exchange),
        Err(refusal) => pages::refused(&refusal, exchange.trace),
    }
}

impl Request {
    fn parse(exchange: &Exchange<'_>, segment: &str) -> Result<Self, Refusal> {
        let Exchange { world, instance, form, .. } = *exchange;
        let client = Client::find(world, instance, segment, form.need("client_id")?)?;
        let application = &client.application;
        let redirect_uri = form.need("redirect_uri")?.to_owned();
        if redirect::kind(&application.redirects, &redirect_uri).is_none() {
            return Err(Refusal::new(50_011).about(redirect_uri).about(application.client_id));
        }
        let person = exchange.person.map(|name| sign_in::person_named(world, &client, name));
        let person = person.transpose()?;
        let declines = person.as_ref().is_some_and(|person| person.declines);
        let directory = directory(world, &client, person.as_ref())?;
        scripted(&application.refusals)?;
        let scope = form.get("scope").map(str::to_owned);
        let default = format!("{GRAPH_ID}.default");
        let asked = Asked::parse(scope.as_deref().unwrap_or(&default), instance)?;
        let (scopes, roles) = if asked.is_default() {
            (application.scopes.clone(), application.roles.clone())
        } else {
            (asked.wanted(&application.scopes, &Scopes::default()), Scopes::default())
        };
        Ok(Self { client, declines, directory, redirect_uri, scopes, roles, scope })
    }

    fn decide(&self, exchange: &Exchange<'_>) -> Reply {
        let Exchange { world, form, trace, .. } = *exchange;
        let answered = form.get(CANARY).filter(|_| exchange.method == Method::POST);
        if let Some(canary) = answered {
            if !world.sign_ins.pages.answer(canary, &self.purpose(), trace.now_ms) {
                return pages::refused(&Refusal::malformed(), trace);
            }
        } else if world.variants().sign_in == SignIn::Page && exchange.person.is_none() {
            return self.page(exchange);
        }
        if self.declines || (answered.is_some() && !form.says(BUTTON, ACCEPT)) {
            return self.send(
                exchange,
                vec![
                    ("error", "permission_denied".to_owned()),
                    ("error_description", "The admin canceled the request".to_owned()),
                ],
            );
        }
        world.population_mut().consent(Consent {
            client_id: self.client.application.client_id,
            principal: Principal::Directory(self.directory),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
        });
        if world.save().is_err() {
            return pages::refused(&Refusal::unavailable(), trace);
        }
        let mut fields =
            vec![("admin_consent", "True".to_owned()), ("tenant", self.directory.to_string())];
        fields.extend(self.scope.clone().map(|scope| ("scope", scope)));
        self.send(exchange, fields)
    }

    fn page(&self, exchange: &Exchange<'_>) -> Reply {
        let Exchange { world, form, trace, .. } = *exchange;
        let canary = world.sign_ins.pages.show(&world.random, &self.purpose(), trace.now_ms);
        let application = &self.client.application;
        let mut lines = vec![format!("{} asks for everybody of the directory:", application.name)];
        lines.extend(self.scopes.iter().map(str::to_owned));
        lines.extend(self.roles.iter().map(|role| format!("{role} (by itself)")));
        let mut hidden: Vec<(&str, &str)> =
            form.iter().filter(|(name, _)| ![CANARY, BUTTON].contains(name)).collect();
        hidden.push((CANARY, &canary));
        let question = Question {
            title: "Permissions requested: review for your organization",
            lines: &lines,
            action: exchange.path,
            hidden: &hidden,
            fields: &[],
        };
        pages::ask(&question, trace)
    }

    fn send(&self, exchange: &Exchange<'_>, mut fields: Vec<(&str, String)>) -> Reply {
        fields.extend(exchange.form.get("state").map(|state| ("state", state.to_owned())));
        redirect::send(&self.redirect_uri, Mode::Query, &fields, exchange.trace)
    }

    fn purpose(&self) -> String {
        format!("admin consent {} {}", self.client.application.client_id, self.directory)
    }
}

/// The directory whose administrator signs in: if the URL names none, that of the person at the
/// browser, or else of the ready file's person.
fn directory(world: &World, client: &Client, person: Option<&User>) -> Result<Guid, Refusal> {
    let population = world.population();
    let is_work = |id: &Guid| {
        population.directory(*id).is_some_and(|directory| {
            directory.kind == DirectoryKind::Work && directory.cloud.instance() == client.instance
        })
    };
    match client.authority {
        Authority::Directory(id) => Ok(id),
        Authority::Consumers => Err(Refusal::new(9_001_023)),
        Authority::Common | Authority::Organizations => {
            let own = person.or(population.user(world.primary.user)).map(|user| user.directory);
            let mut ids = population.directories.iter().map(|directory| directory.id);
            let first = || person.is_none().then(|| ids.find(is_work)).flatten();
            own.filter(is_work).or_else(first).ok_or_else(|| Refusal::new(50_059))
        }
    }
}
