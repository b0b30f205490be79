//! Redeeming refresh tokens. (7.3 to 7.5)

use super::Request;
use super::issue::{self, Issue};
use crate::body::Reply;
use crate::clock;
use crate::entra::authority::Authority;
use crate::entra::client::Proof;
use crate::entra::errors::Refusal;
use crate::entra::scope::Asked;
use crate::entra::tokens::{Grant, Refresh};
use crate::population::User;

pub(super) fn redeem(request: &Request<'_>) -> Result<Reply, Refusal> {
    let token = request.form.need("refresh_token")?;
    let known = request.world.tokens.granted(token).filter(|grant| request.client.knows(grant));
    let spa = known.as_ref().is_some_and(|grant| grant.spa);
    let native = known.as_ref().is_some_and(|grant| grant.native);
    request.authenticate(match request.usual_proof() {
        _ if spa => Proof::None,
        Proof::Needed if native => Proof::Optional,
        usual => usual,
    })?;
    if known.is_some() {
        request.check_origin(spa)?;
    }
    let (issued_ms, grant) = find(request, token)?;
    let user = request.person(grant.user, issued_ms)?;
    let (grant, asked) = narrow(request, grant, &user)?;
    let issue = Issue { grant, user: Some(&user), asked: &asked, nonce: None, used: Some(token) };
    issue::answer(request, issue)
}

/// The grant, if the token is good for this client. (7.5)
fn find(request: &Request<'_>, token: &str) -> Result<(i64, Grant), Refusal> {
    let now_ms = request.trace.now_ms;
    let personal = |grant: &Grant, refusal: Refusal| {
        if grant.is_personal() { not_valid() } else { refusal }
    };
    let found = match request.world.tokens.granted(token) {
        Some(grant) if !request.client.knows(&grant) => Refresh::Unknown,
        _ => request.world.tokens.refresh(token, now_ms),
    };
    let (issued_ms, grant) = match found {
        Refresh::Valid { issued_ms, grant } => (issued_ms, grant),
        Refresh::Inactive { issued_ms, grant } => {
            let refusal = Refusal::new(700_082).about(clock::iso(issued_ms));
            return Err(personal(&grant, refusal));
        }
        Refresh::Over { grant } => return Err(personal(&grant, Refusal::new(700_084))),
        Refresh::Revoked { issued_ms, revoked_ms, grant } => {
            return Err(super::revoked(grant.is_personal(), issued_ms, revoked_ms));
        }
        // The shape tells of which kind of account it would be.
        Refresh::Unknown if token.starts_with("M.") => return Err(not_valid()),
        Refresh::Unknown => {
            return Err(Refusal::new(50_173).about("unknown").about(clock::iso(now_ms)));
        }
    };
    if grant.client_id != request.client.application.client_id {
        return Err(not_valid().suberror("client_mismatch"));
    }
    // The endpoint of personal accounts knows no other tokens.
    if request.client.authority == Authority::Consumers && !grant.is_personal() {
        return Err(not_valid());
    }
    Ok((issued_ms, grant))
}

fn not_valid() -> Refusal {
    Refusal::new(70_000).about("refresh_token")
}

/// The same grant for what is asked for now: by default what it was for. (7.3)
fn narrow(request: &Request<'_>, mut grant: Grant, user: &User) -> Result<(Grant, Asked), Refusal> {
    let asked = request
        .asked(request.form.get("scope").unwrap_or_default())
        .map_err(|refusal| request.with_client(refusal))?;
    let consented = request.consented(user);
    if !asked.is_about_signing_in() {
        grant.scopes = asked.wanted(&request.client.application.scopes, &consented);
        grant.cloud = request.graph(&asked, user.directory);
    }
    if !grant.scopes.is_subset(&consented) {
        return Err(request.not_consented(user));
    }
    Ok((grant, asked))
}
