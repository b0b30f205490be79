//! What went wrong on the way to a server, in the words of `wasi:http`.

use std::error::Error as StdError;
use std::io;

use rustls::Error as TlsError;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;

/// Why no connection was made, before TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectFailure {
    #[error("the name does not resolve")]
    NoAddress,
    #[error("the name resolves to addresses that are not public")]
    NotPublic,
    #[error("no address answered in time")]
    Timeout,
    #[error("connecting failed")]
    Io(#[source] io::Error),
}

/// What a guest is told about a request that got no response.
pub(super) fn of_request(error: &hyper_util::client::legacy::Error) -> Error {
    let connecting = error.is_connect();
    if let Some(failure) = find::<ConnectFailure>(error) {
        return of_connect(failure);
    }
    if let Some(failure) = find::<TlsError>(error) {
        return of_tls(failure);
    }
    if let Some(failure) = find::<hyper::Error>(error) {
        return of_hyper(failure);
    }
    if connecting { Error::DestinationUnavailable } else { Error::ConnectionTerminated }
}

/// What a guest is told about a body that broke off.
pub(super) fn of_body(error: &hyper::Error) -> Error {
    match find::<TlsError>(error) {
        Some(failure) => of_tls(failure),
        // A body that ends early is reported as one, whatever ended it.
        None if error.is_parse() => Error::HttpProtocolError,
        None => Error::HttpResponseIncomplete,
    }
}

fn of_connect(failure: &ConnectFailure) -> Error {
    match failure {
        ConnectFailure::NoAddress => {
            Error::DnsError { rcode: Some("NXDOMAIN".to_owned()), info_code: None }
        }
        ConnectFailure::NotPublic => Error::DestinationIpProhibited,
        ConnectFailure::Timeout => Error::ConnectionTimeout,
        ConnectFailure::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            io::ErrorKind::TimedOut => Error::ConnectionTimeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Error::DestinationIpUnroutable
            }
            _ => Error::DestinationUnavailable,
        },
    }
}

fn of_tls(failure: &TlsError) -> Error {
    match failure {
        TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented => {
            Error::TlsCertificateError
        }
        TlsError::AlertReceived(alert) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: alert.as_str().map(str::to_owned),
        },
        _ => Error::TlsProtocolError,
    }
}

fn of_hyper(failure: &hyper::Error) -> Error {
    if failure.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if failure.is_parse() {
        Error::HttpProtocolError
    } else if failure.is_timeout() {
        Error::ConnectionReadTimeout
    } else {
        Error::ConnectionTerminated
    }
}

/// The first error of a type in a chain, looking into `io::Error`, whose `source` skips over it.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref::<E>() {
        return Some(found);
    }
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match inner {
        Some(inner) => find(inner),
        None => find(error.source()?),
    }
}

/// The guest's view of an error that a body stream ended with.
pub(crate) fn error_code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::TlsProtocolError => ErrorCode::TlsProtocolError,
        Error::TlsCertificateError => ErrorCode::TlsCertificateError,
        _ => ErrorCode::InternalError(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_however_io_wraps_them() {
        let tls = TlsError::General("x".to_owned());
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert!(find::<TlsError>(&wrapped).is_some());
        assert!(find::<ConnectFailure>(&wrapped).is_none());
    }

    #[test]
    fn refused_and_timed_out_connections_are_told_apart() {
        let of = |kind: io::ErrorKind| of_connect(&ConnectFailure::Io(kind.into()));
        assert!(matches!(of(io::ErrorKind::ConnectionRefused), Error::ConnectionRefused));
        assert!(matches!(of(io::ErrorKind::TimedOut), Error::ConnectionTimeout));
        assert!(matches!(of_connect(&ConnectFailure::NotPublic), Error::DestinationIpProhibited));
    }
}
