//! Authenticated encryption of what the store keeps: AES-256-GCM under keys that are derived or
//! drawn, with everything that identifies a value as associated data.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, Zeroizing};

use crate::error::StoreError;

/// Bytes of every key.
pub(super) const KEY_LEN: usize = 32;

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system's random source does not fail once it is up");
    bytes
}

/// A key of 256 bits; its bytes are wiped when it is dropped.
pub(super) struct SecretKey([u8; KEY_LEN]);

impl SecretKey {
    pub(super) fn new(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    pub(super) fn draw() -> Self {
        Self(random())
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key for one purpose: HKDF-SHA-256 (RFC 5869) over this key and a salt.
    pub(super) fn derive(&self, salt: &[u8], purpose: &Context) -> Self {
        struct Length;
        impl hkdf::KeyType for Length {
            fn len(&self) -> usize {
                KEY_LEN
            }
        }
        let mut derived = [0; KEY_LEN];
        hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
            .extract(&self.0)
            .expand(&[purpose.as_bytes()], Length)
            .and_then(|okm| okm.fill(&mut derived))
            .expect("32 bytes are within what HKDF-SHA-256 yields");
        Self(derived)
    }

    pub(super) fn sealer(&self) -> Sealer {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).expect("the key has 32 bytes");
        Sealer(LessSafeKey::new(key))
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Seals and opens under one key. Nonces are random, so one key must not seal more than 2^32
/// values (NIST SP 800-38D, 8.3); every bucket has its own.
pub(super) struct Sealer(LessSafeKey);

impl Sealer {
    /// Nonce, ciphertext and tag in one.
    pub(super) fn seal(&self, context: &Context, plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random();
        let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed[NONCE_LEN..],
            )
            .expect("values are far shorter than what AES-GCM can seal");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    /// The plain bytes, or [`StoreError::Damaged`] if bytes, key or context are not those sealed.
    pub(super) fn open(
        &self,
        context: &Context,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(StoreError::Damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StoreError::Damaged)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context.as_bytes()), &mut plain)
            .map_err(|_| StoreError::Damaged)?
            .len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// What a sealed value is: a domain tag and parts, each with its length, so that no two different
/// lists of parts have the same bytes.
pub(super) struct Context(Vec<u8>);

impl Context {
    pub(super) fn new(domain: &'static str) -> Self {
        Self(Vec::new()).part(domain.as_bytes())
    }

    pub(super) fn part(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(parts: &[&str]) -> Context {
        parts.iter().fold(Context::new("test"), |context, part| context.part(part.as_bytes()))
    }

    #[test]
    fn what_was_sealed_opens_under_the_same_key_and_context_only() {
        let sealer = SecretKey::new([1; 32]).sealer();
        let sealed = sealer.seal(&context(&["a", "b"]), b"secret");
        assert_eq!(*sealer.open(&context(&["a", "b"]), &sealed).unwrap(), b"secret");
        assert!(sealer.open(&context(&["a", "c"]), &sealed).is_err());
        assert!(sealer.open(&context(&["ab"]), &sealed).is_err());
        assert!(SecretKey::new([2; 32]).sealer().open(&context(&["a", "b"]), &sealed).is_err());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let sealer = SecretKey::new([1; 32]).sealer();
        let sealed = sealer.seal(&context(&[]), b"secret");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.open(&context(&[]), &changed).is_err(), "byte {at}");
            assert!(sealer.open(&context(&[]), &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_value_never_looks_the_same() {
        let sealer = SecretKey::new([1; 32]).sealer();
        assert_ne!(sealer.seal(&context(&[]), b"x"), sealer.seal(&context(&[]), b"x"));
    }

    #[test]
    fn derived_keys_differ_by_salt_and_purpose() {
        let master = SecretKey::new([1; 32]);
        let key = |salt: &[u8], tenant: &str| {
            master.derive(salt, &context(&[tenant])).as_bytes().to_vec()
        };
        assert_eq!(key(b"s", "a"), key(b"s", "a"));
        assert_ne!(key(b"s", "a"), key(b"s", "b"));
        assert_ne!(key(b"s", "a"), key(b"t", "a"));
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        assert_ne!(context(&["ab", "c"]).as_bytes(), context(&["a", "bc"]).as_bytes());
    }
}
