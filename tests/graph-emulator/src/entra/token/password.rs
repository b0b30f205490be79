//! Signing in with name and password: no person here has a password. (7.5)

use super::Request;
use crate::body::Reply;
use crate::entra::authority::Authority;
use crate::entra::client::scripted;
use crate::entra::errors::Refusal;
use crate::population::CONSUMERS;

pub(super) fn redeem(request: &Request<'_>) -> Result<Reply, Refusal> {
    if matches!(request.client.authority, Authority::Common | Authority::Consumers) {
        return Err(Refusal::new(9_001_023));
    }
    request.authenticate(request.usual_proof())?;
    let name = request.form.need("username")?;
    let found = request.world.population().user_named(name).cloned();
    // Personal accounts cannot sign in so, and look as if they were not there.
    let user = found.filter(|user| user.directory != CONSUMERS);
    let user = user.ok_or_else(|| Refusal::new(50_034).about(name))?;
    request.client.admits(request.world, &user)?;
    scripted(&user.refusals)?;
    Err(Refusal::new(50_126))
}
