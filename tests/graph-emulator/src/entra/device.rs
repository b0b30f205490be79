//! The device flow: what a device is told, and the page on which a person enters its code. (7.1, 7.3)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::json;

use super::client::Client;
use super::device_codes::{DeviceCode, LIFETIME_MS};
use super::errors::Refusal;
use super::pages::{self, ACCEPT, BUTTON, CANARY, Question};
use super::scope::Asked;
use super::{Exchange, reply};
use crate::body::Reply;
use crate::cloud::SHORT_HOST;
use crate::population::User;

/// Seconds between two polls.
const INTERVAL_S: u64 = 5;
/// Letters and digits that cannot be mistaken for each other.
const USER_CODE_ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// The fields of the page: the code, and who signs in.
const USER_CODE: &str = "otc";
const LOGIN: &str = "login";

/// Gives a device its codes. Blocks.
pub(super) fn begin(exchange: &Exchange<'_>, segment: &str) -> Result<Reply, Refusal> {
    let Exchange { world, instance, form, trace, .. } = *exchange;
    let client_id = form.need("client_id")?;
    let scope = form.need("scope")?;
    let client = Client::find(world, instance, segment, client_id)?;
    let asked = Asked::parse(scope, instance).map_err(|refusal| match refusal.code() {
        65_001 => client.not_consented(),
        _ => refusal,
    })?;
    let user_code = world.random.text::<9>(USER_CODE_ALPHABET);
    let device_code = URL_SAFE_NO_PAD.encode(world.random.bytes::<150>());
    world.sign_ins.device_codes.keep(
        &device_code,
        DeviceCode::new(&user_code, instance, client.application.client_id, asked, trace.now_ms),
    );
    let page = format!("https://{SHORT_HOST}{}", instance.device_path());
    let answer = json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": page,
        "expires_in": LIFETIME_MS / 1_000,
        "interval": INTERVAL_S,
        "message": format!(
            "To sign in, use a web browser to open the page {page} and enter the code {user_code} \
             to authenticate."
        ),
    });
    Ok(reply::json(StatusCode::OK, &answer, trace))
}

/// The page on which a person enters the code. Blocks.
pub(super) fn page(exchange: &Exchange<'_>) -> Reply {
    if exchange.method != Method::POST {
        return show(exchange);
    }
    match enter(exchange) {
        Ok(text) => pages::say("Device sign-in", text, exchange.trace),
        Err(refusal) => pages::refused(&refusal, exchange.trace),
    }
}

fn show(exchange: &Exchange<'_>) -> Reply {
    let Exchange { world, form, trace, .. } = *exchange;
    let canary = world.sign_ins.pages.show(&world.random, "device", trace.now_ms);
    let email = {
        let population = world.population();
        let is_here =
            |user: &&User| population.cloud(user.directory).instance() == exchange.instance;
        let primary = population.user(world.primary.user).filter(is_here);
        let user = primary.or_else(|| population.users.iter().find(is_here));
        user.map(|user| user.email.clone()).unwrap_or_default()
    };
    let question = Question {
        title: "Enter code",
        lines: &["Enter the code displayed on your app or device.".to_owned()],
        action: "/common/oauth2/deviceauth",
        hidden: &[(CANARY, &canary)],
        fields: &[
            (USER_CODE, "Code", form.get(USER_CODE).unwrap_or_default()),
            (LOGIN, "Email", &email),
        ],
    };
    pages::ask(&question, trace)
}

fn enter(exchange: &Exchange<'_>) -> Result<&'static str, Refusal> {
    let Exchange { world, instance, form, trace, .. } = *exchange;
    let canary = form.get(CANARY).unwrap_or_default();
    if !world.sign_ins.pages.answer(canary, "device", trace.now_ms) {
        return Err(Refusal::malformed());
    }
    let user_code = form.need(USER_CODE)?;
    let codes = &world.sign_ins.device_codes;
    let waiting = codes.waiting(user_code, trace.now_ms);
    if waiting.is_none_or(|code| code.instance != instance) {
        return Err(Refusal::new(70_018).saying("The code that was entered is not valid."));
    }
    if !form.says(BUTTON, ACCEPT) {
        codes.decline(user_code);
        return Ok("You have cancelled the sign-in. You may close this window.");
    }
    let name = form.need(LOGIN)?;
    let user = {
        let population = world.population();
        let user = population.user_named(name.trim());
        user.filter(|user| population.cloud(user.directory).instance() == instance)
            .map(|user| user.object_id)
            .ok_or_else(|| Refusal::new(50_034).about(name))?
    };
    codes.approve(user_code, user);
    Ok("You have signed in on your device. You may now close this window.")
}
