//! From the crate `onedrive-datasource` to the shipped component.
//!
//! The standard library for wasm32-wasip2 pulls in `wasi:cli`, standard streams
//! and a seed for hash tables, which no host should have to offer. So the core
//! module is linked without being made a component, those imports are replaced
//! by small functions, and only then it is encoded. What is left are the
//! imports that the contract allows, which is asserted here over the shipped
//! bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use walrus::ir::Value;
use walrus::{FunctionId, InstrSeqBuilder, LocalId, Module};

use crate::shell::{Failure, cargo, dist, failed, root, step, target_dir};

const TARGET: &str = "wasm32-wasip2";
/// The packages that a connector may import from.
const ALLOWED: [&str; 5] =
    ["wasi:http/", "wasi:io/", "wasi:clocks/", "wasi:random/", "wasi:keyvalue/"];

/// Builds the component and returns where it lies.
pub(crate) fn build() -> Result<PathBuf, Failure> {
    check_wit()?;
    ensure_target()?;
    step("Building the connector for wasm32-wasip2");
    compile()?;
    let core = target_dir().join(TARGET).join("component/onedrive_datasource.wasm");
    let bytes = fs::read(&core).map_err(failed(core.display()))?;
    let component = encode(&without_std_imports(&bytes)?)?;
    let imports = imports(&component)?;
    if let Some(bad) = imports.iter().find(|name| !ALLOWED.iter().any(|ok| name.starts_with(ok))) {
        return Err(Failure(format!("the component imports {bad}, which no host offers")));
    }
    let path = dist().join("onedrive-datasource.wasm");
    fs::create_dir_all(dist()).map_err(failed(dist().display()))?;
    fs::write(&path, &component).map_err(failed(path.display()))?;
    let names: Vec<_> = imports.iter().map(String::as_str).collect();
    step(&format!("Component of {} kB importing {}", component.len() / 1000, names.join(", ")));
    Ok(path)
}

/// Adds the wasm target where it is missing.
fn ensure_target() -> Result<(), Failure> {
    let probe = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root())
        .output()
        .map_err(failed("cannot run rustc"))?;
    let libdir = PathBuf::from(String::from_utf8_lossy(&probe.stdout).trim());
    if probe.status.success() && libdir.is_dir() {
        return Ok(());
    }
    step(&format!("Adding the Rust target {TARGET}"));
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(root()).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!(
            "rustup could not add the target {TARGET} ({status}); connect to the network, or add \
             the package rust-std-{TARGET} of this toolchain by hand, and run this again"
        ))),
        Err(error) => Err(Failure(format!(
            "the Rust target {TARGET} is missing and rustup cannot be run ({error}); install \
             rustup, or the package rust-std-{TARGET} of this toolchain, and run this again"
        ))),
    }
}

fn compile() -> Result<(), Failure> {
    let home = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
    // Remapped paths and a fixed seed make the bytes the same on every machine.
    let flags = format!(
        "-C link-arg=--skip-wit-component -C target-feature=+simd128 \
         --remap-path-prefix={}=. --remap-path-prefix={home}=cargo",
        root().display()
    );
    // SAFETY: no other thread runs in this program.
    unsafe {
        std::env::set_var("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", flags);
        std::env::set_var("CONST_RANDOM_SEED", "onedrive-datasource");
    }
    cargo(&[
        "build",
        "--package",
        "onedrive-datasource",
        "--target",
        TARGET,
        "--profile",
        "component",
    ])
}

/// Whether an import is the standard library's own: its C library imports
/// 0.2.0 of everything, and we never do.
fn is_of_std(module: &str) -> bool {
    module.starts_with("wasi:")
        && (module.ends_with("@0.2.0") || module.starts_with("wasi:random/insecure-seed@"))
}

/// Replaces every import of the standard library by a function of ours.
fn without_std_imports(core: &[u8]) -> Result<Vec<u8>, Failure> {
    let wrong = |error| Failure(format!("the core module cannot be read: {error}"));
    let mut module = Module::from_buffer(core).map_err(wrong)?;
    let replaced: Vec<(FunctionId, String)> = module
        .imports
        .iter()
        .filter(|import| is_of_std(&import.module))
        .filter_map(|import| match import.kind {
            walrus::ImportKind::Function(id) => Some((id, import.name.clone())),
            _ => None,
        })
        .collect();
    for (function, name) in replaced {
        stub(&mut module, function, &name)
            .map_err(|error| Failure(format!("cannot replace the import {name}: {error}")))?;
    }
    Ok(module.emit_wasm())
}

/// What stands in for a function: the environment is empty, there is no
/// terminal, hash tables are seeded by the time, and whoever asks for a
/// standard stream or an exit traps.
fn stub(module: &mut Module, function: FunctionId, name: &str) -> walrus::Result<()> {
    let memory = module.get_memory_id()?;
    let clock = module.imports.find("wasi:clocks/wall-clock@0.2.6", "now");
    let clock = clock.and_then(|id| match module.imports.get(id).kind {
        walrus::ImportKind::Function(id) => Some(id),
        _ => None,
    });
    module.replace_imported_func(function, |(body, params)| {
        match (name, params.as_slice(), clock) {
            // Nothing was ever handed out, so there is nothing to drop.
            (name, ..) if name.starts_with("[resource-drop]") => {}
            ("get-environment" | "get-arguments", [list], _) => {
                store_zero(body, memory, *list, 0);
                store_zero(body, memory, *list, 4);
            }
            (name, [terminal], _) if name.starts_with("get-terminal-") => {
                store_zero(body, memory, *terminal, 0);
            }
            // A datetime is as long as a seed, and its nanoseconds vary.
            ("insecure-seed", [seed], Some(clock)) => {
                body.local_get(*seed).call(clock);
            }
            _ => {
                body.unreachable();
            }
        }
    })?;
    Ok(())
}

/// Writes an i32 zero at an address parameter and offset.
fn store_zero(
    body: &mut InstrSeqBuilder<'_>,
    memory: walrus::MemoryId,
    address: LocalId,
    offset: u64,
) {
    body.local_get(address).const_(Value::I32(0)).store(
        memory,
        walrus::ir::StoreKind::I32 { atomic: false },
        walrus::ir::MemArg { align: 4, offset },
    );
}

fn encode(core: &[u8]) -> Result<Vec<u8>, Failure> {
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(core)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| Failure(format!("the component cannot be encoded: {error:#}")))
}

/// The names of all imports of a component.
fn imports(component: &[u8]) -> Result<BTreeSet<String>, Failure> {
    let wrong = |error| Failure(format!("the component cannot be read: {error}"));
    let mut names = BTreeSet::new();
    let mut depth = 0_u32;
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        match payload.map_err(wrong)? {
            wasmparser::Payload::Version { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth -= 1,
            wasmparser::Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    names.insert(import.map_err(wrong)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

/// The contract's version and a hash of its text, as they were last released.
fn wit_state() -> Result<String, Failure> {
    let mut files: Vec<PathBuf> = Vec::new();
    for directory in ["wit", "wit/deps"] {
        let entries = fs::read_dir(root().join(directory)).map_err(failed(directory))?;
        let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
        files.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "wit")));
    }
    files.sort();
    let mut text = String::new();
    for file in files {
        text.push_str(&fs::read_to_string(&file).map_err(failed(file.display()))?);
    }
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("package platform:datasource@"))
        .map(|rest| rest.trim_end_matches(';').to_owned())
        .ok_or_else(|| Failure("wit/ declares no package platform:datasource".to_owned()))?;
    let code: Vec<&str> = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or("").trim())
        .filter(|line| !line.is_empty())
        .collect();
    Ok(format!("{version} {:016x}\n", fnv(code.join("\n").as_bytes())))
}

/// FNV-1a: a change of the text changes it; nothing secret depends on it.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A change of the contract without a change of its version is an error.
fn check_wit() -> Result<(), Failure> {
    let now = wit_state()?;
    let lock = fs::read_to_string(root().join("wit/wit.lock")).unwrap_or_default();
    if lock == now {
        return Ok(());
    }
    let version = |state: &str| state.split(' ').next().unwrap_or_default().to_owned();
    Err(Failure(if version(&lock) == version(&now) {
        "the contract in wit/ was changed without changing the version of platform:datasource; \
         change it, then run `cargo xtask bless-wit`"
            .to_owned()
    } else {
        "the contract has a new version; run `cargo xtask bless-wit` and commit wit/wit.lock"
            .to_owned()
    }))
}

/// Writes `wit/wit.lock`.
pub(crate) fn bless_wit() -> Result<(), Failure> {
    let path = root().join("wit/wit.lock");
    fs::write(&path, wit_state()?).map_err(failed(path.display()))
}
