//! The parameters of a connection: what there are, parsing, merging.

use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cloud::{CLOUDS, Cloud};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::ports::TimestampMs;
use crate::secret::Secret;

/// The type of a parameter's value, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// Text.
    Text,
    /// Integer.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Unix seconds or a written time.
    Timestamp,
    /// Array, or text separated by commas or spaces.
    TextList,
}

/// What `describe` tells about a parameter.
#[derive(Debug)]
pub struct ParameterDoc {
    /// Its key.
    pub name: &'static str,
    /// Its type.
    pub value_type: ValueType,
    /// Whether it must never be shown.
    pub secret: bool,
    /// In force when absent.
    pub default: Option<&'static str>,
    /// What it is for.
    pub doc: &'static str,
}

const fn doc(
    name: &'static str,
    value_type: ValueType,
    secret: bool,
    default: Option<&'static str>,
    doc: &'static str,
) -> ParameterDoc {
    ParameterDoc { name, value_type, secret, default, doc }
}

/// All parameters.
pub const PARAMETERS: [ParameterDoc; 10] = [
    doc(
        "access_token",
        ValueType::Text,
        true,
        None,
        "Access token for Microsoft Graph. Without one, the refresh token gets it.",
    ),
    doc(
        "refresh_token",
        ValueType::Text,
        true,
        None,
        "Refresh token. Without one, the connection ends when the access token does.",
    ),
    doc(
        "expires_at",
        ValueType::Timestamp,
        false,
        None,
        "When the access token expires: Unix seconds, or a written time with its offset. Default: \
         what the token says, else one hour from now.",
    ),
    doc(
        "tenant_id",
        ValueType::Text,
        false,
        None,
        "The directory that signs in: its GUID, a domain of it, or common, organizations, \
         consumers.",
    ),
    doc("account_id", ValueType::Text, false, None, "Your own name for the account, for tracking."),
    doc("client_id", ValueType::Text, false, None, "The application's id; needed to refresh."),
    doc(
        "client_secret",
        ValueType::Text,
        true,
        None,
        "The application's secret; needed to refresh, except for a public client.",
    ),
    doc(
        "authority",
        ValueType::Text,
        false,
        Some("common"),
        "Stands in for tenant_id where that is absent.",
    ),
    doc(
        "scopes",
        ValueType::TextList,
        false,
        Some(".default"),
        "Scopes to ask for when refreshing, separated by commas or spaces.",
    ),
    doc("cloud", ValueType::Text, false, Some("global"), "The Microsoft cloud of the account."),
];

/// What stays of the parameters once the tokens are taken out of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// `tenant_id`.
    pub tenant_id: Option<String>,
    /// `authority`.
    pub authority: Option<String>,
    /// `account_id`.
    pub account_id: Option<String>,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `client_secret`.
    pub client_secret: Option<Secret>,
    /// `scopes`, split.
    pub scopes: Option<Vec<String>>,
    /// `cloud`.
    pub cloud: Option<String>,
}

impl Settings {
    /// Whether the settings are complete.
    pub(crate) fn check(&self) -> Result<()> {
        if self.tenant_id.is_none() && self.authority.is_none() {
            return Err(invalid("The parameter `tenant_id` is missing.")
                .hint("Give the directory's id, or `common` for any account."));
        }
        Ok(())
    }

    /// The directory segment of the login URLs.
    #[must_use]
    pub(crate) fn directory(&self) -> &str {
        self.tenant_id.as_deref().or(self.authority.as_deref()).unwrap_or("common")
    }

    /// Whether a refresh would go elsewhere or show another application.
    pub(crate) fn signs_in_differently(&self, before: &Self) -> bool {
        (self.directory(), self.cloud(), &self.client_id, &self.client_secret)
            != (before.directory(), before.cloud(), &before.client_id, &before.client_secret)
    }

    /// The cloud.
    #[must_use]
    pub(crate) fn cloud(&self) -> &'static Cloud {
        self.cloud.as_deref().and_then(Cloud::by_name).unwrap_or(Cloud::global())
    }

    /// The `scope` of a refresh: what was asked for, fully written, with
    /// `offline_access`, without which no refresh token comes back.
    #[must_use]
    pub(crate) fn refresh_scope(&self) -> String {
        let host = self.cloud().graph_host;
        let mut scopes: Vec<String> =
            match self.scopes.as_deref() {
                None | Some([]) => vec![format!("https://{host}/.default")],
                Some(given) => given
                    .iter()
                    .map(|s| {
                        if s == ".default" { format!("https://{host}/.default") } else { s.clone() }
                    })
                    .collect(),
            };
        if !scopes.iter().any(|s| s.eq_ignore_ascii_case("offline_access")) {
            scopes.push("offline_access".to_owned());
        }
        scopes.join(" ")
    }
}

/// A change of one value: absent keys leave what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Change<T> {
    /// The key was not given.
    #[default]
    Keep,
    /// The key was null.
    Remove,
    /// The key had a value.
    Set(T),
}

impl<T> Change<T> {
    fn apply(self, slot: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Remove => *slot = None,
            Self::Set(value) => *slot = Some(value),
        }
    }
}

/// A parsed JSON object of parameters.
#[derive(Debug, Default)]
pub(crate) struct ParamChanges {
    /// `access_token`.
    pub access_token: Change<Secret>,
    /// `refresh_token`.
    pub refresh_token: Change<Secret>,
    /// `expires_at`.
    pub expires_at: Change<TimestampMs>,
    tenant_id: Change<String>,
    authority: Change<String>,
    account_id: Change<String>,
    client_id: Change<String>,
    client_secret: Change<Secret>,
    scopes: Change<Vec<String>>,
    cloud: Change<String>,
}

impl ParamChanges {
    /// Parses a JSON object. Values never appear in an error.
    pub(crate) fn parse(json: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(json).map_err(|error| {
            invalid(format!(
                "The parameters are not valid JSON (line {}, column {}).",
                error.line(),
                error.column()
            ))
        })?;
        let Value::Object(object) = value else {
            return Err(invalid("The parameters have to be a JSON object.")
                .hint("Write PARAMETERS = {\"access_token\": \"…\", …}."));
        };
        Self::from_object(object)
    }

    fn from_object(object: Map<String, Value>) -> Result<Self> {
        let mut changes = Self::default();
        for (key, value) in object {
            match key.as_str() {
                "access_token" => changes.access_token = secret(&key, value)?,
                "refresh_token" => changes.refresh_token = secret(&key, value)?,
                "client_secret" => changes.client_secret = secret(&key, value)?,
                "expires_at" => changes.expires_at = set(value, |v| expires_at(&v))?,
                "tenant_id" => changes.tenant_id = set(value, |v| directory("tenant_id", v))?,
                "authority" => changes.authority = set(value, |v| directory("authority", v))?,
                "account_id" => changes.account_id = set(value, |v| text("account_id", v))?,
                "client_id" => changes.client_id = set(value, client_id)?,
                "scopes" => changes.scopes = set(value, scopes)?,
                "cloud" => changes.cloud = set(value, cloud)?,
                _ => return Err(unknown(&key)),
            }
        }
        Ok(changes)
    }

    /// Applies what is not a token.
    pub(crate) fn apply_settings(&mut self, settings: &mut Settings) {
        std::mem::take(&mut self.tenant_id).apply(&mut settings.tenant_id);
        std::mem::take(&mut self.authority).apply(&mut settings.authority);
        std::mem::take(&mut self.account_id).apply(&mut settings.account_id);
        std::mem::take(&mut self.client_id).apply(&mut settings.client_id);
        std::mem::take(&mut self.client_secret).apply(&mut settings.client_secret);
        std::mem::take(&mut self.scopes).apply(&mut settings.scopes);
        std::mem::take(&mut self.cloud).apply(&mut settings.cloud);
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidParams, message)
}

fn unknown(key: &str) -> Error {
    let shown: String = key.chars().take(60).collect();
    let error = invalid(format!("There is no parameter `{shown}`."));
    let known = PARAMETERS.iter().map(|p| p.name);
    match nearest(key, known.clone()) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")).candidates([near.to_owned()]),
        None => error
            .hint(format!("Known parameters: {}.", known.clone().collect::<Vec<_>>().join(", ")))
            .candidates(known.map(str::to_owned)),
    }
}

fn set<T>(value: Value, parse: impl FnOnce(Value) -> Result<T>) -> Result<Change<T>> {
    if value.is_null() { Ok(Change::Remove) } else { parse(value).map(Change::Set) }
}

fn text(key: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Value::String(_) => Err(invalid(format!("The parameter `{key}` is empty."))
            .hint("Leave it out, or give null to remove it.")),
        _ => Err(invalid(format!("The parameter `{key}` has to be a text."))),
    }
}

fn secret(key: &str, value: Value) -> Result<Change<Secret>> {
    set(value, |value| {
        let text = text(key, value)?;
        if text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Secret::new(text))
        } else {
            Err(invalid(format!("The parameter `{key}` holds characters that no token has."))
                .hint("Copy it again, without line breaks or spaces."))
        }
    })
}

/// A directory: GUID, domain, or a known word; nothing that could change the
/// URL it is put into.
fn directory(key: &str, value: Value) -> Result<String> {
    let text = text(key, value)?;
    let shape = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let word = ["common", "organizations", "consumers"].contains(&text.as_str());
    let domain = text.contains('.') && text.split('.').all(|label| !label.is_empty());
    if shape && (word || domain || is_guid(&text)) {
        Ok(text)
    } else {
        Err(invalid(format!("The parameter `{key}` is not a directory.")).hint(
            "Give the directory's GUID, a domain of it, or common, organizations, consumers.",
        ))
    }
}

fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn client_id(value: Value) -> Result<String> {
    let text = text("client_id", value)?;
    if is_guid(&text) {
        Ok(text)
    } else {
        Err(invalid("The parameter `client_id` is not an application id.")
            .hint("It is the GUID that the app registration shows as Application (client) ID."))
    }
}

fn scopes(value: Value) -> Result<Vec<String>> {
    let texts = match value {
        Value::Array(items) => {
            items.into_iter().map(|item| text("scopes", item)).collect::<Result<Vec<_>>>()?
        }
        other => vec![text("scopes", other)?],
    };
    let split = |text: &String| {
        text.split([',', ' ', '\n', '\t']).filter(|s| !s.is_empty()).map(str::to_owned).collect()
    };
    Ok(texts.iter().flat_map::<Vec<String>, _>(split).collect())
}

fn cloud(value: Value) -> Result<String> {
    let text = text("cloud", value)?;
    match Cloud::by_name(&text) {
        Some(cloud) => Ok(cloud.name.to_owned()),
        None => {
            let names: Vec<_> = CLOUDS.iter().map(|c| c.name.to_owned()).collect();
            Err(invalid("The parameter `cloud` names no known cloud.")
                .hint(format!("Known clouds: {}.", names.join(", ")))
                .candidates(names))
        }
    }
}

/// Unix seconds as number or text, RFC 3339, or `YYYY-MM-DD HH:MM:SS` with an
/// optional offset (UTC where there is none).
fn expires_at(value: &Value) -> Result<TimestampMs> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse::<f64>().ok(),
        _ => None,
    };
    let ms = match (seconds, value) {
        (Some(seconds), _) => in_range(seconds * 1000.0),
        (None, Value::String(text)) => written_time(text.trim()),
        _ => None,
    };
    ms.ok_or_else(|| {
        invalid("The parameter `expires_at` is not a time.")
            .hint("Give Unix seconds, or a time such as 2026-01-31T12:00:00Z.")
    })
}

fn in_range(ms: f64) -> Option<TimestampMs> {
    // Between 2000 and 9999: a time outside is a mistake of unit.
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    (946_684_800_000.0..253_402_300_800_000.0).contains(&ms).then_some(ms as TimestampMs)
}

fn written_time(text: &str) -> Option<TimestampMs> {
    let with_offset =
        ["%Y-%m-%d %H:%M:%S%.f %z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%.f%z"];
    let without = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| with_offset.iter().find_map(|f| DateTime::parse_from_str(text, f).ok()))
        .map(|time| time.timestamp_millis())
        .or_else(|| {
            let naive = without.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
            naive.map(|time| time.and_utc().timestamp_millis())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn error(json: &str) -> Error {
        ParamChanges::parse(json).unwrap_err()
    }

    #[test]
    fn an_unknown_parameter_names_the_nearest_known() {
        let error = error(r#"{"acces_token": "x"}"#);
        assert_eq!(error.kind, ErrorKind::InvalidParams);
        assert_eq!(error.message, "There is no parameter `acces_token`.");
        assert_eq!(error.hint.as_deref(), Some("Did you mean `access_token`?"));
    }

    #[test]
    fn expires_at_is_understood_in_every_spelling_with_its_true_offset() {
        for spelling in [
            "1735689600",
            "1735689600.0",
            "\"1735689600\"",
            "\"2025-01-01T00:00:00Z\"",
            "\"2025-01-01T01:00:00+01:00\"",
            "\"2025-01-01 00:00:00\"",
            "\"2025-01-01 02:00:00.000 +0200\"",
        ] {
            let changes = ParamChanges::parse(&format!(r#"{{"expires_at": {spelling}}}"#)).unwrap();
            assert_eq!(changes.expires_at, Change::Set(1_735_689_600_000), "{spelling}");
        }
    }

    #[test]
    fn a_time_in_milliseconds_or_in_words_is_refused() {
        assert_eq!(
            error(r#"{"expires_at": 1}"#).message,
            "The parameter `expires_at` is not a time."
        );
        assert!(ParamChanges::parse(r#"{"expires_at": "tomorrow"}"#).is_err());
    }

    #[test]
    fn a_directory_is_a_guid_a_domain_or_a_known_word() {
        for good in ["common", "contoso.com", "abcdef12-3456-7890-abcd-ef1234567890"] {
            assert!(
                ParamChanges::parse(&format!(r#"{{"tenant_id": "{good}"}}"#)).is_ok(),
                "{good}"
            );
        }
        for bad in ["evil/../x", "a b", "tenant", "x?y", "..", "https://x.y"] {
            assert!(ParamChanges::parse(&format!(r#"{{"tenant_id": "{bad}"}}"#)).is_err(), "{bad}");
        }
    }

    #[test]
    fn scopes_come_with_commas_spaces_or_as_an_array() {
        for given in [
            r#""Files.Read, offline_access""#,
            r#""Files.Read offline_access""#,
            r#"["Files.Read","offline_access"]"#,
        ] {
            let mut settings = Settings::default();
            ParamChanges::parse(&format!(r#"{{"scopes": {given}}}"#))
                .unwrap()
                .apply_settings(&mut settings);
            assert_eq!(settings.refresh_scope(), "Files.Read offline_access", "{given}");
        }
    }

    #[test]
    fn without_scopes_the_default_scope_of_the_cloud_is_asked_for() {
        let settings = Settings { cloud: Some("usgov-l4".into()), ..Settings::default() };
        assert_eq!(settings.refresh_scope(), "https://graph.microsoft.us/.default offline_access");
    }

    #[test]
    fn null_removes_and_absent_keeps() {
        let mut settings = Settings {
            tenant_id: Some("common".into()),
            account_id: Some("me".into()),
            ..Settings::default()
        };
        let mut changes = ParamChanges::parse(r#"{"account_id": null}"#).unwrap();
        changes.apply_settings(&mut settings);
        assert_eq!(settings.tenant_id.as_deref(), Some("common"));
        assert_eq!(settings.account_id, None);
    }

    #[test]
    fn a_connection_cannot_lose_its_directory() {
        let mut settings = Settings { tenant_id: Some("common".into()), ..Settings::default() };
        assert!(settings.check().is_ok());
        ParamChanges::parse(r#"{"tenant_id": null}"#).unwrap().apply_settings(&mut settings);
        assert_eq!(settings.check().unwrap_err().message, "The parameter `tenant_id` is missing.");
    }

    #[test]
    fn a_secret_never_appears_in_an_error_or_in_debug() {
        let changes = ParamChanges::parse(r#"{"client_secret": "hunter2"}"#).unwrap();
        assert!(!format!("{changes:?}").contains("hunter2"));
        let error = error("{\"client_secret\": \"hunter2\nx\"}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = ParamChanges::parse(&text);
            let _ = ParamChanges::parse(&format!(r#"{{"expires_at": "{text}"}}"#));
        }
    }
}
