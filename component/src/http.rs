//! The port `Http` over `wasi:http`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use onedrive_core::ports::{Body, Http, LocalFuture, Request, Response, Timeouts, TransportError};

use crate::bindings::wasi::http::outgoing_handler::handle;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method as WasiMethod, OutgoingBody,
    OutgoingRequest, RequestOptions, Scheme, http_error_code,
};
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::reactor::ready;

/// One read of a body; the host gives what it has, up to this.
const READ: u64 = 1 << 20;

pub(crate) struct WasiHttp;

impl Http for WasiHttp {
    fn send(&self, request: Request) -> LocalFuture<'_, Result<Response, TransportError>> {
        Box::pin(send(request))
    }
}

async fn send(request: Request) -> Result<Response, TransportError> {
    let outgoing = outgoing(&request)?;
    let body = outgoing.body().map_err(|()| invalid("the body was taken twice"))?;
    let answer = handle(outgoing, Some(options(&request.timeouts))).map_err(transport_error)?;
    // Where the request was refused, the answer tells why and the body cannot.
    let written = write_body(body, &request.body).await;
    ready(answer.subscribe()).await;
    let response = answer
        .get()
        .ok_or_else(|| invalid("the host said ready and had no answer"))?
        .map_err(|()| invalid("the answer was taken twice"))?
        .map_err(transport_error)?;
    written?;
    incoming(response)
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, TransportError> {
    let entries: Vec<(String, Vec<u8>)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    let headers = Fields::from_list(&entries).map_err(|_| invalid("a header was refused"))?;
    let outgoing = OutgoingRequest::new(headers);
    let method = match request.method {
        Method::GET => WasiMethod::Get,
        Method::POST => WasiMethod::Post,
        ref other => WasiMethod::Other(other.to_string()),
    };
    outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&Scheme::Https)))
        .and_then(|()| outgoing.set_authority(Some(request.url.host())))
        .and_then(|()| outgoing.set_path_with_query(Some(request.url.path_and_query())))
        .map_err(|()| invalid("the request line was refused"))?;
    Ok(outgoing)
}

fn options(timeouts: &Timeouts) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = |d: std::time::Duration| u64::try_from(d.as_nanos()).ok();
    // A host that does not take a limit keeps its own.
    let _ = options.set_connect_timeout(nanos(timeouts.connect));
    let _ = options.set_first_byte_timeout(nanos(timeouts.first_byte));
    let _ = options.set_between_bytes_timeout(nanos(timeouts.between_bytes));
    options
}

async fn write_body(body: OutgoingBody, bytes: &[u8]) -> Result<(), TransportError> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| invalid("the body's stream was taken twice"))?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let allowed = usize::try_from(stream.check_write().map_err(stream_error)?).unwrap_or(0);
            if allowed == 0 {
                ready(stream.subscribe()).await;
                continue;
            }
            let (now, later) = rest.split_at(rest.len().min(allowed));
            stream.write(now).map_err(stream_error)?;
            rest = later;
        }
        stream.flush().map_err(stream_error)?;
        ready(stream.subscribe()).await;
    }
    OutgoingBody::finish(body, None).map_err(transport_error)
}

fn incoming(response: IncomingResponse) -> Result<Response, TransportError> {
    let status = StatusCode::from_u16(response.status())
        .map_err(|_| TransportError::Connection("the status is no number".to_owned()))?;
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers().entries() {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value))
        {
            headers.append(name, value);
        }
    }
    let body = response.consume().map_err(|()| invalid("the body was taken twice"))?;
    let stream = body.stream().map_err(|()| invalid("the body's stream was taken twice"))?;
    Ok(Response { status, headers, body: Box::new(WasiBody { stream, _body: body }) })
}

/// The stream stands first, since it has to be dropped before the body.
struct WasiBody {
    stream: InputStream,
    _body: IncomingBody,
}

impl Body for WasiBody {
    fn chunk(&mut self) -> LocalFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async {
            loop {
                match self.stream.read(READ) {
                    Ok(bytes) if bytes.is_empty() => ready(self.stream.subscribe()).await,
                    Ok(bytes) => return Ok(Some(Bytes::from(bytes))),
                    Err(StreamError::Closed) => return Ok(None),
                    Err(error) => return Err(stream_error(error)),
                }
            }
        })
    }
}

fn invalid(why: &str) -> TransportError {
    TransportError::Invalid(why.to_owned())
}

fn stream_error(error: StreamError) -> TransportError {
    match error {
        StreamError::Closed => TransportError::Connection("the connection was closed".to_owned()),
        StreamError::LastOperationFailed(error) => match http_error_code(&error) {
            Some(code) => transport_error(code),
            None => TransportError::Connection("the connection broke".to_owned()),
        },
    }
}

fn transport_error(code: ErrorCode) -> TransportError {
    let broke = |why: &str| TransportError::Connection(why.to_owned());
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => TransportError::Denied,
        ErrorCode::DnsError(_) | ErrorCode::DnsTimeout | ErrorCode::DestinationNotFound => {
            TransportError::NameNotFound
        }
        ErrorCode::TlsCertificateError => TransportError::Certificate,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => TransportError::TimedOut,
        ErrorCode::ConnectionRefused => broke("the connection was refused"),
        ErrorCode::HttpResponseIncomplete => broke("the answer was cut short"),
        ErrorCode::ConnectionTerminated => broke("the connection broke"),
        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestBodySize(_) => invalid("the host refused its form"),
        _ => broke("the connection failed"),
    }
}
