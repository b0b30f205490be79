//! The authorize endpoint: who signs in, what is allowed, and the code that the client gets. (7.2)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;

use super::client::{Client, scripted};
use super::errors::{Refusal, Trace};
use super::form::Form;
use super::pages::{self, ACCEPT, BUTTON, CANARY, Question};
use super::pkce::Challenge;
use super::redirect::{self, Mode};
use super::scope::Asked;
use super::sign_in::{self, Asking};
use super::sign_ins::Code;
use super::table::AtAuthorize;
use super::tokens::Grant;
use super::{Exchange, id_token};
use crate::body::Reply;
use crate::population::{RedirectKind, Refusals, Scopes, User};
use crate::variants::SignIn;
use crate::world::World;

/// The field in which a page sends the address that a person typed.
const LOGIN: &str = "login";
/// Random bytes in a code of a work account; a personal one ends with a GUID.
const CODE_BYTES: usize = 600;

/// What is known once the answer can be sent to the client.
struct Authorization<'a> {
    world: &'a World,
    trace: &'a Trace,
    form: &'a Form,
    client: Client,
    redirect_uri: String,
    kind: RedirectKind,
}

/// How the endpoint goes on.
enum Step {
    Code(String, User),
    Page(Reply),
}

/// Answers an authorization request, or the page that such a request showed. Blocks.
pub(super) fn answer(exchange: &Exchange<'_>, segment: &str) -> Reply {
    let trace = exchange.trace;
    // As long as client and address are in doubt, nothing is sent anywhere. (7.2)
    let authorization = match Authorization::begin(exchange, segment) {
        Ok(authorization) => authorization,
        Err(refusal) => return pages::refused(&refusal, trace),
    };
    let mode = Mode::parse(exchange.form.get("response_mode"));
    let reply_mode = *mode.as_ref().unwrap_or(&Mode::Query);
    match mode.and_then(|_| authorization.step(exchange, segment)) {
        Ok(Step::Page(page)) => page,
        Ok(Step::Code(code, user)) => authorization.send_code(&code, &user, reply_mode),
        Err(refusal) => authorization.send_refusal(&refusal, reply_mode),
    }
}

impl<'a> Authorization<'a> {
    fn begin(exchange: &Exchange<'a>, segment: &str) -> Result<Self, Refusal> {
        let Exchange { world, instance, form, trace, .. } = *exchange;
        let client = Client::find(world, instance, segment, form.need("client_id")?)?;
        let registered = &client.application.redirects;
        let redirect_uri = match (form.get("redirect_uri"), &registered[..]) {
            (Some(asked), _) => asked.to_owned(),
            (None, [only]) => only.uri.clone(),
            (None, []) => return Err(Refusal::new(500_113)),
            (None, _) => return Err(Refusal::new(900_971)),
        };
        let kind = redirect::kind(registered, &redirect_uri).ok_or_else(|| {
            Refusal::new(50_011).about(&redirect_uri).about(client.application.client_id)
        })?;
        Ok(Self { world, trace, form, client, redirect_uri, kind })
    }

    fn step(&self, exchange: &Exchange<'_>, segment: &str) -> Result<Step, Refusal> {
        check_response_type(self.form.need("response_type")?)?;
        let asked = Asked::parse(self.form.need("scope")?, exchange.instance)
            .map_err(|it| self.with_client(it))?;
        let challenge = Challenge::parse(self.form)?;
        if self.kind == RedirectKind::Spa && challenge.is_none() {
            return Err(Refusal::new(9_002_325));
        }
        let asking = asking(self.form.get("prompt"))?;
        scripted_here(&self.client.application.refusals)?;
        let user = match self.typed(exchange)? {
            Some(name) => sign_in::person_named(self.world, &self.client, name)?,
            None => {
                let (form, client) = (self.form, &self.client);
                let (login, domain) = (form.get("login_hint"), form.get("domain_hint"));
                let user = sign_in::person(self.world, client, &asked, login, domain)?;
                let asks = self.world.variants().sign_in == SignIn::Page;
                if asks && asking != Asking::Never {
                    return Ok(Step::Page(self.page(segment, &user, &asked)));
                }
                user
            }
        };
        scripted_here(&user.refusals)?;
        let scopes = sign_in::consent(self.world, &self.client, &user, &asked, asking)?;
        let grant = Grant {
            offline: asked.offline,
            spa: self.kind == RedirectKind::Spa,
            native: self.kind == RedirectKind::Native,
            ..self.client.grant(self.world, &user, &asked, scopes)
        };
        let code = self.issue(Code {
            grant,
            asked,
            redirect_uri: self.redirect_uri.clone(),
            challenge,
            nonce: self.form.get("nonce").map(str::to_owned),
            issued_ms: self.trace.now_ms,
        });
        Ok(Step::Code(code, user))
    }

    /// The address that was typed into the page, if this is the page's answer.
    fn typed<'e>(&self, exchange: &Exchange<'e>) -> Result<Option<&'e str>, Refusal> {
        if exchange.person.is_some() {
            return Ok(exchange.person);
        }
        let Some(secret) = exchange.form.get(CANARY).filter(|_| exchange.method == Method::POST)
        else {
            return Ok(None);
        };
        let shown = &self.world.sign_ins.pages;
        if !shown.answer(secret, &self.purpose(), self.trace.now_ms) {
            return Err(Refusal::malformed().on_a_page());
        }
        if !exchange.form.says(BUTTON, ACCEPT) {
            return Err(sign_in::declined());
        }
        exchange.form.need(LOGIN).map(Some)
    }

    fn page(&self, segment: &str, user: &User, asked: &Asked) -> Reply {
        let application = &self.client.application;
        let canary =
            self.world.sign_ins.pages.show(&self.world.random, &self.purpose(), self.trace.now_ms);
        let mut hidden: Vec<(&str, &str)> =
            self.form.iter().filter(|(name, _)| ![CANARY, BUTTON, LOGIN].contains(name)).collect();
        hidden.push((CANARY, &canary));
        let wanted = asked.wanted(&application.scopes, &Scopes::default());
        let mut lines = vec![format!("{} asks for:", application.name)];
        lines.extend(wanted.iter().map(str::to_owned));
        let question = Question {
            title: "Sign in to your account",
            lines: &lines,
            action: &format!("/{segment}/oauth2/v2.0/authorize"),
            hidden: &hidden,
            fields: &[(LOGIN, "Email", &user.email)],
        };
        pages::ask(&question, self.trace)
    }

    fn purpose(&self) -> String {
        format!("authorize {} {}", self.client.application.client_id, self.redirect_uri)
    }

    fn issue(&self, code: Code) -> String {
        let random = &self.world.random;
        let text = if code.grant.is_personal() {
            format!("M.C5EM_BAY.2.U.{}", random.guid())
        } else {
            format!("1.A{}", URL_SAFE_NO_PAD.encode(random.bytes::<CODE_BYTES>()))
        };
        self.world.sign_ins.codes.keep(&text, code);
        text
    }

    fn send_code(&self, code: &str, user: &User, mode: Mode) -> Reply {
        let mut fields = vec![("code", code.to_owned())];
        if self.form.says("client_info", "1") {
            fields.push(("client_info", id_token::client_info(user)));
        }
        fields.extend(self.form.get("state").map(|state| ("state", state.to_owned())));
        fields.push(("session_state", self.world.random.guid().to_string()));
        redirect::send(&self.redirect_uri, mode, &fields, self.trace)
    }

    fn send_refusal(&self, refusal: &Refusal, mode: Mode) -> Reply {
        let error = match refusal.at_authorize() {
            AtAuthorize::Redirect(error) => error,
            AtAuthorize::Never => "server_error",
            AtAuthorize::Page => return pages::refused(refusal, self.trace),
        };
        let mut fields = vec![
            ("error", error.to_owned()),
            ("error_description", refusal.description(self.trace)),
            ("error_uri", refusal.error_uri(self.trace)),
        ];
        if let Some(sub) = refusal.sub() {
            let name = if sub == "cancel" { "error_subcode" } else { "suberror" };
            fields.push((name, sub.to_owned()));
        }
        fields.extend(refusal.claims(self.trace).map(|claims| ("claims", claims)));
        fields.extend(self.form.get("state").map(|state| ("state", state.to_owned())));
        redirect::send(&self.redirect_uri, mode, &fields, self.trace)
    }

    fn with_client(&self, refusal: Refusal) -> Refusal {
        if refusal.code() == 65_001 { self.client.not_consented() } else { refusal }
    }
}

/// What is scripted, if it is not about tokens.
fn scripted_here(refusals: &Refusals) -> Result<(), Refusal> {
    scripted(refusals).or_else(|refusal| match refusal.at_authorize() {
        AtAuthorize::Never => Ok(()),
        _ => Err(refusal),
    })
}

/// Codes are what applications here can ask for. (7.5: 700051, 700054)
fn check_response_type(text: &str) -> Result<(), Refusal> {
    let mut code = 0;
    for word in text.split_whitespace() {
        code = match word {
            "code" => code,
            "token" => 700_051,
            "id_token" => 700_054,
            _ => 70_005,
        };
    }
    match code {
        0 => Ok(()),
        code => Err(Refusal::new(code).about(text)),
    }
}

/// The `prompt` parameter; nobody is signed in before, so that most values change nothing.
fn asking(prompt: Option<&str>) -> Result<Asking, Refusal> {
    match prompt {
        None | Some("login" | "select_account" | "create") => Ok(Asking::IfMissing),
        Some("consent") => Ok(Asking::Always),
        Some("none") => Ok(Asking::Never),
        Some(other) => Err(Refusal::new(90_023).about(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 7.5: 700051 and 700054.
    #[test]
    fn only_codes_can_be_asked_for() {
        let refused = |text| check_response_type(text).map_or_else(|it| it.code(), |()| 0);
        assert_eq!(refused("code"), 0);
        assert_eq!(refused("token"), 700_051);
        assert_eq!(refused("code id_token"), 700_054);
        assert_eq!(refused("cod"), 70_005);
    }
}
