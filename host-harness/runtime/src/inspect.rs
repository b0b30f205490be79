//! What a component wants and offers, read from its bytes without compiling them.

use ring::digest;
use wasmparser::{Encoding, Parser, Payload};

use crate::error::RuntimeError;

/// The interface that every connector exports.
pub(crate) const EXPORT: &str = "platform:datasource/datasource@0.1.0";

/// What a guest may import: interface and version, where a version ending in `.` stands for any
/// that begins so.
const OFFERED: [(&str, &str); 11] = [
    ("wasi:http/types", "0.2."),
    ("wasi:http/outgoing-handler", "0.2."),
    ("wasi:io/error", "0.2."),
    ("wasi:io/poll", "0.2."),
    ("wasi:io/streams", "0.2."),
    ("wasi:clocks/wall-clock", "0.2."),
    ("wasi:clocks/monotonic-clock", "0.2."),
    ("wasi:random/random", "0.2."),
    ("wasi:keyvalue/store", "0.2.0-draft2"),
    ("wasi:keyvalue/atomics", "0.2.0-draft2"),
    // Holds types only: those that the exported interface is made of.
    ("platform:datasource/types", "0.1.0"),
];

/// What a component wants and offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Number of bytes.
    pub size: u64,
    /// Names of the imports with versions, as written in the component.
    pub imports: Vec<String>,
    /// Names of the exports with versions.
    pub exports: Vec<String>,
    /// Those imports that this host does not offer; a component with any is not loaded.
    pub refused: Vec<String>,
}

impl Inspection {
    /// Whether the component exports what every connector exports.
    pub fn is_connector(&self) -> bool {
        self.exports.iter().any(|export| export == EXPORT)
    }
}

/// Reads a component's imports and exports. Needs no state and runs nothing.
///
/// # Errors
/// [`RuntimeError::NotAComponent`] with what the bytes are instead.
pub fn inspect(wasm: &[u8]) -> Result<Inspection, RuntimeError> {
    let not = |reason: &str| RuntimeError::NotAComponent { reason: reason.to_owned() };
    if wasm.is_empty() {
        return Err(not("the file is empty"));
    }
    if !wasm.starts_with(b"\0asm") {
        let text = !wasm.contains(&0) && str::from_utf8(wasm).is_ok();
        return Err(not(if text { "it is a text file" } else { "it is not WebAssembly" }));
    }
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        let broken = |error: wasmparser::BinaryReaderError| not(&explain(&error, wasm.len()));
        match payload.map_err(broken)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(not("it is a core module, not a component"));
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let refused = imports.iter().filter(|import| !is_offered(import)).cloned().collect();
    Ok(Inspection { sha256: sha256(wasm), size: wasm.len() as u64, imports, exports, refused })
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

fn is_offered(import: &str) -> bool {
    import.split_once('@').is_some_and(|(interface, version)| {
        OFFERED.iter().any(|(name, offered)| {
            interface == *name
                && match offered.strip_suffix('.') {
                    None => version == *offered,
                    Some(_) => version.strip_prefix(offered).is_some_and(is_patch),
                }
        })
    })
}

/// A patch number without anything after it: pre-releases fit no release.
fn is_patch(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn explain(error: &wasmparser::BinaryReaderError, length: usize) -> String {
    if error.offset() >= length || error.message().contains("unexpected end") {
        format!("it is cut off after {length} bytes")
    } else {
        format!("it is damaged at byte {}: {}", error.offset(), error.message())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(wasm: &[u8]) -> String {
        inspect(wasm).unwrap_err().to_string()
    }

    fn importing(names: &[&str]) -> Vec<u8> {
        let imports: String =
            names.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
        wat::parse_str(format!("(component {imports})")).unwrap()
    }

    #[test]
    fn what_is_no_component_is_called_by_its_name() {
        assert!(reason(b"").contains("empty"));
        assert!(reason(b"SELECT 1;\n").contains("text"));
        assert!(reason(&[0xff, 0, 1]).contains("not WebAssembly"));
        assert!(reason(&wat::parse_str("(module)").unwrap()).contains("core module"));
        assert!(reason(b"\0as").contains("not WebAssembly"));
    }

    #[test]
    fn a_cut_off_component_is_called_that() {
        let whole = importing(&["wasi:io/poll@0.2.6"]);
        for length in 5..whole.len() {
            // Cut between sections it is a smaller component; anywhere else it is broken.
            if let Err(error) = inspect(&whole[..length]) {
                assert!(error.to_string().contains("cut off"), "{length}: {error}");
            }
        }
    }

    #[test]
    fn imports_outside_the_world_are_refused_by_name() {
        let found = inspect(&importing(&[
            "wasi:http/types@0.2.6",
            "wasi:keyvalue/store@0.2.0-draft2",
            "wasi:filesystem/types@0.2.6",
            "wasi:keyvalue/store@0.2.0-draft",
            "wasi:http/types@0.3.0",
            "wasi:io/poll@0.2.0-rc-2023-12-05",
            "wasi:cli/stderr@0.2.6",
            "env",
        ]))
        .unwrap();
        assert_eq!(found.refused, found.imports[2..]);
        assert!(!found.is_connector());
    }

    #[test]
    fn nested_components_do_not_count() {
        let wasm = wat::parse_str(
            r#"(component (component (import "wasi:cli/stderr@0.2.6" (instance))) (core module))"#,
        )
        .unwrap();
        let found = inspect(&wasm).unwrap();
        assert!(found.imports.is_empty() && found.refused.is_empty());
        assert_eq!(found.size, wasm.len() as u64);
    }

    proptest! {
        #[test]
        fn damaged_components_never_panic(at: usize, byte: u8) {
            let mut wasm = importing(&["wasi:io/poll@0.2.6", "wasi:http/types@0.2.6"]);
            let at = 4 + at % (wasm.len() - 4);
            wasm[at] = byte;
            let _ = inspect(&wasm);
        }
    }
}
