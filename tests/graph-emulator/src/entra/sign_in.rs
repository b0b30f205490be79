//! Who signs in, and what the person allows: the scriptable user of the sign-in page. (7.2)

use super::client::Client;
use super::errors::Refusal;
use super::scope::{Asked, for_administrators};
use crate::population::{CONSUMERS, Consent, Principal, Scopes, User};
use crate::world::World;

/// The person who signs in: whom the client hints at, else whom the ready file tells of, else
/// whoever can sign in here, sooner of the cloud whose Graph is asked for.
pub(super) fn person(
    world: &World,
    client: &Client,
    asked: &Asked,
    login_hint: Option<&str>,
    domain_hint: Option<&str>,
) -> Result<User, Refusal> {
    let found = {
        let population = world.population();
        let hinted = login_hint.and_then(|hint| population.user_named(hint));
        let primary = population.user(world.primary.user);
        let fits = |user: &&User| {
            client.takes(&population, user)
                && domain_hint.is_none_or(|hint| is_of_domain(user, hint))
        };
        let is_there = |user: &User| asked.named_graph() == Some(population.cloud(user.directory));
        hinted
            .or_else(|| primary.filter(fits))
            .or_else(|| population.users.iter().find(|user| fits(user) && is_there(user)))
            .or_else(|| population.users.iter().find(fits))
            .or(primary)
            .cloned()
    };
    let user = found.ok_or_else(|| Refusal::new(50_058))?;
    client.admits(world, &user)?;
    Ok(user)
}

/// The person who types an address into a page.
pub(super) fn person_named(world: &World, client: &Client, name: &str) -> Result<User, Refusal> {
    let found = world.population().user_named(name.trim()).cloned();
    let user = found.ok_or_else(|| Refusal::new(50_034).about(name))?;
    client.admits(world, &user)?;
    Ok(user)
}

fn is_of_domain(user: &User, hint: &str) -> bool {
    match hint {
        "consumers" => user.directory == CONSUMERS,
        "organizations" => user.directory != CONSUMERS,
        domain => {
            user.email.rsplit_once('@').is_some_and(|(_, own)| own.eq_ignore_ascii_case(domain))
        }
    }
}

/// How a sign-in asks for consent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asking {
    /// If something is missing.
    IfMissing,
    /// In any case: `prompt=consent`.
    Always,
    /// Never: `prompt=none`.
    Never,
}

/// What the person allows, which is kept. Blocks.
pub(super) fn consent(
    world: &World,
    client: &Client,
    user: &User,
    asked: &Asked,
    asking: Asking,
) -> Result<Scopes, Refusal> {
    if user.declines && asking != Asking::Never {
        return Err(declined());
    }
    let application = &client.application;
    let consented = world.population().delegated(application.client_id, user);
    let known = if asking == Asking::Always { Scopes::default() } else { consented.clone() };
    let wanted = asked.wanted(&application.scopes, &known);
    let missing = Scopes::of(wanted.iter().filter(|name| !consented.any(&[name])));
    if missing.is_empty() {
        return Ok(wanted);
    }
    if asking == Asking::Never {
        return Err(client.not_consented());
    }
    if user.directory != CONSUMERS && !for_administrators(&missing).is_empty() {
        return Err(Refusal::new(90_094));
    }
    world.population_mut().consent(Consent {
        client_id: application.client_id,
        principal: Principal::User(user.object_id),
        scopes: wanted.clone(),
        roles: Scopes::default(),
    });
    world.save().map_err(|_| Refusal::unavailable())?;
    Ok(wanted)
}

/// The person pressed cancel.
pub(super) fn declined() -> Refusal {
    Refusal::new(65_004).suberror("cancel")
}
