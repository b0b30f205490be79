//! Tokens of an application by itself: client_credentials. (7.3, 7.5)

use super::Request;
use super::issue::{self, Issue};
use crate::body::Reply;
use crate::entra::authority::Authority;
use crate::entra::client::Proof;
use crate::entra::errors::Refusal;
use crate::entra::tokens::Grant;

pub(super) fn grant(request: &Request<'_>) -> Result<Reply, Refusal> {
    // It needs a real directory. (7.1)
    let directory = match request.client.authority {
        Authority::Directory(id) => id,
        Authority::Organizations => return Err(Refusal::new(50_059)),
        Authority::Common | Authority::Consumers => return Err(Refusal::new(9_001_023)),
    };
    let application = &request.client.application;
    if !request.client.is_installed(request.world, directory) {
        let name = request.world.population().directory(directory).map(|it| it.name.clone());
        let refusal = Refusal::new(700_016).about(application.client_id);
        return Err(refusal.about(name.unwrap_or_default()));
    }
    // Even a public client needs a proof here, and cannot have one.
    let proven = request.form.get("client_secret").or(request.form.get("client_assertion"));
    request.authenticate(match (application.public, proven) {
        (true, Some(_)) => Proof::None,
        _ => Proof::Needed,
    })?;
    let text = request.form.need("scope")?;
    let asked = request.asked(text).map_err(|refusal| match refusal.code() {
        // An application needs no permission to get a token for another resource, but the
        // emulator has no other.
        65_001 => Refusal::new(500_011).about(text.trim_end_matches("/.default")),
        70_011 => not_default(text),
        _ => refusal,
    })?;
    if !asked.is_default_alone() {
        return Err(not_default(text));
    }
    let roles = request.world.population().roles(application.client_id, directory);
    let grant =
        Grant::app_only(application.client_id, directory, roles, request.graph(&asked, directory));
    issue::answer(request, Issue { grant, user: None, asked: &asked, nonce: None, used: None })
}

fn not_default(text: &str) -> Refusal {
    Refusal::new(1_002_012).about(text)
}
