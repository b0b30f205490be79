//! What `bindgen!` makes of the contract: the guest's exports, and the imports that we implement
//! ourselves.

// The contract's world `connector` without `wasi:http`, which wasmtime-wasi-http links: generated
// code for a whole world cannot pass that interface's link options. `wasi:io` comes along with the
// monotonic clock and is wasmtime's too.
wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package platform:host;

        world guest {
            import wasi:clocks/wall-clock@0.2.6;
            import wasi:clocks/monotonic-clock@0.2.6;
            import wasi:random/random@0.2.6;
            import wasi:keyvalue/store@0.2.0-draft2;
            import wasi:keyvalue/atomics@0.2.0-draft2;

            export platform:datasource/datasource@0.1.0;
        }
    ",
    world: "platform:host/guest",
    imports: { default: async | trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:keyvalue/store.bucket": crate::keyvalue::OpenBucket,
        "wasi:keyvalue/atomics.cas": crate::keyvalue::Seen,
    },
});

/// The interfaces that a connector may leave out. Their `datasource` is here only because they
/// borrow its connection.
pub(crate) mod optional {
    wasmtime::component::bindgen!({
        path: "../../wit",
        inline: "
            package platform:host;

            world optional {
                export platform:datasource/datasource@0.1.0;
                export platform:datasource/sync@0.1.0;
                export platform:datasource/authorization@0.1.0;
                export platform:datasource/diagnostics@0.1.0;
            }
        ",
        world: "platform:host/optional",
        exports: { default: async },
        with: { "platform:datasource/types": crate::bindings::platform::datasource::types },
    });
}
