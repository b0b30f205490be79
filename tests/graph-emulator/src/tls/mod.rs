//! The TLS side: a CA with certificates issued on demand, the listener, and CONNECT.

pub(crate) use ca::{CA_FILE, CertificateAuthority};
pub(crate) use listener::{acceptor, serve};

mod ca;
mod connect;
mod listener;
