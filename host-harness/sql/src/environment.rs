//! Parameters from the environment, for statements that give none.
//!
//! `ONEDRIVE_CLIENT_ID` is the parameter `client_id` of the engine `one_drive`: the engine's name
//! without underscores, an underscore, and the parameter's name, all in capitals.

use datasource_runtime::Description;
use serde_json::{Map, Value};

/// Looks a variable up.
pub type Environment = fn(&str) -> Option<String>;

/// The parameters that stand in the environment.
pub(crate) fn parameters(
    description: &Description,
    environment: Environment,
) -> Map<String, Value> {
    let prefix = description.engine.replace(['_', '-'], "").to_ascii_uppercase();
    let parameters = description.parameters.iter().filter_map(|parameter| {
        let value = environment(&format!("{prefix}_{}", parameter.name.to_ascii_uppercase()))?;
        (!value.trim().is_empty()).then(|| (parameter.name.clone(), Value::String(value)))
    });
    parameters.collect()
}
