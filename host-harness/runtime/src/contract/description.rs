//! What a connector says about itself, known without a connection.

/// The type of a parameter or read option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// Seconds since 1970 as number or text, or RFC 3339.
    Timestamp,
    /// A JSON array of texts, or one text separated by commas or spaces.
    TextList,
    /// Any JSON value.
    Json,
}

/// One parameter of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its key in the JSON object of parameters.
    pub name: String,
    /// Its type.
    pub value_type: ValueType,
    /// The value must never be shown.
    pub secret: bool,
    /// The value in force when the parameter is absent, as text.
    pub default: Option<String>,
    /// The values allowed; empty where any is.
    pub choices: Vec<String>,
    /// What it is for.
    pub doc: String,
}

/// One option of opening a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOption {
    /// Its name.
    pub name: String,
    /// Its type.
    pub value_type: ValueType,
    /// The value in force when the option is absent, as text.
    pub default: Option<String>,
    /// The values allowed; empty where any is.
    pub choices: Vec<String>,
    /// What it is for.
    pub doc: String,
}

/// Hosts that the connector wants to reach for one purpose, over HTTPS on port 443.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressRule {
    /// A host name, or `*.` and a suffix for any name under it.
    pub host: String,
    /// HTTP methods in capitals.
    pub methods: Vec<String>,
    /// Why, for the operator who approves it.
    pub purpose: String,
}

/// A named set of egress rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressProfile {
    /// The name that an operator approves and a parameter picks.
    pub name: String,
    /// The hosts of this profile.
    pub rules: Vec<EgressRule>,
    /// What it is for.
    pub doc: String,
}

/// What the connector is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The name in `CREATE DATABASE … WITH ENGINE = '…'`.
    pub engine: String,
    /// The product's name for people.
    pub title: String,
    /// The connector's own version.
    pub version: String,
    /// The parameters of a connection.
    pub parameters: Vec<Parameter>,
    /// The options of opening a table.
    pub read_options: Vec<ReadOption>,
    /// What the connector wants to reach.
    pub egress_profiles: Vec<EgressProfile>,
    /// The parameter whose value names the egress profile; when it is absent from the parameters,
    /// the first profile is in force.
    pub egress_parameter: Option<String>,
}
