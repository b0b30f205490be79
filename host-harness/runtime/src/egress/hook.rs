//! The way of a guest's request out: checked by the policy, sent by the tenant's client, with the
//! time-outs that the guest asked for or the host's where those are shorter.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::time::{Instant, timeout_at};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::client::TenantClient;
use super::failure;
use super::policy::Policy;
use super::pump::PumpedBody;
use crate::limits::Limits;

/// What `wasi:http` hands back: the response, and a future for the request's body that the client
/// drives by itself.
type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// Sends the requests of one instance.
pub(crate) struct EgressHook {
    client: Arc<TenantClient>,
    policy: Arc<Policy>,
    timeouts: Timeouts,
    read_ahead: usize,
}

#[derive(Debug, Clone, Copy)]
struct Timeouts {
    connect: Duration,
    first_byte: Duration,
    between_bytes: Duration,
}

impl Timeouts {
    fn narrowed(self, options: Option<RequestOptions>) -> Self {
        let options = options.unwrap_or_default();
        let shorter = |host: Duration, guest: Option<Duration>| guest.map_or(host, |g| g.min(host));
        Self {
            connect: shorter(self.connect, options.connect_timeout),
            first_byte: shorter(self.first_byte, options.first_byte_timeout),
            between_bytes: shorter(self.between_bytes, options.between_bytes_timeout),
        }
    }
}

impl EgressHook {
    pub(crate) fn new(client: Arc<TenantClient>, policy: Arc<Policy>, limits: &Limits) -> Self {
        Self {
            client,
            policy,
            timeouts: Timeouts {
                connect: limits.connect_timeout,
                first_byte: limits.first_byte_timeout,
                between_bytes: limits.between_bytes_timeout,
            },
            read_ahead: limits.read_ahead,
        }
    }
}

impl WasiHttpHooks for EgressHook {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        if let Err(denial) = self.policy.check(request.method(), request.uri()) {
            // Path and query may carry a credential, so only the host is told.
            tracing::warn!(
                host = request.uri().host().unwrap_or_default(),
                method = %request.method(),
                %denial,
                "request denied"
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let timeouts = self.timeouts.narrowed(options);
        Box::new(send(Arc::clone(&self.client), request, timeouts, self.read_ahead))
    }
}

async fn send(
    client: Arc<TenantClient>,
    mut request: Request<WasiBody>,
    timeouts: Timeouts,
    read_ahead: usize,
) -> Sent {
    let connect_by = Instant::now() + timeouts.connect;
    let permit = timeout_at(connect_by, Arc::clone(&client.requests).acquire_owned())
        .await
        .map_err(|_| Error::ConnectionLimitReached)?
        .map_err(|_| Error::ConnectionLimitReached)?;

    let mut captured = capture_connection(&mut request);
    let mut response = pin!(client.http.request(request));
    let connected = async {
        captured.wait_for_connection_metadata().await;
    };
    let early = tokio::select! {
        biased;
        outcome = &mut response => Some(outcome),
        connected = timeout_at(connect_by, connected) => {
            connected.map_err(|_| Error::ConnectionTimeout)?;
            None
        }
    };
    let outcome = match early {
        Some(outcome) => outcome,
        None => timeout_at(Instant::now() + timeouts.first_byte, response)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?,
    };
    let response = outcome.map_err(|error| failure::of_request(&error))?;
    let body = |body| PumpedBody::new(body, read_ahead, timeouts.between_bytes, permit);
    Ok((response.map(|incoming| body(incoming).boxed_unsync()), Box::new(async { Ok(()) })))
}
