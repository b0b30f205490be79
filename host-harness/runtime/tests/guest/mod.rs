//! A connector in WebAssembly text whose functions tests replace one by one: it keeps its
//! parameters in its bucket, and has one table of one batch.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// A function's name and its body.
pub(crate) type Body<'a> = (&'a str, &'a str);

const EXPORT: &str = "platform:datasource/datasource@0.1.0";

/// Where results are written, and where data lies.
const RESULT: usize = 1_024;
const DATA: usize = 2_048;

/// Parameters of every function of the interface, and the body that it has unless a test says
/// otherwise. `$ret` is where a result is put together; it holds zeros at first.
const FUNCTIONS: [(&str, &str, &str); 16] = [
    ("describe", "", "(call $text (i32.const 0) (global.get $engine) (global.get $engine_len))"),
    (
        "[static]connection.connect",
        "(param $params i32) (param $params_len i32)",
        "(call $bucket_set (call $open) (global.get $key) (i32.const 6)
            (local.get $params) (local.get $params_len) (i32.const 900))
         (if (i32.load8_u (i32.const 900)) (then (unreachable)))
         (i32.store offset=8 (global.get $ret) (call $new_connection (i32.const 7)))",
    ),
    (
        "[static]connection.resume",
        "",
        "(call $bucket_get (call $open) (global.get $key) (i32.const 6) (i32.const 900))
         (if (i32.or (i32.load8_u (i32.const 900)) (i32.eqz (i32.load8_u (i32.const 904))))
            (then (unreachable)))
         (i32.store offset=8 (global.get $ret) (call $new_connection (i32.const 7)))",
    ),
    ("[method]connection.info", "(param i32)", "(unreachable)"),
    ("[method]connection.alter-params", "(param i32 i32 i32)", ""),
    ("[method]connection.system-tables", "(param i32)", ""),
    ("[method]connection.list-tables", "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)", ""),
    (
        "[method]connection.read-table",
        "(param i32 i32 i32 i32 i32)",
        "(i32.store offset=8 (global.get $ret) (call $new_table (i32.const 8)))",
    ),
    (
        "[method]connection.open-split",
        "(param i32 i32 i32 i32 i64)",
        "(i32.store offset=8 (global.get $ret) (call $new_reader (i32.const 9)))",
    ),
    (
        "[method]table.name",
        "(param i32)",
        "(call $text (i32.const 0) (global.get $key) (i32.const 6))",
    ),
    (
        "[method]table.schema",
        "(param i32)",
        "(call $text (i32.const 0) (global.get $schema) (global.get $schema_len))",
    ),
    ("[method]table.statistics", "(param i32)", ""),
    ("[method]table.filter-support", "(param i32)", ""),
    (
        "[method]table.plan",
        "(param i32 i32 i32 i32 i32 i32 i32 i64 i32)",
        "(call $text (i32.const 8) (global.get $schema) (global.get $schema_len))
         (call $text (i32.const 16) (i32.const 1600) (i32.const 1))",
    ),
    (
        "[method]reader.next",
        "(param i32)",
        "(if (i32.eqz (global.get $sent)) (then
            (call $piece (global.get $batch) (global.get $batch_len) (i32.const 1))))
         (global.set $sent (i32.const 1))",
    ),
    (
        "[method]reader.metrics",
        "(param i32)",
        "(i64.store offset=32 (global.get $ret) (i64.const 3))",
    ),
];

/// The table's one batch.
pub(crate) fn batch() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("s", Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .unwrap()
}

/// The component, with some functions replaced.
pub(crate) fn component(bodies: &[Body<'_>]) -> Vec<u8> {
    encode(&wat(bodies))
}

fn wat(bodies: &[Body<'_>]) -> String {
    let (schema, message) = stream();
    let mut data = Vec::new();
    let mut globals = String::new();
    for (name, bytes) in [
        ("engine", b"test_engine".as_slice()),
        ("key", b"params"),
        ("label", b"connection"),
        ("schema", &schema),
        ("batch", &message),
    ] {
        let (at, len) = (DATA + data.len(), bytes.len());
        let _ = write!(
            globals,
            "(global ${name} i32 (i32.const {at})) (global ${name}_len i32 (i32.const {len}))"
        );
        data.extend_from_slice(bytes);
        data.resize(data.len().next_multiple_of(8), 0);
    }
    let data: String = data.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let functions: String = FUNCTIONS
        .iter()
        .map(|(name, params, body)| {
            let replaced = bodies.iter().find(|(replaced, _)| replaced == name);
            let body = replaced.map_or(*body, |(_, body)| body);
            format!(
                "(func (export \"{EXPORT}#{name}\") {params} (result i32)
                    (memory.fill (global.get $ret) (i32.const 0) (i32.const 256))
                    {body}
                    (global.get $ret))"
            )
        })
        .collect();
    for (name, _) in bodies {
        assert!(FUNCTIONS.iter().any(|(known, ..)| known == name), "no function {name}");
    }
    format!(
        r#"(module
        (import "wasi:keyvalue/store@0.2.0-draft2" "open"
            (func $bucket_open (param i32 i32 i32)))
        (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.set"
            (func $bucket_set (param i32 i32 i32 i32 i32 i32)))
        (import "wasi:keyvalue/store@0.2.0-draft2" "[method]bucket.get"
            (func $bucket_get (param i32 i32 i32 i32)))
        (import "[export]{EXPORT}" "[resource-new]connection"
            (func $new_connection (param i32) (result i32)))
        (import "[export]{EXPORT}" "[resource-new]table"
            (func $new_table (param i32) (result i32)))
        (import "[export]{EXPORT}" "[resource-new]reader"
            (func $new_reader (param i32) (result i32)))
        (memory (export "memory") 64)
        (data (i32.const {DATA}) "{data}")
        {globals}
        (global $ret i32 (i32.const {RESULT}))
        (global $heap (mut i32) (i32.const 2000000))
        (global $sent (mut i32) (i32.const 0))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
            (global.get $heap)
            (global.set $heap (i32.add (global.get $heap) (local.get 3))))
        ;; Opens the bucket `connection`.
        (func $open (result i32)
            (call $bucket_open (global.get $label) (global.get $label_len) (i32.const 900))
            (if (i32.load8_u (i32.const 900)) (then (unreachable)))
            (i32.load (i32.const 904)))
        ;; A pointer and a length at an offset of the result.
        (func $text (param $offset i32) (param $at i32) (param $len i32)
            (i32.store (i32.add (global.get $ret) (local.get $offset)) (local.get $at))
            (i32.store offset=4 (i32.add (global.get $ret) (local.get $offset)) (local.get $len)))
        ;; The result of `next`: some piece.
        (func $piece (param $at i32) (param $len i32) (param $ends i32)
            (i32.store8 offset=8 (global.get $ret) (i32.const 1))
            (call $text (i32.const 12) (local.get $at) (local.get $len))
            (i32.store8 offset=20 (global.get $ret) (local.get $ends)))
        ;; An error of some kind whose message is the engine's name.
        (func $error (param $kind i32)
            (i32.store8 (global.get $ret) (i32.const 1))
            (i32.store8 offset=8 (global.get $ret) (local.get $kind))
            (call $text (i32.const 12) (global.get $engine) (global.get $engine_len)))
        {functions})"#
    )
}

/// The schema message and the record batch message of the table.
fn stream() -> (Vec<u8>, Vec<u8>) {
    let batch = batch();
    let mut schema = Vec::new();
    StreamWriter::try_new(&mut schema, &batch.schema()).unwrap();
    let mut stream = Vec::new();
    let mut writer = StreamWriter::try_new(&mut stream, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    drop(writer);
    let message = stream.split_off(schema.len());
    (schema, message)
}

fn encode(wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).unwrap();
    let (resolve, world) = connector_world();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}

/// The contract's world.
pub(crate) fn connector_world() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let wit = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("../../wit");
    let (package, _) = resolve.push_dir(wit).unwrap();
    let world = resolve.select_world(&[package], Some("connector")).unwrap();
    (resolve, world)
}
