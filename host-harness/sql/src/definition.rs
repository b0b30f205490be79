//! The rows of SHOW CREATE DATABASE: a statement that makes such a database, as far as the contract
//! tells. Secrets never leave the connector, so that they appear as a mask.

use std::time::UNIX_EPOCH;

use datasource_runtime::{ConnectionInfo, Database, Description, Parameter, ValueType};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::error::{SqlError, identifier};
use crate::listing;
use crate::statement::MASK;

/// A row for each line.
pub(crate) fn answer(database: &Database, info: &ConnectionInfo) -> Result<Answer, SqlError> {
    listing::lines("statement", &lines(database.name(), database.description(), info))
}

fn lines(name: &str, description: &Description, info: &ConnectionInfo) -> Vec<String> {
    // Secrets first: a line that is left out then leaves no comma before the brace.
    let secrets = description.parameters.iter().filter(|parameter| parameter.secret);
    let mut entries: Vec<String> =
        secrets.map(|secret| format!("    {}: {MASK}", json!(secret.name))).collect();
    let mut unknown = Vec::new();
    for parameter in description.parameters.iter().filter(|parameter| !parameter.secret) {
        match value(parameter, info) {
            Some(value) => entries.push(format!("    {}: {value}", json!(parameter.name))),
            None => unknown.push(parameter.name.as_str()),
        }
    }
    let engine = description.engine.replace('\'', "''");
    let mut lines = vec![
        format!("CREATE DATABASE {}", identifier(name)),
        format!("WITH ENGINE = '{engine}',"),
        "PARAMETERS = {".to_owned(),
    ];
    let last = entries.len().saturating_sub(1);
    lines.extend(
        entries.into_iter().enumerate().map(
            |(index, entry)| {
                if index < last { format!("{entry},") } else { entry }
            },
        ),
    );
    lines.push("};".to_owned());
    if description.parameters.iter().any(|parameter| parameter.secret) {
        lines.push(format!(
            "-- {MASK} stands for a secret, also where none is set: write it or leave the line out."
        ));
    }
    if !unknown.is_empty() {
        lines.push(format!("-- Not set, or not told by the connector: {}.", unknown.join(", ")));
    }
    lines
}

/// The value of a parameter that is no secret: what the connector tells under the same name.
fn value(parameter: &Parameter, info: &ConnectionInfo) -> Option<Value> {
    // The contract has a field for this one.
    if parameter.name == "expires_at" && parameter.value_type == ValueType::Timestamp {
        let since = info.expires_at?.duration_since(UNIX_EPOCH).ok()?;
        return Some(json!(since.as_secs()));
    }
    let (_, text) = info.properties.iter().find(|(name, _)| *name == parameter.name)?;
    let plain = match parameter.value_type {
        ValueType::Integer => text.parse().ok().map(|number: i64| json!(number)),
        ValueType::Boolean => text.parse().ok().map(|truth: bool| json!(truth)),
        ValueType::Json => serde_json::from_str(text).ok(),
        ValueType::Text | ValueType::Timestamp | ValueType::TextList => None,
    };
    Some(plain.unwrap_or_else(|| json!(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::Statement;
    use datasource_runtime::ConnectionState;
    use std::time::Duration;

    fn parameter(name: &str, value_type: ValueType, secret: bool) -> Parameter {
        Parameter {
            name: name.into(),
            value_type,
            secret,
            default: None,
            choices: vec![],
            doc: String::new(),
        }
    }

    fn shown() -> String {
        let description = Description {
            engine: "it's".into(),
            title: String::new(),
            version: String::new(),
            parameters: vec![
                parameter("token", ValueType::Text, true),
                parameter("expires_at", ValueType::Timestamp, false),
                parameter("depth", ValueType::Integer, false),
                parameter("tenant", ValueType::Text, false),
                parameter("scopes", ValueType::TextList, false),
            ],
            read_options: vec![],
            egress_profiles: vec![],
            egress_parameter: None,
        };
        let info = ConnectionInfo {
            connection_id: "c".into(),
            state: ConnectionState::Ready,
            identity: None,
            root_id: None,
            scopes: vec![],
            expires_at: Some(UNIX_EPOCH + Duration::from_secs(1_735_689_600)),
            created_at: UNIX_EPOCH,
            updated_at: UNIX_EPOCH,
            generation: 1,
            // A connector that tells a secret all the same is not believed.
            properties: [("tenant", "a \"b\""), ("depth", "3"), ("token", "sesame")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        };
        lines("my drive", &description, &info).join("\n")
    }

    #[test]
    fn what_is_known_is_shown_and_secrets_are_masked() {
        assert_eq!(
            shown(),
            r#"CREATE DATABASE `my drive`
WITH ENGINE = 'it''s',
PARAMETERS = {
    "token": '***',
    "expires_at": 1735689600,
    "depth": 3,
    "tenant": "a \"b\""
};
-- '***' stands for a secret, also where none is set: write it or leave the line out.
-- Not set, or not told by the connector: scopes."#
        );
    }

    #[test]
    fn the_statement_is_understood_again() {
        let text = shown();
        let mut script = crate::statement::statements(&text);
        let statement = Statement::parse(script.next().unwrap().text).unwrap();
        assert!(matches!(statement, Statement::CreateDatabase { name, .. } if name == "my drive"));
        assert!(script.next().is_none());
    }
}
