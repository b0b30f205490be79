//! Where names live, when the operator says so: the way tests and demos reach an emulator without
//! the component knowing.

use std::net::SocketAddr;

use super::pattern::HostPattern;
use crate::error::RuntimeError;

/// Host names and suffix patterns with the addresses to connect to instead of asking DNS. TLS is
/// still checked against the name. The first match counts.
#[derive(Debug, Clone, Default)]
pub struct EndpointMap {
    entries: Vec<(HostPattern, SocketAddr)>,
}

impl EndpointMap {
    /// A map without entries: every name is resolved by DNS.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name (`graph.example.com`) or a pattern (`*.example.com`, any name under it).
    ///
    /// # Errors
    /// [`RuntimeError::InvalidRequest`] if it is neither.
    pub fn with(mut self, pattern: &str, address: SocketAddr) -> Result<Self, RuntimeError> {
        let pattern = pattern
            .parse()
            .map_err(|error| RuntimeError::InvalidRequest { reason: format!("{error}") })?;
        self.entries.push((pattern, address));
        Ok(self)
    }

    /// Whether any name is mapped; operators should be told when one is.
    pub fn active(&self) -> bool {
        !self.entries.is_empty()
    }

    /// The patterns and addresses, for people.
    pub fn entries(&self) -> impl Iterator<Item = (String, SocketAddr)> + '_ {
        self.entries.iter().map(|(pattern, address)| (pattern.to_string(), *address))
    }

    pub(crate) fn lookup(&self, host: &str) -> Option<SocketAddr> {
        self.entries.iter().find(|(pattern, _)| pattern.matches(host)).map(|(_, address)| *address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_mapped_name_gives_its_address_and_others_none() {
        let map = EndpointMap::new()
            .with("graph.example.com", address(1))
            .unwrap()
            .with("*.files.example.com", address(2))
            .unwrap();
        assert_eq!(map.lookup("graph.example.com"), Some(address(1)));
        assert_eq!(map.lookup("GRAPH.EXAMPLE.COM"), Some(address(1)));
        assert_eq!(map.lookup("a.b.files.example.com"), Some(address(2)));
        assert_eq!(map.lookup("files.example.com"), None);
        assert_eq!(map.lookup("example.com"), None);
    }

    #[test]
    fn the_first_match_counts() {
        let map = EndpointMap::new()
            .with("a.example.com", address(1))
            .unwrap()
            .with("*.example.com", address(2))
            .unwrap();
        assert_eq!(map.lookup("a.example.com"), Some(address(1)));
    }

    #[test]
    fn an_empty_map_is_not_active() {
        assert!(!EndpointMap::new().active());
        assert!(EndpointMap::new().with("*.example.com", address(1)).unwrap().active());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "*", "*.", "https://a.example.com", "a b", "*.*.example.com"] {
            assert!(EndpointMap::new().with(bad, address(1)).is_err(), "{bad}");
        }
    }
}
