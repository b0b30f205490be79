//! Redeeming authorization codes. (7.3, 7.5)

use super::Request;
use super::issue::{self, Issue};
use crate::body::Reply;
use crate::entra::client::Proof;
use crate::entra::errors::Refusal;
use crate::entra::pkce::Challenge;
use crate::entra::redirect;
use crate::entra::sign_ins::{Code, Found};
use crate::population::RedirectKind;

pub(super) fn redeem(request: &Request<'_>) -> Result<Reply, Refusal> {
    let text = request.form.need("code")?;
    let redirect_uri = request.form.need("redirect_uri")?;
    // The kind of the address decides how its client proves who it is. (7.3)
    let kind = redirect::kind(&request.client.application.redirects, redirect_uri);
    request.authenticate(match kind {
        Some(RedirectKind::Spa | RedirectKind::Native) => Proof::None,
        _ => request.usual_proof(),
    })?;
    let code = find(request, text)?;
    check_binding(request, &code, redirect_uri)?;
    let user = request.person(code.grant.user, code.issued_ms)?;
    let mut asked = match request.form.get("scope") {
        Some(scope) => request.asked(scope).map_err(|refusal| request.with_client(refusal))?,
        None => code.asked.clone(),
    };
    let mut grant = code.grant.clone();
    let consented = request.consented(&user);
    if !asked.is_about_signing_in() {
        grant.scopes = asked.wanted(&request.client.application.scopes, &consented);
        grant.cloud = request.graph(&asked, user.directory);
    }
    if !grant.scopes.is_subset(&consented) {
        return Err(request.not_consented(&user));
    }
    if !request.world.sign_ins.codes.redeem(text) {
        return Err(redeemed(&code));
    }
    // Signing in was agreed to at the authorize endpoint; leaving it out here changes nothing.
    asked.open_id |= code.asked.open_id;
    asked.email |= code.asked.email;
    let nonce = code.nonce.as_deref();
    issue::answer(request, Issue { grant, user: Some(&user), asked: &asked, nonce, used: None })
}

fn find(request: &Request<'_>, text: &str) -> Result<Code, Refusal> {
    match request.world.sign_ins.codes.find(text, request.trace.now_ms) {
        Found::Valid(code) | Found::Redeemed(code) | Found::Expired(code)
            if !request.client.knows(&code.grant) =>
        {
            Err(not_valid())
        }
        Found::Valid(code) => Ok(code),
        Found::Redeemed(code) => Err(redeemed(&code)),
        Found::Expired(code) if code.grant.is_personal() => Err(not_valid()),
        Found::Expired(_) => Err(Refusal::new(70_008)),
        Found::Unknown => Err(not_valid()),
    }
}

fn not_valid() -> Refusal {
    Refusal::new(70_000).about("code")
}

fn redeemed(code: &Code) -> Refusal {
    if code.grant.is_personal() { not_valid() } else { Refusal::new(54_005) }
}

/// A code is for one client, one address, one kind of client, one proof key. (7.2)
fn check_binding(request: &Request<'_>, code: &Code, redirect_uri: &str) -> Result<(), Refusal> {
    if code.grant.client_id != request.client.application.client_id {
        return Err(not_valid().suberror("client_mismatch"));
    }
    let user = code.grant.user.and_then(|id| request.world.population().user(id).cloned());
    if user.is_some_and(|user| !request.client.authority.admits(&user)) {
        return Err(Refusal::new(700_005));
    }
    if code.redirect_uri != redirect_uri {
        return Err(Refusal::new(500_112).about(redirect_uri).about(&code.redirect_uri));
    }
    request.check_origin(code.grant.spa)?;
    Challenge::check(code.challenge.as_ref(), request.form.get("code_verifier"))
}
