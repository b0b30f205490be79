//! Redeeming device codes: polling until the person has answered. (7.3, 7.5)

use super::Request;
use super::issue::{self, Issue};
use crate::body::Reply;
use crate::entra::device_codes::{DeviceCode, LIFETIME_MS, State};
use crate::entra::errors::Refusal;
use crate::entra::form::Form;
use crate::entra::sign_in::{self, Asking};
use crate::entra::tokens::Grant;

/// The device code of a form, by its name or by that of older clients.
pub(super) fn code(form: &Form) -> Option<&str> {
    form.get("device_code").or(form.get("code"))
}

pub(super) fn redeem(request: &Request<'_>) -> Result<Reply, Refusal> {
    request.authenticate(request.usual_proof())?;
    let text = code(request.form).unwrap_or_default();
    let codes = &request.world.sign_ins.device_codes;
    let client_id = request.client.application.client_id;
    let is_here =
        |code: &DeviceCode| code.client_id == client_id && code.instance == request.client.instance;
    let code = codes.find(text).filter(is_here);
    let code = code.ok_or_else(|| Refusal::new(70_018))?;
    if code.state != State::Redeemed && request.trace.now_ms >= code.issued_ms + LIFETIME_MS {
        return Err(Refusal::new(70_020));
    }
    let user = match code.state {
        State::Waiting => return Err(Refusal::new(70_016)),
        State::Declined => return Err(declined()),
        State::Redeemed => return Err(Refusal::new(54_005)),
        State::Approved(user) => user,
    };
    let user = request.person(Some(user), code.issued_ms)?;
    let scopes =
        sign_in::consent(request.world, &request.client, &user, &code.asked, Asking::IfMissing)
            .map_err(|refusal| if refusal.code() == 65_004 { declined() } else { refusal })?;
    if !codes.redeem(text) {
        return Err(Refusal::new(54_005));
    }
    let grant = Grant {
        offline: code.asked.offline,
        native: request.client.application.public,
        ..request.client.grant(request.world, &user, &code.asked, scopes)
    };
    let asked = &code.asked;
    issue::answer(request, Issue { grant, user: Some(&user), asked, nonce: None, used: None })
}

fn declined() -> Refusal {
    sign_in::declined().named("authorization_declined")
}
