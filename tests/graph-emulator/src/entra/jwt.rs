//! Signed tokens (JWS, ES256) and the key that clients can check them with.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A private key as it is kept: PKCS#8 in base64. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SigningKey(String);

impl SigningKey {
    pub(crate) fn random() -> Self {
        let key =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .expect("every supported system has a random source");
        Self(STANDARD.encode(key))
    }
}

/// Signs tokens.
pub(crate) struct Signer {
    key: EcdsaKeyPair,
    key_id: String,
}

impl Signer {
    /// `None` if the kept key is damaged.
    pub(crate) fn new(key: &SigningKey) -> Option<Self> {
        let pkcs8 = STANDARD.decode(&key.0).ok()?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, &SystemRandom::new()).ok()?;
        let fingerprint = digest::digest(&digest::SHA256, key.public_key().as_ref());
        Some(Self { key_id: URL_SAFE_NO_PAD.encode(&fingerprint.as_ref()[..20]), key })
    }

    /// A token with these claims.
    pub(super) fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": self.key_id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .expect("every supported system has a random source");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key as a JSON Web Key (RFC 7517).
    pub(super) fn public_key(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.key_id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}
