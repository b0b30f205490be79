//! Names of tenants and databases, checked where they enter.

use std::fmt;

use crate::error::RuntimeError;

/// The host's customer: the boundary of keys, connections and client pools.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(String);

impl TenantId {
    /// A tenant's name: 1 to 128 letters, digits, `.`, `_`, `-` or `@`.
    ///
    /// # Errors
    /// [`RuntimeError::InvalidName`] for anything else.
    pub fn new(name: impl Into<String>) -> Result<Self, RuntimeError> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
        if (1..=128).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name))
        } else {
            Err(RuntimeError::InvalidName {
                what: "tenant",
                reason: "it must be 1 to 128 ASCII letters, digits, `.`, `_`, `-` or `@`",
            })
        }
    }

    /// Stands for all tenants; no tenant can have this name.
    pub(crate) fn all() -> Self {
        Self("*".to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The tenant of a host that has only one.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A database's name as written and as compared.
#[derive(Debug, Clone)]
pub(crate) struct DatabaseName {
    pub(crate) written: String,
    pub(crate) folded: String,
}

impl DatabaseName {
    pub(crate) fn new(name: &str) -> Result<Self, RuntimeError> {
        let invalid = |reason| Err(RuntimeError::InvalidName { what: "database", reason });
        if name.is_empty() || name.len() > 128 {
            return invalid("it must be 1 to 128 bytes long");
        }
        if name.chars().any(char::is_control) {
            return invalid("it must not hold control characters");
        }
        if name.trim() != name {
            return invalid("it must not begin or end with white space");
        }
        Ok(Self { written: name.to_owned(), folded: name.to_lowercase() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_name_is_short_and_plain() {
        assert_eq!(TenantId::new("acme-1@eu").unwrap().as_str(), "acme-1@eu");
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(129)] {
            assert!(TenantId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn database_names_compare_without_regard_to_case() {
        let name = DatabaseName::new("One_Drive").unwrap();
        assert_eq!((name.written.as_str(), name.folded.as_str()), ("One_Drive", "one_drive"));
        for bad in ["", " a", "a\n", &"x".repeat(129)] {
            assert!(DatabaseName::new(bad).is_err(), "{bad:?}");
        }
    }
}
