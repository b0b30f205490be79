//! From what a guest returned to the contract's records: nothing gets through that is longer, more
//! or further out than the limits here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::connection::{
    ConnectionInfo, ConnectionState, Identity, ListRequest, ListScope, TableInfo, TableKind,
};
use super::description::{
    Description, EgressProfile, EgressRule, Parameter, ReadOption, ValueType,
};
use super::fault::{Actor, ConnectorError, ErrorKind};
use crate::bindings::exports::platform::datasource::datasource as wit;
use crate::bindings::platform::datasource::types;
use crate::error::RuntimeError;

/// Bytes of a name, an identifier, a path.
pub(super) const NAME: usize = 4 << 10;
/// Bytes of a text for people.
const TEXT: usize = 16 << 10;
/// Bytes of an opaque token.
pub(super) const TOKEN: usize = 64 << 10;
/// Entries of lists that people read.
const LIST: usize = 1_000;
/// Entries of a page of a listing.
const PAGE: usize = 100_000;

/// Checks what one function of the contract returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checker {
    call: &'static str,
}

pub(crate) type Checked<T> = Result<T, RuntimeError>;

impl Checker {
    pub(crate) fn new(call: &'static str) -> Self {
        Self { call }
    }

    pub(crate) fn broken<T>(self, what: impl Into<String>) -> Checked<T> {
        Err(RuntimeError::contract(self.call, what))
    }

    /// What a function that can fail returned.
    pub(crate) fn reply<T>(self, reply: Result<T, types::Error>) -> Checked<T> {
        reply.map_err(|error| self.error(error))
    }

    pub(super) fn name(self, what: &str, text: String) -> Checked<String> {
        self.bounded(what, text, NAME)
    }

    pub(super) fn bounded(self, what: &str, text: String, limit: usize) -> Checked<String> {
        if text.len() > limit {
            return self.broken(format!("{what} is longer than {limit} bytes"));
        }
        Ok(text)
    }

    /// A text for people on one line: control characters, which could steer a terminal, become
    /// spaces.
    pub(super) fn sentence(self, what: &str, text: String) -> Checked<String> {
        let text = self.bounded(what, text, TEXT)?;
        if text.contains(char::is_control) {
            return Ok(text.replace(char::is_control, " "));
        }
        Ok(text)
    }

    pub(super) fn list<T, U>(
        self,
        what: &str,
        list: Vec<T>,
        limit: usize,
        each: impl FnMut(T) -> Checked<U>,
    ) -> Checked<Vec<U>> {
        if list.len() > limit {
            return self.broken(format!("there are more than {limit} {what}"));
        }
        list.into_iter().map(each).collect()
    }

    pub(super) fn sentences(self, what: &str, list: Vec<String>) -> Checked<Vec<String>> {
        self.list(what, list, LIST, |text| self.sentence(what, text))
    }

    fn names(self, what: &str, list: Vec<String>) -> Checked<Vec<String>> {
        self.list(what, list, LIST, |text| self.name(what, text))
    }

    fn pairs(self, what: &str, list: Vec<(String, String)>) -> Checked<Vec<(String, String)>> {
        self.list(what, list, LIST, |(name, value)| {
            Ok((self.name(what, name)?, self.sentence(what, value)?))
        })
    }

    pub(super) fn optional<T, U>(
        value: Option<T>,
        each: impl FnOnce(T) -> Checked<U>,
    ) -> Checked<Option<U>> {
        value.map(each).transpose()
    }

    pub(super) fn time(self, ms: i64) -> Checked<SystemTime> {
        let distance = Duration::from_millis(ms.unsigned_abs());
        let time = if ms < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        // The year 9999 is where other software ends.
        const END: i64 = 253_402_300_800_000;
        match time {
            Some(time) if (-END..END).contains(&ms) => Ok(time),
            _ => self.broken("a point in time is out of range"),
        }
    }

    fn error(self, error: types::Error) -> RuntimeError {
        let checked = || {
            Ok(ConnectorError {
                kind: error_kind(error.kind),
                actor: actor(error.actor),
                message: self.sentence("an error's message", error.message)?,
                hint: Self::optional(error.hint, |hint| self.sentence("a hint", hint))?,
                retry_after: error.retry_after_ms.map(Duration::from_millis),
                request_id: Self::optional(error.request_id, |id| {
                    self.sentence("a request id", id)
                })?,
                candidates: self.list("candidates", error.candidates, LIST, |candidate| {
                    self.sentence("a candidate", candidate)
                })?,
                details: self.pairs("details", error.details)?,
            })
        };
        checked().map_or_else(|violation| violation, |error: ConnectorError| error.into())
    }

    pub(crate) fn description(self, description: wit::Description) -> Checked<Description> {
        let engine = description.engine;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=64).contains(&engine.len()) || !engine.bytes().all(plain) {
            return self
                .broken("the engine's name is not 1 to 64 ASCII letters, digits, `_` or `-`");
        }
        let checked = Description {
            engine,
            title: self.sentence("the title", description.title)?,
            version: self.sentence("the version", description.version)?,
            parameters: self.list("parameters", description.parameters, LIST, |parameter| {
                self.parameter(parameter)
            })?,
            read_options: self.list("read options", description.read_options, LIST, |option| {
                self.read_option(option)
            })?,
            egress_profiles: self.list(
                "egress profiles",
                description.egress_profiles,
                LIST,
                |profile| self.egress_profile(profile),
            )?,
            egress_parameter: Self::optional(description.egress_parameter, |name| {
                self.name("the egress parameter", name)
            })?,
        };
        if let Some(name) = &checked.egress_parameter
            && !checked.parameters.iter().any(|parameter| parameter.name == *name)
        {
            return self.broken("the egress parameter is not among the parameters");
        }
        Ok(checked)
    }

    fn parameter(self, parameter: wit::Parameter) -> Checked<Parameter> {
        Ok(Parameter {
            name: self.name("a parameter's name", parameter.name)?,
            value_type: value_type(parameter.value_type),
            secret: parameter.secret,
            default: Self::optional(parameter.default, |text| self.sentence("a default", text))?,
            choices: self.names("choices", parameter.choices)?,
            doc: self.sentence("a parameter's documentation", parameter.doc)?,
        })
    }

    fn read_option(self, option: wit::ReadOption) -> Checked<ReadOption> {
        Ok(ReadOption {
            name: self.name("a read option's name", option.name)?,
            value_type: value_type(option.value_type),
            default: Self::optional(option.default, |text| self.sentence("a default", text))?,
            choices: self.names("choices", option.choices)?,
            doc: self.sentence("a read option's documentation", option.doc)?,
        })
    }

    fn egress_profile(self, profile: wit::EgressProfile) -> Checked<EgressProfile> {
        Ok(EgressProfile {
            name: self.name("an egress profile's name", profile.name)?,
            rules: self.list("egress rules", profile.rules, LIST, |rule| {
                Ok(EgressRule {
                    host: self.name("an egress host", rule.host)?,
                    methods: self.names("methods", rule.methods)?,
                    purpose: self.sentence("an egress purpose", rule.purpose)?,
                })
            })?,
            doc: self.sentence("an egress profile's documentation", profile.doc)?,
        })
    }

    pub(crate) fn connection_info(self, info: wit::ConnectionInfo) -> Checked<ConnectionInfo> {
        Ok(ConnectionInfo {
            connection_id: self.sentence("the connection id", info.connection_id)?,
            state: match info.state {
                wit::ConnectionState::Ready => ConnectionState::Ready,
                wit::ConnectionState::PendingAuthorization => ConnectionState::PendingAuthorization,
                wit::ConnectionState::AuthRequired => ConnectionState::AuthRequired,
            },
            identity: Self::optional(info.identity, |identity| {
                let text = |value| self.sentence("a part of the identity", value);
                Ok(Identity {
                    id: text(identity.id)?,
                    display_name: Self::optional(identity.display_name, text)?,
                    email: Self::optional(identity.email, text)?,
                    directory: Self::optional(identity.directory, text)?,
                })
            })?,
            root_id: Self::optional(info.root_id, |id| self.sentence("the root id", id))?,
            scopes: self.sentences("scopes", info.scopes)?,
            expires_at: Self::optional(info.expires_at, |ms| self.time(ms))?,
            created_at: self.time(info.created_at)?,
            updated_at: self.time(info.updated_at)?,
            generation: info.generation,
            properties: self.pairs("properties", info.properties)?,
        })
    }

    pub(crate) fn tables(self, entries: Vec<wit::TableInfo>) -> Checked<Vec<TableInfo>> {
        self.list("entries", entries, PAGE, |entry| {
            Ok(TableInfo {
                name: self.name("an entry's name", entry.name)?,
                kind: match entry.kind {
                    wit::TableKind::Table => TableKind::Table,
                    wit::TableKind::Folder => TableKind::Folder,
                    wit::TableKind::System => TableKind::System,
                    wit::TableKind::Other => TableKind::Other,
                },
                bytes: entry.bytes,
                modified: Self::optional(entry.modified, |ms| self.time(ms))?,
                doc: Self::optional(entry.doc, |doc| self.sentence("an entry's text", doc))?,
            })
        })
    }

    pub(crate) fn page_token(self, token: Option<String>) -> Checked<Option<String>> {
        Self::optional(token, |token| self.bounded("the token of the next page", token, TOKEN))
    }
}

/// The request for a page, for the guest.
pub(crate) fn list_request(request: &ListRequest, page: Option<String>) -> wit::ListRequest {
    wit::ListRequest {
        prefix: request.prefix.clone(),
        scope: match request.scope {
            ListScope::Tables => wit::ListScope::Tables,
            ListScope::Folders => wit::ListScope::Folders,
            ListScope::All => wit::ListScope::All,
        },
        recursive: request.recursive,
        page,
        limit: request.limit,
    }
}

fn value_type(value_type: wit::ValueType) -> ValueType {
    match value_type {
        wit::ValueType::Text => ValueType::Text,
        wit::ValueType::Integer => ValueType::Integer,
        wit::ValueType::Boolean => ValueType::Boolean,
        wit::ValueType::Timestamp => ValueType::Timestamp,
        wit::ValueType::TextList => ValueType::TextList,
        wit::ValueType::Json => ValueType::Json,
    }
}

fn error_kind(kind: types::ErrorKind) -> ErrorKind {
    use types::ErrorKind as Wit;
    match kind {
        Wit::InvalidParams => ErrorKind::InvalidParams,
        Wit::AuthRequired => ErrorKind::AuthRequired,
        Wit::PermissionDenied => ErrorKind::PermissionDenied,
        Wit::NotFound => ErrorKind::NotFound,
        Wit::Ambiguous => ErrorKind::Ambiguous,
        Wit::UnsupportedFormat => ErrorKind::UnsupportedFormat,
        Wit::Unsupported => ErrorKind::Unsupported,
        Wit::MalformedData => ErrorKind::MalformedData,
        Wit::TooLarge => ErrorKind::TooLarge,
        Wit::ChangedDuringRead => ErrorKind::ChangedDuringRead,
        Wit::StaleSplit => ErrorKind::StaleSplit,
        Wit::Throttled => ErrorKind::Throttled,
        Wit::DeadlineExceeded => ErrorKind::DeadlineExceeded,
        Wit::EgressDenied => ErrorKind::EgressDenied,
        Wit::StoreFull => ErrorKind::StoreFull,
        Wit::Unavailable => ErrorKind::Unavailable,
        Wit::Internal => ErrorKind::Internal,
    }
}

pub(super) fn actor(actor: types::Actor) -> Actor {
    match actor {
        types::Actor::Caller => Actor::Caller,
        types::Actor::AccountOwner => Actor::AccountOwner,
        types::Actor::DirectoryAdministrator => Actor::DirectoryAdministrator,
        types::Actor::HostOperator => Actor::HostOperator,
        types::Actor::ConnectorAuthor => Actor::ConnectorAuthor,
        types::Actor::Nobody => Actor::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: Checker = Checker { call: "test" };

    fn error(message: &str) -> types::Error {
        types::Error {
            kind: types::ErrorKind::NotFound,
            actor: types::Actor::Caller,
            message: message.to_owned(),
            hint: None,
            retry_after_ms: Some(1_500),
            request_id: None,
            candidates: Vec::new(),
            details: Vec::new(),
        }
    }

    #[test]
    fn an_error_keeps_its_kind_actor_and_time() {
        let RuntimeError::Connector(error) = CHECK.error(error("gone")) else { panic!() };
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(error.actor, Actor::Caller);
        assert_eq!(error.retry_after, Some(Duration::from_millis(1_500)));
    }

    #[test]
    fn control_characters_never_reach_a_terminal() {
        let RuntimeError::Connector(error) = CHECK.error(error("a\x1b[2Jb\nc")) else { panic!() };
        assert_eq!(error.message, "a [2Jb c");
    }

    #[test]
    fn what_is_too_long_or_too_many_breaks_the_contract() {
        let long = CHECK.error(error(&"x".repeat(TEXT + 1)));
        assert!(matches!(long, RuntimeError::Contract { .. }), "{long}");
        let mut many = error("x");
        many.candidates = vec![String::new(); LIST + 1];
        assert!(matches!(CHECK.error(many), RuntimeError::Contract { .. }));
    }

    #[test]
    fn times_beyond_the_calendar_break_the_contract() {
        assert_eq!(CHECK.time(0).unwrap(), UNIX_EPOCH);
        assert_eq!(CHECK.time(-1).unwrap(), UNIX_EPOCH - Duration::from_millis(1));
        for bad in [i64::MIN, i64::MAX, 253_402_300_800_000] {
            assert!(CHECK.time(bad).is_err(), "{bad}");
        }
    }
}
