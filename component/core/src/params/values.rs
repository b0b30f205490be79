//! Single values of parameters: what is accepted, and what is said of the rest. A value never
//! appears in an error.

use chrono::{DateTime, NaiveDateTime};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::invalid;
use crate::cloud::{CLOUDS, Cloud};
use crate::error::{Result, nearest};
use crate::graph::canonical_drive;
use crate::ports::TimestampMs;
use crate::secret::Secret;
use crate::url::HttpsUrl;

/// How many items a connection may be limited to.
const MOST_ITEMS: usize = 200;

/// How a connection gets its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantType {
    /// The person signs in in a browser.
    AuthorizationCode,
    /// The person types a code on another device.
    DeviceCode,
    /// The application by itself.
    ClientCredentials,
    /// The tokens were handed in.
    RefreshToken,
}

impl GrantType {
    const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::DeviceCode, Self::ClientCredentials, Self::RefreshToken];

    /// As the parameter and OAuth call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::DeviceCode => "device_code",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
        }
    }
}

/// Whether the whole drive is read, or only what was picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SelectedScope {
    All,
    Specific,
}

/// An item as Microsoft's file picker gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SelectedItem {
    pub(crate) drive: String,
    pub(crate) item: String,
}

pub(super) fn text(key: &str, value: Value) -> Result<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Value::String(_) => Err(invalid(format!("The parameter `{key}` is empty."))
            .hint("Leave it out, or give null to remove it.")),
        _ => Err(invalid(format!("The parameter `{key}` has to be a text."))
            .hint("Write its value in quotes.")),
    }
}

pub(super) fn secret(key: &str, value: Value) -> Result<Secret> {
    let text = text(key, value)?;
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(Secret::new(text))
    } else {
        Err(invalid(format!("The parameter `{key}` holds characters that no token has."))
            .hint("Copy it again, without line breaks or spaces."))
    }
}

pub(super) fn boolean(key: &str, value: &Value) -> Result<bool> {
    let word = value.as_str().map(str::to_ascii_lowercase);
    match (value, word.as_deref()) {
        (Value::Bool(value), _) => Ok(*value),
        (_, Some("true")) => Ok(true),
        (_, Some("false")) => Ok(false),
        _ => Err(invalid(format!("The parameter `{key}` has to be true or false."))
            .hint("Write true or false, without quotes.")),
    }
}

/// A number of seconds, of a day at most.
pub(super) fn seconds(key: &str, value: &Value) -> Result<u64> {
    let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|seconds| *seconds <= 86_400).ok_or_else(|| {
        invalid(format!("The parameter `{key}` has to be a number of seconds up to 86400."))
            .hint("Write the number without quotes, such as 60; 0 asks each time.")
    })
}

/// One of a few words; the nearest is told where it is none of them.
fn word<T>(key: &str, value: Value, words: &[(&'static str, T)]) -> Result<T>
where
    T: Clone,
{
    let text = text(key, value)?;
    if let Some((_, found)) = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)) {
        return Ok(found.clone());
    }
    let names: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    let error = invalid(format!("The parameter `{key}` has a value that is not known."));
    Err(match nearest(&text, names.iter().copied()) {
        Some(near) => error.hint(format!("Did you mean `{near}`?")),
        None => error.hint(format!("Give one of: {}.", names.join(", "))),
    }
    .candidates(names.into_iter().map(str::to_owned)))
}

pub(super) fn grant_type(value: Value) -> Result<GrantType> {
    word("grant_type", value, &GrantType::ALL.map(|grant| (grant.name(), grant)))
}

pub(super) fn scope_type(value: Value) -> Result<SelectedScope> {
    let words = [("all", SelectedScope::All), ("specific", SelectedScope::Specific)];
    word("scope_type", value, &words)
}

pub(super) fn cloud(value: Value) -> Result<String> {
    word("cloud", value, &CLOUDS.map(|cloud| (cloud.name, cloud.name.to_owned())))
}

/// A directory: GUID, domain, or a known word; nothing that could change the
/// URL it is put into.
pub(super) fn directory(key: &str, value: Value) -> Result<String> {
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

pub(super) fn client_id(value: Value) -> Result<String> {
    let text = text("client_id", value)?;
    if is_guid(&text) {
        Ok(text)
    } else {
        Err(invalid("The parameter `client_id` is not an application id.")
            .hint("It is the GUID that the app registration shows as Application (client) ID."))
    }
}

/// Where a sign-in returns to: https, or a loopback address.
pub(super) fn redirect_uri(value: Value) -> Result<String> {
    let text = text("redirect_uri", value)?;
    if is_redirect_uri(&text) {
        Ok(text)
    } else {
        Err(invalid("The parameter `redirect_uri` is no redirect URI.").hint(
            "Give the one of the app registration, such as http://localhost:47334/verify-auth.",
        ))
    }
}

/// Whether a sign-in may return there.
pub(crate) fn is_redirect_uri(text: &str) -> bool {
    let loopback = ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'#') && text.len() <= 2000;
    plain && (loopback || HttpsUrl::parse(text).is_ok())
}

pub(super) fn scopes(value: Value) -> Result<Vec<String>> {
    let texts = match value {
        Value::Array(items) => {
            items.into_iter().map(|item| text("scopes", item)).collect::<Result<Vec<_>>>()?
        }
        other => vec![text("scopes", other)?],
    };
    let split = |text: &String| {
        text.split([',', ' ', '\n', '\t']).filter(|s| !s.is_empty()).map(str::to_owned).collect()
    };
    let scopes: Vec<String> = texts.iter().flat_map::<Vec<String>, _>(split).collect();
    let known = |s: &String| s.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\&#%".contains(&b));
    if scopes.iter().all(known) && scopes.len() <= 50 {
        Ok(scopes)
    } else {
        Err(invalid("The parameter `scopes` holds something that is no scope.")
            .hint("Scopes look like Files.Read or https://graph.microsoft.com/Files.Read."))
    }
}

/// An identifier of Graph's; it is percent-encoded wherever it is put into a URL.
pub(super) fn identifier(key: &str, value: Value) -> Result<String> {
    let text = text(key, value)?;
    let sound = text.len() <= 300
        && !text.chars().any(|c| c.is_control() || c.is_whitespace() || "/\\?#".contains(c));
    if sound {
        Ok(text)
    } else {
        Err(invalid(format!("The parameter `{key}` is no identifier."))
            .hint("Copy it as Microsoft Graph gives it, without anything around it."))
    }
}

/// A site by its id (`host,guid,guid`) or by its URL.
pub(super) fn site(value: Value) -> Result<String> {
    let text = text("site_id", value)?;
    let url = HttpsUrl::parse(&text).is_ok();
    let id = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.,".contains(&b));
    if url || (id && text.len() <= 300) {
        Ok(text)
    } else {
        Err(invalid("The parameter `site_id` names no site.")
            .hint("Give its URL, such as https://contoso.sharepoint.com/sites/Sales, or its id."))
    }
}

pub(super) fn share_link(value: Value) -> Result<Secret> {
    let text = text("share_link", value)?;
    match HttpsUrl::parse(&text) {
        Ok(_) => Ok(Secret::new(text)),
        Err(_) => Err(invalid("The parameter `share_link` is no link.")
            .hint("Copy it from OneDrive's Share dialogue; it begins with https://.")),
    }
}

/// A folder's path from the drive's root; empty for the root itself.
pub(super) fn folder_path(value: Value) -> Result<String> {
    let text = text("folder_path", value)?;
    let path = text.trim_matches('/').to_owned();
    if path.is_empty() || crate::table_name::check_path(&path).is_ok() {
        Ok(path)
    } else {
        Err(invalid("The parameter `folder_path` is not the path of a folder.")
            .hint("Write the full path from the drive's root, such as Documents/Reports."))
    }
}

/// The file picker's list, as JSON or as a text that holds it.
pub(super) fn selected_items(value: Value) -> Result<Vec<SelectedItem>> {
    let wrong = || {
        invalid("The parameter `selected_items` is not a list of the file picker's items.").hint(
            "Give [{\"id\": \"…\", \"parentReference\": {\"driveId\": \"…\"}}, …] with 1 to 200 items.",
        )
    };
    let value = match value {
        Value::String(text) => serde_json::from_str(&text).map_err(|_| wrong())?,
        value => value,
    };
    let item = |item: &Value| {
        let drive = item["parentReference"]["driveId"].as_str().or(item["driveId"].as_str());
        let drive = identifier("selected_items", drive?.into()).ok()?;
        let item = identifier("selected_items", item["id"].as_str()?.into()).ok()?;
        Some(SelectedItem { drive: canonical_drive(&drive), item })
    };
    let items: Option<Vec<_>> = value.as_array().and_then(|all| all.iter().map(item).collect());
    items.filter(|items| (1..=MOST_ITEMS).contains(&items.len())).ok_or_else(wrong)
}

/// Unix seconds as number or text, RFC 3339, or `YYYY-MM-DD HH:MM:SS` with an
/// optional offset (UTC where there is none).
pub(super) fn expires_at(value: &Value) -> Result<TimestampMs> {
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

/// The cloud of a name that was checked when it was parsed.
pub(super) fn known_cloud(name: Option<&str>) -> &'static Cloud {
    name.and_then(Cloud::by_name).unwrap_or(Cloud::global())
}
