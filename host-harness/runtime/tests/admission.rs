//! Which components are let in, and what the others are told.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod guest;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use datasource_runtime::{
    Actor, Approval, Limits, Runtime, RuntimeError, RuntimeOptions, StoreError, inspect,
};
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::ManglingAndAbi;

/// A component that imports and exports all of the world and traps in every function.
fn whole_world() -> Vec<u8> {
    let (resolve, world) = guest::connector_world();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

fn runtime(state: &tempfile::TempDir) -> Result<Runtime, RuntimeError> {
    let limits = Limits { instances: 2, ..Limits::default() };
    Runtime::new(RuntimeOptions::new(state.path().join("state")).limits(limits))
}

async fn refused(wasm: &[u8], approval: Approval) -> RuntimeError {
    let state = tempfile::tempdir().unwrap();
    let runtime = runtime(&state).unwrap();
    let error = runtime.load(wasm, approval).await.unwrap_err();
    assert!(runtime.connectors().is_empty());
    error
}

/// A component with imports that claims to be a connector.
fn claiming(imports: &str) -> Vec<u8> {
    wat::parse_str(format!(
        r#"(component {imports} (instance $i)
            (export "platform:datasource/datasource@0.1.0" (instance $i)))"#
    ))
    .unwrap()
}

#[tokio::test]
async fn what_is_no_component_is_not_loaded() {
    for (bytes, what) in [
        (b"".to_vec(), "empty"),
        (b"a,b\n1,2\n".to_vec(), "text file"),
        (wat::parse_str("(module)").unwrap(), "core module"),
        (guest::component(&[])[..500].to_vec(), "cut off"),
    ] {
        let error = refused(&bytes, Approval::none()).await;
        assert!(matches!(error, RuntimeError::NotAComponent { .. }), "{error}");
        assert!(error.to_string().contains(what), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(error.actor(), Actor::HostOperator);
    }
}

#[tokio::test]
async fn an_import_that_is_not_offered_is_named() {
    let files = claiming(r#"(import "wasi:filesystem/types@0.2.6" (instance))"#);
    let error = refused(&files, Approval::none()).await;
    assert!(
        matches!(&error, RuntimeError::ImportRefused { import }
            if import == "wasi:filesystem/types@0.2.6"),
        "{error}"
    );

    // An interface that is offered, but with a function that the contract does not have.
    let clock = claiming(
        r#"(import "wasi:clocks/monotonic-clock@0.2.6"
            (instance (export "resolution" (func (result u64)))))"#,
    );
    let error = refused(&clock, Approval::none()).await;
    assert!(
        matches!(&error, RuntimeError::ImportRefused { import }
            if import == "wasi:clocks/monotonic-clock@0.2.6#resolution"),
        "{error}"
    );
}

#[tokio::test]
async fn everything_in_the_world_is_offered() {
    let wasm = whole_world();
    assert_eq!(inspect(&wasm).unwrap().refused, [""; 0]);
    assert!(inspect(&wasm).unwrap().imports.len() >= 10);
    // It links, and is called: only then can it trap.
    let error = refused(&wasm, Approval::none()).await;
    assert!(matches!(error, RuntimeError::Trap { call: "describe", .. }), "{error}");
}

#[tokio::test]
async fn a_component_without_the_interface_is_no_connector() {
    for wasm in [wat::parse_str("(component)").unwrap(), claiming("")] {
        let error = refused(&wasm, Approval::none()).await;
        assert!(matches!(error, RuntimeError::ExportMissing { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_pinned_component_must_be_the_one() {
    let wasm = guest::component(&[]);
    let error = refused(&wasm, Approval::none().pin_sha256([1; 32])).await;
    assert!(matches!(error, RuntimeError::PinMismatch { .. }), "{error}");

    let state = tempfile::tempdir().unwrap();
    let pin = Approval::none().pin_sha256(inspect(&wasm).unwrap().sha256);
    runtime(&state).unwrap().load(&wasm, pin).await.unwrap();
}

#[tokio::test]
async fn profiles_that_are_not_declared_cannot_be_approved() {
    let error = refused(&guest::component(&[]), Approval::none().profile("mars")).await;
    assert!(matches!(error, RuntimeError::ProfileNotApproved { .. }), "{error}");
}

#[tokio::test]
async fn an_engine_name_belongs_to_one_component() {
    let state = tempfile::tempdir().unwrap();
    let runtime = runtime(&state).unwrap();
    let wasm = guest::component(&[]);
    runtime.load(&wasm, Approval::none()).await.unwrap();
    runtime.load(&wasm, Approval::none()).await.unwrap();
    let other = guest::component(&[("[method]table.name", "(unreachable)")]);
    let error = runtime.load(&other, Approval::none()).await.unwrap_err();
    assert!(matches!(error, RuntimeError::EngineTaken { .. }), "{error}");
    assert_eq!(runtime.connectors().len(), 1);
}

#[tokio::test]
async fn a_component_is_compiled_once_for_a_state_directory() {
    let state = tempfile::tempdir().unwrap();
    let wasm = guest::component(&[]);
    let compiled = || {
        let files = fs::read_dir(state.path().join("state/compiled")).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().modified().unwrap()).collect::<Vec<_>>()
    };
    runtime(&state).unwrap().load(&wasm, Approval::none()).await.unwrap();
    let first = compiled();
    runtime(&state).unwrap().load(&wasm, Approval::none()).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(compiled(), first);
}

#[test]
fn a_master_key_that_others_may_read_stops_the_start() {
    let state = tempfile::tempdir().unwrap();
    drop(runtime(&state).unwrap());
    let key = state.path().join("state/master.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let error = runtime(&state).unwrap_err();
    assert!(matches!(error, RuntimeError::Store(StoreError::NotPrivate { .. })), "{error}");
    assert!(error.hint().unwrap().contains("chmod"));
}

#[test]
fn a_state_directory_that_cannot_be_made_stops_the_start() {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("state"), "a file").unwrap();
    let error = runtime(&state).unwrap_err();
    assert!(matches!(error, RuntimeError::Store(StoreError::Io { .. })), "{error}");
}
