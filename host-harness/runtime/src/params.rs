//! Parameters on their way to a guest. The host reads one of them, the one that picks the egress
//! profile, and never shows any.

use std::fmt;

use serde_json::Value;
use zeroize::Zeroizing;

use crate::egress::Policies;
use crate::error::RuntimeError;

/// Bytes of all parameters.
const LIMIT: usize = 1 << 20;

/// A JSON object of parameters; its text is wiped when it is dropped.
pub(crate) struct Params {
    text: Zeroizing<String>,
    object: Value,
}

impl Params {
    /// # Errors
    /// [`RuntimeError::InvalidParams`] if the text is not one JSON object.
    pub(crate) fn new(text: &str) -> Result<Self, RuntimeError> {
        let invalid = |reason: String| Err(RuntimeError::InvalidParams { reason });
        if text.len() > LIMIT {
            return invalid(format!("they are longer than {LIMIT} bytes"));
        }
        // Syntax errors of serde_json tell a position and what was expected, never what was there.
        match serde_json::from_str(text) {
            Ok(object @ Value::Object(_)) => {
                Ok(Self { text: Zeroizing::new(text.to_owned()), object })
            }
            Ok(_) => invalid("they are not a JSON object".to_owned()),
            Err(error) => invalid(format!(
                "they are not JSON at line {} column {}",
                error.line(),
                error.column()
            )),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Names and values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.object.as_object().into_iter().flatten()
    }

    /// The egress profile that these parameters pick: `None` if they leave it as it is,
    /// `Some(None)` if they reset it to the connector's first.
    pub(crate) fn profile(
        &self,
        policies: &Policies,
    ) -> Result<Option<Option<String>>, RuntimeError> {
        let Some(parameter) = policies.parameter() else { return Ok(None) };
        match self.object.get(parameter) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(Value::String(name)) => Ok(Some(Some(name.clone()))),
            Some(_) => {
                Err(RuntimeError::InvalidParams { reason: format!("`{parameter}` must be a text") })
            }
        }
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Params(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_about_parameters_never_quote_them() {
        for text in
            ["\"hunter2\"", "[\"hunter2\"]", "{\"a\": hunter2}", "hunter2", "{\"a\":\"hunter2\""]
        {
            let error = Params::new(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn one_parameter_picks_the_profile() {
        let policies = Policies::for_parameter("cloud");
        let profile = |text| Params::new(text).unwrap().profile(&policies);
        assert_eq!(profile(r#"{"other":"x"}"#).unwrap(), None);
        assert_eq!(profile(r#"{"cloud":null}"#).unwrap(), Some(None));
        assert_eq!(profile(r#"{"cloud":"x"}"#).unwrap(), Some(Some("x".to_owned())));
        let error = profile(r#"{"cloud":["hunter2"]}"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn parameters_are_not_shown_by_debug() {
        let params = Params::new(r#"{"password":"hunter2"}"#).unwrap();
        assert!(!format!("{params:?}").contains("hunter2"));
        assert_eq!(params.text(), r#"{"password":"hunter2"}"#);
    }
}
