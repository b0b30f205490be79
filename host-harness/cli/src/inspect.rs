//! `datasource-host inspect`: what a component is, wants and offers.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use datasource_runtime::{
    Approval, Description, Inspection, Parameter, Runtime, RuntimeError, RuntimeOptions, ValueType,
    inspect,
};

use crate::errors::CliError;
use crate::host::{load, read_component};
use crate::options::InspectOptions;
use crate::output::print_table;
use crate::plain::plain;
use crate::speak::say;
use crate::style::{Style, bytes};

/// Shows the component; fails if a host would refuse it.
pub(crate) async fn run(options: InspectOptions) -> Result<(), CliError> {
    let path = &options.component;
    let inspection = inspect(&read_component(path)?)?;
    let style = Style::of_stdout();
    print_surface(style, path, &inspection)?;
    if let Some(import) = inspection.refused.first() {
        return Err(RuntimeError::ImportRefused { import: import.clone() }.into());
    }
    // It is asked to describe itself in a host of its own, which may reach nothing.
    let state = tempfile::tempdir().map_err(|error| {
        CliError::failed(format!("No temporary directory can be made: {error}."))
    })?;
    let runtime = Runtime::new(RuntimeOptions::new(state.path().join("state")))?;
    let connector = load(&runtime, path, Approval::none()).await?;
    print_description(style, connector.description())
}

fn print_surface(style: Style, path: &Path, inspection: &Inspection) -> Result<(), CliError> {
    say!("{}", style.heading("Component"))?;
    say!("  file     {}", path.display())?;
    say!("  size     {} ({} bytes)", bytes(inspection.size), inspection.size)?;
    say!("  sha256   {}", hex(&inspection.sha256))?;
    say!("\n{}", style.heading("Imports"))?;
    for import in &inspection.imports {
        let refused = inspection.refused.contains(import);
        let mark = if refused { style.failure("  refused") } else { String::new() };
        say!("  {}{mark}", plain(import, None))?;
    }
    say!("\n{}", style.heading("Exports"))?;
    for export in &inspection.exports {
        say!("  {}", plain(export, None))?;
    }
    Ok(())
}

fn print_description(style: Style, description: &Description) -> Result<(), CliError> {
    say!("\n{}", style.heading("Connector"))?;
    say!("  engine   {}", plain(&description.engine, None))?;
    say!("  title    {}", plain(&description.title, None))?;
    say!("  version  {}", plain(&description.version, None))?;
    say!("\n{}", style.heading("Egress profiles"))?;
    for (index, profile) in description.egress_profiles.iter().enumerate() {
        let default = if index == 0 { " (unless a parameter picks another)" } else { "" };
        say!("  {}{default}: {}", plain(&profile.name, None), plain(&profile.doc, None))?;
        for rule in &profile.rules {
            let methods = plain(&rule.methods.join(", "), None);
            say!("    {methods} https://{}", plain(&rule.host, None))?;
            say!("      {}", style.dim(&plain(&rule.purpose, None)))?;
        }
    }
    say!("\n{}", style.heading("Parameters"))?;
    print_table(&parameters(&description.parameters)?)
}

fn parameters(parameters: &[Parameter]) -> Result<RecordBatch, CliError> {
    let column = |text: &dyn Fn(&Parameter) -> String| -> ArrayRef {
        Arc::new(parameters.iter().map(|p| Some(text(p))).collect::<StringArray>())
    };
    Ok(RecordBatch::try_from_iter([
        ("name", column(&|p| p.name.clone())),
        ("type", column(&|p| value_type(p.value_type).to_owned())),
        ("secret", column(&|p| if p.secret { "yes" } else { "" }.to_owned())),
        ("default", column(&|p| p.default.clone().unwrap_or_default())),
        ("choices", column(&|p| p.choices.join(", "))),
        ("meaning", column(&|p| p.doc.clone())),
    ])?)
}

fn value_type(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Text => "text",
        ValueType::Integer => "integer",
        ValueType::Boolean => "boolean",
        ValueType::Timestamp => "timestamp",
        ValueType::TextList => "list of texts",
        ValueType::Json => "JSON",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_shown_in_hexadecimal() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }

    #[test]
    fn parameters_become_rows() {
        let parameter = Parameter {
            name: "access_token".into(),
            value_type: ValueType::Text,
            secret: true,
            default: None,
            choices: vec![],
            doc: "Signs in.".into(),
        };
        assert_eq!(parameters(&[parameter]).unwrap().num_rows(), 1);
    }
}
