//! Proof keys: that who redeems a code is who asked for it (RFC 7636). (7.2)

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

use super::errors::Refusal;
use super::form::Form;

/// What a code is bound to. No `Debug`: a plain challenge is the verifier.
#[derive(Clone)]
pub(super) enum Challenge {
    Plain(String),
    Sha256(String),
}

impl Challenge {
    /// Reads the challenge of an authorization request; a missing method means plain.
    pub(super) fn parse(form: &Form) -> Result<Option<Self>, Refusal> {
        let method = form.get("code_challenge_method");
        let Some(challenge) = form.get("code_challenge") else {
            return if method.is_some() { Err(Refusal::new(50_147)) } else { Ok(None) };
        };
        if !is_verifier(challenge) {
            return Err(Refusal::new(501_491));
        }
        match method {
            None | Some("plain") => Ok(Some(Self::Plain(challenge.to_owned()))),
            Some("S256") => Ok(Some(Self::Sha256(challenge.to_owned()))),
            Some(other) => Err(Refusal::new(50_149).about(other)),
        }
    }

    /// Checks the verifier of a token request against the challenge of its code.
    pub(super) fn check(challenge: Option<&Self>, verifier: Option<&str>) -> Result<(), Refusal> {
        let matches = match (challenge, verifier) {
            (None, None) => return Ok(()),
            (Some(_), None) | (None, Some(_)) => return Err(Refusal::new(50_148)),
            (Some(Self::Plain(challenge)), Some(verifier)) => challenge == verifier,
            (Some(Self::Sha256(challenge)), Some(verifier)) => {
                let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
                *challenge == URL_SAFE_NO_PAD.encode(digest) && is_verifier(verifier)
            }
        };
        if matches { Ok(()) } else { Err(Refusal::new(501_481)) }
    }
}

fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(challenge: &str, method: &str) -> Result<Option<Challenge>, u32> {
        let text = form_urlencoded::Serializer::new(String::new())
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", method)
            .finish();
        let mut form = Form::default();
        form.read(text.as_bytes()).unwrap();
        Challenge::parse(&form).map_err(|refusal| refusal.code())
    }

    fn check(challenge: &Challenge, verifier: &str) -> u32 {
        let checked = Challenge::check(Some(challenge), Some(verifier));
        checked.map_or_else(|refusal| refusal.code(), |()| 0)
    }

    /// RFC 7636, appendix B.
    #[test]
    fn the_verifier_of_the_standards_example_matches_its_challenge() {
        let challenge = parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256");
        let challenge = challenge.ok().flatten().unwrap();
        assert_eq!(check(&challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), 0);
        assert_eq!(check(&challenge, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"), 501_481);
    }

    /// Section 7.2.
    #[test]
    fn a_challenge_has_43_to_128_characters_and_one_of_two_methods() {
        let good = "x".repeat(43);
        assert!(matches!(parse(&good, ""), Ok(Some(Challenge::Plain(_)))));
        assert!(matches!(parse(&good, "S256"), Ok(Some(Challenge::Sha256(_)))));
        assert_eq!(parse(&good, "s256").err(), Some(50_149));
        assert_eq!(parse(&"x".repeat(42), "S256").err(), Some(501_491));
        assert_eq!(parse(&"x".repeat(129), "S256").err(), Some(501_491));
        assert_eq!(parse("", "S256").err(), Some(50_147));
    }

    /// Section 7.5: 50148.
    #[test]
    fn a_verifier_comes_if_and_only_if_there_was_a_challenge() {
        let challenge = Challenge::Plain("x".repeat(43));
        for (challenge, verifier) in [(Some(&challenge), None), (None, Some("x"))] {
            assert_eq!(Challenge::check(challenge, verifier).unwrap_err().code(), 50_148);
        }
        assert!(Challenge::check(None, None).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_a_challenge_or_refused(challenge in ".*", method in ".*") {
            let _ = parse(&challenge, &method);
        }
    }
}
