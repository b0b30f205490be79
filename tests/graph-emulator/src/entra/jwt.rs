//! Signed tokens (JWS, RS256) and the key that clients check them with. (7.6)

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{self, CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::Instance;
use crate::random::Random;

/// What the key and its identifier are derived for.
const KEY: &str = "signing key";
const KEY_ID: &str = "signing key identifier";
const BITS: usize = 2_048;

/// A private key as it is kept: PKCS#8 in base64, or nothing if none was needed yet. No `Debug`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SigningKey(Option<String>);

/// Signs tokens. Its key is made when it is first needed, since making one takes long.
pub(crate) struct Signer(OnceLock<Made>);

struct Made {
    pair: RsaKeyPair,
    kept: SigningKey,
}

impl Signer {
    /// `None` if the kept key is damaged.
    pub(crate) fn new(key: &SigningKey) -> Option<Self> {
        let made = OnceLock::new();
        if let Some(encoded) = &key.0 {
            let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(encoded).ok()?).ok()?;
            made.set(Made { pair, kept: key.clone() }).ok()?;
        }
        Some(Self(made))
    }

    /// The key as it has to be kept.
    pub(crate) fn key(&self) -> SigningKey {
        self.0.get().map(|made| made.kept.clone()).unwrap_or_default()
    }

    pub(super) fn has_key(&self) -> bool {
        self.0.get().is_some()
    }

    /// An access token: its header is of a kind that only Graph itself can check, so its signature
    /// is no signature. (7.6)
    pub(super) fn access_token(&self, claims: &Value, random: &Random) -> String {
        let key_id = key_id(random);
        let nonce = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
        let header = format!(
            r#"{{"typ":"JWT","nonce":"{nonce}","alg":"RS256","x5t":"{key_id}","kid":"{key_id}"}}"#
        );
        let signature = random.bytes::<{ BITS / 8 }>();
        format!("{}.{}", unsigned(&header, claims), URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token that verifies with the published key; `None` if no key can be made. Blocks.
    pub(super) fn sign(&self, claims: &Value, random: &Random) -> Option<String> {
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{}"}}"#, key_id(random));
        let signed = unsigned(&header, claims);
        let pair = &self.made(random)?.pair;
        let mut signature = vec![0; pair.public().modulus_len()];
        let bytes = signed.as_bytes();
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), bytes, &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The public key as a JSON Web Key (RFC 7517); `None` if no key can be made. Blocks.
    pub(super) fn public_key(
        &self,
        random: &Random,
        instance: Instance,
        issuer: &str,
    ) -> Option<Value> {
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(self.made(random)?.pair.public());
        let key_id = key_id(random);
        Some(json!({
            "kty": "RSA",
            "use": "sig",
            "kid": key_id,
            "x5t": key_id,
            "n": URL_SAFE_NO_PAD.encode(public.n),
            "e": URL_SAFE_NO_PAD.encode(public.e),
            "cloud_instance_name": instance.name(),
            "issuer": issuer,
        }))
    }

    fn made(&self, random: &Random) -> Option<&Made> {
        if self.0.get().is_none() {
            // Two that come at once derive the same key: whichever is kept will do.
            let _ = self.0.set(make(random)?);
        }
        self.0.get()
    }
}

/// The key that follows from the emulator's own: with one seed the same in every run.
fn make(random: &Random) -> Option<Made> {
    let mut drawn = Drawn(Random::new(Some(&STANDARD.encode(random.key_for(KEY)))));
    let key = RsaPrivateKey::new(&mut drawn, BITS).ok()?;
    let pkcs8 = key.to_pkcs8_der().ok()?;
    let pair = RsaKeyPair::from_pkcs8(pkcs8.as_bytes()).ok()?;
    Some(Made { pair, kept: SigningKey(Some(STANDARD.encode(pkcs8.as_bytes()))) })
}

/// 20 bytes, as of a SHA-1 thumbprint; known before the key is, because access tokens name it too.
fn key_id(random: &Random) -> String {
    URL_SAFE_NO_PAD.encode(&random.key_for(KEY_ID)[..20])
}

fn unsigned(header: &str, claims: &Value) -> String {
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header))
}

/// A source of bytes in the form that the maker of keys takes.
struct Drawn(Random);

impl RngCore for Drawn {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(self.0.bytes())
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(self.0.bytes())
    }

    fn fill_bytes(&mut self, to: &mut [u8]) {
        for block in to.chunks_mut(32) {
            block.copy_from_slice(&self.0.bytes::<32>()[..block.len()]);
        }
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(to);
        Ok(())
    }
}

impl CryptoRng for Drawn {}

#[cfg(test)]
mod tests {
    use ring::signature::RSA_PKCS1_2048_8192_SHA256;

    use super::*;

    /// Section 7.6.
    #[test]
    fn a_signed_token_verifies_with_the_published_key_also_after_a_restart() {
        let random = Random::new(Some("1"));
        let first = Signer::new(&SigningKey::default()).unwrap();
        assert!(!first.has_key());
        let token = first.sign(&json!({ "sub": "ann" }), &random).unwrap();
        let again = Signer::new(&first.key()).unwrap();
        let key = again.public_key(&random, Instance::Global, "").unwrap();
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        RsaPublicKeyComponents { n: number("n"), e: number("e") }
            .verify(
                &RSA_PKCS1_2048_8192_SHA256,
                signed.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
    }

    /// Section 7.6: signatures of access tokens cannot be checked by others.
    #[test]
    fn an_access_token_needs_no_key() {
        let signer = Signer::new(&SigningKey::default()).unwrap();
        let token = signer.access_token(&json!({}), &Random::new(Some("1")));
        assert!(token.starts_with("eyJ") && token.split('.').count() == 3);
        assert!(!signer.has_key());
    }

    #[test]
    fn a_damaged_key_is_told() {
        assert!(Signer::new(&SigningKey(Some("AAAA".to_owned()))).is_none());
    }
}
