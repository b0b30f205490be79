//! The parameters of a connection: what there are, parsing, merging.

mod documented;
mod settings;
mod values;

use serde_json::{Map, Value};

pub use self::documented::{PARAMETERS, ParameterDoc, ValueType};
pub(crate) use self::settings::{Settings, Target};
pub(crate) use self::values::{GrantType, SelectedItem, is_redirect_uri};
use self::values::{
    SelectedScope, boolean, client_id, cloud, directory, expires_at, folder_path, grant_type,
    identifier, redirect_uri, scope_type, scopes, seconds, secret, selected_items, share_link,
    site, text,
};
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::ports::TimestampMs;
use crate::secret::Secret;

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
    fn apply(&mut self, slot: &mut Option<T>) {
        match std::mem::take(self) {
            Self::Keep => {}
            Self::Remove => *slot = None,
            Self::Set(value) => *slot = Some(value),
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        matches!(self, Self::Set(_))
    }
}

/// A parsed JSON object of parameters.
#[derive(Debug, Default)]
pub(crate) struct ParamChanges {
    pub(crate) access_token: Change<Secret>,
    pub(crate) refresh_token: Change<Secret>,
    pub(crate) expires_at: Change<TimestampMs>,
    pub(crate) code: Change<Secret>,
    tenant_id: Change<String>,
    authority: Change<String>,
    account_id: Change<String>,
    client_id: Change<String>,
    client_secret: Change<Secret>,
    scopes: Change<Vec<String>>,
    cloud: Change<String>,
    pub(crate) grant_type: Change<GrantType>,
    redirect_uri: Change<String>,
    enable_files_read_all: Change<bool>,
    drive_id: Change<String>,
    user_id: Change<String>,
    group_id: Change<String>,
    site_id: Change<String>,
    share_link: Change<Secret>,
    folder_path: Change<String>,
    selected_items: Change<Vec<SelectedItem>>,
    scope_type: Change<SelectedScope>,
    listing_max_age: Change<u64>,
    follow_shortcuts: Change<bool>,
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
            changes.take(&key, value)?;
        }
        Ok(changes)
    }

    fn take(&mut self, key: &str, value: Value) -> Result<()> {
        match key {
            "access_token" => self.access_token = set(value, |v| secret(key, v))?,
            "refresh_token" => self.refresh_token = set(value, |v| secret(key, v))?,
            "client_secret" => self.client_secret = set(value, |v| secret(key, v))?,
            "code" => self.code = set(value, |v| secret(key, v))?,
            "expires_at" => self.expires_at = set(value, |v| expires_at(&v))?,
            "tenant_id" => self.tenant_id = set(value, |v| directory(key, v))?,
            "authority" => self.authority = set(value, |v| directory(key, v))?,
            "account_id" => self.account_id = set(value, |v| text(key, v))?,
            "client_id" => self.client_id = set(value, client_id)?,
            "scopes" => self.scopes = set(value, scopes)?,
            "cloud" => self.cloud = set(value, cloud)?,
            "grant_type" => self.grant_type = set(value, grant_type)?,
            "redirect_uri" => self.redirect_uri = set(value, redirect_uri)?,
            "enable_files_read_all" => {
                self.enable_files_read_all = set(value, |v| boolean(key, &v))?;
            }
            "drive_id" => self.drive_id = set(value, |v| identifier(key, v))?,
            "user_id" => self.user_id = set(value, |v| identifier(key, v))?,
            "group_id" => self.group_id = set(value, |v| identifier(key, v))?,
            "site_id" => self.site_id = set(value, site)?,
            "share_link" => self.share_link = set(value, share_link)?,
            "folder_path" => self.folder_path = set(value, folder_path)?,
            "selected_items" => self.selected_items = set(value, selected_items)?,
            "scope_type" => self.scope_type = set(value, scope_type)?,
            "listing_max_age" => self.listing_max_age = set(value, |v| seconds(key, &v))?,
            "follow_shortcuts" => self.follow_shortcuts = set(value, |v| boolean(key, &v))?,
            _ => return Err(unknown(key)),
        }
        Ok(())
    }

    /// Those given that only the host may set where the application comes from it.
    pub(crate) fn directory_parameters(&self) -> Vec<&'static str> {
        let given = [
            ("tenant_id", self.tenant_id.is_set()),
            ("authority", self.authority.is_set()),
            ("cloud", self.cloud.is_set()),
            ("client_secret", self.client_secret.is_set()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    pub(crate) fn gives_tokens(&self) -> bool {
        self.access_token.is_set() || self.refresh_token.is_set()
    }

    /// Whether anything is said of the tokens: given, removed, or their end.
    pub(crate) fn touches_tokens(&self) -> bool {
        self.access_token != Change::Keep
            || self.refresh_token != Change::Keep
            || self.expires_at != Change::Keep
    }

    /// The authorization code, if one is given.
    pub(crate) fn take_code(&mut self) -> Option<Secret> {
        match std::mem::take(&mut self.code) {
            Change::Set(code) => Some(code),
            _ => None,
        }
    }

    /// Applies what is not a token.
    pub(crate) fn apply_settings(&mut self, settings: &mut Settings) {
        self.tenant_id.apply(&mut settings.tenant_id);
        self.authority.apply(&mut settings.authority);
        self.account_id.apply(&mut settings.account_id);
        self.client_id.apply(&mut settings.client_id);
        self.client_secret.apply(&mut settings.client_secret);
        self.scopes.apply(&mut settings.scopes);
        self.cloud.apply(&mut settings.cloud);
        self.grant_type.apply(&mut settings.grant_type);
        self.redirect_uri.apply(&mut settings.redirect_uri);
        self.enable_files_read_all.apply(&mut settings.enable_files_read_all);
        self.drive_id.apply(&mut settings.drive_id);
        self.user_id.apply(&mut settings.user_id);
        self.group_id.apply(&mut settings.group_id);
        self.site_id.apply(&mut settings.site_id);
        self.share_link.apply(&mut settings.share_link);
        self.folder_path.apply(&mut settings.folder_path);
        self.selected_items.apply(&mut settings.selected_items);
        self.scope_type.apply(&mut settings.scope_type);
        self.listing_max_age.apply(&mut settings.listing_max_age);
        self.follow_shortcuts.apply(&mut settings.follow_shortcuts);
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
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
            assert_eq!(
                settings.asked_scopes(),
                "https://graph.microsoft.com/Files.Read offline_access",
                "{given}"
            );
        }
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
    fn items_of_the_file_picker_are_read_as_json_or_as_text() {
        let json = r#"[{"id":"01A","name":"x","parentReference":{"driveId":"b!x"}}]"#;
        let text = serde_json::to_string(json).unwrap();
        for given in [json, &text] {
            let changes =
                ParamChanges::parse(&format!(r#"{{"selected_items": {given}}}"#)).unwrap();
            let item = SelectedItem { drive: "b!x".into(), item: "01A".into() };
            assert_eq!(changes.selected_items, Change::Set(vec![item]));
        }
        for bad in ["[]", "{}", r#"[{"id":"01A"}]"#, r#""no""#] {
            assert!(
                ParamChanges::parse(&format!(r#"{{"selected_items": {bad}}}"#)).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_word_that_is_not_known_names_the_nearest() {
        let error = error(r#"{"grant_type": "client_credential"}"#);
        assert_eq!(error.hint.as_deref(), Some("Did you mean `client_credentials`?"));
    }

    #[test]
    fn every_parameter_answers_a_wrong_value_with_a_sentence_and_a_hint() {
        for parameter in &PARAMETERS {
            for wrong in [r#"{"a": {}}"#, "12.5.1", "[{}]", "-1", "\"\"", "\"\\u0000\""] {
                let json = format!("{{\"{}\": {wrong}}}", parameter.name);
                let Err(error) = ParamChanges::parse(&json) else { continue };
                assert_eq!(error.kind, ErrorKind::InvalidParams, "{json}");
                assert!(error.message.ends_with('.'), "{json}: {}", error.message);
                let syntax = error.message.contains("not valid JSON");
                assert!(syntax || error.message.contains(parameter.name), "{}", error.message);
                assert!(syntax || error.hint.is_some(), "{json}: {}", error.message);
            }
            let object = format!("{{\"{}\": {{\"a\": 1}}}}", parameter.name);
            assert!(ParamChanges::parse(&object).is_err(), "{object}");
        }
    }

    #[test]
    fn a_redirect_uri_is_https_or_a_loopback_address() {
        for good in
            ["http://localhost:47334/verify-auth", "http://127.0.0.1", "https://a.example/b"]
        {
            assert!(is_redirect_uri(good), "{good}");
        }
        for bad in ["http://a.example/", "http://localhost.evil.example", "x", "https://a b"] {
            assert!(!is_redirect_uri(bad), "{bad}");
        }
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
