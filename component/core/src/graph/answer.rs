//! From a failed answer of Graph to an error that says who must act.
//!
//! The envelope is `{"error":{"code","message","innerError":{…}}}`; the inner
//! key comes in two spellings and nests; bodies may be HTML or empty.

use http::StatusCode;
use serde_json::Value;

use crate::error::{Actor, Error, ErrorKind};
use crate::graph::Feed;
use crate::ports::Response;

/// What a failed answer said.
#[derive(Debug)]
pub(crate) struct GraphFailure {
    status: StatusCode,
    /// Codes from the outermost to the innermost.
    codes: Vec<String>,
    message: String,
    request_id: Option<String>,
    claims: Option<String>,
}

impl GraphFailure {
    /// Reads an answer; never fails, whatever the body is.
    pub(crate) fn read(response: &Response, body: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let outer = &json["error"];
        let mut codes = Vec::new();
        let mut request_id = header(response, "request-id");
        let mut level = outer;
        for _ in 0..8 {
            if let Some(code) = level["code"].as_str() {
                codes.push(shown(code, 60));
            }
            if let Some(id) = level["request-id"].as_str() {
                request_id.get_or_insert_with(|| shown(id, 80));
            }
            level = match (&level["innerError"], &level["innererror"]) {
                (Value::Null, Value::Null) => break,
                (Value::Null, inner) | (inner, _) => inner,
            };
        }
        let challenge = header(response, "www-authenticate").unwrap_or_default();
        Self {
            status: response.status,
            codes,
            message: shown(outer["message"].as_str().unwrap_or_default(), 300),
            request_id,
            claims: claims_of(&challenge),
        }
    }

    /// Personal accounts answer so though the token is good; worth a retry.
    pub(crate) fn is_rps_flake(&self) -> bool {
        self.message.contains("Unable to initialize RPS")
    }

    /// What a challenge asks for.
    pub(crate) fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    fn has_code(&self, code: &str) -> bool {
        self.codes.iter().any(|c| c.eq_ignore_ascii_case(code))
    }

    /// What a feed's failure means. Source: the delta pages, and codes seen in public issues.
    pub(crate) fn of_feed(self) -> Result<Feed, Error> {
        let resync = [
            "resyncRequired",
            "syncStateNotFound",
            "resyncChangesApplyDifferences",
            "resyncChangesUploadDifferences",
            "resyncApplyDifferences",
            "resyncUploadDifferences",
        ];
        match self.status.as_u16() {
            410 => Ok(Feed::Resync),
            400 | 404 if resync.iter().any(|code| self.has_code(code)) => Ok(Feed::Resync),
            400 if self.message.contains("sync token") => Ok(Feed::Resync),
            403 | 405 | 501 => Ok(Feed::NotOffered),
            400 if self.has_code("notSupported") => Ok(Feed::NotOffered),
            _ => Err(self.into_error()),
        }
    }

    /// The error for the caller.
    pub(crate) fn into_error(self) -> Error {
        let mut error = self.kind();
        error.request_id.clone_from(&self.request_id);
        if let Some(code) = self.codes.last() {
            error = error.detail("code", code.clone());
        }
        if let Some(claims) = self.claims {
            error = error.detail("claims", claims);
        }
        error
    }

    fn kind(&self) -> Error {
        let said = self.said();
        match self.status.as_u16() {
            401 => Error::new(
                ErrorKind::AuthRequired,
                format!("OneDrive refused the access token{said}."),
            )
            .hint(
                "Sign in again and run ALTER DATABASE … SET PARAMETERS = {\"access_token\": \
                     \"…\", \"refresh_token\": \"…\"}.",
            ),
            403 if self.has_code("malwareDetected") => Error::new(
                ErrorKind::PermissionDenied,
                "OneDrive refuses the download: the file is flagged as malware.",
            ),
            403 => Error::new(
                ErrorKind::PermissionDenied,
                format!("OneDrive does not allow this{said}."),
            )
            .hint(
                "The application needs Files.Read, granted by the account's owner or by an \
                     administrator of the directory.",
            ),
            404 if self.message.contains("mysite") => {
                Error::new(ErrorKind::NotFound, "The account has no OneDrive yet.")
                    .actor(Actor::AccountOwner)
                    .hint("Open OneDrive once in a browser, so that it is set up.")
            }
            404 => Error::new(ErrorKind::NotFound, "OneDrive does not know the item."),
            423 => Error::new(ErrorKind::Unavailable, format!("The item is locked{said}.")),
            501 => {
                Error::new(ErrorKind::Unsupported, format!("OneDrive does not offer this{said}."))
            }
            status => Error::new(
                ErrorKind::Unavailable,
                format!("Microsoft Graph answered {status} to a request that should work{said}."),
            ),
        }
    }

    /// Code and message in brackets, as far as there are any.
    fn said(&self) -> String {
        match (self.codes.first(), self.message.as_str()) {
            (None, "") => String::new(),
            (Some(code), "") => format!(" ({code})"),
            (None, message) => format!(" ({message})"),
            (Some(code), message) => format!(" ({code}: {})", message.trim_end_matches('.')),
        }
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    response.headers.get(name).and_then(|v| v.to_str().ok()).map(|v| shown(v, 2000))
}

/// The decoded `claims` of a challenge, to be sent back at the next sign-in.
fn claims_of(challenge: &str) -> Option<String> {
    use base64::Engine as _;
    let encoded = challenge.split("claims=\"").nth(1)?.split('"').next()?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    String::from_utf8(decoded).ok()
}

/// A server's text, shortened, without control characters.
fn shown(text: &str, limit: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Body, LocalFuture, TransportError};
    use bytes::Bytes;

    struct Empty;
    impl Body for Empty {
        fn chunk(&mut self) -> LocalFuture<'_, Result<Option<Bytes>, TransportError>> {
            Box::pin(async { Ok(None) })
        }
    }

    fn failure(status: u16, body: &str) -> Error {
        let response = Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: Box::new(Empty),
        };
        GraphFailure::read(&response, body.as_bytes()).into_error()
    }

    #[test]
    fn code_message_and_request_id_are_kept() {
        let error = failure(
            403,
            r#"{"error":{"code":"accessDenied","message":"Access denied","innerError":{"date":"x","request-id":"r-1"}}}"#,
        );
        assert_eq!(error.kind, ErrorKind::PermissionDenied);
        assert_eq!(error.message, "OneDrive does not allow this (accessDenied: Access denied).");
        assert_eq!(error.request_id.as_deref(), Some("r-1"));
    }

    #[test]
    fn the_innermost_code_is_a_detail_in_either_spelling() {
        for inner in ["innerError", "innererror"] {
            let body =
                format!(r#"{{"error":{{"code":"a","message":"","{inner}":{{"code":"b"}}}}}}"#);
            assert_eq!(failure(400, &body).details, [("code".to_owned(), "b".to_owned())]);
        }
    }

    #[test]
    fn html_and_empty_bodies_are_no_trouble() {
        assert_eq!(failure(404, "").kind, ErrorKind::NotFound);
        assert_eq!(failure(400, "<html>").kind, ErrorKind::Unavailable);
        assert_eq!(failure(401, "\u{0}").kind, ErrorKind::AuthRequired);
    }
}
