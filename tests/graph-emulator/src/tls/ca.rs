//! The certificate authority: kept in the state directory, so that a client trusts it once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::hosts;
use crate::state::{StateDir, StateError};

/// The CA certificate's file in the state directory.
pub(crate) const CA_FILE: &str = "ca.pem";
const KEY_FILE: &str = "ca-key.pem";
/// Strict verifiers refuse certificates that are valid for longer than this.
const LEAF_DAYS: u64 = 397;
/// Patterns such as `*.sharepoint.com` have no end of names; the cache has.
const MAX_LEAVES: usize = 1_000;

/// Issues a certificate for every host name that the emulator serves.
pub(crate) struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// One key serves all names: a key each would only cost time.
    leaf_key: KeyPair,
    leaves: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl CertificateAuthority {
    /// Opens the CA of a state directory, or makes one.
    pub(crate) fn open(state: &StateDir) -> Result<Self, StateError> {
        let damaged = |error: rcgen::Error| state.damaged(KEY_FILE, error.to_string());
        let (key, is_new) = match state.text(KEY_FILE)? {
            Some(pem) => (KeyPair::from_pem(&pem).map_err(damaged)?, false),
            None => (KeyPair::generate().map_err(damaged)?, true),
        };
        let params = authority_params();
        let pem = match state.text(CA_FILE)? {
            Some(pem) if !is_new => pem,
            _ => {
                let pem = params.self_signed(&key).map_err(damaged)?.pem();
                state.write_text(KEY_FILE, &key.serialize_pem())?;
                state.write_text(CA_FILE, &pem)?;
                pem
            }
        };
        Ok(Self {
            issuer: Issuer::new(params, key),
            pem,
            leaf_key: KeyPair::generate().map_err(damaged)?,
            leaves: Mutex::default(),
        })
    }

    /// The CA certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for `name`, or `None` if the emulator does not serve that name.
    fn leaf(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        hosts::service(name)?;
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(name) {
            return Some(Arc::clone(leaf));
        }
        let leaf = Arc::new(self.issue(name)?);
        if leaves.len() >= MAX_LEAVES {
            leaves.clear();
        }
        leaves.insert(name.to_owned(), Arc::clone(&leaf));
        Some(leaf)
    }

    fn issue(&self, name: &str) -> Option<CertifiedKey> {
        let mut params = CertificateParams::new([name.to_owned()]).ok()?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        // Real time, not the emulator's clock: clients check certificates by their own.
        let today = DateTime::<Utc>::from(std::time::SystemTime::now()).date_naive();
        let first = today.checked_sub_days(Days::new(1))?;
        let last = first.checked_add_days(Days::new(LEAF_DAYS))?;
        let ymd = |date: NaiveDate| {
            rcgen::date_time_ymd(date.year(), date.month() as u8, date.day() as u8)
        };
        (params.not_before, params.not_after) = (ymd(first), ymd(last));
        let certificate = params.signed_by(&self.leaf_key, &self.issuer).ok()?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.leaf_key.serialize_der()));
        let key = rustls::crypto::ring::sign::any_ecdsa_type(&key).ok()?;
        Some(CertifiedKey::new(vec![certificate.der().clone()], key))
    }
}

/// The same on every start, so that certificates issued later chain to the CA of the first start.
fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::OrganizationName, "graph-emulator");
    params.distinguished_name.push(DnType::CommonName, "graph-emulator test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    params
}

impl ResolvesServerCert for CertificateAuthority {
    /// No certificate for a name that is not served, or for a client that names none: the handshake
    /// ends with a fatal alert.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.leaf(&hello.server_name()?.to_ascii_lowercase())
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority").finish_non_exhaustive()
    }
}
