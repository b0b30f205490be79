//! The shipped component's surface.

use std::collections::BTreeSet;
use std::process::Command;

use datasource_e2e::dist;

#[test]
fn the_component_imports_exactly_the_five_packages() {
    let bytes = std::fs::read(dist().join("onedrive-datasource.wasm")).unwrap();
    let mut depth = 0;
    let mut packages = BTreeSet::new();
    for payload in wasmparser::Parser::new(0).parse_all(&bytes) {
        match payload.unwrap() {
            wasmparser::Payload::Version { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            wasmparser::Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let name = import.unwrap().name.name.to_owned();
                    packages.insert(name.split('/').next().unwrap().to_owned());
                }
            }
            _ => {}
        }
    }
    let expected = ["wasi:clocks", "wasi:http", "wasi:io", "wasi:keyvalue", "wasi:random"];
    assert_eq!(packages, expected.map(str::to_owned).into());
}

#[test]
fn the_component_stays_below_eight_megabytes() {
    let size = std::fs::metadata(dist().join("onedrive-datasource.wasm")).unwrap().len();
    assert!(size < 8_000_000, "{size} bytes");
}

#[test]
fn inspect_shows_imports_parameters_and_hosts() {
    let output = Command::new(dist().join("datasource-host"))
        .arg("inspect")
        .arg(dist().join("onedrive-datasource.wasm"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in [
        "one_drive",
        "wasi:http/outgoing-handler@0.2.6",
        "graph.microsoft.com",
        "refresh_token",
        "*.sharepoint.com",
        "platform:datasource/datasource@0.1.0",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}
