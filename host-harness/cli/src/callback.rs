//! The redirect URI of sign-ins: `/verify-auth` on a loopback listener, which is opened when the
//! first sign-in in a browser begins.
//!
//! What comes is only passed on by its `state`, which nobody but the person who was given the link
//! knows; a page says how it went.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use datasource_runtime::{RuntimeError, SignIns};
use datasource_sql::Callback;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// The path of MindsDB's document.
const PATH: &str = "/verify-auth";
/// Connections at once; a browser needs one.
const CONNECTIONS: usize = 16;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A loopback listener.
pub(crate) struct Loopback {
    port: u16,
    handle: Handle,
    redirect_uri: Mutex<Option<String>>,
    answers: Arc<Semaphore>,
}

impl Loopback {
    /// One that will listen on a port; 0 picks a free one.
    pub(crate) fn new(port: u16, handle: Handle) -> Self {
        let answers = Arc::new(Semaphore::new(CONNECTIONS));
        Self { port, handle, redirect_uri: Mutex::new(None), answers }
    }

    /// Waits until the pages that are under way have been sent.
    pub(crate) async fn quiet(&self) {
        #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
        let all = self.answers.acquire_many(CONNECTIONS as u32);
        let _ = tokio::time::timeout(PATIENCE, all).await;
    }

    fn open(&self, sign_ins: &SignIns) -> std::io::Result<u16> {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        let port = first.local_addr()?.port();
        // A browser may try ::1 for localhost first. Where there is no IPv6 it goes on to
        // 127.0.0.1; where another program has the port, that one would get the answer.
        let second = match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
            second => second.ok(),
        };
        for listener in [Some(first), second].into_iter().flatten() {
            listener.set_nonblocking(true)?;
            let _guard = self.handle.enter();
            let listener = tokio::net::TcpListener::from_std(listener)?;
            self.handle.spawn(serve(listener, sign_ins.clone(), Arc::clone(&self.answers)));
        }
        Ok(port)
    }
}

impl Callback for Loopback {
    fn listen(&self, sign_ins: &SignIns) -> Result<String, (String, String)> {
        let mut known = self.redirect_uri.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(redirect_uri) = known.as_ref() {
            return Ok(redirect_uri.clone());
        }
        let port = self.open(sign_ins).map_err(|error| {
            (
                format!("Nobody can sign in here, because port {} is not free: {error}", self.port),
                "End the program that has the port, or choose another with --callback-port and \
                 register http://localhost:PORT/verify-auth for the application."
                    .to_owned(),
            )
        })?;
        let redirect_uri = format!("http://localhost:{port}{PATH}");
        Ok(known.insert(redirect_uri).clone())
    }
}

async fn serve(listener: tokio::net::TcpListener, sign_ins: SignIns, answers: Arc<Semaphore>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (sign_ins, answers) = (sign_ins.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            // Held from the request until the page is sent: a browser may open connections ahead.
            let answering = Mutex::new(None);
            let answered = service_fn(|request| {
                let begun = Arc::clone(&answers).try_acquire_owned().ok();
                *answering.lock().unwrap_or_else(PoisonError::into_inner) = begun;
                answer(request, sign_ins.clone())
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
            // A browser that goes away is no concern of ours.
            let _ = server.serve_connection(TokioIo::new(stream), answered).await;
            drop((place, answering));
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    sign_ins: SignIns,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.uri().path() != PATH {
        return Ok(page(StatusCode::NOT_FOUND, "Nothing is here", "Only sign-ins come back here."));
    }
    if request.method() != Method::GET {
        let message = "A sign-in comes back by GET.";
        return Ok(page(StatusCode::METHOD_NOT_ALLOWED, "Not like this", message));
    }
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query = form_urlencoded::parse(query).into_owned().collect();
    // A browser that goes away must not stop what the answer has begun: a code counts once.
    let completing = tokio::spawn(async move { sign_ins.complete(query).await });
    let Ok(completed) = completing.await else {
        let message = "The sign-in was cut off. Begin it again.";
        return Ok(page(StatusCode::INTERNAL_SERVER_ERROR, "The sign-in did not succeed", message));
    };
    Ok(match completed {
        Ok(database) => page(
            StatusCode::OK,
            "Signed in",
            &format!("The database {database} is ready. You can close this page."),
        ),
        Err(error) => {
            let status = match *error {
                RuntimeError::NoSuchSignIn => StatusCode::BAD_REQUEST,
                _ => StatusCode::FORBIDDEN,
            };
            let hint = error.hint().unwrap_or_default();
            page(status, "The sign-in did not succeed", &format!("{error} {hint}"))
        }
    })
}

fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let (title, text) = (escaped(title), escaped(text));
    let style = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;\
                 padding:0 1.5rem;color:#1b1b1b;background:#fafafa}h1{font-size:1.5rem}\
                 @media(prefers-color-scheme:dark){body{color:#eee;background:#1b1b1b}}";
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>{style}</style><h1>{title}</h1><p>{text}</p>"
    );
    let mut response = Response::new(Full::new(Bytes::from(html)));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        // The address holds the code; it must not go on to anybody.
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ] {
        response.headers_mut().insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(uri: &str, request: &str) -> String {
        let authority = uri.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let port = authority.rsplit(':').next().unwrap();
        let mut stream = tokio::net::TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waits_for_gets_a_page_that_says_so() {
        let loopback = Loopback::new(0, Handle::current());
        let uri = loopback.listen(&SignIns::default()).unwrap();
        assert_eq!(loopback.listen(&SignIns::default()).unwrap(), uri, "one listener serves all");
        let answer = ask(&uri, "GET /verify-auth?code=c&state=s").await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("No sign-in waits for this answer"), "{answer}");
        assert!(answer.contains("referrer-policy: no-referrer"), "{answer}");
    }

    #[tokio::test]
    async fn nothing_else_is_served() {
        let uri = Loopback::new(0, Handle::current()).listen(&SignIns::default()).unwrap();
        assert!(ask(&uri, "GET /").await.starts_with("HTTP/1.1 404 "));
        assert!(ask(&uri, "POST /verify-auth").await.starts_with("HTTP/1.1 405 "));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_told_with_what_to_do() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let loopback = Loopback::new(port, Handle::current());
        let (message, hint) = loopback.listen(&SignIns::default()).unwrap_err();
        assert!(message.contains(&port.to_string()) && hint.contains("--callback-port"));
    }

    #[test]
    fn a_page_shows_text_as_text() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
