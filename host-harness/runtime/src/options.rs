//! What an operator decides before anything runs: the runtime's options, approvals, and how a
//! database is created.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::egress::EndpointMap;
use crate::limits::Limits;

/// How a [`Runtime`](crate::Runtime) is set up.
pub struct RuntimeOptions {
    pub(crate) state_dir: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) endpoint_map: EndpointMap,
    pub(crate) extra_ca: Vec<Vec<u8>>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl RuntimeOptions {
    /// Options with defaults for everything but the state directory, which is created if need be
    /// and may be shared by several processes of one machine.
    pub fn new(state_dir: PathBuf) -> Self {
        Self {
            state_dir,
            limits: Limits::default(),
            endpoint_map: EndpointMap::new(),
            extra_ca: Vec::new(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Sets what guests may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets where names live, beside DNS.
    pub fn endpoint_map(mut self, map: EndpointMap) -> Self {
        self.endpoint_map = map;
        self
    }

    /// Trusts the certificate authorities of a PEM file beside the public ones.
    pub fn trust_ca(mut self, pem: &[u8]) -> Self {
        self.extra_ca.push(pem.to_vec());
        self
    }

    /// Sets the clock that guests see.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// What the operator approved of a component. Without a profile it may reach nothing.
#[derive(Debug, Clone, Default)]
pub struct Approval {
    pub(crate) profiles: Vec<String>,
    pub(crate) sha256: Option<[u8; 32]>,
}

impl Approval {
    /// Approves no egress.
    pub fn none() -> Self {
        Self::default()
    }

    /// Approves one of the egress profiles that the connector declares.
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profiles.push(name.into());
        self
    }

    /// Accepts only the component with this hash.
    pub fn pin_sha256(mut self, sha256: [u8; 32]) -> Self {
        self.sha256 = Some(sha256);
        self
    }
}

/// What to do about a database of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreateMode {
    /// It is an error.
    New,
    /// Keep it and do nothing.
    IfNotExists,
    /// Put the new one in its place once it has connected; else keep the old one.
    Replace,
}
