//! What the connector tells of itself without a connection.

use tabular_formats::{OptionDoc, ValueType as FormatValueType, csv, json, parquet, text};

use crate::cloud::{CLOUDS, Cloud};
pub use crate::params::{PARAMETERS, ParameterDoc, ValueType};
use crate::tables::{changes, files, union};

/// The engine's name in `CREATE DATABASE`.
pub const ENGINE: &str = "one_drive";
/// The product's name.
pub const TITLE: &str = "Microsoft OneDrive";
/// The parameter that picks the egress profile.
pub const EGRESS_PARAMETER: &str = "cloud";

/// One egress rule: host pattern, methods, purpose.
pub type Rule = (&'static str, &'static [&'static str], &'static str);

/// The egress profiles: one per cloud, named as the cloud.
#[must_use]
pub fn egress_profiles() -> Vec<(&'static Cloud, Vec<Rule>)> {
    CLOUDS.iter().map(|cloud| (cloud, rules(cloud))).collect()
}

fn rules(cloud: &'static Cloud) -> Vec<Rule> {
    let mut rules: Vec<Rule> = vec![
        (cloud.login_host, &["GET", "POST"], "signs in and renews tokens"),
        (cloud.graph_host, &["GET"], "reads metadata; the only host that sees the bearer"),
    ];
    let downloads = cloud.download_hosts.iter();
    rules.extend(downloads.map(|host| -> Rule {
        (host, &["GET"], "content behind pre-authenticated links, without a bearer")
    }));
    rules
}

/// A read option as `describe` shows it.
#[derive(Debug)]
pub struct ReadOptionDoc {
    /// Its name.
    pub name: String,
    /// Its type.
    pub value_type: ValueType,
    /// In force when absent.
    pub default: Option<String>,
    /// The values allowed; empty where any is.
    pub choices: Vec<String>,
    /// What it is for.
    pub doc: String,
}

/// All read options, of files and of system tables.
#[must_use]
pub fn read_options() -> Vec<ReadOptionDoc> {
    let formats = [
        ("CSV", csv::option_docs()),
        ("JSON", json::option_docs()),
        ("Parquet", parquet::option_docs()),
        ("Text", text::option_docs()),
    ];
    let formats = merged(
        formats
            .into_iter()
            .flat_map(|(format, options)| options.iter().map(move |option| (format, option))),
    );
    let files = files::OPTIONS.iter().map(|(name, default, doc)| ReadOptionDoc {
        name: (*name).to_owned(),
        value_type: match *default {
            "none" => ValueType::Text,
            "false" => ValueType::Boolean,
            _ => ValueType::Integer,
        },
        default: Some((*default).to_owned()),
        choices: if *name == "content" { vec!["none".into(), "fetch".into()] } else { Vec::new() },
        doc: (*doc).to_owned(),
    });
    let changes = changes::OPTIONS.iter().map(|(name, doc)| ReadOptionDoc {
        name: (*name).to_owned(),
        value_type: ValueType::Text,
        default: None,
        choices: Vec::new(),
        doc: (*doc).to_owned(),
    });
    let filename = ReadOptionDoc {
        name: union::FILENAME.to_owned(),
        value_type: ValueType::Boolean,
        default: Some("false".to_owned()),
        choices: Vec::new(),
        doc: union::FILENAME_DOC.to_owned(),
    };
    formats.into_iter().chain([filename]).chain(files).chain(changes).collect()
}

/// One entry a name: formats that share an option's name say in turn what it does.
fn merged<'a>(options: impl Iterator<Item = (&'a str, &'a OptionDoc)>) -> Vec<ReadOptionDoc> {
    let mut merged: Vec<ReadOptionDoc> = Vec::new();
    for (format, option) in options {
        let doc = format!("{format}: {}", option.doc);
        match merged.iter_mut().find(|known| known.name == option.name) {
            Some(known) => known.doc = format!("{} {doc}", known.doc),
            None => merged.push(ReadOptionDoc {
                name: option.name.to_owned(),
                value_type: value_type(option.value_type),
                default: option.default.map(str::to_owned),
                choices: option.choices.iter().map(ToString::to_string).collect(),
                doc,
            }),
        }
    }
    merged
}

fn value_type(of: FormatValueType) -> ValueType {
    match of {
        FormatValueType::Boolean => ValueType::Boolean,
        FormatValueType::Integer => ValueType::Integer,
        FormatValueType::TextList => ValueType::TextList,
        FormatValueType::Text => ValueType::Text,
        FormatValueType::Json => ValueType::Json,
    }
}
