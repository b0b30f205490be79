//! Pages for people: sign-in, consent, device codes, and what cannot be sent to a client. (7.2)

use std::fmt::Write;

use http::StatusCode;

use super::errors::{Refusal, Trace};
use super::reply;
use crate::body::Reply;

/// A page that asks a person, and where the answer goes.
pub(super) struct Question<'a> {
    pub(super) title: &'a str,
    /// What the person is asked to allow, line by line.
    pub(super) lines: &'a [String],
    /// Where the answer is posted.
    pub(super) action: &'a str,
    /// Fields that the person does not see.
    pub(super) hidden: &'a [(&'a str, &'a str)],
    /// Fields that the person fills in: name, label, value.
    pub(super) fields: &'a [(&'a str, &'a str, &'a str)],
}

/// The name of the field with the secret of a page.
pub(super) const CANARY: &str = "canary";
/// The name of the field in which the button is told that was pressed.
pub(super) const BUTTON: &str = "button";
pub(super) const ACCEPT: &str = "accept";
pub(super) const CANCEL: &str = "cancel";

pub(super) fn ask(question: &Question<'_>, trace: &Trace) -> Reply {
    let mut body = String::new();
    for line in question.lines {
        let _ = writeln!(body, "<p>{}</p>", escape(line));
    }
    let _ = writeln!(body, "<form method=\"post\" action=\"{}\">", escape(question.action));
    for (name, value) in question.hidden {
        body.push_str(&hidden(name, value));
    }
    for (name, label, value) in question.fields {
        let _ = writeln!(
            body,
            "<p><label>{label} <input name=\"{name}\" value=\"{}\"></label></p>",
            escape(value)
        );
    }
    for (value, label) in [(ACCEPT, "Accept"), (CANCEL, "Cancel")] {
        let _ = writeln!(
            body,
            "<button type=\"submit\" name=\"{BUTTON}\" value=\"{value}\">{label}</button>"
        );
    }
    body.push_str("</form>\n");
    reply::html(StatusCode::OK, page(question.title, &body), trace)
}

/// A page that says one thing.
pub(super) fn say(title: &str, text: &str, trace: &Trace) -> Reply {
    reply::html(StatusCode::OK, page(title, &format!("<p>{}</p>\n", escape(text))), trace)
}

/// A refusal that is shown to the person, since there is nobody to send it to.
pub(super) fn refused(refusal: &Refusal, trace: &Trace) -> Reply {
    let text = escape(&refusal.description(trace));
    let body = format!(
        "<p>Sorry, but we're having trouble signing you in.</p>\n<p id=\"error\">{text}</p>\n"
    );
    let mut reply =
        reply::html(StatusCode::BAD_REQUEST, page("Sign in to your account", &body), trace);
    reply::telemetry(&mut reply, refusal.code());
    reply
}

/// A page that posts an answer to a client by itself. (`response_mode=form_post`)
pub(super) fn form_post(action: &str, answer: &[(&str, String)]) -> String {
    let mut body =
        format!("<form method=\"POST\" name=\"hiddenform\" action=\"{}\">\n", escape(action));
    for (name, value) in answer {
        body.push_str(&hidden(name, value));
    }
    body.push_str(
        "<noscript><p>Script is disabled. Click Submit to continue.</p>\
         <input type=\"submit\" value=\"Submit\"></noscript>\n</form>\n\
         <script>document.forms[0].submit();</script>\n",
    );
    page("Working...", &body)
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))
}

fn page(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         </head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Line ends inside an attribute would come back changed.
            '\r' => escaped.push_str("&#13;"),
            '\n' => escaped.push_str("&#10;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_sent_becomes_markup() {
        let page = form_post("https://a.test/?a=1&b=\"", &[("state", "<script>'".to_owned())]);
        assert!(page.contains("action=\"https://a.test/?a=1&amp;b=&quot;\""), "{page}");
        assert!(page.contains("value=\"&lt;script&gt;&#39;\""), "{page}");
    }
}
