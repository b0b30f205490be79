//! Client assertions: signed tokens with which applications prove who they are. (7.3)

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;

use super::errors::Refusal;
use crate::cloud::Instance;
use crate::guid::Guid;
use crate::hosts;

/// How far the clocks of client and service may differ.
const SKEW_S: i64 = 300;

/// What an assertion has to say.
pub(super) struct Expected<'a> {
    pub(super) client_id: Guid,
    pub(super) now_s: i64,
    pub(super) is_audience: &'a dyn Fn(&str) -> bool,
}

/// Checks an assertion against the public keys of an application.
pub(super) fn check(token: &str, keys: &[String], expected: &Expected<'_>) -> Result<(), Refusal> {
    let assertion = Assertion::parse(token).ok_or_else(|| Refusal::new(50_027))?;
    if !assertion.is_signed_by_any(keys) {
        return Err(Refusal::new(700_027));
    }
    let text = |name: &str| assertion.claims[name].as_str().unwrap_or_default();
    // MSAL for Python writes times with fractions.
    let time = |name: &str| assertion.claims[name].as_f64().map(|seconds| seconds as i64);
    let client_id = expected.client_id.to_string();
    if !["iss", "sub"].iter().all(|name| text(name).eq_ignore_ascii_case(&client_id)) {
        return Err(Refusal::new(700_021));
    }
    if !(expected.is_audience)(text("aud")) {
        return Err(Refusal::new(700_023));
    }
    let over = time("exp").is_none_or(|end| end.saturating_add(SKEW_S) <= expected.now_s);
    let early = time("nbf").is_some_and(|start| start.saturating_sub(SKEW_S) > expected.now_s);
    if over || early {
        return Err(Refusal::new(700_024));
    }
    Ok(())
}

/// The authority whose token endpoint or issuer an audience is, on any of the login hosts of an
/// instance.
pub(super) fn authority_of(audience: &str) -> Option<(Instance, &str)> {
    let (host, path) = audience.strip_prefix("https://")?.split_once('/')?;
    let instance = Instance::of_login(&hosts::without_port(host))?;
    let (segment, rest) = path.split_once('/')?;
    ["oauth2/v2.0/token", "oauth2/token", "v2.0"].contains(&rest).then_some((instance, segment))
}

/// A token in its parts.
struct Assertion<'a> {
    algorithm: &'static dyn VerificationAlgorithm,
    elliptic: bool,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Assertion<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Value> {
            let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        let (algorithm, elliptic): (&'static dyn VerificationAlgorithm, _) =
            match object(header)?["alg"].as_str()? {
                "RS256" => (&RSA_PKCS1_2048_8192_SHA256, false),
                "PS256" => (&RSA_PSS_2048_8192_SHA256, false),
                "ES256" => (&ECDSA_P256_SHA256_FIXED, true),
                _ => return None,
            };
        let claims = object(claims)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { algorithm, elliptic, claims, signed, signature })
    }

    fn is_signed_by_any(&self, keys: &[String]) -> bool {
        keys.iter().any(|key| {
            let Some((elliptic, bits)) = STANDARD.decode(key).ok().and_then(|der| bits(&der))
            else {
                return false;
            };
            let key = UnparsedPublicKey::new(self.algorithm, bits);
            elliptic == self.elliptic && key.verify(self.signed.as_bytes(), &self.signature).is_ok()
        })
    }
}

/// Whether it is an elliptic key, and the key itself: of a SubjectPublicKeyInfo (RFC 5280, 4.1).
fn bits(der: &[u8]) -> Option<(bool, Vec<u8>)> {
    // The object identifier 1.2.840.10045.2.1, id-ecPublicKey.
    const ELLIPTIC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let (info, rest) = element(der, 0x30)?;
    let (algorithm, info) = element(info, 0x30)?;
    let (bits, info) = element(info, 0x03)?;
    // No bit of the last byte is unused.
    let (&0, bits) = bits.split_first()? else { return None };
    (rest.is_empty() && info.is_empty()).then(|| (algorithm.starts_with(ELLIPTIC), bits.to_vec()))
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = match first {
        0..=0x7f => (usize::from(first), der),
        0x81..=0x83 => {
            let (digits, der) = der.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), der)
        }
        _ => return None,
    };
    (found == tag).then(|| der.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    const CLIENT: Guid = Guid::from_u128(7);

    fn key() -> (EcdsaKeyPair, String) {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
        let head: Vec<u8> = (0..head.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&head[at..at + 2], 16).unwrap())
            .collect();
        let public = STANDARD.encode([&head, pair.public_key().as_ref()].concat());
        (pair, public)
    }

    fn token(pair: &EcdsaKeyPair, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "ES256" })), part(claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn checked(token: &str, key: &str) -> u32 {
        let expected = Expected {
            client_id: CLIENT,
            now_s: 1_000_000,
            is_audience: &|audience| audience == "here",
        };
        check(token, &[key.to_owned()], &expected).map_or_else(|refusal| refusal.code(), |()| 0)
    }

    /// Section 7.5: 700027, and the claims.
    #[test]
    fn an_assertion_has_to_be_signed_for_this_client_and_endpoint_and_still_be_valid() {
        let (pair, public) = key();
        let good = json!({ "iss": CLIENT, "sub": CLIENT, "aud": "here", "exp": 1_000_500 });
        assert_eq!(checked(&token(&pair, &good), &public), 0);
        assert_eq!(checked(&token(&key().0, &good), &public), 700_027);
        for (name, value, code) in [
            ("sub", json!("other"), 700_021),
            ("aud", json!("there"), 700_023),
            ("exp", json!(999_000), 700_024),
            ("exp", json!(null), 700_024),
            ("nbf", json!(1_000_900), 700_024),
        ] {
            let mut claims = good.clone();
            claims[name] = value;
            assert_eq!(checked(&token(&pair, &claims), &public), code, "{name}");
        }
        let fraction = json!({ "iss": CLIENT, "sub": CLIENT, "aud": "here", "exp": 1_000_500.25 });
        assert_eq!(checked(&token(&pair, &fraction), &public), 0);
        assert_eq!(checked("a.b.c", &public), 50_027);
    }

    #[test]
    fn an_audience_is_a_token_endpoint_or_an_issuer_of_a_login_host() {
        let of = |path: &str| format!("https://login.microsoftonline.com/{path}");
        let contoso = Some((Instance::Global, "contoso.com"));
        assert_eq!(authority_of(&of("contoso.com/oauth2/v2.0/token")), contoso);
        assert_eq!(authority_of(&of("contoso.com/v2.0")), contoso);
        let us = "https://login.microsoftonline.us/contoso.us/v2.0";
        assert_eq!(authority_of(us), Some((Instance::UsGov, "contoso.us")));
        assert_eq!(authority_of(&of("contoso.com")), None);
        assert_eq!(authority_of("https://graph.microsoft.com/contoso.com/v2.0"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_an_assertion_or_refused(text in ".*") {
            prop_assert_eq!(checked(&text, &text), 50_027);
        }

        #[test]
        fn any_bytes_are_a_key_or_none(bytes: Vec<u8>) {
            let _ = bits(&bytes);
        }
    }
}
