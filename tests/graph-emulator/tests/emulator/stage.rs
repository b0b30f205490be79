//! A stage for the tests: an emulator over a fresh drive, and a client that resolves every name to
//! it and trusts its CA.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use graph_emulator::{Config, Emulator, Profile, Ready, Running, Seed};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An emulator, its drive and its state.
pub(crate) struct Stage {
    pub(crate) emulator: Running,
    pub(crate) drive: TempDir,
    pub(crate) state: TempDir,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Stage {
    /// A drive with these files; a name that ends with `/` is a folder.
    pub(crate) async fn new(profile: Profile, files: &[(&str, &str)]) -> Self {
        let (drive, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (name, content) in files {
            write(drive.path(), name, content);
        }
        let emulator = start(profile, drive.path(), state.path()).await;
        Self { emulator, drive, state }
    }

    pub(crate) async fn business(files: &[(&str, &str)]) -> Self {
        Self::new(Profile::Business, files).await
    }

    pub(crate) async fn personal(files: &[(&str, &str)]) -> Self {
        Self::new(Profile::Personal, files).await
    }

    pub(crate) fn ready(&self) -> &Ready {
        self.emulator.ready()
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        write(self.drive.path(), name, content);
    }

    /// Stops the emulator and starts another on the same drive and state.
    pub(crate) async fn restart(self, profile: Profile) -> Self {
        let Self { emulator, drive, state } = self;
        emulator.stop().await.unwrap();
        let emulator = start(profile, drive.path(), state.path()).await;
        Self { emulator, drive, state }
    }

    /// Gets a path of Graph, below its version, with the account's token.
    pub(crate) async fn graph(&self, path: &str) -> Answer {
        self.graph_with(path, &[]).await
    }

    pub(crate) async fn graph_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {}", self.ready().access_token);
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        self.get(&format!("https://graph.microsoft.com/v1.0{path}"), &headers).await
    }

    /// Gets a URL with these headers and no others.
    pub(crate) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", url, headers, "").await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let host = url.strip_prefix("https://").unwrap().split(['/', '?']).next().unwrap();
        let stream = self.connect(host).await.unwrap();
        exchange(stream, request(method, url, host, headers, body)).await
    }

    /// Opens a TLS connection for a server name.
    pub(crate) async fn connect(&self, name: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.ready().listen).await?;
        self.shake_hands(stream, name).await
    }

    pub(crate) async fn shake_hands(
        &self,
        stream: TcpStream,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.emulator.ca_pem().as_bytes()).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    /// Asks the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let address = self.ready().control.to_string();
        let stream = TcpStream::connect(&address).await.unwrap();
        exchange(stream, request(method, path, &address, &[], body)).await
    }

    /// Sends a request to Graph with the account's token.
    pub(crate) async fn graph_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {}", self.token_for_writing().await);
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        self.send(method, &format!("https://graph.microsoft.com/v1.0{path}"), &headers, body).await
    }

    /// A token of the account that may write.
    pub(crate) async fn token_for_writing(&self) -> String {
        let user = match self.ready().drive_id.starts_with("b!") {
            true => "ann@contoso.com",
            false => "ann.example@outlook.com",
        };
        self.token_of(user, &["Files.ReadWrite.All", "User.ReadWrite"]).await
    }

    /// A token of somebody for the application, once these scopes are consented to.
    pub(crate) async fn token_of(&self, user: &str, scopes: &[&str]) -> String {
        let consent = serde_json::json!({ "user": user, "scopes": scopes }).to_string();
        assert_eq!(self.control("POST", "/consents", &consent).await.status, 200);
        let wanted = serde_json::json!({ "user": user }).to_string();
        let tokens = self.control("POST", "/tokens", &wanted).await.json();
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// Gets a path of Graph as somebody.
    pub(crate) async fn graph_as(&self, token: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let url = format!("https://graph.microsoft.com/v1.0{path}");
        self.get(&url, &[("authorization", &bearer)]).await
    }

    /// Gets a link that an answer gave, with the account's token.
    pub(crate) async fn follow(&self, link: &str) -> Answer {
        let path = link.strip_prefix("https://graph.microsoft.com/v1.0").unwrap();
        self.graph(path).await
    }

    /// Changes a drive by the control API.
    pub(crate) async fn edit(&self, drive: &str, steps: Value) -> Value {
        let answer =
            self.control("POST", &format!("/drives/{drive}/edit"), &steps.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["items"].clone()
    }

    /// Sets switches.
    pub(crate) async fn vary(&self, variants: Value) {
        let answer = self.control("POST", "/variants", &variants.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// All pages of a list, each as it came.
    pub(crate) async fn pages(&self, path: &str) -> Vec<Value> {
        let mut pages = vec![self.graph(path).await.json()];
        while let Some(next) = pages[pages.len() - 1]["@odata.nextLink"].as_str() {
            assert!(pages.len() < 1_000, "no end of pages");
            let next = next.to_owned();
            pages.push(self.follow(&next).await.json());
        }
        pages
    }

    /// Moves the clock forward.
    pub(crate) async fn advance(&self, by: Duration) {
        let body = format!("{{\"advance_ms\":{}}}", by.as_millis());
        assert_eq!(self.control("POST", "/clock", &body).await.status, 200);
    }

    /// The requests in the journal.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        let journal = self.control("GET", "/journal", "").await.json();
        journal["requests"].as_array().unwrap().clone()
    }

    /// The download URL of a file, as `/content` answers it.
    pub(crate) async fn download_url(&self, path: &str) -> String {
        let answer = self.graph(&format!("/me/drive/root:/{path}:/content")).await;
        assert_eq!(answer.status, 302);
        answer.header("location").to_owned()
    }

    /// Asks the token endpoint of an authority.
    pub(crate) async fn token(&self, authority: &str, fields: &[(&str, &str)]) -> Answer {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let url = format!("https://login.microsoftonline.com/{authority}/oauth2/v2.0/token");
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.send("POST", &url, &kind, &form).await
    }

    /// A refresh with the account's own token and changes: a field with an empty value is left out.
    pub(crate) async fn refresh(&self, authority: &str, changes: &[(&str, &str)]) -> Answer {
        let ready = self.ready();
        let mut fields = vec![
            ("client_id", ready.client_id.as_str()),
            ("client_secret", &ready.client_secret),
            ("grant_type", "refresh_token"),
            ("refresh_token", &ready.refresh_token),
        ];
        for &(name, value) in changes {
            fields.retain(|field| field.0 != name);
            fields.extend((!value.is_empty()).then_some((name, value)));
        }
        self.token(authority, &fields).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    /// The status, code and message of an error of Graph.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        (self.status, text("code"), text("message"))
    }
}

pub(crate) fn write(drive: &Path, name: &str, content: &str) {
    let path = drive.join(name);
    if name.ends_with('/') {
        return std::fs::create_dir_all(path).unwrap();
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Sets a file's modification time to 2026-01-06T09:30:00Z plus `seconds`.
pub(crate) fn touch(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_691_800 + seconds);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

pub(crate) fn config(profile: Profile, drive: &Path, state: &Path) -> Config {
    Config {
        seed: Seed::Folder(drive.to_owned()),
        random_seed: None,
        profile,
        listen: "127.0.0.1:0".parse().unwrap(),
        control: "127.0.0.1:0".parse().unwrap(),
        state: state.to_owned(),
        ready_file: None,
    }
}

async fn start(profile: Profile, drive: &Path, state: &Path) -> Running {
    Emulator::start(config(profile, drive, state)).await.unwrap()
}

fn request(
    method: &str,
    url: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let target = url.strip_prefix(&format!("https://{host}")).unwrap_or(url);
    let mut request = Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", host);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

/// Sends one request over a connection of its own.
pub(crate) async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    connection.abort();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}
