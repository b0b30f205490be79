//! Signing out of the browser. (7.1)

use super::authority::Authority;
use super::{Exchange, pages, redirect, reply};
use crate::body::Reply;

/// Sends the browser back if the address is registered, else says so. No token ends. (7.4)
pub(super) fn answer(exchange: &Exchange<'_>, segment: &str) -> Reply {
    let Exchange { world, instance, form, trace, .. } = *exchange;
    let population = world.population();
    if let Err(refusal) = Authority::parse(segment, instance, &population) {
        return pages::refused(&refusal, trace);
    }
    let back = form.get("post_logout_redirect_uri").filter(|uri| {
        population.applications.iter().any(|it| redirect::kind(&it.redirects, uri).is_some())
    });
    let sent = back.and_then(|uri| match form.get("state") {
        None => reply::redirect(uri, trace),
        Some(state) => {
            let fields = [("state", state.to_owned())];
            Some(redirect::send(uri, redirect::Mode::Query, &fields, trace))
        }
    });
    sent.unwrap_or_else(|| {
        pages::say("Sign out", "You signed out of your account. Close all windows.", trace)
    })
}
